//! The durable, ordered log: one writer, group commit, hash chain, cursors, dead letters, plugin store.
//!
//! Owns the database and the memory ring. Knows nothing of subscribers: committed events go to the
//! sink that the bus gives it, in seq order, after commit.

mod change;
mod export;
mod failure;
mod mark;
mod prune;
mod reader;
mod redact;
mod retain;
mod ring;
mod rows;
mod schema;
mod stats;
mod types;
mod upkeep;
mod verify;
mod work;
mod writer;

#[cfg(test)]
mod tests;

pub use change::RING_SETTLED;
pub(crate) use change::{Change, End, Queued, Refusal};
pub use export::{Export, MAX_RANGES, Salvage};
pub use prune::{HELD_FOR, PRUNE_BYTES, PRUNE_EVENTS, Prune, Pruned, Retention};
pub use redact::{BLANK, Redaction};
pub use ring::{RING_BYTES, RING_EVENTS};
pub use stats::{Census, MAX_COUNTED, MAX_TYPES, Waiting, census, stats_of};
pub use types::{
    Ahead, BadRow, Completion, Cursor, CursorError, DeadLetter, Durability, Finished, Head, HeadCheck, JournalError,
    JournalOptions, MAX_AHEAD, Query, Receipt, Stats, StoreWrite, Verification,
};
pub use upkeep::{
    IMPORT_BYTES, IMPORT_EVENTS, ImportError, Imported, Upkeep, import_preview, prune_preview, redact_preview,
};
pub use verify::{head_of, verify, verify_against};
pub(crate) use work::{Done, Unit, Work};
pub(crate) use writer::Reply;
pub use writer::{GROUP_DRAFTS, WAL_BYTES};

use crate::event::Event;
use crate::session::Session;
use crate::time::Timestamp;
use failure::read_error;
use reader::Readers;
use ring::Ring;
use rusqlite::OptionalExtension;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tollgate_events::{EventType, PatternSet};
use uuid::Uuid;
use writer::Writer;

/// Where committed events go, in seq order, from the thread that committed them.
pub type Sink = Box<dyn Fn(&[Arc<Event>]) + Send + Sync>;

/// Events that are read at a time where few of them are wanted.
const SEEN_AT_ONCE: usize = 500;

/// Locks; a holder that panicked left data that is whole, since none of ours panics half-way.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reading side of the journal. Cheap to clone.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    backend: Backend,
    epoch: u64,
    durability: Durability,
    head: Arc<AtomicU64>,
    closed: AtomicBool,
}

enum Backend {
    Ring(Box<Ring>),
    Sqlite { writer: Writer, readers: Arc<Readers>, path: PathBuf },
}

/// Which part of the journal an internal read wants.
pub(crate) struct Slice<'a> {
    pub(crate) after: u64,
    pub(crate) upto: u64,
    pub(crate) patterns: Option<&'a PatternSet>,
    pub(crate) session: Option<&'a str>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) limit: usize,
    pub(crate) newest: bool,
}

impl<'a> Slice<'a> {
    fn of(query: &'a Query) -> Self {
        Self {
            after: query.after,
            upto: u64::MAX - 1,
            patterns: query.patterns.as_ref(),
            session: query.session.as_deref(),
            since: query.since,
            until: query.until,
            limit: query.limit,
            newest: query.newest,
        }
    }

    fn takes_type(&self, event_type: &EventType) -> bool {
        self.patterns.is_none_or(|patterns| patterns.matches(event_type))
    }

    fn takes_time(&self, ts: Timestamp) -> bool {
        self.since.is_none_or(|since| ts >= since) && self.until.is_none_or(|until| ts < until)
    }

    fn takes(&self, event: &Event) -> bool {
        self.takes_type(&event.event_type)
            && self.takes_time(event.ts)
            && self.session.is_none_or(|session| event.session.as_deref() == Some(session))
    }
}

/// What an internal read found.
pub(crate) struct Page {
    /// In the order asked for.
    pub(crate) events: Vec<Arc<Event>>,
    /// Everything that matches up to this seq (down to it, for the newest) is in `events`.
    pub(crate) scanned: u64,
    /// Nothing more matches within the slice.
    pub(crate) exhausted: bool,
    /// Oldest seq kept; 0 when nothing is.
    pub(crate) oldest: u64,
}

