//! Rows of the events table: an event to columns and back, and the hash that chains them.
//!
//! Knows SQL and hashing. Knows nothing of requests, groups or threads.

use super::types::DeadLetter;
use crate::event::{Entity, Event};
use crate::time::Timestamp;
use rusqlite::{Connection, Row, params};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use tollgate_events::EventType;
use uuid::Uuid;

/// SHA-256.
pub(super) type Hash = [u8; 32];

/// The columns that [`read_event`] reads, in its order.
pub(super) const EVENT_COLUMNS: &str =
    "seq, id, type, ts, source, entity_kind, entity_id, session, root, depth, payload";

const INSERT: &str = "INSERT INTO events (seq, id, type, ts, source, entity_kind, entity_id, session, root, depth, \
     payload, payload_hash, prev_hash, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
     ON CONFLICT (id) DO NOTHING";

/// The last committed row: what the next one is chained to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tip {
    pub(super) seq: u64,
    pub(super) hash: Hash,
}

/// The hash that the first row of a journal is chained to: bound to the epoch, so that rows of another
/// journal do not fit.
pub(super) fn genesis(epoch: u64) -> Hash {
    Sha256::new().chain_update(b"tollgate journal ").chain_update(epoch.to_le_bytes()).finalize().into()
}

/// Hash of a payload's text.
pub(super) fn payload_hash(payload: &str) -> Hash {
    Sha256::digest(payload.as_bytes()).into()
}

/// Hash of a row: over the previous row's, every field, and the payload's hash. Texts carry their length,
/// so no two different rows hash the same bytes.
pub(super) fn row_hash(previous: &Hash, event: &Event, payload_hash: &Hash) -> Hash {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(event.seq.to_le_bytes());
    hash.update(event.id.as_bytes());
    hash.update(event.ts.0.to_le_bytes());
    hash.update(event.root.as_bytes());
    hash.update([event.depth]);
    for text in [
        Some(event.event_type.as_str()),
        Some(&*event.source),
        event.entity.as_ref().map(|entity| &*entity.kind),
        event.entity.as_ref().map(|entity| &*entity.id),
        event.session.as_deref(),
    ] {
        match text {
            Some(text) => {
                hash.update([1]);
                hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
                hash.update(text.as_bytes());
            }
            None => hash.update([0]),
        }
    }
    hash.update(payload_hash);
    hash.finalize().into()
}

/// Inserts `event` after `tip` and moves `tip`; false and nothing moved where its id is in the journal already.
pub(super) fn insert(connection: &Connection, tip: &mut Tip, event: &Event) -> rusqlite::Result<bool> {
    let payload_hash = payload_hash(&event.payload);
    let hash = row_hash(&tip.hash, event, &payload_hash);
    let inserted = connection.prepare_cached(INSERT)?.execute(params![
        column(event.seq),
        event.id.as_bytes(),
        event.event_type.as_str(),
        event.ts.0,
        &*event.source,
        event.entity.as_ref().map(|entity| &*entity.kind),
        event.entity.as_ref().map(|entity| &*entity.id),
        event.session.as_deref(),
        event.root.as_bytes(),
        event.depth,
        &*event.payload,
        payload_hash,
        tip.hash,
        hash,
    ])?;
    if inserted == 0 {
        return Ok(false);
    }
    *tip = Tip { seq: event.seq, hash };
    Ok(true)
}

/// Shares the few names that repeat in the rows of one read.
#[derive(Default)]
pub(super) struct Interner {
    types: HashMap<Box<str>, EventType>,
    names: HashMap<Box<str>, Arc<str>>,
}

/// Most different names that one read remembers; more are not shared.
const INTERNED_NAMES: usize = 256;

impl Interner {
    pub(super) fn event_type(&mut self, text: &str) -> rusqlite::Result<EventType> {
        if let Some(known) = self.types.get(text) {
            return Ok(known.clone());
        }
        let parsed = EventType::parse(text).map_err(|error| bad_column(2, error))?;
        if self.types.len() < INTERNED_NAMES {
            self.types.insert(text.into(), parsed.clone());
        }
        Ok(parsed)
    }

    fn name(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.names.get(text) {
            return Arc::clone(known);
        }
        let shared: Arc<str> = text.into();
        if self.names.len() < INTERNED_NAMES {
            self.names.insert(text.into(), Arc::clone(&shared));
        }
        shared
    }
}

/// Reads a row of [`EVENT_COLUMNS`] whose type is parsed already.
pub(super) fn read_event(row: &Row<'_>, event_type: EventType, interner: &mut Interner) -> rusqlite::Result<Event> {
    let kind = row.get_ref(5)?.as_str_or_null()?;
    let id = row.get_ref(6)?.as_str_or_null()?;
    let entity = match (kind, id) {
        (Some(kind), Some(id)) => Some(Entity { kind: interner.name(kind), id: interner.name(id) }),
        _ => None,
    };
    Ok(Event {
        seq: seq(row.get(0)?),
        id: uuid(row, 1)?,
        event_type,
        ts: Timestamp(row.get(3)?),
        source: interner.name(row.get_ref(4)?.as_str()?),
        entity,
        session: row.get_ref(7)?.as_str_or_null()?.map(|session| interner.name(session)),
        root: uuid(row, 8)?,
        depth: row.get(9)?,
        payload: row.get_ref(10)?.as_str()?.into(),
    })
}

/// A row of the dead letters: subscriber, seq, cause, message, tries, at.
pub(super) fn dead_letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        subscriber: row.get(0)?,
        seq: seq(row.get(1)?),
        cause: row.get(2)?,
        message: row.get(3)?,
        tries: row.get(4)?,
        at: Timestamp(row.get(5)?),
    })
}

pub(super) fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    Uuid::from_slice(row.get_ref(column)?.as_blob()?).map_err(|error| bad_column(column, error))
}

fn bad_column(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

/// A seq as SQLite stores it. A journal holds fewer than 2^63 events.
pub(super) fn column(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// A stored seq; a negative one, which we never write and `verify` names, reads as 0.
pub(super) fn seq(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}
