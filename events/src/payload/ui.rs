//! The dialect of the user interface: work streams and agents. What the source lacked is null.

use super::Json;
use serde::{Deserialize, Serialize};

/// One step of a work stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WorkStreamEvent {
    /// The agent.
    pub agent_id: Option<String>,
    /// The session.
    pub session_id: Option<String>,
    /// `session_start`, `output`, `file_edit`, …
    #[serde(rename = "type")]
    pub step: String,
    /// What belongs to the step.
    pub payload: Json,
    /// When it happened.
    pub timestamp: Option<Json>,
}

/// `agent.spawn` and `agent.disconnect`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AgentPresence {
    /// The agent.
    pub agent_id: Option<String>,
    /// The session.
    pub session_id: Option<String>,
}
