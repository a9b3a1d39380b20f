//! `/api/interactions`, `/api/grants`, `/api/pause`: questions to people, their answers, and what follows from them.
//! Reading and asking are a client's; answering, revoking and pausing take the approver token.

use crate::caller::Caller;
use crate::error::ApiError;
use crate::query::fields;
use crate::reach::Names;
use crate::router::{MAX_BODY_BYTES, json, read_text};
use crate::state::State;
use axum::body::Body;
use axum::extract::{Extension, Path, RawQuery, State as Shared};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::gate::PauseError;
use tollgate_core::interactions::{
    Answer, Ask, AskError, Filter, Interaction, Kind, Resolution, ResolveError, State as InteractionState,
};

/// Interactions in one answer where the query names no limit, and most in one.
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;
/// Who asks where a client asks.
const ASKER: &str = "core";

/// Those that match, the newest first.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let mut filter = Filter { limit: DEFAULT_LIMIT, ..Filter::default() };
    let bad = |name: &str, reason: String| ApiError::bad_request("bad_query", format!("`{name}`: {reason}"));
    for (name, value) in fields(query.as_deref(), &["state", "kind", "chat_id", "session", "limit"])? {
        match name.as_str() {
            "state" => filter.state = Some(state_of(&value).map_err(|reason| bad(&name, reason))?),
            "kind" => filter.kind = Some(kind_of(&value).map_err(|reason| bad(&name, reason))?),
            "chat_id" => filter.chat_id = Some(value.into()),
            "session" => filter.session = Some(value.into()),
            _ => {
                let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                filter.limit = limit.ok_or_else(|| bad(&name, format!("must be 1 to {MAX_LIMIT}")))?;
            }
        }
    }
    let found: Vec<Value> = asked(&state, &caller, filter).await?.iter().map(value).collect();
    Ok(json(json!({ "interactions": found }).to_string()))
}

/// Those that match and are the caller's, the newest first.
pub(crate) async fn asked(state: &State, caller: &Caller, filter: Filter) -> Result<Vec<Interaction>, ApiError> {
    let Names::Some(sessions) = &caller.reach.sessions else { return Ok(state.interactions.list(&filter).await?) };
    // One after another, so that what is others' takes no place among the newest.
    let mut found = Vec::new();
    for session in sessions.iter().filter(|own| filter.session.as_ref().is_none_or(|named| named == *own)) {
        let filter = Filter { session: Some(Arc::clone(session)), ..filter.clone() };
        found.extend(state.interactions.list(&filter).await?);
    }
    found.sort_by_key(|one| std::cmp::Reverse(one.asked_at));
    found.truncate(filter.limit);
    Ok(found)
}

/// One that is the caller's to see; of one that is not it is said that there is none.
async fn own(state: &State, caller: &Caller, id: &str) -> Result<Interaction, ApiError> {
    let found = state.interactions.get(id).await?;
    let found = found.filter(|found| caller.reach.session(found.session.as_deref()));
    found.ok_or_else(|| ApiError::not_found(format!("there is no interaction `{id}`")))
}

/// One of them.
pub(crate) async fn show(
    Shared(state): Shared<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    Ok(json(value(&own(&state, &caller, &id).await?).to_string()))
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    kind: String,
    text: String,
    session: Option<String>,
    chat_id: Option<String>,
    #[serde(default)]
    options: Vec<String>,
    details: Option<Value>,
    ttl_ms: Option<u64>,
}

