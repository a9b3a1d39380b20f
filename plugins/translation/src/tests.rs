//! Every row of the tables, and what the tables must not do.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use serde_json::json;
use tollgate_sdk::{events, mock};

fn translation(config: &str) -> Translation {
    let mut made = Translation::default();
    made.init(&Config::new(config)).unwrap();
    made
}

fn send(event_type: &str, payload: &Value) -> Vec<(String, Value)> {
    send_with("{}", event_type, payload)
}

/// Hands one event to the plugin; what it emitted for it.
fn send_with(config: &str, event_type: &str, payload: &Value) -> Vec<(String, Value)> {
    mock::with(|host| host.emits.clear());
    let event = Event { session: Some("s1".into()), ..mock::event(event_type, &payload.to_string()) };
    translation(config).handle(&event).unwrap();
    mock::emits().into_iter().map(|draft| (draft.type_, serde_json::from_str(&draft.payload).unwrap())).collect()
}

/// `payload` of `from` becomes exactly `to`, each of a shape that the bus accepts.
fn check(from: &str, payload: &Value, to: &[(&str, Value)]) {
    let found = send(from, payload);
    let wanted: Vec<(String, Value)> = to.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    assert_eq!(found, wanted, "{from} {payload}");
    for (name, value) in found {
        events::payload::check(&name, &value.to_string()).unwrap();
    }
}

fn work(kind: &str, payload: &Value) -> (&'static str, Value) {
    let time = 1_700_000_000_000_u64;
    let value = json!({"agentId": "s1", "sessionId": "s1", "type": kind, "payload": payload, "timestamp": time});
    ("work_stream.event", value)
}

#[test]
fn kernel_events_become_frontend_events() {
    check(
        "process.created",
        &json!({"pid": 7, "request_id": "r1"}),
        &[("orchestrator.started", json!({"request_id": "r1", "pid": 7}))],
    );
    let interrupt = |kind: &str| {
        json!({"pid": "p", "interrupt_type": kind, "question": "q?", "message": "m",
        "confirmation_id": "c1", "resource": "tokens", "usage": 11, "quota": 10})
    };
    check(
        "interrupt.raised",
        &interrupt("clarification"),
        &[("orchestrator.clarification", json!({"request_id": "p", "clarification_question": "q?", "thread_id": "p"}))],
    );
    check(
        "interrupt.raised",
        &interrupt("CONFIRMATION"),
        &[(
            "orchestrator.confirmation",
            json!({"request_id": "p", "confirmation_message": "m", "confirmation_id": "c1"}),
        )],
    );
    let exhausted = json!({"request_id": "p", "resource": "tokens", "usage": 11, "quota": 10});
    let exhausted = [("orchestrator.resource_exhausted", exhausted)];
    check("interrupt.raised", &interrupt("resource_exhausted"), &exhausted);
    check("resource.exhausted", &json!({"pid": "p", "resource": "tokens", "usage": 11, "quota": 10}), &exhausted);
    check(
        "process.cancelled",
        &json!({"pid": "p", "reason": "by hand"}),
        &[("orchestrator.cancelled", json!({"request_id": "p", "reason": "by hand"}))],
    );
    check("interrupt.raised", &interrupt("agent_review"), &[]);
    check("interrupt.raised", &interrupt("checkpoint"), &[]);
    check("process.state_changed", &json!({"pid": "p", "state": "blocked"}), &[]);
}

/// The status that a process ends with, after `before`, when it terminates with `more`.
fn ends_as(before: &[(&str, Value)], more: &Value, status: &str) {
    mock::reset();
    for (event_type, payload) in before {
        send(event_type, payload);
    }
    let mut payload = json!({"pid": 1, "state": "TERMINATED"});
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    check("process.state_changed", &payload, &[("orchestrator.completed", json!({"request_id": 1, "status": status}))]);
}

#[test]
fn a_process_ends_as_what_ended_it() {
    let exhausted = ("resource.exhausted", json!({"pid": 1, "resource": "tokens", "usage": 2, "quota": 1}));
    let running = ("process.state_changed", json!({"pid": 1, "state": "running"}));
    ends_as(&[], &json!({}), "completed");
    ends_as(&[], &json!({"status": "failed"}), "failed");
    ends_as(&[], &json!({"reason": "denied"}), "cancelled");
    ends_as(&[], &json!({"reason": "quota_exceeded"}), "resource_exhausted");
    ends_as(&[], &json!({"exit_code": 3}), "failed");
    ends_as(&[], &json!({"exit_code": 0}), "completed");
    ends_as(std::slice::from_ref(&exhausted), &json!({}), "resource_exhausted");
    ends_as(&[exhausted, running], &json!({}), "completed");
}

#[test]
fn a_process_has_one_terminal_event_until_it_begins_anew() {
    let terminated = json!({"pid": 1, "state": "terminated"});
    let cancelled = json!({"pid": 1, "reason": "x"});
    assert_eq!(send("process.cancelled", &cancelled).len(), 1);
    assert_eq!(send("process.state_changed", &terminated), []);
    assert_eq!(send("process.cancelled", &cancelled), []);
    assert_eq!(send("process.cancelled", &json!({"pid": 2, "reason": "x"})).len(), 1, "another process");
    send("process.created", &json!({"pid": 1, "request_id": "r"}));
    assert_eq!(send("process.state_changed", &terminated).len(), 1);
}

