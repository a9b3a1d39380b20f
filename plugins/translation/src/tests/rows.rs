//! An example for each row of the tables: what comes in, and all that goes out.

use super::*;
use crate::source::Scope;

/// Event, payload, and what it becomes.
type Example = (&'static str, Value, Vec<(&'static str, Value)>);

fn work(kind: &str, payload: &Value) -> (&'static str, Value) {
    let time = 1_700_000_000_000_u64;
    let value = json!({"agentId": "s1", "sessionId": "s1", "type": kind, "payload": payload, "timestamp": time});
    ("work_stream.event", value)
}

/// The kernel's events as the frontend knows them.
fn kernel() -> Vec<Example> {
    let interrupt = |kind: &str| {
        json!({"pid": "p", "interrupt_type": kind, "question": "q?", "message": "m",
        "confirmation_id": "c1", "resource": "tokens", "usage": 11, "quota": 10})
    };
    let exhausted = json!({"request_id": "p", "resource": "tokens", "usage": 11, "quota": 10});
    let ended = |status: &str| vec![("orchestrator.completed", json!({"request_id": 7, "status": status}))];
    let asked = json!({"request_id": "p", "clarification_question": "q?", "thread_id": "p"});
    let confirm = json!({"request_id": "p", "confirmation_message": "m", "confirmation_id": "c1"});
    vec![
        (
            "process.created",
            json!({"pid": 7, "request_id": "r1"}),
            vec![("orchestrator.started", json!({"request_id": "r1", "pid": 7}))],
        ),
        ("process.state_changed", json!({"pid": 7, "state": "ready"}), vec![]),
        ("process.state_changed", json!({"pid": 7, "state": "RUNNING"}), vec![]),
        ("process.state_changed", json!({"pid": 7, "state": "waiting"}), vec![]),
        ("process.state_changed", json!({"pid": 7, "state": "blocked"}), vec![]),
        ("process.state_changed", json!({"pid": 7, "state": "terminated", "status": "completed"}), ended("completed")),
        ("process.state_changed", json!({"pid": 7, "state": "TERMINATED", "status": "failed"}), ended("failed")),
        ("process.state_changed", json!({"pid": 7, "state": "terminated", "status": "cancelled"}), ended("cancelled")),
        (
            "process.state_changed",
            json!({"pid": 7, "state": "terminated", "status": "resource_exhausted"}),
            ended("resource_exhausted"),
        ),
        ("interrupt.raised", interrupt("clarification"), vec![("orchestrator.clarification", asked)]),
        ("interrupt.raised", interrupt("CONFIRMATION"), vec![("orchestrator.confirmation", confirm)]),
        (
            "interrupt.raised",
            interrupt("resource_exhausted"),
            vec![("orchestrator.resource_exhausted", exhausted.clone())],
        ),
        (
            "resource.exhausted",
            json!({"pid": "p", "resource": "tokens", "usage": 11, "quota": 10}),
            vec![("orchestrator.resource_exhausted", exhausted)],
        ),
        (
            "process.cancelled",
            json!({"pid": "p", "reason": "by hand"}),
            vec![("orchestrator.cancelled", json!({"request_id": "p", "reason": "by hand"}))],
        ),
        ("interrupt.raised", interrupt("agent_review"), vec![]),
        ("interrupt.raised", interrupt("checkpoint"), vec![]),
    ]
}

