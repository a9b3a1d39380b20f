//! The one task that knows which chats have an execution under way and what waits behind it.
//!
//! One call at a time, each with its commit, so that messages keep their order. Memory holds the texts as they
//! came; the table holds them redacted, as everything on disk is, and that is what a restart hands out.

use super::{ENGINE, EngineError, Incoming, Message};
use crate::bus::{Bus, EmitError};
use crate::event::Draft;
use crate::journal::{Change, JournalError, Queued};
use crate::json::typed_draft;
use crate::redact::redact;
use crate::session::{Session, Sessions};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tollgate_events::payload::{MESSAGE_IN, MESSAGE_QUEUED};
use uuid::Uuid;

/// Most messages that wait in one chat: more than a person writes while an agent works.
pub const MAX_QUEUED_PER_CHAT: usize = 100;
/// Most messages that wait in all chats together.
pub const MAX_QUEUED: usize = 1_000;
/// Most chats with an execution under way.
pub const MAX_CHATS: usize = 10_000;

type Reply<T> = oneshot::Sender<Result<T, EngineError>>;

/// A call to the task.
pub(super) enum Request {
    MessageIn { message: Message, reply: Reply<Incoming> },
    Finished { chat_id: Arc<str>, reply: Reply<Option<Message>> },
    Waiting { reply: Reply<Vec<Arc<str>>> },
}

/// The chats that have something under way or waiting.
pub(super) struct Chats {
    bus: Bus,
    sessions: Arc<Sessions>,
    by_id: BTreeMap<Arc<str>, Chat>,
    running: usize,
    queued: usize,
}

#[derive(Default)]
struct Chat {
    runs: bool,
    queue: VecDeque<Queued>,
}

/// The session of a chat, made where there is none.
pub(super) fn session_of(sessions: &Sessions, chat_id: &str, user_id: &str) -> Arc<Session> {
    if let Some(found) = sessions.by_chat(chat_id) {
        return found;
    }
    // A session of this id may have moved on to another chat, and stays there.
    let taken = sessions.get(chat_id).is_some();
    let id = if taken { Uuid::now_v7().to_string() } else { chat_id.to_owned() };
    sessions.bind_chat(&id, chat_id, Some(user_id))
}

impl Chats {
    /// Reads the queues.
    pub(super) fn open(bus: &Bus, sessions: Arc<Sessions>) -> Result<Self, JournalError> {
        let mut chats = Self { bus: bus.clone(), sessions, by_id: BTreeMap::new(), running: 0, queued: 0 };
        for queued in bus.journal().queued_messages()? {
            chats.queued += 1;
            chats.by_id.entry(Arc::clone(&queued.chat_id)).or_default().queue.push_back(queued);
        }
        Ok(chats)
    }

    /// Answers calls until every engine is gone.
    pub(super) async fn run(mut self, mut mailbox: mpsc::Receiver<Request>) {
        while let Some(request) = mailbox.recv().await {
            match request {
                Request::MessageIn { message, reply } => {
                    let chat_id: Arc<str> = message.chat_id.as_str().into();
                    if let Err(Ok(Incoming::Run(message))) = reply.send(self.message_in(message).await) {
                        self.untaken(&chat_id, message).await;
                    }
                }
                Request::Finished { chat_id, reply } => {
                    if let Err(Ok(Some(message))) = reply.send(self.finished(&chat_id).await) {
                        self.untaken(&chat_id, message).await;
                    }
                }
                Request::Waiting { reply } => {
                    let idle = self.by_id.iter().filter(|(_, chat)| !chat.runs);
                    // A caller that no longer waits needs no list.
                    let _not_awaited = reply.send(Ok(idle.map(|(id, _)| Arc::clone(id)).collect()));
                }
            }
        }
    }

    async fn message_in(&mut self, message: Message) -> Result<Incoming, EngineError> {
        let chat = self.by_id.get(message.chat_id.as_str());
        let waiting = chat.map_or(0, |chat| chat.queue.len());
        if !chat.is_some_and(|chat| chat.runs) {
            if self.running >= MAX_CHATS {
                return Err(EngineError::Full(self.running, "chats have an execution under way"));
            }
            if waiting == 0 {
                let told = self.told(MESSAGE_IN, &message)?;
                self.commit(None, None, vec![told]).await?;
                self.begin(message.chat_id.as_str());
                return Ok(Incoming::Run(message));
            }
        }
        if waiting >= MAX_QUEUED_PER_CHAT {
            return Err(EngineError::Full(waiting, "messages wait in this chat"));
        }
        if self.queued >= MAX_QUEUED {
            return Err(EngineError::Full(self.queued, "messages wait in all chats"));
        }
        let chat_id: Arc<str> = message.chat_id.as_str().into();
        if self.by_id.get(&chat_id).is_some_and(|chat| chat.runs) {
            self.exchange(&chat_id, Some(&message), false).await?;
            return Ok(Incoming::Queued(waiting));
        }
        // What waited since before a restart goes first.
        let first = self.exchange(&chat_id, Some(&message), true).await?;
        Ok(first.map_or(Incoming::Queued(waiting), Incoming::Run))
    }

