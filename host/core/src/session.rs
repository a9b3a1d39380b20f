//! Sessions: which agent works where, and which roots its tools may touch.

use std::path::PathBuf;
use std::sync::Arc;

/// One session of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The agent's or the host's id.
    pub id: Arc<str>,
    /// Such as `claude-code`; empty where unknown.
    pub agent: Arc<str>,
    /// The chat it talks to; its own id if none.
    pub chat_id: Arc<str>,
    /// The user it works for; the peer's user if none.
    pub user_id: Arc<str>,
    /// Absolute folders that its tools may touch; empty where `[workspace] allow` covers none.
    pub roots: Vec<PathBuf>,
}

/// What a call or an event says of its session.
#[derive(Debug, Clone, Default)]
pub struct SessionHint<'a> {
    /// Its id, where given.
    pub id: Option<&'a str>,
    /// The agent.
    pub agent: Option<&'a str>,
    /// The first working directory seen.
    pub cwd: Option<&'a std::path::Path>,
    /// Roots given by the caller.
    pub roots: &'a [PathBuf],
}

/// All sessions of the host: made on first sight, kept in the journal's database.
pub struct Sessions(());

impl Sessions {
    /// Loads the sessions of `bus`'s journal; roots must lie under one of `allow` (absolute, canonical).
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn open(bus: &crate::bus::Bus, allow: Vec<PathBuf>) -> Result<Self, crate::journal::JournalError> {
        let _ = (bus, allow);
        todo!()
    }
    /// Finds the session or makes it (root = the nearest `.git` above `cwd`, else `cwd`, if `allow` covers it).
    pub fn resolve(&self, hint: &SessionHint<'_>) -> Arc<Session> {
        let _ = hint;
        todo!()
    }
    /// The session with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Session>> {
        let _ = id;
        todo!()
    }
}
