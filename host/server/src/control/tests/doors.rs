//! Who is let in, to what, and how it ends.

use super::*;
use crate::router::tests::fixture_of;
use tollgate_core::time::{Clock, Timestamp};

fn now() -> i64 {
    Clock::system().now().0 / 1_000
}

/// A token that counts for a minute.
fn person(scope: &str, rooms: &[&str], sessions: &[&str]) -> String {
    let mut claims = claims(now(), 60, scope);
    (claims["rooms"], claims["sessions"]) = (json!(rooms), json!(sessions));
    signed(&claims)
}

fn token(served: &Served, wish: Value) -> String {
    let wish = serde_json::from_value(wish).unwrap();
    served.fixture.state.tokens.add(wish, Timestamp(0)).unwrap().1
}

#[tokio::test]
async fn only_who_has_a_token_that_counts_and_reads_is_let_in() {
    let served = served().await;
    let gate = token(&served, json!({"name": "gate", "scopes": ["gate", "emit"]}));
    let gone = token(&served, json!({"name": "gone", "scopes": ["read"]}));
    served.fixture.state.tokens.revoke("gone").unwrap();
    let mut expired = claims(now(), -1, "read");
    expired["rooms"] = json!(["*"]);
    let many: Vec<String> = (0..=MAX_ROOMS).map(|count| format!("agent:a{count}")).collect();
    let cases = [
        (json!({}), "E_UNAUTH: "),
        (json!({"token": ""}), "E_UNAUTH: "),
        (json!({"token": "guessed"}), "E_UNAUTH: "),
        (json!({"token": gone}), "E_UNAUTH: "),
        (json!({"token": signed(&expired)}), "E_UNAUTH: "),
        (json!({"token": "a.b.c"}), "E_UNAUTH: "),
        (json!({"token": "x".repeat(100_000)}), "E_UNAUTH: "),
        (json!({"token": 7}), "E_BAD_PAYLOAD: `auth`: "),
        (json!([CLIENT]), "E_BAD_PAYLOAD: `auth`: "),
        (json!({"token": gate}), "E_FORBIDDEN: this token lacks the scope `read`"),
        (json!({"token": CLIENT, "rooms": ["v1"]}), "E_BAD_PAYLOAD: a room is village:ID"),
        (json!({"token": CLIENT, "rooms": ["village:"]}), "E_BAD_PAYLOAD: `villageId`: "),
        (json!({"token": CLIENT, "rooms": ["village:*"]}), "E_BAD_PAYLOAD: `villageId`: "),
        (json!({"token": CLIENT, "rooms": many}), "E_BAD_PAYLOAD: `rooms`: at most 256"),
        (json!({"token": CLIENT, "cursor": "7"}), "E_BAD_PAYLOAD: `cursor`: "),
        (json!({"token": person("read", &["agent:a1"], &[]), "rooms": ["agent:a2"]}), "E_FORBIDDEN: agent:a2: "),
    ];
    for (auth, says) in cases {
        let mut client = Client::open(&served).await;
        let refused = client.enter(auth.clone()).await.expect_err(&auth.to_string());
        assert!(refused.starts_with(says), "{auth} said {refused}");
    }
    // Who is refused may try again on the same connection.
    let mut client = Client::open(&served).await;
    client.enter(json!({"token": "guessed"})).await.unwrap_err();
    client.enter(json!({"token": CLIENT, "hooks": false})).await.unwrap();
    assert_eq!(client.ask("join_village", json!("v1")).await["ok"], true);
    drop(client);
    served.empty().await;
}

#[tokio::test]
async fn a_person_joins_the_rooms_that_their_token_names() {
    let served = served().await;
    served.fixture.state.sessions.place("s1", Some("v1"), None);
    let token = person("read:work_stream.*", &["village:v1", "agent:*"], &[]);
    let mut client = Client::connect(&served, json!({"token": token})).await;
    for (name, id, expected) in [
        ("join_village", "v1", None),
        ("join_agent", "anyone", None),
        ("join_village", "v2", Some("E_FORBIDDEN")),
        ("join_repo", "v1", Some("E_FORBIDDEN")),
    ] {
        let answer = client.ask(name, json!(id)).await;
        assert_eq!(answer["error"]["code"].as_str(), expected, "{name} {id}: {answer}");
        assert_eq!(answer["ok"], json!(expected.is_none()));
        if expected.is_some() {
            assert_eq!(client.told_as("ws_error").await, answer);
        }
    }
    // The room is theirs, and so is what is told there, of the types that they may read.
    record(&served, "agent.spawn", Some("s1"), json!({"agentId": "a1", "sessionId": "s1"})).await;
    work(&served, "a1", "s1", "output").await;
    assert_eq!(client.told_as("work_stream_event").await["sessionId"], "s1");
}

