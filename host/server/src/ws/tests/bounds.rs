//! What clients may hold of the host, and what rubbish comes to.

use super::*;
use crate::line::MAX_FRAME_BYTES;
use crate::ws::connection::MAX_SESSIONS;
use futures_util::SinkExt as _;
use tokio_tungstenite::tungstenite::Message as Theirs;

#[tokio::test]
async fn so_many_may_be_there_who_have_not_said_who_they_are() {
    let served = served().await;
    let mut strangers = Vec::new();
    for _ in 0..MAX_STRANGERS {
        strangers.push(stranger(&served).await);
    }
    assert_eq!(dialled(&served, &[]).await.err(), Some(503));
    // Who says who it is takes another kind of place.
    let mut one = strangers.pop().unwrap();
    is_event(&asked(&mut one, json!({"type": "authenticate", "token": CLIENT})).await, "authenticated");
    let _next = stranger(&served).await;
    assert_eq!(dialled(&served, &[]).await.err(), Some(503));
    drop(strangers);
    let all = served.fixture.state.strangers.acquire_many(u32::try_from(MAX_STRANGERS - 1).unwrap());
    drop(tokio::time::timeout(DEADLINE, all).await.expect("the places come back").unwrap());
}

#[tokio::test(start_paused = true)]
async fn who_does_not_say_who_it_is_is_let_go() {
    let served = served().await;
    let begun = tokio::time::Instant::now();
    let mut client = stranger(&served).await;
    is_error(&told(&mut client).await, "AUTH_FAILED");
    assert_eq!(closed(&mut client).await.0, CloseCode::Policy);
    assert!(begun.elapsed() >= AUTHENTICATE_WITHIN, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn connections_of_a_token_are_bounded_and_it_is_said() {
    let served = served().await;
    let wish = serde_json::from_value(json!({"name": "board", "scopes": ["read"], "connections": 1})).unwrap();
    let (_, token) = served.fixture.state.tokens.add(wish, Timestamp(0)).unwrap();
    let first = known(&served, &token).await;
    let mut second = stranger(&served).await;
    is_error(&asked(&mut second, json!({"type": "authenticate", "token": token})).await, "CONNECTION_LIMIT");
    assert_eq!(closed(&mut second).await.0, CloseCode::Again);
    assert_eq!(dialled(&served, &[("authorization", &format!("Bearer {token}"))]).await.err(), Some(429));
    drop(first);
    served.empty().await;
    known(&served, &token).await;
}

#[tokio::test]
async fn a_client_is_told_of_so_many_sessions() {
    let served = served().await;
    let mut client = known(&served, CLIENT).await;
    let (mut subscribed, mut refused) = (0, 0);
    for count in 0..1_000 {
        let answer = subscribe(&mut client, &format!("s{count}")).await;
        match answer["type"].as_str().unwrap() {
            "event" => subscribed += 1,
            _ => {
                is_error(&answer, "TOO_MANY");
                refused += 1;
            }
        }
    }
    assert_eq!((subscribed, refused), (MAX_SESSIONS, 1_000 - MAX_SESSIONS));
    assert_eq!(served.fixture.state.bus.statistics().subscribers.len(), 1, "one feed for all of them");
    chunk(&served, "s999", "not subscribed to").await;
    chunk(&served, "s0", "told").await;
    assert_eq!(told(&mut client).await["data"], "told");
    is_event(&asked(&mut client, json!({"type": "unsubscribe", "sessionId": "s0"})).await, "unsubscribed");
    is_event(&subscribe(&mut client, "s999").await, "subscribed");
    for (session, code) in
        [("", "INVALID_MESSAGE"), ("a\u{7}b", "INVALID_MESSAGE"), (&*"x".repeat(257), "INVALID_MESSAGE")]
    {
        is_error(&subscribe(&mut client, session).await, code);
    }
}

#[tokio::test]
async fn a_token_says_so_much_in_a_second() {
    let served = served().await;
    let wish = serde_json::from_value(json!({"name": "board", "scopes": ["read"], "per_second": 5})).unwrap();
    let (_, token) = served.fixture.state.tokens.add(wish, Timestamp(0)).unwrap();
    let mut client = known(&served, &token).await;
    let mut refused = 0;
    for _ in 0..50 {
        let answer = asked(&mut client, json!({"type": "ping"})).await;
        if answer["type"] != "pong" {
            is_error(&answer, "TOO_MANY");
            refused += 1;
        }
    }
    assert!(refused > 0);
}

#[tokio::test]
async fn rubbish_is_answered_and_ends_nothing() {
    let served = served().await;
    let (mut client, mut neighbour) = (known(&served, CLIENT).await, known(&served, CLIENT).await);
    subscribe(&mut neighbour, "s1").await;
    subscribe(&mut client, "s1").await;
    let deep = format!(r#"{{"type":"ping","x":{}"#, "[".repeat(500_000));
    for text in ["", "ping", "null", "[]", "{}", r#"{"type":null}"#, "\u{0}", "{\"type\":\"ping\",\"type\":7}", &deep] {
        say(&mut client, text).await;
        is_error(&told(&mut client).await, "INVALID_MESSAGE");
    }
    is_error(&asked(&mut client, json!({"type": "session"})).await, "UNKNOWN_MESSAGE_TYPE");
    client.send(Theirs::Binary(vec![0xff; 1_000].into())).await.unwrap();
    is_error(&told(&mut client).await, "INVALID_MESSAGE");
    let huge =
        json!({"type": "terminal", "action": "input", "sessionId": "s1", "data": "x".repeat(MAX_FRAME_BYTES - 200)});
    is_error(&asked(&mut client, huge).await, "FORBIDDEN");
    for count in 0..2_000 {
        say(&mut client, format!("rubbish {count}")).await;
        is_error(&told(&mut client).await, "INVALID_MESSAGE");
    }
    chunk(&served, "s1", "still").await;
    assert_eq!(told(&mut client).await["data"], "still");
    // What is larger than a frame ends its own connection, and no other.
    ends_of_its_size(&mut client).await;
    assert_eq!(told(&mut neighbour).await["data"], "still");
    drop((client, neighbour));
    served.empty().await;
}

#[tokio::test]
async fn who_falls_behind_is_told_what_it_missed_and_goes_on() {
    let served = served().await;
    let mut client = known(&served, CLIENT).await;
    subscribe(&mut client, "s1").await;
    let payload = json!({"path": "y".repeat(8 * 1024), "roomPath": "r", "reason": "write"}).to_string();
    let draft = Draft::new(EventType::parse("file.touched").unwrap(), "runner", payload).in_session("s1");
    // More than the kernel holds for it, and a queue, and what was taken from the queue.
    for _ in 0..8 {
        served.fixture.state.bus.emit_batch(vec![draft.clone(); 1_000]).await.unwrap();
    }
    let last = served.fixture.state.bus.emit(draft).await.unwrap().seq;
    let (mut delivered, mut dropped, mut next) = (0, 0, 1);
    loop {
        let frame = told(&mut client).await;
        if frame["event"] == "gap" {
            let number = |key: &str| frame["data"][key].as_u64().unwrap();
            assert_eq!((number("from"), number("count")), (next, number("to") + 1 - next), "{frame}");
            (dropped, next) = (dropped + number("count"), number("to") + 1);
            continue;
        }
        assert_eq!(frame["seq"], next, "in order, and nothing missing that was not told");
        (delivered, next) = (delivered + 1, next + 1);
        if frame["seq"] == last {
            break;
        }
    }
    assert!(dropped > 0 && delivered + dropped == last, "{delivered} and {dropped} of {last}");
    // What it missed is in the journal: it asks for it.
    asked(&mut client, json!({"type": "unsubscribe", "sessionId": "s1"})).await;
    asked(&mut client, json!({"type": "subscribe", "sessionId": "s1", "since": 0})).await;
    for seq in 1..=last {
        assert_eq!(told(&mut client).await["seq"], seq);
    }
}

#[tokio::test]
async fn a_refusal_repeats_little_of_what_was_said() {
    let served = served().await;
    let mut client = known(&served, CLIENT).await;
    // Two bytes each, and seven where they are shown escaped.
    let long = "\u{ad}".repeat(MAX_FRAME_BYTES / 2 - 1_000);
    let resize =
        |cols: Value| json!({"type": "terminal", "action": "resize", "sessionId": "s", "rows": 1, "cols": cols});
    for (message, code) in [
        (resize(json!(long)), "INVALID_MESSAGE"),
        (json!({"type": "terminal", "action": long, "sessionId": "s"}), "INVALID_MESSAGE"),
        (json!({"type": "ping", &*long: 1}), "INVALID_MESSAGE"),
        (json!({"type": "subscribe", "sessionId": long}), "INVALID_MESSAGE"),
        (json!({"type": "subscribe", "sessionId": "s", "since": long}), "INVALID_MESSAGE"),
        (json!({"type": "unsubscribe", "sessionId": long}), "NOT_SUBSCRIBED"),
        (json!({"type": long}), "UNKNOWN_MESSAGE_TYPE"),
    ] {
        let refused = asked(&mut client, message).await;
        is_error(&refused, code);
        assert!(refused.to_string().len() < 4_096, "{} bytes", refused.to_string().len());
    }
    assert_eq!(asked(&mut client, json!({"type": "ping"})).await["type"], "pong");
}
