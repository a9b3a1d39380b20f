//! What an agent engine tells the host: messages of chats, commands in them, interruptions, its start and stop.
//!
//! Owns which chat has an execution under way and what waits behind it. What waits is in a table of the journal's
//! database, put there and taken out in the commits of `message.queued` and `message.in`, so a restart loses none
//! and hands none out twice. Knows nothing of agents: running a message is the caller's.

mod chats;
mod command;

#[cfg(test)]
mod tests;

pub use chats::{MAX_CHATS, MAX_QUEUED, MAX_QUEUED_PER_CHAT};
pub use command::MAX_BRANCH_BYTES;
pub use tollgate_events::payload::Message;

use crate::bus::{Bus, EmitError, check_name};
use crate::event::Draft;
use crate::journal::JournalError;
use crate::json::typed_draft;
use crate::session::Sessions;
use chats::{Chats, Request};
use command::Command;
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tollgate_events::payload::{
    COMMAND_MERGE, COMMAND_TEST, CommandMerge, CommandTest, ENGINE_STARTED, ENGINE_STOPPED, EXECUTION_INTERRUPTED,
    Empty, ExecutionInterrupted, MESSAGE_OUT,
};

/// The longest message, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// Calls that wait for the one task that keeps the chats; further ones wait outside.
const MAILBOX: usize = 64;
/// Who says what the engine does.
const ENGINE: &str = "core";

/// An engine's way to the host. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    bus: Bus,
    sessions: Arc<Sessions>,
    requests: mpsc::Sender<Request>,
}

