//! Envelope JSON → drafts: one object, an array, or one object a line. Must not know the bus.

use super::{JsonError, foreign, kind_of_text, syntax};
use crate::bus::MAX_BATCH;
use crate::event::{Draft, Entity};
use crate::id::is_derived;
use crate::time::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use tollgate_events::EventType;
use uuid::Uuid;

/// Most drafts that one text may hold: what the bus records as one unit.
pub const MAX_DRAFTS: usize = MAX_BATCH;

/// What the emitter's way in says of its drafts.
#[derive(Debug, Clone, Copy)]
pub struct DraftContext<'a> {
    /// The source where the draft names none.
    pub default_source: &'a str,
}

/// An envelope with every field still raw, so that an error names the field and the payload stays text.
#[derive(Deserialize)]
pub(super) struct RawEnvelope<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) event_type: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) ts: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) source: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) entity: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) payload: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) session: Option<&'a RawValue>,
    /// The host's to say: of no account in a draft.
    #[serde(borrow)]
    pub(super) root: Option<&'a RawValue>,
    /// As `root`.
    #[serde(borrow)]
    pub(super) depth: Option<&'a RawValue>,
}

/// Reads one envelope object; `id`, `ts`, `entity`, `session`, `source` and `payload` may be missing.
///
/// Also reads what other systems send as it is: CloudEvents, kernel records and runner records.
///
/// # Errors
/// When the text is not JSON or a field has the wrong shape; the error names it.
pub fn draft_from_json(text: &str, context: DraftContext<'_>) -> Result<Draft, JsonError> {
    if !text.trim_start().starts_with('{') {
        // Broken text is told as such before its kind is.
        serde_json::from_str::<&RawValue>(text).map_err(|error| syntax(&error))?;
        return Err(JsonError::at("", format!("an event is an object, this is {}", kind_of_text(text))));
    }
    match foreign::Dialect::of(text)? {
        Some(dialect) => dialect.draft(text, context),
        None => native(text, context),
    }
}

/// Reads one object, an array of them, or one object a line (blank lines are skipped).
///
/// # Errors
/// The first item that is refused, with its index; or a text with no item, or with more than [`MAX_DRAFTS`].
pub fn drafts_from_json(text: &str, context: DraftContext<'_>) -> Result<Vec<Draft>, JsonError> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(JsonError::at("", "empty; send an event, an array of events, or one event a line"));
    }
    if trimmed.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(trimmed).map_err(|error| syntax(&error))?;
        return collect(items.len(), items.iter().map(|item| item.get()), context);
    }
    // One object may span lines: only when the whole is not one value is it taken as one value a line.
    if serde_json::from_str::<&RawValue>(trimmed).is_ok() || !trimmed.contains('\n') {
        return draft_from_json(trimmed, context).map(|draft| vec![draft]);
    }
    let lines = || trimmed.lines().filter(|line| !line.trim().is_empty());
    collect(lines().count(), lines(), context)
}

fn collect<'a>(
    count: usize,
    items: impl Iterator<Item = &'a str>,
    context: DraftContext<'_>,
) -> Result<Vec<Draft>, JsonError> {
    match count {
        0 => Err(JsonError::at("", "an empty array; send at least one event")),
        count if count > MAX_DRAFTS => {
            Err(JsonError::at("", format!("at most {MAX_DRAFTS} events at once, these are {count}")))
        }
        _ => items
            .enumerate()
            .map(|(index, item)| draft_from_json(item, context).map_err(|error| error.in_item(index)))
            .collect(),
    }
}

fn native(text: &str, context: DraftContext<'_>) -> Result<Draft, JsonError> {
    let raw: RawEnvelope<'_> = serde_json::from_str(text).map_err(|error| syntax(&error))?;
    let Some(event_type) = raw.event_type else {
        return Err(JsonError::at("type", "missing; an event is at least {\"type\":\"domain.action\"}"));
    };
    let event_type = event_type_of(&text_of("type", event_type)?)?;
    let mut draft = Draft::new(event_type, context.default_source, object_of("payload", raw.payload)?);
    if let Some(source) = optional_text("source", raw.source)? {
        draft.source = source_of("source", source)?;
    }
    draft.entity = raw.entity.filter(|raw| raw.get() != "null").map(entity_of).transpose()?;
    draft.session = optional_text("session", raw.session)?.map(Arc::from);
    draft.id = optional_text("id", raw.id)?.map(|id| id_of(&id)).transpose()?;
    draft.ts = optional_text("ts", raw.ts)?.map(|ts| time_of("ts", &ts)).transpose()?;
    Ok(draft)
}

pub(super) fn event_type_of(text: &str) -> Result<EventType, JsonError> {
    EventType::parse(text).map_err(|error| JsonError::at("type", error.to_string()))
}

/// A source from outside; what plugins say is said by the host alone.
pub(super) fn source_of(path: &str, source: String) -> Result<Arc<str>, JsonError> {
    if source.starts_with("plugin:") {
        return Err(JsonError::at(path, "`plugin:` is for plugins' own emits; leave the source out"));
    }
    Ok(source.into())
}

pub(super) fn time_of(path: &str, text: &str) -> Result<Timestamp, JsonError> {
    Timestamp::parse(text).map_err(|error| JsonError::at(path, error.to_string()))
}

fn id_of(text: &str) -> Result<Uuid, JsonError> {
    let id = Uuid::parse_str(text)
        .map_err(|_| JsonError::at("id", "not a UUID such as 0199c0de-0000-7000-8000-000000000000"))?;
    if is_derived(id) {
        return Err(JsonError::at("id", "version 8 is for ids that the host derives; leave the id out or give a v7"));
    }
    Ok(id)
}

pub(super) fn entity_of(raw: &RawValue) -> Result<Entity, JsonError> {
    #[derive(Deserialize)]
    struct RawEntity<'a> {
        #[serde(borrow)]
        kind: Option<&'a RawValue>,
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    let not_object =
        |_| JsonError::at("entity", format!("must be an object {{kind, id}}, is {}", kind_of_text(raw.get())));
    let entity: RawEntity<'_> = serde_json::from_str(raw.get()).map_err(not_object)?;
    let part = |path: &str, raw: Option<&RawValue>| match raw {
        Some(raw) => text_of(path, raw).map(Arc::from),
        None => Err(JsonError::at(path, "missing")),
    };
    Ok(Entity { kind: part("entity.kind", entity.kind)?, id: part("entity.id", entity.id)? })
}

/// The raw object at `path`, as text; `{}` where it is missing.
pub(super) fn object_of(path: &str, raw: Option<&RawValue>) -> Result<Arc<str>, JsonError> {
    match raw.map(RawValue::get) {
        None => Ok("{}".into()),
        Some(text) if text.starts_with('{') => Ok(text.into()),
        Some(text) => Err(JsonError::at(path, format!("must be an object, is {}", kind_of_text(text)))),
    }
}

pub(super) fn optional_text(path: &str, raw: Option<&RawValue>) -> Result<Option<String>, JsonError> {
    raw.filter(|raw| raw.get() != "null").map(|raw| text_of(path, raw)).transpose()
}

pub(super) fn text_of(path: &str, raw: &RawValue) -> Result<String, JsonError> {
    serde_json::from_str(raw.get())
        .map_err(|_| JsonError::at(path, format!("must be a string, is {}", kind_of_text(raw.get()))))
}