impl Page {
    fn empty(slice: &Slice<'_>) -> Self {
        let scanned = if slice.newest { slice.after } else { slice.upto };
        Self { events: Vec::new(), scanned, exhausted: true, oldest: 0 }
    }
}

impl Journal {
    /// Opens or makes the journal; committed events go to `sink`.
    ///
    /// # Errors
    /// When the file cannot be opened, is not a journal, or was written by a newer Tollgate.
    pub(crate) fn open(options: &JournalOptions, sink: Sink) -> Result<Self, JournalError> {
        let head = Arc::new(AtomicU64::new(0));
        let (epoch, backend) = if options.durability == Durability::Memory {
            (Uuid::now_v7().as_u64_pair().1, Backend::Ring(Box::new(Ring::new(Arc::clone(&head), sink))))
        } else {
            let path = options.path.clone();
            let opened = schema::open_writer(&path, options.durability, schema::MIGRATIONS)?;
            head.store(opened.tip.seq, Ordering::SeqCst);
            let epoch = opened.epoch;
            let readers = Arc::new(Readers::new(path.clone()));
            let writer = Writer::start(opened, &path, Arc::clone(&readers), Arc::clone(&head), sink)?;
            (epoch, Backend::Sqlite { writer, readers, path })
        };
        let durability = options.durability;
        Ok(Self(Arc::new(Inner { backend, epoch, durability, head, closed: AtomicBool::new(false) })))
    }

