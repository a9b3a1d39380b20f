//! The mock's workspace: a real folder, wholly granted unless the test says otherwise. Links are not looked at.

use crate::workspace::{CALL_BYTES, FileInfo, WorkspaceError};
use std::fs::OpenOptions;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

fn place(path: &str) -> Result<PathBuf, WorkspaceError> {
    let root = super::with(|host| match &host.workspace_error {
        Some(error) => Err(error.clone()),
        None => host.workspace.clone().ok_or(WorkspaceError::NoSession),
    })?;
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if inside { Ok(root.join(path)) } else { Err(WorkspaceError::Denied) }
}

fn failure(error: std::io::Error) -> WorkspaceError {
    match error.kind() {
        std::io::ErrorKind::NotFound => WorkspaceError::NotFound,
        _ => WorkspaceError::Failed(error.to_string()),
    }
}

pub(crate) fn read(path: &str, offset: u64, length: u32) -> Result<Vec<u8>, WorkspaceError> {
    if length > CALL_BYTES {
        return Err(WorkspaceError::TooLarge);
    }
    let mut file = std::fs::File::open(place(path)?).map_err(failure)?;
    file.seek(SeekFrom::Start(offset)).map_err(failure)?;
    let mut bytes = Vec::new();
    file.take(u64::from(length)).read_to_end(&mut bytes).map_err(failure)?;
    Ok(bytes)
}

pub(crate) fn write(path: &str, offset: u64, bytes: &[u8], truncate: bool) -> Result<(), WorkspaceError> {
    let length = u64::try_from(bytes.len()).map_err(|_| WorkspaceError::TooLarge)?;
    if length > u64::from(CALL_BYTES) {
        return Err(WorkspaceError::TooLarge);
    }
    let place = place(path)?;
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(place).map_err(failure)?;
    file.seek(SeekFrom::Start(offset)).map_err(failure)?;
    file.write_all(bytes).map_err(failure)?;
    if truncate { file.set_len(offset + length).map_err(failure) } else { Ok(()) }
}

pub(crate) fn remove(path: &str) -> Result<(), WorkspaceError> {
    std::fs::remove_file(place(path)?).map_err(failure)
}

pub(crate) fn names(directory: &str) -> Result<Vec<String>, WorkspaceError> {
    let entries = std::fs::read_dir(place(directory)?).map_err(failure)?;
    let mut names = entries
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failure)?;
    names.sort_unstable();
    Ok(names)
}

pub(crate) fn stat(path: &str) -> Result<FileInfo, WorkspaceError> {
    let about = std::fs::metadata(place(path)?).map_err(failure)?;
    let modified = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok(FileInfo {
        size: about.len(),
        is_directory: about.is_dir(),
        modified: modified.and_then(|since| u64::try_from(since.as_millis()).ok()).unwrap_or_default(),
    })
}
