//! Cursor's inputs, as its documentation has them, become events and calls.

use super::*;
use std::path::Path;

/// What every input of Cursor has, with `more`.
fn line(event: &str, more: Value) -> Value {
    let mut fields = json!({
        "conversation_id": "conv-1", "generation_id": "gen-1", "model": "m", "hook_event_name": event,
        "cursor_version": "2.4.0", "workspace_roots": ["/home/dev/project"],
    });
    for (name, value) in more.as_object().unwrap() {
        fields[name.as_str()] = value.clone();
    }
    fields
}

fn read(event: &str, more: Value) -> Result<HookInput, String> {
    AgentHook::Cursor.read(line(event, more).to_string().as_bytes(), CONTEXT).map_err(|error| error.to_string())
}

fn types(input: &HookInput) -> Vec<&str> {
    input.drafts.iter().map(|draft| draft.event_type.as_str()).collect()
}

#[test]
fn each_event_before_a_tool_is_a_call() {
    let check = |event: &str, more: Value, tool: &str, tool_input: Value, can_ask: bool| {
        let input = read(event, more).unwrap();
        assert_eq!(types(&input), ["hook.pre_tool"], "{event}");
        let call = input.call.unwrap();
        assert_eq!((call.session_id.as_deref(), call.agent.as_deref()), (Some("conv-1"), Some("cursor")), "{event}");
        assert_eq!((call.tool_name.as_str(), Value::Object(call.tool_input)), (tool, tool_input), "{event}");
        assert_eq!(call.cwd.as_deref(), Some(Path::new("/home/dev/project")), "{event}");
        assert_eq!(call.can_ask, can_ask, "{event}");
    };
    let shell = json!({"command": "ls"});
    check(
        "preToolUse",
        json!({"tool_name": "Shell", "tool_input": shell, "tool_use_id": "t"}),
        "Shell",
        shell.clone(),
        false,
    );
    check("beforeShellExecution", json!({"command": "ls", "cwd": ""}), "Shell", shell, true);
    let query = json!({"query": "select 1"});
    check("beforeMCPExecution", json!({"tool_name": "query", "tool_input": query}), "query", query.clone(), false);
    check("beforeMCPExecution", json!({"tool_name": "query", "tool_input": query.to_string()}), "query", query, false);
    check("beforeReadFile", json!({"file_path": "/a", "content": "x"}), "Read", json!({"file_path": "/a"}), false);
}

#[test]
fn the_other_events_are_told() {
    let check = |event: &str, more: Value, expected: &[&str]| {
        let input = read(event, more).unwrap();
        assert_eq!(types(&input), expected, "{event}");
        assert!(!input.gates(), "{event}");
        for draft in &input.drafts {
            tollgate_events::payload::check(draft.event_type.as_str(), &draft.payload).unwrap();
        }
    };
    let tool = json!({"tool_name": "Shell", "tool_input": {"command": "ls"}, "tool_use_id": "t", "duration": 12});
    check("postToolUse", tool.clone(), &["hook.post_tool", "tool.finished"]);
    check("postToolUseFailure", tool.clone(), &["hook.post_tool_failure", "tool.finished"]);
    check("beforeSubmitPrompt", json!({"prompt": "do it"}), &["hook.user_prompt", "message.in"]);
    check("stop", json!({"status": "completed"}), &["hook.stop"]);
    check("afterAgentResponse", json!({"text": "done"}), &["hook.after_agent_response", "message.out"]);
    check("sessionStart", json!({}), &["hook.session_start"]);
    check("subagentStop", json!({}), &["hook.subagent_stop"]);
    check("afterMCPExecution", json!({}), &["hook.after_mcp_execution"]);
    check("afterShellExecution", json!({"command": "ls"}), &["hook.after_shell_execution"]);
    let finished = read("postToolUse", tool).unwrap();
    let payload: Value = serde_json::from_str(&finished.drafts[1].payload).unwrap();
    assert_eq!((&payload["call_id"], &payload["duration_ms"]), (&json!("t"), &json!(12)));
}

#[test]
fn a_file_s_content_is_not_kept() {
    let input = read("beforeReadFile", json!({"file_path": "/a/.env", "content": "harmless looking"})).unwrap();
    let payload: Value = serde_json::from_str(&input.drafts[0].payload).unwrap();
    assert_eq!((payload.get("content"), &payload["content_bytes"]), (None, &json!(16)));
    assert_eq!(payload["file_path"], "/a/.env");
}

#[test]
fn bad_inputs_are_said() {
    let check = |event: &str, more: Value, says: &str| {
        let error = read(event, more).unwrap_err();
        assert!(error.contains(says), "said: {error}\nnot:  {says}");
    };
    check("beforeShellExecution", json!({}), "`command` is missing");
    check("beforeShellExecution", json!({"command": ["ls"]}), "`command` must be a string, is an array");
    check("beforeReadFile", json!({"file_path": null}), "`file_path` is missing");
    check("beforeMCPExecution", json!({"tool_name": "q", "tool_input": "{"}), "is a text that is no JSON");
    check("beforeMCPExecution", json!({"tool_name": "q", "tool_input": "[]"}), "is the text of an array");
    check("stop", json!({"conversation_id": ""}), "`conversation_id` is empty");
    check("stop", json!({"conversation_id": "a\nb"}), "`conversation_id` holds control characters");
    check("stop", json!({"workspace_roots": [7]}), "`workspace_roots[0]` must be a path, is a number");
    check("stop", json!({"workspace_roots": ["here"]}), "`workspace_roots[0]` must be an absolute path");
    check("stop", json!({"cwd": "here"}), "`cwd` must be an absolute path");
}
