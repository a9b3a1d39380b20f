//! Checking the hash chain row by row, and counting what a journal holds.
//!
//! Reads only; works on a journal that a running host writes to, in short transactions.

use super::failure::read_error;
use super::rows::{self, EVENT_COLUMNS, Hash, Interner};
use super::types::{BadRow, JournalError, Stats, Verification};
use super::{schema, types};
use rusqlite::{Connection, Row};
use std::path::Path;

/// Rows checked in one transaction.
const ROWS_A_TIME: usize = 1_000;

/// Checks every row of the journal at `path` against its own hash and its predecessor's.
///
/// Finds changed, exchanged, inserted and missing rows, a blanked payload included. A tail that was cut off
/// whole shows only against a head hash kept elsewhere.
///
/// # Errors
/// When the file cannot be opened or read, or is not a journal.
pub fn verify(path: &Path) -> Result<Verification, JournalError> {
    let (connection, epochs) = schema::open_known(path)?;
    let mut found = Verification { checked: 0, head: 0, head_hash: rows::genesis(epochs.chain), bad: None };
    loop {
        let before = found.checked;
        check_rows(&connection, &mut found).map_err(read_error)?;
        if found.bad.is_some() || found.checked == before {
            return Ok(found);
        }
    }
}

/// Checks the next rows, until one is bad.
fn check_rows(connection: &Connection, found: &mut Verification) -> rusqlite::Result<()> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS}, payload_hash, prev_hash, hash FROM events WHERE seq >= ?1 ORDER BY seq LIMIT {ROWS_A_TIME}"
    );
    // From the very first row on: one before 1 is none of ours.
    let from = if found.checked == 0 { i64::MIN } else { rows::column(found.head + 1) };
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([from])?;
    let mut interner = Interner::default();
    while let Some(row) = rows.next()? {
        found.checked += 1;
        match check_row(row, found, &mut interner) {
            Ok(hash) => {
                found.head += 1;
                found.head_hash = hash;
            }
            Err(reason) => {
                found.bad = Some(BadRow { seq: found.head + 1, reason });
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The row's hash, or why it does not follow its predecessor.
fn check_row(row: &Row<'_>, found: &Verification, interner: &mut Interner) -> Result<Hash, String> {
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
    if rows::payload_hash(&event.payload) != payload_hash {
        return Err("has another payload than the one recorded".to_owned());
    }
    if rows::row_hash(&previous, &event, &payload_hash) != hash {
        return Err("has another field than the one recorded".to_owned());
    }
    Ok(hash)
}

/// Sizes, cursors and counts of the journal at `path`, with or without a host on it.
///
/// # Errors
/// When the file cannot be opened or read, or is not a journal.
pub fn stats_of(path: &Path) -> Result<Stats, JournalError> {
    let (connection, epochs) = schema::open_known(path)?;
    stats(&connection, path, epochs.cursors).map_err(read_error)
}

/// Counts without reading the events: seqs have no gaps.
pub(super) fn stats(connection: &Connection, path: &Path, epoch: u64) -> rusqlite::Result<types::Stats> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
    let first = number("SELECT min(seq) FROM events")?.map_or(0, rows::seq);
    let head = number("SELECT max(seq) FROM events")?.map_or(0, rows::seq);
    let dead_letters = number("SELECT count(*) FROM dead_letters")?.map_or(0, rows::seq);
    let mut statement = connection.prepare_cached("SELECT subscriber, seq FROM cursors ORDER BY subscriber")?;
    let cursors = statement
        .query_map([], |row| Ok((row.get(0)?, rows::seq(row.get(1)?))))?
        .collect::<rusqlite::Result<Vec<(String, u64)>>>()?;
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    Ok(Stats {
        epoch,
        first,
        head,
        events: if head == 0 { 0 } else { head - first + 1 },
        bytes: size(path),
        wal_bytes: size(Path::new(&wal)),
        cursors,
        dead_letters,
    })
}
