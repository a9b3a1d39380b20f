//! `/healthz`, `/readyz` and `/api/stats`: how the host is, whether it does its work, and what it counted.

use crate::router::json;
use crate::state::{MAX_STREAMS, State};
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use std::time::Duration;
use tollgate_core::journal::{Durability, JournalError};
use tollgate_runtime::PluginState;

/// Open to everyone who can connect: says nothing of anyone's events.
pub(crate) async fn healthz(Shared(state): Shared<State>) -> Response {
    let journal = state.bus.journal();
    let body = json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "durability": durability(journal.durability()),
        "head": journal.head(),
        "epoch": format!("{:016x}", journal.epoch()),
    });
    json(body.to_string())
}

/// How long the journal may take to answer: more than a slow disk's commit.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// Whether events can be recorded and every plugin that guards has been looked at.
pub(crate) async fn readyz(Shared(state): Shared<State>) -> Response {
    let journal = match tokio::time::timeout(READY_WITHIN, state.bus.answers()).await {
        Ok(Ok(())) => "ok".to_owned(),
        Ok(Err(JournalError::Closed)) => "closed".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("did not answer within {} s", READY_WITHIN.as_secs()),
    };
    let loading: Vec<_> = state
        .runtime
        .list()
        .iter()
        .filter(|plugin| plugin.state == PluginState::Loading)
        .map(|plugin| plugin.name.clone())
        .collect();
    let closing = *state.closing.borrow();
    let ready = journal == "ok" && loading.is_empty() && !closing;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({"ready": ready, "journal": journal, "loading": loading, "closing": closing});
    (status, json(body.to_string())).into_response()
}

pub(crate) async fn stats(Shared(state): Shared<State>) -> Response {
    let counted = state.bus.statistics();
    let subscribers: Vec<_> = counted
        .subscribers
        .iter()
        .map(|one| {
            json!({"name": one.name, "delivered": one.delivered, "dropped": one.dropped, "waiting": one.waiting,
                "emitted": one.emitted, "filtered": one.filtered})
        })
        .collect();
    let body = json!({
        "published": counted.published,
        "filtered": counted.filtered,
        "rejected": counted.rejected,
        "last_event": counted.last_event.map(|at| at.to_string()),
        "by_type": counted.by_type,
        "subscribers": subscribers,
        "clients": state.clients.counted(&counted.subscribers),
        "streams": MAX_STREAMS - state.streams.available_permits(),
        "uptime_ms": u64::try_from(state.started.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    json(body.to_string())
}

fn durability(durability: Durability) -> &'static str {
    match durability {
        Durability::Full => "full",
        Durability::Normal => "normal",
        Durability::Memory => "memory",
    }
}
