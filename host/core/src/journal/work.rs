//! What the journal is asked to write, and how one request becomes rows of a running transaction.
//!
//! A request is atomic: all of it or nothing. Knows nothing of groups, queues or threads.

use super::change::{self, Change, Refusal};
use super::prune::{self, Retention};
use super::rows::{self, Tip};
use super::types::{Ahead, DeadLetter, Finished, JournalError, Receipt, StoreWrite};
use crate::event::Event;
use crate::session::Session;
use crate::time::{Clock, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::Arc;
use tollgate_events::{Pattern, PatternSet};
use uuid::Uuid;

/// One atomic request. Events in it have no seq yet.
pub(crate) enum Work {
    /// Consecutive events; `given` says that an emitter gave the id of one of them, so that it may be there already.
    Emit { events: Vec<Event>, given: bool },
    /// What a durable subscriber did.
    Complete(Unit),
    /// The cursor of a durable subscriber, made where it has none; one that is beyond the head, of a journal cut
    /// since, is set to the head.
    /// `patterns` are what it wants of the journal, none where it takes events live. One that is before the oldest
    /// event kept is set to before that: what it did not finish was told of when it was pruned.
    OpenCursor { subscriber: Arc<str>, at_head: bool, patterns: Option<PatternSet>, now: Timestamp },
    /// A session, new or changed.
    SaveSession { session: Arc<Session>, now: Timestamp },
    /// A dead letter that is done with.
    DropDeadLetter { subscriber: Arc<str>, seq: u64 },
    /// A change of rows, and the events that tell of it; `given` as above.
    Change { change: Change, events: Vec<Event>, given: bool },
    /// A setting of the writer's connection, for tests and for the size bound.
    LimitPages(u32),
    /// What is kept from now on, by this clock.
    Retain(Retention, Clock),
    #[cfg(test)]
    Fail(super::failure::WriteFailure),
}

/// A completion whose emits have been let in.
pub(crate) struct Unit {
    pub(crate) subscriber: Arc<str>,
    /// Where the subscriber's cursor must be.
    pub(crate) after: u64,
    pub(crate) finished: u64,
    pub(crate) ahead: Ahead,
    pub(crate) emits: Vec<Event>,
    pub(crate) store: Vec<StoreWrite>,
    pub(crate) dead_letter: Option<DeadLetter>,
    pub(crate) retried: Option<u64>,
    pub(crate) now: Timestamp,
}

impl Unit {
    /// Refuses a completion that does not follow on what is recorded, to the last seq: what somebody else finished
    /// meanwhile is neither forgotten nor taken for its own.
    pub(super) fn check_step(&self, recorded: &Finished) -> Result<(), JournalError> {
        if recorded.upto == self.after && recorded.ahead == self.ahead.before {
            return Ok(());
        }
        let (subscriber, after) = (Arc::clone(&self.subscriber), self.after);
        Err(JournalError::OutOfStep { subscriber, after, cursor: recorded.upto })
    }

    /// The refusal of another try of a dead letter that is there no more.
    pub(super) fn no_letter(&self, seq: u64) -> JournalError {
        JournalError::NoDeadLetter { subscriber: Arc::clone(&self.subscriber), seq }
    }
}

/// What a request answers.
pub(crate) enum Done {
    Receipts(Vec<Receipt>),
    Cursor(Finished),
    Refused(Refusal),
    Nothing,
}

impl Work {
    /// How much of a group it takes: its drafts, and never nothing.
    pub(super) fn drafts(&self) -> usize {
        match self {
            Self::Emit { events, .. } => events.len().max(1),
            Self::Complete(unit) => unit.emits.len() + unit.store.len() + 1,
            Self::Change { events, .. } => events.len() + 1,
            _ => 1,
        }
    }

    /// What it weighs in the queue, in KiB, rounded up a draft.
    pub(super) fn weight(&self) -> usize {
        let events = |events: &[Event]| events.iter().map(|event| event.payload.len() / 1024 + 1).sum::<usize>();
        match self {
            Self::Emit { events: drafts, .. } => events(drafts).max(1),
            Self::Complete(unit) => {
                let stored = unit.store.iter().map(|write| write.value.as_ref().map_or(0, Vec::len) / 1024 + 1);
                let letter = unit.dead_letter.as_ref().map_or(0, |letter| letter.message.len() / 1024);
                events(&unit.emits) + stored.sum::<usize>() + letter + 1
            }
            Self::Change { change, events: told, .. } => change.weight() + events(told),
            Self::SaveSession { session, .. } => {
                let names = [&session.id, &session.agent, &session.chat_id, &session.user_id].map(|name| name.len());
                let roots = session.roots.iter().map(|root| root.as_os_str().len());
                let places = [&session.village, &session.repo].into_iter().flatten().map(|name| name.len());
                names.into_iter().chain(roots).chain(places).sum::<usize>() / 1024 + 1
            }
            _ => 1,
        }
    }
}

/// Why a request was not applied.
pub(super) enum ApplyError {
    Sqlite(rusqlite::Error),
    #[cfg(test)]
    Made(super::failure::WriteFailure),
}

impl From<rusqlite::Error> for ApplyError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<ApplyError> for super::failure::WriteFailure {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Sqlite(error) => Self::from(&error),
            #[cfg(test)]
            ApplyError::Made(failure) => failure,
        }
    }
}

