//! What is known from one hook to the next, and how much of it.

use super::*;
use crate::bus::{Bus, BusOptions};
use crate::event::Draft;
use crate::hooks::memory::{ANSWER_LASTS, HookMemory, MAX_ANSWERED, MAX_GATED, SEARCHED, SEARCHED_BYTES};
use crate::journal::{Durability, JournalOptions};
use crate::time::Clock;
use std::time::Instant;
use tollgate_events::EventType;

fn cursor(fields: &Value) -> HookInput {
    AgentHook::Cursor.read(fields.to_string().as_bytes(), CONTEXT).unwrap()
}

fn pre(session: &str, command: &str, cwd: &str) -> HookInput {
    cursor(
        &json!({"conversation_id": session, "workspace_roots": ["/p"], "hook_event_name": "preToolUse", "tool_name": "Shell",
        "tool_input": {"command": command}, "tool_use_id": "t1", "cwd": cwd}),
    )
}

fn shell(session: &str, command: &str, cwd: &str) -> HookInput {
    cursor(
        &json!({"conversation_id": session, "hook_event_name": "beforeShellExecution", "command": command, "cwd": cwd}),
    )
}

fn post(agent: AgentHook, call_id: &str) -> HookInput {
    let line = json!({"session_id": "s", "hook_event_name": "PostToolUse", "tool_name": "Bash",
        "tool_input": {"command": "ls"}, "tool_use_id": call_id});
    agent.read(line.to_string().as_bytes(), CONTEXT).unwrap()
}

fn bus(folder: &tempfile::TempDir) -> Bus {
    let journal = JournalOptions { path: folder.path().join("journal.db"), durability: Durability::Memory };
    Bus::open(BusOptions { journal, filter: None, clock: Clock::system() }).unwrap()
}

#[test]
fn the_second_hook_of_a_shell_line_has_the_first_one_s_answer_once() {
    let (memory, now) = (HookMemory::default(), Instant::now());
    let first = pre("a", "ls", "/p");
    memory.gated(&first, &verdict(Decision::Allow, None), now);
    assert!(!memory.answered(&mut pre("a", "ls", "/p"), now), "the same hook again is another call");
    assert!(!memory.answered(&mut shell("a", "ls -a", "/p"), now), "another line");
    assert!(!memory.answered(&mut shell("b", "ls", "/p"), now), "another conversation");
    assert!(!memory.answered(&mut shell("a", "ls", "/q"), now), "another folder");
    let mut second = shell("a", "ls", "");
    assert!(memory.answered(&mut second, now));
    let payload: Value = serde_json::from_str(&second.drafts[0].payload).unwrap();
    assert_eq!(payload["call_id"], "t1", "it is about the call that was gated");
    assert!(!memory.answered(&mut shell("a", "ls", "/p"), now), "an answer serves once");
    // Where the first says no folder, it was gated as in the workspace.
    memory.gated(&pre("a", "ls", ""), &verdict(Decision::Allow, None), now);
    assert!(!memory.answered(&mut shell("a", "ls", "/q"), now), "another folder than the one that was looked at");
    assert!(memory.answered(&mut shell("a", "ls", "/p"), now));
    // In the other order too.
    memory.gated(&shell("a", "ls", "/p"), &verdict(Decision::Abstain, None), now);
    assert!(memory.answered(&mut pre("a", "ls", "/p"), now));
}

