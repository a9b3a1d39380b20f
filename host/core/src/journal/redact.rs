//! Blanking one event's payload: the chain is over the payload's hash, so it still verifies, and a
//! `journal.redacted` in the chain says that it was done.

use super::prune::fact;
use super::rows::{self, Tip};
use super::types::JournalError;
use super::work::{ApplyError, append};
use crate::event::Event;
use crate::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;
use std::sync::Arc;
use tollgate_events::payload::JOURNAL_REDACTED;
use uuid::Uuid;

/// What stands in the place of a payload that was redacted.
pub const BLANK: &str = r#"{"redacted":true}"#;

/// An event whose payload is, or would be, redacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    /// Which.
    pub seq: u64,
    /// Its id.
    pub id: Uuid,
    /// Its type.
    pub event_type: String,
    /// When it happened.
    pub ts: Timestamp,
    /// Bytes of its payload as it stands.
    pub bytes: u64,
    /// It was redacted before: nothing is left to do.
    pub already: bool,
}

/// The event `seq`, to be redacted; none where it is not kept.
pub(super) fn look(connection: &Connection, seq: u64) -> rusqlite::Result<Option<Redaction>> {
    connection
        .query_row(
            "SELECT type, ts, payload, payload_hash, id FROM events WHERE seq = ?1",
            [rows::column(seq)],
            |row| {
                let payload = row.get_ref(2)?.as_str()?;
                Ok(Redaction {
                    seq,
                    id: rows::uuid(row, 4)?,
                    event_type: row.get(0)?,
                    ts: Timestamp(row.get(1)?),
                    bytes: u64::try_from(payload.len()).unwrap_or(u64::MAX),
                    already: payload == BLANK && rows::payload_hash(payload) != row.get::<_, rows::Hash>(3)?,
                })
            },
        )
        .optional()
}

/// Blanks the payload and appends the event that says so, within the running transaction.
pub(super) fn apply(
    connection: &Connection,
    tip: &mut Tip,
    wanted: &Redaction,
    now: Timestamp,
    committed: &mut Vec<Arc<Event>>,
) -> Result<Result<(), JournalError>, ApplyError> {
    let body = serde_json::json!({"seq": wanted.seq, "id": wanted.id.to_string(), "type": wanted.event_type, "bytes": wanted.bytes});
    let told = match fact(JOURNAL_REDACTED, &body, now) {
        Ok(told) => told,
        Err(error) => return Ok(Err(error)),
    };
    connection.execute("UPDATE events SET payload = ?2 WHERE seq = ?1", params![rows::column(wanted.seq), BLANK])?;
    append(connection, tip, &told, committed)?;
    Ok(Ok(()))
}

/// Which events the journal itself says were redacted. Read from it only once a blank payload is met, and again
/// for one that is not among them: somebody may redact while this reads.
#[derive(Default)]
pub(super) struct Redactions {
    /// By id, since seqs in imported events are another journal's: the seq of the last event that says so.
    told: BTreeMap<Uuid, u64>,
    read_upto: u64,
}

impl Redactions {
    /// Whether an event after `seq` says that the one with this id, which stands there, was redacted.
    pub(super) fn has(&mut self, connection: &Connection, seq: u64, id: Uuid) -> rusqlite::Result<bool> {
        if !self.told.contains_key(&id) {
            self.read_on(connection)?;
        }
        Ok(self.told.get(&id).is_some_and(|told| *told > seq))
    }

    fn read_on(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let sql = "SELECT seq, payload FROM events WHERE type = ?1 AND source = 'core' AND seq > ?2 ORDER BY seq";
        let mut statement = connection.prepare_cached(sql)?;
        let mut found = statement.query(params![JOURNAL_REDACTED, rows::column(self.read_upto)])?;
        while let Some(row) = found.next()? {
            self.read_upto = rows::seq(row.get(0)?);
            let payload: Result<serde_json::Value, _> = serde_json::from_str(row.get_ref(1)?.as_str()?);
            // One that names no event says nothing of any.
            let id = payload.ok().and_then(|payload| payload.get("id")?.as_str()?.parse().ok());
            if let Some(id) = id {
                self.told.insert(id, self.read_upto);
            }
        }
        Ok(())
    }
}
