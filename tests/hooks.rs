//! `tollgate hook AGENT` as an agent runs it: a process that exits with 0 or 2 and nothing else.

use crate::support::{Home, stderr, stdout};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Output, Stdio};

fn pre_tool_use(home: &Home, tool: &str, input: &Value) -> String {
    json!({
        "session_id": "50f349d6-3cb9-47de-b1fe-ed8467c5abb1", "cwd": home.workspace(), "permission_mode": "default",
        "hook_event_name": "PreToolUse", "tool_name": tool, "tool_input": input, "tool_use_id": "toolu_01",
    })
    .to_string()
}

fn bash(home: &Home, command: &str) -> Output {
    let input = pre_tool_use(home, "Bash", &json!({ "command": command }));
    home.tollgate_with(["hook", "claude-code"], input.as_bytes())
}

#[test]
fn a_denied_command_exits_2_with_the_reason_and_both_facts_on_record() {
    let home = Home::new();
    let daemon = home.start();
    for (command, violation, cause) in
        [("rm -rf /", "policy", "protection"), ("git push --force origin main", "policy", "rule")]
    {
        let before = daemon.events("tool.*").len();
        let output = bash(&home, command);
        assert_eq!(output.status.code(), Some(2), "{command}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{command}");
        assert!(stderr(&output).len() > "tollgate: ".len(), "{command} is denied without a reason");

        let events = daemon.events("tool.*").split_off(before);
        let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["tool.gated", "tool.denied"], "{command}");
        assert_eq!(events[1]["payload"]["violation_type"], violation, "{command}");
        assert_eq!(events[1]["payload"]["cause"], cause, "{command}");
        assert_eq!(events[0]["payload"]["call_id"], "toolu_01");
    }
}

#[test]
fn a_harmless_command_exits_0_in_silence_and_is_on_record() {
    let home = Home::new();
    let daemon = home.start();
    let output = bash(&home, "cargo test --workspace");
    assert_eq!((output.status.code(), stdout(&output), stderr(&output)), (Some(0), String::new(), String::new()));
    let events = daemon.events("tool.*");
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["tool.gated", "tool.deferred"]);
    assert_eq!(events[1]["payload"]["to"], "agent");
}

#[test]
fn what_was_decided_is_in_tail() {
    let home = Home::new();
    let _daemon = home.start();
    bash(&home, "git push --force origin main");
    bash(&home, "cargo test --workspace");
    let shown = home.tollgate(["tail", "--no-follow", "--json", "tool.*"]);
    assert_eq!(shown.status.code(), Some(0), "{}", stderr(&shown));
    let lines: Vec<Value> =
        stdout(&shown).lines().map(|line| serde_json::from_str(line).expect("an envelope")).collect();
    let types: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["tool.gated", "tool.denied", "tool.gated", "tool.deferred"]);
}

#[test]
fn without_a_daemon_the_answer_is_a_denial_that_says_why() {
    let home = Home::new();
    home.start().kill();
    let output = bash(&home, "cargo test");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("unavailable"), "{}", stderr(&output));
}

#[test]
fn whatever_happens_to_the_hook_it_exits_with_2() {
    let home = Home::new();
    let _daemon = home.start();
    let cases: [(&[&str], &[u8]); 7] = [
        (&["hook"], b""),
        (&["hook", "no-such-agent"], b"{}"),
        (&["hook", "claude-code", "--no-such-flag"], b"{}"),
        (&["hook", "claude-code"], b""),
        (&["hook", "claude-code"], b"{\"hook_event_name\": \"PreToolUse\""),
        (&["hook", "claude-code"], b"{\"hook_event_name\": \"PreToolUse\", \"tool_name\": 7}"),
        (&["hook", "claude-code"], b"\xff\xfe not text"),
    ];
    for (arguments, input) in cases {
        let output = home.tollgate_with(arguments, input);
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {input:?}: {}", stderr(&output));
        assert_ne!(stderr(&output), "", "{arguments:?} {input:?} says nothing");
        assert_eq!(stdout(&output), "", "{arguments:?} {input:?}");
    }
}

#[test]
fn input_that_does_not_end_is_denied_in_time_and_one_too_large_at_once() {
    let home = Home::new();
    let _daemon = home.start();
    home.configure("[hooks.claude-code]\ntimeout_ms = 1000\n");
    let mut hook = home.command();
    hook.args(["hook", "claude-code"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = hook.spawn().expect("it starts");
    let mut open = child.stdin.take().expect("piped");
    open.write_all(b"{\"session_id\":").expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()));
    assert!(stderr(&output).contains("standard input did not end within 1000 ms"), "{}", stderr(&output));
    drop(open);
    // A whole input, and white space without end.
    home.configure("");
    let mut child = hook.spawn().expect("it starts");
    let mut open = child.stdin.take().expect("piped");
    open.write_all(pre_tool_use(&home, "Bash", &json!({"command": "ls"})).as_bytes()).expect("it reads");
    while open.write_all(&[b' '; 65_536]).is_ok() {}
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("16777216"), "{}", stderr(&output));
}