#[test]
fn what_is_remembered_is_bounded() {
    for pid in 0..memory::MAX_REMEMBERED + 10 {
        memory::remember(&memory::ended(&format!("{pid}-{}", "x".repeat(300))), b"1").unwrap();
    }
    let (keys, bytes) = mock::with(|host| {
        let bytes = host.store.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
        (host.store.keys().filter(|key| key.starts_with("ended/")).count(), bytes)
    });
    assert_eq!(u64::try_from(keys).unwrap(), memory::MAX_REMEMBERED);
    assert!(bytes < 1 << 19, "{bytes} bytes");
}

#[test]
fn runner_events_become_work_stream_events() {
    let started = json!({"providerId": "p", "providerVersion": "1", "workspacePath": "/w", "roomPath": "v/a"});
    let spawn = json!({"agentId": "s1", "providerId": "p", "roomPath": "v/a", "sessionId": "s1"});
    check("session.started", &started, &[work("session_start", &started), ("agent.spawn", spawn)]);
    let ended = json!({"finalState": "done", "exitCode": 0, "totalDurationMs": 5, "totalUsage": {"tokens": 1}});
    let disconnect = json!({"agentId": "s1", "finalState": "done", "sessionId": "s1"});
    check("session.ended", &ended, &[work("session_end", &ended), ("agent.disconnect", disconnect)]);
    for (from, payload, kind) in [
        ("session.state_changed", json!({"previousState": "a", "newState": "b"}), "status_change"),
        ("approval.requested", json!({"approval": {"id": "a1"}}), "status_change"),
        ("approval.resolved", json!({"approvalId": "a1", "decision": "approve", "resolvedBy": "u"}), "status_change"),
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
    ] {
        check(from, &payload, &[work(kind, &payload)]);
    }
    check("alert.raised", &json!({"alertId": "a"}), &[]);
    check("usage.tick", &json!({"providerId": "p"}), &[]);
    // Nothing is dropped because a session has ended before.
    check(
        "terminal.chunk",
        &json!({"data": "late", "stream": "stdout"}),
        &[work("output", &json!({"data": "late", "stream": "stdout"}))],
    );
}

#[test]
fn missing_fields_become_null_and_are_counted() {
    for _ in 0..2 {
        let found = send("interrupt.raised", &json!({"pid": 1, "interrupt_type": "clarification"}));
        assert_eq!(found.first().unwrap().1.get("clarification_question"), Some(&Value::Null));
    }
    send("terminal.chunk", &json!({"data": "x"}));
    let stored = |key: &str| store::get(key).unwrap();
    assert_eq!(stored("missing/orchestrator.clarification.clarification_question"), Some(b"2".to_vec()));
    assert_eq!(stored("missing/work_stream.event.payload.stream"), Some(b"1".to_vec()));
}

#[test]
fn an_operator_adds_rows() {
    let config =
        json!({"rows": [{"from": "hook.*", "when": [{"path": "payload.agent", "in": ["codex"]}], "to": "my.hook",
        "fields": {"name": "event.type", "tool": "payload.tool.name", "fixed": {"const": 1},
                   "gone": {"path": "payload.gone", "optional": true}}}]})
        .to_string();
    let found = send_with(&config, "hook.pre_tool", &json!({"agent": "codex", "tool": {"name": "Bash"}}));
    assert_eq!(found, [("my.hook".to_owned(), json!({"fixed": 1, "name": "hook.pre_tool", "tool": "Bash"}))]);
    assert_eq!(send_with(&config, "hook.pre_tool", &json!({"agent": "other"})), []);
}

#[test]
fn what_it_made_itself_is_not_translated_again() {
    let payload = json!({"pid": 1, "request_id": "r"}).to_string();
    let event = Event { source: "plugin:translation".into(), ..mock::event("process.created", &payload) };
    translation("{}").handle(&event).unwrap();
    assert_eq!(mock::emits().len(), 0);
}

#[test]
fn a_bad_row_is_refused_with_its_place() {
    for (rows, word) in [
        (json!([{"from": "A.*"}]), "rows[0]: from"),
        (json!([{"from": "a.b"}, {"from": "a.b", "to": "one"}]), "rows[1]: to"),
        (json!([{"from": "a.b", "fields": {"x": "nowhere.y"}}]), "must begin with"),
        (json!([{"from": "a.b", "ends": "pid"}]), "must begin with"),
        (json!([{"from": "a.b", "unknown": 1}]), "unknown"),
        (Value::Array(vec![json!({"from": "a.b"}); 257]), "at most 256"),
    ] {
        let config = Config::new(json!({"rows": rows}).to_string());
        let error = Translation::default().init(&config).unwrap_err();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn a_process_that_lived_twice_is_remembered_by_its_second_life() {
    mock::reset();
    // The first life of process 1 takes the ring's first place.
    send("process.created", &json!({"pid": 1, "request_id": "r"}));
    send("process.state_changed", &json!({"pid": 1, "state": "terminated"}));
    for pid in 2..memory::MAX_REMEMBERED {
        memory::remember(&memory::ended(&format!("{pid}")), b"1").unwrap();
    }
    // Its second life takes the last place, and the next process the first one again.
    send("process.created", &json!({"pid": 1, "request_id": "r"}));
    let ended = send("process.state_changed", &json!({"pid": 1, "state": "terminated"})).len();
    send("process.cancelled", &json!({"pid": "other", "reason": "x"}));
    let again = send("process.cancelled", &json!({"pid": 1, "reason": "x"})).len();
    assert_eq!((ended, again), (1, 0), "a process ends once");
}
