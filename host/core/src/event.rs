//! One fact and the draft of one: the types that every part of the host passes around.
//!
//! They carry no wire format: JSON lives in `json`, rows in `journal::rows`, WIT in the runtime.

use crate::time::Timestamp;
use std::sync::Arc;
use tollgate_events::EventType;
use uuid::Uuid;

/// The largest payload, in bytes of JSON text.
pub const MAX_PAYLOAD_BYTES: usize = 256 * 1024;
/// An event whose chain of causes is longer than this is refused.
pub const MAX_DEPTH: u8 = 8;
/// How many events one outside event may set off, itself included.
pub const MAX_EVENTS_PER_ROOT: u32 = 1_000;
/// The longest id or kind of an entity, session id or source, in bytes.
pub const MAX_NAME_BYTES: usize = 256;

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// Such as `task`, `session`, `plugin`.
    pub kind: Arc<str>,
    /// The thing's own id.
    pub id: Arc<str>,
}

/// One journalled fact. Built once and shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Position in the journal, gap-free, from 1.
    pub seq: u64,
    /// UUID v7 from the host, v8 for a plugin's emits, or the emitter's own.
    pub id: Uuid,
    /// `domain.action`.
    pub event_type: EventType,
    /// The emitter's time where it gave one, else the host's.
    pub ts: Timestamp,
    /// `core`, `webui`, `plugin:<name>`, `hook:<agent>`, `runner`.
    pub source: Arc<str>,
    /// What it is about.
    pub entity: Option<Entity>,
    /// The session that it belongs to.
    pub session: Option<Arc<str>>,
    /// Id of the outside event that set it off; its own id where it came from outside.
    pub root: Uuid,
    /// 0 from outside, one more than its cause when a plugin emitted it.
    pub depth: u8,
    /// A JSON object, as text, already redacted.
    pub payload: Arc<str>,
}

/// What made an emitter emit: the chain that [`MAX_DEPTH`] and [`MAX_EVENTS_PER_ROOT`] bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// Root of the event being handled.
    pub root: Uuid,
    /// Depth of the event being handled.
    pub depth: u8,
}

/// A fact that someone asks the bus to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// `domain.action`.
    pub event_type: EventType,
    /// JSON text of an object, at most [`MAX_PAYLOAD_BYTES`].
    pub payload: Arc<str>,
    /// Who says so.
    pub source: Arc<str>,
    /// What it is about.
    pub entity: Option<Entity>,
    /// The session that it belongs to.
    pub session: Option<Arc<str>>,
    /// The emitter's own id; the same id twice is one event.
    pub id: Option<Uuid>,
    /// The emitter's own time.
    pub ts: Option<Timestamp>,
    /// The handled event that set it off; none from outside.
    pub cause: Option<Cause>,
}

impl Draft {
    /// A draft from outside with nothing optional.
    #[must_use]
    pub fn new(event_type: EventType, source: impl Into<Arc<str>>, payload: impl Into<Arc<str>>) -> Self {
        Self {
            event_type,
            payload: payload.into(),
            source: source.into(),
            entity: None,
            session: None,
            id: None,
            ts: None,
            cause: None,
        }
    }

    /// The same draft, belonging to `session`.
    #[must_use]
    pub fn in_session(mut self, session: impl Into<Arc<str>>) -> Self {
        self.session = Some(session.into());
        self
    }
}