/// The runner's events as the user interface knows them.
fn runner() -> Vec<Example> {
    let started = json!({"providerId": "p", "providerVersion": "1", "workspacePath": "/w", "roomPath": "v/a"});
    let spawn = json!({"agentId": "s1", "providerId": "p", "roomPath": "v/a", "sessionId": "s1"});
    let ended = json!({"finalState": "done", "exitCode": 0, "totalDurationMs": 5, "totalUsage": {"tokens": 1}});
    let killed = json!({"finalState": "killed", "totalDurationMs": 5});
    let left = |state: &str| ("agent.disconnect", json!({"agentId": "s1", "finalState": state, "sessionId": "s1"}));
    let mut examples = vec![
        ("session.started", started.clone(), vec![work("session_start", &started), ("agent.spawn", spawn)]),
        ("session.ended", ended.clone(), vec![work("session_end", &ended), left("done")]),
        ("session.ended", killed.clone(), vec![work("session_end", &killed), left("killed")]),
        ("alert.raised", json!({"alertId": "a"}), vec![]),
        ("usage.tick", json!({"providerId": "p"}), vec![]),
        ("file.touched", json!({"path": "p", "roomPath": "r", "reason": "renamed"}), vec![]),
    ];
    for (from, payload, kind) in [
        ("session.state_changed", json!({"previousState": "a", "newState": "b"}), "status_change"),
        ("session.state_changed", json!({"previousState": "a", "newState": "b", "reason": "c"}), "status_change"),
        ("approval.requested", json!({"approval": {"id": "a1"}}), "status_change"),
        ("approval.resolved", json!({"approvalId": "a1", "decision": "approve", "resolvedBy": "u"}), "status_change"),
        (
            "approval.resolved",
            json!({"approvalId": "a1", "decision": "reject", "resolvedBy": "u", "note": "no"}),
            "status_change",
        ),
        ("terminal.chunk", json!({"data": "x", "stream": "stdout"}), "output"),
        ("file.touched", json!({"path": "p", "roomPath": "r", "reason": "read"}), "file_read"),
        ("file.touched", json!({"path": "p", "roomPath": "r", "reason": "diff"}), "file_read"),
        ("file.touched", json!({"path": "p", "roomPath": "r", "reason": "write"}), "file_edit"),
        ("file.touched", json!({"path": "p", "roomPath": "r", "reason": "delete"}), "file_delete"),
        ("diff.summary", json!({"filesChanged": 1, "linesAdded": 2, "linesRemoved": 3, "files": []}), "file_edit"),
        ("test_run.started", json!({"command": "c", "testFiles": ["t"]}), "test_start"),
        (
            "test_run.finished",
            json!({"exitCode": 0, "passed": 1, "failed": 0, "skipped": 0, "duration": 9}),
            "test_finish",
        ),
        ("test_run.finished", json!({"passed": 1, "failed": 1, "skipped": 0, "duration": 9}), "test_finish"),
    ] {
        examples.push((from, payload.clone(), vec![work(kind, &payload)]));
    }
    examples
}

#[test]
fn each_example_becomes_what_it_should_and_nothing_more() {
    for (from, payload, to) in kernel().into_iter().chain(runner()) {
        mock::reset();
        check(from, &payload, &to);
    }
}

#[test]
fn every_row_has_an_example() {
    let rules = translation("{}").rules;
    let examples: Vec<Example> = kernel().into_iter().chain(runner()).collect();
    for (at, rule) in rules.iter().enumerate() {
        let tried = examples.iter().any(|(from, payload, to)| {
            let event = mock::event(from, &payload.to_string());
            let applies =
                rule.starts_from(&EventType::parse(from).unwrap()) && rule.holds(&Scope { event: &event, payload });
            applies && rule.to().is_none_or(|made| to.iter().any(|(name, _)| *name == made))
        });
        assert!(tried, "row {at} of tables.json has no example: {rule:?}");
    }
}

#[test]
fn what_the_host_makes_of_hooks_is_not_made_twice() {
    let rules = translation("{}").rules;
    for name in ["hook.pre_tool", "hook.post_tool", "hook.user_prompt", "hook.stop", "hook.session_start"] {
        let event_type = EventType::parse(name).unwrap();
        assert!(rules.iter().all(|rule| !rule.starts_from(&event_type)), "{name}");
    }
}

#[test]
fn nothing_is_dropped_after_the_end_of_a_session() {
    mock::reset();
    send("session.ended", &json!({"finalState": "done", "totalDurationMs": 5}));
    let late = json!({"data": "late", "stream": "stdout"});
    check("terminal.chunk", &late, &[work("output", &late)]);
}
