//! The mock's key-value pairs.

use super::MockHost;
use crate::StoreError;

/// Runs `look` unless the test wants another answer.
fn read<T>(look: impl FnOnce(&mut MockHost) -> T) -> Result<T, StoreError> {
    super::with(|host| match host.store_error {
        Some(error) => Err(error),
        None => Ok(look(host)),
    })
}

/// The same, and only while the store can be written.
fn write<T>(change: impl FnOnce(&mut MockHost) -> T) -> Result<(), StoreError> {
    read(|host| (!host.read_only).then(|| change(host)))?.map(drop).ok_or(StoreError::Unavailable)
}

pub(crate) fn get(key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    read(|host| host.store.get(key).cloned())
}

pub(crate) fn set(key: &str, value: &[u8]) -> Result<(), StoreError> {
    write(|host| host.store.insert(key.to_owned(), value.to_owned()))
}

pub(crate) fn delete(key: &str) -> Result<(), StoreError> {
    write(|host| host.store.remove(key))
}

pub(crate) fn keys(prefix: &str) -> Result<Vec<String>, StoreError> {
    read(|host| host.store.keys().filter(|key| key.starts_with(prefix)).cloned().collect())
}
