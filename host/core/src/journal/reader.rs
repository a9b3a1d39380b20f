//! Reading the database: a few read-only connections, and pages in short transactions.
//!
//! A long transaction would keep the writer's checkpoint from finishing, so every page is one of its own.

use super::failure::read_error;
use super::rows::{self, EVENT_COLUMNS, Interner};
use super::schema::open_reader;
use super::types::JournalError;
use super::{Page, Slice, lock};
use rusqlite::types::Value;
use rusqlite::{Connection, Statement, params_from_iter};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tollgate_events::{Pattern, PatternSet};

/// Most read-only connections: more readers than cores only wait for each other.
const READERS: usize = 8;
/// How long a reader waits for a connection.
const READER_WAIT: Duration = Duration::from_secs(10);
/// How long a pause waits for those who read: a page takes a fraction of it.
const PAGE_WAIT: Duration = Duration::from_secs(1);
/// Most rows that one transaction looks at.
const SCANNED_ROWS: usize = 4_096;
/// Most bytes of payload in one page, unless its first event alone has more.
const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// Up to this many matching types are merged from the type index; more are found by a scan.
const MERGED_TYPES: usize = 64;

/// A bounded pool of read-only connections.
pub(super) struct Readers {
    path: PathBuf,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    lent: usize,
    /// No more is lent meanwhile.
    paused: bool,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, pool: Mutex::default(), returned: Condvar::new() }
    }

    /// Runs `read` with a connection, waiting for one where all are lent.
    pub(super) fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, JournalError>) -> Result<T, JournalError> {
        let deadline = Instant::now() + READER_WAIT;
        let mut pool = lock(&self.pool);
        while pool.lent >= READERS || pool.paused {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(JournalError::Read("every reader is busy".to_owned()));
            }
            pool = self.returned.wait_timeout(pool, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        pool.lent += 1;
        let idle = pool.idle.pop();
        drop(pool);
        let mut loan = Loan { readers: self, connection: idle };
        let connection = match &loan.connection {
            Some(connection) => connection,
            None => loan.connection.insert(open_reader(&self.path)?),
        };
        read(connection)
    }

    /// Waits, not for long, until nobody reads; nobody begins to until what this answers is dropped.
    pub(super) fn pause(&self) -> Pause<'_> {
        let deadline = Instant::now() + PAGE_WAIT;
        let mut pool = lock(&self.pool);
        pool.paused = true;
        while pool.lent > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            pool = self.returned.wait_timeout(pool, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(pool);
        Pause(self)
    }

    /// Closes the connections that nobody uses.
    pub(super) fn close_idle(&self) {
        let idle = std::mem::take(&mut lock(&self.pool).idle);
        drop(idle);
    }

    /// Up to `slice.limit` matching events.
    pub(super) fn page(&self, slice: &Slice<'_>) -> Result<Page, JournalError> {
        self.with(|connection| read_page(connection, slice).map_err(read_error))
    }
}

/// While it lives, nobody begins to read.
pub(super) struct Pause<'a>(&'a Readers);

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        lock(&self.0.pool).paused = false;
        self.0.returned.notify_all();
    }
}

/// Brings a connection back, however its user ended.
struct Loan<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let mut pool = lock(&self.readers.pool);
        pool.lent -= 1;
        pool.idle.extend(self.connection.take());
        drop(pool);
        // Both a reader and a pause may wait for it.
        self.readers.returned.notify_all();
    }
}

/// One transaction's worth of a slice.
pub(super) fn read_page(connection: &Connection, slice: &Slice<'_>) -> rusqlite::Result<Page> {
    let transaction = connection.unchecked_transaction()?;
    let oldest: Option<i64> =
        transaction.prepare_cached("SELECT min(seq) FROM events")?.query_row([], |row| row.get(0))?;
    let oldest = oldest.map_or(0, rows::seq);
    let mut page = match merged_types(&transaction, slice)? {
        Some(types) => merge(&transaction, slice, &types)?,
        None => scan(&transaction, slice)?,
    };
    page.oldest = oldest;
    Ok(page)
}

/// Reads in seq order and filters here.
fn scan(connection: &Connection, slice: &Slice<'_>) -> rusqlite::Result<Page> {
    let mut sql = format!("SELECT {EVENT_COLUMNS} FROM events WHERE seq > ?1 AND seq <= ?2");
    let mut values = vec![Value::from(rows::column(slice.after)), Value::from(rows::column(slice.upto))];
    if let Some(session) = slice.session {
        values.push(Value::from(session.to_owned()));
        sql.push_str(&format!(" AND session = ?{}", values.len()));
    }
    sql.push_str(if slice.newest { " ORDER BY seq DESC" } else { " ORDER BY seq" });
    sql.push_str(&format!(" LIMIT {SCANNED_ROWS}"));
    collect(&mut *connection.prepare_cached(&sql)?, slice, values, SCANNED_ROWS)
}

/// Reads the seqs of each matching type from the index, and the rows of the first of them.
fn merge(connection: &Connection, slice: &Slice<'_>, types: &[String]) -> rusqlite::Result<Page> {
    let limit = slice.limit.min(SCANNED_ROWS);
    let order = if slice.newest { "DESC" } else { "ASC" };
    let sql =
        format!("SELECT seq FROM events WHERE type = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq {order} LIMIT ?4");
    let mut seqs: Vec<i64> = Vec::new();
    for event_type in types {
        let mut statement = connection.prepare_cached(&sql)?;
        let found = statement.query_map(
            rusqlite::params![
                event_type,
                rows::column(slice.after),
                rows::column(slice.upto),
                i64::try_from(limit).unwrap_or(i64::MAX)
            ],
            |row| row.get(0),
        )?;
        for seq in found {
            seqs.push(seq?);
        }
    }
    seqs.sort_unstable();
    if slice.newest {
        seqs.reverse();
    }
    seqs.truncate(limit);
    let Some(last) = seqs.last().copied() else {
        return Ok(Page::empty(slice));
    };
    // Rows between the first and the last that are of another type are skipped by the list, not read.
    let list = seqs.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    let sql = format!("SELECT {EVENT_COLUMNS} FROM events WHERE seq IN ({list}) ORDER BY seq {order}");
    let full = seqs.len() == limit;
    // Never the same text twice: not worth a place among the cached statements.
    let mut page = collect(&mut connection.prepare(&sql)?, slice, Vec::new(), usize::MAX)?;
    if page.exhausted && full {
        page.exhausted = false;
        page.scanned = rows::seq(last);
    }
    Ok(page)
}

