//! Typed payloads of the catalogue → drafts.

use crate::event::Draft;
use serde::Serialize;
use std::sync::Arc;
use tollgate_events::EventType;
use tollgate_events::payload::Violation;

/// A draft of one of the catalogue's types, from outside, with nothing optional.
///
/// # Errors
/// When `event_type` is no event type, or the payload cannot be written as JSON.
pub fn typed_draft(
    event_type: &str,
    payload: &impl Serialize,
    source: impl Into<Arc<str>>,
) -> Result<Draft, Violation> {
    let refuse = |reason: String| Violation { event_type: event_type.to_owned(), path: "payload".to_owned(), reason };
    let parsed = EventType::parse(event_type).map_err(|error| refuse(error.to_string()))?;
    let text = serde_json::to_string(payload).map_err(|error| refuse(error.to_string()))?;
    Ok(Draft::new(parsed, source, text))
}
