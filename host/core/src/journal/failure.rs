//! What a failed SQLite call means for the journal: full disk, a refusal that may pass, or the end of writing.

use super::types::JournalError;
use rusqlite::{ErrorCode, ffi};

/// What the writer does after a failed group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WriteFailure {
    /// Nothing was written; it can work again once there is room.
    Full,
    /// Nothing was written; it can work the next time.
    Passing(String),
    /// What is on disk is no longer known: never acknowledge again.
    Fatal(String),
}

impl From<&rusqlite::Error> for WriteFailure {
    fn from(error: &rusqlite::Error) -> Self {
        let said = error.to_string();
        // The shared-memory file grows too, and reports a full disk as an I/O error of its own.
        if error.sqlite_extended_error_code() == Some(ffi::SQLITE_IOERR_SHMSIZE) {
            return Self::Full;
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OutOfMemory | ErrorCode::TooBig) => {
                Self::Passing(said)
            }
            // I/O error, corruption, a file gone or read-only, and whatever else we did not foresee.
            _ => Self::Fatal(said),
        }
    }
}

impl From<WriteFailure> for JournalError {
    fn from(failure: WriteFailure) -> Self {
        match failure {
            WriteFailure::Full => Self::DiskFull,
            WriteFailure::Passing(said) => Self::Write(said),
            WriteFailure::Fatal(said) => Self::ReadOnly(said),
        }
    }
}

/// A failed read.
pub(super) fn read_error(error: rusqlite::Error) -> JournalError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            JournalError::Read(format!("the file is damaged ({error}); {MEND}"))
        }
        _ => JournalError::Read(error.to_string()),
    }
}

/// What mends a damaged file.
pub(super) const MEND: &str = "stop the host and restore a backup, or save what can be read with `tollgate journal \
    export --salvage --out FILE`, move journal.db, -wal, -shm and -mark away and `tollgate journal import FILE`; \
    `tollgate journal verify` names the first bad event";
