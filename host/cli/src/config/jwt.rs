//! `[streams.jwt]`: whose JSON Web Tokens count, and the key that they are held against.

use super::expand;
use crate::exit::Failure;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use tollgate_server::{Jwt, JwtAlgorithm};

/// Largest key file: a key has some thousand bytes.
const MAX_KEY_BYTES: u64 = 64 * 1024;
/// The rights of others on a file.
const OTHERS: u32 = 0o077;

/// `[streams.jwt]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtConfig {
    /// How tokens are signed; one that says otherwise is none.
    pub algorithm: AlgorithmName,
    /// The public key in PEM, of RS256 and EdDSA. A secret is not kept here, where it would be shown.
    pub key: Option<String>,
    /// The file of the public key, or of the secret of HS256; that one is for nobody else to read.
    pub key_file: Option<PathBuf>,
    /// Whom a token is for: this host, as its issuer names it.
    pub audience: String,
    /// Who issues them.
    pub issuer: String,
}

/// The names of [`JwtAlgorithm`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlgorithmName {
    /// A secret that issuer and host share.
    #[serde(rename = "HS256")]
    Hs256,
    /// RSA.
    #[serde(rename = "RS256")]
    Rs256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl From<AlgorithmName> for JwtAlgorithm {
    fn from(name: AlgorithmName) -> Self {
        match name {
            AlgorithmName::Hs256 => Self::Hs256,
            AlgorithmName::Rs256 => Self::Rs256,
            AlgorithmName::EdDsa => Self::EdDsa,
        }
    }
}

impl JwtConfig {
    /// The first key that makes no sense, and what is wrong with it.
    pub(super) fn violation(&self) -> Option<(&'static str, String)> {
        if let Some((key, _)) = [("audience", &self.audience), ("issuer", &self.issuer)]
            .into_iter()
            .find(|(_, text)| text.trim().is_empty())
        {
            return Some((key, "must name one: a token for anybody, or of anybody, is for nobody".to_owned()));
        }
        match (&self.key, &self.key_file) {
            (None, None) => Some(("", "needs `key_file`, or `key` with a public key".to_owned())),
            (Some(_), Some(_)) => Some(("key", "there is `key_file` as well; leave one of them out".to_owned())),
            (Some(_), None) if self.algorithm == AlgorithmName::Hs256 => Some((
                "key",
                "a secret is not kept here; put it into a file of mode 0600 and name it as `key_file`".to_owned(),
            )),
            (Some(key), None) => self.made(key.as_bytes()).err().map(|reason| ("key", reason)),
            (None, Some(file)) if !file.is_absolute() && !file.starts_with("~") => {
                Some(("key_file", format!("`{}` is neither absolute nor under `~`", file.display())))
            }
            (None, Some(_)) => None,
        }
    }

    /// What tells good tokens from bad ones, with the key read.
    ///
    /// # Errors
    /// When the key file cannot be read, is a secret that others may read, or holds no key of the algorithm.
    pub fn open(&self, user_home: Option<&Path>) -> Result<Jwt, Failure> {
        let at = |reason: String| Failure::at("[streams.jwt]", reason);
        let key = match (&self.key, &self.key_file) {
            (Some(key), _) => key.clone().into_bytes(),
            (None, Some(file)) => {
                let file = expand(file, user_home);
                self.read(&file).map_err(|reason| at(format!("key_file {}: {reason}", file.display())))?
            }
            (None, None) => return Err(at("needs `key_file`, or `key` with a public key".to_owned())),
        };
        self.made(&key).map_err(at)
    }

    fn made(&self, key: &[u8]) -> Result<Jwt, String> {
        Jwt::new(self.algorithm.into(), key, &self.audience, &self.issuer).map_err(|error| error.to_string())
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let about = file.metadata().map_err(|error| error.to_string())?;
        if self.algorithm == AlgorithmName::Hs256 && about.mode() & OTHERS != 0 {
            return Err(format!("others may read this secret (mode {:o}); `chmod 600` it", about.mode() & 0o777));
        }
        let mut key = Vec::new();
        file.take(MAX_KEY_BYTES + 1).read_to_end(&mut key).map_err(|error| error.to_string())?;
        if key.len() as u64 > MAX_KEY_BYTES {
            return Err(format!("more than {MAX_KEY_BYTES} bytes are no key"));
        }
        // The end of the line that whatever wrote it put there.
        if key.ends_with(b"\n") {
            key.pop();
        }
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn config(file: PathBuf) -> JwtConfig {
        let (audience, issuer) = ("tollgate".to_owned(), "https://id.example.org".to_owned());
        JwtConfig { algorithm: AlgorithmName::Hs256, key: None, key_file: Some(file), audience, issuer }
    }

    #[test]
    fn a_secret_is_read_from_a_file_that_nobody_else_may_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let check = |text: &[u8], mode: u32, says: Option<&str>| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let said = config(path.clone()).open(None).err().map(|failure| failure.to_string());
            let as_wanted = match (says, &said) {
                (Some(says), Some(said)) => said.contains(says),
                (says, said) => says.is_none() && said.is_none(),
            };
            assert!(as_wanted, "{said:?}, not {says:?}");
        };
        let secret = [b'x'; 32];
        check(&secret, 0o600, None);
        check(&secret, 0o640, Some("others may read this secret (mode 640)"));
        check(&secret[..31], 0o600, Some("the secret has 31 bytes"));
        check(&[b"\n", &secret[..31]].concat(), 0o600, None);
        check(&[&secret[..31], b"\n"].concat(), 0o600, Some("the secret has 31 bytes"));
        check(&vec![b'x'; 64 * 1024 + 1], 0o600, Some("more than 65536 bytes"));
        std::fs::remove_file(&path).unwrap();
        let said = config(path).open(None).unwrap_err().to_string();
        assert!(said.contains("[streams.jwt]") && said.contains("secret: No such file"), "{said}");
    }
}
