//! What an interaction is, what it is asked and answered with, and its bounds. Plain data.

use super::kind::{Kind, State};
use crate::bus::EmitError;
use crate::event::Cause;
use crate::journal::JournalError;
use crate::time::Timestamp;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Most interactions that wait for an answer: more than people answer in a day.
pub const MAX_PENDING: usize = 1_000;
/// Most that wait in one session (in one chat, where there is no session), so that one agent cannot take all.
pub const MAX_PENDING_PER_SESSION: usize = 64;
/// Settled interactions kept, the newest: what a second answer to one is compared with.
pub const KEPT_SETTLED: usize = 10_000;
/// Most session grants kept; the oldest goes first, and its commands are asked about again.
pub const MAX_GRANTS: usize = 10_000;
/// The longest question, in bytes.
pub const MAX_TEXT_BYTES: usize = 16 * 1024;
/// Most answers to choose from.
pub const MAX_OPTIONS: usize = 32;
/// The longest of them, in bytes.
pub const MAX_OPTION_BYTES: usize = 1024;
/// The largest details, in bytes of JSON text.
pub const MAX_DETAILS_BYTES: usize = 64 * 1024;
/// The largest answer, in bytes of JSON text.
pub const MAX_ANSWER_BYTES: usize = 16 * 1024;
/// The longest time to live that an asker may give: a week, in which someone comes by.
pub const MAX_TTL: Duration = Duration::from_secs(7 * 24 * 3_600);
/// The longest wait for an answer, in milliseconds: an hour, more than any hook's timeout.
pub const MAX_WAIT_MS: u64 = 3_600_000;
/// Most callers that wait at a time; one more is told at once that the answer is still to come.
pub const MAX_WAITING: usize = 4_096;
/// How long an approval that no call has used yet stays good: a day, in which the agent is told to try again.
pub const UNSPENT_FOR: Duration = Duration::from_secs(24 * 3_600);

/// A question to a person, and its answer. Texts are redacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interaction {
    /// A UUID, as text.
    pub id: Arc<str>,
    /// What it is about.
    pub kind: Kind,
    /// The chat it belongs to.
    pub chat_id: Arc<str>,
    /// The session it belongs to.
    pub session: Option<Arc<str>>,
    /// The question.
    pub text: String,
    /// Answers to choose from.
    pub options: Vec<String>,
    /// JSON text of an object; for an approval the call.
    pub details: Option<String>,
    /// Who asks, as an event's source.
    pub asked_by: Arc<str>,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// When it runs out; none: never.
    pub expires_at: Option<Timestamp>,
    /// Where it is in its life.
    pub state: State,
    /// `approve`, `reject`, `approve_all`, `expired`, `cancelled`, or what the answerer said.
    pub decision: Option<String>,
    /// JSON text of the free answer.
    pub answer: Option<String>,
    /// Who answered or withdrew it.
    pub resolved_by: Option<String>,
    /// When it left [`State::Pending`].
    pub settled_at: Option<Timestamp>,
    /// An approval that no call has used yet.
    pub unspent: bool,
    /// What an approval allows; set by the gate alone.
    pub(crate) bound: Option<Bound>,
}

impl Interaction {
    /// Whether it ran out, swept or not.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.state == State::Pending && self.expires_at.is_some_and(|expires| expires <= now)
    }
}

/// What an approval is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bound {
    /// Hash of the call.
    pub(crate) call: [u8; 32],
    /// The session grant that `approve_all` gives; none where it may give none.
    pub(crate) grant: Option<Arc<str>>,
}

/// A question, to be asked. Secrets in it are redacted before it is kept or shown.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The asker's own id: the same id again is the same interaction.
    pub id: Option<Uuid>,
    /// What it is about.
    pub kind: Kind,
    /// The session it belongs to.
    pub session: Option<Arc<str>>,
    /// The chat; the session's where none is given.
    pub chat_id: Option<Arc<str>>,
    /// The question, at most [`MAX_TEXT_BYTES`].
    pub text: String,
    /// At most [`MAX_OPTIONS`] answers to choose from, each at most [`MAX_OPTION_BYTES`].
    pub options: Vec<String>,
    /// An object, at most [`MAX_DETAILS_BYTES`] as JSON.
    pub details: Option<Value>,
    /// How long it may wait, at most [`MAX_TTL`]; none: as its kind has it.
    pub ttl: Option<Duration>,
    /// Who asks, as an event's source.
    pub asked_by: Arc<str>,
    /// The handled event that set it off.
    pub cause: Option<Cause>,
    pub(crate) bound: Option<Bound>,
}

