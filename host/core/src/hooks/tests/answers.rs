//! The truth table: for every agent, event and verdict the exact bytes and the exit code. docs/agents.md explains it.

use super::*;

/// What the guard wants to run instead, where a row says so.
const OTHER: &str = r#"{"command":"ls"}"#;
/// What follows the reason where the agent cannot ask.
const PERSON: &str =
    "because — a person has to approve this and this agent cannot ask one; ask your user to run it, or try another way";
const UNSAID: &str = "the call has to run with another input, which this hook cannot say";
const UNASKED: &str = "the call has to run with another input, which this hook cannot ask for";

/// A verdict as the rows name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    Deny,
    Ask,
    /// Ask, of a call that a guard rewrote.
    AskOther,
    Allow,
    /// Allow, with [`OTHER`] as the input.
    AllowOther,
    Abstain,
}

/// What the hook's process does.
#[derive(Debug, Clone, Copy)]
enum Does {
    /// Exit 0, nothing said.
    Silent,
    /// Exit 0, this on standard output.
    Says(&'static str),
    /// Exit 2, this on standard error.
    Blocks(&'static str),
    /// Exit 2, the first on standard output and the second on standard error.
    SaysAndBlocks(&'static str, &'static str),
}

use AgentHook::{ClaudeCode, Codex, Cursor, Gemini, Generic};
use Does::{Blocks, Says, SaysAndBlocks, Silent};
use Given::{Abstain, Allow, AllowOther, Ask, AskOther, Deny};

#[rustfmt::skip]
const TABLE: [(AgentHook, &str, Given, Does); 54] = [
    (ClaudeCode, "PreToolUse", Deny, Blocks("because")),
    (ClaudeCode, "PreToolUse", Ask, Says(r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"ask","permissionDecisionReason":"because"}}"#)),
    (ClaudeCode, "PreToolUse", AskOther, Says(r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"ask","permissionDecisionReason":"because","updatedInput":{"command":"ls"}}}"#)),
    (ClaudeCode, "PreToolUse", Allow, Says(r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"allow","permissionDecisionReason":"because"}}"#)),
    (ClaudeCode, "PreToolUse", AllowOther, Says(r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"allow","permissionDecisionReason":"because","updatedInput":{"command":"ls"}}}"#)),
    (ClaudeCode, "PreToolUse", Abstain, Silent),
    (ClaudeCode, "PermissionRequest", Deny, Blocks("because")),
    (ClaudeCode, "PermissionRequest", Ask, Silent),
    (ClaudeCode, "PermissionRequest", AskOther, Blocks(UNASKED)),
    (ClaudeCode, "PermissionRequest", Allow, Says(r#"{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"allow"}}}"#)),
    (ClaudeCode, "PermissionRequest", AllowOther, Says(r#"{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"allow","updatedInput":{"command":"ls"}}}}"#)),
    (ClaudeCode, "PermissionRequest", Abstain, Silent),

    (Codex, "PreToolUse", Deny, Blocks("because")),
    (Codex, "PreToolUse", Ask, Blocks(PERSON)),
    (Codex, "PreToolUse", AskOther, Blocks(PERSON)),
    (Codex, "PreToolUse", Allow, Silent),
    (Codex, "PreToolUse", AllowOther, Says(r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"allow","permissionDecisionReason":"because","updatedInput":{"command":"ls"}}}"#)),
    (Codex, "PreToolUse", Abstain, Silent),
    (Codex, "PermissionRequest", Deny, Blocks("because")),
    (Codex, "PermissionRequest", Ask, Blocks(PERSON)),
    (Codex, "PermissionRequest", AskOther, Blocks(PERSON)),
    (Codex, "PermissionRequest", Allow, Silent),
    (Codex, "PermissionRequest", AllowOther, Blocks(UNSAID)),
    (Codex, "PermissionRequest", Abstain, Silent),

    (Gemini, "BeforeTool", Deny, Blocks("because")),
    (Gemini, "BeforeTool", Ask, Blocks(PERSON)),
    (Gemini, "BeforeTool", AskOther, Blocks(PERSON)),
    (Gemini, "BeforeTool", Allow, Silent),
    (Gemini, "BeforeTool", AllowOther, Says(r#"{"hookSpecificOutput":{"tool_input":{"command":"ls"}}}"#)),
    (Gemini, "BeforeTool", Abstain, Silent),

    (Cursor, "preToolUse", Deny, SaysAndBlocks(r#"{"permission":"deny","user_message":"because","agent_message":"because"}"#, "because")),
    (Cursor, "preToolUse", Ask, SaysAndBlocks(r#"{"permission":"deny","user_message":"because — a person has to approve this and this agent cannot ask one; ask your user to run it, or try another way","agent_message":"because — a person has to approve this and this agent cannot ask one; ask your user to run it, or try another way"}"#, PERSON)),
    (Cursor, "preToolUse", Allow, Says(r#"{"permission":"allow"}"#)),
    (Cursor, "preToolUse", AllowOther, Says(r#"{"permission":"allow","updated_input":{"command":"ls"}}"#)),
    (Cursor, "preToolUse", Abstain, Says(r#"{"permission":"allow"}"#)),
    (Cursor, "beforeShellExecution", Deny, SaysAndBlocks(r#"{"permission":"deny","user_message":"because","agent_message":"because"}"#, "because")),
    (Cursor, "beforeShellExecution", Ask, Says(r#"{"permission":"ask","user_message":"because","agent_message":"because"}"#)),
    (Cursor, "beforeShellExecution", AskOther, SaysAndBlocks(r#"{"permission":"deny","user_message":"because — a person has to approve this and this agent cannot ask one; ask your user to run it, or try another way","agent_message":"because — a person has to approve this and this agent cannot ask one; ask your user to run it, or try another way"}"#, PERSON)),
    (Cursor, "beforeShellExecution", Allow, Says(r#"{"permission":"allow"}"#)),
    (Cursor, "beforeShellExecution", AllowOther, SaysAndBlocks(r#"{"permission":"deny","user_message":"the call has to run with another input, which this hook cannot say","agent_message":"the call has to run with another input, which this hook cannot say"}"#, UNSAID)),
    (Cursor, "beforeShellExecution", Abstain, Says(r#"{"permission":"allow"}"#)),
    (Cursor, "beforeMCPExecution", Deny, SaysAndBlocks(r#"{"permission":"deny","user_message":"because","agent_message":"because"}"#, "because")),
    (Cursor, "beforeMCPExecution", Abstain, Says(r#"{"permission":"allow"}"#)),
    (Cursor, "beforeReadFile", Deny, SaysAndBlocks(r#"{"permission":"deny","user_message":"because","agent_message":"because"}"#, "because")),
    (Cursor, "beforeReadFile", AllowOther, SaysAndBlocks(r#"{"permission":"deny","user_message":"the call has to run with another input, which this hook cannot say","agent_message":"the call has to run with another input, which this hook cannot say"}"#, UNSAID)),
    (Cursor, "beforeReadFile", Abstain, Says(r#"{"permission":"allow"}"#)),

    (Generic, "pre_tool", Deny, SaysAndBlocks(r#"{"decision":"deny","reason":"because","cause":"rule","rewritten_input":null,"approval_id":null,"call_id":"c"}"#, "because")),
    (Generic, "pre_tool", Ask, Says(r#"{"decision":"ask","reason":"because","cause":null,"rewritten_input":null,"approval_id":null,"call_id":"c"}"#)),
    (Generic, "pre_tool", Allow, Says(r#"{"decision":"allow","reason":"because","cause":null,"rewritten_input":null,"approval_id":null,"call_id":"c"}"#)),
    (Generic, "pre_tool", AllowOther, Says(r#"{"decision":"allow","reason":"because","cause":null,"rewritten_input":{"command":"ls"},"approval_id":null,"call_id":"c"}"#)),
    (Generic, "pre_tool", Abstain, Says(r#"{"decision":"abstain","reason":"because","cause":null,"rewritten_input":null,"approval_id":null,"call_id":"c"}"#)),
    (Generic, "permission_request", Deny, SaysAndBlocks(r#"{"decision":"deny","reason":"because","cause":"rule","rewritten_input":null,"approval_id":null,"call_id":"c"}"#, "because")),
    (Generic, "permission_request", Ask, Says(r#"{"decision":"ask","reason":"because","cause":null,"rewritten_input":null,"approval_id":null,"call_id":"c"}"#)),
    (Generic, "permission_request", Allow, Says(r#"{"decision":"allow","reason":"because","cause":null,"rewritten_input":null,"approval_id":null,"call_id":"c"}"#)),
];

fn given(row: Given) -> Verdict {
    let decision = match row {
        Deny => Decision::Deny,
        Ask | AskOther => Decision::Ask,
        Allow | AllowOther => Decision::Allow,
        Abstain => Decision::Abstain,
    };
    let other = matches!(row, AskOther | AllowOther).then(|| serde_json::from_str(OTHER).unwrap());
    verdict(decision, other)
}

#[test]
fn every_agent_gets_these_bytes_and_this_exit() {
    for (agent, event, row, does) in TABLE {
        let answer = agent.answer(&input(agent, event), &given(row));
        let (exit, stdout, stderr) = match does {
            Silent => (EXIT_PASS, "", String::new()),
            Says(json) => (EXIT_PASS, json, String::new()),
            Blocks(words) => (EXIT_BLOCK, "", format!("{words}\n")),
            SaysAndBlocks(json, words) => (EXIT_BLOCK, json, format!("{words}\n")),
        };
        let expected = HookAnswer { exit, stdout: stdout.to_owned(), stderr };
        assert_eq!(answer, expected, "{agent} {event} {row:?}");
    }
}

#[test]
fn no_verdict_but_an_allowing_one_ever_lets_a_call_through_in_an_agent_that_cannot_ask() {
    for agent in [Codex, Gemini, Cursor] {
        for event in ["PreToolUse", "BeforeTool", "preToolUse", "beforeMCPExecution", "beforeReadFile"] {
            for row in [Deny, Ask, AskOther] {
                assert_eq!(agent.answer(&input(agent, event), &given(row)).exit, EXIT_BLOCK, "{agent} {event} {row:?}");
            }
        }
    }
}

#[test]
fn without_an_opinion_the_agent_s_own_rules_hold() {
    let check = |agent: AgentHook, event: &str, stdout: &str| {
        let expected = HookAnswer { stdout: stdout.to_owned(), ..HookAnswer::pass() };
        assert_eq!(agent.no_opinion(&input(agent, event)), expected, "{agent} {event}");
    };
    check(ClaudeCode, "PreToolUse", "");
    check(Codex, "PreToolUse", "");
    check(Gemini, "BeforeTool", "");
    check(Cursor, "preToolUse", r#"{"permission":"allow"}"#);
    check(Cursor, "beforeReadFile", r#"{"permission":"allow"}"#);
    check(Cursor, "stop", "");
    check(Generic, "pre_tool", r#"{"decision":"abstain"}"#);
    check(Generic, "stop", "");
}
