//! What is done to a journal while no host runs on it: pruning, redacting, compacting, taking events in.
//!
//! The caller holds the home's lock, so that nobody else writes. Each piece of work is its own short transaction:
//! whatever ends it halfway leaves a journal that verifies, and the same again finishes it.

use super::failure::{WriteFailure, read_error};
use super::mark::Mark;
use super::prune::{self, Prune, Pruned};
use super::redact::{self, Redaction};
use super::rows::{self, Tip};
use super::schema;
use super::stats::{cursors, waiting};
use super::types::{Durability, JournalError};
use super::work::{ApplyError, append};
use super::writer::WAL_BYTES;
use crate::event::Event;
use crate::time::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tollgate_events::payload::{JOURNAL_PRUNED, JOURNAL_REDACTED};

/// Most events that one transaction takes in: enough to share a sync, few enough to hold in memory.
pub const IMPORT_EVENTS: usize = 1_000;
/// Most bytes of payload that one transaction takes in, unless its last event has more.
pub const IMPORT_BYTES: usize = 4 * 1024 * 1024;

/// A journal that no host runs on, opened to be changed.
pub struct Upkeep {
    connection: Connection,
    path: PathBuf,
    tip: Tip,
    epoch: u64,
    mark: Mark,
}

/// What was taken in, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Events that were not there.
    pub events: u64,
    /// Events whose id was there already.
    pub duplicates: u64,
}

/// Why events were not taken in. Those before the one that failed may be: the same file again takes in the rest.
#[derive(Debug, thiserror::Error)]
pub enum ImportError<E> {
    /// The journal did not take it.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The next event could not be read.
    #[error("{0}")]
    Source(E),
    /// A durable subscriber has events to finish that come before those that are taken in, and which it would not get.
    #[error(
        "{0} still has events to finish: start the host until it has, or have the imported ones handed to plugins, too"
    )]
    Behind(String),
}

