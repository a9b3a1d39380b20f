//! Letting the oldest events go: which ones, in batches that one short transaction takes, and the anchor that
//! the rest of the chain hangs on.
//!
//! Only ever a whole head of the journal goes, and never its newest event, so that seqs go on where they were.
//! Knows nothing of threads; who prunes when is the writer's and the command line's.

use super::rows::{self, Hash, Interner, Tip};
use super::schema::{meta, set_meta};
use super::stats::Held;
use super::types::JournalError;
use super::work::{ApplyError, append};
use crate::event::Event;
use crate::hex::hex;
use crate::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tollgate_events::{EventType, payload};
use uuid::Uuid;

/// Most events that one transaction prunes: a commit in between waits for that many, some ten milliseconds.
pub const PRUNE_EVENTS: usize = 500;
/// Most bytes of payload that one transaction prunes, unless its first event alone has more: their pages are read.
pub const PRUNE_BYTES: u64 = 4 * 1024 * 1024;
/// How long events wait for a durable subscriber that has not finished them, since they happened or it last finished
/// something or was loaded, whichever is later: a plugin that is gone or stuck does not keep the disk for ever.
pub const HELD_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How far behind events that are still to come an old one is looked for: a look is made in a commit's way. Where so
/// many of them come first, age alone lets nothing go until their time comes; a bound of events or bytes does.
const LOOK_AHEAD: u64 = 10_000;
/// What a row takes beside its payload, roughly: its fields, its hashes and its places in three indexes.
const ROW_BYTES: u64 = 400;

/// Where the seq and the hash of the last pruned event are.
const PRUNED: &str = "pruned";

/// What a host keeps; what is over any of these goes, the oldest first. Nothing set keeps everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// No event that happened longer ago than this, by its own `ts`; one from the future counts as the next one.
    pub age: Option<Duration>,
    /// At most this many events.
    pub events: Option<u64>,
    /// At most this many bytes of database that are in use, of everything in it.
    pub bytes: Option<u64>,
}

impl Retention {
    /// Whether nothing is ever over it.
    #[must_use]
    pub fn keeps_all(&self) -> bool {
        *self == Self::default()
    }

    /// What is to go at `now`.
    pub(super) fn at(&self, now: Timestamp) -> Prune {
        let before =
            self.age.map(|age| Timestamp(now.0.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))));
        Prune { before, keep_events: self.events, keep_bytes: self.bytes, past_cursors: false }
    }
}

/// What is to go: the head of the journal as far as any of these reaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prune {
    /// Events from before this, by their own `ts`.
    pub before: Option<Timestamp>,
    /// What is over this many events.
    pub keep_events: Option<u64>,
    /// What is over this many bytes of database that are in use.
    pub keep_bytes: Option<u64>,
    /// Events that durable subscribers still wait for, too.
    pub past_cursors: bool,
}

/// What went, or would.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The last seq that went; 0 where none did.
    pub upto: u64,
    /// How many events.
    pub events: u64,
    /// How many bytes, roughly.
    pub bytes: u64,
    /// How many of them a subscriber wanted and had not finished, by subscriber.
    pub unfinished: BTreeMap<String, u64>,
    /// Whose unfinished event comes next and is kept for it, and its seq.
    pub held: Option<(String, u64)>,
}

impl Pruned {
    /// Adds what the next batch did.
    pub(super) fn add(&mut self, batch: Self) {
        if batch.events > 0 {
            self.upto = batch.upto;
        }
        self.events += batch.events;
        self.bytes += batch.bytes;
        for (subscriber, count) in batch.unfinished {
            *self.unfinished.entry(subscriber).or_default() += count;
        }
        self.held = batch.held;
    }
}

/// Bytes of the database's pages.
pub(super) struct Pages {
    pub(super) used: u64,
    pub(super) free: u64,
}

impl Pages {
    pub(super) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map(rows::seq);
        let (size, all, free) = (pragma("page_size")?, pragma("page_count")?, pragma("freelist_count")?);
        Ok(Self { used: all.saturating_sub(free) * size, free: free * size })
    }
}

