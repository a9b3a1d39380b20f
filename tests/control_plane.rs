//! What a runner's session looks like to a client in its rooms, over the real binary: every type that a runner has, through
//! the plugin that translates them; and a session that a person answers from a room.

use crate::support::socketio::Client;
use crate::support::{Daemon, Home, wait_for};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tollgate_core::events::payload::RUNNER_TYPES;

const TS: &str = "2026-01-27T10:21:33Z";

/// What comes of an event: the name that clients know it by, and what they are told.
type Told = (&'static str, Value);

/// A payload of this type for each of its kinds, and what clients are told of it.
fn examples(event_type: &str) -> Vec<(Value, Vec<Told>)> {
    let work = |kind: &str, payload: &Value| {
        let told = json!({"agentId": "a1", "sessionId": "s1", "type": kind, "payload": payload});
        ("work_stream_event", told)
    };
    let same = |kind: &str, payload: Value| vec![(payload.clone(), vec![work(kind, &payload)])];
    match event_type {
        "session.started" => {
            let payload = json!({"providerId": "p", "providerVersion": "1", "workspacePath": "/w", "roomPath": "/r"});
            let spawn = json!({"agentId": "a1", "sessionId": "s1", "providerId": "p", "roomPath": "/r"});
            vec![(payload.clone(), vec![work("session_start", &payload), ("agent_spawn", spawn)])]
        }
        "session.state_changed" => {
            same("status_change", json!({"previousState": "CREATED", "newState": "RUNNING", "reason": "because"}))
        }
        "session.ended" => {
            let payload =
                json!({"finalState": "COMPLETED", "exitCode": 0, "totalDurationMs": 5, "totalUsage": {"t": 1}});
            let gone = json!({"agentId": "a1", "sessionId": "s1", "finalState": "COMPLETED"});
            vec![(payload.clone(), vec![work("session_end", &payload), ("agent_disconnect", gone)])]
        }
        "terminal.chunk" => same("output", json!({"data": "hello\n", "stream": "stdout"})),
        "file.touched" => {
            let kinds =
                [("read", "file_read"), ("diff", "file_read"), ("write", "file_edit"), ("delete", "file_delete")];
            let touched = |(reason, kind)| same(kind, json!({"path": "/w/a", "roomPath": "/r", "reason": reason}));
            kinds.into_iter().flat_map(touched).collect()
        }
        "diff.summary" => {
            same("file_edit", json!({"filesChanged": 1, "linesAdded": 2, "linesRemoved": 3, "files": ["a"]}))
        }
        "test_run.started" => same("test_start", json!({"command": "make test", "testFiles": ["t"]})),
        "test_run.finished" => {
            same("test_finish", json!({"passed": 1, "failed": 2, "skipped": 3, "duration": 4, "exitCode": 1}))
        }
        "approval.requested" => same("status_change", json!({"approval": {"id": "p1", "title": "may it?"}})),
        "approval.resolved" => same(
            "status_change",
            json!({"approvalId": "p1", "decision": "reject", "resolvedBy": "ada", "note": "not today"}),
        ),
        "alert.raised" => {
            let payload = json!({"alertId": "x", "severity": "high", "category": "policy", "title": "t",
                "description": "d", "context": {"k": 1}});
            vec![(payload.clone(), vec![("alert_raised", payload)])]
        }
        "usage.tick" => vec![(json!({"providerId": "p", "units": {"tokens": 7}, "intervalMs": 30_000}), vec![])],
        new => panic!("{new}: say here what clients in a session's rooms are told of it"),
    }
}

/// The same as runners write it: fields beside the type, which is in upper case.
fn record(event_type: &str, payload: &Value) -> Value {
    let mut record = payload.clone();
    record["type"] = json!(event_type.replace('.', "_").to_uppercase());
    record["sessionId"] = json!("s1");
    record["ts"] = json!(TS);
    record
}

fn post(daemon: &Daemon, event: &Value) {
    let (status, answer) = daemon.post("/api/events", &event.to_string()).expect("an answer");
    assert_eq!(status, 200, "{event}: {answer}");
}

/// What a client is told up to the output `marker`, without cursors, which must be in order, and without times.
fn told_before(client: &mut Client, marker: &str) -> Vec<(String, Value)> {
    let (mut all, mut last) = (Vec::new(), 0);
    loop {
        let (name, mut arguments) = client.told();
        let seq = arguments[1].as_str().and_then(|cursor| cursor.rsplit('.').next()?.parse().ok());
        let seq: u64 = seq.unwrap_or_else(|| panic!("no cursor: {name} {arguments:?}"));
        assert!(seq > last, "{name} {arguments:?}: in order");
        last = seq;
        let mut told = arguments.swap_remove(0);
        if told["payload"]["data"] == marker {
            return all;
        }
        if let Some(told) = told.as_object_mut().filter(|_| name == "work_stream_event") {
            assert!(told.remove("timestamp").is_some_and(|at| at.is_u64()), "{told:?}");
        }
        all.push((name, told));
    }
}

#[test]
fn every_type_of_a_runner_comes_to_the_rooms_that_it_is_of_once() {
    let home = Home::new();
    let daemon = home.start();
    daemon.serving("translation");
    let auth = |rooms: &[&str]| json!({"token": home.token("token"), "hooks": false, "rooms": rooms});
    let mut clients = [
        (Client::connect(&daemon, &auth(&["agent:a1"])), false),
        (Client::connect(&daemon, &auth(&["village:v1"])), true),
        (Client::connect(&daemon, &auth(&["repo:r1"])), true),
        (Client::connect(&daemon, &auth(&["repo:r1", "agent:a1", "village:v1"])), true),
    ];
    let mut elsewhere = Client::connect(&daemon, &auth(&["village:v2", "agent:a2", "repo:r2"]));
    // As an envelope, and as the runner's own record.
    for typed in [true, false] {
        let marker = format!("marker {typed}");
        let mut wanted: Vec<(String, Value)> = Vec::new();
        let mut seen = BTreeSet::new();
        for event_type in RUNNER_TYPES {
            for (mut payload, told) in examples(event_type) {
                payload["agentId"] = json!("a1");
                if *event_type == "session.started" {
                    (payload["villageId"], payload["repoId"]) = (json!("v1"), json!("r1"));
                }
                let event = json!({"type": event_type, "ts": TS, "session": "s1", "payload": payload});
                post(&daemon, &if typed { event } else { record(event_type, &payload) });
                seen.insert(*event_type);
                // An alert is not translated: it comes as it is.
                let whole =
                    |(name, told)| (String::from(name), if name == "alert_raised" { payload.clone() } else { told });
                wanted.extend(told.into_iter().map(whole));
            }
        }
        assert_eq!(seen.len(), RUNNER_TYPES.len(), "each is recorded");
        // What follows in a session is translated after what was before.
        let chunk = json!({"data": marker, "stream": "stdout", "agentId": "a1"});
        post(&daemon, &json!({"type": "terminal.chunk", "ts": TS, "session": "s1", "payload": chunk}));
        for (client, alerted) in &mut clients {
            let mut told = told_before(client, &marker);
            // A runner's own record keeps what it came with.
            for (name, told) in &mut told {
                if let Some(fields) = told.as_object_mut().filter(|_| name == "alert_raised") {
                    for further in ["sessionId", "source_seq"] {
                        fields.shift_remove(further);
                    }
                }
            }
            let mut wanted: Vec<_> =
                wanted.iter().filter(|(name, _)| *alerted || name != "alert_raised").cloned().collect();
            let key = |(name, told): &(String, Value)| format!("{name} {}", canonical(told));
            told.sort_by_key(key);
            wanted.sort_by_key(key);
            assert_eq!(told, wanted, "all of it, and once");
        }
    }
    assert_eq!(elsewhere.ask("join_agent", &json!("a1"))["ok"], true);
    let chunk = json!({"data": "the end", "stream": "stdout", "agentId": "a1"});
    post(&daemon, &json!({"type": "terminal.chunk", "ts": TS, "session": "s1", "payload": chunk}));
    assert_eq!(told_before(&mut elsewhere, "the end"), [], "nothing of rooms that it was not in");
}

/// The same whatever the order of its fields.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> =
                fields.iter().map(|(name, value)| format!("{name}={}", canonical(value))).collect();
            fields.sort();
            fields.join(",")
        }
        other => other.to_string(),
    }
}

