//! `workspace`: files below the first root of the handled event's session, as far as granted.
//!
//! Where a path leads is `root`'s; the grant is asked about that place, not about the path as written. Beyond the
//! grant nothing is protected: `.git` and agents' settings are files like others.

use super::GuestState;
use super::root::{self, Elsewhere, Root};
use crate::bindings::tollgate::plugin::workspace::{FileInfo, Host, WorkspaceError};
use crate::capability::{Capabilities, Denied, Permit, Phase, WorkspaceRead, WorkspaceWrite};
use crate::limits::{MAX_WORKSPACE_CALL_BYTES, MAX_WORKSPACE_NAMES};
use rustix::fs::{AtFlags, Dir, Mode, OFlags, unlinkat};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

type Answer<T> = wasmtime::Result<Result<T, WorkspaceError>>;

impl Host for GuestState {
    async fn read(&mut self, path: String, offset: u64, length: u32) -> Answer<Vec<u8>> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.charge(path.len() + length.min(MAX_WORKSPACE_CALL_BYTES))?;
        if length > MAX_WORKSPACE_CALL_BYTES {
            return Ok(Err(WorkspaceError::TooLarge));
        }
        Ok(self.at_desk(move |desk| desk.read(&path, offset, length)).await)
    }

    async fn write(&mut self, path: String, offset: u64, bytes: Vec<u8>, truncate: bool) -> Answer<()> {
        self.charge(path.len() + bytes.len())?;
        if bytes.len() > MAX_WORKSPACE_CALL_BYTES {
            return Ok(Err(WorkspaceError::TooLarge));
        }
        Ok(self.at_desk(move |desk| desk.write(&path, offset, &bytes, truncate)).await)
    }

    async fn remove(&mut self, path: String) -> Answer<()> {
        self.charge(path.len())?;
        Ok(self.at_desk(move |desk| desk.remove(&path)).await)
    }

    async fn names(&mut self, directory: String) -> Answer<Vec<String>> {
        self.charge(directory.len())?;
        let names = self.at_desk(move |desk| desk.names(&directory)).await;
        if let Ok(names) = &names {
            self.charge_texts(names)?;
        }
        Ok(names)
    }

    async fn stat(&mut self, path: String) -> Answer<FileInfo> {
        self.charge(path.len())?;
        Ok(self.at_desk(move |desk| desk.stat(&path)).await)
    }
}

impl GuestState {
    /// On a thread of its own: a slow mount holds up this call alone, and its wall clock goes on.
    async fn at_desk<T: Send + 'static>(
        &mut self,
        act: impl FnOnce(&Desk) -> Result<T, WorkspaceError> + Send + 'static,
    ) -> Result<T, WorkspaceError> {
        let session = self.session().ok_or(WorkspaceError::NoSession)?;
        let root = Root::of(&session, &self.services.home).ok_or(WorkspaceError::NoSession)?;
        let desk = Desk { root, capabilities: Arc::clone(&self.capabilities), phase: self.call.phase };
        let done = tokio::task::spawn_blocking(move || act(&desk)).await;
        done.unwrap_or_else(|_| Err(WorkspaceError::Failed("the host is stopping".to_owned())))
    }
}

impl From<Elsewhere> for WorkspaceError {
    fn from(elsewhere: Elsewhere) -> Self {
        match elsewhere {
            Elsewhere::Outside => Self::Denied,
            Elsewhere::Missing => Self::NotFound,
            Elsewhere::Failed(kind) => Self::Failed(kind.to_string()),
        }
    }
}

impl From<io::Error> for WorkspaceError {
    fn from(error: io::Error) -> Self {
        Elsewhere::from(error).into()
    }
}

impl From<Denied> for WorkspaceError {
    fn from(_: Denied) -> Self {
        Self::Denied
    }
}

/// One call's workspace, and what the caller may do in it.
struct Desk {
    root: Root,
    capabilities: Arc<Capabilities>,
    phase: Phase,
}

impl Desk {
    fn may_read(&self, real: &Path) -> Result<Permit<WorkspaceRead>, Denied> {
        self.capabilities.workspace_read(self.phase, self.root.relative(real))
    }

