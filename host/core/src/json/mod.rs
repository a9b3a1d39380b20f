//! The JSON edge: envelopes, calls and verdicts to and from JSON text.
//!
//! The only module of the core that knows their wire names. Knows nothing of sockets or files; payloads stay
//! text and are spliced in, never parsed again.

mod call;
mod cloud;
mod draft;
mod envelope;
mod foreign;
mod recorded;
mod typed;
mod verdict;

pub use call::{call_from_json, call_from_value};
pub use cloud::{notice_to_cloud_event, to_cloud_event, write_cloud_event};
pub use draft::{DraftContext, MAX_DRAFTS, draft_from_json, drafts_from_json};
pub use envelope::{notice_to_json, to_json, write_json};
pub use recorded::{EventLines, LineError, MAX_LINE_BYTES, event_from_json};
pub use typed::typed_draft;
pub use verdict::{command_to_value, verdict_to_value};

use crate::session::MAX_PATH_BYTES;
use serde_json::Value;
use std::path::PathBuf;

/// Where in a JSON text something is wrong, and what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.render())]
pub struct JsonError {
    /// Index of the item, where the text holds several.
    pub index: Option<usize>,
    /// Path of the offending value, such as `entity.kind`; empty for the whole text.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

impl JsonError {
    /// An error at `path` of the only item.
    pub(crate) fn at(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { index: None, path: path.into(), reason: reason.into() }
    }

    /// The same error, in the item at `index`.
    #[must_use]
    pub(crate) fn in_item(mut self, index: usize) -> Self {
        self.index = Some(index);
        self
    }

    fn render(&self) -> String {
        match (self.index, self.path.as_str()) {
            (None, "") => self.reason.clone(),
            (None, path) => format!("`{path}`: {}", self.reason),
            (Some(index), "") => format!("event {index}: {}", self.reason),
            (Some(index), path) => format!("event {index}: `{path}`: {}", self.reason),
        }
    }
}

/// What a value is, for messages.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// What a raw JSON text is, judged by its first byte.
pub(crate) fn kind_of_text(text: &str) -> &'static str {
    match text.trim_start().bytes().next() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        Some(_) => "a number",
        None => "empty",
    }
}

/// A folder as a caller names it: absolute, since a relative one would resolve against the daemon's own.
pub(crate) fn folder(text: &str) -> Result<PathBuf, String> {
    if text.len() > MAX_PATH_BYTES {
        return Err(format!("has {} bytes, a path has at most {MAX_PATH_BYTES}", text.len()));
    }
    if !text.starts_with('/') {
        return Err(format!("must be an absolute path, is `{text}`"));
    }
    Ok(PathBuf::from(text))
}

/// serde_json's message without its own position, with line and column said our way.
pub(crate) fn syntax(error: &serde_json::Error) -> JsonError {
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text);
    JsonError::at("", format!("not JSON: {message} (line {}, column {})", error.line(), error.column()))
}

#[cfg(test)]
mod tests;
