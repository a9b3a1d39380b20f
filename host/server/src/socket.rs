//! `/ws/events` and `/ws/frontend`: what happens, as it happens, over a WebSocket. What it is fed is `feed`'s, and how
//! long it is held `line`'s; here is how it is framed and what the client may say.

use crate::caller::Caller;
use crate::error::ApiError;
use crate::feed::{Feed, Kind, Next, Said};
use crate::line::{Gone, Heard, Line, Upgrade, bounded};
use crate::operation::Operation;
use crate::query::Wanted;
use crate::scope::written;
use crate::serve::Place;
use crate::state::State;
use axum::Extension;
use axum::extract::ws::Utf8Bytes;
use axum::extract::{RawQuery, State as Shared};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::json;
use tollgate_core::events::PatternSet;

/// Most patterns that a client follows by.
const MAX_PATTERNS: usize = 256;
/// What a frontend follows where it names nothing.
const FRONTEND: [&str; 1] = ["orchestrator.*"];

/// Follows events that match, from `since`, else from now on.
pub(crate) async fn events(
    Shared(state): Shared<State>,
    Extension(caller): Extension<Caller>,
    place: Option<Extension<Place>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, ApiError> {
    let wanted = Wanted::parse(query.as_deref(), state.bus.clock().now())?;
    open(&state, caller, place, wanted, &headers, upgrade, Kind::Socket).await
}

/// The same for a frontend: frames `{type, data}`, of `orchestrator.*` where no filter is named.
pub(crate) async fn frontend(
    Shared(state): Shared<State>,
    Extension(caller): Extension<Caller>,
    place: Option<Extension<Place>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, ApiError> {
    let mut wanted = Wanted::parse(query.as_deref(), state.bus.clock().now())?;
    if wanted.patterns.is_none() {
        let patterns = PatternSet::parse(FRONTEND).map_err(|error| ApiError::internal(&error))?;
        wanted.patterns = Some(patterns);
    }
    open(&state, caller, place, wanted, &headers, upgrade, Kind::Frontend).await
}

async fn open(
    state: &State,
    caller: Caller,
    place: Option<Extension<Place>>,
    wanted: Wanted,
    headers: &HeaderMap,
    upgrade: Upgrade,
    kind: Kind,
) -> Result<Response, ApiError> {
    let upgrade = bounded(headers, upgrade)?;
    if wanted.patterns.as_ref().is_some_and(|patterns| patterns.iter().count() > MAX_PATTERNS) {
        return Err(ApiError::bad_request("bad_query", format!("`filter`: at most {MAX_PATTERNS} patterns")));
    }
    let feed = Feed::open(state, caller, wanted.accepting(headers), kind).await?;
    Ok(upgrade.on_upgrade(move |socket| async move {
        // The connection's place is given back when its socket is gone, not when it is upgraded.
        let _place = place;
        Connection { line: Line::new(socket), feed }.serve().await;
    }))
}

struct Connection {
    line: Line,
    feed: Feed,
}

impl Connection {
    async fn serve(mut self) {
        let over = self.feed.over();
        tokio::pin!(over);
        let gone = loop {
            let turned = tokio::select! {
                // Also in the middle of what is told: who may no longer hear it hears no more.
                end = over.as_mut() => Err(end.into()),
                turned = self.turn() => turned,
            };
            if let Err(gone) = turned {
                break gone;
            }
        };
        self.line.end(gone).await;
    }

    /// One thing: of the client, of the feed, or of the clock.
    async fn turn(&mut self) -> Result<(), Gone> {
        let until = self.line.keep().await?;
        tokio::select! {
            received = self.line.receive() => match self.line.heard(received).await? {
                Heard::Text(text) => self.hear(&text).await,
                Heard::Binary | Heard::Signal => Ok(()),
            },
            next = self.feed.next(until) => match next {
                None => Ok(()),
                Some(Next::Over(end)) => Err(end.into()),
                Some(Next::Said(said)) => self.line.tell(said.into_iter().map(text)).await,
            },
        }
    }

    async fn hear(&mut self, text: &str) -> Result<(), Gone> {
        let ts = self.feed.clock().now().to_string();
        if text == "ping" {
            return self.line.answer(&json!({"type": "pong", "ts": ts})).await;
        }
        let answer = match Operation::read(text, self.feed.epoch()) {
            None => return Ok(()),
            Some(Ok(Operation::Acknowledge(seq))) => {
                self.feed.acknowledge(seq);
                return Ok(());
            }
            Some(Ok(_)) if !self.feed.may_ask() => {
                let message = "more operations a second than this token may make; wait and say it again";
                json!({"type": "error", "ts": ts, "error": {"code": "rate_limited", "message": message}})
            }
            Some(Ok(operation)) => match operation.patterns(self.feed.patterns(), MAX_PATTERNS) {
                Ok(patterns) => {
                    let answer = json!({"type": "subscribed", "ts": ts, "filter": written(&patterns)});
                    self.feed.set_patterns(patterns);
                    answer
                }
                Err(reason) => refusal(&ts, &reason),
            },
            Some(Err(reason)) => refusal(&ts, &reason),
        };
        self.line.answer(&answer).await
    }
}

fn text(said: Said) -> Utf8Bytes {
    match said {
        Said::Event(_, text) => text,
        Said::Notice(text) => Utf8Bytes::from(text),
    }
}

fn refusal(ts: &str, reason: &str) -> serde_json::Value {
    json!({"type": "error", "ts": ts, "error": {"code": "bad_operation", "message": reason}})
}

#[cfg(test)]
pub(crate) mod tests;
