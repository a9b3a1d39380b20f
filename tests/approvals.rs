//! A person's yes and no, over the real binary: what an approval allows, how often, for how long, and who may give it.

use crate::support::http::{Answer, Request, over_port};
use crate::support::{Daemon, Home, stderr, stdout, wait_for};
use serde_json::{Value, json};
use std::fs;
use std::process::Output;

/// Long enough for a caller that waits for a person, in milliseconds: it is answered as soon as there is one.
const WAIT_MS: u64 = 60_000;
/// Callers that hope for the same approval at the same time.
const CALLERS: usize = 8;
const PUSH: &str = "git push origin main";

/// A home whose policy has a person asked about pushes, each time anew about those to `live`.
fn asking(configuration: &str) -> Home {
    let home = Home::without_plugins();
    home.configure(configuration);
    policy(&home, "");
    home
}

fn policy(home: &Home, settings: &str) {
    fs::create_dir_all(home.path().join("policies")).expect("a folder");
    let rules = "rules:\n\
        - {name: live, tool: Bash, match: {program: git, subcommand: push}, command_patterns: ['\\blive\\b'], action: require_approval, risk_level: high, reason: live is what customers see}\n\
        - {name: push, tool: Bash, match: {program: git, subcommand: push}, action: require_approval, reason: main is released from}\n";
    let policy = format!("version: 1\nname: team\nsettings: {{{settings}}}\n{rules}");
    fs::write(home.path().join("policies/team.yaml"), policy).expect("a policy file");
}

fn gate(home: &Home, daemon: &Daemon, session: &str, command: &str) -> Value {
    daemon.gate(session, &home.workspace(), command, 0)
}

/// The approval that a call waits for.
fn pending(home: &Home, daemon: &Daemon, session: &str, command: &str) -> String {
    let verdict = gate(home, daemon, session, command);
    assert_eq!((&verdict["decision"], &verdict["cause"]), (&json!("deny"), &json!("pending")), "{verdict}");
    let id = verdict["approval_id"].as_str().expect("an approval id").to_owned();
    assert!(verdict["reason"].as_str().unwrap().contains(&id), "the agent is not told what it waits for: {verdict}");
    id
}

fn allowed(home: &Home, daemon: &Daemon, session: &str, command: &str, via: &str) {
    let verdict = gate(home, daemon, session, command);
    assert_eq!(verdict["decision"], "allow", "{session}, {command}: {verdict}");
    let told = daemon.events("tool.allowed").pop().expect("it is on record");
    assert_eq!((&told["payload"]["via"], &told["seq"]), (&json!(via), &verdict["seq"][1]), "{told}");
}

