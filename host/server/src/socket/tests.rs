//! Sockets over real connections: what they are sent, what they may say, and when they are let go.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use super::*;
use crate::jwt::tests::{claims, signed};
use crate::line::{GOODBYE, MAX_FRAME_BYTES, SILENCE};
use crate::router::tests::{CLIENT, Fixture, fixture, fixture_of};
use crate::state::MAX_STREAMS;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Theirs;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tollgate_core::event::Draft;
use tollgate_core::events::EventType;
use tollgate_core::time::{Clock, Timestamp};

/// No test waits longer than this for something that must happen; longer than a client may stall.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

pub(crate) struct Served {
    pub(crate) fixture: Fixture,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) done: tokio::task::JoinHandle<()>,
}

pub(crate) type Client = WebSocketStream<TcpStream>;

pub(crate) async fn served() -> Served {
    served_by(fixture().await).await
}

pub(crate) async fn served_by(fixture: Fixture) -> Served {
    std::fs::create_dir_all(fixture.home.run()).unwrap();
    let listener = crate::listen::bind(&fixture.home, None).unwrap();
    let port = crate::listen::bind_tcp("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = port.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let done = tokio::spawn(crate::serve::serve(listener, Some(port), fixture.state.clone(), async move {
        let _ = stopped.await;
    }));
    Served { fixture, address, stop: Some(stop), done }
}

impl Served {
    async fn connect(&self, path: &str) -> Client {
        self.connect_as(CLIENT, path).await
    }

    pub(crate) async fn connect_as(&self, token: &str, path: &str) -> Client {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let stream = TcpStream::connect(self.address).await.unwrap();
        tokio_tungstenite::client_async(request, stream).await.unwrap().0
    }

