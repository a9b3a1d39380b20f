//! The documents against the table of routes and against what is really answered.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::*;
use crate::router::tests::{APPROVER, Fixture, fixture};
use axum::body::Body;
use std::collections::BTreeSet;

/// The schema of a route's answer, on its own feet.
fn answered(document: &Value, method: &str, path: &str) -> Value {
    let schema = &document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{method} {path} has no schema");
    json!({"allOf": [schema], "components": document["components"]})
}

fn check(schema: &Value, answer: &Value, what: &str) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let broken: Vec<String> =
        validator.iter_errors(answer).map(|error| format!("{} at {}", error, error.instance_path())).collect();
    assert_eq!(broken, Vec::<String>::new(), "{what}: {answer}");
}

#[test]
fn the_document_has_every_route_and_no_other() {
    let document = openapi_document();
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            described.insert((method.to_uppercase(), path.clone()));
            assert!(!operation["summary"].as_str().unwrap().is_empty());
            let open = path == "/healthz";
            assert_eq!(operation.get("security").is_none(), open, "{method} {path}");
        }
    }
    let there = routes().iter().map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
    assert_eq!(described, there);
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn the_documents_and_every_schema_are_served() {
    let host = fixture().await;
    let (status, document) = host.get("/openapi.json").await;
    assert_eq!((status, &document), (200, &openapi_document()));
    let (_, document) = host.get("/asyncapi.json").await;
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
    for event_type in KNOWN_TYPES {
        let (status, schema) = host.get(&format!("/schemas/{event_type}.json")).await;
        assert_eq!(status, 200, "{event_type}");
        jsonschema::validator_for(&schema).unwrap();
        assert!(document["components"]["messages"][event_type].is_object(), "{event_type}");
    }
    for other in ["a.b.json", "task.progress", "..%2Ftoken"] {
        assert_eq!(host.get(&format!("/schemas/{other}")).await.0, 404, "{other}");
    }
}

#[tokio::test]
async fn a_payload_that_is_taken_fits_its_schema_and_one_that_is_refused_does_not() {
    let host = fixture().await;
    for (event_type, payload, fits) in [
        ("task.progress", json!({"progress": 42, "message": "on"}), true),
        ("task.progress", json!({"progress": 101, "message": "on"}), false),
        ("task.progress", json!({"progress": 42}), false),
        ("task.started", json!({"more": 1}), true),
        ("process.created", json!({"pid": 7, "request_id": "r"}), true),
        ("process.created", json!({"pid": true, "request_id": "r"}), false),
        (
            "session.started",
            json!({"providerId": "p", "providerVersion": "1", "workspacePath": "/w", "roomPath": "/r"}),
            true,
        ),
        ("session.started", json!({"provider_id": "p"}), false),
        ("tool.gated", json!({"session_id": "s", "tool_name": "t", "tool_input": {}, "call_id": "c"}), true),
    ] {
        let text = json!({"type": event_type, "payload": payload}).to_string();
        assert_eq!(host.post("/api/events", text).await.0 == 200, fits, "{event_type} {payload}");
        let (_, schema) = host.get(&format!("/schemas/{event_type}.json")).await;
        assert_eq!(jsonschema::is_valid(&schema, &payload), fits, "{event_type} {payload}: {schema}");
    }
}

/// Asks as an approver and holds the answer against the document.
async fn asked(host: &Fixture, document: &Value, (method, path, at): (&str, &str, &str), body: Value) -> Value {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let (status, answer) = host.ask(&method.to_uppercase(), at, body, Some(APPROVER)).await;
    assert_eq!(status, 200, "{method} {at}: {answer}");
    check(&answered(document, method, path), &answer, &format!("{method} {at}"));
    answer
}

