//! `/api/events/stream`: server-sent events. `id:` is the cursor, `Last-Event-ID` resumes after it, and what
//! the journal already holds joins what happens next without gap or repetition.

use crate::error::ApiError;
use crate::query::{Since, Wanted, bounds, cursor, cursor_text};
use crate::serve::until_true;
use crate::state::State;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State as Shared};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;
use tollgate_core::bus::{Delivery, Follow};
use tollgate_core::events::PatternSet;
use tollgate_core::journal::{Cursor, Journal, JournalError};
use tollgate_core::json::{notice_to_json, write_json};
use tollgate_core::time::Clock;

/// A stream that has nothing to say says so this often, so that both ends notice a dead connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Most events in one write.
const BATCH_EVENTS: usize = 256;

/// What one stream holds; all of it is released when the client leaves.
struct Stream {
    follow: Follow,
    wanted: Wanted,
    epoch: u64,
    clock: Clock,
    /// Frames that come before the first event.
    opening: Option<String>,
    /// When it last said something.
    said_at: Instant,
    closing: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

/// Follows events that match, from `Last-Event-ID`, else from `since`, else from now on.
pub(crate) async fn stream(
    Shared(state): Shared<State>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let clock = state.bus.clock().clone();
    let mut wanted = Wanted::parse(query.as_deref(), clock.now())?;
    if wanted.until.is_some() || wanted.newest {
        return Err(ApiError::bad_request(
            "bad_query",
            "`until` and `newest` are for /api/events; a stream has no end",
        ));
    }
    if let Some(id) = headers.get("last-event-id") {
        let id = id.to_str().ok().and_then(cursor);
        let id = id.ok_or_else(|| ApiError::bad_request("bad_cursor", "Last-Event-ID is no cursor of ours"))?;
        wanted.since = Some(Since::Cursor(id));
    }
    let place = state.streams.clone().try_acquire_owned();
    let place = place.map_err(|_| ApiError::busy("too many live streams; close one and try again"))?;
    let journal = state.bus.journal().clone();
    let epoch = journal.epoch();
    let since = wanted.since;
    let begin = tokio::task::spawn_blocking(move || begin(&journal, since)).await;
    let (after, reset) = begin.map_err(|error| ApiError::internal(&error))??;
    let opening = match reset {
        Some((oldest, newest)) => {
            let payload = json!({"oldest": oldest, "newest": newest}).to_string();
            format!("data: {}\n\n", notice_to_json("journal.reset", clock.now(), &payload))
        }
        None => ": connected\n\n".to_owned(),
    };
    let patterns = wanted.patterns.clone().unwrap_or_else(PatternSet::all);
    let stream = Stream {
        follow: state.bus.follow(after, patterns),
        wanted,
        epoch,
        clock,
        opening: Some(opening),
        said_at: Instant::now(),
        closing: state.closing.subscribe(),
        _place: place,
    };
    let frames = futures_util::stream::unfold(stream, |mut stream| async move {
        let frames = stream.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(frames)), stream))
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(frames)).into_response())
}

/// Where to go on after, and the journal's bounds where the client's cursor is not of this journal or is
/// older than what is kept: then everything that is kept follows.
fn begin(journal: &Journal, since: Option<Since>) -> Result<(u64, Option<(u64, u64)>), JournalError> {
    let head = journal.head();
    match since {
        None => Ok((head, None)),
        Some(Since::Time(at)) => {
            let query = tollgate_core::journal::Query { since: Some(at), limit: 1, ..Default::default() };
            let first = journal.read(&query)?;
            Ok((first.first().map_or(head, |event| event.seq.saturating_sub(1)), None))
        }
        Some(Since::Seq(seq)) => resume(journal, Cursor { epoch: journal.epoch(), seq }, head),
        Some(Since::Cursor(cursor)) => resume(journal, cursor, head),
    }
}

fn resume(journal: &Journal, cursor: Cursor, head: u64) -> Result<(u64, Option<(u64, u64)>), JournalError> {
    let (oldest, newest) = bounds(journal)?;
    let ours = cursor.epoch == journal.epoch() && cursor.seq <= newest.max(head);
    // Seq 0 is "from the beginning", whatever the beginning is.
    let kept = cursor.seq == 0 || cursor.seq.saturating_add(1) >= oldest;
    if ours && kept { Ok((cursor.seq, None)) } else { Ok((oldest.saturating_sub(1), Some((oldest, newest)))) }
}

impl Stream {
    /// The next frames to write; none when the stream is over.
    async fn next(&mut self) -> Option<String> {
        let frames = match self.opening.take() {
            Some(opening) => opening,
            None => self.frames().await?,
        };
        self.said_at = Instant::now();
        Some(frames)
    }

    async fn frames(&mut self) -> Option<String> {
        // Not anew for each batch: those without a wanted event say nothing.
        let quiet_until = self.said_at + KEEP_ALIVE;
        loop {
            let batch = tokio::select! {
                () = until_true(&mut self.closing) => return None,
                batch = tokio::time::timeout_at(quiet_until, self.follow.next_batch(BATCH_EVENTS)) => batch,
            };
            let deliveries = match batch {
                Err(_) => return Some(": still here\n\n".to_owned()),
                Ok(Ok(Some(deliveries))) => deliveries,
                Ok(Ok(None)) => return None,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "a stream ended");
                    return None;
                }
            };
            let mut out = String::new();
            for delivery in deliveries {
                self.frame(&delivery, &mut out);
            }
            if !out.is_empty() {
                return Some(out);
            }
        }
    }

    fn frame(&self, delivery: &Delivery, out: &mut String) {
        match delivery {
            Delivery::Event(event) if self.wanted.takes(event) => {
                out.push_str("id: ");
                out.push_str(&cursor_text(self.epoch, event.seq));
                out.push_str("\ndata: ");
                write_json(event, out);
                out.push_str("\n\n");
            }
            Delivery::Event(_) => {}
            Delivery::Gap { from, to, count } => {
                let payload = json!({"from": from, "to": to, "count": count}).to_string();
                out.push_str("data: ");
                out.push_str(&notice_to_json("stream.gap", self.clock.now(), &payload));
                out.push_str("\n\n");
            }
        }
    }
}
