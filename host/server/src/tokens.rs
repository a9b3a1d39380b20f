//! Named tokens with scopes: made, told once, kept as hashes in one file of the home, found again by what is given.
//!
//! Owns the file. The home's own two tokens are not among them; what a scope allows is `scope`'s.

use crate::allowance::{Allowance, DEFAULT_PER_SECOND, MAX_PER_SECOND};
use crate::scope::Scopes;
use crate::state::{MAX_STREAMS, same};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tollgate_core::event::MAX_NAME_BYTES;
use tollgate_core::hex::hex;
use tollgate_core::time::Timestamp;

/// Most named tokens: each is one for a program or a person, and each request from the network is held against all.
pub(crate) const MAX_TOKENS: usize = 256;
/// Most characters of a token's name.
const MAX_TOKEN_NAME_BYTES: usize = 64;
/// Most sources that a token may speak as.
const MAX_SOURCES: usize = 64;
/// Live connections of a token that says nothing else.
const DEFAULT_CONNECTIONS: usize = 16;
/// Largest file that is read: more than [`MAX_TOKENS`] of the longest.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;
/// Random bytes of a token: as hard to guess as a key.
const TOKEN_BYTES: usize = 32;
/// How a token begins, so that whoever finds one knows what it is.
const PREFIX: &str = "tg_";

/// What is wrong with a token that is asked for, or with the file.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// What is asked for is no token.
    #[error("{0}")]
    Invalid(String),
    /// There is one of this name.
    #[error("there is a token `{0}` already; revoke it first, or choose another name")]
    Taken(String),
    /// There are as many as there may be.
    #[error("there are {MAX_TOKENS} tokens, which is the most; revoke one first")]
    Full,
    /// There is none of this name.
    #[error("there is no token `{0}`; `tollgate token list` shows them")]
    Absent(String),
    /// The file is not one of ours.
    #[error("{path}: {reason}; mend it, or remove it and make the tokens anew")]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Its words.
        source: io::Error,
    },
}

/// What someone wants a token to be; what is missing has its default.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    /// What it is called: `a-z`, `0-9`, `-` and `_`.
    pub(crate) name: String,
    /// Such as `emit:task.*`, `read`, `gate`.
    pub(crate) scopes: Vec<String>,
    /// Sources that it may speak as; the first where an event names none. None: `token:<name>`.
    #[serde(default)]
    pub(crate) sources: Vec<String>,
    /// Requests a second.
    pub(crate) per_second: Option<u32>,
    /// Live connections at a time.
    pub(crate) connections: Option<usize>,
}

/// One token, as the file and the API have it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Row {
    name: String,
    /// SHA-256 of the token, hexadecimal.
    sha256: String,
    scopes: Vec<String>,
    sources: Vec<String>,
    per_second: u32,
    connections: usize,
    created: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rows {
    tokens: Vec<Row>,
}

/// A token that counts.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: Arc<str>,
    pub(crate) scopes: Arc<Scopes>,
    pub(crate) sources: Arc<[Arc<str>]>,
    pub(crate) per_second: u32,
    pub(crate) connections: usize,
    pub(crate) created: String,
    pub(crate) allowance: Arc<Allowance>,
    hash: String,
}

/// The named tokens of a home.
#[derive(Debug)]
pub struct Tokens {
    path: PathBuf,
    named: Mutex<Arc<[Arc<Named>]>>,
}

