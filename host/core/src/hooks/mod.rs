//! Hook adapters: an agent's hook input becomes events and, where it gates, a call; a verdict becomes the agent's answer.
//!
//! Pure: reads bytes and returns values; the socket and the process's exit belong to the command line. What
//! the agents' inputs have in common is in `kind`, `fields`, `tool` and `input`; how each wants its answer is in its
//! own file. What has to be known from one hook to the next is in `memory`, what people are told in `alert`.

mod alert;
mod claude_code;
mod codex;
mod cursor;
mod fields;
mod fit;
mod gemini;
mod generic;
mod input;
mod kind;
mod memory;
mod tool;

pub use alert::alert;
pub use input::{HookContext, HookInput};
pub use memory::HookMemory;

use crate::gate::{Decision, Verdict};
use std::fmt;

/// The largest hook input, in bytes: a tool's whole response is in it.
pub const MAX_INPUT_BYTES: usize = 16 * 1024 * 1024;

/// The exit code that lets the agent go on.
pub const EXIT_PASS: u8 = 0;
/// The exit code that blocks the tool, in every agent.
pub const EXIT_BLOCK: u8 = 2;

/// What follows the reason where a person has to approve and the agent has no way to ask one.
const CANNOT_ASK: &str =
    " — a person has to approve this and this agent cannot ask one; ask your user to run it, or try another way";

/// An agent whose hooks Tollgate speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AgentHook {
    /// Claude Code.
    ClaudeCode,
    /// Codex.
    Codex,
    /// Gemini CLI.
    Gemini,
    /// Cursor.
    Cursor,
    /// Any other, in our own words.
    Generic,
}

/// What the hook's process does: written as it stands, then exit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HookAnswer {
    /// [`EXIT_PASS`] or [`EXIT_BLOCK`].
    pub exit: u8,
    /// For the agent: empty, or one JSON text to be written in one write.
    pub stdout: String,
    /// For people, and for the agent where the exit blocks.
    pub stderr: String,
}

/// Why a hook input was not understood; every one is a denial.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HookError {
    /// No agent of that name.
    #[error("no hook adapter `{0}`; known are {known}", known = AgentHook::names())]
    UnknownAgent(String),
    /// Over [`MAX_INPUT_BYTES`].
    #[error("the hook input has {0} bytes, at most {MAX_INPUT_BYTES} are read")]
    TooLarge(usize),
    /// Not UTF-8, with the first bad byte.
    #[error("the hook input is not UTF-8 (byte {0})")]
    NotUtf8(usize),
    /// Not JSON, or a field of the wrong shape.
    #[error("the hook input: {0}")]
    Input(String),
}

impl AgentHook {
    /// Every agent, in the order that messages list them.
    pub const ALL: [Self; 5] = [Self::ClaudeCode, Self::Codex, Self::Gemini, Self::Cursor, Self::Generic];

    /// The agent of this name.
    ///
    /// # Errors
    /// When there is no such agent.
    pub fn parse(name: &str) -> Result<Self, HookError> {
        Self::ALL
            .into_iter()
            .find(|agent| agent.as_str() == name)
            .ok_or_else(|| HookError::UnknownAgent(name.chars().take(64).collect()))
    }

    /// The name on the command line, in `source` and in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Cursor => "cursor",
            Self::Generic => "generic",
        }
    }

    fn names() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }

    /// Reads one hook input.
    ///
    /// # Errors
    /// When it is too large, not UTF-8, not JSON, or a field that we need is missing or of another shape.
    pub fn read(self, bytes: &[u8], context: HookContext<'_>) -> Result<HookInput, HookError> {
        if bytes.len() > MAX_INPUT_BYTES {
            return Err(HookError::TooLarge(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| HookError::NotUtf8(error.valid_up_to()))?;
        input::read(self, text, context)
    }

    /// The agent's own answer to `verdict`, for the hook event that `input` was.
    #[must_use]
    pub fn answer(self, input: &HookInput, verdict: &Verdict) -> HookAnswer {
        match self {
            Self::Cursor => cursor::answer(input.kind, verdict),
            Self::Generic => generic::answer(verdict),
            _ if verdict.decision == Decision::Deny => HookAnswer::block(&verdict.reason),
            Self::ClaudeCode => claude_code::answer(input.kind, verdict),
            Self::Codex => codex::answer(input.kind, verdict),
            Self::Gemini => gemini::answer(verdict),
        }
    }

    /// The answer that leaves the agent to its own rules. Most take silence for it; where a hook has to speak or
    /// counts as failed, it says so.
    #[must_use]
    pub fn no_opinion(self, input: &HookInput) -> HookAnswer {
        match self {
            Self::Cursor if input.gates() => cursor::allow(),
            Self::Generic if input.gates() => generic::abstain(),
            _ => HookAnswer::pass(),
        }
    }
}

impl fmt::Display for AgentHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl HookAnswer {
    /// Blocks the tool. The reason is never empty: two agents run the tool when it is.
    #[must_use]
    pub fn block(reason: &str) -> Self {
        let reason = if reason.trim().is_empty() { "denied by tollgate" } else { reason.trim() };
        Self { exit: EXIT_BLOCK, stdout: String::new(), stderr: format!("{reason}\n") }
    }

    /// Blocks what a person has to approve, where the agent cannot ask one.
    fn cannot_ask(reason: &str) -> Self {
        Self::block(&format!("{}{CANNOT_ASK}", reason.trim()))
    }

    /// Silent: no opinion, in most agents.
    #[must_use]
    pub fn pass() -> Self {
        Self::default()
    }

    /// Lets the agent go on, with a JSON answer.
    fn say(json: &serde_json::Value) -> Self {
        Self { exit: EXIT_PASS, stdout: json.to_string(), stderr: String::new() }
    }
}

#[cfg(test)]
mod tests;
