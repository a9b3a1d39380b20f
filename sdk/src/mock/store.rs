//! The mock's key-value pairs.

use super::MockHost;
use crate::StoreError;

/// Runs `look` unless the test wants another answer.
fn read<T>(look: impl FnOnce(&mut MockHost) -> T) -> Result<T, StoreError> {
    super::with(|host| match &host.store_error {
        Some(error) => Err(error.clone()),
        None => Ok(look(host)),
    })
}

/// The same, and only while the store can be written.
fn write(change: impl FnOnce(&mut MockHost)) -> Result<(), StoreError> {
    read(|host| if host.read_only { Err(StoreError::Unavailable) } else { Ok(change(host)) })?
}

pub(crate) fn get(key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    read(|host| host.store.get(key).cloned())
}

pub(crate) fn set(key: &str, value: &[u8]) -> Result<(), StoreError> {
    write(|host| drop(host.store.insert(key.to_owned(), value.to_owned())))
}

pub(crate) fn delete(key: &str) -> Result<(), StoreError> {
    write(|host| drop(host.store.remove(key)))
}

pub(crate) fn keys(prefix: &str) -> Result<Vec<String>, StoreError> {
    read(|host| host.store.keys().filter(|key| key.starts_with(prefix)).cloned().collect())
}
