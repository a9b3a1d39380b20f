//! `/healthz` and `/api/stats`: how the host is and what it counted.

use crate::router::json;
use crate::state::{MAX_STREAMS, State};
use axum::extract::State as Shared;
use axum::response::Response;
use serde_json::json;
use tollgate_core::journal::Durability;

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

pub(crate) async fn stats(Shared(state): Shared<State>) -> Response {
    let counted = state.bus.statistics();
    let subscribers: Vec<_> = counted
        .subscribers
        .iter()
        .map(
            |one| json!({"name": one.name, "delivered": one.delivered, "dropped": one.dropped, "waiting": one.waiting}),
        )
        .collect();
    let body = json!({
        "published": counted.published,
        "filtered": counted.filtered,
        "rejected": counted.rejected,
        "last_event": counted.last_event.map(|at| at.to_string()),
        "by_type": counted.by_type,
        "subscribers": subscribers,
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
