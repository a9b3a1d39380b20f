//! The core dialect, protocol v1: tasks, providers and self-checks.

use super::{Json, Number, Percent};
use serde::{Deserialize, Serialize};

/// A task goes on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct TaskProgress {
    /// How much is done, 0 to 100.
    pub progress: Percent,
    /// What it does now.
    pub message: String,
}

/// A task failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct TaskFailed {
    /// What went wrong.
    pub error: Json,
}

/// A provider's state changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct ProviderStatusChanged {
    /// The new state.
    pub state: String,
    /// Where it listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Its latency, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<Number>,
    /// Its last error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<Json>,
}
