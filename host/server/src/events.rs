//! `/api/events`: recording events, and reading them back.

use crate::caller::Caller;
use crate::control::{RoomKind, rooms_named, rooms_of_start};
use crate::error::ApiError;
use crate::frames::Format;
use crate::query::{CLOUD_EVENTS_BATCH, MAX_PLUGINS_MS, Since, Wanted, accepts, cursor_text, wait_ms};
use crate::router::{MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES, json, read_text};
use crate::scope::Needs;
use crate::state::State;
use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State as Shared};
use axum::http::header::{CONTENT_TYPE, LINK};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use std::time::Duration;
use tollgate_core::bus::Handling;
use tollgate_core::event::{Draft, Event};
use tollgate_core::journal::{Journal, JournalError, Receipt};
use tollgate_core::json::{DraftContext, drafts_from_json, write_cloud_event, write_json};

/// Who says so where an event names no source.
const DEFAULT_SOURCE: &str = "core";
/// Events read from the journal at a time: one short transaction.
const PAGE_EVENTS: usize = 500;
/// An answer ends after the event that reaches this many bytes; `next` says where the rest begins. One of the newest
/// events begins with the first of which all that follow fit.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// What an event without its payload takes of an answer, at most for all but the longest names.
const ENVELOPE_BYTES: usize = 1_024;