    async fn finished(&mut self, chat_id: &Arc<str>) -> Result<Option<Message>, EngineError> {
        self.idle(chat_id);
        self.exchange(chat_id, None, true).await
    }

    /// In one commit: puts a message at the end of a chat's queue, and takes the first one that waits there up.
    async fn exchange(
        &mut self,
        chat_id: &Arc<str>,
        put: Option<&Message>,
        take: bool,
    ) -> Result<Option<Message>, EngineError> {
        let first = self.by_id.get(chat_id).and_then(|chat| chat.queue.front()).filter(|_| take).cloned();
        if put.is_none() && first.is_none() {
            return Ok(None);
        }
        let mut told = Vec::new();
        if let Some(put) = put {
            told.push(self.told(MESSAGE_QUEUED, put)?);
        }
        let put = put.map(queued);
        let taken = first.as_ref().map(|first| Arc::clone(&first.id));
        let first = first.map(|first| Message {
            user_id: first.user_id.to_string(),
            chat_id: chat_id.to_string(),
            text: first.text,
        });
        if let Some(first) = &first {
            told.push(self.told(MESSAGE_IN, first)?);
        }
        self.commit(put.as_ref(), taken, told).await?;
        let chat = self.by_id.entry(Arc::clone(chat_id)).or_default();
        if first.is_some() {
            chat.queue.pop_front();
            self.queued -= 1;
        }
        self.queued += usize::from(put.is_some());
        chat.queue.extend(put);
        if first.is_some() {
            self.begin(chat_id);
        }
        Ok(first)
    }

    /// The caller gave up before it got its message: it waits again, before all others.
    async fn untaken(&mut self, chat_id: &Arc<str>, message: Message) {
        self.idle(chat_id);
        let again = queued(&message);
        if let Err(error) = self.change(Change::PutBack(redacted(&again)), Vec::new()).await {
            tracing::error!(chat = %chat_id, %error, "a message that nobody took is kept until the restart alone");
        }
        self.queued += 1;
        self.by_id.entry(Arc::clone(chat_id)).or_default().queue.push_front(again);
    }

    fn begin(&mut self, chat_id: &str) {
        let chat = self.by_id.entry(chat_id.into()).or_default();
        if !chat.runs {
            chat.runs = true;
            self.running += 1;
        }
    }

    fn idle(&mut self, chat_id: &Arc<str>) {
        let Some(chat) = self.by_id.get_mut(chat_id) else { return };
        if chat.runs {
            chat.runs = false;
            self.running -= 1;
        }
        if chat.queue.is_empty() {
            self.by_id.remove(chat_id);
        }
    }

    fn told(&self, event_type: &str, message: &Message) -> Result<Draft, EmitError> {
        let session = session_of(&self.sessions, &message.chat_id, &message.user_id);
        Ok(typed_draft(event_type, message, ENGINE)?.in_session(Arc::clone(&session.id)))
    }

    async fn commit(&self, put: Option<&Queued>, taken: Option<Arc<str>>, told: Vec<Draft>) -> Result<(), EmitError> {
        self.change(Change::Queue { put: put.map(redacted), taken }, told).await
    }

    async fn change(&self, change: Change, told: Vec<Draft>) -> Result<(), EmitError> {
        match self.bus.commit(change, told).await? {
            Ok(_receipts) => Ok(()),
            Err(_gone) => Err(JournalError::Write("the queued message is gone from the journal".to_owned()).into()),
        }
    }
}

fn redacted(queued: &Queued) -> Queued {
    Queued { text: redact(&queued.text).into_owned(), ..queued.clone() }
}

fn queued(message: &Message) -> Queued {
    Queued {
        id: Uuid::now_v7().to_string().into(),
        chat_id: message.chat_id.as_str().into(),
        user_id: message.user_id.as_str().into(),
        text: message.text.clone(),
    }
}
