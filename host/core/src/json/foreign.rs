//! Records of other systems, accepted as they are: CloudEvents, kernel records, runner records.
//!
//! Owns how each is told from an envelope and which field becomes which. Must not know the bus.

use super::draft::{DraftContext, event_type_of, source_of, time_of};
use super::{JsonError, kind_of, syntax};
use crate::event::{Draft, Entity};
use crate::id::{derived, is_derived};
use crate::time::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use uuid::Uuid;

/// The version of CloudEvents that is spoken, in and out.
pub(super) const CLOUD_VERSION: &str = "1.0";

/// The runner's event names and ours.
const RUNNER_TYPES: [(&str, &str); 12] = [
    ("SESSION_STARTED", "session.started"),
    ("SESSION_STATE_CHANGED", "session.state_changed"),
    ("SESSION_ENDED", "session.ended"),
    ("TERMINAL_CHUNK", "terminal.chunk"),
    ("FILE_TOUCHED", "file.touched"),
    ("DIFF_SUMMARY", "diff.summary"),
    ("TEST_RUN_STARTED", "test_run.started"),
    ("TEST_RUN_FINISHED", "test_run.finished"),
    ("APPROVAL_REQUESTED", "approval.requested"),
    ("APPROVAL_RESOLVED", "approval.resolved"),
    ("ALERT_RAISED", "alert.raised"),
    ("USAGE_TICK", "usage.tick"),
];

/// A foreign vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// CloudEvents 1.0, structured JSON: it has `specversion`.
    Cloud,
    /// A kernel's `{event_type, pid, data}`.
    Kernel,
    /// A runner's `{"type":"SESSION_STARTED", sessionId, …}`.
    Runner,
}

/// The fields that tell the dialects apart; the rest is skipped unread.
#[derive(Deserialize)]
struct Marks<'a> {
    #[serde(borrow)]
    specversion: Option<&'a RawValue>,
    #[serde(borrow)]
    event_type: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    own_type: Option<&'a RawValue>,
}

impl Dialect {
    /// The dialect of the object `text`; none for an envelope of our own.
    pub(super) fn of(text: &str) -> Result<Option<Self>, JsonError> {
        let marks: Marks<'_> = serde_json::from_str(text).map_err(|error| syntax(&error))?;
        let own = marks.own_type.map(RawValue::get);
        Ok(if marks.specversion.is_some() {
            Some(Self::Cloud)
        } else if own.is_none() && marks.event_type.is_some() {
            Some(Self::Kernel)
        } else if own.is_some_and(|own| own.len() > 2 && own.bytes().all(|b| matches!(b, b'"' | b'_' | b'A'..=b'Z'))) {
            Some(Self::Runner)
        } else {
            None
        })
    }

    pub(super) fn draft(self, text: &str, context: DraftContext<'_>) -> Result<Draft, JsonError> {
        let mut fields: Map<String, Value> = serde_json::from_str(text).map_err(|error| syntax(&error))?;
        match self {
            Self::Cloud => cloud(&mut fields, context),
            Self::Kernel => kernel(&mut fields, context),
            Self::Runner => runner(fields),
        }
    }
}

fn cloud(fields: &mut Map<String, Value>, context: DraftContext<'_>) -> Result<Draft, JsonError> {
    let version = required(fields, "specversion")?;
    if version != CLOUD_VERSION {
        return Err(JsonError::at("specversion", format!("must be `{CLOUD_VERSION}`, is `{version}`")));
    }
    let event_type = event_type_of(&required(fields, "type")?)?;
    if fields.get("data_base64").is_some_and(|data| !data.is_null()) {
        return Err(JsonError::at("data_base64", "binary data is not taken; send an object in `data`"));
    }
    let payload = match fields.remove("data") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(data)) => data,
        Some(other) => return Err(JsonError::at("data", format!("must be an object, is {}", kind_of(&other)))),
    };
    let mut draft = Draft::new(event_type, context.default_source, Value::Object(payload).to_string());
    let source = optional(fields, "source")?;
    let id = optional(fields, "id")?;
    draft.id = id.map(|id| match Uuid::parse_str(&id) {
        Ok(uuid) if !is_derived(uuid) => uuid,
        _ => named_id(source.as_deref().unwrap_or(""), &id),
    });
    if let Some(source) = source {
        draft.source = source_of("source", source)?;
    }
    draft.ts = optional(fields, "time")?.map(|time| time_of("time", &time)).transpose()?;
    draft.entity = optional(fields, "subject")?.and_then(|subject| {
        let (kind, id) = subject.split_once('/')?;
        Some(Entity { kind: kind.into(), id: id.into() })
    });
    draft.session = optional(fields, "session")?.map(Arc::from);
    Ok(draft)
}

