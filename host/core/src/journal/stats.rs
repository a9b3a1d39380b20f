//! What a journal holds: sizes and times at a glance, types and waiting events by counting.
//!
//! Reads only; works on a journal that a running host writes to, in short transactions, so that what was counted
//! first may be older than what was counted last.

use super::failure::read_error;
use super::prune::HELD_FOR;
use super::reader::read_page;
use super::rows;
use super::types::{Finished, JournalError, Query, Stats};
use super::{Slice, prune, schema, work};
use crate::event::Event;
use crate::time::Timestamp;
use rusqlite::Connection;
use std::path::Path;
use tollgate_events::PatternSet;

/// Most rows that are counted in one transaction: a longer one would hold up the writer's checkpoint.
const ROWS_A_TIME: i64 = 50_000;
/// Most types that are told apart; events of further ones are counted together.
pub const MAX_TYPES: usize = 1_000;
/// Most events that are counted as waiting for one subscriber.
pub const MAX_COUNTED: usize = 10_000;

/// Sizes, cursors and counts of the journal at `path`, with or without a host on it.
///
/// # Errors
/// When the file cannot be opened or read, or is not a journal.
pub fn stats_of(path: &Path) -> Result<Stats, JournalError> {
    let (connection, epochs) = schema::open_known(path)?;
    stats(&connection, path, epochs.cursors).map_err(read_error)
}

/// What [`census`] counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Census {
    /// Events by type, at most [`MAX_TYPES`] types, in the order of their names.
    pub types: Vec<(String, u64)>,
    /// Events of further types.
    pub other: u64,
    /// Durable subscribers, by name.
    pub waiting: Vec<Waiting>,
}

/// How far a durable subscriber is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its name.
    pub subscriber: String,
    /// Everything up to this seq is finished.
    pub cursor: u64,
    /// When it last finished something or was loaded.
    pub updated: Timestamp,
    /// Events after the cursor that it wants and has not finished, at most [`MAX_COUNTED`]; none for one that
    /// takes events live.
    pub waiting: Option<usize>,
    /// Events that it wanted and that were pruned before it finished them.
    pub lost: u64,
}

/// Counts the events of each type, and those that wait for each durable subscriber.
///
/// # Errors
/// When the file cannot be opened or read, or is not a journal.
pub fn census(path: &Path) -> Result<Census, JournalError> {
    let (connection, _) = schema::open_known(path)?;
    let mut found = Census { types: Vec::new(), other: 0, waiting: Vec::new() };
    let head = head(&connection).map_err(read_error)?;
    count_types(&connection, head, &mut found).map_err(read_error)?;
    for held in cursors(&connection).map_err(read_error)? {
        let waiting = match &held.patterns {
            Some(patterns) => {
                let waiting = waiting(&connection, &held.finished, patterns, head, MAX_COUNTED, |_| true);
                Some(waiting.map_err(read_error)?)
            }
            None => None,
        };
        found.waiting.push(Waiting {
            subscriber: held.subscriber,
            cursor: held.finished.upto,
            updated: held.updated,
            waiting,
            lost: held.lost,
        });
    }
    Ok(found)
}

fn count_types(connection: &Connection, head: u64, found: &mut Census) -> rusqlite::Result<()> {
    let mut next = connection.prepare("SELECT min(type) FROM events WHERE type > ?1")?;
    let mut some = connection.prepare(&format!(
        "SELECT count(*), max(seq) FROM \
         (SELECT seq FROM events WHERE type = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT {ROWS_A_TIME})"
    ))?;
    let mut event_type = String::new();
    while let Some(found_type) = next.query_row([&event_type], |row| row.get::<_, Option<String>>(0))? {
        let (mut count, mut after) = (0, 0);
        loop {
            let upto = rows::column(head);
            let (more, last): (i64, Option<i64>) =
                some.query_row(rusqlite::params![found_type, after, upto], |row| Ok((row.get(0)?, row.get(1)?)))?;
            count += rows::seq(more);
            match last.filter(|_| more == ROWS_A_TIME) {
                Some(last) => after = last,
                None => break,
            }
        }
        if found.types.len() < MAX_TYPES {
            found.types.push((found_type.clone(), count));
        } else {
            found.other += count;
        }
        event_type = found_type;
    }
    Ok(())
}

