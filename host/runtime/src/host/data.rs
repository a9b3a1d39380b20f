//! `data`: files in the plugin's own folder, as many bytes as granted. Names are flat.
//!
//! Writes take effect at once, unlike the store's: a handler that is tried again finds what it wrote before.

use super::GuestState;
use crate::bindings::tollgate::plugin::data::{DataError, Host};
use crate::capability::{DataChange, DataRead, Permit};
use crate::limits::{FUEL_PER_HOST_CALL, FUEL_PER_SYNC};
use crate::usage::{DataUsed, Usage};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;

/// Longest file name, in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 128;
/// Most files of one plugin; a folder of more is slow to list.
const MAX_FILES: usize = 1_000;
/// Most bytes that one read returns: what a guest of the smallest memory can take beside its own.
pub(crate) const MAX_READ_BYTES: u32 = 1 << 20;

type Answer<T> = wasmtime::Result<Result<T, DataError>>;

impl Host for GuestState {
    fn append(&mut self, name: String, bytes: Vec<u8>) -> Answer<u64> {
        self.charge(name.len() + bytes.len())?;
        let appended = self.changing(|folder, permit| folder.append(permit, &name, &bytes));
        let measured = u64::try_from(self.data.take_measured()).unwrap_or(u64::MAX);
        self.pay(FUEL_PER_HOST_CALL.saturating_mul(measured))?;
        Ok(appended)
    }

    fn read(&mut self, name: String, offset: u64, length: u32) -> Answer<Vec<u8>> {
        self.charge(name.len() + length.min(MAX_READ_BYTES) as usize)?;
        Ok(self.reading(|folder, permit| folder.read(permit, &name, offset, length)))
    }

    fn size(&mut self, name: String) -> Answer<u64> {
        self.charge(name.len())?;
        Ok(self.reading(|folder, permit| folder.size(permit, &name)))
    }

    fn truncate(&mut self, name: String, length: u64) -> Answer<()> {
        self.charge(name.len())?;
        Ok(self.changing(|folder, permit| folder.truncate(permit, &name, length)))
    }

    fn rename(&mut self, from: String, to: String) -> Answer<()> {
        self.charge(from.len() + to.len())?;
        Ok(self.changing(|folder, permit| folder.rename(permit, &from, &to)))
    }

    fn remove(&mut self, name: String) -> Answer<()> {
        self.charge(name.len())?;
        Ok(self.changing(|folder, permit| folder.remove(permit, &name)))
    }

    fn names(&mut self) -> Answer<Vec<String>> {
        let names = self.reading(|folder, permit| folder.names(permit));
        self.charge_texts(names.as_deref().unwrap_or_default())?;
        Ok(names)
    }

    async fn sync(&mut self, name: String) -> Answer<()> {
        self.pay(FUEL_PER_SYNC)?;
        self.charge(name.len())?;
        let file = match self.changing(|folder, permit| folder.open_to_sync(permit, &name)) {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        };
        // The one call that waits for the disk: not on a thread that guests share.
        let synced = tokio::task::spawn_blocking(move || file.sync_data()).await;
        Ok(match synced {
            Ok(result) => result.map_err(|error| of(&error)),
            Err(_) => Err(DataError::Unavailable("the host is shutting down".into())),
        })
    }
}

impl GuestState {
    fn reading<T>(
        &mut self,
        act: impl FnOnce(&mut DataFolder, Permit<DataRead>) -> Result<T, DataError>,
    ) -> Result<T, DataError> {
        let permit = self.capabilities.data_read(self.call.phase).map_err(|_| DataError::Denied)?;
        act(&mut self.data, permit)
    }

    fn changing<T>(
        &mut self,
        act: impl FnOnce(&mut DataFolder, Permit<DataChange>) -> Result<T, DataError>,
    ) -> Result<T, DataError> {
        let permit = self.capabilities.data_change(self.call.phase).map_err(|_| DataError::Denied)?;
        let result = act(&mut self.data, permit);
        if matches!(result, Err(DataError::OverQuota)) {
            self.over_budget += 1;
        }
        result
    }
}

/// One plugin's folder.
pub(crate) struct DataFolder {
    root: PathBuf,
    max_bytes: u64,
    usage: Arc<Usage>,
    /// The file that was appended to last, so that a log does not open it anew for each line; good for one
    /// generation of [`crate::usage::Data`], since a guard has two guests.
    appending: Option<(String, File, u64)>,
    /// Files that had to be looked at to know what is used, since it was last asked.
    measured: usize,
}

impl DataFolder {
    pub(crate) fn new(root: PathBuf, max_bytes: u64, usage: Arc<Usage>) -> Self {
        Self { root, max_bytes, usage, appending: None, measured: 0 }
    }