impl Upkeep {
    /// Opens the journal at `path`, and makes or migrates it where needed. The caller holds the home's lock.
    ///
    /// # Errors
    /// When the file cannot be opened, is not a journal, or was written by a newer Tollgate.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let opened = schema::open_writer(path, Durability::Full, schema::MIGRATIONS)?;
        let schema::Opened { connection, epoch, tip, mark, .. } = opened;
        Ok(Self { connection, path: path.to_owned(), tip, epoch, mark })
    }

    /// Lets the oldest events go; `progress` hears after each batch what went so far. A `journal.pruned` tells of it.
    ///
    /// # Errors
    /// When the journal does not begin where it was pruned last, or cannot be written; what went until then is gone.
    pub fn prune(
        &mut self,
        wanted: &Prune,
        now: Timestamp,
        mut progress: impl FnMut(&Pruned),
    ) -> Result<Pruned, JournalError> {
        let mut all = Pruned::default();
        loop {
            let more = self.change(|change, tip| {
                let cursors = cursors(change)?;
                let batch = match prune::plan(change, wanted, &Pruned::default(), now, &cursors) {
                    Ok(batch) => batch,
                    Err(error) => return Ok(Err(error.into())),
                };
                all.add(batch.pruned.clone());
                let last = !batch.more && all.events > 0;
                let told = match last.then(|| prune::told(&all, "operator", now)).transpose() {
                    Ok(told) => told,
                    Err(error) => return Ok(Err(error)),
                };
                if batch.pruned.events > 0 {
                    prune::apply(change, tip, &batch.pruned, told.as_ref(), &mut Vec::new())?;
                } else if let Some(told) = &told {
                    append(change, tip, told, &mut Vec::new())?;
                }
                Ok(Ok(batch.more))
            })?;
            self.checkpoint(WAL_BYTES)?;
            progress(&all);
            if !more {
                return Ok(all);
            }
        }
    }

    /// Blanks the payload of one event, in the file and its write-ahead log; none where the event is not kept. A
    /// `journal.redacted` tells of it. What was redacted before is left as it is.
    ///
    /// # Errors
    /// When the event itself tells of a change of the journal, or the journal cannot be written.
    pub fn redact(&mut self, seq: u64, now: Timestamp) -> Result<Option<Redaction>, JournalError> {
        let Some(wanted) = redactable(&self.connection, seq)? else { return Ok(None) };
        if wanted.already {
            // It may have been killed before it came to the log.
            self.empty_log()?;
            return Ok(Some(wanted));
        }
        // What is freed is overwritten; without it the old payload stays in the file's free pages.
        self.connection.pragma_update(None, "secure_delete", true).map_err(write_error)?;
        self.change(|change, tip| redact::apply(change, tip, &wanted, now, &mut Vec::new()))?;
        self.empty_log()?;
        Ok(Some(wanted))
    }

    /// Leaves nothing of what was there before in the write-ahead log.
    fn empty_log(&self) -> Result<(), JournalError> {
        if self.checkpoint(0)? {
            return Ok(());
        }
        let reason =
            "another process reads the journal, so the payload is still in its files; end that, and run the same again";
        Err(JournalError::Write(reason.to_owned()))
    }

    /// Gives free pages back: bytes of the file before and after. Needs up to twice as much room again while it runs,
    /// half of it where the system keeps temporary files.
    ///
    /// # Errors
    /// When the journal cannot be written, for lack of room above all; it is then as before.
    pub fn vacuum(&mut self) -> Result<(u64, u64), JournalError> {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
        self.checkpoint(0)?;
        let before = size(&self.path);
        self.connection.execute_batch("VACUUM").map_err(write_error)?;
        self.checkpoint(0)?;
        Ok((before, size(&self.path)))
    }

    /// Takes in events that another journal recorded, each with its own id, time, source and root, and with the next
    /// seq; one whose id is there already is left out. `deliver` hands them to durable subscribers, too; without it
    /// their cursors pass over them. `progress` hears after each commit what was taken in so far.
    ///
    /// # Errors
    /// The first event that cannot be read, or the journal's error; what was taken in until then stays.
    pub fn import<E>(
        &mut self,
        events: impl IntoIterator<Item = Result<Event, E>>,
        deliver: bool,
        now: Timestamp,
        mut progress: impl FnMut(&Imported),
    ) -> Result<Imported, ImportError<E>> {
        if !deliver {
            self.check_finished(now)?;
        }
        let mut all = Imported::default();
        let mut events = events.into_iter();
        loop {
            let mut group = Vec::new();
            let mut bytes = 0;
            let mut failed = None;
            while group.len() < IMPORT_EVENTS && bytes < IMPORT_BYTES {
                match events.next() {
                    Some(Ok(event)) => {
                        bytes += event.payload.len();
                        group.push(event);
                    }
                    Some(Err(error)) => {
                        failed = Some(error);
                        break;
                    }
                    None => break,
                }
            }
            if !group.is_empty() {
                all = self.take_in(&group, deliver, all)?;
                self.checkpoint(WAL_BYTES)?;
                progress(&all);
            }
            match failed {
                Some(error) => return Err(ImportError::Source(error)),
                None if group.is_empty() => return Ok(all),
                None => {}
            }
        }
    }

    fn take_in(&mut self, group: &[Event], deliver: bool, before: Imported) -> Result<Imported, JournalError> {
        self.change(|change, tip| {
            let mut all = before;
            let mut committed: Vec<Arc<Event>> = Vec::new();
            for event in group {
                let receipt = append(change, tip, event, &mut committed)?;
                all.events += u64::from(!receipt.duplicate);
                all.duplicates += u64::from(receipt.duplicate);
            }
            if !deliver {
                change.execute("UPDATE cursors SET seq = ?1, ahead = NULL", [rows::column(tip.seq)])?;
            }
            Ok(Ok(all))
        })
    }

    /// Refuses where a durable subscriber for which events are kept has not finished all that it wants.
    fn check_finished<E>(&self, now: Timestamp) -> Result<(), ImportError<E>> {
        for held in cursors(&self.connection).map_err(read_error)? {
            let Some(patterns) = &held.patterns else { continue };
            let kept = |event: &Event| held.holds(event.ts, now);
            let left = waiting(&self.connection, &held.finished, patterns, self.tip.seq, 1, kept);
            if left.map_err(read_error)? > 0 {
                return Err(ImportError::Behind(held.subscriber));
            }
        }
        Ok(())
    }

    /// Does one piece of work in a transaction; nothing of it stays where it fails or is refused.
    fn change<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, &mut Tip) -> Result<Result<T, JournalError>, ApplyError>,
    ) -> Result<T, JournalError> {
        let mut tip = self.tip;
        let change = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(write_error)?;
        let done = work(&change, &mut tip).map_err(|error| JournalError::from(WriteFailure::from(error)))??;
        change.commit().map_err(write_error)?;
        self.tip = tip;
        Ok(done)
    }

    /// Writes the write-ahead log back once it has this many bytes; whether it was not to be, or could be.
    fn checkpoint(&self, from: u64) -> Result<bool, JournalError> {
        let log = schema::beside(&self.path, "-wal");
        if std::fs::metadata(log).map_or(0, |found| found.len()) < from {
            return Ok(true);
        }
        let run = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
        match run {
            Ok(held_up) => {
                if held_up {
                    tracing::warn!("another process reads the journal: its write-ahead log stays until that ends");
                }
                Ok(!held_up)
            }
            Err(error) => Err(write_error(error)),
        }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.mark.close(&self.connection, self.epoch, self.tip);
    }
}

