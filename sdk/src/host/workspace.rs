//! Files under the roots of the handled event's session, as far as granted. Paths are relative to the first root.

pub use crate::bindings::tollgate::plugin::workspace::{FileInfo, WorkspaceError};

#[cfg(target_family = "wasm")]
use crate::bindings::tollgate::plugin::workspace as host;
#[cfg(not(target_family = "wasm"))]
use crate::mock::workspace as host;

/// Most bytes that one call of [`read()`] or [`write()`] moves.
pub const CALL_BYTES: u32 = 1024 * 1024;

/// At most `length` bytes from `offset` on; fewer at the file's end, none past it.
///
/// # Errors
/// Not granted, no session, no such file, over [`CALL_BYTES`], or the file system's own.
pub fn read(path: &str, offset: u64, length: u32) -> Result<Vec<u8>, WorkspaceError> {
    host::read(path, offset, length)
}

/// The whole file, read in pieces; `TooLarge` where it has more than `max_bytes`.
///
/// # Errors
/// As [`read`].
pub fn read_all(path: &str, max_bytes: usize) -> Result<Vec<u8>, WorkspaceError> {
    let mut whole = Vec::new();
    loop {
        let offset = u64::try_from(whole.len()).map_err(|_| WorkspaceError::TooLarge)?;
        let piece = read(path, offset, CALL_BYTES)?;
        if piece.is_empty() {
            return Ok(whole);
        }
        if whole.len().saturating_add(piece.len()) > max_bytes {
            return Err(WorkspaceError::TooLarge);
        }
        whole.extend_from_slice(&piece);
    }
}

/// Replaces the file's bytes from `offset` on, making the file where there is none; `truncate` ends the file there.
///
/// # Errors
/// As [`read`].
pub fn write(path: &str, offset: u64, bytes: &[u8], truncate: bool) -> Result<(), WorkspaceError> {
    host::write(path, offset, bytes, truncate)
}

/// Makes `bytes` the whole file, written in pieces: not at once, so a reader may see a part.
///
/// # Errors
/// As [`read`].
pub fn write_all(path: &str, bytes: &[u8]) -> Result<(), WorkspaceError> {
    let piece_bytes = usize::try_from(CALL_BYTES).map_err(|_| WorkspaceError::TooLarge)?;
    if bytes.is_empty() {
        return write(path, 0, bytes, true);
    }
    let mut offset = 0;
    for piece in bytes.chunks(piece_bytes) {
        write(path, offset, piece, true)?;
        offset += u64::try_from(piece.len()).map_err(|_| WorkspaceError::TooLarge)?;
    }
    Ok(())
}

/// Removes a file; never a folder.
///
/// # Errors
/// As [`read`].
pub fn remove(path: &str) -> Result<(), WorkspaceError> {
    host::remove(path)
}

/// The names in a folder, in byte order; the root is `.`.
///
/// # Errors
/// As [`read`].
pub fn names(directory: &str) -> Result<Vec<String>, WorkspaceError> {
    host::names(directory)
}

/// What is known of a file or folder.
///
/// # Errors
/// As [`read`].
pub fn stat(path: &str) -> Result<FileInfo, WorkspaceError> {
    host::stat(path)
}
