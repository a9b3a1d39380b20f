//! Event → envelope JSON, the frozen five fields first. Must not know who reads it.

use crate::event::{Entity, Event};
use crate::time::Timestamp;
use std::fmt::Write as _;

/// Bytes of an envelope beyond its payload, roughly: one allocation serves most events.
pub(super) const ENVELOPE_BYTES: usize = 384;

/// The envelope of `event` as one line of JSON.
#[must_use]
pub fn to_json(event: &Event) -> String {
    let mut out = String::with_capacity(ENVELOPE_BYTES + event.payload.len());
    write_json(event, &mut out);
    out
}

/// Appends the envelope of `event` to `out`, without a line end.
pub fn write_json(event: &Event, out: &mut String) {
    frozen(out, event.event_type.as_str(), event.ts, &event.source, event.entity.as_ref(), &event.payload);
    // Writing to a String cannot fail.
    let _ = write!(out, r#","id":"{}","seq":{},"session":"#, event.id, event.seq);
    match &event.session {
        Some(session) => string(out, session),
        None => out.push_str("null"),
    }
    let _ = write!(out, r#","root":"{}","depth":{}}}"#, event.root, event.depth);
}

/// A frame that the stream itself says (`stream.gap`, `journal.reset`): the frozen five, no seq, never journalled.
#[must_use]
pub fn notice_to_json(event_type: &str, at: Timestamp, payload: &str) -> String {
    let mut out = String::with_capacity(ENVELOPE_BYTES);
    frozen(&mut out, event_type, at, "core", None, payload);
    out.push('}');
    out
}

fn frozen(out: &mut String, event_type: &str, ts: Timestamp, source: &str, entity: Option<&Entity>, payload: &str) {
    let _ = write!(out, r#"{{"type":"{event_type}","ts":"{ts}","source":"#);
    string(out, source);
    out.push_str(r#","entity":"#);
    match entity {
        Some(entity) => {
            out.push_str(r#"{"kind":"#);
            string(out, &entity.kind);
            out.push_str(r#","id":"#);
            string(out, &entity.id);
            out.push('}');
        }
        None => out.push_str("null"),
    }
    out.push_str(r#","payload":"#);
    splice(out, payload);
}

/// Appends JSON text so that it stays on one line.
pub(super) fn splice(out: &mut String, payload: &str) {
    // A payload with line ends in it would break NDJSON and SSE framing. Raw line ends cannot stand inside a
    // JSON string, so outside of one they are mere spacing.
    if payload.bytes().any(|byte| byte == b'\n' || byte == b'\r') {
        out.extend(payload.chars().map(|c| if c == '\n' || c == '\r' { ' ' } else { c }));
    } else {
        out.push_str(payload);
    }
}

/// Appends `text` as a JSON string.
pub(super) fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
