//! What a line of the trail says about an event. Knows payloads; knows nothing of files or hashes.

use crate::clock;
use crate::settings::Settings;
use serde_json::{Map, Value};
use tollgate_sdk::{Event, payload};

/// Longer strings are cut to this many characters and marked.
pub const MAX_STRING_CHARS: usize = 500;
/// What a cut string ends with.
pub const CUT_MARK: &str = "...[truncated]";
/// Members of a payload that become members of the line; the rest goes under `details`.
const OWN_MEMBERS: [&str; 9] =
    ["tool_name", "tool_input", "call_id", "decision", "reason", "risk_level", "cause", "violation_type", "plugin"];

/// Whether `event` reports a fault of this plugin: recording it could fault again, without end. The journal has it.
#[must_use]
pub fn is_own_fault(event: &Event) -> bool {
    event.type_ == payload::PLUGIN_FAULTED
        && event.payload::<payload::PluginChanged>().is_ok_and(|changed| changed.plugin == crate::NAME)
}

/// The line for `event`, as a JSON object without its closing brace and without the chain's members.
#[must_use]
pub fn body(event: &Event, settings: &Settings) -> String {
    let mut line = Map::new();
    // A payload nested too deeply to read is still a fact: its text is kept, cut.
    let mut rest = match serde_json::from_str::<Map<String, Value>>(&event.payload) {
        Ok(members) => members,
        Err(_) => Map::from_iter([("payload_text".to_owned(), Value::from(event.payload.as_str()))]),
    };
    line.insert("timestamp".into(), clock::rfc3339(event.time).into());
    line.insert("event".into(), kind(event, &rest).into());
    line.insert("type".into(), event.type_.as_str().into());
    line.insert("source".into(), event.source.as_str().into());
    let in_payload = rest.shift_remove("session_id");
    if let Some(session) = event.session.as_deref().map(Value::from).or(in_payload) {
        line.insert("session_id".into(), session);
    }
    if let Some(entity) = &event.entity {
        line.insert("entity".into(), format!("{}/{}", entity.kind, entity.id).into());
    }
    for member in OWN_MEMBERS {
        if let Some(value) = rest.shift_remove(member) {
            line.insert(member.into(), value);
        }
    }
    if let Some(rule) = rest.shift_remove("decided_by") {
        line.insert("matched_rule".into(), rule);
    }
    if let Some(decision) = decision(&event.type_) {
        line.insert("decision".into(), decision.into());
    }
    let says = event.type_.starts_with("message.") || event.type_ == payload::SESSION_PROMPTED;
    if says && !settings.message_text {
        rest.shift_remove("text");
    }
    if !rest.is_empty() {
        line.insert("details".into(), Value::Object(rest));
    }
    let mut line = Value::Object(line);
    cut_strings(&mut line);
    let mut text = line.to_string();
    text.pop();
    text
}

/// A line that the writer itself has to say.
#[must_use]
pub fn note(event: &str, time: u64, details: Value) -> String {
    let line = serde_json::json!({"timestamp": clock::rfc3339(time), "event": event, "details": details});
    let mut text = line.to_string();
    text.pop();
    text
}

/// `tool_attempt`, `approval`, `security_violation`, `git_operation`; else the event's own type.
fn kind<'a>(event: &'a Event, payload: &Map<String, Value>) -> &'a str {
    match event.type_.as_str() {
        payload::TOOL_GATED if runs_git(payload) => "git_operation",
        payload::TOOL_GATED => "tool_attempt",
        payload::TOOL_DENIED => "security_violation",
        payload::COMMAND_MERGE => "git_operation",
        own if own.starts_with("approval.") => "approval",
        own if own.starts_with("interaction.") && payload.get("kind").is_some_and(|kind| kind == "approval") => {
            "approval"
        }
        own => own,
    }
}

/// Whether a gated call's command line has `git` as a command's first word. A label for people, not a judgement.
fn runs_git(payload: &Map<String, Value>) -> bool {
    let command = payload.get("tool_input").and_then(|input| input.get("command")).and_then(Value::as_str);
    command.is_some_and(|line| {
        line.split(['\n', ';', '&', '|', '(']).any(|part| {
            let mut words = part.split_whitespace().skip_while(|word| word.contains('=') || *word == "sudo");
            words.next().is_some_and(|program| program.rsplit('/').next() == Some("git"))
        })
    })
}

fn decision(event_type: &str) -> Option<&'static str> {
    match event_type {
        payload::TOOL_ALLOWED => Some("allow"),
        payload::TOOL_DENIED => Some("deny"),
        payload::TOOL_DEFERRED => Some("defer"),
        _ => None,
    }
}

/// Cuts every string in `value`.
fn cut_strings(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some((at, _)) = text.char_indices().nth(MAX_STRING_CHARS) {
                text.truncate(at);
                text.push_str(CUT_MARK);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(cut_strings),
        Value::Object(members) => members.values_mut().for_each(cut_strings),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
