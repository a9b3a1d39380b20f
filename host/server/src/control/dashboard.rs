//! What dashboards of hooks are told: `claude_event`, and with it `welcome`, `status` and `history`.

use crate::caller::Caller;
use crate::error::ApiError;
use crate::frames::Format;
use crate::query::{Wanted, cursor_text};
use crate::scope::Scopes;
use crate::state::State;
use axum::extract::ws::Utf8Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use tollgate_core::event::Event;
use tollgate_core::events::{EventType, PatternSet};

/// What a dashboard follows.
pub(crate) const HOOKS: &str = "hook.*";
/// Events of a history that names no number, and the most of one that does.
pub(crate) const HISTORY: usize = 50;
const MAX_HISTORY: usize = 500;
/// Most bytes of a history: as much as may be said at once.
const MAX_HISTORY_BYTES: usize = crate::line::MAX_FRAME_BYTES;
/// Most events that are looked at for one, where the caller may not read all of them.
const MAX_LOOKED_AT: usize = 10_000;
/// Most patterns that a history is asked for by.
const MAX_TYPES: usize = 32;

/// An event as dashboards know it; its payload is JSON already, and a type and a time have nothing to escape.
pub(crate) fn write(event: &Event) -> String {
    let name = event.event_type.as_str();
    let (kind, subtype) = name.split_once('.').unwrap_or((name, ""));
    let source = Value::from(&*event.source);
    format!(
        r#"{{"event":"claude_event","type":"{kind}","subtype":"{subtype}","timestamp":"{}","data":{},"source":{source}}}"#,
        event.ts, event.payload
    )
}

/// Whether an event is what dashboards are told of.
pub(crate) fn is_hook(event_type: &EventType) -> bool {
    event_type.as_str().starts_with("hook.")
}

/// Whether who has these scopes may read some hooks.
pub(crate) fn may_be_read(scopes: &Scopes) -> bool {
    let first = |pattern: &str| matches!(pattern.split('.').next(), Some("hook" | "*"));
    scopes.read.as_ref().is_some_and(|readable| readable.iter().any(|pattern| first(pattern.as_str())))
}

/// Who is there, and from where on it is told.
pub(crate) fn welcome(state: &State, client: &str) -> Value {
    let journal = state.bus.journal();
    json!({
        "message": "connected to Tollgate",
        "client_id": client,
        "version": env!("CARGO_PKG_VERSION"),
        "timestamp": state.bus.clock().now().to_string(),
        "cursor": cursor_text(journal.epoch(), journal.head()),
    })
}

/// How the host is.
pub(crate) fn status(state: &State) -> Value {
    json!({
        "status": "running",
        "version": env!("CARGO_PKG_VERSION"),
        "timestamp": state.bus.clock().now().to_string(),
        "uptime_ms": u64::try_from(state.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "clients": state.clients.count(),
    })
}

/// What a client wants to look back at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    types: PatternSet,
    limit: usize,
}

impl Asked {
    /// The last of all hooks.
    pub(crate) fn newest() -> Result<Self, String> {
        Self::read(None)
    }

    /// Reads `{event_types, limit}`; what is missing is all of them, and fifty.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(given: Option<&Value>) -> Result<Self, String> {
        let field = |name: &str| given.and_then(|given| given.get(name)).filter(|value| !value.is_null());
        let limit = match field("limit") {
            None => HISTORY,
            Some(limit) => {
                let limit = limit.as_u64().and_then(|limit| usize::try_from(limit).ok());
                limit
                    .filter(|limit| (1..=MAX_HISTORY).contains(limit))
                    .ok_or_else(|| format!("`limit`: must be 1 to {MAX_HISTORY}"))?
            }
        };
        let named: Vec<&str> = match field("event_types") {
            None => vec![HOOKS],
            Some(Value::Array(types)) if (1..=MAX_TYPES).contains(&types.len()) => {
                let texts: Option<Vec<&str>> = types.iter().map(Value::as_str).collect();
                texts.ok_or("`event_types`: a list of types holds texts")?
            }
            Some(_) => {
                return Err(format!("`event_types`: must be a list of 1 to {MAX_TYPES} types, such as hook.pre_tool"));
            }
        };
        // All of a kind by its name alone, as dashboards say it.
        let named = named.into_iter().map(|one| if one == "hook" { HOOKS } else { one });
        let types = PatternSet::parse(named).map_err(|error| format!("`event_types`: {error}"))?;
        Ok(Self { types, limit })
    }
}

/// Of what is asked for, the hooks: patterns that the journal has an index for, so that it is not searched from one end
/// to the other.
fn hooks_of(types: &PatternSet) -> PatternSet {
    let hooks = types.iter().filter_map(|pattern| match pattern.as_str() {
        pattern if pattern.starts_with("hook.") => Some(pattern),
        pattern if pattern.starts_with('*') => Some(HOOKS),
        _ => None,
    });
    // They were read before, or are written here.
    PatternSet::parse(hooks).unwrap_or_default()
}

/// The newest events, up to this seq where one is named, that are asked for and that the caller may read, oldest first:
/// `{"events":[…],"count":n}`. They are looked for among the newest `MAX_LOOKED_AT` of those asked for.
pub(crate) async fn history(
    state: &State,
    caller: &Caller,
    asked: Asked,
    upto: Option<u64>,
) -> Result<String, ApiError> {
    let Asked { types, limit } = asked;
    let wanted = Wanted { patterns: Some(hooks_of(&types)), limit, newest: true, ..Wanted::default() };
    let wanted = wanted.readable_by(caller);
    let (journal, frames) = (state.bus.journal().clone(), Arc::clone(&state.frames));
    let read = tokio::task::spawn_blocking(move || {
        let takes = |event: &Event| {
            types.matches(&event.event_type) && upto.is_none_or(|upto| event.seq <= upto) && wanted.takes(event)
        };
        journal.newest_where(&wanted.page(0, wanted.limit), MAX_LOOKED_AT, MAX_HISTORY_BYTES, takes)
    });
    let events = read.await.map_err(|error| ApiError::internal(&error))??;
    let mut texts: Vec<Utf8Bytes> = Vec::new();
    let mut bytes = 0;
    // From the newest on, so that what does not fit is the oldest.
    for event in events.iter().rev() {
        let text = frames.text(event, Format::Dashboard);
        bytes += text.len();
        if bytes > MAX_HISTORY_BYTES {
            break;
        }
        texts.push(text);
    }
    texts.reverse();
    let texts: Vec<&str> = texts.iter().map(|text| text.as_str()).collect();
    Ok(format!(r#"{{"events":[{}],"count":{}}}"#, texts.join(","), texts.len()))
}
