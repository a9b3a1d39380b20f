//! The events of a gated call: `tool.gated` and its outcome.
//!
//! The gate's JSON edge. Bounds what is recorded and has it redacted; the verdict was made on the whole.

use super::call::NormalisedCall;
use super::stages::Answer;
use super::verdict::{Cause, Decision, Via};
use crate::event::Draft;
use crate::redact::redact;
use crate::text::cut_texts;
pub(super) use crate::text::start as cut;
use serde_json::{Map, Value, json};
use tollgate_events::EventType;

/// The longest tool input recorded whole, in bytes of JSON: half of a payload, so that redaction may lengthen it.
const MAX_INPUT_BYTES: usize = 128 * 1024;
/// What long strings of a longer input are cut to, in bytes, one after the other until it fits.
const CUTS: [usize; 3] = [16 * 1024, 1024, 128];
/// The longest sentence recorded, in bytes: a guard's words are its own.
pub(super) const MAX_REASON_BYTES: usize = 4 * 1024;

/// `tool.gated`; none only where the type itself were no event type.
pub(super) fn gated(call: &NormalisedCall) -> Option<Draft> {
    let mut payload = base(call);
    with_input(&mut payload, &call.input, MAX_INPUT_BYTES);
    if !call.agent.is_empty() {
        payload.insert("agent".to_owned(), json!(&*call.agent));
    }
    draft("tool.gated", call, payload)
}

/// The outcome: `tool.allowed`, `tool.denied` or `tool.deferred`.
pub(super) fn outcome(
    call: &NormalisedCall,
    answer: &Answer,
    rewritten: Option<&Map<String, Value>>,
    shadows: &[String],
    approval: Option<&str>,
) -> Option<Draft> {
    let mut payload = base(call);
    let reason = answer.for_people();
    let event_type = match answer.decision {
        Decision::Allow => {
            with_input(&mut payload, rewritten.unwrap_or(&call.input), MAX_INPUT_BYTES);
            payload.insert("via".to_owned(), json!(answer.via.unwrap_or(Via::Rule).as_str()));
            "tool.allowed"
        }
        Decision::Deny => {
            let cause = answer.cause.unwrap_or(Cause::Unavailable);
            payload.insert("reason".to_owned(), json!(cut(reason, MAX_REASON_BYTES)));
            payload.insert("violation_type".to_owned(), json!(cause.violation_type().as_str()));
            payload.insert("cause".to_owned(), json!(cause.as_str()));
            "tool.denied"
        }
        Decision::Ask | Decision::Abstain => {
            payload.insert("to".to_owned(), json!("agent"));
            if answer.decision == Decision::Ask {
                payload.insert("reason".to_owned(), json!(cut(reason, MAX_REASON_BYTES)));
            }
            "tool.deferred"
        }
    };
    if let Some(decided_by) = &answer.decided_by {
        payload.insert("decided_by".to_owned(), json!(decided_by));
    }
    if let Some(approval) = approval {
        payload.insert("approval_id".to_owned(), json!(approval));
    }
    if !shadows.is_empty() {
        payload.insert("shadow".to_owned(), json!(shadows));
    }
    draft(event_type, call, payload)
}

/// The keys that every event of a call has.
pub(super) fn base(call: &NormalisedCall) -> Map<String, Value> {
    let mut payload = Map::new();
    payload.insert("session_id".to_owned(), json!(&*call.session));
    payload.insert("tool_name".to_owned(), json!(&*call.original_tool));
    if call.tool != call.original_tool {
        payload.insert("canonical_tool".to_owned(), json!(&*call.tool));
    }
    payload.insert("call_id".to_owned(), json!(&*call.call_id));
    payload
}

/// Adds the input, with its long strings cut where it has more than `most` bytes.
pub(super) fn with_input(payload: &mut Map<String, Value>, input: &Map<String, Value>, most: usize) {
    let mut input = Value::Object(input.clone());
    let too_long = |input: &Value| {
        let text = input.to_string();
        text.len() > most || redact(&text).len() > most
    };
    if too_long(&input) {
        for longest in CUTS {
            if cut_texts(&mut input, longest) && !too_long(&input) {
                break;
            }
        }
        if too_long(&input) {
            input = json!({});
        }
        payload.insert("tool_input_truncated".to_owned(), json!(true));
    }
    payload.insert("tool_input".to_owned(), input);
}

fn draft(event_type: &str, call: &NormalisedCall, payload: Map<String, Value>) -> Option<Draft> {
    let event_type = EventType::parse(event_type).ok()?;
    let text = Value::Object(payload).to_string();
    let text = redact(&text);
    Some(Draft::new(event_type, "core", &*text).in_session(call.session.clone()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap is the test's failure")]
    use super::*;
    use crate::gate::tests::normalised;

    fn payload(draft: &Draft) -> Value {
        serde_json::from_str(&draft.payload).unwrap()
    }

    #[test]
    fn outcomes_carry_what_the_catalogue_says() {
        let call = normalised("mcp__sh__run_shell_command", json!({"command": "ls"}));
        let gated = gated(&call).unwrap();
        assert_eq!(
            (gated.event_type.as_str(), &*gated.source, gated.session.as_deref()),
            ("tool.gated", "core", Some("s1"))
        );
        assert_eq!(
            payload(&gated),
            json!({"session_id": "s1", "tool_name": "mcp__sh__run_shell_command", "canonical_tool": "Bash", "call_id": "c1", "tool_input": {"command": "ls"}})
        );
        let denied = outcome(&call, &Answer::deny(Cause::Timeout, "plugin:x", "no answer"), None, &[], None).unwrap();
        let said = payload(&denied);
        assert_eq!(denied.event_type.as_str(), "tool.denied");
        assert_eq!(
            (&said["cause"], &said["violation_type"], &said["decided_by"], &said["call_id"]),
            (&json!("timeout"), &json!("fault"), &json!("plugin:x"), &json!("c1"))
        );
        let deferred = outcome(&call, &Answer::abstain(), None, &[], None).unwrap();
        assert_eq!(
            (deferred.event_type.as_str(), payload(&deferred)["to"].clone(), payload(&deferred).get("reason").cloned()),
            ("tool.deferred", json!("agent"), None)
        );
    }

    #[test]
    fn a_long_input_is_cut_and_says_so() {
        for input in [
            json!({"content": "x".repeat(2_000_000)}),
            json!({"many": vec!["y".repeat(300); 2_000]}),
            json!({"many": vec![1; 200_000]}),
        ] {
            let call = normalised("Write", input);
            let draft = gated(&call).unwrap();
            assert!(draft.payload.len() < crate::event::MAX_PAYLOAD_BYTES, "{}", draft.payload.len());
            assert_eq!(payload(&draft)["tool_input_truncated"], json!(true));
        }
    }
}
