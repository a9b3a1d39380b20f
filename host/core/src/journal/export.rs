//! Reading a journal from end to end: page by page, each in a transaction of its own, so that whoever takes long
//! over a page holds up no checkpoint; and what can still be read of a damaged one.

use super::failure::read_error;
use super::reader::read_page;
use super::rows::{self, EVENT_COLUMNS, Hash, Interner};
use super::types::{JournalError, Query};
use super::{Slice, prune, redact, schema};
use crate::event::Event;
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;
use std::sync::Arc;

/// The events of a journal that match, in seq order, up to where it ended when this was opened.
pub struct Export {
    connection: Connection,
    query: Query,
    head: u64,
    missed: u64,
    ended: bool,
}

impl Export {
    /// Opens the journal at `path`, with or without a host on it. The query's `limit` and `newest` do not count.
    ///
    /// # Errors
    /// When the file cannot be opened or read, or is not a journal.
    pub fn open(path: &Path, query: Query) -> Result<Self, JournalError> {
        let (connection, epochs) = schema::open_known(path)?;
        let head = schema::tip(&connection, epochs.chain).map_err(read_error)?.seq;
        let pruned = prune::anchor(&connection).map_err(read_error)?.map_or(0, |anchor| anchor.seq);
        let after = query.after.max(pruned);
        let query = Query { after, limit: usize::MAX, newest: false, ..query };
        Ok(Self { connection, query, head, missed: 0, ended: after >= head })
    }

    /// The last seq that it comes to.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.head
    }

    /// The seq up to which it came.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.query.after.min(self.head)
    }

    /// How many events were pruned since this was opened and before it came to them, whether they match or not.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// The next events, which may be none: at most 4 MiB of payload, or one event. None at the end.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn next_page(&mut self) -> Result<Option<Vec<Arc<Event>>>, JournalError> {
        if self.ended {
            return Ok(None);
        }
        let slice = Slice { upto: self.head, ..Slice::of(&self.query) };
        let page = read_page(&self.connection, &slice).map_err(read_error)?;
        let first = page.oldest.min(self.head + 1);
        self.missed += first.saturating_sub(self.query.after + 1);
        self.query.after = page.scanned;
        self.ended = page.exhausted;
        Ok(Some(page.events))
    }
}

/// Most ranges of lost events that are remembered; their number is counted beyond that.
pub const MAX_RANGES: usize = 1_000;
/// Most seqs that are looked for at a time.
const SEQS_A_TIME: u64 = 1_000;
/// Most bytes of payload in one page, unless its last event has more.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// What can be read of a damaged journal: each event is looked for by itself, and taken where its own hash holds.
pub struct Salvage {
    connection: Connection,
    next: u64,
    head: u64,
    lost: u64,
    ranges: Vec<(u64, u64)>,
}

impl Salvage {
    /// Opens the journal at `path`.
    ///
    /// # Errors
    /// When the file cannot be opened at all, or nothing of it says how far it went.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let connection = schema::open_reader(path)?;
        let Some(head) = last_seq(&connection, path) else {
            let reason = "neither its events nor its note say how far it went; restore a backup".to_owned();
            return Err(JournalError::Open { path: path.to_owned(), reason });
        };
        // Where this cannot be read either, all that was pruned counts as lost.
        let pruned = prune::anchor(&connection).ok().flatten().map_or(0, |anchor| anchor.seq);
        Ok(Self { connection, next: pruned + 1, head, lost: 0, ranges: Vec::new() })
    }

    /// The last seq that it looks for.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.head
    }

    /// The seq up to which it came.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.next - 1
    }

    /// How many events are missing, unreadable or not those that were recorded, so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Which those are, from seq to seq; the first [`MAX_RANGES`] ranges.
    #[must_use]
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges
    }

    /// The next events, which may be none; none at all at the end.
    pub fn next_page(&mut self) -> Option<Vec<Arc<Event>>> {
        if self.next > self.head {
            return None;
        }
        let mut events = Vec::new();
        let mut bytes = 0;
        let until = self.next.saturating_add(SEQS_A_TIME).min(self.head + 1);
        while self.next < until && bytes < PAGE_BYTES {
            match read_one(&self.connection, self.next) {
                Some(event) => {
                    bytes += event.payload.len();
                    events.push(Arc::new(event));
                }
                None => self.lose(self.next),
            }
            self.next += 1;
        }
        Some(events)
    }

    fn lose(&mut self, seq: u64) {
        self.lost += 1;
        let remembered = self.ranges.len();
        match self.ranges.last_mut() {
            Some((_, to)) if *to + 1 == seq => *to = seq,
            _ if remembered < MAX_RANGES => self.ranges.push((seq, seq)),
            _ => {}
        }
    }
}

/// The event `seq`, where it can be read and is the one that was recorded, or what redacting left of it.
fn read_one(connection: &Connection, seq: u64) -> Option<Event> {
    let sql = format!("SELECT {EVENT_COLUMNS}, payload_hash, prev_hash, hash FROM events WHERE seq = ?1");
    let mut statement = connection.prepare_cached(&sql).ok()?;
    let found = statement.query_row([rows::column(seq)], |row| {
        let mut interner = Interner::default();
        let event_type = interner.event_type(row.get_ref(2)?.as_str()?)?;
        let event = rows::read_event(row, event_type, &mut interner)?;
        Ok((event, row.get::<_, Hash>(11)?, row.get::<_, Hash>(12)?, row.get::<_, Hash>(13)?))
    });
    // An error of this row is the damage that is looked for.
    let (event, payload_hash, previous, hash) = found.ok()?;
    let payload = rows::payload_hash(&event.payload) == payload_hash || *event.payload == *redact::BLANK;
    (payload && rows::row_hash(&previous, &event, &payload_hash) == hash).then_some(event)
}

/// The last seq: of the table, else of the index over types, else of the note beside the database.
fn last_seq(connection: &Connection, path: &Path) -> Option<u64> {
    let ask = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0)).optional().ok().flatten();
    ask("SELECT max(seq) FROM events")
        .or_else(|| ask("SELECT max(seq) FROM events INDEXED BY events_type"))
        .map(|found| found.map_or(0, rows::seq))
        .or_else(|| {
            let note = std::fs::read_to_string(schema::beside(path, "-mark")).ok()?;
            note.trim_end().split_once(' ')?.1.parse().ok()
        })
}
