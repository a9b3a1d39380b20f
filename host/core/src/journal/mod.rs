//! The durable, ordered log: one writer, group commit, hash chain, cursors, dead letters, plugin store.
//!
//! Owns the database and the memory ring. Knows nothing of subscribers: committed events go to the
//! sink that the bus gives it, in seq order, after commit.

use crate::event::{Draft, Event};
use crate::time::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;
use uuid::Uuid;

/// How much a receipt promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// On disk before the receipt (`synchronous=FULL`).
    #[default]
    Full,
    /// Survives the process, not the machine (`synchronous=NORMAL`).
    Normal,
    /// A bounded ring in memory; nothing survives.
    Memory,
}

/// Where the journal is and how durable.
#[derive(Debug, Clone)]
pub struct JournalOptions {
    /// The database file; unused with [`Durability::Memory`].
    pub path: PathBuf,
    /// What a receipt promises.
    pub durability: Durability,
}

/// Proof that an event is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Its position.
    pub seq: u64,
    /// Its id.
    pub id: Uuid,
    /// The id was in the journal already: this is the first receipt again.
    pub duplicate: bool,
}

/// `<epoch>.<seq>`, the position a client resumes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Made anew when a journal is created, restored or cut.
    pub epoch: u64,
    /// The last seq seen.
    pub seq: u64,
}

/// One write to a plugin's store; `None` deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreWrite {
    /// Key, unique within the plugin.
    pub key: String,
    /// New value.
    pub value: Option<Vec<u8>>,
}

/// What a durable subscriber did with one event, committed as one unit.
#[derive(Debug, Clone)]
pub struct Completion {
    /// The subscriber, which is the plugin's name.
    pub subscriber: Arc<str>,
    /// Every event up to and including this seq is finished.
    pub finished: u64,
    /// What its handler emitted, in order, with ids and causes set.
    pub emits: Vec<Draft>,
    /// What its handler stored.
    pub store: Vec<StoreWrite>,
    /// Set where the event was given up.
    pub dead_letter: Option<DeadLetter>,
}

/// An event that a subscriber was not able to handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Who gave up.
    pub subscriber: Arc<str>,
    /// Which event.
    pub seq: u64,
    /// The fault's name or `failed`, `retry`, `stale`.
    pub cause: Arc<str>,
    /// For people.
    pub message: Arc<str>,
    /// How often it was tried.
    pub tries: u32,
    /// When it was given up.
    pub at: Timestamp,
}

/// Which events a query wants; empty fields do not restrict.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Only seqs greater than this.
    pub after: u64,
    /// Only these types.
    pub patterns: Option<tollgate_events::PatternSet>,
    /// Only this session.
    pub session: Option<Arc<str>>,
    /// Only at or after this time.
    pub since: Option<Timestamp>,
    /// Only before this time.
    pub until: Option<Timestamp>,
    /// At most this many, oldest first; or newest where `newest` is set (still returned oldest first).
    pub limit: usize,
    /// Take the newest instead of the oldest.
    pub newest: bool,
}

/// Why the journal did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be opened or is not a journal; names the file and the mend.
    #[error("journal {path}: {reason}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What is wrong and what mends it.
        reason: String,
    },
    /// The disk is full: nothing of the request was written.
    #[error("the disk is full: nothing was written")]
    DiskFull,
    /// An earlier write or fsync failed: the journal only reads until restart.
    #[error("the journal is read-only since a write failed: {0}")]
    ReadOnly(String),
    /// A read failed.
    #[error("reading the journal: {0}")]
    Read(String),
    /// The host is shutting down.
    #[error("the journal is closed")]
    Closed,
}

/// Where committed events go, in seq order, from the thread that committed them.
pub type Sink = Box<dyn Fn(&[Arc<Event>]) + Send + Sync>;

/// Reading side of the journal. Cheap to clone.
#[derive(Clone)]
pub struct Journal(Arc<()>);

impl Journal {
    /// Events that match, in seq order. Runs on the caller's thread: wrap in `spawn_blocking` from async code.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn read(&self, query: &Query) -> Result<Vec<Arc<Event>>, JournalError> {
        let _ = query;
        todo!()
    }
    /// This journal's epoch.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        todo!()
    }
    /// Last committed seq; 0 when empty.
    #[must_use]
    pub fn head(&self) -> u64 {
        todo!()
    }
    /// What receipts promise here.
    #[must_use]
    pub fn durability(&self) -> Durability {
        todo!()
    }
    /// A plugin's stored value.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn store_get(&self, plugin: &str, key: &str) -> Result<Option<Vec<u8>>, JournalError> {
        let _ = (plugin, key);
        todo!()
    }
    /// A plugin's keys with a prefix, in order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn store_keys(&self, plugin: &str, prefix: &str) -> Result<Vec<String>, JournalError> {
        let _ = (plugin, prefix);
        todo!()
    }
    /// Bytes of keys and values that a plugin stores.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn store_bytes(&self, plugin: &str) -> Result<u64, JournalError> {
        let _ = plugin;
        todo!()
    }
    /// Dead letters, oldest first, of one subscriber or all.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn dead_letters(&self, subscriber: Option<&str>, limit: usize) -> Result<Vec<DeadLetter>, JournalError> {
        let _ = (subscriber, limit);
        todo!()
    }
}