#[test]
fn a_path_outside_the_workspace_is_the_sandboxs_denial() {
    let home = Home::new();
    let daemon = home.start();
    let input = pre_tool_use(&home, "Write", &json!({ "file_path": "/etc/cron.d/x", "content": "x" }));
    let output = home.tollgate_with(["hook", "claude-code"], input.as_bytes());
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(daemon.events("tool.denied")[0]["payload"]["violation_type"], "sandbox");
}

#[test]
fn every_recorded_input_of_an_agent_is_taken() {
    let home = Home::new();
    let daemon = home.start();
    let recordings = [
        ("claude-code", include_str!("fixtures/hooks/claude-code-2.1.329-ok.jsonl")),
        ("claude-code", include_str!("fixtures/hooks/claude-code-2.1.329-fail.jsonl")),
        ("codex", include_str!("fixtures/hooks/codex-0.169.0.jsonl")),
        ("gemini", include_str!("fixtures/hooks/gemini-cli-0.61.0.jsonl")),
    ];
    for (agent, recording) in recordings {
        let here = recording.replace("/home/dev/project", &home.workspace().display().to_string());
        for line in here.lines() {
            let output = home.tollgate_with(["hook", agent], line.as_bytes());
            assert_eq!(output.status.code(), Some(0), "{line}: {}", stderr(&output));
        }
    }
    for types in ["hook.pre_tool", "tool.gated", "tool.finished", "message.in", "message.out"] {
        assert_eq!(daemon.events(types).len(), recordings.len(), "{types}");
    }
    assert_eq!(daemon.events("alert.raised").len(), 0, "each tool that finished was asked about");
}

#[test]
fn one_shell_line_of_cursor_has_one_verdict_and_two_answers() {
    let home = Home::new();
    let daemon = home.start();
    let hook = |fields: Value| {
        let mut input = json!({"conversation_id": "c1", "generation_id": "g1", "workspace_roots": [home.workspace()]});
        for (name, value) in fields.as_object().unwrap() {
            input[name.as_str()] = value.clone();
        }
        let output = home.tollgate_with(["hook", "cursor"], input.to_string().as_bytes());
        (output.status.code(), stdout(&output), stderr(&output))
    };
    let pre = |command: &str| {
        hook(json!({"hook_event_name": "preToolUse", "tool_name": "Shell", "tool_input": {"command": command},
            "tool_use_id": "t1", "cwd": home.workspace()}))
    };
    let shell = |command: &str| {
        hook(json!({"hook_event_name": "beforeShellExecution", "command": command, "cwd": home.workspace()}))
    };
    let allowed = (Some(0), r#"{"permission":"allow"}"#.to_owned(), String::new());
    assert_eq!(pre("cargo test"), allowed);
    assert_eq!(shell("cargo test"), allowed);
    assert_eq!((daemon.events("hook.pre_tool").len(), daemon.events("tool.gated").len()), (2, 1));

    let (code, said, words) = shell("git push --force origin main");
    let words = words.trim_end();
    assert_eq!(code, Some(2), "{words}");
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said, json!({"permission": "deny", "user_message": words, "agent_message": words}));

    daemon.kill();
    let (code, said, words) = pre("cargo test");
    assert_eq!((code, said.as_str()), (Some(2), ""), "{words}");
    assert!(words.contains("unavailable"), "{words}");
    home.configure("[hooks.cursor]\non_unavailable = \"abstain\"\n");
    let (code, said, words) = pre("cargo test");
    assert_eq!((code, said.as_str()), (Some(0), r#"{"permission":"allow"}"#), "{words}");
    assert!(words.contains("[hooks.cursor] on_unavailable"), "{words}");
}

#[test]
fn any_other_agent_asks_in_our_words() {
    let home = Home::new();
    let daemon = home.start();
    let hook = |command: &str, call_id: &str| {
        let input = json!({"session_id": "g1", "event": "pre_tool", "tool_name": "shell", "cwd": home.workspace(),
            "tool_input": {"command": command}, "call_id": call_id});
        home.tollgate_with(["hook", "generic"], input.to_string().as_bytes())
    };
    let output = hook("cargo test", "c1");
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((output.status.code(), &said["decision"], &said["call_id"]), (Some(0), &json!("abstain"), &json!("c1")));
    let output = hook("git push --force origin main", "c2");
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((output.status.code(), &said["decision"], &said["cause"]), (Some(2), &json!("deny"), &json!("rule")));
    assert_eq!(stderr(&output).trim_end(), said["reason"].as_str().expect("a reason"));

    // It ran all the same, and another that nobody asked about.
    for (call_id, alerts) in [("c2", 0), ("c3", 1)] {
        let input = json!({"session_id": "g1", "event": "post_tool", "tool_name": "shell", "tool_input": {}, "call_id": call_id});
        let output = home.tollgate_with(["hook", "generic"], input.to_string().as_bytes());
        assert_eq!((output.status.code(), stdout(&output)), (Some(0), String::new()), "{}", stderr(&output));
        assert_eq!(daemon.events("alert.raised").len(), alerts, "{call_id}");
    }
    // A new daemon has not forgotten what is on record.
    daemon.kill();
    let daemon = home.start();
    let input =
        json!({"session_id": "g1", "event": "post_tool", "tool_name": "shell", "tool_input": {}, "call_id": "c1"});
    home.tollgate_with(["hook", "generic"], input.to_string().as_bytes());
    assert_eq!(daemon.events("alert.raised").len(), 1);
}