    fn may_write(&self, real: &Path) -> Result<Permit<WorkspaceWrite>, Denied> {
        self.capabilities.workspace_write(self.phase, self.root.relative(real))
    }

    fn read(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, WorkspaceError> {
        let real = self.root.existing(path)?;
        read(self.may_read(&real)?, &real, offset, length)
    }

    fn write(&self, path: &str, offset: u64, bytes: &[u8], truncate: bool) -> Result<(), WorkspaceError> {
        let real = match self.root.existing(path) {
            Err(Elsewhere::Missing) => self.root.entry(path)?,
            found => found?,
        };
        write(self.may_write(&real)?, &real, offset, bytes, truncate)
    }

    /// Removes what has this name: of a link the link, not what it leads to.
    fn remove(&self, path: &str) -> Result<(), WorkspaceError> {
        let real = self.root.entry(path)?;
        remove(self.may_write(&real)?, &real)
    }

    fn names(&self, path: &str) -> Result<Vec<String>, WorkspaceError> {
        let real = self.root.existing(path)?;
        names(self.may_read(&real)?, &real)
    }

    fn stat(&self, path: &str) -> Result<FileInfo, WorkspaceError> {
        let real = self.root.existing(path)?;
        stat(self.may_read(&real)?, &real)
    }
}

fn read(_permit: Permit<WorkspaceRead>, real: &Path, offset: u64, length: usize) -> Result<Vec<u8>, WorkspaceError> {
    let file = regular(real, OFlags::RDONLY)?;
    let left = file.metadata()?.len().saturating_sub(offset);
    let mut bytes = vec![0; length.min(usize::try_from(left).unwrap_or(usize::MAX))];
    let mut filled = 0;
    // Another may cut the file meanwhile.
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn write(
    _permit: Permit<WorkspaceWrite>,
    real: &Path,
    offset: u64,
    bytes: &[u8],
    truncate: bool,
) -> Result<(), WorkspaceError> {
    let end = offset.checked_add(bytes.len() as u64).ok_or(WorkspaceError::TooLarge)?;
    let file = regular(real, OFlags::WRONLY | OFlags::CREATE)?;
    file.write_all_at(bytes, offset)?;
    if truncate {
        file.set_len(end)?;
    }
    Ok(())
}

/// Opens a file that is nothing else: neither folder, pipe nor device.
fn regular(real: &Path, flags: OFlags) -> Result<File, WorkspaceError> {
    // As for any program of the user; the umask takes away from it.
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH;
    let file = File::from(root::open(real, flags, mode)?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(WorkspaceError::Failed("not a file".to_owned())) }
}

fn remove(_permit: Permit<WorkspaceWrite>, real: &Path) -> Result<(), WorkspaceError> {
    let (folder, name) = root::split(real)?;
    Ok(unlinkat(folder, name, AtFlags::empty()).map_err(io::Error::from)?)
}

fn names(_permit: Permit<WorkspaceRead>, real: &Path) -> Result<Vec<String>, WorkspaceError> {
    let folder = root::open(real, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty());
    let folder = folder.map_err(|error| match error.kind() {
        ErrorKind::NotADirectory => WorkspaceError::Failed("not a folder".to_owned()),
        _ => error.into(),
    })?;
    let mut names = Vec::new();
    for entry in Dir::new(folder).map_err(io::Error::from)? {
        let entry = entry.map_err(io::Error::from)?;
        // A name that is not UTF-8 could not be asked for.
        let Ok(name) = entry.file_name().to_str() else { continue };
        if matches!(name, "." | "..") {
            continue;
        }
        if names.len() >= MAX_WORKSPACE_NAMES {
            return Err(WorkspaceError::TooLarge);
        }
        names.push(name.to_owned());
    }
    names.sort_unstable();
    Ok(names)
}

fn stat(_permit: Permit<WorkspaceRead>, real: &Path) -> Result<FileInfo, WorkspaceError> {
    let about = File::from(root::open(real, root::PASS, Mode::empty())?).metadata()?;
    let modified = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(FileInfo {
        size: about.len(),
        is_directory: about.is_dir(),
        modified: u64::try_from(modified.as_millis()).unwrap_or(u64::MAX),
    })
}
