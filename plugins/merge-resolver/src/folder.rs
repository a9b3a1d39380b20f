//! The files of the session's folder, read and written whole, refusals in words for people.

use tollgate_sdk::workspace::{self, WorkspaceError};

/// The file's bytes, at most `max`.
///
/// # Errors
/// Why not, in words for people.
pub fn read(path: &str, max: usize) -> Result<Vec<u8>, String> {
    workspace::read_all(path, max).map_err(|error| format!("the file in the folder {}", words(error)))
}

/// Makes `bytes` the whole file.
///
/// # Errors
/// As [`read`].
pub fn write(path: &str, bytes: &[u8]) -> Result<(), String> {
    workspace::write_all(path, bytes).map_err(|error| format!("the file in the folder {}", words(error)))
}

fn words(error: WorkspaceError) -> String {
    match error {
        WorkspaceError::Denied => "is not granted".to_owned(),
        WorkspaceError::NoSession => "belongs to no session".to_owned(),
        WorkspaceError::NotFound => "is not there".to_owned(),
        WorkspaceError::TooLarge => "is too large".to_owned(),
        WorkspaceError::Failed(reason) => format!("cannot be used: {reason}"),
    }
}
