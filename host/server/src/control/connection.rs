//! One client of Socket.IO: its rooms, what it asks for, and what it is told, until it leaves or is let go.

use super::PING_TIMEOUT;
use super::dashboard::{self, Asked, HOOKS, is_hook};
use super::held::Held;
use super::joins::{JOINS, Joins, WITHIN};
use super::pace::Pace;
use super::questions;
use super::rooms::{MAX_ROOMS, Refusal, Rooms, TOLD};
use super::said::{Code, Outgoing, Request, Text, Trouble};
use super::wire::{Inbox, Put, Said, put};
use crate::caller::Caller;
use crate::feed::{Came, Feed, KEEP_ALIVE, Kind};
use crate::frames::Format;
use crate::query::{Since, Wanted, cursor_text};
use crate::serve::until_true;
use crate::stall::STALL_TIMEOUT;
use crate::state::State;
use crate::tenure::{End, Place, Tenure};
use serde_json::{Value, json};
use socketioxide::TransportType;
use socketioxide::socket::Socket;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tollgate_core::bus::Delivery;
use tollgate_core::event::Event;
use tollgate_core::events::{EventType, PatternSet};

/// How long a client that is let go keeps its place among the live until it has heard why, and how often that is tried.
const GOODBYE: Duration = Duration::from_millis(500);
const GOODBYE_TRY: Duration = Duration::from_millis(20);
/// How long it is tried in all: by then the library has let it go by itself, since a buffer that is full when a ping is due
/// ends the connection, and so does a ping that is not answered.
const LAST_GOODBYE: Duration = KEEP_ALIVE.saturating_add(PING_TIMEOUT).saturating_mul(2);
/// How long one wait for events is; there is nothing to do in between.
const LOOK: Duration = Duration::from_secs(3_600);

/// What a client came with.
#[derive(Debug)]
pub(super) struct Wishes {
    pub(super) rooms: Rooms,
    /// Whether it is told of hooks.
    pub(super) hooks: bool,
    /// Where what it is told begins; none: with its first room.
    pub(super) since: Option<Since>,
    /// Up to where it looks back first; none: it does not.
    pub(super) history: Option<u64>,
}

/// Who was let in, and with what.
pub(super) struct Guest {
    pub(super) state: State,
    pub(super) caller: Caller,
    pub(super) inbox: Inbox,
    pub(super) heard: mpsc::Receiver<Said>,
    pub(super) wishes: Wishes,
    pub(super) tenure: Tenure,
    /// Given back with the connection.
    pub(super) place: Place,
    pub(super) held: Held,
}

pub(super) struct Connection {
    state: State,
    caller: Caller,
    socket: Arc<Socket>,
    inbox: Inbox,
    heard: mpsc::Receiver<Said>,
    wishes: Wishes,
    tenure: Tenure,
    /// None while there is nothing that it is to be told of.
    feed: Option<Feed>,
    joins: Joins,
    pace: Pace,
    /// What it is told next; nothing else is done while there is some.
    waiting: VecDeque<Outgoing>,
    place: Place,
    held: Held,
}

/// What has to come about before more is told.
enum Later {
    /// This time.
    At(Instant),
    /// Room for so many bytes.
    Room(u64),
}

/// Why a connection ends.
enum Gone {
    /// It left, or does not take what it is told.
    Left,
    /// It is let go, and told so.
    Told(Trouble),
}

impl Connection {
    pub(super) fn new(guest: Guest, socket: Arc<Socket>) -> Self {
        let Guest { state, caller, inbox, heard, wishes, tenure, place, held } = guest;
        Self {
            state,
            caller,
            socket,
            inbox,
            heard,
            wishes,
            tenure,
            feed: None,
            joins: Joins::default(),
            pace: Pace::new(),
            waiting: VecDeque::new(),
            place,
            held,
        }
    }

    /// Serves it to its end; `left` is true once it has gone by itself.
    pub(super) async fn serve(mut self, mut left: watch::Receiver<bool>) {
        let mut tenure = self.tenure.clone();
        let gone = tokio::select! {
            end = tenure.over() => end.into(),
            () = until_true(&mut left) => Gone::Left,
            gone = self.turns() => gone,
        };
        let word = match gone {
            Gone::Told(trouble) => Some(Outgoing::notice("ws_error", &trouble.value())),
            Gone::Left => None,
        };
        let (socket, place) = self.into_goodbye();
        let goodbye = say_goodbye(&socket, word);
        tokio::pin!(goodbye);
        tokio::select! {
            ended = tokio::time::timeout(GOODBYE, goodbye.as_mut()) => if ended.is_ok() { return },
            () = until_true(&mut left) => return,
        }
        // Its buffer is full still. It is told and let go as soon as there is room, and keeps nobody out until then.
        drop(place);
        tokio::select! {
            _ = tokio::time::timeout(LAST_GOODBYE, goodbye) => {}
            () = until_true(&mut left) => {}
        }
    }

    /// What saying goodbye takes; all else that it has goes.
    fn into_goodbye(self) -> (Arc<Socket>, Place) {
        (self.socket, self.place)
    }

