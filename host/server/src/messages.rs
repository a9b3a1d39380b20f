//! `/api/messages`: what users say to an agent, for an engine that speaks HTTP.

use crate::error::ApiError;
use crate::interactions::read;
use crate::router::json;
use crate::state::State;
use axum::body::Body;
use axum::extract::{Path, State as Shared};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use tollgate_core::engine::{EngineError, Incoming};
use tollgate_core::event::MAX_NAME_BYTES;
use tollgate_core::events::payload::Message;
use tollgate_core::session::SessionHint;

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Said {
    chat_id: String,
    text: String,
    user_id: Option<String>,
    /// The session that the chat belongs to; the chat's own where it has none.
    session_id: Option<String>,
    /// Where that session works, where it is not known yet.
    cwd: Option<PathBuf>,
}

/// Takes a message: to be run now, queued behind the one that runs, or a command for the plugins.
pub(crate) async fn post(Shared(state): Shared<State>, body: Body) -> Result<Response, ApiError> {
    let said: Said = read(body).await?;
    for (field, text) in [("chat_id", Some(&said.chat_id)), ("session_id", said.session_id.as_ref())] {
        if text.is_some_and(|text| text.is_empty() || text.len() > MAX_NAME_BYTES || text.contains(char::is_control)) {
            let message = format!("`{field}`: 1 to {MAX_NAME_BYTES} bytes without control characters");
            return Err(ApiError::bad_request("bad_json", message));
        }
    }
    if said.cwd.as_ref().is_some_and(|cwd| !cwd.is_absolute()) {
        return Err(ApiError::bad_request("bad_json", "`cwd`: must be an absolute path"));
    }
    let user: Arc<str> = said.user_id.map_or_else(|| Arc::clone(&state.user), Arc::from);
    let known = state.sessions.by_chat(&said.chat_id).map(|session| session.id.to_string());
    let session = said.session_id.or(known).unwrap_or_else(|| said.chat_id.clone());
    let hint = SessionHint { id: Some(&session), agent: None, cwd: said.cwd.as_deref(), roots: &[] };
    state.sessions.resolve_async(&hint).await;
    state.sessions.bind_chat(&session, &said.chat_id, Some(&user));
    let answer = match state.engine.message_in(&user, &said.chat_id, &said.text).await? {
        Incoming::Run(message) => json!({"outcome": "run", "message": value(&message)}),
        Incoming::Queued(before) => json!({"outcome": "queued", "before": before}),
        Incoming::Command(event_type) => json!({"outcome": "command", "event": event_type}),
    };
    Ok(json(answer.to_string()))
}

/// The chat's execution has ended: the next message that waits, or null.
pub(crate) async fn finished(Shared(state): Shared<State>, Path(chat_id): Path<String>) -> Result<Response, ApiError> {
    let next = state.engine.finished(&chat_id).await?;
    Ok(json(json!({"next": next.as_ref().map(value)}).to_string()))
}

fn value(message: &Message) -> Value {
    json!({"user_id": message.user_id, "chat_id": message.chat_id, "text": message.text})
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Size(_) | EngineError::Command(..) => Self::bad_request("bad_message", error.to_string()),
            EngineError::Full(..) => Self::too_many("too_many", error.to_string()),
            EngineError::Emit(error) => error.into(),
        }
    }
}