/// Writes one request into the running transaction; new events are appended to `committed`. The inner error is
/// a refusal that wrote nothing, and concerns this request alone.
pub(super) fn apply(
    connection: &Connection,
    tip: &mut Tip,
    work: &Work,
    committed: &mut Vec<Arc<Event>>,
) -> Result<Result<Done, JournalError>, ApplyError> {
    let done = match work {
        Work::Emit { events, .. } => Done::Receipts(append_all(connection, tip, events, committed)?),
        Work::Change { change, events, .. } => match change::change(connection, change)? {
            Ok(()) => Done::Receipts(append_all(connection, tip, events, committed)?),
            Err(refusal) => Done::Refused(refusal),
        },
        Work::Complete(unit) => {
            let recorded = cursor(connection, &unit.subscriber)?.unwrap_or_default();
            if let Err(refusal) = unit.check_step(&recorded) {
                return Ok(Err(refusal));
            }
            if let Some(seq) = unit.retried
                && drop_letter(connection, &unit.subscriber, seq)? == 0
            {
                return Ok(Err(unit.no_letter(seq)));
            }
            for event in &unit.emits {
                append(connection, tip, event, committed)?;
            }
            complete(connection, unit)?;
            Done::Nothing
        }
        Work::OpenCursor { subscriber, at_head, patterns, now } => {
            Done::Cursor(open_cursor(connection, tip.seq, subscriber, *at_head, patterns.as_ref(), *now)?)
        }
        Work::SaveSession { session, now } => {
            let roots: Vec<_> = session.roots.iter().filter_map(|root| root.to_str()).collect();
            let roots = serde_json::Value::from(roots).to_string();
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO sessions (id, agent, chat_id, user_id, roots, seen, village, repo) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?
                .execute(params![
                    session.id,
                    session.agent,
                    session.chat_id,
                    session.user_id,
                    roots,
                    now.0,
                    session.village,
                    session.repo
                ])?;
            Done::Nothing
        }
        Work::DropDeadLetter { subscriber, seq } => {
            drop_letter(connection, subscriber, *seq)?;
            Done::Nothing
        }
        // Handled by the writer: neither can be done inside a transaction.
        Work::LimitPages(_) | Work::Retain(..) => Done::Nothing,
        #[cfg(test)]
        Work::Fail(failure) => return Err(ApplyError::Made(failure.clone())),
    };
    Ok(Ok(done))
}

/// The cursor of a durable subscriber, as it stands in the journal as it is.
fn open_cursor(
    connection: &Connection,
    head: u64,
    subscriber: &str,
    at_head: bool,
    patterns: Option<&PatternSet>,
    now: Timestamp,
) -> rusqlite::Result<Finished> {
    let pruned = prune::anchor(connection)?.map_or(0, |anchor| anchor.seq);
    let start = if at_head { head } else { pruned };
    let texts: Option<Vec<_>> = patterns.map(|patterns| patterns.iter().map(Pattern::as_str).collect());
    connection
        .prepare_cached(
            "INSERT INTO cursors (subscriber, seq, updated, patterns) VALUES (?1, ?2, ?3, ?6) \
             ON CONFLICT (subscriber) DO UPDATE SET updated = ?3, patterns = ?6, \
             ahead = CASE WHEN seq > ?4 THEN NULL ELSE ahead END, seq = max(min(seq, ?4), ?5)",
        )?
        .execute(params![
            subscriber,
            rows::column(start),
            now.0,
            rows::column(head),
            rows::column(pruned),
            texts.map(|texts| texts.join(" "))
        ])?;
    let mut found = cursor(connection, subscriber)?.unwrap_or_default();
    let before = found.ahead.len();
    // Of a journal cut since, where those seqs are other events now; or pruned, with the cursor beyond them.
    found.ahead.retain(|seq| *seq <= head && *seq > found.upto);
    if found.ahead.len() < before {
        connection
            .prepare_cached("UPDATE cursors SET ahead = ?2 WHERE subscriber = ?1")?
            .execute(params![subscriber, ahead_column(&found.ahead)])?;
    }
    Ok(found)
}

/// Removes a dead letter; says how many there were, which is one or none.
fn drop_letter(connection: &Connection, subscriber: &str, seq: u64) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("DELETE FROM dead_letters WHERE subscriber = ?1 AND seq = ?2")?
        .execute(params![subscriber, rows::column(seq)])
}

