//! What clients of `/ws` are told: which events, and each of them as a frame. Knows no client.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tollgate_core::event::Event;
use tollgate_core::events::payload::{
    ALERT_RAISED, DIFF_SUMMARY, FILE_TOUCHED, INTERACTION_REQUESTED, INTERACTION_RESOLVED, SESSION_ENDED,
    SESSION_STARTED, SESSION_STATE_CHANGED, TERMINAL_CHUNK, TEST_RUN_FINISHED, TEST_RUN_STARTED, USAGE_TICK,
};

/// The types that are told, and under which name. What a session asks of people is told by the question itself, which
/// every kind of asking makes, so that it is told once.
pub(crate) const TOLD: [(&str, &str); 12] = [
    (TERMINAL_CHUNK, "output"),
    (SESSION_STARTED, "output"),
    (SESSION_STATE_CHANGED, "state_change"),
    (SESSION_ENDED, "completed"),
    (INTERACTION_REQUESTED, "approval_request"),
    (INTERACTION_RESOLVED, "approval_resolved"),
    (FILE_TOUCHED, "output"),
    (DIFF_SUMMARY, "output"),
    (TEST_RUN_STARTED, "output"),
    (TEST_RUN_FINISHED, "output"),
    (ALERT_RAISED, "output"),
    (USAGE_TICK, "output"),
];

/// What a terminal wrote, of its payload.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow)]
    stream: &'a RawValue,
    dropped_bytes: Option<u64>,
}

/// A question to people or its end, of its payload.
#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    interaction_id: &'a RawValue,
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// An event as clients know it; its type and its time have nothing to escape.
pub(crate) fn write(event: &Event) -> String {
    let event_type = event.event_type.as_str();
    let name = TOLD.iter().find(|(told, _)| *told == event_type).map_or("output", |(_, name)| *name);
    let session = Value::from(event.session.as_deref());
    let place = format!(r#""sessionId":{session},"seq":{},"timestamp":"{}""#, event.seq, event.ts);
    // A payload of these types was checked when it was recorded.
    if let (TERMINAL_CHUNK, Ok(chunk)) = (event_type, serde_json::from_str::<Chunk<'_>>(&event.payload)) {
        let Chunk { data, stream, dropped_bytes } = chunk;
        let dropped = dropped_bytes.map_or_else(String::new, |bytes| format!(r#","droppedBytes":{bytes}"#));
        return format!(r#"{{"type":"terminal","event":"output",{place},"data":{data},"stream":{stream}{dropped}}}"#);
    }
    let is_asked = matches!(event_type, INTERACTION_REQUESTED | INTERACTION_RESOLVED);
    let asked = is_asked.then(|| asked(&event.payload)).flatten();
    let data = asked.as_deref().unwrap_or(&event.payload);
    format!(r#"{{"type":"session","event":"{name}",{place},"eventType":"{event_type}","data":{data}}}"#)
}

/// The same in the names of these clients: `approvalId` is what it is answered by.
fn asked(payload: &str) -> Option<String> {
    let Asked { interaction_id, mut more } = serde_json::from_str(payload).ok()?;
    let id: Value = serde_json::from_str(interaction_id.get()).ok()?;
    let mut data = Map::from_iter([("approvalId".to_owned(), id)]);
    for (ours, theirs) in [("expires_at", "expiresAt"), ("resolved_by", "resolvedBy"), ("chat_id", "chatId")] {
        if let Some(value) = more.remove(ours) {
            data.insert(theirs.to_owned(), value);
        }
    }
    data.extend(more);
    Some(Value::Object(data).to_string())
}

/// What the connection itself says; it has no place in the journal.
pub(crate) fn notice(event: &str, session: Option<&str>, timestamp: &str, data: Value) -> Value {
    let mut frame = json!({"type": "event", "event": event, "timestamp": timestamp, "data": data});
    if let (Some(fields), Some(session)) = (frame.as_object_mut(), session) {
        fields.insert("sessionId".to_owned(), json!(session));
    }
    frame
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::*;
    use tollgate_core::events::EventType;
    use tollgate_core::time::Timestamp;

    fn frame(event_type: &str, payload: Value) -> Value {
        let id = "0199c0de-0000-7000-8000-000000000001".parse().unwrap();
        let event = Event {
            seq: 7,
            id,
            event_type: EventType::parse(event_type).unwrap(),
            ts: Timestamp(0),
            source: "runner".into(),
            entity: None,
            session: Some("s\"1".into()),
            root: id,
            depth: 0,
            payload: payload.to_string().into(),
        };
        serde_json::from_str(&write(&event)).unwrap()
    }

    #[test]
    fn each_event_has_its_frame() {
        let at = "1970-01-01T00:00:00.000Z";
        assert_eq!(
            frame(
                "terminal.chunk",
                json!({"data": "a\"\u{1b}[0m", "stream": "stdout", "agentId": "a", "droppedBytes": 3})
            ),
            json!({"type": "terminal", "event": "output", "sessionId": "s\"1", "seq": 7, "timestamp": at,
                "data": "a\"\u{1b}[0m", "stream": "stdout", "droppedBytes": 3})
        );
        let moved = json!({"previousState": "RUNNING", "newState": "STOPPING"});
        assert_eq!(
            frame("session.state_changed", moved.clone()),
            json!({"type": "session", "event": "state_change", "sessionId": "s\"1", "seq": 7, "timestamp": at,
                "eventType": "session.state_changed", "data": moved})
        );
        let asked = frame(
            "interaction.requested",
            json!({"interaction_id": "i", "chat_id": "c", "kind": "approval", "text": "t", "expires_at": "e", "details": {"id": "a"}}),
        );
        let data = json!({"approvalId": "i", "chatId": "c", "kind": "approval", "text": "t", "expiresAt": "e", "details": {"id": "a"}});
        assert_eq!((&asked["event"], &asked["data"]), (&json!("approval_request"), &data));
        let ended = frame(
            "interaction.resolved",
            json!({"interaction_id": "i", "chat_id": "c", "kind": "approval", "resolved_by": "ada"}),
        );
        let resolved = ended.pointer("/data/resolvedBy").unwrap();
        assert_eq!((&ended["event"], resolved), (&json!("approval_resolved"), &json!("ada")));
    }
}
