//! The runner's dialect: sessions, terminals, files, tests, approvals, alerts and usage.

use super::{Json, Number};
use serde::{Deserialize, Serialize};

/// A runner session began.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SessionStarted {
    /// The provider.
    pub provider_id: String,
    /// Its version.
    pub provider_version: String,
    /// Where it works.
    pub workspace_path: String,
    /// The room that it belongs to.
    pub room_path: String,
}

/// A runner session changed its state.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SessionStateChanged {
    /// The state before.
    pub previous_state: String,
    /// The state now.
    pub new_state: String,
    /// Why; null where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A runner session ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SessionEnded {
    /// Its last state.
    pub final_state: String,
    /// Exit code; null where a signal ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// How long it ran, in milliseconds.
    pub total_duration_ms: Number,
    /// What it used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_usage: Option<Json>,
}

/// Output of a terminal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TerminalChunk {
    /// The output.
    pub data: String,
    /// `stdout` or `stderr`.
    pub stream: String,
}

/// A session touched a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FileTouched {
    /// The file.
    pub path: String,
    /// Its room.
    pub room_path: String,
    /// `read`, `write`, `delete` or `diff`.
    pub reason: String,
}

/// What a session changed so far.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DiffSummary {
    /// Files changed.
    pub files_changed: u64,
    /// Lines added.
    pub lines_added: u64,
    /// Lines removed.
    pub lines_removed: u64,
    /// Each file.
    pub files: Vec<Json>,
}

/// A test run began.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TestRunStarted {
    /// What runs.
    pub command: String,
    /// Files that it covers.
    pub test_files: Vec<String>,
}

/// A test run ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TestRunFinished {
    /// Exit code; null where a signal ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// How many passed.
    pub passed: u64,
    /// How many failed.
    pub failed: u64,
    /// How many were skipped.
    pub skipped: u64,
    /// How long it ran, in milliseconds.
    pub duration: Number,
}

/// A person must approve.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ApprovalRequested {
    /// What to approve.
    pub approval: Json,
}

/// An approval has its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ApprovalResolved {
    /// Id of the approval.
    pub approval_id: String,
    /// The answer.
    pub decision: String,
    /// Who answered.
    pub resolved_by: String,
    /// What they said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Something needs attention.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AlertRaised {
    /// Id of the alert.
    pub alert_id: String,
    /// How bad it is.
    pub severity: String,
    /// What it is about.
    pub category: String,
    /// One line.
    pub title: String,
    /// More.
    pub description: String,
    /// Data that belongs to it.
    pub context: Json,
}

/// What was used in an interval.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct UsageTick {
    /// The provider.
    pub provider_id: String,
    /// What was used, by kind.
    pub units: Json,
    /// The interval, in milliseconds.
    pub interval_ms: Number,
}
