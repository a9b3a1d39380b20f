//! The plugin folder as files: what is there, reading one safely, and hints that something changed. Knows
//! nothing of what the files mean.

use crate::component::{MAX_COMPONENT_BYTES, Rejection, Stage};
use crate::grant::MAX_GRANT_BYTES;
use crate::signature::MAX_SIGNATURE_BYTES;
use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RenameMode};
use notify::{RecursiveMode, Watcher};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Most plugins in one folder; further files are not looked at.
pub(crate) const MAX_PLUGINS: usize = 1_000;

/// Which state of a file was seen; another one is a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    is_file: bool,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            is_file: metadata.is_file(),
        }
    }
}

/// What the folder says about one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Entry {
    /// `<name>.wasm`, whatever it is.
    pub(crate) component: Option<Stamp>,
    /// `<name>.wasm.minisig`.
    pub(crate) signature: Option<Stamp>,
    /// `<name>.toml`.
    pub(crate) grant: Option<Stamp>,
    /// `<name>.disabled` is there.
    pub(crate) disabled: bool,
}

const COMPONENT: &str = ".wasm";
const SIGNATURE: &str = ".wasm.minisig";
const GRANT: &str = ".toml";
const DISABLED: &str = ".disabled";

/// Which plugin a file is of, and what it is to it; none for hidden files and others.
fn named(path: &Path) -> Option<(&str, &'static str)> {
    let file = path.file_name()?.to_str().filter(|file| !file.starts_with('.'))?;
    [COMPONENT, SIGNATURE, GRANT, DISABLED].into_iter().find_map(|kind| Some((file.strip_suffix(kind)?, kind)))
}

/// The paths of one name.
pub(crate) fn component_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{COMPONENT}"))
}

pub(crate) fn signature_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{SIGNATURE}"))
}

pub(crate) fn grant_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{GRANT}"))
}

pub(crate) fn disabled_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{DISABLED}"))
}

