//! `/api/events/stream`: server-sent events. `id:` is the cursor, `Last-Event-ID` resumes after it. What it is fed is
//! `feed`'s; here is only how it is framed.

use crate::caller::Caller;
use crate::error::ApiError;
use crate::feed::{Feed, KEEP_ALIVE, Kind, Next, Said};
use crate::query::{Since, Wanted, cursor, cursor_text};
use crate::state::State;
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State as Shared};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use tokio::time::Instant;

struct Stream {
    feed: Feed,
    opened: bool,
    /// When it last said something.
    said_at: Instant,
}

/// Follows events that match, from `Last-Event-ID`, else from `since`, else from now on.
pub(crate) async fn stream(
    Shared(state): Shared<State>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut wanted = Wanted::parse(query.as_deref(), state.bus.clock().now())?.accepting(&headers);
    if let Some(id) = headers.get("last-event-id") {
        let id = id.to_str().ok().and_then(cursor);
        let id = id.ok_or_else(|| ApiError::bad_request("bad_cursor", "Last-Event-ID is no cursor of ours"))?;
        wanted.since = Some(Since::Cursor(id));
    }
    let feed = Feed::open(&state, caller, wanted, Kind::ServerSent).await?;
    let stream = Stream { feed, opened: false, said_at: Instant::now() };
    let frames = futures_util::stream::unfold(stream, |mut stream| async move {
        let frames = stream.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(frames)), stream))
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(frames)).into_response())
}

impl Stream {
    /// The next frames to write; none when the stream is over.
    async fn next(&mut self) -> Option<String> {
        let frames = if self.opened { self.frames().await? } else { ": connected\n\n".to_owned() };
        self.opened = true;
        self.said_at = Instant::now();
        Some(frames)
    }

    async fn frames(&mut self) -> Option<String> {
        // Not anew for each batch: those without a wanted event say nothing.
        let quiet_until = self.said_at + KEEP_ALIVE;
        loop {
            let said = match self.feed.next(quiet_until).await {
                Some(Next::Said(said)) => said,
                Some(Next::Over(_)) => return None,
                None => return Some(": still here\n\n".to_owned()),
            };
            let mut out = String::new();
            for one in said {
                frame(&one, self.feed.epoch(), &mut out);
            }
            if !out.is_empty() {
                return Some(out);
            }
        }
    }
}

fn frame(said: &Said, epoch: u64, out: &mut String) {
    let text = match said {
        Said::Event(seq, text) => {
            out.push_str("id: ");
            out.push_str(&cursor_text(epoch, *seq));
            out.push('\n');
            text.as_str()
        }
        Said::Notice(text) => text,
    };
    out.push_str("data: ");
    out.push_str(text);
    out.push_str("\n\n");
}
