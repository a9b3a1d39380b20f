//! Runner sessions over HTTP: who may do what, what is answered, and what is refused by which code. What becomes of
//! programs is looked at with the whole daemon.

use super::*;

const SESSIONS: &str = "/api/runner/sessions";

async fn admin(host: &Fixture, path: &str, body: Value) -> (u16, Value) {
    host.ask("POST", &format!("{SESSIONS}{path}"), body.to_string(), Some(APPROVER)).await
}

/// What must be refused with this status and code, in words that hold `says`.
fn refused((status, answer): (u16, Value), expected: (u16, &str), says: &str) {
    let (code, message) = (answer["error"]["code"].as_str(), answer["error"]["message"].as_str().unwrap_or_default());
    assert_eq!((status, code), (expected.0, Some(expected.1)), "{answer}");
    assert!(message.contains(says), "said: {message}\nnot:  {says}");
}

fn moved(from: &str, to: &str) -> Value {
    json!({"type": "SESSION_STATE_CHANGED", "sessionId": "o1", "previousState": from, "newState": to})
}

fn started() -> Value {
    json!({"type": "SESSION_STARTED", "sessionId": "o1", "providerId": "p", "providerVersion": "1",
        "workspacePath": "/w", "roomPath": "r"})
}

/// Up to RUNNING, in a runner's own records.
fn up() -> Value {
    json!([
        started(),
        moved("CREATED", "PREPARING_WORKSPACE"),
        moved("PREPARING_WORKSPACE", "STARTING_PROVIDER"),
        moved("STARTING_PROVIDER", "RUNNING")
    ])
}

#[tokio::test]
async fn a_session_elsewhere_is_told_in_both_ways_of_writing_and_judged() {
    let host = fixture().await;
    let (status, made) = host.post(SESSIONS, json!({"id": "o1", "village_id": "v1"}).to_string()).await;
    assert_eq!((status, &made["state"], &made["provider"]), (200, &json!("CREATED"), &Value::Null), "{made}");
    assert_eq!(host.state.sessions.get("o1").unwrap().village.as_deref(), Some("v1"));
    let at = format!("{SESSIONS}/o1");
    refused(
        host.post(&format!("{at}/events"), moved("CREATED", "FAILED").to_string()).await,
        (409, "refused"),
        "event 0: the session has not started",
    );
    let (status, taken) = host.post(&format!("{at}/events"), up().to_string()).await;
    assert_eq!((status, taken["events"].as_array().map(Vec::len)), (200, Some(4)), "{taken}");
    // In it by its address, and by its source where it names none.
    let chunk = json!({"type": "terminal.chunk", "payload": {"data": "x", "stream": "stdout"}}).to_string();
    let (status, taken) = host.post(&format!("{at}/events"), chunk).await;
    assert_eq!((status, taken["events"][0]["duplicate"].as_bool()), (200, Some(false)), "{taken}");
    let (_, taken) = host.post(&format!("{at}/events"), moved("RUNNING", "RUNNING").to_string()).await;
    assert_eq!(taken["events"], json!([null]), "it is there already");
    let (_, page) = host.get("/api/events?session=o1&type=terminal.chunk").await;
    assert_eq!(
        (&page["events"][0]["source"], &page["events"][0]["payload"]["agentId"]),
        (&json!("runner"), &json!("o1"))
    );
    let (_, shown) = host.get(&at).await;
    assert_eq!(
        (&shown["state"], &shown["village_id"], &shown["approvals"]),
        (&json!("RUNNING"), &json!("v1"), &json!([]))
    );
    let end =
        json!({"type": "session.ended", "payload": {"finalState": "COMPLETED", "totalDurationMs": 5, "exitCode": 0}});
    assert_eq!(host.post(&format!("{at}/events"), end.to_string()).await.0, 200);
    refused(host.post(&format!("{at}/events"), end.to_string()).await, (409, "ended"), "start another one");
    let (_, listed) = host.get(SESSIONS).await;
    assert_eq!(
        (&listed["sessions"][0]["state"], &listed["sessions"][0]["exit_code"]),
        (&json!("COMPLETED"), &json!(0))
    );
    assert_eq!(listed["sessions"][0].get("approvals"), None);
}

