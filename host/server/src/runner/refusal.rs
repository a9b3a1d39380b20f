//! What the runner refuses, as an answer: whose fault it is and its stable code.

use crate::error::ApiError;
use axum::http::StatusCode;
use tollgate_runner::{EventRefusal, Refusal, RunnerError};

impl From<RunnerError> for ApiError {
    fn from(error: RunnerError) -> Self {
        let message = error.to_string();
        match error {
            RunnerError::NoSession(_) | RunnerError::NoApproval { .. } => Self::not_found(message),
            RunnerError::NoProvider { .. } => Self::bad_request("no_provider", message),
            RunnerError::Invalid { .. } => Self::bad_request("bad_field", message),
            RunnerError::Workspace(_) => Self::bad_request("bad_workspace", message),
            RunnerError::Taken(_) => Self::new(StatusCode::CONFLICT, "taken", message),
            RunnerError::TooMany(_) | RunnerError::InputFull(_) => Self::too_many("too_many", message),
            RunnerError::Refused(refusal) => refused(&refusal, message),
            RunnerError::Event { reason, .. } => event(reason, message),
            RunnerError::TooManyEvents(_) => Self::bad_request("batch_too_large", message),
            RunnerError::NoTerminal => Self::new(StatusCode::CONFLICT, "no_terminal", message),
            RunnerError::Stopping => Self::new(StatusCode::SERVICE_UNAVAILABLE, "closed", message),
            RunnerError::Emit(error) => error.into(),
            RunnerError::Ask(error) => error.into(),
            RunnerError::Resolve(error) => error.into(),
        }
    }
}

/// What the session's state does not allow: another time it might.
fn refused(refusal: &Refusal, message: String) -> ApiError {
    match refusal {
        Refusal::NoApproval(_) => ApiError::not_found(message),
        Refusal::Ended(_) => ApiError::new(StatusCode::CONFLICT, "ended", message),
        _ => ApiError::new(StatusCode::CONFLICT, "refused", message),
    }
}

/// One event of a request; `message` names which.
fn event(reason: EventRefusal, message: String) -> ApiError {
    match reason {
        EventRefusal::Refused(refusal) => refused(&refusal, message),
        EventRefusal::Bus(error) => ApiError::from(error).saying(message),
        EventRefusal::Elsewhere(_) | EventRefusal::Foreign(_) | EventRefusal::Own(_) => {
            ApiError::bad_request("bad_event", message)
        }
        EventRefusal::Field { .. } => ApiError::bad_request("bad_payload", message),
        EventRefusal::MayNotApprove => ApiError::forbidden(message),
        EventRefusal::Settled(..) => ApiError::new(StatusCode::CONFLICT, "settled", message),
    }
}
