//! The engine's dialect: tool calls, messages, interactions, tests and merges.

use super::{Json, Number};
use serde::{Deserialize, Serialize};

/// A tool call came in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct ToolGated {
    /// Session of the call.
    pub session_id: String,
    /// The agent's own name of the tool.
    pub tool_name: String,
    /// Ours of it, such as `Bash`, where that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical_tool: Option<String>,
    /// The tool's input, redacted.
    pub tool_input: Json,
    /// Id of the call.
    pub call_id: String,
}

/// A tool call may run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct ToolAllowed {
    /// Session of the call.
    pub session_id: String,
    /// The agent's own name of the tool.
    pub tool_name: String,
    /// Ours of it, such as `Bash`, where that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical_tool: Option<String>,
    /// The input that it runs with, redacted.
    pub tool_input: Json,
    /// Id of the call.
    pub call_id: String,
    /// `rule`, `plugin`, `grant` or `approval`.
    pub via: String,
}

/// A tool call must not run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct ToolDenied {
    /// Session of the call.
    pub session_id: String,
    /// The agent's own name of the tool.
    pub tool_name: String,
    /// Ours of it, such as `Bash`, where that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical_tool: Option<String>,
    /// Why, for a person.
    pub reason: String,
    /// `sandbox`, `policy`, `plugin`, `user`, `approval` or `fault`.
    pub violation_type: String,
    /// The finer cause, such as `rule` or `timeout`.
    pub cause: String,
    /// Id of the call.
    pub call_id: String,
    /// Which rule or plugin decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
}

/// Someone else decides a tool call.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct ToolDeferred {
    /// Session of the call.
    pub session_id: String,
    /// The agent's own name of the tool.
    pub tool_name: String,
    /// Ours of it, such as `Bash`, where that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical_tool: Option<String>,
    /// Id of the call.
    pub call_id: String,
    /// Who decides, such as `agent`.
    pub to: String,
    /// Why, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A tool has run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct ToolFinished {
    /// Session of the call.
    pub session_id: String,
    /// The agent's own name of the tool.
    pub tool_name: String,
    /// Ours of it, such as `Bash`, where that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical_tool: Option<String>,
    /// Id of the call.
    pub call_id: String,
    /// Whether it succeeded.
    pub ok: bool,
    /// How long it ran, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<Number>,
    /// Exit code of a program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
}

/// `message.in`, `message.out` and `message.queued`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Message {
    /// Who wrote or is written to.
    pub user_id: String,
    /// The chat.
    pub chat_id: String,
    /// The message.
    pub text: String,
}

/// A user stopped what runs for a chat.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct ExecutionInterrupted {
    /// Who stopped it.
    pub user_id: String,
    /// The chat.
    pub chat_id: String,
}

/// A person is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct InteractionRequested {
    /// The chat.
    pub chat_id: String,
    /// Kind of the question.
    pub kind: String,
    /// Id of the question.
    pub interaction_id: String,
    /// The question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Answers to choose from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Json>,
    /// When it expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Json>,
}

/// A question has its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct InteractionResolved {
    /// The chat.
    pub chat_id: String,
    /// Kind of the question.
    pub kind: String,
    /// Id of the question.
    pub interaction_id: String,
    /// Such as `approve`, `reject`, `expired`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// The free answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Json>,
    /// Who resolved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<String>,
}

/// A person asked for tests.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct CommandTest {
    /// The chat.
    pub chat_id: String,
    /// The arguments, as text or list.
    pub args: Json,
    /// Who asked: whom the answer is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
}

/// Tests begin.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct TestStarted {
    /// The chat.
    pub chat_id: String,
    /// What will run.
    pub config: Json,
}

/// Tests have ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct TestCompleted {
    /// The chat.
    pub chat_id: String,
    /// How many passed.
    pub passed: u64,
    /// How many failed.
    pub failed: u64,
    /// How many were skipped.
    pub skipped: u64,
    /// How long they ran, in milliseconds.
    pub duration_ms: Number,
    /// How it ended.
    pub status: String,
}

/// A person asked for a merge.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct CommandMerge {
    /// The chat.
    pub chat_id: String,
    /// The branch to merge.
    pub branch: String,
    /// Merged from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_branch: Option<String>,
    /// Merged into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_branch: Option<String>,
    /// Files in conflict, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflicted_files: Option<Vec<String>>,
    /// Who asked: whom the answer is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
}

/// A merge begins.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct MergeStarted {
    /// The chat.
    pub chat_id: String,
}

/// A merge has ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct MergeCompleted {
    /// The chat.
    pub chat_id: String,
    /// How it ended.
    pub status: String,
    /// Conflicts resolved.
    pub resolved: u64,
    /// Conflicts left.
    pub remaining: u64,
    /// What was done to each file.
    pub files: Vec<Json>,
}

/// A plugin handed the agent a prompt.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct SessionPrompted {
    /// The chat.
    pub chat_id: String,
    /// The prompt.
    pub text: String,
}

/// A plugin set the agent's mode.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct SessionModeSet {
    /// The chat.
    pub chat_id: String,
    /// The mode.
    pub mode: String,
}

/// The session got a grant, from a plugin or from a person who approves all of a kind; or it was revoked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct SessionGranted {
    /// The chat.
    pub chat_id: String,
    /// The key granted or revoked.
    pub key: String,
}