#[test]
fn a_session_is_approved_or_denied_from_a_room_and_ends_as_it_was_answered() {
    let home = Home::new();
    let script = "echo ready; read word; echo got $word";
    home.configure(&format!("[providers.script]\nprogram = \"sh\"\nargs = [\"-c\", {script:?}]\n"));
    let daemon = home.start();
    daemon.serving("translation");
    let approver = home.token("approver-token");
    let mut client = Client::connect(&daemon, &json!({"token": approver, "hooks": false}));
    assert_eq!(client.ask("join_village", &json!("v1"))["room"], "village:v1");
    assert_eq!(client.ask("join_agent", &json!("a1"))["room"], "agent:a1");
    let sessions = |path: &str, body: &Value| {
        let path = format!("/api/runner/sessions{path}");
        let (status, answer) = daemon.post_as(&approver, &path, &body.to_string()).expect("an answer");
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    };
    for (decision, state) in [("approve", "COMPLETED"), ("reject", "FAILED")] {
        let wish = json!({"provider": "script", "workspace": home.workspace(), "agent_id": "a1", "village_id": "v1"});
        let id = sessions("", &wish)["id"].as_str().expect("an id").to_owned();
        let asked =
            json!({"type": "APPROVAL_REQUESTED", "sessionId": id, "approval": {"id": "p1", "title": "may it?"}});
        wait_for("the program to be ready", || {
            let chunks = daemon.events(&format!("terminal.chunk&session={id}"));
            chunks.iter().any(|chunk| chunk["payload"]["data"].to_string().contains("ready")).then_some(())
        });
        sessions(&format!("/{id}/events"), &asked);
        let interaction = loop {
            let (name, arguments) = client.told();
            if name == "interaction_requested" {
                break arguments[0]["interaction_id"].clone();
            }
        };
        let answer = json!({"interactionId": interaction, "decision": decision, "answer": "said so"});
        let first = client.ask("resolve_interaction", &answer);
        assert_eq!((&first["ok"], &first["first"]), (&json!(true), &json!(true)), "{first}");
        assert_eq!(client.ask("resolve_interaction", &answer)["first"], false, "it counts once");
        if decision == "approve" {
            wait_for("it to go on", || {
                let session = daemon.get(&format!("/api/runner/sessions/{id}")).expect("an answer");
                (session["state"] == "RUNNING").then_some(())
            });
            sessions(&format!("/{id}/input"), &json!({"data": "it\r"}));
        }
        let (mut told, mut ended, mut gone) = (Vec::new(), None, 0);
        while ended.is_none() || gone == 0 {
            let (name, mut arguments) = client.told();
            let event = arguments.swap_remove(0);
            match &*name {
                "work_stream_event" if event["type"] == "session_end" => ended = Some(event["payload"].clone()),
                "work_stream_event" => told.push(event["payload"].clone()),
                "agent_disconnect" => gone += 1,
                _ => {}
            }
        }
        assert_eq!(ended.expect("its end")["finalState"], state);
        let reasons: Vec<String> =
            told.iter().filter(|told| told["newState"] == state).map(|told| told["reason"].to_string()).collect();
        assert_eq!(reasons.len(), 1, "{told:?}");
        assert_eq!(reasons[0].contains("said so"), state == "FAILED", "{reasons:?}");
        let got = told.iter().filter(|told| told["data"].to_string().contains("got it")).count();
        assert_eq!(got, usize::from(state == "COMPLETED"), "its output once, though it is of two rooms: {told:?}");
        let session = daemon.get(&format!("/api/runner/sessions/{id}")).expect("an answer");
        assert_eq!(session["state"], state, "{session}");
    }
}
