//! What clients say and are answered, as Socket.IO carries it: names of events, codes of errors, acknowledgements.

use super::dashboard::Asked;
use super::questions::Answering;
use super::rooms::{Kind, Room};
use crate::error::{ApiError, cut};
use axum::extract::ws::Utf8Bytes;
use serde_json::{Value, json};
use std::sync::Arc;

/// Longest thing that a client says: a room's name, or a list of types.
pub(crate) const MAX_SAID_BYTES: usize = 16 * 1024;

/// Stable codes of what goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Unauth,
    Forbidden,
    BadPayload,
    RateLimit,
    Internal,
}

impl Code {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unauth => "E_UNAUTH",
            Self::Forbidden => "E_FORBIDDEN",
            Self::BadPayload => "E_BAD_PAYLOAD",
            Self::RateLimit => "E_RATE_LIMIT",
            Self::Internal => "E_INTERNAL",
        }
    }
}

/// A refusal, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub(crate) struct Trouble {
    pub(crate) code: Code,
    pub(crate) message: String,
}

impl Trouble {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: cut(message.into()) }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(Code::BadPayload, message)
    }

    pub(crate) fn value(&self) -> Value {
        json!({"ok": false, "error": {"code": self.code.as_str(), "message": self.message}})
    }
}

/// The same refusal, as it is said over HTTP.
impl From<ApiError> for Trouble {
    fn from(error: ApiError) -> Self {
        let code = match error.code() {
            "unauthorised" => Code::Unauth,
            "forbidden" => Code::Forbidden,
            "rate_limited" | "too_many_connections" | "busy" => Code::RateLimit,
            "not_found" => Code::BadPayload,
            code if code.starts_with("bad_") => Code::BadPayload,
            _ => Code::Internal,
        };
        Self::new(code, error.told())
    }
}

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Join(Room),
    Leave(Room),
    History(Asked),
    Status,
    Questions,
    Resolve(Answering),
}

impl Request {
    /// Reads `["join_village",{"villageId":"v1"}]` and its like.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(text: &str) -> Result<Self, Trouble> {
        if text.len() > MAX_SAID_BYTES {
            return Err(Trouble::bad(format!("{} bytes, at most {MAX_SAID_BYTES}", text.len())));
        }
        let said: Vec<Value> = serde_json::from_str(text).map_err(|error| Trouble::bad(error.to_string()))?;
        let mut said = said.iter();
        let name = said.next().and_then(Value::as_str).unwrap_or_default();
        let given = said.next();
        let room = |kind| Room::read(kind, given).map_err(Trouble::bad);
        if let Some(kind) = name.strip_prefix("join_").and_then(Kind::of_word) {
            return room(kind).map(Self::Join);
        }
        if let Some(kind) = name.strip_prefix("leave_").and_then(Kind::of_word) {
            return room(kind).map(Self::Leave);
        }
        match name {
            "get_history" => Asked::read(given).map(Self::History).map_err(Trouble::bad),
            "get_status" => Ok(Self::Status),
            "get_interactions" => Ok(Self::Questions),
            "resolve_interaction" => Answering::read(given).map(Self::Resolve),
            _ => Err(Trouble::bad(
                "known are join_ and leave_ with village, repo or agent, get_history, get_status, get_interactions and \
                 resolve_interaction",
            )),
        }
    }
}

/// What waits to be sent.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// An event: its name, one argument that is JSON, and the cursor after it where it has one.
    Event { name: &'static str, text: Text, cursor: Option<String> },
    /// The answer to what the client asked for under this number.
    Answer { number: i64, text: String },
}

impl Outgoing {
    /// An event that has no place in the journal.
    pub(crate) fn notice(name: &'static str, value: &Value) -> Self {
        Self::Event { name, text: Text::Own(value.to_string()), cursor: None }
    }

    /// Bytes of the packet that it becomes: `42["name",text,"cursor"]`, or `43number[text]`. Nothing in a name or a cursor
    /// has to be escaped.
    pub(crate) fn bytes(&self) -> u64 {
        let bytes = match self {
            Self::Event { name, text, cursor } => {
                let cursor = cursor.as_ref().map_or(0, |cursor| ",''".len() + cursor.len());
                "42['',]".len() + name.len() + text.as_str().len() + cursor
            }
            Self::Answer { number, text } => "43[]".len() + number.to_string().len() + text.len(),
        };
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// JSON, shared by all who are sent it where it is an event's.
#[derive(Debug)]
pub(crate) enum Text {
    Payload(Arc<str>),
    Frame(Utf8Bytes),
    Own(String),
}

impl Text {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Payload(text) => text,
            Self::Frame(text) => text.as_str(),
            Self::Own(text) => text,
        }
    }
}