/// Runs a command that must end with `code` and say each of `says`.
fn told(home: &Home, arguments: &[&str], code: i32, says: &[&str]) -> Output {
    let output = home.tollgate(arguments);
    let words = format!("{}{}", stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {words}");
    for part in says {
        assert!(words.contains(part), "{arguments:?} does not say {part:?}: {words}");
    }
    output
}

fn listed(home: &Home) -> Vec<String> {
    let output = told(home, &["approvals", "list", "--json"], 0, &[]);
    let list: Value = serde_json::from_slice(&output.stdout).expect("one object");
    let ids = list["interactions"].as_array().expect("a list").iter();
    ids.map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_approval_outlives_kill_9_and_allows_its_call_once() {
    let home = asking("");
    let daemon = home.start();
    let id = pending(&home, &daemon, "s1", PUSH);
    daemon.kill();
    let daemon = home.start();
    assert_eq!(listed(&home), [id.as_str()]);
    assert_eq!(pending(&home, &daemon, "s1", PUSH), id, "the same call waits for the same answer");
    told(&home, &["approvals"], 0, &[&id, "approval", "pending", "s1", "Bash: main is released from"]);
    told(&home, &["approvals", "show", &id], 0, &[PUSH, "\"decided_by\": \"team/push\""]);
    told(&home, &["approvals", "approve", &id], 0, &[&id, "resolved approve"]);
    // What was approved and not used yet outlives it too.
    daemon.kill();
    let daemon = home.start();
    let others: Vec<String> =
        [("s1", "git push origin main --tags"), ("s1", "git push origin main; git push origin main"), ("s2", PUSH)]
            .iter()
            .map(|(session, command)| pending(&home, &daemon, session, command))
            .collect();
    let elsewhere = home.workspace().join("below");
    fs::create_dir(&elsewhere).expect("a folder");
    assert_eq!(daemon.gate("s1", &elsewhere, PUSH, 0)["cause"], "pending", "another folder is another call");

    let verdicts: Vec<Value> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(|| gate(&home, &daemon, "s1", PUSH))).collect();
        callers.into_iter().map(|caller| caller.join().expect("a caller")).collect()
    });
    let through: Vec<&Value> = verdicts.iter().filter(|verdict| verdict["decision"] == "allow").collect();
    assert_eq!(through.len(), 1, "once, whoever asks at the same time: {verdicts:?}");
    assert_eq!(through[0]["approval_id"], json!(id));
    assert_eq!(daemon.events("tool.allowed").len(), 1);
    // A second yes makes it no better, and a crash does not either.
    told(&home, &["approvals", "approve", &id], 1, &["it was resolved before, by", "approve"]);
    told(&home, &["approvals", "reject", &id], 1, &["it was resolved before, by", "approve"]);
    daemon.kill();
    let daemon = home.start();
    let again = pending(&home, &daemon, "s1", PUSH);
    assert!(again != id && !others.contains(&again), "it asks anew");
    assert_eq!(daemon.events("interaction.resolved").len(), 1);
}

#[test]
fn a_grant_allows_what_is_like_it_until_it_is_taken_back() {
    let home = asking("");
    let daemon = home.start();
    told(&home, &["grants", "list"], 0, &["no grants"]);
    let id = pending(&home, &daemon, "s1", PUSH);
    told(&home, &["approvals", "approve", &id, "--all"], 0, &["resolved approve_all"]);
    allowed(&home, &daemon, "s1", PUSH, "approval");
    daemon.kill();
    let daemon = home.start();
    let output = told(&home, &["grants", "list", "--session", "s1", "--json"], 0, &[]);
    let grants: Value = serde_json::from_slice(&output.stdout).expect("one object");
    let key = "team/push Bash git push origin";
    assert_eq!((grants["grants"].as_array().map(Vec::len), &grants["grants"][0]["key"]), (Some(1), &json!(key)));
    told(&home, &["grants", "list"], 0, &["s1", key]);
    for command in [PUSH, PUSH, "git push origin fix"] {
        allowed(&home, &daemon, "s1", command, "grant");
    }
    // Another session's call, another remote, another program beside it, and what is asked about every time.
    for (session, command) in
        [("s2", PUSH), ("s1", "git push fork main"), ("s1", "git push origin main && git push fork main")]
    {
        pending(&home, &daemon, session, command);
    }
    let live = pending(&home, &daemon, "s1", "git push origin live");
    told(&home, &["approvals", "approve", &live, "--all"], 1, &["`approve_all` is not for this call"]);
    assert!(listed(&home).contains(&live), "what was refused answers nothing");

    told(&home, &["grants", "revoke", "s1", key], 0, &["is asked about again"]);
    pending(&home, &daemon, "s1", PUSH);
    told(&home, &["grants", "revoke", "s1", key], 1, &["s1", "no grant", "tollgate grants list"]);
    let types: Vec<String> =
        daemon.events("session.*").iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(types, ["session.granted", "session.revoked"]);
}

