//! The frontend's dialect: what kernel events become. What the source lacked is null.

use super::{Id, Number};
use serde::{Deserialize, Serialize};

/// A request is taken up.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct OrchestratorStarted {
    /// The request.
    pub request_id: Option<Id>,
    /// The process that serves it.
    pub pid: Option<Id>,
}

/// A request has ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct OrchestratorCompleted {
    /// The request.
    pub request_id: Option<Id>,
    /// `completed`, `failed`, `cancelled` or `resource_exhausted`.
    pub status: String,
}

/// A request waits for an answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct OrchestratorClarification {
    /// The request.
    pub request_id: Option<Id>,
    /// The question.
    pub clarification_question: Option<String>,
    /// Where the answer goes.
    pub thread_id: Option<Id>,
}

/// A request waits for a confirmation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct OrchestratorConfirmation {
    /// The request.
    pub request_id: Option<Id>,
    /// What to confirm.
    pub confirmation_message: Option<String>,
    /// Id of the confirmation.
    pub confirmation_id: Option<Id>,
}

/// A request used up a quota.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct OrchestratorResourceExhausted {
    /// The request.
    pub request_id: Option<Id>,
    /// Which resource.
    pub resource: Option<String>,
    /// How much it used.
    pub usage: Option<Number>,
    /// How much it may use.
    pub quota: Option<Number>,
}

/// A request was cancelled.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct OrchestratorCancelled {
    /// The request.
    pub request_id: Option<Id>,
    /// Why.
    pub reason: Option<String>,
}