/// The last event that was pruned: what the first one kept is chained to.
pub(super) fn anchor(connection: &Connection) -> rusqlite::Result<Option<Tip>> {
    let Some(text) = meta(connection, PRUNED)? else { return Ok(None) };
    let anchor = text.split_once(' ').and_then(|(seq, hash)| Some(Tip { seq: seq.parse().ok()?, hash: unhex(hash)? }));
    let unreadable = || {
        let error = "the mark of what was pruned is unreadable; restore a backup";
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
    };
    anchor.map(Some).ok_or_else(unreadable)
}

/// Reads [`hex`].
pub(super) fn unhex(text: &str) -> Option<Hash> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut hash = Hash::default();
    for (to, from) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        *to = u8::from_str_radix(std::str::from_utf8(from).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// One batch, and whether there is more to go after it.
pub(super) struct Batch {
    pub(super) pruned: Pruned,
    pub(super) more: bool,
}

/// Why nothing can be pruned.
#[derive(Debug)]
pub(super) enum PruneError {
    Sqlite(rusqlite::Error),
    /// The journal does not begin where it was pruned: what was there would be forgotten for good.
    NotWhole {
        wanted: u64,
    },
}

impl From<rusqlite::Error> for PruneError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<PruneError> for JournalError {
    fn from(error: PruneError) -> Self {
        match error {
            PruneError::Sqlite(error) => super::failure::WriteFailure::from(&error).into(),
            PruneError::NotWhole { wanted } => Self::Write(format!(
                "event {wanted} is missing or not the one that was recorded, and pruning would hide that; \
                 `tollgate journal verify` says more"
            )),
        }
    }
}

/// What of the events after `so_far` goes in the next batch; changes nothing.
pub(super) fn plan(
    connection: &Connection,
    wanted: &Prune,
    so_far: &Pruned,
    now: Timestamp,
    cursors: &[Held],
) -> Result<Batch, PruneError> {
    let anchor = anchor(connection)?;
    if so_far.events == 0 {
        check_begins(connection, anchor)?;
    }
    let after = so_far.upto.max(anchor.map_or(0, |anchor| anchor.seq));
    let head: Option<i64> = connection.query_row("SELECT max(seq) FROM events", [], |row| row.get(0))?;
    let head = head.map_or(0, rows::seq);
    let excess = match wanted.keep_bytes {
        Some(keep) => Pages::of(connection)?.used.saturating_sub(keep).saturating_sub(so_far.bytes),
        None => 0,
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT seq, type, ts, octet_length(payload) FROM events WHERE seq > ?1 AND seq < ?2 ORDER BY seq LIMIT {PRUNE_EVENTS}"
    ))?;
    let mut found = statement.query([rows::column(after), rows::column(head)])?;
    let mut interner = Interner::default();
    let mut batch = Batch { pruned: Pruned::default(), more: false };
    // What is passed over, and goes only with an older event behind it.
    let mut doubtful = Pruned::default();
    let (mut looked_at, mut full) = (0, false);
    while let Some(row) = found.next()? {
        let seq = rows::seq(row.get(0)?);
        let ts = Timestamp(row.get(2)?);
        let bytes = ROW_BYTES + rows::seq(row.get(3)?);
        let over = wanted.keep_events.is_some_and(|keep| head - seq >= keep)
            || batch.pruned.bytes < excess
            || wanted.before.is_some_and(|before| ts < before);
        if !over && (wanted.before.is_none() || ts <= now) {
            return Ok(batch);
        }
        let mut one = Pruned { upto: seq, events: 1, bytes, ..Pruned::default() };
        let event_type = interner.event_type(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?;
        if let Err(held) = count_unfinished(&mut one, ts, wanted, now, cursors, &event_type) {
            batch.pruned.held = Some((held, seq));
            return Ok(batch);
        }
        doubtful.add(one);
        if over {
            batch.pruned.add(std::mem::take(&mut doubtful));
        }
        looked_at += 1;
        full = looked_at == PRUNE_EVENTS || batch.pruned.bytes + doubtful.bytes >= PRUNE_BYTES;
        if full {
            break;
        }
    }
    if batch.pruned.events == 0
        && full
        && let Some(before) = wanted.before
    {
        // All of them are still to come: they go where an old one is behind them.
        let ahead = rows::column(doubtful.upto.saturating_add(LOOK_AHEAD).min(head.saturating_sub(1)));
        let next: Option<i64> = connection
            .prepare_cached("SELECT ts FROM events WHERE seq > ?1 AND seq <= ?2 AND ts <= ?3 ORDER BY seq LIMIT 1")?
            .query_row(params![rows::column(doubtful.upto), ahead, now.0], |row| row.get(0))
            .optional()?;
        if next.is_some_and(|ts| Timestamp(ts) < before) {
            batch.pruned.add(doubtful);
        }
    }
    batch.more = batch.pruned.events > 0 && full;
    Ok(batch)
}

/// Counts for whom this event is unfinished; or says who holds it.
fn count_unfinished(
    one: &mut Pruned,
    ts: Timestamp,
    wanted: &Prune,
    now: Timestamp,
    cursors: &[Held],
    event_type: &EventType,
) -> Result<(), String> {
    for held in cursors {
        let finished = one.upto <= held.finished.upto || held.finished.ahead.binary_search(&one.upto).is_ok();
        if finished || !held.patterns.as_ref().is_some_and(|patterns| patterns.matches(event_type)) {
            continue;
        }
        if !wanted.past_cursors && held.holds(ts, now) {
            return Err(held.subscriber.clone());
        }
        one.unfinished.insert(held.subscriber.clone(), 1);
    }
    Ok(())
}

/// Refuses a journal whose first event is not the one after the anchor.
fn check_begins(connection: &Connection, anchor: Option<Tip>) -> Result<(), PruneError> {
    let wanted = anchor.map_or(0, |anchor| anchor.seq) + 1;
    let mut statement = connection.prepare_cached("SELECT seq, prev_hash FROM events ORDER BY seq LIMIT 1")?;
    let mut first = statement.query([])?;
    let Some(row) = first.next()? else { return Ok(()) };
    let begins = row.get::<_, i64>(0)? == rows::column(wanted)
        && anchor.is_none_or(|anchor| row.get::<_, Hash>(1).is_ok_and(|previous| previous == anchor.hash));
    if begins { Ok(()) } else { Err(PruneError::NotWhole { wanted }) }
}

/// Prunes a planned batch within the running transaction, and appends `told` where there is one.
pub(super) fn apply(
    connection: &Connection,
    tip: &mut Tip,
    pruned: &Pruned,
    told: Option<&Event>,
    committed: &mut Vec<Arc<Event>>,
) -> Result<(), ApplyError> {
    let upto = rows::column(pruned.upto);
    let hash: Hash = connection.query_row("SELECT hash FROM events WHERE seq = ?1", [upto], |row| row.get(0))?;
    connection.prepare_cached("DELETE FROM events WHERE seq <= ?1")?.execute([upto])?;
    set_meta(connection, PRUNED, &format!("{} {}", pruned.upto, hex(&hash)))?;
    for (subscriber, count) in &pruned.unfinished {
        connection
            .prepare_cached("UPDATE cursors SET lost = lost + ?2 WHERE subscriber = ?1")?
            .execute(params![subscriber, rows::column(*count)])?;
    }
    if let Some(told) = told {
        append(connection, tip, told, committed)?;
    }
    Ok(())
}

/// The event that tells of pruning; `by` is `retention` or `operator`.
pub(super) fn told(pruned: &Pruned, by: &str, now: Timestamp) -> Result<Event, JournalError> {
    let unfinished = serde_json::json!(pruned.unfinished);
    let body = serde_json::json!({"upto": pruned.upto, "events": pruned.events, "by": by, "unfinished": unfinished});
    fact(payload::JOURNAL_PRUNED, &body, now)
}

/// An event that the journal itself says.
pub(super) fn fact(event_type: &str, body: &serde_json::Value, now: Timestamp) -> Result<Event, JournalError> {
    let id = Uuid::now_v7();
    Ok(Event {
        seq: 0,
        id,
        event_type: EventType::parse(event_type).map_err(|error| JournalError::Write(error.to_string()))?,
        ts: now,
        source: "core".into(),
        entity: None,
        session: None,
        root: id,
        depth: 0,
        payload: body.to_string().into(),
    })
}
