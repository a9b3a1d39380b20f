//! Checking the hash chain row by row, from where the journal was pruned, and against a head kept elsewhere.
//!
//! Reads only; works on a journal that a running host writes to, in short transactions.

use super::failure::read_error;
use super::redact::{self, Redactions};
use super::rows::{self, EVENT_COLUMNS, Hash, Interner, Tip};
use super::types::{BadRow, Head, HeadCheck, JournalError, Verification};
use super::{prune, schema};
use rusqlite::{Connection, OptionalExtension, Row};
use std::path::Path;
use uuid::Uuid;

/// Rows checked in one transaction.
const ROWS_A_TIME: usize = 1_000;

/// Checks every row of the journal at `path` against its own hash and its predecessor's.
///
/// Finds changed, exchanged, inserted, missing and unreadable rows, and a payload that was blanked without a
/// `journal.redacted` that says so. A tail that was cut off whole shows only against a head kept elsewhere.
///
/// # Errors
/// When the file cannot be opened or read, or is not a journal.
pub fn verify(path: &Path) -> Result<Verification, JournalError> {
    verify_against(path, None)
}

/// As [`verify`], and says of a head that was kept elsewhere whether the journal still holds it.
///
/// # Errors
/// As [`verify`].
pub fn verify_against(path: &Path, kept: Option<&Head>) -> Result<Verification, JournalError> {
    let (connection, epochs) = schema::open_known(path)?;
    let anchor = prune::anchor(&connection).map_err(read_error)?;
    let begin = anchor.unwrap_or(Tip { seq: 0, hash: rows::genesis(epochs.chain) });
    let mut found = Verification {
        checked: 0,
        head: begin.seq,
        head_hash: begin.hash,
        pruned: begin.seq,
        redacted: 0,
        bad: None,
        kept: None,
    };
    let mut redactions = Redactions::default();
    loop {
        let before = found.checked;
        check_rows(&connection, &mut found, &mut redactions).map_err(read_error)?;
        if found.bad.is_some() || found.checked == before {
            break;
        }
    }
    if let Some(kept) = kept {
        found.kept = Some(check_head(&connection, epochs.chain, &found, kept).map_err(read_error)?);
    }
    Ok(found)
}

/// The last event of the journal at `path` and its hash: what, kept elsewhere, shows that it was cut.
///
/// # Errors
/// When the file cannot be opened or read, or is not a journal.
pub fn head_of(path: &Path) -> Result<Head, JournalError> {
    let (connection, epochs) = schema::open_known(path)?;
    let tip = schema::tip(&connection, epochs.chain).map_err(read_error)?;
    Ok(Head { journal: epochs.chain, seq: tip.seq, hash: tip.hash })
}

/// Whether the rows that were found good hold `kept`.
fn check_head(connection: &Connection, chain: u64, found: &Verification, kept: &Head) -> rusqlite::Result<HeadCheck> {
    if kept.journal != chain {
        return Ok(HeadCheck::OtherJournal);
    }
    // A host may have pruned more meanwhile: where it begins and what it holds is read at one time.
    let connection = &*connection.unchecked_transaction()?;
    let begin = prune::anchor(connection)?.unwrap_or(Tip { seq: 0, hash: rows::genesis(chain) });
    if kept.seq < begin.seq {
        return Ok(HeadCheck::Pruned);
    }
    if kept.seq > found.head {
        return Ok(HeadCheck::Missing);
    }
    let hash = if kept.seq == begin.seq {
        Some(begin.hash)
    } else {
        let wanted = [rows::column(kept.seq)];
        connection.query_row("SELECT hash FROM events WHERE seq = ?1", wanted, |row| row.get(0)).optional()?
    };
    Ok(if hash == Some(kept.hash) { HeadCheck::Holds } else { HeadCheck::Differs })
}

/// Checks the next rows, until one is bad.
fn check_rows(connection: &Connection, found: &mut Verification, redactions: &mut Redactions) -> rusqlite::Result<()> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS}, payload_hash, prev_hash, hash FROM events WHERE seq >= ?1 ORDER BY seq LIMIT {ROWS_A_TIME}"
    );
    // A host may have pruned more meanwhile: what is left is chained to the anchor of this moment.
    let connection = &*connection.unchecked_transaction()?;
    if let Some(anchor) = prune::anchor(connection)?.filter(|anchor| anchor.seq > found.head) {
        (found.head, found.head_hash, found.pruned) = (anchor.seq, anchor.hash, anchor.seq);
    }
    // From the very first row on: one before 1, or before what was pruned, is none of ours.
    let from = if found.checked == 0 { i64::MIN } else { rows::column(found.head + 1) };
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([from])?;
    let mut interner = Interner::default();
    loop {
        let checked = match rows.next() {
            Ok(Some(row)) => check_row(row, found, &mut interner),
            Ok(None) => return Ok(()),
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
                let mend = "`tollgate journal export --salvage --out FILE` writes all that can be";
                Err(format!("cannot be read: {error}; {mend}"))
            }
            Err(error) => return Err(error),
        };
        found.checked += 1;
        let checked = match checked {
            Ok(Checked { blanked: Some(id), .. }) if !redactions.has(connection, found.head + 1, id)? => {
                Err("has a blank payload, and no journal.redacted says so".to_owned())
            }
            checked => checked,
        };
        match checked {
            Ok(Checked { hash, blanked }) => {
                found.head += 1;
                found.head_hash = hash;
                found.redacted += u64::from(blanked.is_some());
            }
            Err(reason) => {
                found.bad = Some(BadRow { seq: found.head + 1, reason });
                return Ok(());
            }
        }
    }
}

/// A row that is chained to the one before it.
struct Checked {
    hash: Hash,
    /// Its id, where its payload is the one that redacting leaves, and not the one that was recorded.
    blanked: Option<Uuid>,
}

/// The row's hash, or why it does not follow its predecessor.
fn check_row(row: &Row<'_>, found: &Verification, interner: &mut Interner) -> Result<Checked, String> {
    let unreadable = |error: rusqlite::Error| format!("cannot be read: {error}");
    let seq: i64 = row.get(0).map_err(unreadable)?;
    if seq != rows::column(found.head + 1) {
        return Err(format!("is missing; the next row is {seq}"));
    }
    let text = row.get_ref(2).map_err(unreadable)?.as_str().map_err(|error| unreadable(error.into()))?;
    let event_type = interner.event_type(text).map_err(unreadable)?;
    let event = rows::read_event(row, event_type, interner).map_err(unreadable)?;
    let payload_hash: Hash = row.get(11).map_err(unreadable)?;
    let previous: Hash = row.get(12).map_err(unreadable)?;
    let hash: Hash = row.get(13).map_err(unreadable)?;
    if previous != found.head_hash {
        return Err("is not chained to the row before it".to_owned());
    }
    let blanked = rows::payload_hash(&event.payload) != payload_hash;
    if blanked && *event.payload != *redact::BLANK {
        return Err("has another payload than the one recorded".to_owned());
    }
    if rows::row_hash(&previous, &event, &payload_hash) != hash {
        return Err("has another field than the one recorded".to_owned());
    }
    Ok(Checked { hash, blanked: blanked.then_some(event.id) })
}