/// What [`Upkeep::prune`] would do.
///
/// # Errors
/// When the file cannot be opened or read, or is not a journal, or does not begin where it was pruned last.
pub fn prune_preview(path: &Path, wanted: &Prune, now: Timestamp) -> Result<Pruned, JournalError> {
    let (connection, _) = schema::open_known(path)?;
    let cursors = cursors(&connection).map_err(read_error)?;
    let mut all = Pruned::default();
    loop {
        // A host that prunes meanwhile changes nothing of what one batch sees; all in one would hold up its log.
        let moment = connection.unchecked_transaction().map_err(read_error)?;
        let batch = prune::plan(&moment, wanted, &all, now, &cursors).map_err(JournalError::from)?;
        all.add(batch.pruned);
        if !batch.more {
            return Ok(all);
        }
    }
}

/// What [`Upkeep::redact`] would do.
///
/// # Errors
/// As [`Upkeep::redact`].
pub fn redact_preview(path: &Path, seq: u64) -> Result<Option<Redaction>, JournalError> {
    let (connection, _) = schema::open_known(path)?;
    redactable(&connection, seq)
}

fn redactable(connection: &Connection, seq: u64) -> Result<Option<Redaction>, JournalError> {
    let found = redact::look(connection, seq).map_err(read_error)?;
    match &found {
        Some(found) if [JOURNAL_REDACTED, JOURNAL_PRUNED].contains(&found.event_type.as_str()) => {
            Err(JournalError::Write(format!(
                "event {seq} is a {} that the chain needs, and holds no data",
                found.event_type
            )))
        }
        _ => Ok(found),
    }
}

/// What [`Upkeep::import`] would do. An id that `events` has twice is counted twice.
///
/// # Errors
/// As [`Upkeep::import`].
pub fn import_preview<E>(
    path: &Path,
    events: impl IntoIterator<Item = Result<Event, E>>,
) -> Result<Imported, ImportError<E>> {
    let connection = if path.exists() { Some(schema::open_known(path)?.0) } else { None };
    let mut all = Imported::default();
    for event in events {
        let event = event.map_err(ImportError::Source)?;
        let known = match &connection {
            Some(connection) => connection
                .prepare_cached("SELECT 1 FROM events WHERE id = ?1")
                .and_then(|mut statement| statement.exists([event.id.as_bytes()]))
                .map_err(read_error)?,
            None => false,
        };
        all.events += u64::from(!known);
        all.duplicates += u64::from(known);
    }
    Ok(all)
}

fn write_error(error: rusqlite::Error) -> JournalError {
    WriteFailure::from(&error).into()
}
