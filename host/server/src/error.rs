//! The one shape of errors: `{"error":{"code","message","request_id"}}`. Codes are stable; causes that are ours
//! go to the log, under the same request id.

use crate::request::Current;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER as RETRY_AFTER_HEADER};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::time::Duration;
use tollgate_core::bus::{BatchError, EmitError};
use tollgate_core::journal::JournalError;
use tollgate_core::json::JsonError;

/// An answer that says what went wrong and whose fault it is.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// Ours to know: it goes to the log alone. None: the message says it.
    cause: Option<String>,
    /// When to ask again, in whole seconds.
    retry_after: Option<u64>,
}

/// When to ask again where nothing better is known, in seconds.
const RETRY_AFTER: u64 = 1;
/// Most characters of what is told over a socket: some sentences. What a client sent is repeated no further.
const MAX_TOLD_CHARS: usize = 512;

/// The words of a refusal over a socket, which may repeat what the client sent: cut where they are too many.
pub(crate) fn cut(mut words: String) -> String {
    if let Some((end, _)) = words.char_indices().nth(MAX_TOLD_CHARS) {
        words.truncate(end);
        words.push('…');
    }
    words
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), cause: None, retry_after: None }
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// The words for people.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The words for people where it is not the answer of a request: what is ours to know goes to the log, under the id
    /// that they name.
    pub(crate) fn told(&self) -> String {
        let request_id = self.log();
        match self.cause {
            Some(_) => format!("the host failed; its log says why, under {request_id}"),
            None => self.message.clone(),
        }
    }

    /// Writes it to the log, and answers under which id.
    fn log(&self) -> String {
        let request = Current::get();
        let (request_id, status, code) = (request.id(), self.status.as_u16(), self.code);
        let cause = self.cause.as_deref().unwrap_or(&self.message);
        if self.status.is_server_error() && self.cause.is_none() {
            // Too much at once, or the host's end: told, and no failure.
            tracing::warn!(request_id, %request, status, code, cause, "request refused");
        } else if self.status.is_server_error() {
            tracing::error!(request_id, %request, status, code, cause, "request failed");
        } else {
            tracing::debug!(request_id, %request, status, code, cause, "request refused");
        }
        request_id
    }

    pub(crate) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("the body has more than {limit} bytes"))
    }

    /// More than there may be, of what goes by with time.
    pub(crate) fn too_many(code: &'static str, message: impl Into<String>) -> Self {
        Self { retry_after: Some(RETRY_AFTER), ..Self::new(StatusCode::TOO_MANY_REQUESTS, code, message) }
    }

    /// The same in other words for people; what is ours to know stays in the log.
    pub(crate) fn saying(self, message: String) -> Self {
        if self.cause.is_some() { self } else { Self { message, ..self } }
    }

    /// The same, to be asked again after this time.
    pub(crate) fn after(self, wait: Duration) -> Self {
        let seconds = u64::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX);
        Self { retry_after: Some(seconds.max(RETRY_AFTER)), ..self }
    }

    pub(crate) fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message)
    }

    /// A fault of ours: the cause is logged with the answer, the client is told where to look.
    pub(crate) fn internal(cause: &dyn std::fmt::Display) -> Self {
        let told = "the host failed; its log says why, under this request id";
        Self { cause: Some(cause.to_string()), ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", told) }
    }
}

impl From<JsonError> for ApiError {
    fn from(error: JsonError) -> Self {
        Self::bad_request("bad_json", error.to_string())
    }
}

impl From<JournalError> for ApiError {
    fn from(error: JournalError) -> Self {
        let code = match error {
            JournalError::DiskFull => "disk_full",
            JournalError::ReadOnly(_) => "read_only",
            JournalError::Closed => "closed",
            JournalError::Write(_) | JournalError::OutOfStep { .. } => "busy",
            JournalError::NoDeadLetter { .. } => return Self::not_found(error.to_string()),
            JournalError::Open { .. } | JournalError::Read(_) => return Self::internal(&error),
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, error.to_string())
    }
}

impl From<EmitError> for ApiError {
    fn from(error: EmitError) -> Self {
        let code = match error {
            EmitError::Journal(error) => return error.into(),
            EmitError::Payload(_) => "bad_payload",
            EmitError::TooLarge(_) => "too_large",
            EmitError::Field { .. } => "bad_field",
            EmitError::TooDeep(_) => "too_deep",
            EmitError::Filtered(_) => "filtered",
            EmitError::BatchTooLarge(_) => "batch_too_large",
            EmitError::NoPlaceToWait => return Self::busy(error.to_string()),
        };
        Self::bad_request(code, error.to_string())
    }
}

impl From<BatchError> for ApiError {
    fn from(BatchError { index, error }: BatchError) -> Self {
        let ours = matches!(error, EmitError::Journal(_));
        let refused = Self::from(error);
        if ours {
            return refused;
        }
        let message = format!("event {index}: {}", refused.message);
        refused.saying(message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let request_id = self.log();
        let body = json!({"error": {"code": self.code, "message": self.message, "request_id": request_id}});
        let mut response = (self.status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER_HEADER, seconds.into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::*;
    use std::fmt::Debug;
    use std::sync::{Arc, Mutex};
    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    /// Keeps the lines of the log.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<String>>>);

    struct Line(String);

    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            self.0.push_str(&format!("{field}={value:?} "));
        }
    }

    impl Subscriber for Lines {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target().ends_with("error")
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            let mut line = Line(String::new());
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn what_is_ours_to_know_is_logged_over_whichever_socket_it_is_told() {
        let lines = Lines::default();
        let _kept = tracing::subscriber::set_default(lines.clone());
        let failed = || ApiError::internal(&"the disk is gone");
        let sessions = crate::ws::said::Trouble::from(failed()).frame("now");
        let rooms = crate::control::said::Trouble::from(failed()).value();
        for told in [&sessions["message"], &rooms["error"]["message"]] {
            let told = told.as_str().unwrap();
            let id = told.strip_prefix("the host failed; its log says why, under ").unwrap();
            let line = lines.0.lock().unwrap().remove(0);
            assert!(line.contains(id) && line.contains("the disk is gone"), "{line}");
        }
    }
}
