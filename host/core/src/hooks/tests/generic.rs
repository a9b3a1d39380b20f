//! The hook in our own words, for agents that have none of theirs here.

use super::*;

fn read(fields: &Value) -> Result<HookInput, String> {
    AgentHook::Generic.read(fields.to_string().as_bytes(), CONTEXT).map_err(|error| error.to_string())
}

#[test]
fn every_documented_field_counts() {
    let line = json!({"session_id": "s", "event": "pre_tool", "tool_name": "run", "tool_input": {"command": "ls"},
        "cwd": "/p", "call_id": "c7", "can_ask": true});
    let call = read(&line).unwrap().call.unwrap();
    assert_eq!((call.session_id.as_deref(), call.call_id.as_deref()), (Some("s"), Some("c7")));
    assert_eq!((call.tool_name.as_str(), &call.tool_input["command"]), ("run", &json!("ls")));
    assert_eq!((call.agent.as_deref(), call.can_ask, call.wait_ms), (Some("generic"), true, Some(8_000)));
    let finished = json!({"session_id": "s", "event": "post_tool", "tool_name": "run", "tool_input": {}, "call_id": "c7",
        "duration_ms": 3, "exit_code": 1});
    let payload: Value = serde_json::from_str(&read(&finished).unwrap().drafts[1].payload).unwrap();
    let expected =
        json!({"session_id": "s", "tool_name": "run", "call_id": "c7", "ok": true, "duration_ms": 3, "exit_code": 1});
    assert_eq!(payload, expected);
    for (event, field, expected) in [
        ("user_prompt", "prompt", vec!["hook.user_prompt", "message.in"]),
        ("stop", "text", vec!["hook.stop", "message.out"]),
        ("file_indexed", "text", vec!["hook.file_indexed"]),
    ] {
        let input = read(&json!({"session_id": "s", "event": event, field: "words"})).unwrap();
        let types: Vec<&str> = input.drafts.iter().map(|draft| draft.event_type.as_str()).collect();
        assert_eq!(types, expected);
    }
}

#[test]
fn what_is_not_said_is_the_safe_side() {
    let line = json!({"session_id": "s", "event": "pre_tool", "tool_name": "run", "tool_input": {}});
    let call = read(&line).unwrap().call.unwrap();
    assert!(!call.can_ask && call.cwd.is_none() && call.call_id.is_some());
}

#[test]
fn bad_inputs_are_said() {
    for (line, says) in [
        (json!({"session_id": "s"}), "`event` is missing"),
        (json!({"event": "stop"}), "`session_id` is missing"),
        (json!({"session_id": "s", "event": "pre_tool"}), "`tool_name` is missing"),
        (
            json!({"session_id": "s", "event": "pre_tool", "tool_name": "x", "tool_input": "{}"}),
            "must be an object, is a string",
        ),
        (json!({"session_id": "s", "event": "stop", "can_ask": "yes"}), "`can_ask` must be true or false, is a string"),
        (json!({"session_id": "s", "event": "pre tool"}), "is no name of an event"),
    ] {
        let error = read(&line).unwrap_err();
        assert!(error.contains(says), "said: {error}\nnot:  {says}");
    }
}