/// Everything in the folder, by name. Names are not checked here.
pub(crate) fn scan(folder: &Path) -> std::io::Result<BTreeMap<String, Entry>> {
    let mut found = BTreeMap::<String, Entry>::new();
    for file in std::fs::read_dir(folder)? {
        let path = file?.path();
        let Some((name, kind)) = named(&path) else { continue };
        // The file itself, not what a symlink points at; one that went meanwhile is not there.
        let stamp = match std::fs::symlink_metadata(&path) {
            Ok(metadata) => Stamp::of(&metadata),
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if found.len() >= MAX_PLUGINS && !found.contains_key(name) {
            tracing::warn!(name, "plugin.scan: more plugins than the folder may hold");
            continue;
        }
        let entry = found.entry(name.to_owned()).or_default();
        match kind {
            COMPONENT => entry.component = Some(stamp),
            SIGNATURE => entry.signature = Some(stamp),
            GRANT => entry.grant = Some(stamp),
            _ => entry.disabled = true,
        }
    }
    Ok(found)
}

/// Reads a component once, whole: what is hashed, checked and compiled are these bytes and no others.
pub(crate) fn read_component(path: &Path) -> Result<Vec<u8>, Rejection> {
    read(path, MAX_COMPONENT_BYTES)
}

/// Reads a signature; none where there is none.
pub(crate) fn read_signature(path: &Path) -> Result<Option<String>, Rejection> {
    let signature = |cause: String| Rejection::new(Stage::Signature, cause);
    if matches!(std::fs::symlink_metadata(path), Err(error) if error.kind() == ErrorKind::NotFound) {
        return Ok(None);
    }
    let bytes =
        read(path, MAX_SIGNATURE_BYTES).map_err(|rejection| Rejection { stage: Stage::Signature, ..rejection })?;
    let text = String::from_utf8(bytes);
    text.map(Some).map_err(|error| signature(format!("{} is not UTF-8: {error}", file_name(path))))
}

/// Reads a grant file; an absent one is empty.
pub(crate) fn read_grant(path: &Path) -> Result<String, Rejection> {
    let config = |cause: String| Rejection::new(Stage::Config, cause);
    if matches!(std::fs::symlink_metadata(path), Err(error) if error.kind() == ErrorKind::NotFound) {
        return Ok(String::new());
    }
    let bytes = read(path, MAX_GRANT_BYTES).map_err(|rejection| Rejection { stage: Stage::Config, ..rejection })?;
    String::from_utf8(bytes).map_err(|error| config(format!("{} is not UTF-8: {error}", file_name(path))))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Reads a regular file of at most `max_bytes` once, whole; follows no link and waits for nobody.
pub(crate) fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>, Rejection> {
    let name = file_name(path);
    let refuse = |stage, what: String| Rejection::new(stage, format!("{name} {what}"));
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path).map_err(|error| {
        let is_link = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
        let what =
            if is_link { "is a symlink; copy the file itself".to_owned() } else { format!("cannot be read: {error}") };
        Rejection { passing: may_pass(&error), ..refuse(Stage::Read, what) }
    })?;
    let unreadable = |error: std::io::Error| {
        let rejection = refuse(Stage::Read, format!("cannot be read: {error}"));
        Rejection { passing: may_pass(&error), ..rejection }
    };
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(refuse(Stage::Read, "is no regular file".to_owned()));
    }
    let too_large = || refuse(Stage::Size, format!("is over {max_bytes} bytes"));
    if metadata.len() > max_bytes {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    // A file that grows meanwhile is cut here, and refused.
    file.take(max_bytes + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > max_bytes { Err(too_large()) } else { Ok(bytes) }
}

/// Whether the host is short of something, or its disk failed: another try may fare better with the same file.
fn may_pass(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let short = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::AGAIN, Errno::INTR, Errno::IO];
    error.raw_os_error().is_some_and(|code| short.iter().any(|errno| errno.raw_os_error() == code))
}

/// Names whose file was finished in one step (renamed into place, closed after writing), and that something
/// changed at all. Only hints: the next scan is the truth.
#[derive(Default)]
pub(crate) struct Hints {
    finished: Mutex<BTreeSet<String>>,
    pub(crate) changed: Notify,
}

impl Hints {
    /// The names that may be acted on at once.
    pub(crate) fn take(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.finished.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, event: &notify::Event) {
        let finished = matches!(
            event.kind,
            EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both))
                | EventKind::Access(AccessKind::Close(AccessMode::Write))
                | EventKind::Remove(_)
        );
        if finished {
            let mut names = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
            let stems = event.paths.iter().filter_map(|path| Some(named(path)?.0));
            // More than that, and the scan's own patience has to do.
            let room = MAX_PLUGINS.saturating_sub(names.len());
            names.extend(stems.take(room).map(str::to_owned));
        } else if matches!(event.kind, EventKind::Access(_)) {
            return;
        }
        self.changed.notify_one();
    }
}

