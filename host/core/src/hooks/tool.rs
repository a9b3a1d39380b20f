//! The tool that a hook input is about: its name, what it is given, and by what its later events are known again.
//!
//! Must not know the gate's answer.

use super::fields::{self, Fields};
use super::kind::Kind;
use super::{AgentHook, HookError};
use crate::gate::normalise;
use crate::id::derived;
use serde_json::{Map, json};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::path::PathBuf;
use uuid::Uuid;

/// The name under which a shell line of its own event is gated, which is Cursor's name of the tool.
const SHELL: &str = "Shell";
/// The name under which a file of its own event is gated.
const READ: &str = "Read";

/// The tool that an event is about.
pub(super) struct Tool<'a> {
    pub name: &'a str,
    pub input: Cow<'a, Fields>,
    pub seen: Seen,
}

/// By what a call is known again at the next hook.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// The tool's name.
    pub tool: String,
    /// The agent's id of the call, else one that its other events get too.
    pub call_id: String,
    /// Whether the agent gave the id.
    pub given: bool,
    /// Of an agent that tells of one shell line twice: the session and the line.
    pub line: Option<Uuid>,
    /// The folder that the input says the line runs in.
    pub folder: Option<PathBuf>,
}

impl<'a> Tool<'a> {
    /// The tool of this input; none where it is about no tool.
    pub(super) fn of(
        agent: AgentHook,
        kind: Kind,
        session: &str,
        fields: &'a Fields,
    ) -> Result<Option<Self>, HookError> {
        let only = |name: &str| -> Result<Cow<'a, Fields>, HookError> {
            let mut input = Map::new();
            input.insert(name.to_owned(), json!(fields::required(fields, name)?));
            Ok(Cow::Owned(input))
        };
        let (name, input) = match kind {
            Kind::UserPrompt | Kind::Stop | Kind::Other => return Ok(None),
            Kind::Shell => (SHELL, only("command")?),
            Kind::ReadFile => (READ, only("file_path")?),
            _ => (fields::required(fields, "tool_name")?, fields::tool_input(agent, fields)?),
        };
        let given = fields::call_id(agent, fields)?;
        let line = if agent == AgentHook::Cursor { line_id(session, name, &input) } else { None };
        let said = fields::said_cwd(fields)?;
        let mut folders = normalise::working_folders(&input, said.as_deref(), &[]);
        // The first stands for what was not said.
        let folder = if folders.len() > 1 { folders.pop() } else { said };
        let seen = Seen {
            tool: name.to_owned(),
            call_id: match given {
                Some(id) => id.to_owned(),
                None => call_id(session, name, &input)?,
            },
            given: given.is_some(),
            line,
            folder,
        };
        Ok(Some(Self { name, input, seen }))
    }
}

/// An agent that gives no tool-use id gets one that its later event about the same call gets too. The very
/// same call made twice in a session therefore shares it.
pub(super) fn call_id(session: &str, tool: &str, input: &Fields) -> Result<String, HookError> {
    let input = serde_json::to_string(input).map_err(|error| HookError::Input(error.to_string()))?;
    Ok(digest(&[session, tool, &input]).to_string())
}

/// What the events about one shell line have in common; none where the tool is no shell or its line is not certain.
pub(super) fn line_id(session: &str, tool: &str, input: &Fields) -> Option<Uuid> {
    normalise::tool(tool).ok().filter(|tool| tool == "Bash")?;
    let lines = normalise::shell_lines(input);
    let line = lines.lines.first().filter(|_| lines.sure)?;
    Some(digest(&[session, line]))
}

/// The id of these texts, each with its length before it.
pub(super) fn digest(parts: &[&str]) -> Uuid {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part);
    }
    derived(hash.finalize().into())
}
