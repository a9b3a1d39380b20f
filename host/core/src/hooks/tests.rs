//! Recorded inputs of real agents become events and calls; verdicts become their answers.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod answers;
mod cursor;
mod generic;
mod remembered;

use super::*;
use crate::event::{MAX_NAME_BYTES, MAX_PAYLOAD_BYTES};
use crate::gate::{Cause, StageTimes, Verdict};
use crate::session::MAX_PATH_BYTES;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const CONTEXT: HookContext<'_> = HookContext { user: "dev", wait_ms: Some(8_000) };

const CLAUDE_OK: &str = include_str!("../../../../tests/fixtures/hooks/claude-code-2.1.329-ok.jsonl");
const CLAUDE_FAIL: &str = include_str!("../../../../tests/fixtures/hooks/claude-code-2.1.329-fail.jsonl");
const CODEX: &str = include_str!("../../../../tests/fixtures/hooks/codex-0.169.0.jsonl");
const GEMINI: &str = include_str!("../../../../tests/fixtures/hooks/gemini-cli-0.61.0.jsonl");

/// Reads every line of a recording; the types of the events made, in order, `!` marking the line that gates.
fn types(agent: AgentHook, recording: &str) -> Vec<String> {
    let mut all = Vec::new();
    for line in recording.lines() {
        let input = agent.read(line.as_bytes(), CONTEXT).unwrap();
        for draft in &input.drafts {
            assert_eq!(&*draft.source, format!("hook:{agent}"));
            let session = draft.session.as_deref().unwrap();
            assert_eq!(draft.entity.as_ref().map(|entity| (&*entity.kind, &*entity.id)), Some(("session", session)));
            tollgate_events::payload::check(draft.event_type.as_str(), &draft.payload).unwrap();
            let gates = if input.gates() { "!" } else { "" };
            all.push(format!("{}{gates}", draft.event_type));
        }
    }
    all
}

#[test]
fn every_recorded_line_becomes_its_events() {
    let finished = ["hook.post_tool", "tool.finished"];
    let failed = ["hook.post_tool_failure", "tool.finished"];
    let check = |agent, recording, post: &[&str], batch: &[&str]| {
        let start = ["hook.session_start", "hook.user_prompt", "message.in", "hook.pre_tool!"];
        let end = ["hook.stop", "message.out", "hook.session_end"];
        let expected: Vec<&str> = [&start[..], post, batch, &end].concat();
        assert_eq!(types(agent, recording), expected);
    };
    check(AgentHook::ClaudeCode, CLAUDE_OK, &finished, &["hook.post_tool_batch"]);
    check(AgentHook::ClaudeCode, CLAUDE_FAIL, &failed, &["hook.post_tool_batch"]);
    check(AgentHook::Codex, CODEX, &finished, &[]);
    check(AgentHook::Gemini, GEMINI, &finished, &[]);
}

#[test]
fn a_recorded_pre_tool_use_becomes_a_call() {
    let line = CLAUDE_OK.lines().nth(2).unwrap();
    let call = AgentHook::ClaudeCode.read(line.as_bytes(), CONTEXT).unwrap().call.unwrap();
    assert_eq!(call.session_id.as_deref(), Some("50f349d6-3cb9-47de-b1fe-ed8467c5abb1"));
    assert_eq!(call.tool_name, "Bash");
    assert_eq!(call.tool_input["command"], "echo hi > /home/dev/project/out.txt; echo out");
    assert_eq!(call.cwd.unwrap().to_str(), Some("/home/dev/project"));
    assert_eq!(call.agent.as_deref(), Some("claude-code"));
    assert_eq!(call.call_id.as_deref(), Some("toolu_01"));
    assert_eq!((call.can_ask, call.wait_ms), (true, Some(8_000)));
}

#[test]
fn a_tool_s_events_share_its_call_id_even_where_the_agent_gives_none() {
    for (agent, recording) in [(AgentHook::ClaudeCode, CLAUDE_FAIL), (AgentHook::Gemini, GEMINI)] {
        let ids: Vec<Value> = recording
            .lines()
            .flat_map(|line| agent.read(line.as_bytes(), CONTEXT).unwrap().drafts)
            .filter_map(|draft| serde_json::from_str::<Value>(&draft.payload).unwrap().get("call_id").cloned())
            .collect();
        assert_eq!(ids.len(), 3, "pre, post and finished of {agent}");
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }
}

