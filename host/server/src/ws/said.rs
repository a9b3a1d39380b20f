//! What a client of `/ws` may say, and what is wrong with what it says. Knows no socket and no session.

use crate::error::{ApiError, cut};
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_core::event::MAX_NAME_BYTES;

/// One message of a client's.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(crate) enum Message {
    /// Who it is; once, and before all else where the handshake did not say so.
    Authenticate {
        /// A token, or a JSON Web Token.
        token: String,
    },
    /// Be told of a session from now on.
    Subscribe {
        session_id: String,
        /// First what the journal holds of it after this.
        since: Option<Position>,
    },
    /// Be told of it no more.
    Unsubscribe { session_id: String },
    /// To its terminal.
    Terminal(Terminal),
    /// Answers what it asks of people.
    Approval {
        session_id: String,
        /// As `approval_request` names it.
        approval_id: String,
        decision: Option<String>,
        answer: Option<Value>,
    },
    /// Are you there?
    Ping {},
}

/// What goes to a terminal.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(tag = "action", rename_all = "lowercase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(crate) enum Terminal {
    /// As the keyboard gives it: Enter is `\r`.
    Input { session_id: String, data: String },
    /// How large it is from now on.
    Resize { session_id: String, cols: u16, rows: u16 },
}

/// A place in the journal.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub(crate) enum Position {
    /// After this seq; 0 is its beginning.
    Seq(u64),
    /// A cursor, or a time, as in a query's `since`.
    Text(String),
}

/// Every type of a message.
const TYPES: [&str; 6] = ["authenticate", "subscribe", "unsubscribe", "terminal", "approval", "ping"];

impl Message {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(text: &str) -> Result<Self, Trouble> {
        let value: Value = serde_json::from_str(text).map_err(|error| Trouble::invalid(error.to_string()))?;
        let Some(named) = value.get("type").and_then(Value::as_str) else {
            return Err(Trouble::invalid("`type`: a message is an object with a text of this name"));
        };
        if !TYPES.contains(&named) {
            let shown: String = named.chars().take(64).collect();
            let message = format!("`{shown}` is no type; known are {}", TYPES.join(", "));
            return Err(Trouble::new(Code::UnknownMessageType, message));
        }
        let session = value.get("sessionId").and_then(Value::as_str).map(|id| id.chars().take(64).collect());
        let bad = |error: serde_json::Error| Trouble { session, ..Trouble::invalid(format!("{named}: {error}")) };
        Self::deserialize(&value).map_err(bad)
    }
}

/// Stable codes of what goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    UnknownMessageType,
    InvalidMessage,
    ConnectionLimit,
    AuthFailed,
    NotAuthenticated,
    NotSubscribed,
    Forbidden,
    NotFound,
    /// What it is about does not allow it now.
    Refused,
    TooMany,
    Internal,
}

impl Code {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::UnknownMessageType => "UNKNOWN_MESSAGE_TYPE",
            Self::InvalidMessage => "INVALID_MESSAGE",
            Self::ConnectionLimit => "CONNECTION_LIMIT",
            Self::AuthFailed => "AUTH_FAILED",
            Self::NotAuthenticated => "NOT_AUTHENTICATED",
            Self::NotSubscribed => "NOT_SUBSCRIBED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::Refused => "REFUSED",
            Self::TooMany => "TOO_MANY",
            Self::Internal => "INTERNAL",
        }
    }
}

/// A refusal, in words.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) code: Code,
    message: String,
    session: Option<String>,
}

impl Trouble {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: cut(message.into()), session: None }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidMessage, message)
    }

    /// The same, of this session.
    pub(crate) fn of(self, session: &str) -> Self {
        Self { session: Some(session.chars().take(MAX_NAME_BYTES).collect()), ..self }
    }

    pub(crate) fn frame(&self, timestamp: &str) -> Value {
        let mut frame =
            json!({"type": "error", "code": self.code.as_str(), "message": self.message, "timestamp": timestamp});
        if let (Some(fields), Some(session)) = (frame.as_object_mut(), &self.session) {
            fields.insert("sessionId".to_owned(), json!(session));
        }
        frame
    }
}