/// CloudEvents' ids are any text, unique by source: ours is derived, so that the same event twice is one event.
fn named_id(source: &str, id: &str) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(u64::try_from(source.len()).unwrap_or(u64::MAX).to_le_bytes());
    hash.update(source);
    hash.update(id);
    derived(hash.finalize().into())
}

fn kernel(fields: &mut Map<String, Value>, context: DraftContext<'_>) -> Result<Draft, JsonError> {
    let event_type = required(fields, "event_type")?;
    let event_type =
        event_type_of(&event_type).map_err(|error| JsonError { path: "event_type".to_owned(), ..error })?;
    let pid = match fields.remove("pid") {
        Some(pid @ (Value::String(_) | Value::Number(_))) => pid,
        Some(other) => {
            return Err(JsonError::at("pid", format!("must be a string or a number, is {}", kind_of(&other))));
        }
        None => return Err(JsonError::at("pid", "missing")),
    };
    let mut payload = match fields.remove("data") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(data)) => data,
        Some(other) => return Err(JsonError::at("data", format!("must be an object, is {}", kind_of(&other)))),
    };
    let id = pid.as_str().map_or_else(|| pid.to_string(), str::to_owned);
    // The catalogue's pid is a string, whichever way the kernel writes it.
    payload.insert("pid".to_owned(), Value::String(id.clone()));
    let mut draft = Draft::new(event_type, context.default_source, Value::Object(payload).to_string());
    draft.entity = Some(Entity { kind: "process".into(), id: id.into() });
    draft.session = optional(fields, "session")?.map(Arc::from);
    draft.ts = time_from(fields, "timestamp")?;
    Ok(draft)
}

fn runner(mut fields: Map<String, Value>) -> Result<Draft, JsonError> {
    let name = required(&mut fields, "type")?;
    let Some((_, ours)) = RUNNER_TYPES.iter().find(|(theirs, _)| *theirs == name) else {
        let known: Vec<&str> = RUNNER_TYPES.iter().map(|(theirs, _)| *theirs).collect();
        return Err(JsonError::at("type", format!("`{name}` is no runner event; known are {}", known.join(", "))));
    };
    let session: Arc<str> = required(&mut fields, "sessionId")?.into();
    let ts = time_from(&mut fields, "ts")?;
    let seq = fields.remove("seq");
    let mut payload = match fields.remove("payload") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(payload)) => payload,
        Some(other) => return Err(JsonError::at("payload", format!("must be an object, is {}", kind_of(&other)))),
    };
    payload.extend(fields);
    if let Some(seq) = seq {
        payload.insert("source_seq".to_owned(), seq);
    }
    let mut draft = Draft::new(event_type_of(ours)?, "runner", Value::Object(payload).to_string());
    draft.entity = Some(Entity { kind: "session".into(), id: Arc::clone(&session) });
    draft.session = Some(session);
    draft.ts = ts;
    Ok(draft)
}

/// A time as RFC 3339 or as milliseconds since 1970.
fn time_from(fields: &mut Map<String, Value>, path: &str) -> Result<Option<Timestamp>, JsonError> {
    match fields.remove(path) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => time_of(path, &text).map(Some),
        Some(Value::Number(ms)) => match ms.as_i64().and_then(Timestamp::from_millis) {
            Some(time) => Ok(Some(time)),
            None => Err(JsonError::at(
                path,
                "must be a time of the years 0000 to 9999, in whole milliseconds since 1970 or as RFC 3339",
            )),
        },
        Some(other) => Err(JsonError::at(path, format!("must be a time, is {}", kind_of(&other)))),
    }
}

fn required(fields: &mut Map<String, Value>, path: &str) -> Result<String, JsonError> {
    optional(fields, path)?.ok_or_else(|| JsonError::at(path, "missing"))
}

fn optional(fields: &mut Map<String, Value>, path: &str) -> Result<Option<String>, JsonError> {
    match fields.remove(path) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(JsonError::at(path, format!("must be a string, is {}", kind_of(&other)))),
    }
}