#[tokio::test]
async fn what_a_session_does_not_allow_is_refused_by_its_code() {
    let host = fixture().await;
    assert_eq!(host.post(SESSIONS, json!({"id": "o1"}).to_string()).await.0, 200);
    assert_eq!(host.post(&format!("{SESSIONS}/o1/events"), up().to_string()).await.0, 200);
    for (wish, expected, says) in [
        (json!({"id": "o1"}), (409, "taken"), "a session `o1` already"),
        (json!({"id": ""}), (400, "bad_field"), "id has 0 bytes"),
        (json!({"village_id": "*"}), (400, "bad_field"), "`villageId`"),
        (json!({"identity": "o2"}), (400, "bad_json"), "unknown field `identity`"),
        (json!({"provider": "rm", "workspace": "/"}), (400, "no_provider"), "[providers] lists shell"),
        (json!({"provider": "shell"}), (400, "bad_field"), "workspace is missing"),
        (json!({"provider": "shell", "workspace": "/etc"}), (400, "bad_workspace"), "[workspace] allow"),
        (json!({"size": {"cols": 0, "rows": 1}}), (400, "bad_field"), "1 to 1000 columns"),
    ] {
        refused(admin(&host, "", wish).await, expected, says);
    }
    let asked = json!({"type": "approval.requested", "payload": {"approval": {"id": "a", "title": "may I?"}}});
    let answered = json!({"type": "approval.resolved",
        "payload": {"approvalId": "a", "decision": "approve", "resolvedBy": "eve"}});
    assert_eq!(host.post(&format!("{SESSIONS}/o1/events"), asked.to_string()).await.0, 200);
    for (event, expected, says) in [
        (json!({"type": "task.started"}), (400, "bad_event"), "event 0: task.started is no event of a runner session"),
        (
            json!({"type": "session.ended", "session": "o2", "payload": {"finalState": "FAILED", "totalDurationMs": 1}}),
            (400, "bad_event"),
            "event 0: belongs to session `o2`",
        ),
        (json!({"type": "terminal.chunk", "payload": {}}), (400, "bad_payload"), "event 0: "),
        (moved("CREATED", "FAILED"), (400, "bad_payload"), "`previousState`: is CREATED"),
        (answered, (403, "forbidden"), "may not approve"),
        (Value::Array(vec![moved("RUNNING", "FAILED"); 401]), (400, "batch_too_large"), "401 events at once"),
    ] {
        refused(host.post(&format!("{SESSIONS}/o1/events"), event.to_string()).await, expected, says);
    }
    let typed = json!({"data": "x"});
    refused(admin(&host, "/o1/input", typed.clone()).await, (409, "no_terminal"), "not run here");
    refused(
        admin(&host, "/o1/input", json!({"data": "x".repeat(64 * 1_024 + 1)})).await,
        (400, "bad_field"),
        "at most 65536",
    );
    refused(
        admin(&host, "/o1/resize", json!({"cols": 1, "rows": 2_000})).await,
        (400, "bad_field"),
        "1 to 1000 columns",
    );
    refused(admin(&host, "/o1/resume", Value::Null).await, (409, "refused"), "");
    refused(
        admin(&host, "/o1/approvals/nobody's", json!({"decision": "approve"})).await,
        (404, "not_found"),
        "no approval `nobody's`",
    );
    refused(admin(&host, "/o1/approvals/a", json!({"decision": "perhaps"})).await, (400, "bad_answer"), "");
    for (path, body) in [
        ("/input", typed),
        ("/stop", Value::Null),
        ("/events", moved("CREATED", "FAILED")),
        ("/approvals/a", json!({"decision": "approve"})),
    ] {
        refused(admin(&host, &format!("/o2{path}"), body).await, (404, "not_found"), "no runner session `o2`");
    }
    assert_eq!(host.get(&format!("{SESSIONS}/o2")).await.0, 404);
    let (_, page) = host.get("/api/events?session=o1&type=session.*,terminal.*").await;
    assert_eq!(page["events"].as_array().map(Vec::len), Some(5), "nothing was told of what was refused: {page}");
}