#[test]
fn a_caller_that_waits_hears_the_answer_and_an_unknown_question_has_none() {
    let home = asking("");
    let daemon = home.start();
    for (answer, decision, cause, says) in [
        (["approve"].as_slice(), "allow", Value::Null, "approved"),
        (&["reject", "--reason", "not on a friday"], "deny", json!("person"), "not on a friday"),
        (&["reject"], "deny", json!("person"), "a person said no"),
    ] {
        let verdict = std::thread::scope(|scope| {
            let caller = scope.spawn(|| daemon.gate("s1", &home.workspace(), PUSH, WAIT_MS));
            let id = wait_for("the question", || listed(&home).into_iter().next());
            let (verb, more) = answer.split_first().unwrap();
            told(&home, &[&["approvals", verb, &id], more].concat(), 0, &["resolved", verb]);
            caller.join().expect("a caller")
        });
        assert_eq!((&verdict["decision"], &verdict["cause"]), (&json!(decision), &cause), "{answer:?}: {verdict}");
        assert!(verdict["reason"].as_str().unwrap().contains(says), "{answer:?}: {verdict}");
    }
    told(&home, &["approvals"], 0, &["nothing waits for an answer"]);
    for verb in ["approve", "reject", "show"] {
        told(&home, &["approvals", verb, "0199-none"], 1, &["there is no interaction `0199-none`"]);
    }
    told(&home, &["approvals", "approve"], 64, &["<ID>"]);
    drop(daemon);
    told(&home, &["approvals", "approve", "0199-none"], 69, &["tollgate run"]);
}

#[test]
fn an_approval_runs_out_as_the_policy_says_and_is_worth_nothing_then() {
    let home = asking("");
    policy(&home, "approval_timeout_seconds: 1");
    let daemon = home.start();
    let id = pending(&home, &daemon, "s1", PUSH);
    // Its time runs while no daemon does.
    daemon.kill();
    let daemon = home.start();
    let ended = wait_for("its end", || daemon.events("interaction.resolved").into_iter().next());
    assert_eq!((&ended["payload"]["interaction_id"], &ended["payload"]["decision"]), (&json!(id), &json!("expired")));
    told(&home, &["approvals"], 0, &["nothing waits for an answer"]);
    told(&home, &["approvals", "list", "--all"], 0, &[&id, "expired"]);
    told(&home, &["approvals", "approve", &id], 1, &["it was expired before"]);
    let verdict = daemon.gate("s1", &home.workspace(), PUSH, WAIT_MS);
    assert_eq!((&verdict["decision"], &verdict["cause"]), (&json!("deny"), &json!("expired")), "{verdict}");
    assert_ne!(verdict["approval_id"], json!(id), "it asked anew");
    // A question that is no approval has its asker's time.
    let ask = json!({"kind": "question", "text": "which colour?", "session": "s1", "ttl_ms": 100}).to_string();
    let (status, asked) = daemon.post("/api/interactions", &ask).expect("the daemon answers");
    assert_eq!((status, &asked["state"]), (200, &json!("pending")), "{asked}");
    let path = format!("/api/interactions/{}", asked["id"].as_str().unwrap());
    wait_for("its end", || (daemon.get(&path).expect("the daemon answers")["state"] == "expired").then_some(()));
}

