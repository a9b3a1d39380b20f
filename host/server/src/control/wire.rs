//! The library's side: who is let in, what is heard of a client, and what is put into its buffer. The one file that
//! names its types besides `control` itself.

use super::said::{MAX_SAID_BYTES, Outgoing, Trouble};
use serde_json::value::RawValue;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::AckSender;
use socketioxide::handler::{FromMessageParts, Value as Packet};
use socketioxide::socket::Socket;
use socketioxide::{SendError, SocketError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;

/// What a client said and is not answered yet: more at once is more than it may ask for within seconds.
pub(super) const INBOX: usize = 64;

/// One thing that a client said.
#[derive(Debug)]
pub(super) struct Said {
    /// `["name", …]`, or what is wrong with it.
    pub(super) text: Result<String, Trouble>,
    /// The number that the answer goes to, where one is wanted.
    pub(super) number: Option<i64>,
}

/// Where what a client says goes.
#[derive(Clone)]
pub(super) struct Inbox {
    said: mpsc::Sender<Said>,
    /// Whether something was not heard.
    lost: Arc<AtomicBool>,
}

impl Inbox {
    /// One, and what comes out of it.
    pub(super) fn new() -> (Self, mpsc::Receiver<Said>) {
        let (said, heard) = mpsc::channel(INBOX);
        (Self { said, lost: Arc::default() }, heard)
    }

    /// Whether something was not heard since this was asked last.
    pub(super) fn lost(&self) -> bool {
        self.lost.swap(false, Ordering::Relaxed)
    }
}

/// Takes what is said where it is read, in order: the library would make a task of each. So it is never given to a
/// handler, and what does not fit in the inbox is not heard.
pub(super) struct Taken;

/// That it was taken.
#[derive(Debug, thiserror::Error)]
#[error("taken")]
pub(super) struct Elsewhere;

impl FromMessageParts<LocalAdapter> for Taken {
    type Error = Elsewhere;

    fn from_message_parts(
        socket: &Arc<Socket<LocalAdapter>>,
        packet: &mut Packet,
        number: &Option<i64>,
    ) -> Result<Self, Elsewhere> {
        if let Some(inbox) = socket.extensions.get::<Inbox>() {
            let text = match packet {
                Packet::Str(text, None) if text.len() <= MAX_SAID_BYTES => Ok(text.as_str().to_owned()),
                Packet::Str(_, None) => Err(Trouble::bad(format!("at most {MAX_SAID_BYTES} bytes at once"))),
                Packet::Str(_, Some(_)) | Packet::Bytes(_) => Err(Trouble::bad("nothing here takes binary data")),
            };
            // Where it is full, whoever empties it tells the client so.
            if inbox.said.try_send(Said { text, number: *number }).is_err() {
                inbox.lost.store(true, Ordering::Relaxed);
            }
        }
        Err(Elsewhere)
    }
}

/// What became of what was put into a client's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    Taken,
    /// It is full.
    Full,
    /// Nobody is there any more.
    Gone,
}

/// Puts one into the client's buffer.
pub(super) fn put(socket: &Arc<Socket<LocalAdapter>>, outgoing: &Outgoing) -> Put {
    let sent = match outgoing {
        Outgoing::Event { name, text, cursor } => match (serde_json::from_str::<&RawValue>(text.as_str()), cursor) {
            (Ok(text), Some(cursor)) => socket.emit(name, &(text, cursor.as_str())),
            (Ok(text), None) => socket.emit(name, &(text,)),
            (Err(error), _) => {
                // A payload is JSON: the bus takes nothing else.
                tracing::error!(%error, name, "an event is not told over Socket.IO");
                return Put::Taken;
            }
        },
        Outgoing::Answer { number, text } => {
            let mut none = Packet::Str("[]".into(), None);
            match (AckSender::from_message_parts(socket, &mut none, &Some(*number)), serde_json::from_str(text)) {
                (Ok(ack), Ok(text)) => ack.send::<(&RawValue,)>(&(text,)),
                (_, Err(error)) => {
                    tracing::error!(%error, "an answer is not told over Socket.IO");
                    return Put::Taken;
                }
                (Err(never), _) => match never {},
            }
        }
    };
    match sent {
        Ok(()) => Put::Taken,
        Err(SendError::Socket(SocketError::InternalChannelFull)) => Put::Full,
        Err(SendError::Socket(SocketError::Closed)) => Put::Gone,
        Err(SendError::Serialize(error)) => {
            tracing::error!(%error, "an answer is not told over Socket.IO");
            Put::Taken
        }
    }
}