    async fn turns(&mut self) -> Gone {
        if let Err(gone) = self.greet().await {
            return gone;
        }
        loop {
            if let Err(gone) = self.turn().await {
                return gone;
            }
        }
    }

    /// What a dashboard is told first.
    async fn greet(&mut self) -> Result<(), Gone> {
        if !self.wishes.hooks {
            return Ok(());
        }
        let id = self.socket.id.to_string();
        self.waiting.push_back(Outgoing::notice("welcome", &dashboard::welcome(&self.state, &id)));
        self.waiting.push_back(Outgoing::notice("status", &dashboard::status(&self.state)));
        // Whoever resumes is told what it missed by the events themselves.
        if let Some(upto) = self.wishes.history {
            let newest = Asked::newest().map_err(|reason| Gone::Told(Trouble::new(Code::Internal, reason)))?;
            self.look_back(newest, Some(upto)).await.map_err(Gone::Told)?;
        }
        Ok(())
    }

    /// One thing: to send what waits, else to hear the client, else to hear what happened.
    async fn turn(&mut self) -> Result<(), Gone> {
        match self.flush()? {
            None => {}
            Some(Later::At(at)) => {
                tokio::time::sleep_until(at).await;
                return Ok(());
            }
            // Who takes nothing for so long is gone.
            Some(Later::Room(bytes)) if !self.held.room_for(bytes, || self.polls(), STALL_TIMEOUT).await => {
                return Err(Gone::Left);
            }
            Some(Later::Room(_)) => return Ok(()),
        }
        self.pace.idle();
        if self.feed.is_none() {
            self.follow().await.map_err(Gone::Told)?;
        }
        let feed = self.feed.as_mut();
        let came = async {
            match feed {
                Some(feed) => feed.came(Instant::now() + LOOK).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            heard = self.heard.recv() => match heard {
                Some(said) => self.hear(said).await,
                None => Err(Gone::Left),
            },
            came = came => match came {
                Some(Came::Over(end)) => Err(end.into()),
                Some(Came::Reset { oldest, newest }) => {
                    let reset = json!({"oldest": oldest, "newest": newest});
                    self.waiting.push_back(Outgoing::notice("journal_reset", &reset));
                    Ok(())
                }
                Some(Came::Deliveries(deliveries)) => {
                    for delivery in &deliveries {
                        self.deliver(delivery);
                    }
                    Ok(())
                }
                None => Ok(()),
            },
        }
    }

    fn polls(&self) -> bool {
        self.socket.transport_type() == TransportType::Polling
    }

    /// Sends what waits as far as the client takes it; when to go on, where some still waits.
    fn flush(&mut self) -> Result<Option<Later>, Gone> {
        while let Some(next) = self.waiting.front() {
            if let Err(at) = self.pace.may() {
                return Ok(Some(Later::At(at)));
            }
            let bytes = next.bytes();
            if !self.held.has_room_for(bytes, self.polls()) {
                return Ok(Some(Later::Room(bytes)));
            }
            match put(&self.socket, next) {
                Put::Taken => {
                    self.held.given(bytes);
                    self.pace.told();
                    self.waiting.pop_front();
                }
                Put::Full if self.pace.stuck_since().elapsed() >= STALL_TIMEOUT => return Err(Gone::Left),
                Put::Full => return Ok(Some(Later::At(self.pace.full()))),
                Put::Gone => return Err(Gone::Left),
            }
        }
        Ok(None)
    }

    /// Follows what it is to be told of now; where that is nothing, nobody follows anything for it.
    async fn follow(&mut self) -> Result<(), Trouble> {
        let patterns = self.patterns();
        match &mut self.feed {
            _ if patterns.is_empty() => self.feed = None,
            Some(feed) => feed.set_patterns(patterns),
            None => {
                let since = self.wishes.since.take();
                let wanted = Wanted { patterns: Some(patterns), since, ..Wanted::default() };
                let feed = Feed::begin(&self.state, self.caller.clone(), wanted, Kind::SocketIo).await;
                self.feed = Some(feed?);
            }
        }
        Ok(())
    }

    /// What it is to be told of now.
    fn patterns(&self) -> PatternSet {
        let rooms = (!self.wishes.rooms.is_empty()).then_some(TOLD).into_iter().flatten().map(|(told, _)| told);
        let hooks = self.wishes.hooks.then_some(HOOKS);
        // They are written here, and well.
        PatternSet::parse(rooms.chain(hooks)).unwrap_or_default()
    }

    fn deliver(&mut self, delivery: &Delivery) {
        let event = match delivery {
            Delivery::Event(event) => event,
            Delivery::Gap { from, to, count } => {
                let gap = json!({"from": from, "to": to, "count": count});
                self.waiting.push_back(Outgoing::notice("stream_gap", &gap));
                return;
            }
        };
        let Some(feed) = &self.feed else { return };
        let told = if is_hook(&event.event_type) {
            let text = (self.wishes.hooks && feed.takes(event))
                .then(|| Text::Frame(self.state.frames.text(event, Format::Dashboard)));
            text.map(|text| ("claude_event", text))
        } else {
            self.for_rooms(event).map(|name| (name, Text::Payload(Arc::clone(&event.payload))))
        };
        match told {
            Some((name, text)) => {
                let cursor = Some(cursor_text(feed.epoch(), event.seq));
                self.waiting.push_back(Outgoing::Event { name, text, cursor });
            }
            None => feed.leave_out(),
        }
    }

    /// What it knows an event by that is for one of its rooms, where it may read its type.
    fn for_rooms(&self, event: &Event) -> Option<&'static str> {
        let address = self.state.control.addresses.of(event, &self.state.sessions)?;
        // What people are asked is told to those whose sessions it is of, in whichever room.
        let own = !address.asks || self.caller.reach.session(event.session.as_deref());
        let met = own && self.wishes.rooms.meet(&address.rooms) && self.may_read(&event.event_type);
        met.then_some(address.name)
    }

