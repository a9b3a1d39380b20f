//! Event → CloudEvents 1.0, structured JSON. The way in is `foreign`'s. Must not know who reads it.

use super::envelope::{ENVELOPE_BYTES, splice, string};
use super::foreign::CLOUD_VERSION;
use crate::event::Event;
use crate::time::Timestamp;
use std::fmt::Write as _;
use uuid::Uuid;

/// `event` as one line of JSON; what CloudEvents has no word for are extension attributes of our names.
#[must_use]
pub fn to_cloud_event(event: &Event) -> String {
    let mut out = String::with_capacity(ENVELOPE_BYTES + event.payload.len());
    write_cloud_event(event, &mut out);
    out
}

/// Appends `event` to `out`, without a line end.
pub fn write_cloud_event(event: &Event, out: &mut String) {
    head(out, event.id, event.event_type.as_str(), &event.source, event.ts);
    if let Some(entity) = &event.entity {
        out.push_str(r#","subject":"#);
        string(out, &format!("{}/{}", entity.kind, entity.id));
    }
    if let Some(session) = &event.session {
        out.push_str(r#","session":"#);
        string(out, session);
    }
    // Writing to a String cannot fail.
    let _ = write!(out, r#","seq":{},"root":"{}","depth":{},"data":"#, event.seq, event.root, event.depth);
    splice(out, &event.payload);
    out.push('}');
}

/// What a stream itself says, as [`super::notice_to_json`].
#[must_use]
pub fn notice_to_cloud_event(event_type: &str, at: Timestamp, payload: &str) -> String {
    let mut out = String::with_capacity(ENVELOPE_BYTES);
    head(&mut out, Uuid::now_v7(), event_type, "core", at);
    out.push_str(r#","data":"#);
    splice(&mut out, payload);
    out.push('}');
    out
}

fn head(out: &mut String, id: Uuid, event_type: &str, source: &str, at: Timestamp) {
    let _ = write!(out, r#"{{"specversion":"{CLOUD_VERSION}","id":"{id}","type":"{event_type}","source":"#);
    string(out, source);
    let _ = write!(out, r#","time":"{at}","datacontenttype":"application/json""#);
}