/// The same refusal, as it is said over HTTP.
impl From<ApiError> for Trouble {
    fn from(error: ApiError) -> Self {
        let code = match error.code() {
            "forbidden" => Code::Forbidden,
            "not_found" => Code::NotFound,
            "too_many_connections" => Code::ConnectionLimit,
            "rate_limited" | "too_many" | "busy" => Code::TooMany,
            "ended" | "refused" | "settled" | "no_terminal" | "closed" => Code::Refused,
            code if code.starts_with("bad_") => Code::InvalidMessage,
            _ => Code::Internal,
        };
        Self::new(code, error.told())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn every_type_is_read() {
        for (text, named) in [
            (r#"{"type":"authenticate","token":"t"}"#, "authenticate"),
            (r#"{"type":"subscribe","sessionId":"s","since":0}"#, "subscribe"),
            (r#"{"type":"subscribe","sessionId":"s","since":"10m"}"#, "subscribe"),
            (r#"{"type":"unsubscribe","sessionId":"s"}"#, "unsubscribe"),
            (r#"{"type":"terminal","action":"input","sessionId":"s","data":"x\r"}"#, "terminal"),
            (r#"{"type":"terminal","action":"resize","sessionId":"s","cols":80,"rows":24}"#, "terminal"),
            (r#"{"type":"approval","sessionId":"s","approvalId":"a","decision":"approve"}"#, "approval"),
            (r#"{"type":"ping"}"#, "ping"),
        ] {
            let read = match Message::read(text).map_err(|trouble| trouble.message).unwrap() {
                Message::Authenticate { .. } => "authenticate",
                Message::Subscribe { .. } => "subscribe",
                Message::Unsubscribe { .. } => "unsubscribe",
                Message::Terminal(Terminal::Input { .. } | Terminal::Resize { .. }) => "terminal",
                Message::Approval { .. } => "approval",
                Message::Ping {} => "ping",
            };
            assert_eq!(read, named, "{text}");
            assert!(TYPES.contains(&named));
        }
    }

    #[test]
    fn what_is_no_message_is_said_by_its_code() {
        use Code::{InvalidMessage, UnknownMessageType};
        for (text, code, says) in [
            ("", InvalidMessage, "EOF"),
            ("ping", InvalidMessage, "expected value"),
            ("[]", InvalidMessage, "`type`"),
            ("7", InvalidMessage, "`type`"),
            (r#"{"type":7}"#, InvalidMessage, "`type`"),
            (r#"{"type":"dance"}"#, UnknownMessageType, "`dance` is no type; known are authenticate"),
            (r#"{"type":"Ping"}"#, UnknownMessageType, "`Ping`"),
            (r#"{"type":"ping","more":1}"#, InvalidMessage, "unknown field `more`"),
            (r#"{"type":"authenticate"}"#, InvalidMessage, "missing field `token`"),
            (r#"{"type":"subscribe","sessionId":7}"#, InvalidMessage, "expected a string"),
            (r#"{"type":"subscribe","sessionId":"s","since":-1}"#, InvalidMessage, "subscribe: "),
            (r#"{"type":"subscribe","session_id":"s"}"#, InvalidMessage, "unknown field `session_id`"),
            (r#"{"type":"terminal","sessionId":"s","data":"x"}"#, InvalidMessage, "missing field `action`"),
            (r#"{"type":"terminal","action":"eat","sessionId":"s"}"#, InvalidMessage, "unknown variant `eat`"),
            (r#"{"type":"terminal","action":"resize","sessionId":"s","cols":65536,"rows":1}"#, InvalidMessage, "65536"),
            (r#"{"type":"terminal","action":"input","sessionId":"s"}"#, InvalidMessage, "missing field `data`"),
        ] {
            let trouble = Message::read(text).err().unwrap();
            assert_eq!(trouble.code, code, "{text}");
            assert!(trouble.message.contains(says), "{text} said {}", trouble.message);
        }
        let deep = format!(r#"{{"type":"ping","x":{}"#, "[".repeat(100_000));
        assert_eq!(Message::read(&deep).err().unwrap().code, InvalidMessage);
        let long = format!(r#"{{"type":"{}"}}"#, "x".repeat(1_000_000));
        assert!(Message::read(&long).err().unwrap().message.len() < 256, "no answer repeats what it was sent");
    }
}