#[tokio::test]
async fn what_is_answered_is_what_the_document_says() {
    let host = fixture().await;
    let document = openapi_document();
    let events = json!([{"type": "a.b", "entity": {"kind": "task", "id": "t"}, "session": "s"}, {"type": "a.c"}]);
    asked(&host, &document, ("post", "/api/events", "/api/events"), events).await;
    let call =
        json!({"session_id": "s1", "tool_name": "Bash", "tool_input": {"command": "rm -rf /"}, "cwd": "/home/dev"});
    asked(&host, &document, ("post", "/api/gate", "/api/gate"), call).await;
    asked(&host, &document, ("post", "/api/hooks/{agent}", "/api/hooks/codex"), json!({})).await;
    asked(&host, &document, ("get", "/api/events", "/api/events?limit=1"), Value::Null).await;
    asked(&host, &document, ("get", "/api/events", "/api/events"), Value::Null).await;
    let question = json!({"kind": "question", "text": "which?", "session": "s1"});
    let one = asked(&host, &document, ("post", "/api/interactions", "/api/interactions"), question.clone()).await;
    let at = format!("/api/interactions/{}", one["id"].as_str().unwrap());
    asked(&host, &document, ("get", "/api/interactions/{id}", &at), Value::Null).await;
    asked(&host, &document, ("get", "/api/interactions", "/api/interactions"), Value::Null).await;
    asked(&host, &document, ("post", "/api/interactions/{id}", &at), json!({"answer": "this"})).await;
    let one = asked(&host, &document, ("post", "/api/interactions", "/api/interactions"), question).await;
    let at = format!("/api/interactions/{}/cancel", one["id"].as_str().unwrap());
    asked(&host, &document, ("post", "/api/interactions/{id}/cancel", &at), Value::Null).await;
    let wish = json!({"name": "board", "scopes": ["read"]});
    asked(&host, &document, ("post", "/api/tokens", "/api/tokens"), wish).await;
    let sessions = "/api/runner/sessions";
    asked(&host, &document, ("post", sessions, sessions), json!({"id": "o1"})).await;
    let events = "/api/runner/sessions/{id}/events";
    let started = json!({"type": "SESSION_STARTED", "sessionId": "o1", "providerId": "p", "providerVersion": "1",
        "workspacePath": "/w", "roomPath": "r"});
    asked(&host, &document, ("post", events, "/api/runner/sessions/o1/events"), started).await;
    let stop = "/api/runner/sessions/{id}/stop";
    asked(&host, &document, ("post", stop, "/api/runner/sessions/o1/stop"), Value::Null).await;
    asked(&host, &document, ("get", "/api/runner/sessions/{id}", "/api/runner/sessions/o1"), Value::Null).await;
    asked(&host, &document, ("get", sessions, sessions), Value::Null).await;
    for path in [
        "/healthz",
        "/readyz",
        "/api/grants",
        "/api/deadletters",
        "/api/plugins",
        "/api/tokens",
        "/api/stats",
        "/openapi.json",
    ] {
        asked(&host, &document, ("get", path, path), Value::Null).await;
    }
    let (_, refused) = host.get("/api/events?limit=none").await;
    let failure = json!({"$ref": "#/components/schemas/Failure", "components": document["components"]});
    check(&failure, &refused, "a refusal");
}

#[tokio::test]
async fn what_is_said_and_told_over_the_control_socket_is_what_the_document_says() {
    let document = asyncapi_document();
    let schema = |name: &str| {
        let schema = &document["components"]["messages"][name]["payload"]["schema"];
        assert!(schema.is_object(), "{name}");
        json!({"allOf": [schema], "components": document["components"]})
    };
    let (said, told) = (schema("control.said"), schema("control.told"));
    let served = crate::socket::tests::served().await;
    let mut client = served.connect_as(APPROVER, "/ws").await;
    for _ in 0..2 {
        check(&told, &crate::socket::tests::told(&mut client).await, "a greeting");
    }
    for (message, fits) in [
        (json!({"type": "ping"}), true),
        (json!({"type": "subscribe", "sessionId": "s1", "since": 0}), true),
        (json!({"type": "terminal", "action": "input", "sessionId": "s1", "data": "x"}), true),
        (json!({"type": "terminal", "action": "resize", "sessionId": "s1", "cols": 80, "rows": 24}), true),
        (json!({"type": "approval", "sessionId": "s1", "approvalId": "a", "decision": "approve"}), true),
        (json!({"type": "authenticate", "token": "again"}), true),
        (json!({"type": "subscribe"}), false),
        (json!({"type": "terminal", "sessionId": "s1", "data": "x"}), false),
        (json!({"type": "dance"}), false),
        (json!({"type": "ping", "more": 1}), false),
    ] {
        assert_eq!(jsonschema::is_valid(&said, &message), fits, "{message}");
        crate::socket::tests::say(&mut client, message.to_string()).await;
        check(&told, &crate::socket::tests::told(&mut client).await, &message.to_string());
    }
    let events = json!([
        {"type": "terminal.chunk", "session": "s1", "payload": {"data": "x", "stream": "stdout", "droppedBytes": 1}},
        {"type": "session.ended", "session": "s1", "payload": {"finalState": "FAILED", "totalDurationMs": 1}}
    ]);
    served.fixture.post("/api/events", events.to_string()).await;
    served.fixture.post("/api/interactions", r#"{"kind":"question","text":"which?","session":"s1"}"#).await;
    for _ in 0..3 {
        check(&told, &crate::socket::tests::told(&mut client).await, "an event");
    }
    for wrong in [json!({"type": "terminal"}), json!({"type": "error", "code": "X"}), json!({"type": "other"})] {
        assert!(!jsonschema::is_valid(&told, &wrong), "{wrong}");
    }
}