/// Asks a person.
pub(crate) async fn ask(
    Shared(state): Shared<State>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, ApiError> {
    let question: Question = read(body).await?;
    let kind =
        kind_of(&question.kind).map_err(|reason| ApiError::bad_request("bad_json", format!("`kind`: {reason}")))?;
    if kind == Kind::Approval {
        let message = "approvals are asked by the gate: ask /api/gate about the call";
        return Err(ApiError::bad_request("bad_json", message));
    }
    let mut ask = Ask::new(kind, question.text, caller.speaks_as(ASKER));
    ask.session = question.session.map(Arc::from);
    ask.chat_id = question.chat_id.map(Arc::from);
    ask.options = question.options;
    ask.details = question.details;
    ask.ttl = question.ttl_ms.map(Duration::from_millis);
    Ok(json(value(&state.interactions.ask(ask).await?).to_string()))
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answered {
    decision: Option<String>,
    answer: Option<Value>,
}

impl From<Answered> for Answer {
    fn from(Answered { decision, answer }: Answered) -> Self {
        Self { decision, answer }
    }
}

/// Answers one; one that has ended says how, with `first` false.
pub(crate) async fn resolve(
    Shared(state): Shared<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Response, ApiError> {
    let given: Answered = read(body).await?;
    let resolution = answered(&state, &caller, &id, given.into()).await?;
    Ok(json(resolved(&resolution).to_string()))
}

/// Answers one that is the caller's to answer.
pub(crate) async fn answered(state: &State, caller: &Caller, id: &str, answer: Answer) -> Result<Resolution, ApiError> {
    own(state, caller, id).await?;
    Ok(state.interactions.resolve(id, answer, caller.speaks_as(&state.user)).await?)
}

/// Withdraws one.
pub(crate) async fn cancel(
    Shared(state): Shared<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    own(&state, &caller, &id).await?;
    let resolution = state.interactions.cancel(&id, caller.speaks_as(&state.user)).await?;
    Ok(json(resolved(&resolution).to_string()))
}

/// Session grants, of one session or all.
pub(crate) async fn grants(Shared(state): Shared<State>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let session = fields(query.as_deref(), &["session"])?.into_iter().next().map(|(_, session)| session);
    let grants: Vec<Value> = state
        .interactions
        .grants(session.as_deref())
        .await?
        .iter()
        .map(|grant| {
            json!({"session": grant.session, "key": grant.key, "given_by": grant.given_by,
                   "given_at": grant.given_at.to_string()})
        })
        .collect();
    Ok(json(json!({ "grants": grants }).to_string()))
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Revoked {
    session: String,
    key: String,
}

/// Takes a grant back.
pub(crate) async fn revoke(
    Shared(state): Shared<State>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, ApiError> {
    let Revoked { session, key } = read(body).await?;
    if !caller.reach.session(Some(&session)) {
        return Err(ApiError::forbidden("`session`: must be one of those that this token names"));
    }
    let revoked = state.interactions.revoke(&session, &key, caller.speaks_as(&state.user)).await?;
    Ok(json(json!({ "revoked": revoked }).to_string()))
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pause {
    duration_ms: u64,
}

/// Lifts the protection of Tollgate's own files for some minutes.
pub(crate) async fn pause(
    Shared(state): Shared<State>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, ApiError> {
    let Pause { duration_ms } = read(body).await?;
    let until = state.gatekeeper.pause(Duration::from_millis(duration_ms), caller.speaks_as(&state.user)).await?;
    Ok(json(json!({"paused_until": until.to_string()}).to_string()))
}

/// Puts it in force again.
pub(crate) async fn resume(
    Shared(state): Shared<State>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, ApiError> {
    let was_paused = state.gatekeeper.resume(caller.speaks_as(&state.user)).await?;
    Ok(json(json!({ "was_paused": was_paused }).to_string()))
}

/// A small JSON body of a shape.
pub(crate) async fn read<T: serde::de::DeserializeOwned>(body: Body) -> Result<T, ApiError> {
    let text = read_text(body, MAX_BODY_BYTES).await?;
    serde_json::from_str(&text).map_err(|error| ApiError::bad_request("bad_json", error.to_string()))
}

fn kind_of(text: &str) -> Result<Kind, String> {
    Kind::parse(text).ok_or_else(|| {
        let known: Vec<&str> = Kind::ALL.into_iter().map(Kind::as_str).collect();
        format!("no such kind; known are {}", known.join(", "))
    })
}

fn state_of(text: &str) -> Result<InteractionState, String> {
    InteractionState::parse(text).ok_or_else(|| {
        let known: Vec<&str> = InteractionState::ALL.into_iter().map(InteractionState::as_str).collect();
        format!("no such state; known are {}", known.join(", "))
    })
}

/// JSON text as a value; kept as text by the core.
fn parsed(text: Option<&str>) -> Value {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

pub(crate) fn value(interaction: &Interaction) -> Value {
    json!({
        "id": interaction.id,
        "kind": interaction.kind.as_str(),
        "state": interaction.state.as_str(),
        "chat_id": interaction.chat_id,
        "session": interaction.session,
        "text": interaction.text,
        "options": interaction.options,
        "details": parsed(interaction.details.as_deref()),
        "asked_by": interaction.asked_by,
        "asked_at": interaction.asked_at.to_string(),
        "expires_at": interaction.expires_at.map(|at| at.to_string()),
        "decision": interaction.decision,
        "answer": parsed(interaction.answer.as_deref()),
        "resolved_by": interaction.resolved_by,
        "settled_at": interaction.settled_at.map(|at| at.to_string()),
        "unspent": interaction.unspent,
    })
}

/// How it ended, and whether by this answer.
pub(crate) fn resolved(resolution: &Resolution) -> Value {
    json!({"first": resolution.first, "interaction": value(&resolution.interaction)})
}

impl From<AskError> for ApiError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Invalid { .. } | AskError::NoChat => Self::bad_request("bad_question", error.to_string()),
            AskError::TooMany(_) => Self::too_many("too_many", error.to_string()),
            AskError::Emit(error) => error.into(),
        }
    }
}

impl From<ResolveError> for ApiError {
    fn from(error: ResolveError) -> Self {
        match error {
            ResolveError::NotFound(_) => Self::not_found(error.to_string()),
            ResolveError::Invalid { .. } => Self::bad_request("bad_answer", error.to_string()),
            ResolveError::Emit(error) => error.into(),
        }
    }
}

impl From<PauseError> for ApiError {
    fn from(error: PauseError) -> Self {
        match error {
            PauseError::Duration(_) => Self::bad_request("bad_duration", error.to_string()),
            PauseError::Emit(error) => error.into(),
        }
    }
}
