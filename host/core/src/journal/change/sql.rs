//! Changes as SQL, inside the writer's running transaction; and the rows as they are read.

use super::{Change, End, Queued, Refusal};
use crate::interactions::{
    Bound, Grant, Interaction, KEPT_SETTLED, Kind, MAX_GRANTS, MAX_PENDING, MAX_PENDING_PER_SESSION, State,
    spendable_since,
};
use crate::time::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::sync::Arc;

/// The columns that [`interaction`] reads, in its order.
pub(super) const COLUMNS: &str = "id, kind, chat_id, session, text, options, details, asked_by, asked_at, \
     expires_at, state, decision, answer, resolved_by, settled_at, unspent, call_hash, grant_key";

/// Makes one change; the inner error is a refusal that wrote nothing.
pub(in crate::journal) fn change(connection: &Connection, change: &Change) -> rusqlite::Result<Result<(), Refusal>> {
    match change {
        Change::Ask(asked) => ask(connection, asked),
        Change::Settle { id, end, grant } => settle(connection, id, end, grant.as_ref()),
        Change::Spend { id, since } => one_row(
            connection
                .prepare_cached(
                    "UPDATE interactions SET unspent = 0 WHERE id = ?1 AND unspent = 1 AND settled_at >= ?2",
                )?
                .execute(params![id, since.0])?,
        ),
        Change::UseGrant { session, key } => {
            let found = connection
                .prepare_cached("SELECT 1 FROM grants WHERE session = ?1 AND key = ?2")?
                .exists(params![session, key])?;
            one_row(usize::from(found))
        }
        Change::Revoke { session, key } => one_row(
            connection
                .prepare_cached("DELETE FROM grants WHERE session = ?1 AND key = ?2")?
                .execute(params![session, key])?,
        ),
        Change::Queue { put, taken } => queue(connection, put.as_ref(), taken.as_deref()),
        Change::PutBack(queued) => {
            let before = "(SELECT coalesce(min(position), 0) - 1 FROM queued_messages)";
            put(connection, before, queued)?;
            Ok(Ok(()))
        }
    }
}

fn one_row(rows: usize) -> rusqlite::Result<Result<(), Refusal>> {
    Ok(if rows == 0 { Err(Refusal::NotThere) } else { Ok(()) })
}

