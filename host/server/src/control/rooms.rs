//! Rooms: how they are called, who may join them, and which of them an event is for. Knows no socket.

use crate::reach::Reach;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use tollgate_core::event::{Draft, Event, MAX_NAME_BYTES};
use tollgate_core::events::payload::{
    AGENT_DISCONNECT, AGENT_SPAWN, ALERT_RAISED, INTERACTION_REQUESTED, INTERACTION_RESOLVED, SESSION_STARTED,
    WORK_STREAM_EVENT,
};
use tollgate_core::session::Sessions;

/// Most rooms that one client is in: more than anyone looks at, and each event is held against all.
pub(crate) const MAX_ROOMS: usize = 256;

/// What a room is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Village,
    Repo,
    Agent,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Village, Self::Repo, Self::Agent];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Village => "village",
            Self::Repo => "repo",
            Self::Agent => "agent",
        }
    }

    /// What a client's word for joining or leaving is about.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One room.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Room {
    pub(crate) kind: Kind,
    pub(crate) id: Arc<str>,
}

/// As clients know it.
impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.id)
    }
}

impl Room {
    /// A room of this kind; its id as a client gave it: a text, or an object with `villageId`, `repoId` or `agentId`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(kind: Kind, given: Option<&Value>) -> Result<Self, String> {
        let field = format!("{}Id", kind.as_str());
        let id = match given {
            Some(Value::Object(fields)) => fields.get(&field).and_then(Value::as_str),
            Some(Value::String(id)) => Some(id.as_str()),
            _ => None,
        };
        Self::named(kind, id.ok_or_else(|| format!("`{field}`: must be a text"))?)
    }

    /// A room by its whole name, such as `village:v1`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let room = text.split_once(':').and_then(|(kind, id)| Some((Kind::of_word(kind)?, id)));
        let (kind, id) = room.ok_or("a room is village:ID, repo:ID or agent:ID")?;
        Self::named(kind, id)
    }

    fn named(kind: Kind, id: &str) -> Result<Self, String> {
        if id.is_empty() || id.len() > MAX_NAME_BYTES || id.contains(char::is_control) || id == "*" {
            return Err(format!("`{}Id`: 1 to {MAX_NAME_BYTES} bytes without control characters", kind.as_str()));
        }
        Ok(Self { kind, id: id.into() })
    }
}

/// Those that one client is in.
#[derive(Debug, Default)]
pub(crate) struct Rooms(BTreeSet<Room>);

/// Why a room is not joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is not the client's to join.
    Forbidden,
    /// The client is in as many as it may be.
    Full,
}

impl Rooms {
    /// Adds one that the caller's reach covers; one that it is in already stays.
    ///
    /// # Errors
    /// Why it is not joined.
    pub(crate) fn join(&mut self, room: Room, reach: &Reach) -> Result<(), Refusal> {
        if !reach.room(room.kind.as_str(), &room.id) {
            return Err(Refusal::Forbidden);
        }
        if self.0.len() >= MAX_ROOMS && !self.0.contains(&room) {
            return Err(Refusal::Full);
        }
        self.0.insert(room);
        Ok(())
    }

    pub(crate) fn leave(&mut self, room: &Room) {
        self.0.remove(room);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether something for these rooms is for this client; in however many of them it is, it is told once.
    pub(crate) fn meet(&self, rooms: &[Room]) -> bool {
        rooms.iter().any(|room| self.0.contains(room))
    }
}

/// The village and the repository that the start of a session names; none where it names neither, or is no start.
///
/// # Errors
/// When what it names is no room.
pub(crate) fn rooms_of_start(draft: &Draft) -> Result<Option<Vec<Room>>, String> {
    if draft.event_type.as_str() != SESSION_STARTED {
        return Ok(None);
    }
    let Ok(payload) = serde_json::from_str::<Value>(&draft.payload) else { return Ok(None) };
    let mut rooms = Vec::new();
    for kind in [Kind::Village, Kind::Repo] {
        let id = payload.get(format!("{}Id", kind.as_str()));
        if let Some(id) = id.filter(|id| !id.is_null()) {
            rooms.push(Room::read(kind, Some(id))?);
        }
    }
    Ok(Some(rooms).filter(|rooms| !rooms.is_empty()))
}

/// Every room that a draft names itself, whether it is told there or says where its session is shown: what a caller
/// that may not join all of them must not name.
pub(crate) fn rooms_named(draft: &Draft) -> Vec<Room> {
    let told = TOLD.iter().any(|(told, _)| *told == draft.event_type.as_str());
    if !told && draft.event_type.as_str() != SESSION_STARTED {
        return Vec::new();
    }
    let about: About<'_> = serde_json::from_str(&draft.payload).unwrap_or_default();
    let rooms = [(Kind::Agent, about.agent_id), (Kind::Village, about.village_id), (Kind::Repo, about.repo_id)];
    rooms.into_iter().filter_map(|(kind, id)| Room::named(kind, &id?).ok()).collect()
}

/// The types that rooms are told of, and what clients know each by.
pub(crate) const TOLD: [(&str, &str); 6] = [
    (WORK_STREAM_EVENT, "work_stream_event"),
    (AGENT_SPAWN, "agent_spawn"),
    (AGENT_DISCONNECT, "agent_disconnect"),
    (ALERT_RAISED, "alert_raised"),
    (INTERACTION_REQUESTED, "interaction_requested"),
    (INTERACTION_RESOLVED, "interaction_resolved"),
];

/// Where an event goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// What clients know it by.
    pub(crate) name: &'static str,
    /// Whether it is a question to people, or its end.
    pub(crate) asks: bool,
    pub(crate) rooms: Vec<Room>,
}

/// What a payload says of whom it is about.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct About<'a> {
    #[serde(borrow)]
    agent_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    session_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    village_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    repo_id: Option<Cow<'a, str>>,
}

impl Address {
    /// Where an event goes: to its agent, and to the village and the repository that it names or that its session is
    /// of. None where no room is told of its type. An alert is for the village and the repository alone;
    /// a question names no agent, so that its session stands for it, as where a runner names none.
    pub(crate) fn of(event: &Event, sessions: &Sessions) -> Option<Self> {
        let (event_type, name) = TOLD.into_iter().find(|(told, _)| *told == event.event_type.as_str())?;
        // A payload that names them otherwise than by text names nobody.
        let about: About<'_> = serde_json::from_str(&event.payload).unwrap_or_default();
        let asks = matches!(event_type, INTERACTION_REQUESTED | INTERACTION_RESOLVED);
        let session = event.session.as_deref().or(about.session_id.as_deref());
        let asking = session.filter(|_| asks).map(|session| Cow::Owned(session.to_owned()));
        let session = session.and_then(|session| sessions.get(session));
        let of_session = |id: fn(&tollgate_core::session::Session) -> Option<&Arc<str>>| {
            session.as_deref().and_then(id).map(|id| Cow::Borrowed(&**id))
        };
        let agent = about.agent_id.filter(|_| event_type != ALERT_RAISED).or(asking);
        let village = about.village_id.or_else(|| of_session(|session| session.village.as_ref()));
        let repo = about.repo_id.or_else(|| of_session(|session| session.repo.as_ref()));
        let rooms = [(Kind::Agent, agent), (Kind::Village, village), (Kind::Repo, repo)];
        // What no client can join is no room.
        let rooms = rooms.into_iter().filter_map(|(kind, id)| Room::named(kind, &id?).ok()).collect();
        Some(Self { name, asks, rooms })
    }
}