#[tokio::test]
async fn a_session_is_steered_by_whoever_may() {
    let host = fixture().await;
    let own = json!({"provider": "shell", "workspace": "/home/dev"}).to_string();
    refused(host.post(SESSIONS, own).await, (403, "forbidden"), "takes the scope admin");
    assert_eq!(host.post(SESSIONS, json!({"id": "o1"}).to_string()).await.0, 200);
    assert_eq!(host.post(&format!("{SESSIONS}/o1/events"), up().to_string()).await.0, 200);
    for door in ["input", "resize", "stop", "pause", "resume", "approvals/a"] {
        refused(host.post(&format!("{SESSIONS}/o1/{door}"), "{}").await, (403, "forbidden"), "");
    }
    for (door, state) in [("pause", "PAUSED_BY_HUMAN"), ("resume", "RUNNING")] {
        let (status, shown) = admin(&host, &format!("/o1/{door}"), Value::Null).await;
        assert_eq!((status, &shown["state"]), (200, &json!(state)), "{shown}");
    }
    let asked = json!({"type": "APPROVAL_REQUESTED", "sessionId": "o1", "approval": {"id": "a", "title": "may I?"}});
    assert_eq!(host.post(&format!("{SESSIONS}/o1/events"), asked.to_string()).await.0, 200);
    let (_, shown) = host.get(&format!("{SESSIONS}/o1")).await;
    assert_eq!((&shown["state"], &shown["approvals"][0]["open"]), (&json!("WAITING_FOR_APPROVAL"), &json!(true)));
    let (status, answer) = admin(&host, "/o1/approvals/a", json!({"decision": "approve"})).await;
    assert_eq!((status, &answer["first"], &answer["interaction"]["decision"]), (200, &json!(true), &json!("approve")));
    let (_, again) = admin(&host, "/o1/approvals/a", json!({"decision": "reject"})).await;
    assert_eq!((&again["first"], &again["interaction"]["decision"]), (&json!(false), &json!("approve")));
    let mut status = host.state.runner.watch("o1").unwrap();
    let on = status.wait_for(|status| status.state == tollgate_runner::State::Running);
    tokio::time::timeout(Duration::from_secs(30), on).await.unwrap().unwrap();
    let (status, shown) = admin(&host, "/o1/stop", Value::Null).await;
    assert_eq!((status, &shown["state"], &shown["reason"]), (200, &json!("STOPPING"), &json!("stopped by dev")));
}

#[tokio::test]
async fn a_session_is_shown_where_its_start_says_and_a_start_that_is_refused_moves_nothing() {
    let host = fixture().await;
    let place = |village: &str| json!({"id": "o1", "village_id": village, "repo_id": "r1"}).to_string();
    assert_eq!(host.post(SESSIONS, place("v1")).await.0, 200);
    refused(host.post(SESSIONS, place("v2")).await, (409, "taken"), "a session `o1` already");
    let kept = host.state.sessions.get("o1").unwrap();
    assert_eq!((kept.village.as_deref(), kept.repo.as_deref()), (Some("v1"), Some("r1")));
    let wish = json!({"provider": "shell", "workspace": "/etc", "village_id": "v9"});
    refused(admin(&host, "", wish).await, (400, "bad_workspace"), "");
    assert!(host.state.sessions.list().iter().all(|session| session.village.as_deref() != Some("v9")));
}

