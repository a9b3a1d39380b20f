//! The agents' names of their events, and what each means to us.
//!
//! One table for all agents: a name that gates in one gates in every other, which is the safe side. Must not know an
//! event's fields.

use super::HookError;
use tollgate_events::EventType;

/// The longest name of a hook event that is taken, in bytes.
const MAX_EVENT_NAME: usize = 64;

/// The events that mean something beyond their own record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A tool is about to run: `tool_name`, `tool_input`.
    PreTool,
    /// A shell line is about to run: `command`.
    Shell,
    /// A tool of an MCP server is about to run.
    McpTool,
    /// A file is about to be read: `file_path`.
    ReadFile,
    /// The agent is about to ask its user.
    PermissionRequest,
    PostTool,
    PostToolFailure,
    UserPrompt,
    Stop,
    Other,
}

impl Kind {
    /// Whether the agent waits for a verdict.
    pub(super) fn gates(self) -> bool {
        matches!(self, Self::PreTool | Self::Shell | Self::McpTool | Self::ReadFile | Self::PermissionRequest)
    }

    /// Whether a tool has run.
    pub(super) fn finished(self) -> bool {
        matches!(self, Self::PostTool | Self::PostToolFailure)
    }
}

/// Theirs, what it is, ours. What is not here is only recorded, under its own name in snake case.
const KINDS: [(&str, Kind, &str); 25] = [
    ("PreToolUse", Kind::PreTool, "pre_tool"),
    ("BeforeTool", Kind::PreTool, "pre_tool"),
    ("preToolUse", Kind::PreTool, "pre_tool"),
    ("pre_tool", Kind::PreTool, "pre_tool"),
    ("beforeShellExecution", Kind::Shell, "pre_tool"),
    ("beforeMCPExecution", Kind::McpTool, "pre_tool"),
    ("beforeReadFile", Kind::ReadFile, "pre_tool"),
    ("PermissionRequest", Kind::PermissionRequest, "permission_request"),
    ("permission_request", Kind::PermissionRequest, "permission_request"),
    ("PostToolUse", Kind::PostTool, "post_tool"),
    ("AfterTool", Kind::PostTool, "post_tool"),
    ("postToolUse", Kind::PostTool, "post_tool"),
    ("post_tool", Kind::PostTool, "post_tool"),
    ("PostToolUseFailure", Kind::PostToolFailure, "post_tool_failure"),
    ("postToolUseFailure", Kind::PostToolFailure, "post_tool_failure"),
    ("post_tool_failure", Kind::PostToolFailure, "post_tool_failure"),
    ("UserPromptSubmit", Kind::UserPrompt, "user_prompt"),
    ("BeforeAgent", Kind::UserPrompt, "user_prompt"),
    ("beforeSubmitPrompt", Kind::UserPrompt, "user_prompt"),
    ("user_prompt", Kind::UserPrompt, "user_prompt"),
    ("Stop", Kind::Stop, "stop"),
    ("AfterAgent", Kind::Stop, "stop"),
    ("stop", Kind::Stop, "stop"),
    // Says what the agent said, which its `stop` does not.
    ("afterAgentResponse", Kind::Stop, "after_agent_response"),
    ("afterMCPExecution", Kind::Other, "after_mcp_execution"),
];

/// What an agent's event is, and ours of it.
pub(super) fn of(name: &str) -> Result<(Kind, EventType), HookError> {
    let no_event = || {
        let shown: String = name.chars().take(MAX_EVENT_NAME).collect();
        HookError::Input(format!("`{shown}` is no name of an event"))
    };
    if name.len() > MAX_EVENT_NAME {
        return Err(no_event());
    }
    let (kind, ours) = KINDS
        .iter()
        .find(|(theirs, _, _)| *theirs == name)
        .map_or_else(|| (Kind::Other, snake_case(name)), |(_, kind, ours)| (*kind, (*ours).to_owned()));
    Ok((kind, EventType::parse(&format!("hook.{ours}")).map_err(|_| no_event())?))
}

/// `SubagentStart` → `subagent_start`.
fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut after_lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && after_lower {
            out.push('_');
        }
        after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        out.push(c.to_ascii_lowercase());
    }
    out
}