/// What became of a message.
#[derive(Debug, Clone)]
pub enum Incoming {
    /// To be run now; then [`Engine::finished`]. Where others waited since before a restart, it is the first of
    /// those, and the message given waits behind them.
    Run(Message),
    /// An execution is under way for its chat, so it waits, with this many before it.
    Queued(usize),
    /// It was a command, which plugins carry out: `command.test` or `command.merge`.
    Command(&'static str),
}

/// Why a message was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// The text is empty or over [`MAX_MESSAGE_BYTES`].
    #[error("the message has {0} bytes; 1 to {MAX_MESSAGE_BYTES} are taken")]
    Size(usize),
    /// A command that is not as it should be.
    #[error("`{0}` is no command: {1}")]
    Command(&'static str, String),
    /// [`MAX_QUEUED_PER_CHAT`], [`MAX_QUEUED`] or [`MAX_CHATS`] are reached.
    #[error("{0} {1} already; let some of them finish first")]
    Full(usize, &'static str),
    /// It could not be recorded.
    #[error(transparent)]
    Emit(#[from] EmitError),
}

impl Engine {
    /// Takes up the queues of `bus`'s journal; no execution is under way. Needs a running tokio runtime, and
    /// blocks for one read.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn open(bus: &Bus, sessions: Arc<Sessions>) -> Result<Self, JournalError> {
        let (requests, mailbox) = mpsc::channel(MAILBOX);
        let chats = Chats::open(bus, Arc::clone(&sessions))?;
        tokio::spawn(chats.run(mailbox));
        Ok(Self { bus: bus.clone(), sessions, requests })
    }

    /// Records `engine.started`.
    ///
    /// # Errors
    /// When the journal does not record it.
    pub async fn start(&self) -> Result<(), EmitError> {
        self.tell(typed_draft(ENGINE_STARTED, &Empty {}, ENGINE)?).await
    }

    /// Records `engine.stopped`. What waits in the queues is taken up after the next start.
    ///
    /// # Errors
    /// When the journal does not record it.
    pub async fn stop(&self) -> Result<(), EmitError> {
        self.tell(typed_draft(ENGINE_STOPPED, &Empty {}, ENGINE)?).await
    }

    /// Takes a message of a user: `message.in` and an execution begins, or `message.queued` where one is under way
    /// for the chat. `/test …` is a `command.test`, `/git merge <branch>` a `command.merge`, at once in any case.
    /// The chat gets a session where it has none. A caller that gives up before it gets a message to run leaves it
    /// in the queue, and it is told of as `message.in` once more when it is taken up.
    ///
    /// # Errors
    /// When the text is empty or too long, a command is malformed, too much waits already, or the journal does
    /// not record it; then nothing is changed.
    pub async fn message_in(&self, user_id: &str, chat_id: &str, text: &str) -> Result<Incoming, EngineError> {
        let message = message(user_id, chat_id, text)?;
        if let Some(command) = Command::of(text) {
            return self.command(command?, chat_id, user_id).await;
        }
        self.request(|reply| Request::MessageIn { message, reply }).await
    }

    /// Ends the execution of a chat: the next message that waits is taken up (`message.in`) and is to be run. Also
    /// for a chat that [`Engine::waiting`] names after a restart.
    ///
    /// # Errors
    /// When the journal does not record it: the execution has ended, and the message still waits.
    pub async fn finished(&self, chat_id: &str) -> Result<Option<Message>, EngineError> {
        let chat_id: Arc<str> = chat_id.into();
        self.request(|reply| Request::Finished { chat_id, reply }).await
    }

    /// The chats whose messages wait though no execution is under way: after a restart.
    ///
    /// # Errors
    /// When the host is shutting down.
    pub async fn waiting(&self) -> Result<Vec<Arc<str>>, EngineError> {
        self.request(|reply| Request::Waiting { reply }).await
    }

    /// Records `message.out`.
    ///
    /// # Errors
    /// When the text is empty or too long, or the journal does not record it.
    pub async fn message_out(&self, user_id: &str, chat_id: &str, text: &str) -> Result<(), EngineError> {
        let message = message(user_id, chat_id, text)?;
        let draft = self.draft(MESSAGE_OUT, &message, chat_id, user_id)?;
        Ok(self.tell(draft).await?)
    }

    /// Records `execution.interrupted`. Stopping what runs is the caller's, and [`Engine::finished`] after it.
    ///
    /// # Errors
    /// When the journal does not record it.
    pub async fn interrupt(&self, user_id: &str, chat_id: &str) -> Result<(), EngineError> {
        check_name("user_id", user_id)?;
        check_name("chat_id", chat_id)?;
        let payload = ExecutionInterrupted { user_id: user_id.to_owned(), chat_id: chat_id.to_owned() };
        let draft = self.draft(EXECUTION_INTERRUPTED, &payload, chat_id, user_id)?;
        Ok(self.tell(draft).await?)
    }

    async fn command(&self, command: Command, chat_id: &str, user_id: &str) -> Result<Incoming, EngineError> {
        let (chat, user) = (chat_id.to_owned(), Some(user_id.to_owned()));
        let (event_type, draft) = match command {
            Command::Test { args } => {
                let payload = CommandTest { chat_id: chat, args, user_id: user };
                (COMMAND_TEST, self.draft(COMMAND_TEST, &payload, chat_id, user_id)?)
            }
            Command::Merge { branch } => {
                let payload = CommandMerge {
                    chat_id: chat,
                    branch,
                    source_branch: None,
                    target_branch: None,
                    conflicted_files: None,
                    user_id: user,
                };
                (COMMAND_MERGE, self.draft(COMMAND_MERGE, &payload, chat_id, user_id)?)
            }
        };
        self.tell(draft).await?;
        Ok(Incoming::Command(event_type))
    }

    fn draft(
        &self,
        event_type: &str,
        payload: &impl Serialize,
        chat_id: &str,
        user_id: &str,
    ) -> Result<Draft, EmitError> {
        let session = chats::session_of(&self.sessions, chat_id, user_id);
        Ok(typed_draft(event_type, payload, ENGINE)?.in_session(Arc::clone(&session.id)))
    }

    /// Records a draft, unless the bus filter keeps it out.
    async fn tell(&self, draft: Draft) -> Result<(), EmitError> {
        let mut drafts = vec![draft];
        self.bus.keep_wanted(&mut drafts);
        self.bus.emit_batch(drafts).await?;
        Ok(())
    }

    async fn request<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<T, EngineError>>) -> Request,
    ) -> Result<T, EngineError> {
        let closed = || EngineError::from(EmitError::from(JournalError::Closed));
        let (reply, answer) = oneshot::channel();
        self.requests.send(make(reply)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

fn message(user_id: &str, chat_id: &str, text: &str) -> Result<Message, EngineError> {
    check_name("user_id", user_id)?;
    check_name("chat_id", chat_id)?;
    if text.trim().is_empty() || text.len() > MAX_MESSAGE_BYTES {
        return Err(EngineError::Size(text.len()));
    }
    Ok(Message { user_id: user_id.to_owned(), chat_id: chat_id.to_owned(), text: text.to_owned() })
}