fn ask(connection: &Connection, asked: &Interaction) -> rusqlite::Result<Result<(), Refusal>> {
    let call = asked.bound.as_ref().map(|bound| bound.call);
    let same: Option<Arc<str>> = connection
        .prepare_cached(
            "SELECT id FROM interactions WHERE id = ?1 UNION ALL SELECT id FROM interactions WHERE call_hash = ?2 \
             AND (state = 'pending' AND (expires_at IS NULL OR expires_at > ?3) OR unspent = 1 AND settled_at >= ?4) \
             LIMIT 1",
        )?
        .query_row(params![asked.id, call, asked.asked_at.0, spendable_since(asked.asked_at).0], |row| row.get(0))
        .optional()?;
    if let Some(same) = same {
        return Ok(Err(Refusal::Asked(same)));
    }
    let (all, own): (i64, i64) = connection
        .prepare_cached(
            "SELECT count(*), coalesce(sum(session IS ?1 AND (?1 IS NOT NULL OR chat_id = ?2)), 0) \
             FROM interactions WHERE state = 'pending'",
        )?
        .query_row(params![asked.session, asked.chat_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (count, most) in [(all, MAX_PENDING), (own, MAX_PENDING_PER_SESSION)] {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count >= most {
            return Ok(Err(Refusal::TooMany(count)));
        }
    }
    let options = serde_json::Value::from(asked.options.clone()).to_string();
    connection
        .prepare_cached(&format!(
            "INSERT INTO interactions ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'pending', \
             NULL, NULL, NULL, NULL, 0, ?11, ?12)"
        ))?
        .execute(params![
            asked.id,
            asked.kind.as_str(),
            asked.chat_id,
            asked.session,
            asked.text,
            options,
            asked.details,
            asked.asked_by,
            asked.asked_at.0,
            asked.expires_at.map(|expires| expires.0),
            call,
            asked.bound.as_ref().and_then(|bound| bound.grant.as_deref()),
        ])?;
    Ok(Ok(()))
}

fn settle(
    connection: &Connection,
    id: &str,
    end: &End,
    grant: Option<&Grant>,
) -> rusqlite::Result<Result<(), Refusal>> {
    let changed = connection
        .prepare_cached(
            "UPDATE interactions SET state = ?2, decision = ?3, answer = ?4, resolved_by = ?5, settled_at = ?6, \
             unspent = ?7 WHERE id = ?1 AND state = 'pending' \
             AND (expires_at IS NOT NULL AND expires_at <= ?6) = ?8",
        )?
        .execute(params![
            id,
            end.state.as_str(),
            end.decision,
            end.answer,
            end.by,
            end.at.0,
            end.unspent,
            end.wants_due()
        ])?;
    if changed == 0 {
        return Ok(Err(Refusal::NotThere));
    }
    if let Some(grant) = grant {
        connection
            .prepare_cached("INSERT OR REPLACE INTO grants (session, key, given_by, given_at) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![grant.session, grant.key, grant.given_by, grant.given_at.0])?;
        drop_over(connection, "grants", "given_at", "TRUE", MAX_GRANTS)?;
    }
    drop_over(connection, "interactions", "settled_at", "state <> 'pending'", KEPT_SETTLED)?;
    Ok(Ok(()))
}

/// Drops the oldest of the rows `of` a table over `most`.
fn drop_over(connection: &Connection, table: &str, by: &str, of: &str, most: usize) -> rusqlite::Result<()> {
    connection
        .prepare_cached(&format!(
            "DELETE FROM {table} WHERE rowid IN \
             (SELECT rowid FROM {table} WHERE {of} ORDER BY {by} DESC, rowid DESC LIMIT -1 OFFSET {most})"
        ))?
        .execute([])
        .map(|_| ())
}

fn queue(
    connection: &Connection,
    queued: Option<&Queued>,
    taken: Option<&str>,
) -> rusqlite::Result<Result<(), Refusal>> {
    if let Some(taken) = taken {
        let gone = connection.prepare_cached("DELETE FROM queued_messages WHERE id = ?1")?.execute([taken])?;
        if gone == 0 {
            return Ok(Err(Refusal::NotThere));
        }
    }
    if let Some(queued) = queued {
        put(connection, "NULL", queued)?;
    }
    Ok(Ok(()))
}

/// Puts a message at a position; none is the end.
fn put(connection: &Connection, position: &str, queued: &Queued) -> rusqlite::Result<()> {
    connection
        .prepare_cached(&format!(
            "INSERT INTO queued_messages (position, id, chat_id, user_id, text) VALUES ({position}, ?1, ?2, ?3, ?4)"
        ))?
        .execute(params![queued.id, queued.chat_id, queued.user_id, queued.text])
        .map(|_| ())
}

/// Reads a row of [`COLUMNS`].
pub(super) fn interaction(row: &Row<'_>) -> rusqlite::Result<Interaction> {
    let kind: String = row.get(1)?;
    let state: String = row.get(10)?;
    let options: String = row.get(5)?;
    let call: Option<[u8; 32]> = row.get(16)?;
    let grant: Option<Arc<str>> = row.get(17)?;
    Ok(Interaction {
        id: row.get(0)?,
        kind: Kind::parse(&kind).ok_or_else(|| unknown(1, &kind))?,
        chat_id: row.get(2)?,
        session: row.get(3)?,
        text: row.get(4)?,
        options: serde_json::from_str(&options)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(5, Type::Text, Box::new(error)))?,
        details: row.get(6)?,
        asked_by: row.get(7)?,
        asked_at: Timestamp(row.get(8)?),
        expires_at: row.get::<_, Option<i64>>(9)?.map(Timestamp),
        state: State::parse(&state).ok_or_else(|| unknown(10, &state))?,
        decision: row.get(11)?,
        answer: row.get(12)?,
        resolved_by: row.get(13)?,
        settled_at: row.get::<_, Option<i64>>(14)?.map(Timestamp),
        unspent: row.get(15)?,
        bound: call.map(|call| Bound { call, grant }),
    })
}

fn unknown(column: usize, name: &str) -> rusqlite::Error {
    let error = format!("`{name}` is not a name that this tollgate knows");
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
}
