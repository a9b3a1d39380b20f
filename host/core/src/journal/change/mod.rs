//! Changes of rows that events tell of: interactions, session grants, queued messages.
//!
//! One change and its events are one commit, and the change says itself under which condition it holds: of two
//! that cannot both be, the second is refused and writes nothing. Knows nothing of gates, chats or answers.

mod memory;
mod reads;
mod sql;

pub(super) use memory::Kept;
pub use memory::RING_SETTLED;
pub(super) use sql::change;

use crate::interactions::{Grant, Interaction, State};
use crate::time::Timestamp;
use std::sync::Arc;

/// A change of rows.
pub(crate) enum Change {
    /// An interaction begins.
    Ask(Arc<Interaction>),
    /// A pending interaction ends; with it a grant may begin.
    Settle { id: Arc<str>, end: End, grant: Option<Grant> },
    /// An approval that was given at or after `since` is used up.
    Spend { id: Arc<str>, since: Timestamp },
    /// A grant is used; it changes nothing and must be there.
    UseGrant { session: Arc<str>, key: Arc<str> },
    /// A grant ends.
    Revoke { session: Arc<str>, key: Arc<str> },
    /// A message is put at the end of its chat's queue, one is taken out of it, or both.
    Queue { put: Option<Queued>, taken: Option<Arc<str>> },
    /// A message that was taken out is put back, before all others.
    PutBack(Queued),
}

/// How an interaction ends.
pub(crate) struct End {
    /// Never [`State::Pending`].
    pub(crate) state: State,
    pub(crate) decision: Option<String>,
    pub(crate) answer: Option<String>,
    pub(crate) by: Option<String>,
    pub(crate) at: Timestamp,
    /// It is an approval, which one call may use.
    pub(crate) unspent: bool,
}

impl End {
    /// What runs out must be due, and what is due can only run out.
    fn wants_due(&self) -> bool {
        self.state == State::Expired
    }
}

/// A message that waits until its chat's execution is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Queued {
    pub(crate) id: Arc<str>,
    pub(crate) chat_id: Arc<str>,
    pub(crate) user_id: Arc<str>,
    pub(crate) text: String,
}

/// Why a change was refused; nothing was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// This interaction asks it already.
    Asked(Arc<str>),
    /// This many wait already.
    TooMany(usize),
    /// What it needs is not there, or no longer as it needs it.
    NotThere,
}

impl Change {
    /// What it weighs in the writer's queue, in KiB.
    pub(super) fn weight(&self) -> usize {
        let bytes = match self {
            Self::Ask(asked) => asked.text.len() + asked.details.as_ref().map_or(0, String::len),
            Self::Settle { end, .. } => end.answer.as_ref().map_or(0, String::len),
            Self::Queue { put: Some(put), .. } | Self::PutBack(put) => put.text.len(),
            _ => 0,
        };
        bytes / 1024 + 1
    }
}
