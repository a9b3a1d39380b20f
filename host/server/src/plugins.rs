//! `/api/plugins`: how the plugins are, their last words, and steering them with the approver token.

use crate::error::ApiError;
use crate::query::last;
use crate::router::{MAX_BODY_BYTES, json, read_text};
use crate::state::State;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State as Shared};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use tollgate_runtime::{GrantDifference, MAX_LOG_LINES, PluginStatus, ReloadRefusal, RuntimeError};

/// Log lines where the query names no number.
const DEFAULT_LINES: usize = 50;

pub(crate) async fn list(Shared(state): Shared<State>) -> Response {
    let plugins: Vec<Value> = state.runtime.list().iter().map(status).collect();
    json(json!({"plugins": plugins}).to_string())
}

pub(crate) async fn inspect(Shared(state): Shared<State>, Path(name): Path<String>) -> Result<Response, ApiError> {
    let detail = state.runtime.inspect(&name).ok_or_else(|| unknown(&name))?;
    let mut value = status(&detail.status);
    if let (Some(last), Some(fault)) = (&detail.status.last_fault, value.get_mut("last_fault")) {
        // Of one plugin alone: it can be longer than all else that a list says.
        fault["backtrace"] = last.fault.backtrace.clone().into();
    }
    if let Some(fields) = value.as_object_mut() {
        let limits = &detail.limits;
        let more = json!({
            "summary": detail.summary,
            "subscriptions": detail.subscriptions,
            "gates": detail.gates,
            "imports": detail.imports,
            "exports": detail.exports,
            "needs": detail.needs,
            "wants": detail.wants,
            "granted": detail.grant.as_ref().map(|grant| &grant.granted),
            "missing": detail.grant.as_ref().map(|grant| &grant.missing),
            "limits": {
                "fuel_per_event": limits.fuel_per_event,
                "fuel_per_gate": limits.fuel_per_gate,
                "fuel_init": limits.fuel_init,
                "fuel_per_minute": limits.fuel_per_minute,
                "memory_bytes": limits.memory_bytes,
                "timeout_ms": limits.timeout_ms,
                "gate_timeout_ms": limits.gate_timeout_ms,
                "emits_per_event": limits.emits_per_event,
                "emits_per_minute": limits.emits_per_minute,
            },
            "delivery": detail.delivery.as_ref().map(|delivery| json!({
                "mode": delivery.mode,
                "instances": delivery.instances,
                "drain_ms": delivery.drain_ms,
                "max_age_ms": delivery.max_age_ms,
            })),
            "config_schema": detail.config_schema,
        });
        fields.extend(more.as_object().cloned().unwrap_or_default());
    }
    Ok(json(value.to_string()))
}

pub(crate) async fn logs(
    Shared(state): Shared<State>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let count = last(query.as_deref(), DEFAULT_LINES, MAX_LOG_LINES)?;
    let lines = state.runtime.logs(&name, count).ok_or_else(|| unknown(&name))?;
    let lines: Vec<Value> = lines
        .iter()
        .map(|line| json!({"at": line.at.to_string(), "level": line.level.as_str(), "message": line.text}))
        .collect();
    Ok(json(json!({"lines": lines}).to_string()))
}

pub(crate) async fn enable(Shared(state): Shared<State>, Path(name): Path<String>) -> Result<Response, ApiError> {
    state.runtime.enable(&name).await?;
    Ok(current(&state, &name))
}

pub(crate) async fn disable(Shared(state): Shared<State>, Path(name): Path<String>) -> Result<Response, ApiError> {
    state.runtime.disable(&name).await?;
    Ok(current(&state, &name))
}

/// Reads its files again and starts it anew; a refusal says what serves instead.
pub(crate) async fn reload(Shared(state): Shared<State>, Path(name): Path<String>) -> Result<Response, ApiError> {
    Ok(json(status(&state.runtime.reload(&name).await?).to_string()))
}

/// What a grant would give; changes nothing.
pub(crate) async fn proposed_grant(
    Shared(state): Shared<State>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    Ok(json(difference(&state.runtime.proposed_grant(&name)?).to_string()))
}

