//! What people are told when calls of an agent go past the gate: `alert.raised`, about a session.

use crate::event::{Draft, Entity};
use serde_json::{Value, json};
use std::sync::Arc;
use tollgate_events::EventType;
use uuid::Uuid;

/// An alert of category `policy` and severity `high`, from the host itself. `id` is the alert's own where it must come
/// out the same when told again; `context` holds what is needed to look into it.
#[must_use]
pub fn alert(id: Option<Uuid>, session: &str, title: &str, description: &str, context: &Value) -> Option<Draft> {
    let payload = json!({
        "alertId": id.unwrap_or_else(Uuid::now_v7).to_string(),
        "severity": "high",
        "category": "policy",
        "title": title,
        "description": description,
        "context": context,
    });
    let session: Arc<str> = session.into();
    let mut draft = Draft::new(EventType::parse("alert.raised").ok()?, "core", payload.to_string())
        .in_session(Arc::clone(&session));
    draft.entity = Some(Entity { kind: "session".into(), id: session });
    Some(draft)
}