#[test]
fn only_what_lets_through_serves_and_not_for_long() {
    let (memory, now) = (HookMemory::default(), Instant::now());
    for decision in [Decision::Deny, Decision::Ask] {
        memory.gated(&pre("a", "ls", "/p"), &verdict(decision, None), now);
        assert!(!memory.answered(&mut shell("a", "ls", "/p"), now), "{decision:?}");
    }
    memory.gated(&pre("a", "ls", "/p"), &verdict(Decision::Allow, None), now);
    assert!(!memory.answered(&mut shell("a", "ls", "/p"), now + ANSWER_LASTS));
    // A rewritten line is answered as it will run, and not as it came.
    memory.gated(&pre("a", "rm x", "/p"), &verdict(Decision::Allow, Some(json!({"command": "trash x"}))), now);
    assert!(!memory.answered(&mut shell("a", "rm x", "/p"), now));
    assert!(memory.answered(&mut shell("a", "trash x", "/p"), now));
    // Agents that tell of a call once have nothing to take.
    let claude = || post(AgentHook::ClaudeCode, "t");
    memory.gated(&claude(), &verdict(Decision::Allow, None), now);
    assert!(!memory.answered(&mut claude(), now));
}

#[test]
fn answers_that_nobody_takes_are_bounded() {
    let (memory, now) = (HookMemory::default(), Instant::now());
    for at in 0..=MAX_ANSWERED {
        memory.gated(&pre("a", &format!("echo {at}"), "/p"), &verdict(Decision::Allow, None), now);
    }
    assert!(!memory.answered(&mut shell("a", "echo 0", "/p"), now), "the oldest is forgotten, and gated again");
    assert!(memory.answered(&mut shell("a", "echo 1", "/p"), now));
}

#[tokio::test]
async fn a_tool_that_finished_and_was_never_gated_is_an_alert() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, bus) = (HookMemory::default(), bus(&folder));
    let alert = memory.unseen(&post(AgentHook::ClaudeCode, "t1"), &bus).unwrap();
    assert_eq!((alert.event_type.as_str(), alert.session.as_deref()), ("alert.raised", Some("s")));
    tollgate_events::payload::check("alert.raised", &alert.payload).unwrap();
    let payload: Value = serde_json::from_str(&alert.payload).unwrap();
    assert_eq!(payload["category"], "policy");
    assert_eq!(
        payload["context"],
        json!({"session_id": "s", "agent": "claude-code", "tool_name": "Bash", "call_id": "t1"})
    );

    // What the gate was asked about is none, nor is what asks.
    let pre = json!({"session_id": "s", "hook_event_name": "PreToolUse", "tool_name": "Bash",
        "tool_input": {"command": "ls"}, "tool_use_id": "t1"});
    let asks = AgentHook::ClaudeCode.read(pre.to_string().as_bytes(), CONTEXT).unwrap();
    assert!(memory.unseen(&asks, &bus).is_none());
    memory.gating(&asks);
    assert!(memory.unseen(&post(AgentHook::ClaudeCode, "t1"), &bus).is_none());
    assert!(memory.unseen(&post(AgentHook::ClaudeCode, "t2"), &bus).is_some());
    bus.close().await;
}

#[tokio::test]
async fn names_that_nobody_has_checked_are_shown_only_so_far() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, bus) = (HookMemory::default(), bus(&folder));
    let ran = |tool: &str, call_id: &str| {
        let line = json!({"session_id": "s", "hook_event_name": "PostToolUse", "tool_name": tool, "tool_input": {},
            "tool_use_id": call_id});
        let input = AgentHook::ClaudeCode.read(line.to_string().as_bytes(), CONTEXT).unwrap();
        let alert = memory.unseen(&input, &bus).unwrap();
        let fields = |payload: &str| serde_json::from_str::<Value>(payload).unwrap();
        (fields(&input.drafts[1].payload), fields(&alert.payload))
    };
    let long = |end: &str| format!("{}{end}", "n".repeat(MAX_PAYLOAD_BYTES));
    let (finished, alert) = ran(&long("a"), &long("b"));
    let shown = json!("n".repeat(MAX_NAME_BYTES));
    for fields in [&finished, &alert["context"]] {
        assert_eq!((&fields["tool_name"], &fields["call_id"]), (&shown, &shown));
    }
    assert!(alert.to_string().len() < 2_048, "{}", alert.to_string().len());
    // Which call it is about is told by all of it.
    assert_ne!(alert["alertId"], ran(&long("a"), &long("c")).1["alertId"]);
    bus.close().await;
}

