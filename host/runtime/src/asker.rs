//! Questions to people, as plugins ask them: what the embedding host gives the runtime to have them asked.
//!
//! Knows neither how a question is kept nor who answers it.

use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::event::Cause;
use uuid::Uuid;

/// A question of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginQuestion {
    /// Follows from plugin, handled event and the question's number, so that a handler that is tried again asks
    /// once: a question with the id of one that was asked is that one.
    pub id: Uuid,
    /// Who asks.
    pub plugin: Arc<str>,
    /// The session of the handled event.
    pub session: Arc<str>,
    /// The chat that the session talks to.
    pub chat_id: Arc<str>,
    /// The handled event's chain; none in a gate call.
    pub cause: Option<Cause>,
    /// `clarification`, `question`, `plan_review`, …; unchecked.
    pub kind: String,
    /// The question, for a person.
    pub text: String,
    /// Answers to choose from; empty for a free one.
    pub options: Vec<String>,
    /// JSON text of an object.
    pub details: String,
    /// How long it waits for its answer; none: as long as its kind does.
    pub ttl: Option<Duration>,
}

/// Why a question was not asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskRefusal {
    /// Plugins may not ask here.
    #[error("plugins may not ask here")]
    Denied,
    /// Unknown kind or bad details; the text says which.
    #[error("{0}")]
    Invalid(String),
    /// Too many questions are open already.
    #[error("too many questions are open")]
    OverBudget,
}

/// Asks people.
pub trait Asker: Send + Sync {
    /// Records `question` and has it asked; returns the interaction's id. Its time counts as the call's.
    fn ask(&self, question: PluginQuestion) -> BoxFuture<'_, Result<String, AskRefusal>>;
}