#[test]
fn a_failed_tool_is_finished_not_ok() {
    let line = CLAUDE_FAIL.lines().nth(3).unwrap();
    let input = AgentHook::ClaudeCode.read(line.as_bytes(), CONTEXT).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&input.drafts[1].payload).unwrap(),
        json!({"session_id": "14486cb7-5e5e-4a06-8cb7-6e631976793b", "tool_name": "Bash", "call_id": "toolu_01",
            "ok": false, "duration_ms": 19})
    );
}

#[test]
fn a_finished_tool_has_the_name_that_it_was_gated_under() {
    let finished = |tool: &str| {
        let line = json!({"session_id": "s", "hook_event_name": "AfterTool", "tool_name": tool, "tool_input": {}});
        let input = AgentHook::Gemini.read(line.to_string().as_bytes(), CONTEXT).unwrap();
        let payload: Value = serde_json::from_str(&input.drafts[1].payload).unwrap();
        (payload["tool_name"].clone(), payload.get("canonical_tool").cloned())
    };
    assert_eq!(finished("run_shell_command"), (json!("run_shell_command"), Some(json!("Bash"))));
    assert_eq!(finished("Bash"), (json!("Bash"), None));
}

#[test]
fn the_hook_s_own_event_keeps_the_agent_s_fields() {
    let line = CLAUDE_OK.lines().nth(2).unwrap();
    let mut expected: Map<String, Value> = serde_json::from_str(line).unwrap();
    expected.insert("agent".to_owned(), json!("claude-code"));
    expected.insert("call_id".to_owned(), json!("toolu_01"));
    let input = AgentHook::ClaudeCode.read(line.as_bytes(), CONTEXT).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&input.drafts[0].payload).unwrap(), Value::Object(expected));
}

#[test]
fn a_permission_request_is_a_gate_call() {
    let line = json!({"session_id": "s", "hook_event_name": "PermissionRequest", "tool_name": "Bash",
        "tool_input": {"command": "ls"}, "cwd": "/"});
    let input = AgentHook::ClaudeCode.read(line.to_string().as_bytes(), CONTEXT).unwrap();
    assert_eq!(input.drafts[0].event_type.as_str(), "hook.permission_request");
    assert!(input.gates());
}

#[test]
fn what_does_not_fit_a_payload_is_cut_in_the_event_and_whole_in_the_call() {
    let check = |tool_input: Value| {
        let line = json!({"session_id": "s", "hook_event_name": "PreToolUse", "tool_name": "Write",
            "tool_use_id": "t1", "tool_input": tool_input});
        let input = AgentHook::ClaudeCode.read(line.to_string().as_bytes(), CONTEXT).unwrap();
        let payload: Value = serde_json::from_str(&input.drafts[0].payload).unwrap();
        assert!(input.drafts[0].payload.len() <= MAX_PAYLOAD_BYTES);
        assert_eq!((&payload["truncated"], &payload["call_id"]), (&json!(true), &json!("t1")));
        assert_eq!(Value::Object(input.call.unwrap().tool_input), tool_input);
    };
    check(json!({"file_path": "/a", "content": "é".repeat(MAX_PAYLOAD_BYTES)}));
    check(json!({"edits": vec![json!({"old": "x".repeat(3_000)}); 500]}));
    check(json!({"many": vec!["x"; MAX_PAYLOAD_BYTES]}));
    // Too long only once its secrets are replaced.
    check(json!({"many": vec![json!({"pwd": "x"}); 20_000]}));
}

