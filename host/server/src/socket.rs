//! `/ws/events` and `/ws/frontend`: what happens, as it happens, over a WebSocket. What it is fed is `feed`'s; here is
//! how it is framed, what the client may say, and when it is let go.

use crate::access::token_protocol;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::feed::{Feed, KEEP_ALIVE, Kind, Next, Said};
use crate::operation::Operation;
use crate::query::Wanted;
use crate::scope::written;
use crate::serve::Place;
use crate::state::State;
use crate::tenure::End;
use axum::Extension;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{RawQuery, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::SinkExt as _;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;
use tollgate_core::events::PatternSet;

/// Largest message that a client may send.
pub(crate) const MAX_FRAME_BYTES: usize = 1024 * 1024;
/// What is gathered before it is written, and the most that a connection holds unwritten: one event more, which is
/// smaller than the largest message.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;
const MAX_WRITE_BUFFER_BYTES: usize = WRITE_BUFFER_BYTES + MAX_FRAME_BYTES;
/// Reads are small: clients say little.
const READ_BUFFER_BYTES: usize = 8 * 1024;
/// A client that was not heard of for so long is gone: it missed two pings.
const SILENCE: Duration = KEEP_ALIVE.saturating_mul(3);
/// How long a client may take to hear why it is let go.
const GOODBYE: Duration = Duration::from_millis(500);
/// Most patterns that a client follows by.
const MAX_PATTERNS: usize = 256;
/// The subprotocol that is chosen where it is offered; browsers want one to be.
const PROTOCOL: &str = "tollgate.v1";
/// What a frontend follows where it names nothing.
const FRONTEND: [&str; 1] = ["orchestrator.*"];

/// Why a handshake comes to nothing.
type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

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
    let upgrade = upgrade.map_err(|error| {
        let message = format!("this path takes a WebSocket's handshake alone: {}", error.body_text());
        ApiError::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", message)
    })?;
    if wanted.patterns.as_ref().is_some_and(|patterns| patterns.iter().count() > MAX_PATTERNS) {
        return Err(ApiError::bad_request("bad_query", format!("`filter`: at most {MAX_PATTERNS} patterns")));
    }
    let feed = Feed::open(state, caller, wanted.accepting(headers), kind).await?;
    // The token itself is chosen only where nothing else is offered: it goes back to whom it came from.
    let protocols = std::iter::once(PROTOCOL.to_owned()).chain(token_protocol(headers).map(str::to_owned));
    Ok(upgrade
        .protocols(protocols.collect::<Vec<_>>())
        .max_message_size(MAX_FRAME_BYTES)
        .max_frame_size(MAX_FRAME_BYTES)
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(MAX_WRITE_BUFFER_BYTES)
        .on_upgrade(move |socket| async move {
            // The connection's place is given back when its socket is gone, not when it is upgraded.
            let _place = place;
            Connection { socket, feed, heard_at: Instant::now(), pinged_at: Instant::now() }.serve().await;
        }))
}

struct Connection {
    socket: WebSocket,
    feed: Feed,
    heard_at: Instant,
    pinged_at: Instant,
}

/// Why a connection ends: with these words to the client, or without where it has left or does not read.
enum Gone {
    Told(u16, &'static str),
    Left,
}

impl From<End> for Gone {
    fn from(end: End) -> Self {
        let code = if end == End::Closing { close_code::AWAY } else { close_code::POLICY };
        Self::Told(code, end.reason())
    }
}

impl From<axum::Error> for Gone {
    fn from(error: axum::Error) -> Self {
        tracing::debug!(%error, "a socket ended");
        Self::Left
    }
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
        if let Gone::Told(code, reason) = gone {
            let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
            // Whoever is no longer there, or does not listen, needs no words.
            let _ = tokio::time::timeout(GOODBYE, self.socket.send(close)).await;
        }
    }

    /// One thing: of the client, of the feed, or of the clock.
    async fn turn(&mut self) -> Result<(), Gone> {
        let now = Instant::now();
        if now >= self.heard_at + SILENCE {
            return Err(Gone::Told(close_code::POLICY, "nothing was heard, not even a pong"));
        }
        if now >= self.pinged_at + KEEP_ALIVE {
            self.pinged_at = now;
            self.socket.send(Message::Ping(Default::default())).await?;
        }
        tokio::select! {
            received = self.socket.recv() => match received {
                None => Err(Gone::Left),
                Some(Ok(message)) => {
                    self.heard_at = Instant::now();
                    self.hear(message).await
                }
                Some(Err(error)) => {
                    tracing::debug!(%error, "a socket's frame was refused");
                    Err(Gone::Told(close_code::SIZE, "a frame is text of at most 1048576 bytes"))
                }
            },
            next = self.feed.next(self.pinged_at + KEEP_ALIVE) => match next {
                None => Ok(()),
                Some(Next::Over(end)) => Err(end.into()),
                Some(Next::Said(said)) => self.tell(said).await,
            },
        }
    }

    /// Written together; whoever does not read is let go by the connection's own guard.
    async fn tell(&mut self, said: Vec<Said>) -> Result<(), Gone> {
        let begun = Instant::now();
        for one in said {
            let text = match one {
                Said::Event(_, text) => text,
                Said::Notice(text) => Utf8Bytes::from(text),
            };
            self.socket.feed(Message::Text(text)).await?;
        }
        self.socket.flush().await?;
        // Nothing is heard while it is told: a client that reads slowly is not one that is silent.
        let took = begun.elapsed();
        self.heard_at += took;
        self.pinged_at += took;
        Ok(())
    }

    /// Answers are written before the next message is read, so that whoever asks and does not read is not heard either.
    async fn hear(&mut self, message: Message) -> Result<(), Gone> {
        let text = match message {
            Message::Text(text) => text,
            // Pongs go out by themselves.
            Message::Ping(_) | Message::Pong(_) | Message::Binary(_) => return Ok(()),
            Message::Close(_) => {
                // The answer to it is queued, and goes out only so.
                self.socket.flush().await?;
                return Err(Gone::Left);
            }
        };
        let ts = self.feed.clock().now().to_string();
        if text.as_str() == "ping" {
            return self.answer(json!({"type": "pong", "ts": ts})).await;
        }
        let answer = match Operation::read(&text, self.feed.epoch()) {
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
        self.answer(answer).await
    }

    async fn answer(&mut self, answer: serde_json::Value) -> Result<(), Gone> {
        Ok(self.socket.send(Message::text(answer.to_string())).await?)
    }
}

fn refusal(ts: &str, reason: &str) -> serde_json::Value {
    json!({"type": "error", "ts": ts, "error": {"code": "bad_operation", "message": reason}})
}

#[cfg(test)]
pub(crate) mod tests;