/// A row of the cursors.
pub(super) struct Held {
    pub(super) subscriber: String,
    pub(super) finished: Finished,
    pub(super) updated: Timestamp,
    /// None where it takes events live, and so none from the journal.
    pub(super) patterns: Option<PatternSet>,
    pub(super) lost: u64,
}

impl Held {
    /// Whether an event of this time that it wants and has not finished is kept for it. One that has little to do says
    /// nothing for long, so what has just come has its time, too; a time that is still to come says nothing.
    pub(super) fn holds(&self, ts: Timestamp, now: Timestamp) -> bool {
        let since = if ts > now { self.updated } else { self.updated.max(ts) };
        since.until(now) < HELD_FOR
    }
}

/// All cursors, by name.
pub(super) fn cursors(connection: &Connection) -> rusqlite::Result<Vec<Held>> {
    let sql = "SELECT seq, ahead, subscriber, updated, patterns, lost FROM cursors ORDER BY subscriber";
    let mut statement = connection.prepare_cached(sql)?;
    let held = statement.query_map([], |row| {
        let patterns: Option<String> = row.get(4)?;
        Ok(Held {
            finished: work::finished(row)?,
            subscriber: row.get(2)?,
            updated: Timestamp(row.get(3)?),
            // What cannot be read was written by somebody else: then it wants everything.
            patterns: patterns.map(|texts| PatternSet::parse(texts.split(' ')).unwrap_or_else(|_| PatternSet::all())),
            lost: rows::seq(row.get(5)?),
        })
    })?;
    held.collect()
}

/// How many events up to `upto` a subscriber wants and has not finished, of those that `counts`; `most` at most.
pub(super) fn waiting(
    connection: &Connection,
    finished: &Finished,
    patterns: &PatternSet,
    upto: u64,
    most: usize,
    counts: impl Fn(&Event) -> bool,
) -> rusqlite::Result<usize> {
    let query = Query { after: finished.upto, patterns: Some(patterns.clone()), limit: most, ..Query::default() };
    let mut slice = Slice { upto, ..Slice::of(&query) };
    let mut count = 0;
    while slice.limit > 0 {
        let page = read_page(connection, &slice)?;
        let unfinished = |event: &Event| finished.ahead.binary_search(&event.seq).is_err() && counts(event);
        let unfinished = page.events.iter().filter(|event| unfinished(event)).count();
        count += unfinished;
        slice.limit -= unfinished.min(slice.limit);
        slice.after = page.scanned;
        if page.exhausted {
            break;
        }
    }
    Ok(count.min(most))
}

fn head(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .query_row("SELECT max(seq) FROM events", [], |row| row.get::<_, Option<i64>>(0))
        .map(|head| head.map_or(0, rows::seq))
}

/// Counts without reading the events: seqs have no gaps.
pub(super) fn stats(connection: &Connection, path: &Path, epoch: u64) -> rusqlite::Result<Stats> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
    let first = number("SELECT min(seq) FROM events")?.map_or(0, rows::seq);
    let head = head(connection)?;
    let dead_letters = number("SELECT count(*) FROM dead_letters")?.map_or(0, rows::seq);
    let time = |seq: u64| {
        let sql = format!("SELECT (SELECT ts FROM events WHERE seq = {})", rows::column(seq));
        number(&sql).map(|ts| ts.map(Timestamp))
    };
    let mut statement = connection.prepare_cached("SELECT subscriber, seq FROM cursors ORDER BY subscriber")?;
    let cursors = statement
        .query_map([], |row| Ok((row.get(0)?, rows::seq(row.get(1)?))))?
        .collect::<rusqlite::Result<Vec<(String, u64)>>>()?;
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
    Ok(Stats {
        epoch,
        first,
        head,
        events: if head == 0 { 0 } else { head - first + 1 },
        bytes: size(path),
        free_bytes: prune::Pages::of(connection)?.free,
        wal_bytes: size(&schema::beside(path, "-wal")),
        oldest: time(first)?,
        newest: time(head)?,
        pruned: prune::anchor(connection)?.map_or(0, |anchor| anchor.seq),
        cursors,
        dead_letters,
    })
}
