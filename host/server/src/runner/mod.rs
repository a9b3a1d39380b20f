//! `/api/runner/sessions`: runner sessions started, looked at, told of and steered. What a session may do is the
//! runner's to judge; here is who may ask for it.

mod refusal;

use crate::caller::Caller;
use crate::control::{Room, RoomKind};
use crate::error::ApiError;
use crate::events::{all_the_callers, place, told};
use crate::interactions::{Answered, read, resolved};
use crate::router::{MAX_BATCH_BODY_BYTES, json, read_text};
use crate::scope::Needs;
use crate::state::State;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State as Shared};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use tollgate_core::interactions::{Answer, Resolution};
use tollgate_core::json::{DraftContext, drafts_from_json};
use tollgate_runner::{RunnerError, Size, Status, Wish};

/// Who tells of a session where an event names no source.
const DEFAULT_SOURCE: &str = "runner";

/// What typing into a session's terminal takes, and stopping it, and whatever else steers it.
pub(crate) const STEERS: Needs = Needs::Admin;
/// What answering its approvals takes.
pub(crate) const ANSWERS: Needs = Needs::Approve;

/// What a session is wished to be.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSession {
    /// One of `[providers]`, whose program the host runs; none: its events come from outside.
    provider: Option<String>,
    /// Of a session whose events come from outside; where missing, the host makes one.
    id: Option<String>,
    agent_id: Option<String>,
    village_id: Option<String>,
    repo_id: Option<String>,
    room_path: Option<String>,
    /// The folder to work in, absolute; needed with a provider.
    workspace: Option<PathBuf>,
    chat_id: Option<String>,
    user_id: Option<String>,
    size: Option<Cells>,
}

/// How large a terminal is, in characters.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cells {
    cols: u16,
    rows: u16,
}

impl From<Cells> for Size {
    fn from(Cells { cols, rows }: Cells) -> Self {
        Self { cols, rows }
    }
}