/// What a subscriber finished, where it has a cursor.
fn cursor(connection: &Connection, subscriber: &str) -> rusqlite::Result<Option<Finished>> {
    let mut statement = connection.prepare_cached("SELECT seq, ahead FROM cursors WHERE subscriber = ?1")?;
    statement.query_row([subscriber], finished).optional()
}

/// What is finished, of a row that begins with a cursor's `seq` and `ahead`.
pub(super) fn finished(row: &rusqlite::Row<'_>) -> rusqlite::Result<Finished> {
    let ahead: Option<Vec<u8>> = row.get(1)?;
    let ahead = ahead.iter().flat_map(|bytes| bytes.as_chunks().0).map(|bytes| u64::from_be_bytes(*bytes));
    Ok(Finished { upto: rows::seq(row.get(0)?), ahead: ahead.collect() })
}

/// Eight bytes a seq, the highest first; NULL for none, which is what nearly every subscriber has.
fn ahead_column(ahead: &[u64]) -> Option<Vec<u8>> {
    (!ahead.is_empty()).then(|| ahead.iter().flat_map(|seq| seq.to_be_bytes()).collect())
}

fn append_all(
    connection: &Connection,
    tip: &mut Tip,
    events: &[Event],
    committed: &mut Vec<Arc<Event>>,
) -> Result<Vec<Receipt>, ApplyError> {
    events.iter().map(|event| append(connection, tip, event, committed)).collect()
}

/// Appends one event, or finds the receipt of the one that has its id.
pub(super) fn append(
    connection: &Connection,
    tip: &mut Tip,
    event: &Event,
    committed: &mut Vec<Arc<Event>>,
) -> Result<Receipt, ApplyError> {
    let event = Event { seq: tip.seq + 1, ..event.clone() };
    if rows::insert(connection, tip, &event)? {
        let receipt = Receipt { seq: event.seq, id: event.id, duplicate: false };
        committed.push(Arc::new(event));
        return Ok(receipt);
    }
    let first = seq_of(connection, event.id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    Ok(Receipt { seq: first, id: event.id, duplicate: true })
}

/// Where the event with this id is, by its index.
pub(super) fn seq_of(connection: &Connection, id: Uuid) -> rusqlite::Result<Option<u64>> {
    let mut statement = connection.prepare_cached("SELECT seq FROM events WHERE id = ?1")?;
    Ok(statement.query_row([id.as_bytes()], |row| row.get(0)).optional()?.map(rows::seq))
}

fn complete(connection: &Connection, unit: &Unit) -> rusqlite::Result<()> {
    for write in &unit.store {
        match &write.value {
            Some(value) => connection
                .prepare_cached("INSERT OR REPLACE INTO plugin_store VALUES (?1, ?2, ?3)")?
                .execute(params![unit.subscriber, write.key, value])?,
            None => connection
                .prepare_cached("DELETE FROM plugin_store WHERE plugin = ?1 AND key = ?2")?
                .execute(params![unit.subscriber, write.key])?,
        };
    }
    if let Some(letter) = &unit.dead_letter {
        connection.prepare_cached("INSERT OR REPLACE INTO dead_letters VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(
            params![
                letter.subscriber,
                rows::column(letter.seq),
                letter.cause,
                letter.message,
                letter.tries,
                letter.at.0
            ],
        )?;
    }
    // One that finished nothing new does not move the cursor back.
    connection
        .prepare_cached(
            "INSERT INTO cursors (subscriber, seq, updated, ahead, patterns) VALUES (?1, ?2, ?3, ?4, NULL) ON CONFLICT (subscriber) \
             DO UPDATE SET seq = max(seq, excluded.seq), updated = excluded.updated, ahead = excluded.ahead",
        )?
        .execute(params![unit.subscriber, rows::column(unit.finished), unit.now.0, ahead_column(&unit.ahead.seqs)])
        .map(|_| ())
}

/// The sessions of the database, least recently saved first, at most `limit`.
pub(super) fn load_sessions(connection: &Connection, limit: usize) -> Result<Vec<Session>, JournalError> {
    let read = || -> rusqlite::Result<Vec<Session>> {
        let mut statement = connection.prepare_cached(
            "SELECT * FROM (SELECT id, agent, chat_id, user_id, roots, seen, village, repo FROM sessions ORDER BY seen DESC LIMIT ?1) \
             ORDER BY seen",
        )?;
        let sessions = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            let roots: String = row.get(4)?;
            let roots: Vec<std::path::PathBuf> = serde_json::from_str(&roots).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, Box::new(error))
            })?;
            Ok(Session {
                id: row.get(0)?,
                agent: row.get(1)?,
                chat_id: row.get(2)?,
                user_id: row.get(3)?,
                roots,
                village: row.get(6)?,
                repo: row.get(7)?,
            })
        })?;
        sessions.collect()
    };
    read().map_err(super::failure::read_error)
}
