//! Who is let in, for how long, and to what.

use super::*;

#[tokio::test]
async fn who_has_not_said_who_it_is_is_told_nothing_and_does_nothing() {
    let served = served().await;
    let mut client = stranger(&served).await;
    assert_eq!(asked(&mut client, json!({"type": "ping"})).await["type"], "pong");
    for message in [
        json!({"type": "subscribe", "sessionId": "s1"}),
        json!({"type": "unsubscribe", "sessionId": "s1"}),
        json!({"type": "terminal", "action": "input", "sessionId": "s1", "data": "x"}),
        json!({"type": "approval", "sessionId": "s1", "approvalId": "a", "decision": "approve"}),
    ] {
        is_error(&asked(&mut client, message).await, "NOT_AUTHENTICATED");
    }
    is_error(&asked(&mut client, json!({"type": "dance"})).await, "UNKNOWN_MESSAGE_TYPE");
    is_error(&asked(&mut client, json!({"type": "authenticate"})).await, "INVALID_MESSAGE");
    chunk(&served, "s1", "secret").await;
    assert_eq!(served.fixture.state.bus.statistics().subscribers.len(), 0);
    is_event(&asked(&mut client, json!({"type": "authenticate", "token": CLIENT})).await, "authenticated");
    is_event(&subscribe(&mut client, "s1").await, "subscribed");
    is_error(&asked(&mut client, json!({"type": "authenticate", "token": CLIENT})).await, "INVALID_MESSAGE");
}

#[tokio::test]
async fn a_token_that_does_not_count_ends_the_connection() {
    let served = served().await;
    let mut elsewhere = claims(Clock::system().now().0 / 1_000, 60, "read");
    elsewhere["aud"] = json!("elsewhere");
    for token in ["guessed", "", &signed(&elsewhere), &CLIENT[1..]] {
        let mut client = stranger(&served).await;
        is_error(&asked(&mut client, json!({"type": "authenticate", "token": token})).await, "AUTH_FAILED");
        assert_eq!(closed(&mut client).await.0, CloseCode::Policy);
    }
    served.empty().await;
}

#[tokio::test]
async fn the_door_is_passed_before_the_upgrade() {
    let served = served().await;
    let bearer = |token: &str| format!("Bearer {token}");
    assert_eq!(dialled(&served, &[("origin", "https://evil.example.org")]).await.err(), Some(403));
    assert_eq!(dialled(&served, &[("host", "evil.example.org")]).await.err(), Some(403));
    assert_eq!(dialled(&served, &[("authorization", &bearer("guessed"))]).await.err(), Some(401));
    let offered = format!("tollgate.v1, tollgate.token.{CLIENT}");
    for headers in [("authorization", bearer(CLIENT)), ("sec-websocket-protocol", offered)] {
        let mut client = dialled(&served, &[(headers.0, &headers.1)]).await.unwrap();
        is_event(&told(&mut client).await, "connected");
        let who = told(&mut client).await;
        is_event(&who, "authenticated");
        assert_eq!(who["data"]["name"], "client");
        is_event(&subscribe(&mut client, "s1").await, "subscribed");
    }
    served.empty().await;
}

#[tokio::test]
async fn a_person_is_told_of_their_sessions_and_steers_what_http_lets_them() {
    let served = served().await;
    served.fixture.post("/api/runner/sessions", json!({"id": "s1"}).to_string()).await;
    let mut ada = known(&served, &person("read approve admin", &["s1"])).await;
    is_event(&subscribe(&mut ada, "s1").await, "subscribed");
    let refused = subscribe(&mut ada, "s2").await;
    is_error(&refused, "FORBIDDEN");
    assert_eq!(refused["sessionId"], "s2");
    let typed = json!({"type": "terminal", "action": "input", "sessionId": "s1", "data": "x"});
    is_error(&asked(&mut ada, typed.clone()).await, "FORBIDDEN");
    chunk(&served, "s2", "others'").await;
    chunk(&served, "s1", "hers").await;
    assert_eq!(told(&mut ada).await["data"], "hers");
    // Whoever reads some types is told of those.
    let mut some = known(&served, &person("read:session.*", &["*"])).await;
    is_event(&subscribe(&mut some, "s1").await, "subscribed");
    chunk(&served, "s1", "not for them").await;
    record(&served, "session.state_changed", "s1", json!({"previousState": "CREATED", "newState": "FAILED"})).await;
    assert_eq!(told(&mut some).await["event"], "state_change");
    let mut none = known(&served, &person("approve admin", &["*"])).await;
    is_error(&subscribe(&mut none, "s1").await, "FORBIDDEN");
    // The rule of the route: an administrator of all sessions types, and hears what the session makes of it.
    let mut admin = known(&served, APPROVER).await;
    is_error(&asked(&mut admin, typed.clone()).await, "NOT_SUBSCRIBED");
    is_event(&subscribe(&mut admin, "s1").await, "subscribed");
    let refused = asked(&mut admin, typed).await;
    is_error(&refused, "REFUSED");
    assert!(refused["message"].as_str().unwrap().contains("not run here"), "{refused}");
}

#[tokio::test]
async fn who_comes_with_a_token_that_ends_or_is_revoked_is_let_go() {
    let (now, seconds) = (1_800_000_000_000, 60);
    let clock = Clock::fixed(Timestamp(now));
    let served = served_by(fixture_of(None, clock.clone()).await).await;
    let mut ada = known(&served, &signed(&claims(now / 1_000, seconds, "read"))).await;
    is_event(&subscribe(&mut ada, "s1").await, "subscribed");
    let wish = serde_json::from_value(json!({"name": "board", "scopes": ["read"]})).unwrap();
    let (_, token) = served.fixture.state.tokens.add(wish, Timestamp(0)).unwrap();
    let mut board = known(&served, &token).await;
    clock.set(Timestamp(now + seconds * 1_000 - 1));
    assert_eq!(asked(&mut ada, json!({"type": "ping"})).await["type"], "pong", "it counts to its last millisecond");
    clock.set(Timestamp(now + seconds * 1_000));
    assert_eq!(closed(&mut ada).await, (CloseCode::Policy, "the token's time is over".to_owned()));
    served.fixture.state.tokens.revoke("board").unwrap();
    assert_eq!(closed(&mut board).await, (CloseCode::Policy, "the token was taken back".to_owned()));
    served.empty().await;
}

#[tokio::test]
async fn a_host_that_stops_says_so_to_everyone() {
    let mut served = served().await;
    let (mut client, mut nobody) = (known(&served, CLIENT).await, stranger(&served).await);
    served.stop.take().unwrap().send(()).unwrap();
    assert_eq!(closed(&mut client).await.0, CloseCode::Away);
    assert_eq!(closed(&mut nobody).await.0, CloseCode::Away);
    tokio::time::timeout(DEADLINE, served.done).await.unwrap().unwrap();
}
