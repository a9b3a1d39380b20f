//! What a journal is asked and what it answers. Plain data: no SQL and no threads here.

use crate::event::Draft;
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
    /// Made anew when a journal is created, and where the host finds it restored or cut, or its last events perhaps
    /// lost with the machine.
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
    /// The subscriber's cursor as this completion expects it: what the one before it finished. Where that one
    /// was not recorded, neither is this one, so that nothing is finished over what was lost.
    pub after: u64,
    /// Every event up to and including this seq is finished.
    pub finished: u64,
    /// What is finished beyond that.
    pub ahead: Ahead,
    /// What its handler emitted, in order, with ids and causes set.
    pub emits: Vec<Draft>,
    /// What its handler stored.
    pub store: Vec<StoreWrite>,
    /// Set where the event was given up.
    pub dead_letter: Option<DeadLetter>,
    /// Set where this is another try of a dead letter, which is that event's seq: the letter goes in this commit,
    /// unless `dead_letter` puts it back. Where it is there no more, nothing of the completion is recorded.
    pub retried: Option<u64>,
}

/// Most seqs that a subscriber has finished ahead of its cursor: they are written with each of its commits.
pub const MAX_AHEAD: usize = 1_000;

/// How far a subscriber is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Finished {
    /// Every event up to and including this seq is finished.
    pub upto: u64,
    /// So are these, which are greater, in order; at most [`MAX_AHEAD`].
    pub ahead: Vec<u64>,
}

/// What a completion says of events that are finished while one before them is not: a subscriber that handles
/// several at once finishes them out of order. Empty for one that does not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ahead {
    /// Those that are recorded when this completion is: what the one before it left, as with `after`.
    pub before: Vec<u64>,
    /// All that are finished beyond `finished`, in order; at most [`MAX_AHEAD`].
    pub seqs: Vec<u64>,
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
    /// Nothing of the request was written, for a reason that may pass: another process held the database's
    /// lock for too long, or a subscriber has too much uncommitted.
    #[error("the journal did not take it: {0}")]
    Write(String),
    /// An earlier completion of this subscriber was not recorded: it goes on from its cursor.
    #[error(
        "{subscriber} completed what does not follow: its cursor is at {cursor}, the completion comes after {after}"
    )]
    OutOfStep {
        /// Whose completion.
        subscriber: Arc<str>,
        /// Where the completion expects the cursor.
        after: u64,
        /// Where the cursor is.
        cursor: u64,
    },
    /// A completion retries a dead letter that is there no more: it was retried or dropped meanwhile.
    #[error("{subscriber} has no dead letter {seq}: it was retried or dropped meanwhile")]
    NoDeadLetter {
        /// Whose.
        subscriber: Arc<str>,
        /// Of which event.
        seq: u64,
    },
    /// A read failed.
    #[error("reading the journal: {0}")]
    Read(String),
    /// The host is shutting down.
    #[error("the journal is closed")]
    Closed,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}.{}", self.epoch, self.seq)
    }
}

/// Why a text is not a cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a cursor: 16 lower-case hexadecimal digits, a dot, and a number")]
pub struct CursorError(pub String);

impl std::str::FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let refuse = || CursorError(text.chars().take(64).collect());
        let (epoch, seq) = text.split_once('.').ok_or_else(refuse)?;
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if epoch.len() != 16 || !epoch.bytes().all(is_hex) || !seq.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refuse());
        }
        let epoch = u64::from_str_radix(epoch, 16).map_err(|_| refuse())?;
        let seq = seq.parse().map_err(|_| refuse())?;
        Ok(Self { epoch, seq })
    }
}

/// What [`super::Journal::stats`] reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Which journal this is.
    pub epoch: u64,
    /// Oldest seq kept; 0 when empty.
    pub first: u64,
    /// Last committed seq; 0 when empty.
    pub head: u64,
    /// Events kept.
    pub events: u64,
    /// Bytes of the database file, or of the ring's payloads.
    pub bytes: u64,
    /// Bytes of the file that hold nothing: room for what comes, and what `tollgate journal vacuum` gives back.
    pub free_bytes: u64,
    /// Bytes of the write-ahead log.
    pub wal_bytes: u64,
    /// When the oldest event kept happened, as it says itself.
    pub oldest: Option<Timestamp>,
    /// The same of the newest.
    pub newest: Option<Timestamp>,
    /// The last seq that was pruned, by retention or by hand; 0 where nothing was.
    pub pruned: u64,
    /// Every durable subscriber and the last seq that it finished.
    pub cursors: Vec<(String, u64)>,
    /// Events given up and kept.
    pub dead_letters: u64,
}

/// What [`super::verify`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Rows checked, the bad one included.
    pub checked: u64,
    /// Last good seq.
    pub head: u64,
    /// Hash of the last good row; written elsewhere, it is what shows a cut tail.
    pub head_hash: [u8; 32],
    /// The last seq that was pruned, which the first row is chained to; 0 where nothing was.
    pub pruned: u64,
    /// Good rows whose payload was redacted.
    pub redacted: u64,
    /// The first row that breaks the chain.
    pub bad: Option<BadRow>,
    /// What became of the head that was kept elsewhere, where one was given.
    pub kept: Option<HeadCheck>,
}

/// The end of a journal at some time, to be kept where who can change the journal cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Which journal: the epoch that its chain begins with, which is not that of its cursors.
    pub journal: u64,
    /// The last seq; 0 where it was empty.
    pub seq: u64,
    /// The hash of that row.
    pub hash: [u8; 32],
}

impl Head {
    /// The hash that 64 hexadecimal digits say.
    #[must_use]
    pub fn hash_from_hex(digits: &str) -> Option<[u8; 32]> {
        super::prune::unhex(digits)
    }
}

/// What became of a head that was kept elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadCheck {
    /// The good rows hold it: nothing before it was cut or changed.
    Holds,
    /// It was pruned since, so that nothing can be said.
    Pruned,
    /// The good rows end before it: the journal was cut, or is bad before it.
    Missing,
    /// Another row stands in its place.
    Differs,
    /// It is of another journal.
    OtherJournal,
}

/// A row that breaks the chain, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// The seq that the row has, or should have.
    pub seq: u64,
    /// What is wrong with it.
    pub reason: String,
}
