//! What a connection may do, and the check that administration makes on top.

use crate::error::ApiError;
use crate::state::State;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

/// What the listener found the peer may do; put into every request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// May emit events, ask the gate and read.
    pub client: bool,
}

impl Access {
    /// A peer of the unix socket that is the daemon's own user.
    pub const LOCAL_USER: Self = Self { client: true };
}

/// Passes when the request carries the approver token: being the daemon's user is not enough, since the agents are too.
pub(crate) fn require_approver(state: &State, headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    match given {
        Some(token) if state.approver_token.matches(token) => Ok(()),
        Some(_) => Err(ApiError::forbidden("the approver token is not this daemon's")),
        None => Err(ApiError::forbidden("needs the approver token as `Authorization: Bearer …`")),
    }
}