impl Tokens {
    /// Those of the file at `path`, which may be missing.
    ///
    /// # Errors
    /// When it cannot be read, or is not one that this host wrote.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, TokenError> {
        let path = path.into();
        let broken = |reason: String| TokenError::Broken { path: path.clone(), reason };
        let rows: Rows = match read(&path) {
            Ok(Some(text)) => serde_json::from_str(&text).map_err(|error| broken(error.to_string()))?,
            Ok(None) => Rows::default(),
            Err(source) => return Err(TokenError::Io { path, source }),
        };
        let named: Result<Vec<_>, String> = rows.tokens.into_iter().map(named).collect();
        Ok(Self { named: Mutex::new(named.map_err(broken)?.into()), path })
    }

    /// All of them, the oldest first.
    pub(crate) fn list(&self) -> Arc<[Arc<Named>]> {
        Arc::clone(&self.named.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The one that is `given`; takes as long whichever it is.
    pub(crate) fn find(&self, given: &str) -> Option<Arc<Named>> {
        let hash = hash_of(given);
        let mut found = None;
        for one in self.list().iter() {
            if same(one.hash.as_bytes(), hash.as_bytes()) {
                found = Some(Arc::clone(one));
            }
        }
        found
    }

    /// Makes one; its text is told here and never again. Blocks on the file.
    ///
    /// # Errors
    /// When it is no token, there is one of that name, or the file cannot be written.
    pub(crate) fn add(&self, wish: Wish, now: Timestamp) -> Result<(Arc<Named>, String), TokenError> {
        let mut random = [0; TOKEN_BYTES];
        let urandom = Path::new("/dev/urandom");
        let read = File::open(urandom).and_then(|mut source| source.read_exact(&mut random));
        read.map_err(|source| TokenError::Io { path: urandom.to_owned(), source })?;
        let text: String = PREFIX.chars().chain(hex(&random).chars()).collect();
        let row = Row {
            name: wish.name,
            sha256: hash_of(&text),
            scopes: wish.scopes,
            sources: wish.sources,
            per_second: wish.per_second.unwrap_or(DEFAULT_PER_SECOND),
            connections: wish.connections.unwrap_or(DEFAULT_CONNECTIONS),
            created: now.to_string(),
        };
        let made = named(row).map_err(TokenError::Invalid)?;
        let mut tokens = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.iter().any(|one| one.name == made.name) {
            return Err(TokenError::Taken(made.name.to_string()));
        }
        if tokens.len() >= MAX_TOKENS {
            return Err(TokenError::Full);
        }
        let with: Arc<[_]> = tokens.iter().cloned().chain([Arc::clone(&made)]).collect();
        self.write(&with)?;
        *tokens = with;
        Ok((made, text))
    }

    /// Takes one back: it counts no more, and what is live with it ends. Blocks on the file.
    ///
    /// # Errors
    /// When there is none of that name, or the file cannot be written; it counts on then.
    pub(crate) fn revoke(&self, name: &str) -> Result<(), TokenError> {
        let mut tokens = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(gone) = tokens.iter().find(|one| *one.name == *name).cloned() else {
            return Err(TokenError::Absent(name.chars().take(MAX_TOKEN_NAME_BYTES).collect()));
        };
        let without: Arc<[_]> = tokens.iter().filter(|one| one.name != gone.name).cloned().collect();
        self.write(&without)?;
        *tokens = without;
        gone.allowance.end();
        Ok(())
    }

    /// Written aside and renamed, so that a crash leaves no half file.
    fn write(&self, named: &[Arc<Named>]) -> Result<(), TokenError> {
        let rows = Rows { tokens: named.iter().map(|one| row(one)).collect() };
        let io = |source| TokenError::Io { path: self.path.clone(), source };
        let text = serde_json::to_string_pretty(&rows).map_err(|error| io(error.into()))?;
        let aside = self.path.with_extension("new");
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside);
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
        // With its folder, or a token that was taken back counts again after a power cut.
        let folder = self.path.parent().unwrap_or(Path::new("."));
        written.and_then(|()| fs::rename(&aside, &self.path)).and_then(|()| File::open(folder)?.sync_all()).map_err(io)
    }
}

fn read(path: &Path) -> io::Result<Option<String>> {
    let mut text = String::new();
    match File::open(path) {
        Ok(file) => file.take(MAX_FILE_BYTES).read_to_string(&mut text).map(|_| Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A row that is checked, from the file or from a wish.
fn named(row: Row) -> Result<Arc<Named>, String> {
    let Row { name, sha256, scopes, sources, per_second, connections, created } = row;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > MAX_TOKEN_NAME_BYTES || !name.bytes().all(plain) {
        return Err(format!("name: 1 to {MAX_TOKEN_NAME_BYTES} of a-z, 0-9, `-` and `_`"));
    }
    if sha256.len() != 64 {
        return Err(format!("token {name}: sha256: must have 64 hexadecimal digits"));
    }
    if !(1..=MAX_PER_SECOND).contains(&per_second) {
        return Err(format!("per_second: 1 to {MAX_PER_SECOND}"));
    }
    if !(1..=MAX_STREAMS).contains(&connections) {
        return Err(format!("connections: 1 to {MAX_STREAMS}"));
    }
    if sources.len() > MAX_SOURCES {
        return Err(format!("sources: at most {MAX_SOURCES}"));
    }
    let bad = |source: &&String| {
        source.is_empty()
            || source.len() > MAX_NAME_BYTES
            || source.contains(char::is_control)
            || source.starts_with("plugin:")
    };
    if let Some(source) = sources.iter().find(bad) {
        return Err(format!("sources: `{source}` is none that a token may speak as"));
    }
    let scopes = Scopes::parse(&scopes).map_err(|reason| format!("scopes: {reason}"))?;
    let sources = if sources.is_empty() { vec![format!("token:{name}")] } else { sources };
    Ok(Arc::new(Named {
        name: name.into(),
        scopes: Arc::new(scopes),
        sources: sources.into_iter().map(Arc::from).collect(),
        per_second,
        connections,
        created,
        allowance: Arc::new(Allowance::new(per_second, connections)),
        hash: sha256,
    }))
}

fn row(one: &Named) -> Row {
    Row {
        name: one.name.to_string(),
        sha256: one.hash.clone(),
        scopes: one.scopes.texts(),
        sources: one.sources.iter().map(|source| source.to_string()).collect(),
        per_second: one.per_second,
        connections: one.connections,
        created: one.created.clone(),
    }
}

fn hash_of(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

#[cfg(test)]
mod tests;
