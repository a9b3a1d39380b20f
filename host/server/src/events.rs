//! `/api/events`: recording events, and reading them back.

use crate::error::ApiError;
use crate::query::{Since, Wanted, cursor_text};
use crate::router::{MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES, json, read_text};
use crate::state::State;
use axum::body::Body;
use axum::extract::{RawQuery, State as Shared};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use tollgate_core::journal::{Journal, JournalError};
use tollgate_core::json::{DraftContext, drafts_from_json, write_json};

/// Who says so where an event names no source.
const DEFAULT_SOURCE: &str = "core";
/// Events read from the journal at a time: one short transaction.
const PAGE_EVENTS: usize = 500;
/// An answer ends after the event that reaches this many bytes; `next` says where the rest begins. One of the newest
/// events begins with the first of which all that follow fit.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// What an event without its payload takes of an answer, at most for all but the longest names.
const ENVELOPE_BYTES: usize = 1_024;

/// Records one event, an array of them, or one a line: all or none.
pub(crate) async fn emit(Shared(state): Shared<State>, body: Body) -> Result<Response, ApiError> {
    let text = read_text(body, MAX_BATCH_BODY_BYTES).await?;
    let drafts = drafts_from_json(&text, DraftContext { default_source: DEFAULT_SOURCE })?;
    if drafts.len() == 1 && text.len() > MAX_BODY_BYTES {
        return Err(ApiError::too_large(MAX_BODY_BYTES));
    }
    let receipts = state.bus.emit_batch(drafts).await?;
    let receipts: Vec<_> = receipts
        .iter()
        .map(|receipt| json!({"seq": receipt.seq, "id": receipt.id.to_string(), "duplicate": receipt.duplicate}))
        .collect();
    Ok(json(json!({"events": receipts}).to_string()))
}

/// Events that match, oldest first: `{"events":[…],"next":<cursor or null>}`, with `"gap"` where the journal no longer
/// holds all that came after `since`.
pub(crate) async fn list(Shared(state): Shared<State>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let wanted = Wanted::parse(query.as_deref(), state.bus.clock().now())?;
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
    let read = move || -> Result<String, JournalError> {
        let answer = read(&journal, &wanted, after)?;
        // Asked afterwards: what is pruned while this reads is told too.
        Ok(if resumes { with_gap(answer, after, journal.oldest()?) } else { answer })
    };
    let answer = tokio::task::spawn_blocking(read).await;
    Ok(json(answer.map_err(|error| ApiError::internal(&error))??))
}

/// Says which events after `after` the journal no longer holds, in the answer that would have begun with them.
fn with_gap(mut answer: String, after: u64, oldest: u64) -> String {
    if oldest > after + 1 && answer.pop() == Some('}') {
        let count = oldest - after - 1;
        answer.push_str(&format!(r#","gap":{{"from":{},"to":{},"count":{count}}}}}"#, after + 1, oldest - 1));
    }
    answer
}

/// The answer's text, built page by page.
fn read(journal: &Journal, wanted: &Wanted, after: u64) -> Result<String, JournalError> {
    if wanted.newest { read_newest(journal, wanted, after) } else { read_on(journal, wanted, after) }
}

/// The newest events that are wanted: as many of them as an answer holds, and nothing comes after them.
fn read_newest(journal: &Journal, wanted: &Wanted, after: u64) -> Result<String, JournalError> {
    let mut events = journal.read_within(&wanted.page(after, wanted.limit), MAX_ANSWER_BYTES)?;
    events.retain(|event| wanted.takes(event));
    let mut bytes = 0_usize;
    let held = events.iter().rev().take_while(|event| {
        bytes = bytes.saturating_add(event.payload.len() + ENVELOPE_BYTES);
        bytes <= MAX_ANSWER_BYTES
    });
    // One event alone always fits.
    let first = events.len().saturating_sub(held.count());
    let mut out = String::from(r#"{"events":["#);
    for (count, event) in events.iter().skip(first).enumerate() {
        if count > 0 {
            out.push(',');
        }
        write_json(event, &mut out);
    }
    out.push_str(r#"],"next":null}"#);
    Ok(out)
}

fn read_on(journal: &Journal, wanted: &Wanted, mut after: u64) -> Result<String, JournalError> {
    let mut out = String::from(r#"{"events":["#);
    let mut count = 0;
    let mut more = false;
    loop {
        let events = journal.read(&wanted.page(after, PAGE_EVENTS))?;
        let full = events.len() == PAGE_EVENTS;
        for event in events.iter().filter(|event| wanted.takes(event)) {
            if count == wanted.limit || out.len() >= MAX_ANSWER_BYTES {
                more = true;
                break;
            }
            if count > 0 {
                out.push(',');
            }
            write_json(event, &mut out);
            count += 1;
            after = event.seq;
        }
        if more || !full {
            break;
        }
        after = events.last().map_or(after, |event| event.seq);
    }
    let next = more.then(|| cursor_text(journal.epoch(), after));
    out.push_str(&format!(r#"],"next":{}}}"#, json!(next)));
    Ok(out)
}
