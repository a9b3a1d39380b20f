//! Durable key-value pairs of this plugin: 1 MiB in all, keys of at most 256 bytes. Writes are staged.

use crate::StoreError;

#[cfg(target_family = "wasm")]
use crate::bindings::tollgate::plugin::store as host;
#[cfg(not(target_family = "wasm"))]
use crate::mock::store as host;

/// The value of `key`, if it has one.
///
/// # Errors
/// When the store cannot be read.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    host::get(key)
}

/// Sets `key`; committed when the handler returns ok.
///
/// # Errors
/// Over quota, key too long, or read-only for now.
pub fn set(key: &str, value: &[u8]) -> Result<(), StoreError> {
    host::set(key, value)
}

/// Removes `key`; ok where there was none.
///
/// # Errors
/// Read-only for now.
pub fn delete(key: &str) -> Result<(), StoreError> {
    host::delete(key)
}

/// The keys that begin with `prefix`, in byte order.
///
/// # Errors
/// When the store cannot be read.
pub fn keys(prefix: &str) -> Result<Vec<String>, StoreError> {
    host::keys(prefix)
}
