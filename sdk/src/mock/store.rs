//! The mock's key-value pairs.

use crate::StoreError;

fn writable() -> Result<(), StoreError> {
    if super::with(|host| host.read_only) { Err(StoreError::Unavailable) } else { Ok(()) }
}

#[expect(clippy::unnecessary_wraps, reason = "the import's signature")]
pub(crate) fn get(key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(super::with(|host| host.store.get(key).cloned()))
}

pub(crate) fn set(key: &str, value: &[u8]) -> Result<(), StoreError> {
    writable()?;
    super::with(|host| host.store.insert(key.to_owned(), value.to_owned()));
    Ok(())
}

pub(crate) fn delete(key: &str) -> Result<(), StoreError> {
    writable()?;
    super::with(|host| host.store.remove(key));
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "the import's signature")]
pub(crate) fn keys(prefix: &str) -> Result<Vec<String>, StoreError> {
    Ok(super::with(|host| host.store.keys().filter(|key| key.starts_with(prefix)).cloned().collect()))
}