#[test]
fn bad_inputs_are_said() {
    let check = |bytes: &[u8], says: &str| {
        let error = AgentHook::ClaudeCode.read(bytes, CONTEXT).unwrap_err().to_string();
        assert!(error.contains(says), "said: {error}\nnot:  {says}");
    };
    check(b"", "not JSON");
    check(b"[]", "must be an object, is an array");
    check(b"{\"a\":\xff}", "not UTF-8 (byte 5)");
    check(br#"{"session_id":"s"}"#, "`hook_event_name` is missing");
    check(br#"{"hook_event_name":"Stop"}"#, "`session_id` is missing");
    check(br#"{"hook_event_name":"Stop","session_id":""}"#, "`session_id` is empty");
    check(br#"{"hook_event_name":"a b","session_id":"s"}"#, "is no name of an event");
    check(br#"{"hook_event_name":"PreToolUse","session_id":"s"}"#, "`tool_name` is missing");
    check(br#"{"hook_event_name":"PreToolUse","session_id":"s","tool_name":"Bash"}"#, "`tool_input` is missing");
    check(
        br#"{"hook_event_name":"PreToolUse","session_id":"s","tool_name":"Bash","tool_input":"ls"}"#,
        "`tool_input` must be an object, is a string",
    );
    check(
        br#"{"hook_event_name":"PreToolUse","session_id":"s","tool_name":"Bash","tool_input":{},"cwd":"x"}"#,
        "`cwd` must be an absolute path",
    );
    check(br#"{"hook_event_name":"Stop","session_id":"a\nb"}"#, "`session_id` holds control characters");
    let with = |session: usize, cwd: usize| {
        let (session, cwd) = ("s".repeat(session), format!("/{}", "c".repeat(cwd - 1)));
        json!({"hook_event_name": "Stop", "session_id": session, "cwd": cwd}).to_string().into_bytes()
    };
    assert!(AgentHook::ClaudeCode.read(&with(MAX_NAME_BYTES, MAX_PATH_BYTES), CONTEXT).is_ok());
    check(&with(MAX_NAME_BYTES + 1, 1), "`session_id` has more than 256 bytes");
    check(&with(1, MAX_PATH_BYTES + 1), "`cwd` has 4097 bytes, a path has at most 4096");
    check(&vec![b' '; MAX_INPUT_BYTES + 1], "at most 16777216 are read");
}

#[test]
fn an_unknown_agent_is_said_with_the_known_ones() {
    let error = AgentHook::parse("cluade-code").unwrap_err().to_string();
    assert_eq!(error, "no hook adapter `cluade-code`; known are claude-code, codex, gemini, cursor, generic");
}

fn verdict(decision: Decision, rewritten_input: Option<Value>) -> Verdict {
    Verdict {
        decision,
        reason: "because".to_owned(),
        cause: (decision == Decision::Deny).then_some(Cause::Rule),
        via: None,
        decided_by: None,
        rewritten_input: rewritten_input.and_then(|value| value.as_object().cloned()),
        commands: Vec::new(),
        understood: true,
        approval_id: None,
        seq: Vec::new(),
        call_id: "c".to_owned(),
        stages_us: StageTimes::default(),
    }
}

/// An input of this event with everything that any agent's event has.
fn input(agent: AgentHook, event: &str) -> HookInput {
    let line = json!({"session_id": "s", "conversation_id": "s", "hook_event_name": event, "event": event,
        "tool_name": "Bash", "tool_input": {}, "command": "ls", "file_path": "/a"});
    agent.read(line.to_string().as_bytes(), CONTEXT).unwrap()
}

#[test]
fn a_block_always_has_words() {
    assert_eq!(HookAnswer::block(" ").stderr, "denied by tollgate\n");
}

proptest! {
    #[test]
    fn no_input_makes_an_adapter_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,100}") {
        for agent in AgentHook::ALL {
            let _ = agent.read(&bytes, CONTEXT);
            for event in ["PreToolUse", "beforeShellExecution", "beforeMCPExecution", "beforeReadFile", &text] {
                let line = json!({"session_id": text, "conversation_id": text, "hook_event_name": event, "event": event,
                    "tool_name": text, "tool_input": text, "command": text, "file_path": text, "workspace_roots": [text]});
                let _ = agent.read(line.to_string().as_bytes(), CONTEXT);
            }
        }
    }
}