/// Records one event, an array of them, or one a line: all or none. With `wait_ms` one event, and what became of it
/// at each plugin that it went to.
pub(crate) async fn emit(
    Shared(state): Shared<State>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response, ApiError> {
    let wait = wait_ms(query.as_deref(), MAX_PLUGINS_MS)?;
    if wait.is_some() && !caller.allows(Needs::ReadAll) {
        return Err(ApiError::forbidden("`wait_ms`: what became of an event is told to who may read everything"));
    }
    let text = read_text(body, MAX_BATCH_BODY_BYTES).await?;
    // Whoever may speak as somebody only is taken to be the first of those.
    let default_source = caller.sources.as_ref().and_then(|sources| sources.first());
    let default_source = default_source.map_or(DEFAULT_SOURCE, |source| source);
    let drafts = drafts_from_json(&text, DraftContext { default_source })?;
    if drafts.len() == 1 && text.len() > MAX_BODY_BYTES {
        return Err(ApiError::too_large(MAX_BODY_BYTES));
    }
    all_the_callers(&caller, &drafts)?;
    none_judged(&state, &drafts)?;
    place(&state, &caller, &drafts)?;
    let Some(wait) = wait else {
        let receipts = state.bus.emit_batch(drafts).await?;
        let receipts: Vec<_> = receipts.iter().map(told).collect();
        return Ok(json(json!({"events": receipts}).to_string()));
    };
    let mut drafts = drafts.into_iter();
    let (Some(draft), None) = (drafts.next(), drafts.next()) else {
        let message = "`wait_ms`: what became of it is told of one event; send them one by one, or without it";
        return Err(ApiError::bad_request("bad_query", message));
    };
    let (receipt, handlings) = state.bus.emit_and_wait(draft, Duration::from_millis(wait)).await?;
    let outcome = |Handling { subscriber, outcome }: &Handling| json!({"plugin": subscriber, "outcome": outcome.name(), "message": outcome.message()});
    let outcomes: Vec<_> = handlings.iter().map(outcome).collect();
    Ok(json(json!({"events": [told(&receipt)], "outcomes": outcomes}).to_string()))
}

/// # Errors
/// The first that would say of a runner session what only the session itself may: the runner judges that.
fn none_judged(state: &State, drafts: &[Draft]) -> Result<(), ApiError> {
    let judged = drafts.iter().enumerate().find(|(_, draft)| state.runner.judges(draft));
    let Some((index, draft)) = judged else { return Ok(()) };
    let (at, session) = (position(index, drafts), draft.session.as_deref().unwrap_or_default());
    let message = format!(
        "{at}{} is for the runner session `{session}` itself to tell: send it to /api/runner/sessions/{session}/events",
        draft.event_type
    );
    Err(ApiError::new(StatusCode::CONFLICT, "runner_session", message))
}

/// Which of those that were sent, where there are several.
fn position(index: usize, drafts: &[Draft]) -> String {
    if drafts.len() == 1 { String::new() } else { format!("event {index}: ") }
}

/// Has the sessions whose starts say where they are shown be shown there: before the start itself is told, since what
/// follows from it goes there too. Where something is refused none is shown.
pub(crate) fn place(state: &State, caller: &Caller, drafts: &[Draft]) -> Result<(), ApiError> {
    let mut placed = Vec::new();
    for (index, draft) in drafts.iter().enumerate() {
        let at = position(index, drafts);
        let named = rooms_of_start(draft);
        let named = named.map_err(|reason| ApiError::bad_request("bad_payload", format!("{at}payload: {reason}")))?;
        if !caller.reach.rooms.is_all() {
            let mut rooms = rooms_named(draft).into_iter();
            if let Some(room) = rooms.find(|room| !caller.reach.room(room.kind.as_str(), &room.id)) {
                let message = format!("{at}{room}: this token does not name the room (`rooms`)");
                return Err(ApiError::forbidden(message));
            }
        }
        let (Some(session), Some(rooms)) = (&draft.session, named) else { continue };
        placed.push((session, rooms));
    }
    if !placed.is_empty() && drafts.iter().all(|draft| state.bus.check(draft).is_ok()) {
        for (session, rooms) in placed {
            let id = |kind| rooms.iter().find(|room| room.kind == kind).map(|room| &*room.id);
            state.sessions.place(session, id(RoomKind::Village), id(RoomKind::Repo));
        }
    }
    Ok(())
}

/// A receipt, as it is answered.
pub(crate) fn told(receipt: &Receipt) -> Value {
    json!({"seq": receipt.seq, "id": receipt.id.to_string(), "duplicate": receipt.duplicate})
}

/// # Errors
/// The first that this caller may not record, and why.
pub(crate) fn all_the_callers(caller: &Caller, drafts: &[Draft]) -> Result<(), ApiError> {
    let refused = drafts.iter().enumerate().find_map(|(index, draft)| Some((index, not_the_callers(caller, draft)?)));
    let Some((index, reason)) = refused else { return Ok(()) };
    Err(ApiError::forbidden(format!("{}{reason}", position(index, drafts))))
}

/// Why this caller may not record that.
fn not_the_callers(caller: &Caller, draft: &Draft) -> Option<String> {
    if !caller.scopes.may_emit(&draft.event_type) {
        return Some(format!("`type`: this token may not record {}", draft.event_type));
    }
    if !caller.reach.session(draft.session.as_deref()) {
        return Some("`session`: must be one of those that this token names".to_owned());
    }
    let sources = caller.sources.as_ref().filter(|sources| !sources.contains(&draft.source))?;
    let known: Vec<&str> = sources.iter().map(|source| &**source).collect();
    Some(format!("`source`: this token may not speak as `{}`; it may as {}", draft.source, known.join(", ")))
}

/// Events that match, oldest first: `{"events":[…],"next":<cursor or null>}`, with `"gap"` where the journal no longer
/// holds all that came after `since`; or the events alone where a list of CloudEvents is accepted. Where there are more, a `Link` header names the next page.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let wanted = Wanted::parse(query.as_deref(), state.bus.clock().now())?;
    let counts_others = wanted.patterns.is_some() || (wanted.session.is_none() && !caller.reach.sessions.is_all());
    if wanted.newest && counts_others && !caller.allows(Needs::ReadAll) {
        let message = "`newest`: by a token that may read only some it cannot be joined with types, and one for some \
                       sessions has to name the session";
        return Err(ApiError::bad_request("bad_query", message));
    }
    let mut wanted = wanted.accepting(&headers).readable_by(&caller);
    let batch = accepts(&headers, CLOUD_EVENTS_BATCH);
    if batch {
        wanted.format = Format::CloudEvent;
    }
    let journal = state.bus.journal().clone();
    let after = match wanted.since {
        Some(Since::Cursor(cursor)) if cursor.epoch != journal.epoch() => {
            return Err(ApiError::new(
                StatusCode::GONE,
                "journal_reset",
                "this cursor is of another journal; read again without it",
            ));
        }
        Some(Since::Cursor(cursor)) => cursor.seq,
        Some(Since::Seq(seq)) => seq,
        Some(Since::Time(_)) | None => 0,
    };
    let resumes = matches!(wanted.since, Some(Since::Cursor(_) | Since::Seq(1..)));
    let read = move || -> Result<(Page, Option<Value>), JournalError> {
        let page = read(&journal, &wanted, after)?;
        // Asked afterwards: what is pruned while this reads is told too.
        let gap = if resumes { gap(after, journal.oldest()?) } else { None };
        Ok((page, gap))
    };
    let read = tokio::task::spawn_blocking(read).await;
    let (Page { events, next }, gap) = read.map_err(|error| ApiError::internal(&error))??;
    let link = next.as_deref().map(|next| next_page(query.as_deref(), next)).transpose()?;
    let (media_type, text) = if batch {
        (CLOUD_EVENTS_BATCH, format!("[{events}]"))
    } else {
        let gap = gap.map_or_else(String::new, |gap| format!(r#","gap":{gap}"#));
        ("application/json", format!(r#"{{"events":[{events}],"next":{}{gap}}}"#, json!(next)))
    };
    let mut response = ([(CONTENT_TYPE, media_type)], text).into_response();
    if let Some(link) = link {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// Which events after `after` the journal no longer holds, in the answer that would have begun with them.
fn gap(after: u64, oldest: u64) -> Option<Value> {
    let from = after.checked_add(1)?;
    (oldest > from).then(|| json!({"from": from, "to": oldest - 1, "count": oldest - from}))
}

/// The same query from where this answer ends.
fn next_page(query: Option<&str>, next: &str) -> Result<HeaderValue, ApiError> {
    let kept = query.into_iter().flat_map(|query| query.split('&'));
    let kept = kept.filter(|pair| !pair.is_empty() && !pair.starts_with("since="));
    let pairs: Vec<&str> = kept.collect();
    let joint = if pairs.is_empty() { "" } else { "&" };
    let link = format!("</api/events?{}{joint}since={next}>; rel=\"next\"", pairs.join("&"));
    HeaderValue::from_str(&link).map_err(|error| ApiError::internal(&error))
}

/// Events as JSON, joined by commas, and the cursor of the rest.
#[derive(Default)]
struct Page {
    events: String,
    next: Option<String>,
}

impl Page {
    fn push(&mut self, event: &Event, format: Format) {
        if !self.events.is_empty() {
            self.events.push(',');
        }
        match format {
            Format::CloudEvent => write_cloud_event(event, &mut self.events),
            Format::Envelope | Format::Frontend | Format::Dashboard | Format::ControlPlane => {
                write_json(event, &mut self.events)
            }
        }
    }
}

/// The answer's events, read page by page.
fn read(journal: &Journal, wanted: &Wanted, after: u64) -> Result<Page, JournalError> {
    if wanted.newest { read_newest(journal, wanted, after) } else { read_on(journal, wanted, after) }
}

/// The newest events that are wanted: as many of them as an answer holds, and nothing comes after them.
fn read_newest(journal: &Journal, wanted: &Wanted, after: u64) -> Result<Page, JournalError> {
    let mut events = journal.read_within(&wanted.page(after, wanted.limit), MAX_ANSWER_BYTES)?;
    events.retain(|event| wanted.takes(event));
    let mut bytes = 0_usize;
    let held = events.iter().rev().take_while(|event| {
        bytes = bytes.saturating_add(event.payload.len() + ENVELOPE_BYTES);
        bytes <= MAX_ANSWER_BYTES
    });
    // One event alone always fits.
    let first = events.len().saturating_sub(held.count());
    let mut page = Page::default();
    for event in events.iter().skip(first) {
        page.push(event, wanted.format);
    }
    Ok(page)
}

fn read_on(journal: &Journal, wanted: &Wanted, mut after: u64) -> Result<Page, JournalError> {
    let mut page = Page::default();
    let mut count = 0;
    let mut more = false;
    loop {
        let events = journal.read(&wanted.page(after, PAGE_EVENTS))?;
        let full = events.len() == PAGE_EVENTS;
        for event in events.iter().filter(|event| wanted.takes(event)) {
            if count == wanted.limit || page.events.len() >= MAX_ANSWER_BYTES {
                more = true;
                break;
            }
            page.push(event, wanted.format);
            count += 1;
            after = event.seq;
        }
        if more || !full {
            break;
        }
        after = events.last().map_or(after, |event| event.seq);
    }
    page.next = more.then(|| cursor_text(journal.epoch(), after));
    Ok(page)
}