/// Runs `statement`, keeps what matches, and says how far it got. `most` rows mean that there may be more.
fn collect(
    statement: &mut Statement<'_>,
    slice: &Slice<'_>,
    values: Vec<Value>,
    most: usize,
) -> rusqlite::Result<Page> {
    let mut found = statement.query(params_from_iter(values))?;
    let mut interner = Interner::default();
    let mut page = Page::empty(slice);
    let (mut seen, mut bytes) = (0, 0);
    while let Some(row) = found.next()? {
        let seq = rows::seq(row.get(0)?);
        let event_type = interner.event_type(row.get_ref(2)?.as_str()?)?;
        seen += 1;
        if slice.takes_type(&event_type) && slice.takes_time(crate::time::Timestamp(row.get(3)?)) {
            let event = rows::read_event(row, event_type, &mut interner)?;
            bytes += event.payload.len();
            page.events.push(Arc::new(event));
        }
        if page.events.len() >= slice.limit || bytes >= PAGE_BYTES || seen >= most {
            page.exhausted = false;
            page.scanned = seq;
            break;
        }
    }
    Ok(page)
}

/// The stored types that the slice's patterns match; none where a scan is the better way.
fn merged_types(connection: &Connection, slice: &Slice<'_>) -> rusqlite::Result<Option<Vec<String>>> {
    let Some(patterns) = slice.patterns else { return Ok(None) };
    if slice.session.is_some() || patterns.iter().any(|pattern| pattern.as_str().starts_with('*')) {
        return Ok(None);
    }
    stored_types(connection, patterns)
}

/// Walks the type index from one type to the next within each pattern's fixed prefix.
fn stored_types(connection: &Connection, patterns: &PatternSet) -> rusqlite::Result<Option<Vec<String>>> {
    let mut types: Vec<String> = Vec::new();
    let mut next = connection.prepare_cached("SELECT min(type) FROM events WHERE type >= ?1")?;
    for pattern in patterns.iter() {
        let prefix = fixed_prefix(pattern);
        let mut from = prefix.to_owned();
        let mut steps = 0;
        loop {
            let found: Option<String> = next.query_row([&from], |row| row.get(0))?;
            let Some(found) = found.filter(|found| found.starts_with(prefix)) else { break };
            from = format!("{found}\0");
            steps += 1;
            let matching = tollgate_events::EventType::parse(&found).is_ok_and(|found| pattern.matches(&found));
            if matching && !types.contains(&found) {
                types.push(found);
            }
            if types.len() > MERGED_TYPES || steps > 4 * MERGED_TYPES {
                return Ok(None);
            }
            if prefix.len() == pattern.as_str().len() {
                break;
            }
        }
    }
    Ok(Some(types))
}

/// The pattern's text before its first `*`.
fn fixed_prefix(pattern: &Pattern) -> &str {
    pattern.as_str().split('*').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;
    use crate::journal::tests::{open, options};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;

    /// Longer than a pause ever waits.
    const DEADLINE: Duration = Duration::from_secs(30);

    #[test]
    fn a_pause_waits_for_who_reads_and_who_comes_waits_for_the_pause() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()));
        let readers = Readers::new(options(folder.path()).path);
        let read = AtomicBool::new(false);
        let (entered, inside) = channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let reading = readers.with(|_| {
                    entered.send(()).unwrap();
                    // It ends while the pause waits for it.
                    while !lock(&readers.pool).paused {
                        std::thread::yield_now();
                    }
                    read.store(true, Ordering::SeqCst);
                    Ok(())
                });
                reading.unwrap();
            });
            inside.recv().unwrap();
            let pause = readers.pause();
            assert!(read.load(Ordering::SeqCst), "it waited for the one that read");
            let (begins, next) = channel();
            let readers = &readers;
            scope.spawn(move || {
                begins.send(()).unwrap();
                let while_paused = readers.with(|_| Ok(lock(&readers.pool).paused)).unwrap();
                assert!(!while_paused, "nobody begins meanwhile");
            });
            next.recv_timeout(DEADLINE).unwrap();
            // Time enough for one that did not wait.
            for _ in 0..1_000 {
                std::thread::yield_now();
            }
            drop(pause);
        });
    }

    #[test]
    fn a_pause_does_not_wait_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()));
        let readers = Arc::new(Readers::new(options(folder.path()).path));
        let (release, held) = channel::<()>();
        let (entered, inside) = channel();
        let sleeper = Arc::clone(&readers);
        let sleeper = std::thread::spawn(move || {
            let reading = sleeper.with(|_| {
                entered.send(()).unwrap();
                let _released_for_good = held.recv();
                Ok(())
            });
            reading.unwrap();
        });
        inside.recv().unwrap();
        let (paused, done) = channel();
        let pausing = Arc::clone(&readers);
        std::thread::spawn(move || {
            drop(pausing.pause());
            paused.send(()).unwrap();
        });
        done.recv_timeout(DEADLINE).unwrap();
        drop(release);
        sleeper.join().unwrap();
    }
}
