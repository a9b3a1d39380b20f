//! The mock's data folder.

use super::MockHost;
use crate::DataError;

/// Runs `change` unless the folder cannot be written for now.
fn write<T>(change: impl FnOnce(&mut MockHost) -> Result<T, DataError>) -> Result<T, DataError> {
    super::with(|host| match &host.data_error {
        Some(error) => Err(error.clone()),
        None if host.read_only => Err(DataError::Denied),
        None => change(host),
    })
}

fn as_u64(length: usize) -> Result<u64, DataError> {
    u64::try_from(length).map_err(|_| DataError::OverQuota)
}

pub(crate) fn append(name: &str, bytes: &[u8]) -> Result<u64, DataError> {
    write(|host| {
        let file = host.data.entry(name.to_owned()).or_default();
        file.extend_from_slice(bytes);
        as_u64(file.len())
    })
}

pub(crate) fn read(name: &str, offset: u64, length: u32) -> Result<Vec<u8>, DataError> {
    super::with(|host| {
        host.data_reads += 1;
        let file = host.data.get(name).ok_or(DataError::NotFound)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(file.iter().skip(start).take(length).copied().collect())
    })
}

pub(crate) fn size(name: &str) -> Result<u64, DataError> {
    super::with(|host| host.data.get(name).ok_or(DataError::NotFound).and_then(|file| as_u64(file.len())))
}

pub(crate) fn truncate(name: &str, length: u64) -> Result<(), DataError> {
    write(|host| {
        let file = host.data.get_mut(name).ok_or(DataError::NotFound)?;
        file.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(())
    })
}

pub(crate) fn rename(from: &str, to: &str) -> Result<(), DataError> {
    write(|host| {
        let file = host.data.remove(from).ok_or(DataError::NotFound)?;
        host.data.insert(to.to_owned(), file);
        Ok(())
    })
}

pub(crate) fn remove(name: &str) -> Result<(), DataError> {
    write(|host| host.data.remove(name).map(drop).ok_or(DataError::NotFound))
}

#[expect(clippy::unnecessary_wraps, reason = "the import's signature")]
pub(crate) fn names() -> Result<Vec<String>, DataError> {
    Ok(super::with(|host| host.data.keys().cloned().collect()))
}

pub(crate) fn sync(name: &str) -> Result<(), DataError> {
    write(|host| host.data.contains_key(name).then_some(()).ok_or(DataError::NotFound))
}