fn gated(call_id: &str, input: &Value) -> Draft {
    let payload = json!({"session_id": "s", "tool_name": "Bash", "tool_input": input, "call_id": call_id});
    Draft::new(EventType::parse("tool.gated").unwrap(), "core", payload.to_string()).in_session("s")
}

#[tokio::test]
async fn what_is_forgotten_is_looked_for_in_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, bus) = (HookMemory::default(), bus(&folder));
    bus.emit(gated("t1", &json!({"call_id": "t2"}))).await.unwrap();
    assert!(memory.unseen(&post(AgentHook::Codex, "t1"), &bus).is_none());
    let other = memory.unseen(&post(AgentHook::Codex, "t2"), &bus);
    assert!(other.is_some(), "an input that names a call is not that call");
    bus.close().await;
}

#[tokio::test]
async fn the_search_in_the_journal_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let journal = JournalOptions { path: folder.path().join("journal.db"), durability: Durability::Normal };
    let bus = Bus::open(BusOptions { journal, filter: None, clock: Clock::system() }).unwrap();
    let memory = HookMemory::default();
    let known = |call_id: &str| memory.unseen(&post(AgentHook::Codex, call_id), &bus).is_none();
    // So many calls.
    bus.emit(gated("t0", &json!({}))).await.unwrap();
    let calls = (1..=SEARCHED).map(|at| gated(&format!("t{at}"), &json!({}))).collect();
    bus.emit_batch(calls).await.unwrap();
    let newest = format!("t{SEARCHED}");
    assert!(!known("t0") && known("t1") && known(&newest));
    // And so many bytes: what is read is over by no more than a page of 4 MiB.
    let large = json!({"command": "x ".repeat(100_000)});
    let events = SEARCHED_BYTES / 200_000 + 4 * 1024 * 1024 / 200_000 + 2;
    for at in 0..events {
        bus.emit(gated(&format!("l{at}"), &large)).await.unwrap();
    }
    assert!(!known(&newest) && known(&format!("l{}", events - 1)));
    bus.close().await;
}

#[test]
fn a_call_without_an_id_is_known_again_also_where_it_was_rewritten() {
    let memory = HookMemory::default();
    let line = |event: &str, command: &str| {
        let line = json!({"session_id": "s", "hook_event_name": event, "tool_name": "run_shell_command",
            "tool_input": {"command": command}});
        AgentHook::Gemini.read(line.to_string().as_bytes(), CONTEXT).unwrap()
    };
    let before = line("BeforeTool", "rm x");
    memory.gating(&before);
    memory.gated(&before, &verdict(Decision::Allow, Some(json!({"command": "trash x"}))), Instant::now());
    assert!(memory.knows(&line("AfterTool", "trash x")));
    assert!(memory.knows(&line("AfterTool", "rm x")));
    assert!(!memory.knows(&line("AfterTool", "rm y")));
}

#[test]
fn a_shell_line_that_only_its_own_event_told_of_is_known() {
    let memory = HookMemory::default();
    memory.gating(&shell("s", "ls", "/p"));
    assert!(
        memory.knows(&cursor(&json!({"conversation_id": "s", "hook_event_name": "postToolUse", "tool_name": "Shell",
        "tool_input": {"command": "ls"}, "tool_use_id": "t9"})))
    );
}

#[test]
fn remembered_calls_are_bounded() {
    let memory = HookMemory::default();
    let line = |event: &str, at: usize| {
        let line = json!({"session_id": "s", "hook_event_name": event, "tool_name": "Bash", "tool_input": {},
            "tool_use_id": at.to_string()});
        AgentHook::ClaudeCode.read(line.to_string().as_bytes(), CONTEXT).unwrap()
    };
    for at in 0..=MAX_GATED {
        memory.gating(&line("PreToolUse", at));
    }
    assert!(!memory.knows(&line("PostToolUse", 0)));
    assert!(memory.knows(&line("PostToolUse", 1)) && memory.knows(&line("PostToolUse", MAX_GATED)));
}
