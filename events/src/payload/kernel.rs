//! The kernel's dialect: processes, interrupts and resources.

use super::{Id, Number};
use serde::{Deserialize, Serialize};

/// A process was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct ProcessCreated {
    /// The process.
    pub pid: Id,
    /// The request that it serves.
    pub request_id: Id,
}

/// A process changed its state.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct ProcessStateChanged {
    /// The process.
    pub pid: Id,
    /// The new state.
    pub state: String,
}

/// A process needs someone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct InterruptRaised {
    /// The process.
    pub pid: Id,
    /// `clarification`, `confirmation`, `resource_exhausted`, …
    pub interrupt_type: String,
    /// What a clarification asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// What a confirmation says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Id of a confirmation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmation_id: Option<Id>,
}

/// A process used up a quota.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct ResourceExhausted {
    /// The process.
    pub pid: Id,
    /// Which resource.
    pub resource: String,
    /// How much it used.
    pub usage: Number,
    /// How much it may use.
    pub quota: Number,
}

/// A process was cancelled.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct ProcessCancelled {
    /// The process.
    pub pid: Id,
    /// Why.
    pub reason: String,
}