/// Grants what was shown: the body is `{"digest": …}` of [`proposed_grant`]'s answer.
pub(crate) async fn grant(
    Shared(state): Shared<State>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, ApiError> {
    let shown: Value = serde_json::from_str(&read_text(body, MAX_BODY_BYTES).await?).unwrap_or_default();
    let shown = shown.get("digest").and_then(Value::as_str).ok_or_else(|| {
        let mend = "the body must be {\"digest\": …}, with the digest that GET on the same path answers";
        ApiError::bad_request("bad_json", mend)
    })?;
    Ok(json(difference(&state.runtime.grant(&name, shown).await?).to_string()))
}

fn current(state: &State, name: &str) -> Response {
    let found = state.runtime.list().iter().find(|plugin| plugin.name == name).map(status);
    json(found.unwrap_or(Value::Null).to_string())
}

fn status(plugin: &PluginStatus) -> Value {
    let fault = plugin.last_fault.as_ref().map(|last| {
        json!({
            "cause": last.fault.cause.as_str(),
            "message": last.fault.message,
            "fuel": last.fault.fuel,
            "took_us": last.fault.took_us(),
            "at": last.at.to_string(),
        })
    });
    let rejected =
        plugin.rejected.as_ref().map(|rejected| json!({"stage": rejected.stage.as_str(), "cause": rejected.cause}));
    let waiting = plugin
        .waiting
        .as_ref()
        .map(|waiting| json!({"version": waiting.version, "digest": waiting.digest, "missing": waiting.missing}));
    json!({
        "name": plugin.name,
        "version": plugin.version,
        "digest": plugin.digest,
        "world": plugin.world.map(|world| world.as_str()),
        "state": plugin.state.as_str(),
        "calls": plugin.calls,
        "failed": plugin.failed,
        "faults": plugin.faults,
        "dead_letters": plugin.dead_letters,
        "over_budget": plugin.over_budget,
        "fuel": plugin.fuel,
        "fuel_max": plugin.fuel_max,
        "fuel_per_second": plugin.fuel_per_second,
        "throttles": plugin.throttles,
        "quarantines": plugin.quarantines,
        "instances": plugin.instances,
        "throttled": plugin.throttled,
        "shadow": plugin.shadow,
        "queue": plugin.queue,
        "lag": plugin.lag,
        "memory_bytes": plugin.memory_bytes,
        "p50_us": plugin.p50_us,
        "p99_us": plugin.p99_us,
        "last_fault": fault,
        "rejected": rejected,
        "waiting": waiting,
    })
}

fn difference(difference: &GrantDifference) -> Value {
    json!({
        "plugin": difference.plugin,
        "asked": difference.asked,
        "granted": difference.granted,
        "missing": difference.missing,
        "toml": difference.proposed,
        "digest": difference.digest,
    })
}

fn unknown(name: &str) -> ApiError {
    let shown: String = name.chars().take(64).collect();
    ApiError::not_found(format!("no plugin `{shown}`; `tollgate plugin list` and GET /api/plugins show them"))
}

impl From<RuntimeError> for ApiError {
    fn from(error: RuntimeError) -> Self {
        match error {
            RuntimeError::Unknown(name) => unknown(&name),
            RuntimeError::NotDescribed(_) => Self::new(StatusCode::CONFLICT, "not_described", error.to_string()),
            RuntimeError::GrantChanged(_) => Self::new(StatusCode::CONFLICT, "grant_changed", error.to_string()),
            RuntimeError::Reload(refusal) => {
                let code = match refusal {
                    ReloadRefusal::Disabled(_) => "disabled",
                    ReloadRefusal::Rejected { .. } => "rejected",
                    ReloadRefusal::NeedsGrant { .. } => "needs_grant",
                    ReloadRefusal::Ending(_) => return Self::busy(refusal.to_string()),
                };
                Self::new(StatusCode::CONFLICT, code, refusal.to_string())
            }
            RuntimeError::Grant(_) => Self::new(StatusCode::CONFLICT, "bad_grant", error.to_string()),
            RuntimeError::Engine(_) | RuntimeError::Folder { .. } => Self::internal(&error),
        }
    }
}
