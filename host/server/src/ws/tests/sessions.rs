//! What clients are told of their sessions, and how they answer what is asked.

use super::*;

#[tokio::test]
async fn a_session_is_told_once_however_often_it_is_subscribed_to_and_nothing_once_it_is_not() {
    let served = served().await;
    let mut client = known(&served, CLIENT).await;
    assert_eq!(served.fixture.state.bus.statistics().subscribers.len(), 0, "there is nothing to follow yet");
    for _ in 0..3 {
        let answer = subscribe(&mut client, "s1").await;
        is_event(&answer, "subscribed");
        assert_eq!((&answer["sessionId"], &answer["data"]["state"]), (&json!("s1"), &Value::Null));
    }
    chunk(&served, "s2", "others'").await;
    record(&served, "a.b", "s1", json!({})).await;
    let seq = chunk(&served, "s1", "first").await;
    chunk(&served, "s1", "second").await;
    let first = told(&mut client).await;
    assert_eq!((&first["type"], &first["event"], &first["seq"]), (&json!("terminal"), &json!("output"), &json!(seq)));
    assert_eq!(
        (&first["sessionId"], &first["data"], &first["stream"]),
        (&json!("s1"), &json!("first"), &json!("stdout"))
    );
    assert_eq!(told(&mut client).await["data"], "second");
    record(&served, "file.touched", "s1", json!({"path": "a", "roomPath": "r", "reason": "write"})).await;
    let touched = told(&mut client).await;
    assert_eq!(
        (&touched["type"], &touched["event"], &touched["eventType"], &touched["data"]["path"]),
        (&json!("session"), &json!("output"), &json!("file.touched"), &json!("a"))
    );
    let one = &served.clients().await[0];
    assert_eq!((&one["kind"], &one["delivered"], &one["filtered"]), (&json!("control"), &json!(3), &json!(2)), "{one}");
    let answer = asked(&mut client, json!({"type": "unsubscribe", "sessionId": "s1"})).await;
    is_event(&answer, "unsubscribed");
    assert_eq!(served.fixture.state.bus.statistics().subscribers.len(), 0);
    is_error(&asked(&mut client, json!({"type": "unsubscribe", "sessionId": "s1"})).await, "NOT_SUBSCRIBED");
    chunk(&served, "s1", "third").await;
    is_event(&subscribe(&mut client, "s1").await, "subscribed");
    chunk(&served, "s1", "fourth").await;
    assert_eq!(told(&mut client).await["data"], "fourth");
    drop(client);
    served.empty().await;
}

#[tokio::test]
async fn what_the_journal_holds_comes_first_and_joins_what_happens_next() {
    let served = served().await;
    let journal = served.fixture.state.bus.journal().clone();
    for count in 0..600 {
        chunk(&served, if count % 2 == 0 { "s1" } else { "s2" }, &count.to_string()).await;
    }
    let mut client = known(&served, CLIENT).await;
    subscribe(&mut client, "s3").await;
    let answer = asked(&mut client, json!({"type": "subscribe", "sessionId": "s1", "since": 0})).await;
    is_event(&answer, "subscribed");
    chunk(&served, "s2", "others'").await;
    chunk(&served, "s1", "next").await;
    for count in (0..600).step_by(2) {
        assert_eq!(told(&mut client).await["data"], count.to_string());
    }
    assert_eq!(told(&mut client).await["data"], "next");
    // Another one resumes, by a cursor and by a seq.
    let cursor = crate::query::cursor_text(journal.epoch(), 598);
    for since in [json!(cursor), json!(598)] {
        let mut again = known(&served, CLIENT).await;
        asked(&mut again, json!({"type": "subscribe", "sessionId": "s1", "since": since})).await;
        let first = told(&mut again).await;
        assert_eq!((&first["data"], &first["seq"]), (&json!("598"), &json!(599)));
        assert_eq!(told(&mut again).await["data"], "next");
    }
    let mut lost = known(&served, CLIENT).await;
    let message = json!({"type": "subscribe", "sessionId": "s1", "since": "0123456789abcdef.2"});
    is_event(&asked(&mut lost, message).await, "subscribed");
    let reset = told(&mut lost).await;
    is_event(&reset, "journal_reset");
    assert_eq!((&reset["data"], &reset["sessionId"]), (&json!({"oldest": 1, "newest": 602}), &json!("s1")));
    assert_eq!(told(&mut lost).await["seq"], 1);
    let message = json!({"type": "subscribe", "sessionId": "s4", "since": "yesterday"});
    let mut bad = known(&served, CLIENT).await;
    is_error(&asked(&mut bad, message).await, "INVALID_MESSAGE");
    is_error(&asked(&mut bad, json!({"type": "unsubscribe", "sessionId": "s4"})).await, "NOT_SUBSCRIBED");
}