    fn path(&self, name: &str) -> Result<PathBuf, DataError> {
        let bad = name.is_empty()
            || name.len() > MAX_NAME_BYTES
            || name.starts_with('.')
            || name.chars().any(|character| character == '/' || character == '\\' || character.is_control());
        if bad { Err(DataError::BadName) } else { Ok(self.root.join(name)) }
    }

    /// How many files were looked at since it was last asked.
    fn take_measured(&mut self) -> usize {
        std::mem::take(&mut self.measured)
    }

    fn measure(&mut self) -> Result<DataUsed, DataError> {
        let mut used = DataUsed::default();
        match std::fs::read_dir(&self.root) {
            Ok(entries) => {
                for entry in entries {
                    let metadata = entry.and_then(|entry| entry.metadata()).map_err(|error| of(&error))?;
                    self.measured += 1;
                    used = DataUsed { bytes: used.bytes.saturating_add(metadata.len()), files: used.files + 1 };
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(of(&error)),
        }
        Ok(used)
    }

    fn append(&mut self, _permit: Permit<DataChange>, name: &str, bytes: &[u8]) -> Result<u64, DataError> {
        let path = self.path(name)?;
        let usage = Arc::clone(&self.usage);
        let mut known = usage.data();
        let used = match known.used {
            Some(used) => used,
            None => self.measure()?,
        };
        let generation = known.generation;
        let after = used.bytes.saturating_add(bytes.len() as u64);
        if after > self.max_bytes {
            return Err(DataError::OverQuota);
        }
        let mut new = 0;
        if self.appending.as_ref().is_none_or(|(open, _, of)| open != name || *of != generation) {
            new = usize::from(!path.exists());
            if used.files + new > MAX_FILES {
                return Err(DataError::OverQuota);
            }
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.root).map_err(|error| of(&error))?;
            let file = options().append(true).create(true).mode(0o600).open(&path).map_err(|error| of(&error))?;
            self.appending = Some((name.to_owned(), file, generation));
        }
        let Some((_, file, _)) = &mut self.appending else { return Err(DataError::NotFound) };
        if let Err(error) = file.write_all(bytes) {
            // Part of it may be there: measure again.
            known.forget();
            return Err(of(&error));
        }
        known.used = Some(DataUsed { bytes: after, files: used.files + new });
        file.metadata().map(|metadata| metadata.len()).map_err(|error| of(&error))
    }

    fn read(&mut self, _permit: Permit<DataRead>, name: &str, offset: u64, length: u32) -> Result<Vec<u8>, DataError> {
        let file = options().read(true).open(self.path(name)?).map_err(|error| of(&error))?;
        let size = file.metadata().map_err(|error| of(&error))?.len();
        let length = u64::from(length.min(MAX_READ_BYTES)).min(size.saturating_sub(offset));
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        file.read_exact_at(&mut bytes, offset).map_err(|error| of(&error))?;
        Ok(bytes)
    }

    fn size(&mut self, _permit: Permit<DataRead>, name: &str) -> Result<u64, DataError> {
        let metadata = std::fs::symlink_metadata(self.path(name)?).map_err(|error| of(&error))?;
        Ok(metadata.len())
    }

    fn truncate(&mut self, _permit: Permit<DataChange>, name: &str, length: u64) -> Result<(), DataError> {
        let path = self.path(name)?;
        self.replacing(|| {
            let file = options().write(true).open(path)?;
            if length < file.metadata()?.len() { file.set_len(length) } else { Ok(()) }
        })
    }

    fn rename(&mut self, _permit: Permit<DataChange>, from: &str, to: &str) -> Result<(), DataError> {
        let (from, to) = (self.path(from)?, self.path(to)?);
        self.replacing(|| std::fs::rename(from, to))
    }

    fn remove(&mut self, _permit: Permit<DataChange>, name: &str) -> Result<(), DataError> {
        let path = self.path(name)?;
        self.replacing(|| std::fs::remove_file(path))
    }

    fn names(&mut self, _permit: Permit<DataRead>) -> Result<Vec<String>, DataError> {
        let entries = match std::fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(of(&error)),
        };
        let mut names = Vec::new();
        for entry in entries.take(MAX_FILES) {
            // A name that is not UTF-8 was not written by the plugin.
            names.extend(entry.map_err(|error| of(&error))?.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }

    fn open_to_sync(&mut self, _permit: Permit<DataChange>, name: &str) -> Result<File, DataError> {
        options().write(true).open(self.path(name)?).map_err(|error| of(&error))
    }

    /// Changes what names mean or how long files are, while no guest of the plugin appends.
    fn replacing(&self, change: impl FnOnce() -> std::io::Result<()>) -> Result<(), DataError> {
        let mut known = self.usage.data();
        let done = change();
        known.forget();
        done.map_err(|error| of(&error))
    }
}

/// Never through a symlink: what a plugin finds in its folder is a file of its own.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    options
}

fn of(error: &std::io::Error) -> DataError {
    match error.kind() {
        ErrorKind::NotFound => DataError::NotFound,
        // The kind, not the text: that would name the host's paths.
        kind => DataError::Unavailable(kind.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use crate::capability::{Capabilities, Phase};
    use crate::grant::{Ask, Grant};

    fn change() -> Permit<DataChange> {
        capabilities().data_change(Phase::Handle).ok().unwrap()
    }

    fn look() -> Permit<DataRead> {
        capabilities().data_read(Phase::Handle).ok().unwrap()
    }

    fn capabilities() -> Capabilities {
        Capabilities::new(&[Ask::Data(10)], &Grant::parse("[grant]\ndata = { max_bytes = 10 }\n").unwrap())
    }

    #[test]
    fn names_are_flat() {
        let home = tempfile::tempdir().unwrap();
        let mut folder = DataFolder::new(home.path().join("p"), 10, Arc::default());
        for name in ["", ".", "..", ".x", "a/b", "a\\b", "a\0", "a\n", &"x".repeat(129)] {
            assert!(matches!(folder.append(change(), name, b"x"), Err(DataError::BadName)), "{name:?}");
        }
        assert!(!home.path().join("p").exists());
    }

    #[test]
    fn the_quota_counts_what_was_there_before() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(
            DataFolder::new(home.path().join("p"), 10, Arc::default()).append(change(), "a", b"123456").unwrap(),
            6
        );
        let mut folder = DataFolder::new(home.path().join("p"), 10, Arc::default());
        assert!(matches!(folder.append(change(), "b", b"12345"), Err(DataError::OverQuota)));
        assert_eq!(folder.append(change(), "a", b"7890").unwrap(), 10);
        assert_eq!(folder.read(look(), "a", 4, 100).unwrap(), b"567890");
        folder.truncate(change(), "a", 2).unwrap();
        folder.truncate(change(), "a", 9).unwrap();
        assert_eq!(folder.size(look(), "a").unwrap(), 2, "a shorter file stays as it is");
        assert_eq!(folder.append(change(), "b", b"12345678").unwrap(), 8);
        assert_eq!(folder.names(look()).unwrap(), ["a", "b"]);
        folder.rename(change(), "a", "c").unwrap();
        folder.remove(change(), "b").unwrap();
        assert!(matches!(folder.size(look(), "b"), Err(DataError::NotFound)));
        assert_eq!(folder.size(look(), "c").unwrap(), 2);
    }

    #[test]
    fn two_guests_of_one_plugin_share_its_quota() {
        let home = tempfile::tempdir().unwrap();
        let usage = Arc::<Usage>::default();
        let mut folders = [(); 2].map(|()| DataFolder::new(home.path().join("p"), 10, Arc::clone(&usage)));
        for (expected, folder) in [Ok(4), Ok(8), Err(())].into_iter().zip([0, 1, 0]) {
            let appended = folders.get_mut(folder).unwrap().append(change(), "a", b"1234");
            assert_eq!(appended.map_err(|_| ()), expected);
        }
    }

    #[test]
    fn what_one_guest_removes_or_renames_the_other_no_longer_writes_to() {
        let home = tempfile::tempdir().unwrap();
        let (root, usage) = (home.path().join("p"), Arc::<Usage>::default());
        let [mut gate, mut handler] = [(); 2].map(|()| DataFolder::new(root.clone(), 10, Arc::clone(&usage)));
        gate.append(change(), "a", b"1").unwrap();
        handler.remove(change(), "a").unwrap();
        assert_eq!(gate.append(change(), "a", b"12345").unwrap(), 5, "a new file");
        assert_eq!(std::fs::read(root.join("a")).unwrap(), b"12345");
        handler.rename(change(), "a", "b").unwrap();
        assert_eq!(gate.append(change(), "a", b"67890").unwrap(), 5);
        assert!(matches!(gate.append(change(), "a", b"1"), Err(DataError::OverQuota)));
        assert_eq!(
            (std::fs::read(root.join("a")).unwrap(), std::fs::read(root.join("b")).unwrap().len()),
            (b"67890".to_vec(), 5)
        );
    }

    #[test]
    fn a_symlink_is_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let outside = home.path().join("secret");
        std::fs::write(&outside, "x").unwrap();
        std::fs::create_dir(home.path().join("p")).unwrap();
        std::os::unix::fs::symlink(&outside, home.path().join("p").join("link")).unwrap();
        let mut folder = DataFolder::new(home.path().join("p"), 100, Arc::default());
        assert!(folder.read(look(), "link", 0, 10).is_err());
        assert!(folder.append(change(), "link", b"y").is_err());
        assert_eq!(std::fs::read(outside).unwrap(), b"x");
    }
}
