//! Compiled code that is kept in the home, so that the same bytes are compiled once: files named by component and
//! engine, sealed with the home's key, the least used of them gone when there are too many. What is not ours in every
//! bit is removed and counts as not there.

use super::Artifact;
use super::seal::{HEADER_BYTES, Key, Unsealed};
use crate::component::Rejection;
use crate::engine::Engine;
use crate::folder;
use sha2::{Digest, Sha256};
use std::hash::{Hash, Hasher};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;
use tollgate_core::hex::hex;
use tollgate_core::home::Home;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Files: more than the plugins that a folder may hold, so that a full one fits.
    pub(crate) files: usize,
    /// Bytes of all of them: what a disk does not feel, and thousands of ordinary plugins.
    pub(crate) bytes: u64,
    /// Bytes of one: what a compiler may make at most.
    pub(crate) file_bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { files: 2 * folder::MAX_PLUGINS, bytes: 2 << 30, file_bytes: 512 << 20 }
    }
}

/// The kept code of one home, for one engine.
pub(crate) struct Cache {
    folder: PathBuf,
    key: Key,
    /// Of the engine's version, its configuration and the processor's features.
    engine: String,
    bounds: Bounds,
    /// Held while something is written, so that what is counted stays so.
    writing: Mutex<()>,
}

impl Cache {
    /// The cache in `home`, made where there is none.
    ///
    /// # Errors
    /// When its folder or its key cannot be made or read.
    pub(crate) fn open(home: &Home, engine: &Engine, bounds: Bounds) -> Result<Self, String> {
        let folder = home.cache().join("components");
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let key = Key::of(&home.cache().join("key"))?;
        let mut hasher = Sha256Hasher(Sha256::new());
        engine.0.precompile_compatibility_hash().hash(&mut hasher);
        let engine = hex(&hasher.0.finalize());
        Ok(Self { folder, key, engine, bounds, writing: Mutex::default() })
    }

    /// The code of the component with this digest, if it is kept and ours. Reads the file once, whole.
    pub(crate) fn get(&self, digest: &str) -> Option<Artifact> {
        let path = self.path(digest);
        match std::fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            _ => {}
        }
        match self.read(&path, digest) {
            Ok(artifact) => {
                // The least used go first. A mark that cannot be made costs a compilation some day.
                let used = std::fs::File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
                if let Err(error) = used {
                    tracing::debug!(path = %path.display(), %error, "plugin.cache: not marked as used");
                }
                Some(artifact)
            }
            Err(cause) => {
                self.discard(digest, &cause);
                None
            }
        }
    }

    fn read(&self, path: &Path, digest: &str) -> Result<Artifact, String> {
        let most = self.bounds.file_bytes + HEADER_BYTES as u64;
        let bytes = folder::read(path, most).map_err(|Rejection { cause, .. }| cause)?;
        let opened = self.key.open(digest, &self.engine, bytes).map_err(|unsealed: Unsealed| unsealed.to_string())?;
        Ok(Artifact::kept(opened))
    }

    /// Removes what is kept under this digest, and says why.
    pub(crate) fn discard(&self, digest: &str, cause: &str) {
        let path = self.path(digest);
        tracing::warn!(path = %path.display(), cause, "plugin.cache: not used, and removed");
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), %error, "plugin.cache: it could not be removed; remove it by hand");
        }
    }

    /// Keeps the code of the component with this digest. What cannot be kept is compiled again next time.
    pub(crate) fn put(&self, digest: &str, artifact: &Artifact) {
        let path = self.path(digest);
        if artifact.bytes().len() as u64 > self.bounds.file_bytes {
            return tracing::info!(digest, bytes = artifact.bytes().len(), "plugin.cache: too large to keep");
        }
        let sealed = self.key.seal(digest, &self.engine, artifact);
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = folder::write_whole(&path, &sealed).and_then(|()| self.prune(&path));
        if let Err(error) = kept {
            tracing::warn!(path = %path.display(), %error, "plugin.cache: not kept");
        }
    }

    /// Removes the files that were not used for longest until the bounds hold; `newest` goes last.
    fn prune(&self, newest: &Path) -> std::io::Result<()> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            match entry.metadata() {
                Ok(metadata) if !metadata.is_dir() => {
                    let path = entry.path();
                    files.push((path == newest, metadata.modified()?, metadata.len(), path));
                }
                // No file of ours, or gone meanwhile.
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        files.sort();
        let (mut count, mut bytes) = (files.len(), files.iter().map(|(_, _, length, _)| length).sum::<u64>());
        for (_, _, length, path) in files {
            if count <= self.bounds.files && bytes <= self.bounds.bytes {
                break;
            }
            std::fs::remove_file(path)?;
            count -= 1;
            bytes = bytes.saturating_sub(length);
        }
        Ok(())
    }

    /// Whose file is where: an engine that differs has files of its own, until they are the least used.
    fn path(&self, digest: &str) -> PathBuf {
        let engine = self.engine.get(..16).unwrap_or(&self.engine);
        self.folder.join(format!("{digest}.{engine}"))
    }
}

