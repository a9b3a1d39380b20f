//! Files in this plugin's own folder. Writes are done when the call returns, and safe after [`sync`].

use crate::DataError;

#[cfg(target_family = "wasm")]
use crate::bindings::tollgate::plugin::data as host;
#[cfg(not(target_family = "wasm"))]
use crate::mock::data as host;

/// Adds `bytes` at the end of `name`, making the file where there is none. Returns its new size.
///
/// # Errors
/// Not granted, read-only for now, bad name, over quota, or the file system's own.
pub fn append(name: &str, bytes: &[u8]) -> Result<u64, DataError> {
    host::append(name, bytes)
}

/// At most `length` bytes from `offset` on, and at most 1 MiB; fewer at the file's end, none past it.
///
/// # Errors
/// No such file, bad name, not granted.
pub fn read(name: &str, offset: u64, length: u32) -> Result<Vec<u8>, DataError> {
    host::read(name, offset, length)
}

/// Size of `name` in bytes.
///
/// # Errors
/// No such file, bad name, not granted.
pub fn size(name: &str) -> Result<u64, DataError> {
    host::size(name)
}

/// Cuts `name` to `length` bytes.
///
/// # Errors
/// As [`append`], and where there is no such file.
pub fn truncate(name: &str, length: u64) -> Result<(), DataError> {
    host::truncate(name, length)
}

/// Renames a file, replacing `to`.
///
/// # Errors
/// As [`truncate`].
pub fn rename(from: &str, to: &str) -> Result<(), DataError> {
    host::rename(from, to)
}

/// Removes a file.
///
/// # Errors
/// As [`truncate`].
pub fn remove(name: &str) -> Result<(), DataError> {
    host::remove(name)
}

/// The names of the files, in byte order.
///
/// # Errors
/// Not granted.
pub fn names() -> Result<Vec<String>, DataError> {
    host::names()
}

/// Returns when what was written to `name` is on disk.
///
/// # Errors
/// As [`truncate`].
pub fn sync(name: &str) -> Result<(), DataError> {
    host::sync(name)
}