#[test]
fn only_the_approvers_token_answers() {
    let home = asking("");
    let daemon = home.start();
    let id = pending(&home, &daemon, "s1", PUSH);
    let (address, path) = (daemon.address(), format!("/api/interactions/{id}"));
    let (client, approver) = (home.token("token"), home.token("approver-token"));
    let answer = |token: Option<&str>| -> Answer {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("host", address.as_str()), ("content-type", "application/json")];
        headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        let request = Request { method: "POST", path: &path, headers: &headers, body: r#"{"decision":"approve"}"# };
        over_port(&address, request).expect("the daemon answers")
    };
    let cut = &approver[..approver.len() - 1];
    for (token, status, code) in [
        (None, 401, "unauthorised"),
        (Some(""), 401, "unauthorised"),
        (Some(cut), 401, "unauthorised"),
        (Some(&*client), 403, "forbidden"),
    ] {
        let (got, body) = answer(token);
        assert_eq!((got, &body["error"]["code"]), (status, &json!(code)), "{token:?}: {body}");
        assert!(!body.to_string().contains(&approver[..8]), "an error must not help: {body}");
    }
    // The socket's peers are clients as well, agents among them.
    let (got, body) = daemon.post(&path, r#"{"decision":"approve"}"#).expect("the daemon answers");
    assert_eq!((got, &body["error"]["code"]), (403, &json!("forbidden")), "{body}");
    assert_eq!(daemon.post_as(&client, &path, "{}").expect("the daemon answers").0, 403);
    assert_eq!(listed(&home), [id.as_str()], "nothing of that answered it");
    let (got, body) = answer(Some(&approver));
    assert_eq!((got, &body["first"], &body["interaction"]["state"]), (200, &json!(true), &json!("resolved")), "{body}");
    allowed(&home, &daemon, "s1", PUSH, "approval");
}

#[test]
fn without_anyone_to_ask_a_call_is_denied_at_once() {
    let home = asking("[gate]\napprovers = false\n");
    let daemon = home.start();
    let verdict = daemon.gate("s1", &home.workspace(), PUSH, WAIT_MS);
    assert_eq!((&verdict["decision"], &verdict["cause"]), (&json!("deny"), &json!("no_approver")), "{verdict}");
    assert_eq!(verdict["approval_id"], Value::Null);
    assert_eq!(listed(&home), Vec::<String>::new());
    assert_eq!(daemon.events("interaction.*").len(), 0);
    assert_eq!(daemon.events("tool.denied")[0]["payload"]["violation_type"], "approval");
    // A caller that asks its own user still may.
    let folder = home.workspace();
    let call = ["gate", "Bash", "--command", PUSH, "--can-ask", "--cwd", folder.to_str().unwrap()];
    told(&home, &call, 3, &["ask", "team/push"]);
}

/// Runs an agent's hook before a push.
fn hook(home: &Home, agent: &str, event: &str) -> Output {
    let input = json!({"session_id": agent, "hook_event_name": event, "cwd": home.workspace(), "tool_name": "Bash",
        "tool_input": {"command": PUSH}, "tool_use_id": agent});
    home.tollgate_with(["hook", agent], input.to_string().as_bytes())
}

#[test]
fn the_hook_of_an_agent_that_cannot_ask_waits_for_a_person() {
    let home = asking("");
    let _daemon = home.start();
    for (agent, event, allowed) in [
        ("codex", "PreToolUse", ""),
        ("gemini", "BeforeTool", ""),
        ("cursor", "preToolUse", r#"{"permission":"allow"}"#),
    ] {
        let output = std::thread::scope(|scope| {
            let hook = scope.spawn(|| hook(&home, agent, event));
            let id = wait_for("a question", || listed(&home).pop());
            told(&home, &["approvals", "approve", &id], 0, &[]);
            hook.join().expect("the hook ends")
        });
        assert_eq!(
            (output.status.code(), stdout(&output).as_str()),
            (Some(0), allowed),
            "{agent}: {}",
            stderr(&output)
        );
    }
    // Its time over, the call is denied and the question stays.
    home.configure("[hooks.codex]\ntimeout_ms = 1000\n");
    let output = hook(&home, "codex", "PreToolUse");
    let id = listed(&home).pop().expect("the question stays");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains(&id), "{}", stderr(&output));
    told(&home, &["approvals", "approve", &id], 0, &[]);
    let output = hook(&home, "codex", "PreToolUse");
    assert_eq!(output.status.code(), Some(0), "the same call once more: {}", stderr(&output));
    // One that can ask is told to, at once.
    let output = hook(&home, "claude-code", "PreToolUse");
    assert!(stdout(&output).contains(r#""permissionDecision":"ask""#), "{}", stdout(&output));
    assert_eq!(listed(&home), Vec::<String>::new());
}
