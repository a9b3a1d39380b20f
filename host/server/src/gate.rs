//! `/api/gate` and `/api/hooks/{agent}`: a call or a hook's input in, the verdict or the hook's answer out.

use crate::error::ApiError;
use crate::query::{MAX_PERSON_MS, wait_ms};
use crate::router::{MAX_BATCH_BODY_BYTES, json, read_body, read_text};
use crate::state::State;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State as Shared};
use axum::response::Response;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;
use tollgate_core::hooks::{AgentHook, HookAnswer, HookContext, HookError, HookInput};
use tollgate_core::json::{call_from_json, verdict_to_value};
use tollgate_core::session::SessionHint;

/// The largest hook input that is read where it came in, in bytes: waking another thread takes longer. Megabytes of
/// JSON take a while, and others wait for this one.
const QUICK_BYTES: usize = 64 * 1_024;

/// A large `Write` is a call too: calls get the larger limit.
pub(crate) async fn check(Shared(state): Shared<State>, body: Body) -> Result<Response, ApiError> {
    let call = call_from_json(&read_text(body, MAX_BATCH_BODY_BYTES).await?)?;
    let verdict = state.gatekeeper.check(call, Vec::new()).await;
    Ok(json(verdict_to_value(&verdict).to_string()))
}

/// One round trip a hook: its events, its question and its answer. An input that is not understood is a
/// denial with words, not an error: the hook's process has only to repeat it.
pub(crate) async fn hook(
    Shared(state): Shared<State>,
    Path(agent): Path<String>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response, ApiError> {
    let wait_ms = wait_ms(query.as_deref(), MAX_PERSON_MS)?;
    let bytes = read_body(body, MAX_BATCH_BODY_BYTES).await?;
    let (user, quick) = (Arc::clone(&state.user), bytes.len() <= QUICK_BYTES);
    let read = move || {
        let agent = AgentHook::parse(&agent)?;
        Ok::<_, HookError>((agent, agent.read(&bytes, HookContext { user: &user, wait_ms })?))
    };
    let read = if quick { Ok(read()) } else { tokio::task::spawn_blocking(read).await };
    let answer = match read {
        Ok(Ok((agent, input))) => answer(&state, agent, input).await,
        Ok(Err(error)) => HookAnswer::block(&format!("tollgate: {error}")),
        Err(error) => HookAnswer::block(&format!("tollgate: the hook input was not read: {error}")),
    };
    Ok(json(json!({"exit": answer.exit, "stdout": answer.stdout, "stderr": answer.stderr}).to_string()))
}

async fn answer(state: &State, agent: AgentHook, mut input: HookInput) -> HookAnswer {
    // Some agents tell of one call twice: the second hook gets the first one's verdict.
    let again = state.hooks.answered(&mut input, Instant::now());
    let gates = input.gates();
    let mut drafts = std::mem::take(&mut input.drafts);
    if let Some(call) = input.call.take().filter(|_| !again) {
        state.hooks.gating(&input);
        let verdict = state.gatekeeper.check(call, drafts).await;
        state.hooks.gated(&input, &verdict, Instant::now());
        return agent.answer(&input, &verdict);
    }
    let (id, name, cwd) = (Some(&*input.session), Some(agent.as_str()), input.cwd.as_deref());
    state.sessions.resolve_async(&SessionHint { id, agent: name, cwd, roots: &[] }).await;
    let answer = agent.no_opinion(&input);
    if !state.hooks.knows(&input) {
        let (hooks, bus) = (Arc::clone(&state.hooks), state.bus.clone());
        // The journal is read, which may take a while.
        match tokio::task::spawn_blocking(move || hooks.unseen(&input, &bus)).await {
            Ok(alert) => drafts.extend(alert),
            Err(error) => tracing::error!(%error, "a finished tool could not be looked for"),
        }
    }
    state.bus.keep_wanted(&mut drafts);
    match state.bus.emit_batch(drafts).await {
        Ok(_) => answer,
        Err(error) if gates => {
            tracing::error!(%error, "a call's second hook could not be recorded");
            HookAnswer::block("the host could not record this call, so it is denied")
        }
        // Nothing waits for a verdict: blocking would stop the agent from ending its turn, and undo nothing.
        Err(error) => HookAnswer { stderr: format!("tollgate: not recorded: {error}\n"), ..answer },
    }
}
