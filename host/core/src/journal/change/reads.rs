//! Reading what changes left: interactions, grants, queued messages. On the caller's thread, as all of the
//! journal's reads.

use super::sql::{COLUMNS, interaction};
use super::{Queued, sql};
use crate::interactions::{Filter, Grant, Interaction};
use crate::journal::failure::read_error;
use crate::journal::{Backend, Journal, JournalError};
use crate::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, params};

impl Journal {
    pub(crate) fn interaction(&self, id: &str) -> Result<Option<Interaction>, JournalError> {
        match self.backend()? {
            Backend::Ring(ring) => Ok(ring.with_kept(|kept| kept.interaction(id))),
            Backend::Sqlite { readers, .. } => readers.with(|connection| {
                let sql = format!("SELECT {COLUMNS} FROM interactions WHERE id = ?1");
                let mut statement = connection.prepare_cached(&sql).map_err(read_error)?;
                statement.query_row([id], sql::interaction).optional().map_err(read_error)
            }),
        }
    }

    /// The newest first.
    pub(crate) fn interactions(&self, filter: &Filter) -> Result<Vec<Interaction>, JournalError> {
        match self.backend()? {
            Backend::Ring(ring) => Ok(ring.with_kept(|kept| kept.interactions(filter))),
            Backend::Sqlite { readers, .. } => readers.with(|connection| {
                let tail = "WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR kind = ?2) \
                            AND (?3 IS NULL OR chat_id = ?3) AND (?4 IS NULL OR session = ?4) \
                            ORDER BY rowid DESC LIMIT ?5";
                let state = filter.state.map(|state| state.as_str());
                let kind = filter.kind.map(|kind| kind.as_str());
                let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
                read(connection, tail, params![state, kind, filter.chat_id, filter.session, limit])
            }),
        }
    }

    /// Those that ran out by `now` and are still pending, at most `limit`.
    pub(crate) fn due_interactions(&self, now: Timestamp, limit: usize) -> Result<Vec<Interaction>, JournalError> {
        match self.backend()? {
            Backend::Ring(ring) => Ok(ring.with_kept(|kept| kept.due(now, limit))),
            Backend::Sqlite { readers, .. } => readers.with(|connection| {
                let tail = "WHERE state = 'pending' AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2";
                read(connection, tail, params![now.0, i64::try_from(limit).unwrap_or(i64::MAX)])
            }),
        }
    }

    /// When the next pending interaction runs out.
    pub(crate) fn next_expiry(&self) -> Result<Option<Timestamp>, JournalError> {
        match self.backend()? {
            Backend::Ring(ring) => Ok(ring.with_kept(|kept| kept.next_expiry())),
            Backend::Sqlite { readers, .. } => readers.with(|connection| {
                let sql = "SELECT min(expires_at) FROM interactions WHERE state = 'pending'";
                let read = || connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, Option<i64>>(0));
                Ok(read().map_err(read_error)?.map(Timestamp))
            }),
        }
    }

    /// An approval of this call, given at or after `since`, that no call has used yet.
    pub(crate) fn approval(&self, call: &[u8; 32], since: Timestamp) -> Result<Option<Interaction>, JournalError> {
        match self.backend()? {
            Backend::Ring(ring) => Ok(ring.with_kept(|kept| kept.approval(call, since))),
            Backend::Sqlite { readers, .. } => readers.with(|connection| {
                let tail = "WHERE call_hash = ?1 AND unspent = 1 AND settled_at >= ?2 ORDER BY settled_at LIMIT 1";
                Ok(read(connection, tail, params![call, since.0])?.pop())
            }),
        }
    }

    /// The grants of one session, or all.
    pub(crate) fn grants(&self, session: Option<&str>) -> Result<Vec<Grant>, JournalError> {
        match self.backend()? {
            Backend::Ring(ring) => Ok(ring.with_kept(|kept| kept.grants(session))),
            Backend::Sqlite { readers, .. } => readers.with(|connection| {
                let sql = "SELECT session, key, given_by, given_at FROM grants WHERE ?1 IS NULL OR session = ?1 \
                           ORDER BY given_at, rowid";
                let read = || -> rusqlite::Result<Vec<Grant>> {
                    let mut statement = connection.prepare_cached(sql)?;
                    let grants = statement.query_map([session], |row| {
                        Ok(Grant {
                            session: row.get(0)?,
                            key: row.get(1)?,
                            given_by: row.get(2)?,
                            given_at: Timestamp(row.get(3)?),
                        })
                    })?;
                    grants.collect()
                };
                read().map_err(read_error)
            }),
        }
    }

    /// The messages that wait, in the order in which they were queued.
    pub(crate) fn queued_messages(&self) -> Result<Vec<Queued>, JournalError> {
        match self.backend()? {
            Backend::Ring(ring) => Ok(ring.with_kept(|kept| kept.queued())),
            Backend::Sqlite { readers, .. } => readers.with(|connection| {
                let sql = "SELECT id, chat_id, user_id, text FROM queued_messages ORDER BY position";
                let read = || -> rusqlite::Result<Vec<Queued>> {
                    let mut statement = connection.prepare_cached(sql)?;
                    let queued = statement.query_map([], |row| {
                        Ok(Queued { id: row.get(0)?, chat_id: row.get(1)?, user_id: row.get(2)?, text: row.get(3)? })
                    })?;
                    queued.collect()
                };
                read().map_err(read_error)
            }),
        }
    }
}

fn read(connection: &Connection, tail: &str, values: impl Params) -> Result<Vec<Interaction>, JournalError> {
    let read = || -> rusqlite::Result<Vec<Interaction>> {
        let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM interactions {tail}"))?;
        statement.query_map(values, interaction)?.collect()
    };
    read().map_err(read_error)
}