#[tokio::test]
async fn what_a_session_asks_is_told_once_and_answered_once_over_every_door() {
    let served = served().await;
    let post = async |path: &str, body: Value| served.fixture.post(path, body.to_string()).await;
    assert_eq!(post("/api/runner/sessions", json!({"id": "s1"})).await.0, 200);
    let moved = |from: &str, to: &str| json!({"type": "SESSION_STATE_CHANGED", "sessionId": "s1", "previousState": from, "newState": to});
    let up = json!([
        {"type": "SESSION_STARTED", "sessionId": "s1", "providerId": "p", "providerVersion": "1", "workspacePath": "/w", "roomPath": "r"},
        moved("CREATED", "PREPARING_WORKSPACE"), moved("PREPARING_WORKSPACE", "STARTING_PROVIDER"), moved("STARTING_PROVIDER", "RUNNING")
    ]);
    assert_eq!(post("/api/runner/sessions/s1/events", up).await.0, 200);
    let mut ada = known(&served, &person("read approve", &["s1"])).await;
    let mut reader = known(&served, CLIENT).await;
    for client in [&mut ada, &mut reader] {
        assert_eq!(subscribe(client, "s1").await["data"]["state"], "RUNNING");
    }
    let wanted =
        json!({"type": "APPROVAL_REQUESTED", "sessionId": "s1", "approval": {"id": "publish", "title": "may I?"}});
    assert_eq!(post("/api/runner/sessions/s1/events", wanted).await.0, 200);
    let mut ids = Vec::new();
    for client in [&mut ada, &mut reader] {
        let request = told(client).await;
        assert_eq!((&request["type"], &request["event"]), (&json!("session"), &json!("approval_request")));
        assert_eq!(
            (&request["data"]["text"], &request["data"]["details"]["id"]),
            (&json!("may I?"), &json!("publish"))
        );
        assert_eq!(told(client).await["data"]["newState"], "WAITING_FOR_APPROVAL", "and no second word of it");
        ids.push(request["data"]["approvalId"].as_str().unwrap().to_owned());
    }
    let answer = |id: &str, decision: &str| json!({"type": "approval", "sessionId": "s1", "approvalId": id, "decision": decision});
    is_error(&asked(&mut reader, answer(&ids[0], "approve")).await, "FORBIDDEN");
    is_error(&asked(&mut ada, answer("nobody's", "approve")).await, "NOT_FOUND");
    is_error(&asked(&mut ada, answer(&ids[0], "perhaps")).await, "INVALID_MESSAGE");
    say(&mut ada, answer(&ids[0], "approve").to_string()).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(told(&mut ada).await);
    }
    let one = |event: &str| {
        let found: Vec<_> = seen.iter().filter(|frame| frame["event"] == event).collect();
        assert_eq!(found.len(), 1, "{event}: {seen:?}");
        found[0].clone()
    };
    assert_eq!(
        one("approval_answered")["data"],
        json!({"approvalId": ids[0], "first": true, "state": "resolved",
        "decision": "approve", "resolvedBy": "user:ada"})
    );
    assert_eq!(one("approval_resolved")["data"]["approvalId"], json!(ids[0]));
    assert_eq!(one("state_change")["data"]["newState"], "RUNNING");
    // By the session's own name for it, and over HTTP, it is the same, and it is over.
    let again = asked(&mut ada, answer("publish", "reject")).await;
    assert_eq!((&again["data"]["first"], &again["data"]["decision"]), (&json!(false), &json!("approve")));
    let (_, over_http) = served
        .fixture
        .ask("POST", &format!("/api/interactions/{}", ids[0]), r#"{"decision":"reject"}"#, Some(APPROVER))
        .await;
    assert_eq!(over_http["first"], false);
    assert_eq!(told(&mut reader).await["event"], "approval_resolved");
    assert_eq!(told(&mut reader).await["event"], "state_change");
    // Any other question of the session comes the same way, and is answered over HTTP.
    let (_, question) = post("/api/interactions", json!({"kind": "question", "text": "which?", "session": "s1"})).await;
    let (_, other) = post("/api/interactions", json!({"kind": "question", "text": "what?", "session": "s2"})).await;
    let request = told(&mut ada).await;
    assert_eq!((&request["event"], &request["data"]["approvalId"]), (&json!("approval_request"), &question["id"]));
    is_error(&asked(&mut ada, answer(other["id"].as_str().unwrap(), "x")).await, "NOT_FOUND");
    let id = question["id"].as_str().unwrap();
    let given = json!({"type": "approval", "sessionId": "s1", "approvalId": id, "answer": "this"});
    say(&mut ada, given.to_string()).await;
    for _ in 0..2 {
        assert!(["approval_answered", "approval_resolved"].contains(&told(&mut ada).await["event"].as_str().unwrap()));
    }
    let (_, kept) = served.fixture.get(&format!("/api/interactions/{id}")).await;
    assert_eq!((&kept["answer"], &kept["resolved_by"]), (&json!("this"), &json!("user:ada")));
    let ended =
        json!({"type": "session.ended", "payload": {"finalState": "COMPLETED", "totalDurationMs": 5, "exitCode": 0}});
    assert_eq!(post("/api/runner/sessions/s1/events", ended).await.0, 200);
    assert_eq!(told(&mut ada).await["data"]["newState"], "COMPLETED");
    let last = told(&mut ada).await;
    assert_eq!((&last["event"], &last["data"]["finalState"]), (&json!("completed"), &json!("COMPLETED")));
}

