//! The fields of a hook input, by the names that each agent gives them.
//!
//! Reads them and says which is wrong; must not know what follows from them.

use super::{AgentHook, HookError};
use crate::gate::normalise;
use crate::json::{folder, kind_of};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::path::PathBuf;

/// A hook input, or a part of it.
pub(super) type Fields = Map<String, Value>;

/// An input's fields.
pub(super) fn parse(json: &str) -> Result<Fields, HookError> {
    match serde_json::from_str(json) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(other) => Err(HookError::Input(format!("must be an object, is {}", kind_of(&other)))),
        Err(error) => Err(HookError::Input(crate::json::syntax(&error).reason)),
    }
}

/// What the agent calls the event.
pub(super) fn event(agent: AgentHook, fields: &Fields) -> Result<&str, HookError> {
    required(fields, if agent == AgentHook::Generic { "event" } else { "hook_event_name" })
}

/// The agent's session.
pub(super) fn session(agent: AgentHook, fields: &Fields) -> Result<String, HookError> {
    let (name, quoted) = match agent {
        AgentHook::Cursor if fields.contains_key("conversation_id") => ("conversation_id", "`conversation_id`"),
        _ => ("session_id", "`session_id`"),
    };
    let session = required(fields, name)?;
    if session.is_empty() {
        return Err(HookError::Input(format!("`{name}` is empty")));
    }
    normalise::name(quoted, session).map_err(|bad| HookError::Input(bad.to_string()))?;
    Ok(session.to_owned())
}

/// The folder that the agent says it works in; of Cursor, which may leave it empty, the first of its workspace else.
pub(super) fn cwd(agent: AgentHook, fields: &Fields) -> Result<Option<PathBuf>, HookError> {
    let said = said_cwd(fields)?;
    if said.is_some() || agent != AgentHook::Cursor {
        return Ok(said);
    }
    match fields.get("workspace_roots").and_then(|roots| roots.get(0)) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(root)) => path("workspace_roots[0]", root).map(Some),
        Some(other) => Err(HookError::Input(format!("`workspace_roots[0]` must be a path, is {}", kind_of(other)))),
    }
}

/// The folder that the input names itself.
pub(super) fn said_cwd(fields: &Fields) -> Result<Option<PathBuf>, HookError> {
    text(fields, "cwd")?.filter(|cwd| !cwd.is_empty()).map(|cwd| path("cwd", cwd)).transpose()
}

fn path(name: &str, text: &str) -> Result<PathBuf, HookError> {
    folder(text).map_err(|reason| HookError::Input(format!("`{name}` {reason}")))
}

/// The agent's own id of the call, where it gives one.
pub(super) fn call_id(agent: AgentHook, fields: &Fields) -> Result<Option<&str>, HookError> {
    let name = if agent == AgentHook::Generic { "call_id" } else { "tool_use_id" };
    Ok(text(fields, name)?.filter(|id| !id.is_empty()))
}

/// Whether a caller of the generic hook says that it can put a question to its user.
pub(super) fn can_ask(fields: &Fields) -> Result<bool, HookError> {
    match fields.get("can_ask") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(can)) => Ok(*can),
        Some(other) => Err(HookError::Input(format!("`can_ask` must be true or false, is {}", kind_of(other)))),
    }
}

/// A tool's input. Cursor gives some as the text of an object.
pub(super) fn tool_input(agent: AgentHook, fields: &Fields) -> Result<Cow<'_, Fields>, HookError> {
    let wrong = |what: &str| HookError::Input(format!("`tool_input` must be an object, is {what}"));
    match fields.get("tool_input") {
        Some(Value::Object(input)) => Ok(Cow::Borrowed(input)),
        Some(Value::String(text)) if agent == AgentHook::Cursor => match serde_json::from_str(text) {
            Ok(Value::Object(input)) => Ok(Cow::Owned(input)),
            Ok(other) => Err(wrong(&format!("the text of {}", kind_of(&other)))),
            Err(_) => Err(wrong("a text that is no JSON")),
        },
        Some(other) => Err(wrong(kind_of(other))),
        None => Err(HookError::Input("`tool_input` is missing".to_owned())),
    }
}

/// A text that has to be there.
pub(super) fn required<'a>(fields: &'a Fields, name: &str) -> Result<&'a str, HookError> {
    text(fields, name)?.ok_or_else(|| HookError::Input(format!("`{name}` is missing")))
}

/// A text that may be missing.
pub(super) fn text<'a>(fields: &'a Fields, name: &str) -> Result<Option<&'a str>, HookError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(HookError::Input(format!("`{name}` must be a string, is {}", kind_of(other)))),
    }
}