/// Starts one. Who has the host run a program administers it.
pub(crate) async fn start(
    Shared(state): Shared<State>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, ApiError> {
    let new: NewSession = read(body).await?;
    if new.provider.is_some() && !caller.allows(Needs::Admin) {
        return Err(ApiError::forbidden("`provider`: having the host run a program takes the scope admin"));
    }
    let forbidden =
        |room: &str| Err(ApiError::forbidden(format!("{room}: this token does not name the room (`rooms`)")));
    let named =
        [(RoomKind::Agent, &new.agent_id), (RoomKind::Village, &new.village_id), (RoomKind::Repo, &new.repo_id)];
    for (kind, id) in named {
        let Some(id) = id else { continue };
        let room = Room::read(kind, Some(&json!(id))).map_err(|reason| ApiError::bad_request("bad_field", reason))?;
        if !caller.reach.room(room.kind.as_str(), &room.id) {
            return forbidden(&room.to_string());
        }
    }
    // A session without an agent's name is its own agent.
    if let (None, Some(id)) = (&new.agent_id, &new.id)
        && !caller.reach.room(RoomKind::Agent.as_str(), id)
    {
        return forbidden(&format!("agent:{id}"));
    }
    let wish = Wish {
        provider: new.provider,
        id: new.id,
        agent_id: new.agent_id,
        village_id: new.village_id,
        repo_id: new.repo_id,
        room_path: new.room_path,
        workspace: new.workspace,
        chat_id: new.chat_id,
        user_id: Some(new.user_id.unwrap_or_else(|| state.user.to_string())),
        size: new.size.map(Size::from).unwrap_or_default(),
    };
    Ok(json(whole(state.runner.start(wish).await?.as_ref()).to_string()))
}

/// All that are known, the oldest first.
pub(crate) async fn list(Shared(state): Shared<State>) -> Response {
    let sessions: Vec<Value> = state.runner.list().iter().map(|status| value(status)).collect();
    json(json!({ "sessions": sessions }).to_string())
}

/// One of them.
pub(crate) async fn show(Shared(state): Shared<State>, Path(id): Path<String>) -> Result<Response, ApiError> {
    Ok(json(whole(known(&state, &id)?.as_ref()).to_string()))
}

/// Takes events of a session in: envelopes or a runner's own records, all or none.
pub(crate) async fn take(
    Shared(state): Shared<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Response, ApiError> {
    let text = read_text(body, MAX_BATCH_BODY_BYTES).await?;
    let default_source = caller.speaks_as(DEFAULT_SOURCE);
    let mut drafts = drafts_from_json(&text, DraftContext { default_source })?;
    let session: Arc<str> = id.as_str().into();
    for draft in &mut drafts {
        draft.session.get_or_insert_with(|| Arc::clone(&session));
    }
    all_the_callers(&caller, &drafts)?;
    known(&state, &id)?;
    place(&state, &caller, &drafts)?;
    let receipts = state.runner.take(&id, drafts, caller.allows(Needs::Approve)).await?;
    let events: Vec<Value> = receipts.iter().map(|receipt| receipt.as_ref().map_or(Value::Null, told)).collect();
    Ok(json(json!({ "events": events }).to_string()))
}

/// What is typed into a session's terminal.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Typed {
    /// As the keyboard gives it: Enter is `\r`.
    data: String,
}

/// Types into its terminal.
pub(crate) async fn input(
    Shared(state): Shared<State>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Response, ApiError> {
    let Typed { data } = read(body).await?;
    state.runner.input(&id, data.into_bytes()).await?;
    current(&state, &id)
}

/// Makes its terminal larger or smaller.
pub(crate) async fn resize(
    Shared(state): Shared<State>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Response, ApiError> {
    let size: Cells = read(body).await?;
    state.runner.resize(&id, size.into()).await?;
    current(&state, &id)
}

/// Has it end; what becomes of it is told by its events.
pub(crate) async fn stop(
    Shared(state): Shared<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    state.runner.stop(&id, caller.speaks_as(&state.user)).await?;
    current(&state, &id)
}

/// Holds it up.
pub(crate) async fn pause(
    Shared(state): Shared<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    state.runner.pause(&id, caller.speaks_as(&state.user)).await?;
    current(&state, &id)
}

/// Lets it go on.
pub(crate) async fn resume(
    Shared(state): Shared<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    state.runner.resume(&id, caller.speaks_as(&state.user)).await?;
    current(&state, &id)
}

/// Answers one of its approvals; one that has ended says how, with `first` false.
pub(crate) async fn approve(
    Shared(state): Shared<State>,
    Extension(caller): Extension<Caller>,
    Path((id, approval)): Path<(String, String)>,
    body: Body,
) -> Result<Response, ApiError> {
    let given: Answered = read(body).await?;
    Ok(json(resolved(&answered(&state, &caller, &id, &approval, given.into()).await?).to_string()))
}

/// Answers what a session asks: an approval by the session's own id for it, or by the question's that it is; or
/// another question of the session, such as the gate's.
pub(crate) async fn answered(
    state: &State,
    caller: &Caller,
    id: &str,
    approval: &str,
    answer: Answer,
) -> Result<Resolution, ApiError> {
    if !caller.reach.session(Some(id)) {
        return Err(no_session(id));
    }
    let by = caller.speaks_as(&state.user);
    match state.runner.resolve_approval(id, approval, answer.clone(), by).await {
        Err(error @ (RunnerError::NoSession(_) | RunnerError::NoApproval { .. })) => {
            let asked = state.interactions.get(approval).await?;
            match asked.filter(|asked| asked.session.as_deref() == Some(id)) {
                Some(asked) => Ok(state.interactions.resolve(&asked.id, answer, by).await?),
                None => Err(error.into()),
            }
        }
        other => Ok(other?),
    }
}

fn known(state: &State, id: &str) -> Result<Arc<Status>, ApiError> {
    state.runner.get(id).ok_or_else(|| no_session(id))
}

fn no_session(id: &str) -> ApiError {
    RunnerError::NoSession(id.chars().take(64).collect()).into()
}

fn current(state: &State, id: &str) -> Result<Response, ApiError> {
    Ok(json(whole(known(state, id)?.as_ref()).to_string()))
}

/// One session, without its approvals: in a list they would be more than all else.
fn value(status: &Status) -> Value {
    let who = &status.identity;
    json!({
        "id": who.id,
        "provider": who.provider,
        "state": status.state.as_str(),
        "reason": status.reason,
        "agent_id": who.agent_id,
        "village_id": who.village_id,
        "repo_id": who.repo_id,
        "room_path": who.room_path,
        "workspace": who.workspace.as_ref().map(|path| path.to_string_lossy()),
        "created_at": status.created_at.to_string(),
        "ended_at": status.ended_at.map(|at| at.to_string()),
        "exit_code": status.exit_code,
    })
}

fn whole(status: &Status) -> Value {
    let approvals = status.approvals.iter();
    let approvals: Vec<Value> =
        approvals.map(|known| json!({"id": known.id, "interaction": known.interaction, "open": known.open})).collect();
    let mut value = value(status);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("approvals".to_owned(), approvals.into());
    }
    value
}