#[tokio::test]
async fn what_is_past_for_one_session_and_still_to_come_for_another_is_told_once() {
    let served = served().await;
    let payload = json!({"path": "a", "roomPath": "r", "reason": "write"}).to_string();
    let draft = Draft::new(EventType::parse("file.touched").unwrap(), "runner", payload).in_session("s2");
    for _ in 0..10 {
        served.fixture.state.bus.emit_batch(vec![draft.clone(); 1_000]).await.unwrap();
    }
    let mut client = known(&served, CLIENT).await;
    // While it is told of these, what happens waits; and so is what is asked for meanwhile heard before that.
    is_event(&asked(&mut client, json!({"type": "subscribe", "sessionId": "s2", "since": 0})).await, "subscribed");
    for count in 0..5 {
        chunk(&served, "s1", &count.to_string()).await;
    }
    say(&mut client, json!({"type": "subscribe", "sessionId": "s1", "since": 0}).to_string()).await;
    let (mut first, mut second) = (Vec::new(), 0);
    while first.last().map(String::as_str) != Some("last") {
        let frame = told(&mut client).await;
        match (frame["event"].as_str().unwrap(), frame["sessionId"].as_str().unwrap()) {
            ("subscribed", "s1") => drop(chunk(&served, "s1", "last").await),
            ("output", "s1") => first.push(frame["data"].as_str().unwrap().to_owned()),
            ("output", "s2") => second += 1,
            _ => panic!("{frame}"),
        }
    }
    assert_eq!((first, second), (["0", "1", "2", "3", "4", "last"].map(str::to_owned).to_vec(), 10_000));
}

#[tokio::test]
async fn a_past_that_cannot_be_read_is_said_and_asked_for_again() {
    let served = served_by(fixture_on_disk().await).await;
    for count in 0..3 {
        chunk(&served, "s1", &count.to_string()).await;
    }
    let others = rusqlite::Connection::open(served.fixture.home.journal()).unwrap();
    let cast = |to: &str| {
        others.execute(&format!("UPDATE events SET payload = CAST(payload AS {to}) WHERE session = 's1'"), []).unwrap()
    };
    assert_eq!(cast("BLOB"), 3);
    let mut client = known(&served, CLIENT).await;
    subscribe(&mut client, "s2").await;
    let since = json!({"type": "subscribe", "sessionId": "s1", "since": 0});
    is_event(&asked(&mut client, since.clone()).await, "subscribed");
    let failed = told(&mut client).await;
    is_error(&failed, "INTERNAL");
    assert_eq!(failed["sessionId"], "s1");
    cast("TEXT");
    // It is as if it had not been asked for, and others go on.
    chunk(&served, "s1", "3").await;
    chunk(&served, "s2", "others'").await;
    assert_eq!(told(&mut client).await["data"], "others'");
    is_event(&asked(&mut client, since).await, "subscribed");
    for count in 0..4 {
        assert_eq!(told(&mut client).await["data"], count.to_string());
    }
}