    fn may_read(&self, event_type: &EventType) -> bool {
        self.caller.scopes.read.as_ref().is_some_and(|readable| readable.matches(event_type))
    }

    async fn hear(&mut self, Said { text, number }: Said) -> Result<(), Gone> {
        let answer = self.answer(text).await;
        if let Err(trouble) = &answer {
            self.waiting.push_back(Outgoing::notice("ws_error", &trouble.value()));
        }
        if let Some(number) = number {
            let value = answer.unwrap_or_else(|trouble| trouble.value());
            self.waiting.push_back(Outgoing::Answer { number, text: value.to_string() });
        }
        if self.inbox.lost() {
            let trouble = Trouble::new(Code::RateLimit, "more was said at once than is heard; wait for the answers");
            self.waiting.push_back(Outgoing::notice("ws_error", &trouble.value()));
        }
        Ok(())
    }

    async fn answer(&mut self, text: Result<String, Trouble>) -> Result<Value, Trouble> {
        self.caller.take()?;
        let request = text.and_then(|text| Request::read(&text))?;
        if !self.joins.take() {
            let message = format!("at most {JOINS} of these in {} s; wait and ask again", WITHIN.as_secs());
            return Err(Trouble::new(Code::RateLimit, message));
        }
        match request {
            Request::Join(room) => {
                let (name, before) = (room.to_string(), self.wishes.rooms.is_empty());
                join(&mut self.wishes.rooms, room, &self.caller)?;
                // Before it is answered: from then on nothing is missed.
                if before {
                    self.follow().await?;
                }
                Ok(json!({"ok": true, "room": name}))
            }
            Request::Leave(room) => {
                self.wishes.rooms.leave(&room);
                if self.wishes.rooms.is_empty() {
                    self.follow().await?;
                }
                Ok(json!({"ok": true, "room": room.to_string()}))
            }
            Request::History(asked) => self.look_back(asked, None).await,
            Request::Questions => questions::waiting(&self.state, &self.caller).await,
            Request::Resolve(answering) => questions::resolve(&self.state, &self.caller, answering).await,
            Request::Status => {
                let status = dashboard::status(&self.state);
                self.waiting.push_back(Outgoing::notice("status", &status));
                Ok(json!({"ok": true}))
            }
        }
    }

    async fn look_back(&mut self, asked: Asked, upto: Option<u64>) -> Result<Value, Trouble> {
        let history = dashboard::history(&self.state, &self.caller, asked, upto).await?;
        self.waiting.push_back(Outgoing::Event { name: "history", text: Text::Own(history), cursor: None });
        Ok(json!({"ok": true}))
    }
}

/// Tells a client why it is let go, where there is a word for it, and lets it go; where its buffer is full, once it is not.
async fn say_goodbye(socket: &Arc<Socket>, mut word: Option<Outgoing>) {
    // Who has left may be back over the same connection: what is said to one is heard by the other.
    while socket.connected() {
        if word.as_ref().is_some_and(|word| put(socket, word) != Put::Full) {
            word = None;
        }
        if word.is_none() && Arc::clone(socket).disconnect().is_ok() {
            return;
        }
        tokio::time::sleep(GOODBYE_TRY).await;
    }
}

/// Has a client join a room that is its to join.
pub(super) fn join(rooms: &mut Rooms, room: super::rooms::Room, caller: &Caller) -> Result<(), Trouble> {
    let name = room.to_string();
    rooms.join(room, &caller.reach).map_err(|refusal| match refusal {
        Refusal::Forbidden => {
            Trouble::new(Code::Forbidden, format!("{name}: this token does not name the room (`rooms`)"))
        }
        Refusal::Full => Trouble::new(Code::RateLimit, format!("{name}: at most {MAX_ROOMS} rooms; leave one first")),
    })
}

impl From<End> for Gone {
    fn from(end: End) -> Self {
        match end {
            // The host closes all of them together.
            End::Closing => Self::Left,
            End::Revoked | End::Expired => Self::Told(Trouble::new(Code::Unauth, end.reason())),
        }
    }
}
