//! Events as text, made once for each format and shared by all who are sent them. Must not know who that is.

use crate::control::dashboard;
use crate::ws::told as control_plane;
use axum::extract::ws::Utf8Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tollgate_core::event::Event;
use tollgate_core::json::{notice_to_cloud_event, notice_to_json, to_cloud_event, to_json};
use tollgate_core::time::Timestamp;
use uuid::Uuid;

/// Bytes of text that are kept for those who are sent the same a moment later: the oldest go. One more is always kept.
const MAX_SHARED_BYTES: usize = 8 * 1024 * 1024;

/// How an event is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// The envelope of protocol v1.
    #[default]
    Envelope,
    /// CloudEvents 1.0, structured JSON.
    CloudEvent,
    /// `{type, data}`, for a frontend.
    Frontend,
    /// A dashboard's.
    Dashboard,
    /// The control plane's.
    ControlPlane,
}

impl Format {
    /// What the stream itself says, in this format.
    pub(crate) fn notice(self, event_type: &str, at: Timestamp, payload: &str) -> String {
        match self {
            Self::Envelope => notice_to_json(event_type, at, payload),
            Self::CloudEvent => notice_to_cloud_event(event_type, at, payload),
            Self::Frontend => frontend(event_type, payload),
            // Its name is said beside it.
            Self::Dashboard | Self::ControlPlane => payload.to_owned(),
        }
    }

    fn write(self, event: &Event) -> String {
        match self {
            Self::Envelope => to_json(event),
            Self::CloudEvent => to_cloud_event(event),
            Self::Frontend => frontend(event.event_type.as_str(), &event.payload),
            Self::Dashboard => dashboard::write(event),
            Self::ControlPlane => control_plane::write(event),
        }
    }
}

/// Types and payloads are JSON already: a type has no character that needs escaping.
fn frontend(event_type: &str, payload: &str) -> String {
    format!(r#"{{"type":"{event_type}","data":{payload}}}"#)
}

/// The texts that are shared, of each format.
#[derive(Debug, Default)]
pub(crate) struct Frames([Mutex<Shared>; 5]);

#[derive(Debug, Default)]
struct Shared {
    /// By seq: the lowest goes first, so that whoever replays what is old drives out nothing that is live.
    texts: BTreeMap<u64, Kept>,
    bytes: usize,
    #[cfg(test)]
    made: u64,
}

/// A text, and what it was made of: an event that was redacted since, or is of another journal, is not it.
#[derive(Debug)]
struct Kept {
    id: Uuid,
    payload: Arc<str>,
    text: Utf8Bytes,
}

impl Kept {
    fn is_of(&self, event: &Event) -> bool {
        self.id == event.id && (Arc::ptr_eq(&self.payload, &event.payload) || self.payload == event.payload)
    }
}

impl Frames {
    /// The event's text; made under the lock, so that it is made once.
    pub(crate) fn text(&self, event: &Event, format: Format) -> Utf8Bytes {
        let [envelopes, cloud_events, frontend, dashboard, control_plane] = &self.0;
        let shared = match format {
            Format::Envelope => envelopes,
            Format::CloudEvent => cloud_events,
            Format::Frontend => frontend,
            Format::Dashboard => dashboard,
            Format::ControlPlane => control_plane,
        };
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = shared.texts.get(&event.seq).filter(|kept| kept.is_of(event)) {
            return kept.text.clone();
        }
        let text = Utf8Bytes::from(format.write(event));
        shared.keep(event, text.clone());
        text
    }

    /// Forgets everything, once nobody follows any more.
    pub(crate) fn clear(&self) {
        for shared in &self.0 {
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            shared.texts.clear();
            shared.bytes = 0;
        }
    }
}

impl Shared {
    fn keep(&mut self, event: &Event, text: Utf8Bytes) {
        #[cfg(test)]
        {
            self.made += 1;
        }
        self.bytes += text.len();
        let kept = Kept { id: event.id, payload: Arc::clone(&event.payload), text };
        if let Some(replaced) = self.texts.insert(event.seq, kept) {
            self.bytes -= replaced.text.len();
        }
        while self.bytes > MAX_SHARED_BYTES && self.texts.len() > 1 {
            let Some((_, gone)) = self.texts.pop_first() else { return };
            self.bytes -= gone.text.len();
        }
    }
}

#[cfg(test)]
impl Frames {
    /// How many texts of envelopes were made.
    pub(crate) fn made(&self) -> u64 {
        let [envelopes, ..] = &self.0;
        envelopes.lock().unwrap_or_else(PoisonError::into_inner).made
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::*;
    use serde_json::{Value, json};
    use tollgate_core::events::EventType;

    fn event(seq: u64, bytes: usize) -> Event {
        let id = format!("0199c0de-0000-7000-8000-{seq:012x}").parse().unwrap();
        Event {
            seq,
            id,
            event_type: EventType::parse("a.b").unwrap(),
            ts: Timestamp(0),
            source: "core".into(),
            entity: None,
            session: None,
            root: id,
            depth: 0,
            payload: json!({"x": "y".repeat(bytes)}).to_string().into(),
        }
    }

    #[test]
    fn each_text_is_made_once_for_each_format() {
        let frames = Frames::default();
        for _ in 0..3 {
            for seq in 1..=4 {
                frames.text(&event(seq, 1), Format::Envelope);
                frames.text(&event(seq, 1), Format::Frontend);
            }
        }
        assert_eq!(frames.made(), 4);
        let read = |format| serde_json::from_str::<Value>(&frames.text(&event(1, 1), format)).unwrap();
        assert_eq!(read(Format::Envelope)["seq"], 1);
        assert_eq!(read(Format::CloudEvent)["specversion"], "1.0");
        assert_eq!(read(Format::Frontend), json!({"type": "a.b", "data": {"x": "y"}}));
    }

    #[test]
    fn what_was_redacted_since_is_not_sent_again() {
        let frames = Frames::default();
        let text = |payload: &str| {
            frames.text(&Event { payload: payload.into(), ..event(1, 1) }, Format::Envelope).to_string()
        };
        assert!(text(r#"{"x":"secret"}"#).contains("secret") && text(r#"{"x":"secret"}"#).contains("secret"));
        assert_eq!(frames.made(), 1);
        let redacted = text("{}");
        assert!(!redacted.contains("secret"));
        assert_eq!((frames.made(), frames.0[0].lock().unwrap().bytes), (2, redacted.len()));
    }

    #[test]
    fn what_is_shared_is_bounded_and_the_oldest_go() {
        let frames = Frames::default();
        let each = 256 * 1024;
        let held = u64::try_from(MAX_SHARED_BYTES / each).unwrap();
        for seq in 1..=2 * held {
            frames.text(&event(seq, each), Format::Envelope);
        }
        assert_eq!(frames.made(), 2 * held);
        frames.text(&event(2 * held, each), Format::Envelope);
        assert_eq!(frames.made(), 2 * held, "the newest is there");
        frames.text(&event(1, each), Format::Envelope);
        assert_eq!(frames.made(), 2 * held + 1, "the oldest went");
        assert!(frames.0[0].lock().unwrap().bytes <= MAX_SHARED_BYTES);
        frames.clear();
        assert_eq!(frames.0[0].lock().unwrap().texts.len(), 0);
    }
}