/// Watches `folder` until the result is dropped.
pub(crate) fn watch(folder: &Path, hints: &Arc<Hints>) -> notify::Result<notify::RecommendedWatcher> {
    let hints = Arc::clone(hints);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
        Ok(event) => hints.note(&event),
        // An overflow of the system's queue, say: look at the folder.
        Err(_) => hints.changed.notify_one(),
    })?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Writes `bytes` so that no reader sees half of them.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let written = std::fs::write(&temporary, bytes).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // Best effort: the error that counts is the first.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set up has failed")]
    use super::*;

    #[test]
    fn only_regular_files_of_bounded_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a.wasm"), "x").unwrap();
        std::os::unix::fs::symlink(at("a.wasm"), at("b.wasm")).unwrap();
        std::fs::create_dir(at("c.wasm")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("d.wasm"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        assert_eq!(read_component(&at("a.wasm")).unwrap(), b"x");
        for (name, part) in [
            ("b.wasm", "symlink"),
            ("c.wasm", "no regular file"),
            ("d.wasm", "no regular file"),
            ("e.wasm", "cannot be read"),
        ] {
            let rejection = read_component(&at(name)).unwrap_err();
            assert_eq!(rejection.stage, Stage::Read);
            assert!(rejection.cause.contains(part) && rejection.cause.contains(name), "{rejection}");
        }
        std::fs::File::create(at("f.wasm")).unwrap().set_len(MAX_COMPONENT_BYTES + 1).unwrap();
        assert_eq!(read_component(&at("f.wasm")).unwrap_err().stage, Stage::Size);
        assert_eq!(read_grant(&at("none.toml")).unwrap(), "");
        std::fs::write(at("g.toml"), [0xff]).unwrap();
        assert_eq!(read_grant(&at("g.toml")).unwrap_err().stage, Stage::Config);
        let limit = usize::try_from(MAX_GRANT_BYTES).unwrap();
        std::fs::write(at("h.toml"), " ".repeat(limit)).unwrap();
        assert_eq!(read_grant(&at("h.toml")).unwrap().len(), limit);
        std::fs::write(at("h.toml"), " ".repeat(limit + 1)).unwrap();
        let rejection = read_grant(&at("h.toml")).unwrap_err();
        assert!(rejection.stage == Stage::Config && rejection.cause.contains("over 262144 bytes"), "{rejection}");
        assert_eq!(read_signature(&at("none.wasm.minisig")).unwrap(), None);
        for (name, part) in [("g.toml", "UTF-8"), ("c.wasm", "no regular file"), ("b.wasm", "symlink")] {
            let rejection = read_signature(&at(name)).unwrap_err();
            assert!(rejection.stage == Stage::Signature && rejection.cause.contains(part), "{rejection}");
        }
        let limit = usize::try_from(MAX_SIGNATURE_BYTES).unwrap();
        std::fs::write(at("h.wasm.minisig"), " ".repeat(limit)).unwrap();
        assert_eq!(read_signature(&at("h.wasm.minisig")).unwrap().unwrap().len(), limit);
        std::fs::write(at("h.wasm.minisig"), " ".repeat(limit + 1)).unwrap();
        assert!(read_signature(&at("h.wasm.minisig")).unwrap_err().cause.contains("is over 16384 bytes"));
    }

    #[test]
    fn a_scan_sees_names_and_changes() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["a.wasm", "a.wasm.minisig", "a.toml", "b.disabled", "readme.md", ".hidden.wasm", "c.minisig"] {
            std::fs::write(at(name), "x").unwrap();
        }
        let first = scan(folder.path()).unwrap();
        assert_eq!(first.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert!(first["b"].disabled && first["a"].grant.is_some() && first["a"].signature.is_some());
        std::fs::write(at("a.wasm"), "longer").unwrap();
        assert_ne!(scan(folder.path()).unwrap()["a"], first["a"]);
    }

    #[test]
    fn a_folder_holds_a_bounded_number_of_plugins() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..=MAX_PLUGINS {
            std::fs::write(folder.path().join(format!("p{number}.wasm")), "x").unwrap();
        }
        let found = scan(folder.path()).unwrap();
        assert_eq!(found.len(), MAX_PLUGINS);
        // What belongs to one of them is seen still.
        let known = found.keys().next().unwrap();
        std::fs::write(grant_path(folder.path(), known), "").unwrap();
        assert_eq!(scan(folder.path()).unwrap().values().filter(|entry| entry.grant.is_some()).count(), 1);
    }

    #[test]
    fn hints_name_a_bounded_number_of_plugins() {
        let hints = Hints::default();
        let moved = EventKind::Modify(ModifyKind::Name(RenameMode::To));
        for number in 0..=MAX_PLUGINS {
            hints.note(&notify::Event::new(moved).add_path(format!("/p/p{number}.wasm").into()));
        }
        assert_eq!(hints.take().len(), MAX_PLUGINS);
    }

    #[test]
    fn writing_whole_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        write_whole(&folder.path().join("a.toml"), b"x").unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write_whole(&folder.path().join("no").join("a.toml"), b"x").is_err());
    }
}