    /// Events that match, in seq order. Runs on the caller's thread: wrap in `spawn_blocking` from async code.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn read(&self, query: &Query) -> Result<Vec<Arc<Event>>, JournalError> {
        self.read_within(query, usize::MAX)
    }

    /// As [`Journal::read`], and no more pages once those read hold `max_bytes` of payload: the last one, of at most
    /// 4 MiB or one event, is whole. With `newest`, it is the older events that are missing.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn read_within(&self, query: &Query, max_bytes: usize) -> Result<Vec<Arc<Event>>, JournalError> {
        let mut found = Vec::new();
        let mut bytes = 0;
        let mut slice = Slice::of(query);
        // Page by page, so that neither a transaction nor the ring's lock is held for long.
        while slice.limit > 0 {
            let page = self.page(&slice)?;
            slice.limit -= page.events.len().min(slice.limit);
            if query.newest {
                slice.upto = page.scanned.saturating_sub(1);
            } else {
                slice.after = page.scanned;
            }
            bytes += page.events.iter().map(|event| event.payload.len()).sum::<usize>();
            found.extend(page.events);
            if page.exhausted || bytes >= max_bytes {
                break;
            }
        }
        if query.newest {
            found.reverse();
        }
        Ok(found)
    }

    /// Of the newest `seen` events that match, at most `query.limit` that `takes` too, in seq order; no more pages once
    /// those hold `max_bytes` of payload, as [`Journal::read_within`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn newest_where(
        &self,
        query: &Query,
        seen: usize,
        max_bytes: usize,
        takes: impl Fn(&Event) -> bool,
    ) -> Result<Vec<Arc<Event>>, JournalError> {
        let (mut found, mut bytes, mut left) = (Vec::new(), 0_usize, seen);
        let mut slice = Slice { newest: true, ..Slice::of(query) };
        while left > 0 && found.len() < query.limit {
            slice.limit = slice.limit.min(left);
            let page = self.page(&slice)?;
            left -= page.events.len().min(left);
            for event in page.events {
                if found.len() < query.limit && takes(&event) {
                    bytes += event.payload.len();
                    found.push(event);
                }
            }
            if page.exhausted || bytes >= max_bytes {
                break;
            }
            slice.upto = page.scanned.saturating_sub(1);
            // Not all of them are taken: from here on, more at a time.
            slice.limit = SEEN_AT_ONCE.max(query.limit);
        }
        found.reverse();
        Ok(found)
    }

    /// One event, where it is kept.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn event(&self, seq: u64) -> Result<Option<Arc<Event>>, JournalError> {
        let Some(after) = seq.checked_sub(1) else { return Ok(None) };
        let found = self.page(&Slice { upto: seq, ..Slice::of(&Query { after, limit: 1, ..Query::default() }) })?;
        Ok(found.events.into_iter().next())
    }

    /// The event whose emitter gave it this id, where it is kept: found by an index, however long ago it was.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn event_of(&self, id: Uuid) -> Result<Option<Arc<Event>>, JournalError> {
        let seq = match self.backend()? {
            Backend::Ring(ring) => ring.seq_of(id),
            Backend::Sqlite { readers, .. } => {
                readers.with(|connection| work::seq_of(connection, id).map_err(read_error))?
            }
        };
        seq.map_or(Ok(None), |seq| self.event(seq))
    }

    /// This journal's epoch.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.0.epoch
    }

    /// Last committed seq; 0 when empty.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.0.head.load(Ordering::SeqCst)
    }

    /// Oldest seq kept; 0 when empty.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn oldest(&self) -> Result<u64, JournalError> {
        Ok(self.page(&Slice::of(&Query { after: self.head(), limit: 1, ..Query::default() }))?.oldest)
    }

    /// What receipts promise here.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.0.durability
    }

    /// A plugin's stored value.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn store_get(&self, plugin: &str, key: &str) -> Result<Option<Vec<u8>>, JournalError> {
        match self.backend()? {
            Backend::Ring(ring) => Ok(ring.store_get(plugin, key)),
            Backend::Sqlite { readers, .. } => readers.with(|connection| {
                let read = || {
                    connection
                        .prepare_cached("SELECT value FROM plugin_store WHERE plugin = ?1 AND key = ?2")?
                        .query_row([plugin, key], |row| row.get(0))
                        .optional()
                };
                read().map_err(read_error)
            }),
        }
    }

    /// A plugin's keys with a prefix, in order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn store_keys(&self, plugin: &str, prefix: &str) -> Result<Vec<String>, JournalError> {
        match self.backend()? {
            Backend::Ring(ring) => Ok(ring.store_keys(plugin, prefix)),
            Backend::Sqlite { readers, .. } => readers.with(|connection| {
                let read = || -> rusqlite::Result<Vec<String>> {
                    let mut statement = connection
                        .prepare_cached("SELECT key FROM plugin_store WHERE plugin = ?1 AND key >= ?2 ORDER BY key")?;
                    let mut rows = statement.query([plugin, prefix])?;
                    let mut keys = Vec::new();
                    while let Some(row) = rows.next()? {
                        let key: String = row.get(0)?;
                        if !key.starts_with(prefix) {
                            break;
                        }
                        keys.push(key);
                    }
                    Ok(keys)
                };
                read().map_err(read_error)
            }),
        }
    }

    /// Bytes of keys and values that a plugin stores.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn store_bytes(&self, plugin: &str) -> Result<u64, JournalError> {
        const SQL: &str = "SELECT coalesce(sum(length(CAST(key AS BLOB)) + length(value)), 0) FROM plugin_store \
                           WHERE plugin = ?1";
        match self.backend()? {
            Backend::Ring(ring) => Ok(ring.store_bytes(plugin)),
            Backend::Sqlite { readers, .. } => readers.with(|connection| {
                let read = || connection.prepare_cached(SQL)?.query_row([plugin], |row| row.get(0));
                read().map(rows::seq).map_err(read_error)
            }),
        }
    }

    /// Dead letters, oldest first, of one subscriber or all.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn dead_letters(&self, subscriber: Option<&str>, limit: usize) -> Result<Vec<DeadLetter>, JournalError> {
        const SQL: &str = "SELECT subscriber, seq, cause, message, tries, at FROM dead_letters \
                           WHERE ?1 IS NULL OR subscriber = ?1 ORDER BY at, seq LIMIT ?2";
        match self.backend()? {
            Backend::Ring(ring) => Ok(ring.dead_letters(subscriber, limit)),
            Backend::Sqlite { readers, .. } => readers.with(|connection| {
                let read = || -> rusqlite::Result<Vec<DeadLetter>> {
                    let mut statement = connection.prepare_cached(SQL)?;
                    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
                    let letters = statement.query_map(rusqlite::params![subscriber, limit], rows::dead_letter)?;
                    letters.collect()
                };
                read().map_err(read_error)
            }),
        }
    }

    /// One dead letter, where it is there.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn dead_letter(&self, subscriber: &str, seq: u64) -> Result<Option<DeadLetter>, JournalError> {
        const SQL: &str = "SELECT subscriber, seq, cause, message, tries, at FROM dead_letters \
                           WHERE subscriber = ?1 AND seq = ?2";
        match self.backend()? {
            Backend::Ring(ring) => Ok(ring.dead_letter(subscriber, seq)),
            Backend::Sqlite { readers, .. } => readers.with(|connection| {
                let wanted = rusqlite::params![subscriber, rows::column(seq)];
                let read = || connection.prepare_cached(SQL)?.query_row(wanted, rows::dead_letter).optional();
                read().map_err(read_error)
            }),
        }
    }

    /// Sizes, cursors and counts.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn stats(&self) -> Result<Stats, JournalError> {
        match self.backend()? {
            Backend::Ring(ring) => Ok(ring.stats(self.epoch())),
            Backend::Sqlite { readers, path, .. } => {
                readers.with(|connection| stats::stats(connection, path, self.epoch()).map_err(read_error))
            }
        }
    }

    pub(crate) fn page(&self, slice: &Slice<'_>) -> Result<Page, JournalError> {
        match self.backend()? {
            Backend::Ring(ring) => Ok(ring.page(slice)),
            Backend::Sqlite { readers, .. } => readers.page(slice),
        }
    }

    pub(crate) fn sessions(&self, limit: usize) -> Result<Vec<Session>, JournalError> {
        match self.backend()? {
            Backend::Ring(_) => Ok(Vec::new()),
            Backend::Sqlite { readers, .. } => readers.with(|connection| work::load_sessions(connection, limit)),
        }
    }

    /// Records one event; `given` says that its id is the emitter's own.
    pub(crate) async fn emit(&self, event: Event, given: bool) -> Result<Receipt, JournalError> {
        match self.backend()? {
            Backend::Ring(ring) => ring.emit(event, given),
            Backend::Sqlite { .. } => match self.request(Work::Emit { events: vec![event], given }).await? {
                Done::Receipts(receipts) => receipts.first().copied().ok_or(JournalError::Closed),
                Done::Cursor(_) | Done::Refused(_) | Done::Nothing => Err(JournalError::Closed),
            },
        }
    }

    /// Has `work` done and waits until it is durable.
    pub(crate) async fn request(&self, work: Work) -> Result<Done, JournalError> {
        match self.backend()? {
            Backend::Ring(ring) => ring.apply(work),
            Backend::Sqlite { writer, .. } => writer.submit(work).await?.await.unwrap_or(Err(JournalError::Closed)),
        }
    }

    /// Has `work` done in the order of these calls, without waiting for room; none where it is done already.
    pub(crate) fn request_now(&self, work: Work) -> Result<Option<Reply>, JournalError> {
        match self.backend()? {
            Backend::Ring(ring) => ring.apply(work).map(|_| None),
            Backend::Sqlite { writer, .. } => writer.submit_now(work).map(Some),
        }
    }

    /// Waits until few enough completions are uncommitted.
    pub(crate) async fn relieved(&self) {
        if let Backend::Sqlite { writer, .. } = &self.0.backend {
            writer.relieved().await;
        }
    }

    /// Whether reading takes a disk, so that async code hands it to another thread.
    #[must_use]
    pub fn blocks(&self) -> bool {
        matches!(self.0.backend, Backend::Sqlite { .. })
    }

    /// Commits what is queued, then refuses everything.
    pub(crate) async fn close(&self) {
        match &self.0.backend {
            Backend::Ring(ring) => ring.close(),
            Backend::Sqlite { writer, readers, .. } => {
                if let Some(thread) = writer.stop() {
                    // A writer that panicked has dropped its jobs already, and their callers know.
                    let _panicked = tokio::task::spawn_blocking(move || thread.join()).await;
                }
                readers.close_idle();
            }
        }
        self.0.closed.store(true, Ordering::SeqCst);
    }

    /// As [`Journal::close`], without waiting: for when the bus is dropped.
    pub(crate) fn stop(&self) {
        match &self.0.backend {
            Backend::Ring(ring) => ring.close(),
            Backend::Sqlite { writer, .. } => {
                if let Some(thread) = writer.stop() {
                    let _panicked = thread.join();
                }
            }
        }
        self.0.closed.store(true, Ordering::SeqCst);
    }

    fn backend(&self) -> Result<&Backend, JournalError> {
        if self.0.closed.load(Ordering::SeqCst) { Err(JournalError::Closed) } else { Ok(&self.0.backend) }
    }
}