#[tokio::test]
async fn who_has_no_token_is_told_what_is_open() {
    let served = served_by(fixture_of(Some("work_stream.*"), Clock::system()).await).await;
    let mut client = Client::connect(&served, json!({"rooms": ["agent:a1"]})).await;
    record(&served, "hook.pre_tool", None, json!({})).await;
    record(&served, "agent.spawn", None, json!({"agentId": "a1", "sessionId": "s1"})).await;
    work(&served, "a1", "s1", "output").await;
    assert_eq!(client.told_as("work_stream_event").await["agentId"], "a1");
    let mut client = Client::open(&served).await;
    let refused = client.enter(json!({"token": "guessed"})).await.unwrap_err();
    assert!(refused.starts_with("E_UNAUTH"), "a wrong token is none: {refused}");
}

#[tokio::test]
async fn who_comes_with_a_token_that_ends_hears_so_and_is_let_go() {
    let clock = Clock::fixed(Timestamp(1_800_000_000_000));
    let served = served_by(fixture_of(None, clock.clone()).await).await;
    let expiring = signed(&claims(1_800_000_000, 60, "read"));
    let revoked = token(&served, json!({"name": "board", "scopes": ["read"]}));
    let mut clients = Vec::new();
    for token in [&expiring, &revoked] {
        // One that follows something, and one that does not.
        for rooms in [json!([]), json!(["village:v1"])] {
            clients.push(Client::connect(&served, json!({"token": token, "hooks": false, "rooms": rooms})).await);
        }
    }
    clock.set(Timestamp(1_800_000_059_999));
    for client in &mut clients {
        assert_eq!(client.ask("join_agent", json!("a1")).await["ok"], true, "not yet");
    }
    clock.set(Timestamp(1_800_000_060_000));
    served.fixture.state.tokens.revoke("board").unwrap();
    for client in &mut clients {
        let error = client.told_as("ws_error").await;
        assert_eq!((&error["ok"], &error["error"]["code"]), (&json!(false), &json!("E_UNAUTH")), "{error}");
        client.ended().await;
    }
    served.empty().await;
    let mut client = Client::open(&served).await;
    assert!(client.enter(json!({"token": expiring})).await.unwrap_err().starts_with("E_UNAUTH"));
}

#[tokio::test]
async fn a_host_that_stops_waits_for_nobody() {
    let mut served = served().await;
    let mut client = Client::connect(&served, rooms(&["village:v1"])).await;
    let mut stranger = Client::open(&served).await;
    served.stop.take().unwrap().send(()).unwrap();
    client.ended().await;
    tokio::time::timeout(DEADLINE, served.done).await.unwrap().unwrap();
    drop(stranger.socket.close(None).await);
}

#[tokio::test]
async fn the_door_is_passed_before_the_library_answers() {
    let served = served().await;
    let refused = async |headers: &[(&str, &str)], path: &str| {
        let mut request = format!("ws://{}{path}", served.address).into_client_request().unwrap();
        for (name, value) in headers {
            let name: axum::http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(served.address).await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Ok(_) => 101,
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => response.status().as_u16(),
            Err(other) => panic!("{other}"),
        }
    };
    let path = "/socket.io/?EIO=4&transport=websocket";
    assert_eq!(refused(&[], path).await, 101);
    assert_eq!(refused(&[("origin", "https://evil.example.org")], path).await, 403);
    assert_eq!(refused(&[("host", "evil.example.org")], path).await, 403);
    assert_eq!(refused(&[("authorization", "Bearer guessed")], path).await, 401);
    assert_eq!(refused(&[], "/socket.io?EIO=4&transport=websocket").await, 404, "one path, with its last slash");
    assert_eq!(refused(&[], "/socket.io/more?EIO=4&transport=websocket").await, 404);
    assert_eq!(refused(&[], "/socket.io/?EIO=3&transport=websocket").await, 400, "an older protocol");
}

#[tokio::test]
async fn a_token_in_a_header_counts_too() {
    let served = served().await;
    let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", served.address);
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {CLIENT}").parse().unwrap());
    let stream = TcpStream::connect(served.address).await.unwrap();
    let (socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    let mut client = Client { socket, came: VecDeque::new(), asked: 0 };
    client.packet().await.unwrap();
    client.enter(json!({"hooks": false})).await.unwrap();
    assert_eq!(client.ask("join_village", json!("v1")).await["ok"], true);
}

#[tokio::test]
async fn a_refusal_repeats_little_of_what_was_said() {
    let served = served().await;
    let long = "\u{ad}".repeat(MAX_FRAME_BYTES / 2 - 1_000);
    for auth in [json!(long), json!({"token": {long: 1}})] {
        let refused = Client::open(&served).await.enter(auth).await.unwrap_err();
        assert!(refused.starts_with("E_BAD_PAYLOAD: `auth`: ") && refused.len() < 4_096, "{} bytes", refused.len());
    }
}
