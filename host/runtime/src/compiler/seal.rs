//! What makes a kept artifact ours: a tag over its header and its bytes, made with a key that only this home has. Knows
//! nothing of files but the key's.

use super::Artifact;
use crate::folder;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fs::{OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The first bytes of a kept artifact: whose it is, and how the rest is laid out.
const MAGIC: &[u8; 8] = b"tgcode\0\x01";
/// Hex of a SHA-256.
const DIGEST_BYTES: usize = 64;
const TAG_BYTES: usize = 32;
/// Magic, the component's digest, the engine's; the tag over them and the code; then the code.
const TAG_AT: usize = MAGIC.len() + 2 * DIGEST_BYTES;
/// What a kept artifact has besides the code, in bytes.
pub(super) const HEADER_BYTES: usize = TAG_AT + TAG_BYTES;
/// A block of the hash: the key is used as it is, neither filled up nor hashed first.
const KEY_BYTES: usize = 64;

/// A home's key. Says nothing of itself.
pub(super) struct Key([u8; KEY_BYTES]);

/// Code that this home wrote, for this component and this engine. Made by [`Key::open`] alone.
pub(super) struct Authentic(Vec<u8>);

impl Authentic {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Why kept bytes are not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsealed {
    #[error("it is no kept code of this version of Tollgate")]
    Foreign,
    #[error("it is of another component")]
    OtherComponent,
    #[error("it is of another engine")]
    OtherEngine,
    #[error("it is damaged, or this home did not write it")]
    Forged,
}

impl Key {
    /// The key at `path`, made (mode 0600) where there is none. One that others may read is nobody's: it is replaced,
    /// and what was kept with it is not used again.
    ///
    /// # Errors
    /// When it can neither be read nor made.
    pub(super) fn of(path: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        match std::fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_file() && metadata.mode() & 0o077 == 0 => {
                let bytes = folder::read(path, KEY_BYTES as u64).map_err(|rejection| rejection.cause)?;
                if let Ok(key) = bytes.try_into() {
                    return Ok(Self(key));
                }
                tracing::warn!(path = %path.display(), "plugin.cache: not a key; a new one is made");
            }
            Ok(_) => {
                tracing::warn!(path = %path.display(), "plugin.cache: others could read the key; a new one is made");
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        Self::make(path).map_err(failed)
    }

    fn make(path: &Path) -> std::io::Result<Self> {
        let mut key = [0; KEY_BYTES];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
        // Written aside and renamed, so that a crash leaves no half key.
        let aside = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(&key)?;
        file.sync_all()?;
        std::fs::rename(&aside, path)?;
        Ok(Self(key))
    }

    /// What is written: `artifact` of the component with this digest, by the engine with this one.
    pub(super) fn seal(&self, component: &str, engine: &str, artifact: &Artifact) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(HEADER_BYTES + artifact.bytes().len());
        sealed.extend_from_slice(MAGIC);
        sealed.extend_from_slice(component.as_bytes());
        sealed.extend_from_slice(engine.as_bytes());
        let tag = self.over(&sealed, artifact.bytes()).finalize().into_bytes();
        sealed.extend_from_slice(&tag);
        sealed.extend_from_slice(artifact.bytes());
        sealed
    }

    /// The code in what was read, if this home sealed it for this component and this engine.
    ///
    /// # Errors
    /// Why it is not used.
    pub(super) fn open(&self, component: &str, engine: &str, mut read: Vec<u8>) -> Result<Authentic, Unsealed> {
        let (header, rest) = read.split_at_checked(TAG_AT).ok_or(Unsealed::Foreign)?;
        let (tag, code) = rest.split_at_checked(TAG_BYTES).ok_or(Unsealed::Foreign)?;
        let named = header.strip_prefix(MAGIC).ok_or(Unsealed::Foreign)?;
        let (of, by) = named.split_at_checked(DIGEST_BYTES).ok_or(Unsealed::Foreign)?;
        if of != component.as_bytes() {
            return Err(Unsealed::OtherComponent);
        }
        if by != engine.as_bytes() {
            return Err(Unsealed::OtherEngine);
        }
        // Compares in constant time.
        self.over(header, code).verify_slice(tag).map_err(|_| Unsealed::Forged)?;
        Ok(Authentic(read.split_off(HEADER_BYTES)))
    }

    fn over(&self, header: &[u8], code: &[u8]) -> Hmac<Sha256> {
        Hmac::<Sha256>::new(&self.0.into()).chain_update(header).chain_update(code)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set up has failed")]
    use super::*;
    use crate::compiler::{Compiler, InProcess};
    use crate::engine::Engine;

    const ONE: &str = "1111111111111111111111111111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222222222222222222222222222";

    fn artifact() -> Artifact {
        InProcess.compile(&Engine::new().unwrap(), &wat::parse_str("(component)").unwrap()).unwrap()
    }

    #[test]
    fn only_what_this_key_sealed_for_this_component_and_engine_opens() {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::of(&folder.path().join("key")).unwrap();
        let artifact = artifact();
        let sealed = key.seal(ONE, TWO, &artifact);
        assert_eq!(sealed.len(), HEADER_BYTES + artifact.bytes().len());
        assert!(key.open(ONE, TWO, sealed.clone()).is_ok_and(|code| code.into_bytes() == artifact.bytes()));
        let refused =
            |component: &str, engine: &str, sealed: &[u8]| key.open(component, engine, sealed.to_vec()).err().unwrap();
        assert_eq!(refused(TWO, TWO, &sealed), Unsealed::OtherComponent);
        assert_eq!(refused(ONE, ONE, &sealed), Unsealed::OtherEngine);
        // One byte of any part, and any length but the right one.
        for at in [0, MAGIC.len(), TAG_AT - 1, TAG_AT, HEADER_BYTES - 1, HEADER_BYTES, sealed.len() - 1] {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(key.open(ONE, TWO, damaged).is_err(), "byte {at}");
        }
        for length in [0, MAGIC.len(), TAG_AT, HEADER_BYTES, sealed.len() - 1] {
            assert!(key.open(ONE, TWO, sealed[..length].to_vec()).is_err(), "{length} bytes");
        }
        assert_eq!(refused(ONE, TWO, &[sealed.clone(), vec![0]].concat()), Unsealed::Forged);
        // An honest header of another home.
        let other = Key::of(&folder.path().join("other")).unwrap();
        assert_eq!(refused(ONE, TWO, &other.seal(ONE, TWO, &artifact)), Unsealed::Forged);
    }

    #[test]
    fn a_key_is_made_once_private_and_anew_where_it_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made = Key::of(&path).unwrap().0;
        let mode = || std::fs::symlink_metadata(&path).unwrap().mode() & 0o7777;
        assert_eq!((Key::of(&path).unwrap().0, mode()), (made, 0o600));
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let second = Key::of(&path).unwrap().0;
        assert!(second != made && mode() == 0o600, "others could read the first");
        std::fs::write(&path, "short").unwrap();
        let third = Key::of(&path).unwrap().0;
        assert!(third != second && Key::of(&path).unwrap().0 == third);
        // A link to a key that somebody else chose.
        std::fs::rename(&path, folder.path().join("theirs")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("theirs"), &path).unwrap();
        assert!(Key::of(&path).unwrap().0 != third && std::fs::symlink_metadata(&path).unwrap().is_file());
        assert!(Key::of(&folder.path().join("no/folder/key")).is_err());
    }
}