impl Ask {
    /// A question with nothing optional; it needs a session or a chat.
    #[must_use]
    pub fn new(kind: Kind, text: impl Into<String>, asked_by: impl Into<Arc<str>>) -> Self {
        Self {
            id: None,
            kind,
            session: None,
            chat_id: None,
            text: text.into(),
            options: Vec::new(),
            details: None,
            ttl: None,
            asked_by: asked_by.into(),
            cause: None,
            bound: None,
        }
    }
}

/// Approvals given before this are good no more at `now`.
pub(crate) fn spendable_since(now: Timestamp) -> Timestamp {
    Timestamp(now.0.saturating_sub(Timestamp(0).after(UNSPENT_FOR).0))
}

/// The decisions that answer an approval of the gate.
pub const APPROVE: &str = "approve";
/// No; a free answer of text is told to the agent.
pub const REJECT: &str = "reject";
/// Yes, and all of the same kind in this session, where the approval's options offer it.
pub const APPROVE_ALL: &str = "approve_all";

/// An answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// `approve`, `reject`, `approve_all` for an approval; else what the answerer likes, at most
    /// [`MAX_OPTION_BYTES`].
    pub decision: Option<String>,
    /// Any JSON, at most [`MAX_ANSWER_BYTES`].
    pub answer: Option<Value>,
}

impl Answer {
    /// Yes.
    #[must_use]
    pub fn approve() -> Self {
        Self { decision: Some(APPROVE.to_owned()), answer: None }
    }

    /// Yes, and all of the same kind in this session.
    #[must_use]
    pub fn approve_all() -> Self {
        Self { decision: Some(APPROVE_ALL.to_owned()), answer: None }
    }

    /// No, with a text for the agent; an empty one says nothing.
    #[must_use]
    pub fn reject(text: &str) -> Self {
        let answer = (!text.is_empty()).then(|| Value::from(text));
        Self { decision: Some(REJECT.to_owned()), answer }
    }
}

/// How an interaction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The interaction with its end.
    pub interaction: Interaction,
    /// This answer ended it; else it had ended before, and this is how.
    pub first: bool,
}

/// Which interactions a list has; empty fields do not restrict.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only in this state.
    pub state: Option<State>,
    /// Only of this kind.
    pub kind: Option<Kind>,
    /// Only of this chat.
    pub chat_id: Option<Arc<str>>,
    /// Only of this session.
    pub session: Option<Arc<str>>,
    /// At most this many, the newest first.
    pub limit: usize,
}

/// What a session may do without being asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The session.
    pub session: Arc<str>,
    /// The rule, the tool and, of a shell tool, the command's first words; quoted as a shell would need them.
    pub key: Arc<str>,
    /// Who gave it.
    pub given_by: Arc<str>,
    /// When.
    pub given_at: Timestamp,
}

/// Why a question was not asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AskError {
    /// A part of it is over its bound or of the wrong shape.
    #[error("the question's {field} {reason}")]
    Invalid {
        /// Which part.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Neither a session nor a chat is given.
    #[error("the question belongs to no chat: give it a session or a chat_id")]
    NoChat,
    /// Too many wait already.
    #[error("{0} questions wait for an answer already; answer or cancel some of them first")]
    TooMany(usize),
    /// It could not be recorded.
    #[error(transparent)]
    Emit(#[from] EmitError),
}

/// Why an answer was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ResolveError {
    /// No interaction has this id.
    #[error("there is no interaction `{0}`; `approvals` lists those that wait")]
    NotFound(String),
    /// The answer does not fit.
    #[error("the answer's {field} {reason}")]
    Invalid {
        /// Which part.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// It could not be recorded.
    #[error(transparent)]
    Emit(#[from] EmitError),
}

/// Why an answer was not waited for.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WaitError {
    /// No interaction has this id.
    #[error("there is no interaction `{0}`")]
    NotFound(String),
    /// [`MAX_WAITING`] callers wait already.
    #[error("{MAX_WAITING} callers wait for answers already; ask again later")]
    TooMany,
    /// It could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl From<JournalError> for AskError {
    fn from(error: JournalError) -> Self {
        Self::Emit(error.into())
    }
}

impl From<JournalError> for ResolveError {
    fn from(error: JournalError) -> Self {
        Self::Emit(error.into())
    }
}