#[tokio::test]
async fn a_person_starts_sessions_in_the_rooms_that_their_token_names() {
    let host = fixture().await;
    let mut claims = crate::jwt::tests::claims(Clock::system().now().0 / 1_000, 60, "emit");
    (claims["sessions"], claims["rooms"]) = (json!(["*"]), json!(["village:v1", "agent:a1"]));
    let token = crate::jwt::tests::signed(&claims);
    let start = async |wish: Value| {
        let request =
            Request::builder().method("POST").uri(SESSIONS).extension(Access::NETWORK).header("host", "localhost");
        let request = request.header("authorization", format!("Bearer {token}")).body(Body::from(wish.to_string()));
        let response = router(host.state.clone()).oneshot(request.unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice::<Value>(&bytes).unwrap())
    };
    for (wish, says) in [
        (json!({"agent_id": "a2"}), "agent:a2: this token does not name the room"),
        (json!({"id": "o2"}), "agent:o2: "),
        (json!({"agent_id": "a1", "village_id": "v2"}), "village:v2: "),
        (json!({"agent_id": "a1", "repo_id": "r1"}), "repo:r1: "),
    ] {
        refused(start(wish).await, (403, "forbidden"), says);
    }
    refused(start(json!({"agent_id": "*"})).await, (400, "bad_field"), "`agentId`");
    let (status, made) = start(json!({"id": "o1", "agent_id": "a1", "village_id": "v1"})).await;
    assert_eq!((status, &made["agent_id"]), (200, &json!("a1")), "{made}");
    assert_eq!(host.state.runner.list().len(), 1);
}

#[tokio::test]
async fn what_a_runner_session_alone_tells_is_not_recorded_beside_it() {
    let host = fixture().await;
    assert_eq!(host.post(SESSIONS, json!({"id": "o1"}).to_string()).await.0, 200);
    assert_eq!(host.post(&format!("{SESSIONS}/o1/events"), up().to_string()).await.0, 200);
    let head = host.state.bus.journal().head();
    let chunk = |session: &str| json!({"type": "terminal.chunk", "session": session, "payload": {"data": "x", "stream": "stdout"}});
    let answered = json!({"type": "APPROVAL_RESOLVED", "sessionId": "o1", "approvalId": "a", "decision": "approve", "resolvedBy": "eve"});
    for event in [moved("RUNNING", "COMPLETED"), started(), answered] {
        let says = "send it to /api/runner/sessions/o1/events";
        refused(host.post("/api/events", event.to_string()).await, (409, "runner_session"), says);
        let batch = json!([{"type": "a.b"}, event]);
        refused(host.post("/api/events", batch.to_string()).await, (409, "runner_session"), "event 1: ");
    }
    assert_eq!(host.state.bus.journal().head(), head, "all or none");
    // What changes nothing of it, and what is of sessions that the runner does not know, is recorded as ever.
    let mut other = started();
    other["sessionId"] = json!("another");
    for event in [chunk("o1"), other, json!({"type": "task.started", "session": "o1"})] {
        assert_eq!(host.post("/api/events", event.to_string()).await.0, 200, "{event}");
    }
    // The end stays the end.
    let end = json!({"type": "session.ended", "payload": {"finalState": "COMPLETED", "totalDurationMs": 5}});
    assert_eq!(host.post(&format!("{SESSIONS}/o1/events"), end.to_string()).await.0, 200);
    refused(host.post("/api/events", moved("RUNNING", "FAILED").to_string()).await, (409, "runner_session"), "");
}

#[tokio::test]
async fn a_start_that_names_no_room_is_named_among_the_others() {
    let host = fixture().await;
    let mut nowhere = started();
    nowhere["villageId"] = json!("");
    let batch = json!([{"type": "a.b"}, {"type": "a.c"}, nowhere]);
    refused(
        host.post("/api/events", batch.to_string()).await,
        (400, "bad_payload"),
        "event 2: payload: `villageId`: 1 to 256 bytes",
    );
    assert_eq!(host.state.bus.journal().head(), 0);
    assert_eq!(host.post(SESSIONS, json!({"id": "o1"}).to_string()).await.0, 200);
    refused(
        host.post(&format!("{SESSIONS}/o1/events"), json!([nowhere, moved("CREATED", "FAILED")]).to_string()).await,
        (400, "bad_payload"),
        "event 0: payload: `villageId`",
    );
}
