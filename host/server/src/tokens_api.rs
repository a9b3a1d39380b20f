//! `/api/tokens`: named tokens, their making and their end. What they are is `tokens`'.

use crate::error::ApiError;
use crate::interactions::read;
use crate::router::json;
use crate::state::State;
use crate::tokens::{Named, TokenError, Wish};
use axum::body::Body;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;

/// All of them, the oldest first; never their texts.
pub(crate) async fn list(Shared(state): Shared<State>) -> Response {
    let tokens: Vec<Value> = state.tokens.list().iter().map(|one| value(one)).collect();
    json(json!({ "tokens": tokens }).to_string())
}

/// Makes one; the answer alone has its text.
pub(crate) async fn add(Shared(state): Shared<State>, body: Body) -> Result<Response, ApiError> {
    let wish: Wish = read(body).await?;
    let (tokens, now) = (Arc::clone(&state.tokens), state.bus.clock().now());
    let made = tokio::task::spawn_blocking(move || tokens.add(wish, now)).await;
    let (made, text) = made.map_err(|error| ApiError::internal(&error))??;
    tracing::info!(name = &*made.name, scopes = %made.scopes, "a token was made");
    let mut answer = value(&made);
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("token".to_owned(), text.into());
    }
    Ok(json(answer.to_string()))
}

/// Takes one back: what is live with it ends.
pub(crate) async fn revoke(Shared(state): Shared<State>, Path(name): Path<String>) -> Result<Response, ApiError> {
    let (tokens, named) = (Arc::clone(&state.tokens), name.clone());
    let gone = tokio::task::spawn_blocking(move || tokens.revoke(&named)).await;
    gone.map_err(|error| ApiError::internal(&error))??;
    tracing::info!(name, "a token was taken back");
    Ok(json(json!({ "revoked": name }).to_string()))
}

fn value(one: &Named) -> Value {
    json!({
        "name": one.name,
        "scopes": one.scopes.texts(),
        "sources": one.sources,
        "per_second": one.per_second,
        "connections": one.connections,
        "created": one.created,
    })
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        let message = error.to_string();
        match error {
            TokenError::Invalid(_) => Self::bad_request("bad_token", message),
            TokenError::Absent(_) => Self::not_found(message),
            TokenError::Taken(_) => Self::new(StatusCode::CONFLICT, "taken", message),
            TokenError::Full => Self::new(StatusCode::CONFLICT, "too_many", message),
            TokenError::Broken { .. } | TokenError::Io { .. } => Self::internal(&error),
        }
    }
}
