//! Dashboards of hooks: what they are told first, as it happens, and when they look back.

use super::*;

async fn hook(served: &Served, name: &str, number: u64) -> u64 {
    record(served, name, Some("s1"), json!({"n": number})).await
}

/// A dashboard that has heard its welcome.
async fn dashboard(served: &Served) -> Client {
    let mut client = Client::connect(served, json!({"token": CLIENT})).await;
    for name in ["welcome", "status", "history"] {
        client.told_as(name).await;
    }
    client
}

fn numbers(history: &Value) -> Vec<u64> {
    let events = history["events"].as_array().unwrap();
    assert_eq!(history["count"], json!(events.len()));
    events.iter().map(|event| event["data"]["n"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_dashboard_is_welcomed_and_told_of_hooks() {
    let served = served().await;
    for number in 0..60 {
        hook(&served, "hook.pre_tool", number).await;
    }
    record(&served, "a.b", None, json!({})).await;
    let mut client = Client::connect(&served, json!({"token": CLIENT})).await;
    let welcome = client.told_as("welcome").await;
    assert!(welcome["cursor"].as_str().unwrap().ends_with(".61") && welcome["client_id"].is_string(), "{welcome}");
    let status = client.told_as("status").await;
    assert_eq!((&status["status"], &status["version"]), (&json!("running"), &json!(env!("CARGO_PKG_VERSION"))));
    assert_eq!(numbers(&client.told_as("history").await), (10..60).collect::<Vec<_>>(), "the last fifty");
    record(&served, "a.b", None, json!({})).await;
    let seq = hook(&served, "hook.user_prompt", 61).await;
    let (name, arguments) = client.told().await;
    assert_eq!(name, "claude_event");
    let timestamp = arguments[0]["timestamp"].clone();
    assert!(timestamp.as_str().unwrap().ends_with('Z'));
    let expected = json!({"event": "claude_event", "type": "hook", "subtype": "user_prompt", "timestamp": timestamp,
        "data": {"n": 61}, "source": "core"});
    assert_eq!(arguments[0], expected);
    assert!(arguments[1].as_str().unwrap().ends_with(&format!(".{seq}")));
}

#[tokio::test]
async fn a_dashboard_looks_back_as_far_as_it_may() {
    let served = served().await;
    for number in 0..8 {
        hook(&served, if number % 2 == 0 { "hook.pre_tool" } else { "hook.stop" }, number).await;
    }
    record(&served, "tool.interesting", None, json!({"n": 100})).await;
    let mut client = dashboard(&served).await;
    for (asked, expected) in [
        (json!({"limit": 3}), vec![5, 6, 7]),
        (json!({"event_types": ["hook.stop"]}), vec![1, 3, 5, 7]),
        (json!({"event_types": ["hook"], "limit": 2}), vec![6, 7]),
        (json!({"event_types": ["hook.pre_tool", "hook.stop"], "limit": 1}), vec![7]),
        (json!({"event_types": ["tool.*"]}), vec![]),
        (json!({}), (0..8).collect()),
        (Value::Null, (0..8).collect()),
    ] {
        assert_eq!(client.ask("get_history", asked.clone()).await, json!({"ok": true}), "{asked}");
        assert_eq!(numbers(&client.told_as("history").await), expected, "{asked}");
    }
    for (asked, says) in [
        (json!({"limit": 0}), "`limit`: must be 1 to 500"),
        (json!({"limit": 501}), "`limit`: must be 1 to 500"),
        (json!({"limit": "all"}), "`limit`: must be 1 to 500"),
        (json!({"event_types": "hook"}), "`event_types`: must be a list"),
        (json!({"event_types": []}), "`event_types`: must be a list"),
        (json!({"event_types": [1]}), "holds texts"),
        (json!({"event_types": ["Hook"]}), "`event_types`: "),
        (json!({"event_types": vec!["hook.a"; 33]}), "1 to 32"),
    ] {
        let refused = client.ask("get_history", asked.clone()).await;
        assert_eq!(refused["error"]["code"], "E_BAD_PAYLOAD", "{asked}");
        assert!(refused["error"]["message"].as_str().unwrap().contains(says), "{asked} said {refused}");
        assert_eq!(client.told_as("ws_error").await, refused);
    }
}

#[tokio::test]
async fn who_may_read_some_looks_back_past_what_it_may_not() {
    let served = served().await;
    let now = tollgate_core::time::Clock::system().now().0 / 1_000;
    let person = |scope: &str, sessions: &[&str]| {
        let mut claims = claims(now, 60, scope);
        claims["sessions"] = json!(sessions);
        json!({"token": signed(&claims)})
    };
    for number in 0..3 {
        hook(&served, "hook.stop", number).await;
        record(&served, "hook.stop", Some("s2"), json!({"n": 100 + number})).await;
    }
    // More than are ever asked for at once.
    for _ in 0..3 {
        let draft = Draft::new(EventType::parse("hook.pre_tool").unwrap(), "core", r#"{"n":7}"#);
        served.fixture.state.bus.emit_batch(vec![draft; 300]).await.unwrap();
    }
    for (auth, expected) in [
        (person("read:hook.stop", &["*"]), vec![0, 100, 1, 101, 2, 102]),
        (person("read:hook.stop,a.b", &["s1"]), vec![0, 1, 2]),
        (person("read", &["s2"]), vec![100, 101, 102]),
        (person("read", &["s3"]), vec![]),
    ] {
        let mut client = Client::connect(&served, auth).await;
        client.told_as("welcome").await;
        client.told_as("status").await;
        assert_eq!(numbers(&client.told_as("history").await), expected);
        for types in [json!(["hook"]), json!(["*"]), json!(["*.stop", "tool.*", "hook.pre_tool"])] {
            client.ask("get_history", json!({"limit": 2, "event_types": types})).await;
            assert_eq!(numbers(&client.told_as("history").await), expected[expected.len().saturating_sub(2)..]);
        }
    }
}

#[tokio::test]
async fn a_history_is_as_long_as_one_message_may_be() {
    let served = served().await;
    for number in 0..20 {
        record(&served, "hook.pre_tool", None, json!({"n": number, "x": "y".repeat(100_000)})).await;
    }
    let mut client = Client::connect(&served, json!({"token": CLIENT})).await;
    client.told_as("welcome").await;
    client.told_as("status").await;
    assert_eq!(numbers(&client.told_as("history").await), (10..20).collect::<Vec<_>>(), "the newest that fit");
}

#[tokio::test]
async fn a_dashboard_that_resumes_is_told_what_it_missed_and_no_history() {
    let served = served().await;
    for number in 0..3 {
        hook(&served, "hook.stop", number).await;
    }
    let cursor = cursor_text(served.fixture.state.bus.journal().epoch(), 1);
    let mut client = Client::connect(&served, json!({"token": CLIENT, "cursor": cursor})).await;
    client.told_as("welcome").await;
    client.told_as("status").await;
    for number in 1..3 {
        assert_eq!(client.told_as("claude_event").await["data"]["n"], number);
    }
}

#[tokio::test]
async fn a_person_is_told_of_hooks_of_their_sessions() {
    let served = served().await;
    let now = tollgate_core::time::Clock::system().now().0 / 1_000;
    let mut claims = claims(now, 60, "read:hook.*");
    claims["sessions"] = json!(["s1"]);
    record(&served, "hook.stop", Some("s2"), json!({"n": 1})).await;
    hook(&served, "hook.stop", 2).await;
    let mut client = Client::connect(&served, json!({"token": signed(&claims)})).await;
    client.told_as("welcome").await;
    client.told_as("status").await;
    assert_eq!(numbers(&client.told_as("history").await), [2]);
    record(&served, "hook.stop", Some("s2"), json!({"n": 3})).await;
    record(&served, "hook.stop", None, json!({"n": 4})).await;
    hook(&served, "hook.stop", 5).await;
    assert_eq!(client.told_as("claude_event").await["data"]["n"], 5);
}
