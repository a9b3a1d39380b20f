//! A WebSocket as a line to one client: the bounds of its handshake and its frames, its pings, and its goodbye. What
//! is said on it is for whoever has it.

use crate::access::token_protocol;
use crate::error::ApiError;
use crate::feed::KEEP_ALIVE;
use crate::tenure::End;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, StatusCode};
use futures_util::SinkExt as _;
use std::time::Duration;
use tokio::time::Instant;

/// Largest message that a client may send.
pub(crate) const MAX_FRAME_BYTES: usize = 1024 * 1024;
/// What is gathered before it is written, and the most that a connection holds unwritten: one event more, which is
/// smaller than the largest message.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;
const MAX_WRITE_BUFFER_BYTES: usize = WRITE_BUFFER_BYTES + MAX_FRAME_BYTES;
/// Reads are small: clients say little.
const READ_BUFFER_BYTES: usize = 8 * 1024;
/// A client that was not heard of for so long is gone: it missed two pings.
pub(crate) const SILENCE: Duration = KEEP_ALIVE.saturating_mul(3);
/// How long a client may take to hear why it is let go.
pub(crate) const GOODBYE: Duration = Duration::from_millis(500);
/// The subprotocol that is chosen where it is offered; browsers want one to be.
const PROTOCOL: &str = "tollgate.v1";

/// Why a handshake comes to nothing.
pub(crate) type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// The handshake, with the bounds of every socket.
///
/// # Errors
/// When the request is none.
pub(crate) fn bounded(headers: &HeaderMap, upgrade: Upgrade) -> Result<WebSocketUpgrade, ApiError> {
    let upgrade = upgrade.map_err(|error| {
        let message = format!("this path takes a WebSocket's handshake alone: {}", error.body_text());
        ApiError::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", message)
    })?;
    // The token itself is chosen only where nothing else is offered: it goes back to whom it came from.
    let protocols = std::iter::once(PROTOCOL.to_owned()).chain(token_protocol(headers).map(str::to_owned));
    Ok(upgrade
        .protocols(protocols.collect::<Vec<_>>())
        .max_message_size(MAX_FRAME_BYTES)
        .max_frame_size(MAX_FRAME_BYTES)
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(MAX_WRITE_BUFFER_BYTES))
}

/// Why a connection ends: with these words to the client, or without where it has left or does not read.
#[derive(Debug)]
pub(crate) enum Gone {
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

/// What a client said.
#[derive(Debug)]
pub(crate) enum Heard {
    Text(Utf8Bytes),
    Binary,
    /// A ping, which is answered by itself, or a pong.
    Signal,
}

/// What came of a socket, before it is looked at.
pub(crate) type Received = Option<Result<Message, axum::Error>>;

/// One client's socket.
pub(crate) struct Line {
    socket: WebSocket,
    heard_at: Instant,
    pinged_at: Instant,
}

impl Line {
    pub(crate) fn new(socket: WebSocket) -> Self {
        Self { socket, heard_at: Instant::now(), pinged_at: Instant::now() }
    }

    /// Sends a ping where it is time for one; until when there is nothing more to do.
    pub(crate) async fn keep(&mut self) -> Result<Instant, Gone> {
        let now = Instant::now();
        if now >= self.heard_at + SILENCE {
            return Err(Gone::Told(close_code::POLICY, "nothing was heard, not even a pong"));
        }
        if now >= self.pinged_at + KEEP_ALIVE {
            self.pinged_at = now;
            self.socket.send(Message::Ping(Default::default())).await?;
        }
        Ok(self.pinged_at + KEEP_ALIVE)
    }

    /// The next thing of the client's, for [`Line::heard`]. Cancel-safe.
    pub(crate) async fn receive(&mut self) -> Received {
        self.socket.recv().await
    }

    /// What that was.
    pub(crate) async fn heard(&mut self, received: Received) -> Result<Heard, Gone> {
        let message = match received {
            None => return Err(Gone::Left),
            Some(Ok(message)) => message,
            Some(Err(error)) => {
                tracing::debug!(%error, "a socket's frame was refused");
                return Err(Gone::Told(close_code::SIZE, "a frame is text of at most 1048576 bytes"));
            }
        };
        self.heard_at = Instant::now();
        match message {
            Message::Text(text) => Ok(Heard::Text(text)),
            Message::Binary(_) => Ok(Heard::Binary),
            // Pongs go out by themselves.
            Message::Ping(_) | Message::Pong(_) => Ok(Heard::Signal),
            Message::Close(_) => {
                // The answer to it is queued, and goes out only so.
                self.socket.flush().await?;
                Err(Gone::Left)
            }
        }
    }

    /// Written together; whoever does not read is let go by the connection's own guard.
    pub(crate) async fn tell(&mut self, texts: impl IntoIterator<Item = Utf8Bytes>) -> Result<(), Gone> {
        let begun = Instant::now();
        for text in texts {
            self.socket.feed(Message::Text(text)).await?;
        }
        self.socket.flush().await?;
        // Nothing is heard while it is told: a client that reads slowly is not one that is silent.
        let took = begun.elapsed();
        self.heard_at += took;
        self.pinged_at += took;
        Ok(())
    }

    /// Tells one thing of the connection itself. Written before the next message is read, so that whoever asks and
    /// does not read is not heard either.
    pub(crate) async fn answer(&mut self, answer: &serde_json::Value) -> Result<(), Gone> {
        Ok(self.socket.send(Message::text(answer.to_string())).await?)
    }

    /// Ends it, in words where there are some.
    pub(crate) async fn end(mut self, gone: Gone) {
        if let Gone::Told(code, reason) = gone {
            let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
            // Whoever is no longer there, or does not listen, needs no words.
            let _ = tokio::time::timeout(GOODBYE, self.socket.send(close)).await;
        }
    }
}