/// A hash that no accident makes the same for two engines.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        // The trait asks for it; what is used is the whole digest.
        let mut first = [0; 8];
        first.copy_from_slice(self.0.clone().finalize().get(..8).unwrap_or(&[0; 8]));
        u64::from_le_bytes(first)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use crate::compiler::{Compiler, InProcess};
    use std::time::Duration;

    fn digest(number: u8) -> String {
        crate::component::digest(&[number])
    }

    fn cache(folder: &Path, bounds: Bounds) -> (Cache, Artifact) {
        let engine = Engine::new().unwrap();
        let artifact = InProcess.compile(&engine, &wat::parse_str("(component)").unwrap()).unwrap();
        (Cache::open(&Home::at(folder), &engine, bounds).unwrap(), artifact)
    }

    /// Which of the first ten are kept.
    fn kept(cache: &Cache) -> Vec<u8> {
        (0..10).filter(|number| cache.path(&digest(*number)).exists()).collect()
    }

    /// Makes it look as if it was used `seconds` ago.
    fn used(cache: &Cache, number: u8, seconds: u64) {
        let file = std::fs::File::open(cache.path(&digest(number))).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
    }

    #[test]
    fn the_least_used_go_when_there_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, artifact) = cache(folder.path(), Bounds { files: 3, ..Bounds::default() });
        for number in 0..3 {
            cache.put(&digest(number), &artifact);
            used(&cache, number, 100 - u64::from(number));
        }
        // Used again, so it stays.
        assert!(cache.get(&digest(0)).is_some());
        cache.put(&digest(3), &artifact);
        assert_eq!(kept(&cache), [0, 2, 3]);
        assert!(cache.get(&digest(1)).is_none() && cache.get(&digest(3)).is_some());
    }

    #[test]
    fn bytes_are_bounded_in_all_and_each() {
        let folder = tempfile::tempdir().unwrap();
        let (_, artifact) = cache(folder.path(), Bounds::default());
        let length = artifact.bytes().len() as u64;
        let two = Bounds { bytes: 2 * (length + HEADER_BYTES as u64), ..Bounds::default() };
        let (cache, _) = cache(folder.path(), two);
        // What somebody else left counts, and goes like the rest.
        std::fs::write(cache.folder.join("left.tmp"), "x").unwrap();
        let left = std::fs::File::open(cache.folder.join("left.tmp")).unwrap();
        left.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        for number in 0..3 {
            cache.put(&digest(number), &artifact);
            used(&cache, number, 100 - u64::from(number));
        }
        assert_eq!((kept(&cache), std::fs::read_dir(&cache.folder).unwrap().count()), (vec![1, 2], 2));
        let small = Cache { bounds: Bounds { file_bytes: length - 1, ..Bounds::default() }, ..cache };
        small.put(&digest(4), &artifact);
        assert_eq!(kept(&small), [1, 2], "too large to keep");
        assert!(small.get(&digest(1)).is_none(), "nor is one used that is too large");
    }
}
