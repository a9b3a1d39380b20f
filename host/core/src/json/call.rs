//! JSON → a call to the gate. Unknown keys are passed over; a wrong type is named by its path.

use super::{JsonError, folder, kind_of, syntax};
use crate::gate::Call;
use crate::interactions::MAX_WAIT_MS;
use crate::session::MAX_ROOTS;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// Reads a call; only `tool_name` and `tool_input` are required.
///
/// # Errors
/// When the text is not a JSON object or a field has the wrong type; the error names it.
pub fn call_from_json(text: &str) -> Result<Call, JsonError> {
    call_from_value(serde_json::from_str(text).map_err(|error| syntax(&error))?)
}

/// As [`call_from_json`], from a value.
///
/// # Errors
/// When it is not an object or a field has the wrong type; the error names it.
pub fn call_from_value(value: Value) -> Result<Call, JsonError> {
    let Value::Object(mut fields) = value else {
        return Err(JsonError::at("", format!("a call is an object, this is {}", kind_of(&value))));
    };
    let tool_name = match text(&mut fields, "tool_name")? {
        Some(name) if name.is_empty() => return Err(JsonError::at("tool_name", "is empty")),
        Some(name) => name,
        None => return Err(JsonError::at("tool_name", "missing; a call is {\"tool_name\":…,\"tool_input\":{…}}")),
    };
    let tool_input = match fields.remove("tool_input") {
        Some(Value::Object(input)) => input,
        Some(other) => {
            return Err(JsonError::at("tool_input", format!("must be an object, is {}", kind_of(&other))));
        }
        None => return Err(JsonError::at("tool_input", "missing; a tool without input has {}")),
    };
    Ok(Call {
        session_id: text(&mut fields, "session_id")?,
        tool_name,
        tool_input,
        cwd: text(&mut fields, "cwd")?.map(|cwd| folder_at("cwd", &cwd)).transpose()?,
        agent: text(&mut fields, "agent")?,
        call_id: text(&mut fields, "call_id")?,
        roots: roots(&mut fields)?,
        can_ask: can_ask(&mut fields)?,
        wait_ms: wait_ms(&mut fields)?,
    })
}

fn text(fields: &mut Map<String, Value>, path: &str) -> Result<Option<String>, JsonError> {
    match fields.remove(path) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(JsonError::at(path, format!("must be a string, is {}", kind_of(&other)))),
    }
}

fn folder_at(path: &str, text: &str) -> Result<PathBuf, JsonError> {
    folder(text).map_err(|reason| JsonError::at(path, reason))
}

fn roots(fields: &mut Map<String, Value>) -> Result<Vec<PathBuf>, JsonError> {
    let items = match fields.remove("roots") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) if items.len() > MAX_ROOTS => {
            return Err(JsonError::at(
                "roots",
                format!("a session has at most {MAX_ROOTS}, these are {}", items.len()),
            ));
        }
        Some(Value::Array(items)) => items,
        Some(other) => {
            return Err(JsonError::at("roots", format!("must be an array of paths, is {}", kind_of(&other))));
        }
    };
    let root = |(index, item): (usize, Value)| {
        let path = format!("roots[{index}]");
        match item {
            Value::String(text) => folder_at(&path, &text),
            other => Err(JsonError::at(path, format!("must be a string, is {}", kind_of(&other)))),
        }
    };
    items.into_iter().enumerate().map(root).collect()
}

fn can_ask(fields: &mut Map<String, Value>) -> Result<bool, JsonError> {
    match fields.remove("can_ask") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(can)) => Ok(can),
        Some(other) => Err(JsonError::at("can_ask", format!("must be true or false, is {}", kind_of(&other)))),
    }
}

fn wait_ms(fields: &mut Map<String, Value>) -> Result<Option<u64>, JsonError> {
    let Some(value) = fields.remove("wait_ms").filter(|value| !value.is_null()) else { return Ok(None) };
    match value.as_u64() {
        Some(ms) if ms <= MAX_WAIT_MS => Ok(Some(ms)),
        _ => Err(JsonError::at("wait_ms", format!("must be whole milliseconds, 0 to {MAX_WAIT_MS}, is {value}"))),
    }
}
