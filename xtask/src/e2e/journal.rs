//! What the journal has to say of a call. Knows events as the documentation describes them, and nothing of agents.

use super::stage::{ALLOWED, ASKED, DENIED};
use crate::agents::Agent;
use serde_json::Value;

/// What of the three calls is missing in `events`; empty where all is there.
pub fn missing(agent: &Agent, events: &[Value]) -> Vec<String> {
    let mut missing = Vec::new();
    for line in [DENIED, ASKED, ALLOWED] {
        let mut has = |what: &str, found: bool| {
            if !found {
                missing.push(format!("{what} of `{line}`"));
            }
        };
        let about = |event: &&Value| text(event, "/payload/tool_input/command") == line;
        let hooked = of(events, "hook.pre_tool").filter(about);
        has("hook.pre_tool", hooked.filter(|event| text(event, "/payload/agent") == agent.name).count() == 1);
        let gated: Vec<_> = of(events, "tool.gated").filter(about).collect();
        has("tool.gated", gated.len() == 1);
        let Some(call) = gated.first().map(|event| text(event, "/payload/call_id")) else { continue };
        let outcome = |kind, pointer: &str, value: &str| {
            let mut outcomes = of(events, kind).filter(|event| text(event, "/payload/call_id") == call);
            outcomes.any(|event| text(event, pointer) == value)
        };
        match line {
            DENIED => has("tool.denied by a rule", outcome("tool.denied", "/payload/cause", "rule")),
            ASKED if agent.asks_its_user => {
                has("tool.deferred to the agent", outcome("tool.deferred", "/payload/to", "agent"));
            }
            ASKED => has("tool.denied while a person is asked", outcome("tool.denied", "/payload/cause", "pending")),
            _ => {
                has("tool.deferred to the agent", outcome("tool.deferred", "/payload/to", "agent"));
                let mut ends = of(events, "tool.finished").filter(|event| text(event, "/payload/call_id") == call);
                has("tool.finished, ok", ends.any(|event| event.pointer("/payload/ok") == Some(&Value::Bool(true))));
            }
        }
        if line != ALLOWED {
            has("no tool.finished", !of(events, "tool.finished").any(|event| text(event, "/payload/call_id") == call));
        }
    }
    missing
}

/// The alerts in `events`, as they are.
pub fn alerts(events: &[Value]) -> Vec<String> {
    of(events, "alert.raised").map(Value::to_string).collect()
}

/// The alerts that name a call: that nobody was asked about one. Others tell of settings.
pub fn unasked(events: &[Value]) -> usize {
    of(events, "alert.raised").filter(|alert| !text(alert, "/payload/context/call_id").is_empty()).count()
}

fn of<'a>(events: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event.get("type").is_some_and(|found| found == kind))
}

fn text<'a>(event: &'a Value, pointer: &str) -> &'a str {
    event.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::AGENTS;
    use serde_json::json;

    /// What a journal holds when all went as it should.
    fn journal(agent: &Agent) -> Vec<Value> {
        let mut events = Vec::new();
        for (call, line) in [("a", DENIED), ("b", ASKED), ("c", ALLOWED)] {
            let input = json!({"command": line});
            events.push(json!({"type": "hook.pre_tool", "payload": {"agent": agent.name, "tool_input": input}}));
            events.push(json!({"type": "tool.gated", "payload": {"call_id": call, "tool_input": input}}));
        }
        let asked = if agent.asks_its_user {
            json!({"type": "tool.deferred", "payload": {"call_id": "b", "to": "agent"}})
        } else {
            json!({"type": "tool.denied", "payload": {"call_id": "b", "cause": "pending"}})
        };
        events.extend([
            asked,
            json!({"type": "tool.denied", "payload": {"call_id": "a", "cause": "rule"}}),
            json!({"type": "tool.deferred", "payload": {"call_id": "c", "to": "agent"}}),
            json!({"type": "tool.finished", "payload": {"call_id": "c", "ok": true}}),
        ]);
        events
    }

    #[test]
    fn each_event_that_is_not_there_is_missed() {
        for agent in AGENTS {
            let events = journal(agent);
            assert_eq!(missing(agent, &events), Vec::<String>::new(), "{}", agent.name);
            for at in 0..events.len() {
                let mut fewer = events.clone();
                let taken = fewer.remove(at);
                assert!(!missing(agent, &fewer).is_empty(), "{}: {taken}", agent.name);
            }
            let ran = json!({"type": "tool.finished", "payload": {"call_id": "a", "ok": true}});
            assert_eq!(missing(agent, &[events, vec![ran]].concat()), [format!("no tool.finished of `{DENIED}`")]);
        }
    }
}
