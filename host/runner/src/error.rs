//! Why the runner refuses something.

use crate::limits::{MAX_CELLS, MAX_INPUT_BYTES, MAX_TAKEN};
use crate::machine::Refusal;
use std::path::PathBuf;
use tollgate_core::bus::{BatchError, EmitError};
use tollgate_core::interactions::{AskError, ResolveError};
use tollgate_core::journal::JournalError;

/// Why something was not done. Nothing is changed then, and nothing told.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RunnerError {
    /// No session has this id.
    #[error("there is no runner session `{0}`")]
    NoSession(String),
    /// The session asked for no such approval.
    #[error("session `{session}` asked for no approval `{approval}`")]
    NoApproval {
        /// The session.
        session: String,
        /// The id that it does not know.
        approval: String,
    },
    /// The table does not list this provider.
    #[error("there is no provider `{name}`; [providers] lists {known}")]
    NoProvider {
        /// The name asked for.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// A part of what was given cannot be.
    #[error("{field} {reason}")]
    Invalid {
        /// Which part.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The workspace is outside of what may be worked in.
    #[error("the workspace {0} is no folder that [workspace] allow covers")]
    Workspace(PathBuf),
    /// A session of this id is there already.
    #[error("there is a session `{0}` already; give another id, or none")]
    Taken(String),
    /// As many run as may.
    #[error("{0} sessions of this kind run already, and that is the most; stop one first")]
    TooMany(usize),
    /// The session's state does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An event from outside that is refused, and with it all that were sent together.
    #[error("event {index}: {reason}")]
    Event {
        /// Its position among those sent.
        index: usize,
        /// Why.
        reason: EventRefusal,
    },
    /// More than [`MAX_TAKEN`] events at once.
    #[error("{0} events at once; at most {MAX_TAKEN} are taken")]
    TooManyEvents(usize),
    /// The session has no terminal of the host's.
    #[error("the session's program is not run here, so it has no terminal here")]
    NoTerminal,
    /// The program has not read what was typed before.
    #[error("{0} bytes of input wait to be read already; at most {MAX_INPUT_BYTES} may")]
    InputFull(usize),
    /// The host is stopping.
    #[error("the host is stopping")]
    Stopping,
    /// It could not be recorded.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// The approval could not be asked for.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The approval could not be answered.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
}

/// Why an event from outside is refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EventRefusal {
    /// The session's state does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The bus would not take it.
    #[error(transparent)]
    Bus(#[from] EmitError),
    /// It belongs to another session.
    #[error("belongs to session `{0}`, and was sent for another one")]
    Elsewhere(String),
    /// A session does not tell of this.
    #[error("{0} is no event of a runner session; send it as any other event")]
    Foreign(String),
    /// The host runs the program and tells of this itself.
    #[error("the host runs this session's program and tells of {0} itself")]
    Own(String),
    /// A field is not as it must be.
    #[error("`{path}`: {reason}")]
    Field {
        /// Which field.
        path: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Only who may approve says what was approved.
    #[error("whoever sent it may not approve: answer the approval itself, as somebody who may")]
    MayNotApprove,
    /// The approval ended otherwise before.
    #[error("the approval `{0}` has ended already, as {1}")]
    Settled(String, String),
}

impl RunnerError {
    pub(crate) fn size() -> Self {
        Self::Invalid { field: "size", reason: format!("must be 1 to {MAX_CELLS} columns and rows") }
    }
}

impl From<JournalError> for RunnerError {
    fn from(error: JournalError) -> Self {
        Self::Emit(error.into())
    }
}

impl From<BatchError> for RunnerError {
    fn from(refused: BatchError) -> Self {
        Self::Emit(refused.error)
    }
}