    async fn emit(&self, event_type: &str, count: usize) -> u64 {
        let draft = || Draft::new(EventType::parse(event_type).unwrap(), "core", r#"{"x":1}"#);
        let receipts = self.fixture.state.bus.emit_batch((0..count).map(|_| draft()).collect()).await.unwrap();
        receipts.last().unwrap().seq
    }

    pub(crate) async fn clients(&self) -> Vec<Value> {
        self.fixture.get("/api/stats").await.1["clients"].as_array().unwrap().clone()
    }

    /// Waits until nobody is there, and nothing is held for them.
    pub(crate) async fn empty(&self) {
        let all = self.fixture.state.streams.acquire_many(u32::try_from(MAX_STREAMS).unwrap());
        drop(tokio::time::timeout(DEADLINE, all).await.expect("the places come back").unwrap());
        assert_eq!(self.clients().await, Vec::<Value>::new());
        assert_eq!(self.fixture.state.bus.statistics().subscribers.len(), 0, "nothing is subscribed");
    }
}

pub(crate) async fn heard(client: &mut Client) -> Theirs {
    loop {
        match tokio::time::timeout(DEADLINE, client.next()).await.expect("in time").unwrap().unwrap() {
            Theirs::Ping(_) => {}
            message => return message,
        }
    }
}

pub(crate) async fn told(client: &mut Client) -> Value {
    match heard(client).await {
        Theirs::Text(text) => serde_json::from_str(&text).unwrap(),
        other => panic!("no text: {other:?}"),
    }
}

pub(crate) async fn closed(client: &mut Client) -> (CloseCode, String) {
    loop {
        match heard(client).await {
            Theirs::Close(Some(frame)) => return (frame.code, frame.reason.to_string()),
            Theirs::Text(_) => {}
            other => panic!("no close: {other:?}"),
        }
    }
}

pub(crate) async fn say(client: &mut Client, text: impl Into<String>) {
    client.send(Theirs::text(text.into())).await.unwrap();
}

#[tokio::test]
async fn a_socket_is_sent_what_the_journal_holds_and_what_happens_next() {
    let served = served().await;
    served.emit("a.b", 3).await;
    served.emit("b.c", 2).await;
    let mut client = served.connect("/ws/events?filter=a.*&since=1").await;
    let first = told(&mut client).await;
    assert_eq!((&first["type"], &first["seq"], &first["payload"]), (&json!("a.b"), &json!(2), &json!({"x": 1})));
    assert_eq!(told(&mut client).await["seq"], 3);
    served.emit("b.c", 1).await;
    let last = served.emit("a.d", 1).await;
    assert_eq!(told(&mut client).await["seq"], last);
    say(&mut client, "ping").await;
    let pong = told(&mut client).await;
    assert_eq!(pong["type"], "pong");
    assert!(pong["ts"].as_str().unwrap().ends_with('Z') && pong.as_object().unwrap().len() == 2, "{pong}");
    client.send(Theirs::Ping(b"there?".to_vec().into())).await.unwrap();
    assert_eq!(heard(&mut client).await, Theirs::Pong(b"there?".to_vec().into()));
    drop(client);
    served.empty().await;
}

#[tokio::test]
async fn a_cursor_resumes_and_one_of_another_journal_is_told_first() {
    let served = served().await;
    served.emit("a.b", 3).await;
    let epoch = served.fixture.state.bus.journal().epoch();
    let mut client = served.connect(&format!("/ws/events?since={epoch:016x}.2")).await;
    assert_eq!(told(&mut client).await["seq"], 3);
    let mut client = served.connect("/ws/events?since=0123456789abcdef.2").await;
    let reset = told(&mut client).await;
    assert_eq!((&reset["type"], &reset["payload"]), (&json!("journal.reset"), &json!({"oldest": 1, "newest": 3})));
    assert_eq!(told(&mut client).await["seq"], 1);
}

#[tokio::test]
async fn a_client_changes_what_it_follows_and_says_what_it_is_done_with() {
    let served = served().await;
    let mut client = served.connect("/ws/events?filter=a.*").await;
    say(&mut client, "nothing that is meant for us").await;
    say(&mut client, r#"{"op":"subscribe","filter":"b.*"}"#).await;
    let answer = told(&mut client).await;
    assert_eq!((&answer["type"], &answer["filter"]), (&json!("subscribed"), &json!("a.*,b.*")));
    say(&mut client, r#"{"op":"unsubscribe","filter":["a.*"]}"#).await;
    assert_eq!(told(&mut client).await["filter"], "b.*");
    served.emit("a.b", 1).await;
    let seq = served.emit("b.c", 1).await;
    assert_eq!(told(&mut client).await["seq"], seq);
    say(&mut client, json!({"op": "ack", "seq": seq}).to_string()).await;
    say(&mut client, r#"{"op":"dance"}"#).await;
    let error = told(&mut client).await;
    assert_eq!((&error["type"], &error["error"]["code"]), (&json!("error"), &json!("bad_operation")));
    let clients = served.clients().await;
    assert_eq!((&clients[0]["acknowledged"], &clients[0]["kind"]), (&json!(seq), &json!("websocket")));
    let most: Vec<String> = (0..MAX_PATTERNS).map(|count| format!("x.p{count}")).collect();
    say(&mut client, json!({"op": "subscribe", "filter": most}).to_string()).await;
    let error = told(&mut client).await;
    assert!(error["error"]["message"].as_str().unwrap().contains("at most 256 patterns"), "{error}");
}

#[tokio::test]
async fn each_client_s_counters_add_up() {
    let served = served().await;
    let mut all = served.connect("/ws/events").await;
    let mut some = served.connect("/ws/events?filter=a.*&session=none").await;
    say(&mut some, "ping").await;
    told(&mut some).await;
    served.emit("a.b", 5).await;
    served.emit("b.c", 4).await;
    for _ in 0..9 {
        told(&mut all).await;
    }
    let expected = json!([[9, 9, 0, 0, 0], [9, 0, 9, 0, 0]]);
    let counted = async || {
        let clients = served.clients().await;
        let keys = ["emitted", "delivered", "filtered", "dropped", "waiting"];
        json!(clients.iter().map(|client| keys.map(|key| client[key].clone())).collect::<Vec<_>>())
    };
    // What the second is not sent it takes nonetheless, in its own time.
    let agreed = async {
        while counted().await != expected {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(DEADLINE, agreed).await.is_ok(), "{}", counted().await);
    assert_eq!(served.fixture.state.frames.made(), 9, "each was written once, and by nobody who leaves it out");
    drop((all, some));
    served.empty().await;
}

#[tokio::test]
async fn a_client_that_is_too_slow_is_told_what_it_missed_and_its_counters_add_up() {
    let served = served().await;
    let mut client = served.connect("/ws/events?filter=a.*").await;
    let payload = json!({"x": "y".repeat(8 * 1024)}).to_string();
    let draft = Draft::new(EventType::parse("a.b").unwrap(), "core", payload);
    // More than the kernel holds for it, and a queue, and what was taken from the queue.
    let (batches, each) = (8, 1_000);
    for _ in 0..batches {
        served.fixture.state.bus.emit_batch(vec![draft.clone(); each]).await.unwrap();
    }
    let last = served.emit("a.last", 1).await;
    let (mut delivered, mut dropped, mut next) = (0, 0, 1);
    loop {
        let message = told(&mut client).await;
        if message["type"] == "stream.gap" {
            let number = |key: &str| message["payload"][key].as_u64().unwrap();
            assert_eq!((number("from"), number("count")), (next, number("to") + 1 - next), "{message}");
            dropped += number("count");
            next = number("to") + 1;
            continue;
        }
        assert_eq!(message["seq"], next, "in order, and nothing missing that was not told");
        (delivered, next) = (delivered + 1, next + 1);
        if message["type"] == "a.last" {
            break;
        }
    }
    assert!(dropped > 0 && delivered + dropped == last, "{delivered} and {dropped} of {last}");
    let one = &served.clients().await[0];
    let keys = ["emitted", "delivered", "filtered", "dropped", "waiting"];
    assert_eq!(keys.map(|key| one[key].as_u64().unwrap()), [last, delivered, 0, dropped, 0]);
}

#[tokio::test]
async fn an_event_is_written_once_for_all_who_are_sent_it() {
    let served = served().await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(served.connect("/ws/events").await);
    }
    served.emit("a.b", 20).await;
    for client in &mut clients {
        for _ in 0..20 {
            told(client).await;
        }
    }
    assert_eq!(served.fixture.state.frames.made(), 20);
}

/// Says more than a frame may hold, and waits until the connection ends of it. It is cut off while it is still being sent:
/// the write may fail.
pub(crate) async fn ends_of_its_size(client: &mut Client) {
    let _ = client.send(Theirs::text("x".repeat(MAX_FRAME_BYTES + 1))).await;
    loop {
        match tokio::time::timeout(DEADLINE, client.next()).await.expect("in time") {
            Some(Ok(Theirs::Close(Some(frame)))) => return assert_eq!(frame.code, CloseCode::Size),
            Some(Ok(_)) => {}
            // The bytes that nobody read reset the connection before its last words are through.
            Some(Err(_)) | None => return,
        }
    }
}

#[tokio::test]
async fn a_message_over_the_bound_ends_the_connection() {
    let served = served().await;
    let mut client = served.connect("/ws/events").await;
    say(&mut client, "x".repeat(MAX_FRAME_BYTES)).await;
    say(&mut client, "ping").await;
    assert_eq!(told(&mut client).await["type"], "pong", "just the bound is read, and ignored");
    ends_of_its_size(&mut client).await;
    drop(client);
    served.empty().await;
}

#[tokio::test]
async fn a_host_that_stops_says_so() {
    let mut served = served().await;
    let mut client = served.connect("/ws/events").await;
    served.stop.take().unwrap().send(()).unwrap();
    assert_eq!(closed(&mut client).await.0, CloseCode::Away);
    tokio::time::timeout(DEADLINE, served.done).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_frontend_is_sent_type_and_data_of_its_own_events() {
    let served = served().await;
    let mut client = served.connect("/ws/frontend").await;
    served.emit("a.b", 1).await;
    let text = r#"{"type":"orchestrator.started","payload":{"request_id":"r1","pid":"p1"}}"#;
    assert_eq!(served.fixture.post("/api/events", text).await.0, 200);
    let frame = told(&mut client).await;
    assert_eq!(frame, json!({"type": "orchestrator.started", "data": {"request_id": "r1", "pid": "p1"}}));
}

#[tokio::test]
async fn a_token_comes_as_a_subprotocol_and_one_is_chosen() {
    let served = served().await;
    let wish = json!({"name": "board", "scopes": ["read"]});
    let wish = serde_json::from_value(wish).unwrap();
    let (_, token) = served.fixture.state.tokens.add(wish, tollgate_core::time::Timestamp(0)).unwrap();
    let own = format!("tollgate.token.{token}");
    for (offered, chosen) in [(format!("{own}, tollgate.v1"), "tollgate.v1"), (own.clone(), own.as_str())] {
        let mut request = format!("ws://{}/ws/events", served.address).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", offered.parse().unwrap());
        let stream = TcpStream::connect(served.address).await.unwrap();
        let (mut client, response) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], chosen);
        served.emit("a.b", 1).await;
        assert_eq!(told(&mut client).await["type"], "a.b");
        assert_eq!(served.clients().await[0]["token"], "board");
        drop(client);
        served.empty().await;
    }
    // Never in a query, which ends up in logs and histories.
    let request = format!("ws://{}/ws/events?token={token}", served.address).into_client_request().unwrap();
    let stream = TcpStream::connect(served.address).await.unwrap();
    assert!(tokio_tungstenite::client_async(request, stream).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_let_go_and_holds_nothing() {
    let served = served().await;
    let path = served.fixture.home.socket();
    let stream = UnixStream::connect(&path).await.unwrap();
    let request = "ws://localhost/ws/events".into_client_request().unwrap();
    let (client, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    let draft = Draft::new(EventType::parse("a.b").unwrap(), "core", json!({"x": "y".repeat(100_000)}).to_string());
    // More than the kernel takes for it; time passes only while everyone waits.
    for _ in 0..40 {
        served.fixture.state.bus.emit(draft.clone()).await.unwrap();
    }
    served.empty().await;
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_not_heard_of_is_let_go() {
    let served = served().await;
    let stream = UnixStream::connect(&served.fixture.home.socket()).await.unwrap();
    let request = "ws://localhost/ws/events".into_client_request().unwrap();
    // It takes what it is sent and answers no ping: nobody polls it.
    let (client, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    let begun = tokio::time::Instant::now();
    let all = served.fixture.state.streams.acquire_many(u32::try_from(MAX_STREAMS).unwrap());
    drop(tokio::time::timeout(SILENCE * 2, all).await.expect("it is let go").unwrap());
    assert!(begun.elapsed() >= SILENCE, "{:?}", begun.elapsed());
    drop(client);
}

#[tokio::test]
async fn a_client_that_takes_its_leave_is_answered() {
    let host = served().await;
    let mut client = host.connect("/ws/events").await;
    client.close(None).await.unwrap();
    assert!(matches!(heard(&mut client).await, Theirs::Close(_)), "or it would take it for an accident");
    host.empty().await;
}

#[tokio::test]
async fn more_patterns_than_a_client_may_follow_by_are_refused_at_the_door() {
    let host = served().await;
    let filter: Vec<_> = (0..=MAX_PATTERNS).map(|number| format!("a.x{number}")).collect();
    let path = format!("ws://{}/ws/events?filter={}", host.address, filter.join(","));
    let mut request = path.into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {CLIENT}").parse().unwrap());
    let stream = TcpStream::connect(host.address).await.unwrap();
    assert!(tokio_tungstenite::client_async(request, stream).await.is_err());
    host.empty().await;
}

#[tokio::test]
async fn who_comes_with_a_token_that_ends_is_let_go_when_it_does() {
    let (now, seconds) = (1_800_000_000_000, 60);
    let clock = Clock::fixed(Timestamp(now));
    let host = served_by(fixture_of(None, clock.clone()).await).await;
    let token = signed(&claims(now / 1_000, seconds, "read"));
    let mut client = host.connect_as(&token, "/ws/events").await;
    let mut reader = UnixStream::connect(&host.fixture.home.socket()).await.unwrap();
    let request = "ws://localhost/ws/events".into_client_request().unwrap();
    let (mut own, _) = tokio_tungstenite::client_async(request, &mut reader).await.unwrap();
    clock.set(Timestamp(now + seconds * 1_000 - 1));
    say(&mut client, "ping").await;
    assert_eq!(told(&mut client).await["type"], "pong", "it counts to its last millisecond");
    clock.set(Timestamp(now + seconds * 1_000));
    assert_eq!(closed(&mut client).await, (CloseCode::Policy, "the token's time is over".to_owned()));
    let again = format!("ws://{}/ws/events", host.address).into_client_request().map(|mut request| {
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request
    });
    let stream = TcpStream::connect(host.address).await.unwrap();
    assert!(tokio_tungstenite::client_async(again.unwrap(), stream).await.is_err());
    own.send(Theirs::text("ping")).await.unwrap();
    let pong = tokio::time::timeout(DEADLINE, own.next()).await.unwrap().unwrap().unwrap();
    assert!(pong.to_text().unwrap().contains("pong"), "others stay");
}

#[tokio::test(start_paused = true)]
async fn who_may_no_longer_hear_is_not_waited_for() {
    let host = served().await;
    let wish = serde_json::from_value(json!({"name": "board", "scopes": ["read"]})).unwrap();
    let (_, token) = host.fixture.state.tokens.add(wish, Timestamp(0)).unwrap();
    let client = host.connect_as(&token, "/ws/events").await;
    let draft = Draft::new(EventType::parse("a.b").unwrap(), "core", json!({"x": "y".repeat(200_000)}).to_string());
    // More than the kernel takes for a client that reads nothing: it is stuck in the middle of what it is told.
    for _ in 0..100 {
        host.fixture.state.bus.emit(draft.clone()).await.unwrap();
    }
    let begun = tokio::time::Instant::now();
    host.fixture.state.tokens.revoke("board").unwrap();
    host.empty().await;
    assert!(begun.elapsed() <= GOODBYE * 2, "{:?}", begun.elapsed());
    drop(client);
}
