//! What people are asked appears in the rooms it is of, and is answered from there, once.

use super::*;
use crate::router::tests::APPROVER;

fn person(scope: &str, sessions: &[&str]) -> String {
    let now = tollgate_core::time::Clock::system().now().0 / 1_000;
    let mut claims = claims(now, 60, scope);
    claims["sessions"] = json!(sessions);
    signed(&claims)
}

async fn asks(served: &Served, session: &str) -> String {
    let question = json!({"kind": "question", "text": "which?", "session": session}).to_string();
    let (status, asked) = served.fixture.post("/api/interactions", question).await;
    assert_eq!(status, 200, "{asked}");
    asked["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_question_is_told_in_its_rooms_and_answered_from_there_once() {
    let served = served().await;
    served.fixture.state.sessions.place("s1", Some("v1"), None);
    let village = |token: &str| json!({"token": token, "hooks": false, "rooms": ["village:v1"]});
    let mut ada = Client::connect(&served, village(&person("read approve", &["s1"]))).await;
    let mut eve = Client::connect(&served, village(&person("read approve", &["s2"]))).await;
    let mut agent = Client::connect(&served, rooms(&["agent:s1"])).await;
    let id = asks(&served, "s1").await;
    for client in [&mut ada, &mut agent] {
        let asked = client.told_as("interaction_requested").await;
        assert_eq!((&asked["interaction_id"], &asked["text"]), (&json!(id), &json!("which?")));
    }
    let answer = json!({"interactionId": id, "answer": "this"});
    // Whose session it is not, and who may not answer.
    let refused = eve.ask("resolve_interaction", answer.clone()).await;
    assert_eq!(refused["error"]["code"], "E_BAD_PAYLOAD", "of others it is said that there is none: {refused}");
    assert_eq!(eve.ask("get_interactions", Value::Null).await, json!({"ok": true, "interactions": []}));
    assert_eq!(agent.ask("resolve_interaction", answer.clone()).await["error"]["code"], "E_FORBIDDEN");
    agent.told_as("ws_error").await;
    let waiting = ada.ask("get_interactions", Value::Null).await;
    assert_eq!(
        (&waiting["interactions"][0]["id"], &waiting["interactions"][0]["state"]),
        (&json!(id), &json!("pending"))
    );
    let first = ada.ask("resolve_interaction", answer.clone()).await;
    assert_eq!((&first["ok"], &first["first"]), (&json!(true), &json!(true)), "{first}");
    assert_eq!(first["interaction"]["resolved_by"], "user:ada");
    // Answered again, over whichever door, it says how it ended.
    let again = ada.ask("resolve_interaction", answer).await;
    assert_eq!((&again["first"], &again["interaction"]["answer"]), (&json!(false), &json!("this")));
    let other = json!({"answer": "that"}).to_string();
    let (_, over_http) = served.fixture.ask("POST", &format!("/api/interactions/{id}"), other, Some(APPROVER)).await;
    assert_eq!((&over_http["first"], &over_http["interaction"]["answer"]), (&json!(false), &json!("this")));
    for client in [&mut ada, &mut agent] {
        let resolved = client.told_as("interaction_resolved").await;
        assert_eq!((&resolved["interaction_id"], &resolved["resolved_by"]), (&json!(id), &json!("user:ada")));
    }
    assert_eq!(ada.ask("get_interactions", Value::Null).await["interactions"], json!([]));
    // What was told to the others was not told to whom it is not.
    eve.told_as("ws_error").await;
    let second = asks(&served, "s2").await;
    served.fixture.state.sessions.place("s2", Some("v1"), None);
    let third = asks(&served, "s2").await;
    assert_eq!(
        eve.told_as("interaction_requested").await["interaction_id"],
        json!(third),
        "not {second}, in no room yet"
    );
}

#[tokio::test]
async fn what_waits_is_listed_as_far_as_one_message_goes() {
    let served = served().await;
    let mut client = Client::connect(&served, json!({"token": APPROVER, "hooks": false})).await;
    let details = json!({"x": "y".repeat(60_000)});
    for number in 0..20 {
        let question = json!({"kind": "question", "text": number.to_string(), "session": "s1", "details": details});
        let (status, asked) = served.fixture.post("/api/interactions", question.to_string()).await;
        assert_eq!(status, 200, "{asked}");
    }
    let waiting = client.ask("get_interactions", Value::Null).await;
    let texts = waiting["interactions"].as_array().unwrap().iter().map(|one| one["text"].as_str().unwrap());
    let newest: Vec<String> = (3..20).rev().map(|number| number.to_string()).collect();
    assert_eq!(texts.collect::<Vec<_>>(), newest, "the newest that fit");
    assert!(waiting.to_string().len() <= crate::line::MAX_FRAME_BYTES);
}

#[tokio::test]
async fn what_is_no_answer_is_said() {
    let served = served().await;
    let mut client = Client::connect(&served, json!({"token": APPROVER, "hooks": false})).await;
    let id = asks(&served, "s1").await;
    for (given, says) in [
        (Value::Null, "resolve_interaction: "),
        (json!({"interactionId": 7}), "invalid type"),
        (json!({"interactionId": id, "anwser": 1}), "unknown field `anwser`"),
        (json!({"interactionId": "none", "answer": "x"}), "there is no interaction `none`"),
        (json!({"interactionId": id}), "is missing, and `answer` too"),
    ] {
        let refused = client.ask("resolve_interaction", given.clone()).await;
        assert_eq!(refused["error"]["code"], "E_BAD_PAYLOAD", "{given}: {refused}");
        assert!(refused["error"]["message"].as_str().unwrap().contains(says), "{given}: {refused}");
        client.told_as("ws_error").await;
    }
    let (_, one) = served.fixture.get(&format!("/api/interactions/{id}")).await;
    assert_eq!(one["state"], "pending");
}
