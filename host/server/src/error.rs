//! The one shape of errors: `{"error":{"code","message","request_id"}}`. Codes are stable; causes that are ours
//! go to the log, under the same request id.

use crate::request::Current;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;
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
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), cause: None }
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

    pub(crate) fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message)
    }

    /// A fault of ours: the cause is logged with the answer, the client is told where to look.
    pub(crate) fn internal(cause: &dyn std::fmt::Display) -> Self {
        let told = "the host failed; its log says why, under this request id";
        Self { cause: Some(cause.to_string()), ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", told) }
    }

    #[cfg(test)]
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> &'static str {
        self.code
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
        };
        Self::bad_request(code, error.to_string())
    }
}

impl From<BatchError> for ApiError {
    fn from(BatchError { index, error }: BatchError) -> Self {
        let ours = matches!(error, EmitError::Journal(_));
        let refused = Self::from(error);
        if ours { refused } else { Self { message: format!("event {index}: {}", refused.message), ..refused } }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
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
        let body = json!({"error": {"code": self.code, "message": self.message, "request_id": request_id}});
        (self.status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
    }
}
