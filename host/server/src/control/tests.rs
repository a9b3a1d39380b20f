//! Clients of Socket.IO, their packets written by hand, over real connections and over the router alone.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod bounds;
mod crowd;
mod doors;
mod hooks;
mod questions;
mod upgrades;

use super::*;
use crate::jwt::tests::{claims, signed};
use crate::query::cursor_text;
use crate::router::tests::{CLIENT, fixture};
use crate::socket::tests::{DEADLINE, Served, served, served_by};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::collections::VecDeque;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tollgate_core::event::Draft;
use tollgate_core::events::EventType;

/// A client's WebSocket, its Engine.IO handshake done.
struct Client {
    socket: WebSocketStream<TcpStream>,
    /// What came while something else was waited for.
    came: VecDeque<(String, Vec<Value>)>,
    asked: u64,
}

impl Client {
    async fn open(served: &Served) -> Self {
        Self::open_over(served, TcpStream::connect(served.address).await.unwrap()).await
    }

    /// The same over a connection of one's own making.
    async fn open_over(served: &Served, stream: TcpStream) -> Self {
        let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", served.address);
        let (socket, _) = tokio_tungstenite::client_async(url.into_client_request().unwrap(), stream).await.unwrap();
        let mut client = Self { socket, came: VecDeque::new(), asked: 0 };
        let open = client.packet().await.unwrap();
        let open: Value = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
        assert_eq!((&open["pingInterval"], &open["maxPayload"]), (&json!(15_000), &json!(1_048_576)));
        client
    }

    /// Connected, by what it says of itself.
    async fn connect(served: &Served, auth: Value) -> Self {
        let mut client = Self::open(served).await;
        client.enter(auth).await.unwrap();
        client
    }

    /// What it is told, or why it is not let in.
    async fn enter(&mut self, auth: Value) -> Result<(), String> {
        self.say(format!("40{auth}")).await;
        let answer = self.packet().await.unwrap();
        match answer.strip_prefix("40") {
            Some(_) => Ok(()),
            None => {
                let refused: Value = serde_json::from_str(answer.strip_prefix("44").expect(&answer)).unwrap();
                Err(refused["message"].as_str().unwrap().to_owned())
            }
        }
    }

    async fn say(&mut self, text: impl Into<String>) {
        self.socket.send(Message::text(text.into())).await.unwrap();
    }

    /// The next packet; none when the connection is closed. Pings are answered.
    async fn packet(&mut self) -> Option<String> {
        loop {
            let next = tokio::time::timeout(DEADLINE, self.socket.next()).await.expect("in time");
            match next {
                Some(Ok(Message::Text(text))) if text.as_str() == "2" => self.say("3").await,
                Some(Ok(Message::Text(text))) => return Some(text.to_string()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(other)) => panic!("{other:?}"),
            }
        }
    }

    /// The next event: its name and its arguments.
    async fn told(&mut self) -> (String, Vec<Value>) {
        if let Some(told) = self.came.pop_front() {
            return told;
        }
        let packet = self.packet().await.expect("an event, and not the end");
        event(packet.strip_prefix("42").expect(&packet))
    }

    /// The next event, which must have this name: its first argument.
    async fn told_as(&mut self, name: &str) -> Value {
        let (told, mut arguments) = self.told().await;
        assert_eq!(told, name, "{arguments:?}");
        arguments.swap_remove(0)
    }

    /// What is answered to a request; events that come meanwhile are kept.
    async fn ask(&mut self, name: &str, argument: Value) -> Value {
        self.asked += 1;
        let number = self.asked.to_string();
        self.say(format!("42{number}{}", json!([name, argument]))).await;
        loop {
            let packet = self.packet().await.expect("an answer");
            if let Some(answer) = packet.strip_prefix("43").and_then(|answer| answer.strip_prefix(&number)) {
                let answer: Vec<Value> = serde_json::from_str(answer).unwrap();
                return answer.into_iter().next().unwrap();
            }
            self.came.push_back(event(packet.strip_prefix("42").expect(&packet)));
        }
    }

    /// Waits until the host closes the connection, or takes its leave of it.
    async fn ended(&mut self) {
        while let Some(packet) = self.packet().await {
            if packet == "41" {
                return;
            }
        }
    }
}

fn event(text: &str) -> (String, Vec<Value>) {
    let mut said: Vec<Value> = serde_json::from_str(text).unwrap();
    let arguments = said.split_off(1);
    (said[0].as_str().unwrap().to_owned(), arguments)
}

/// An event of a session, on record.
async fn record(served: &Served, event_type: &str, session: Option<&str>, payload: Value) -> u64 {
    let mut draft = Draft::new(EventType::parse(event_type).unwrap(), "core", payload.to_string());
    draft.session = session.map(Into::into);
    served.fixture.state.bus.emit(draft).await.unwrap().seq
}

/// A step of an agent's work, as the translation writes it.
async fn work(served: &Served, agent: &str, session: &str, step: &str) -> u64 {
    let payload = json!({"agentId": agent, "sessionId": session, "type": step, "payload": {}, "timestamp": 1});
    record(served, "work_stream.event", Some(session), payload).await
}

fn rooms(names: &[&str]) -> Value {
    json!({"token": CLIENT, "hooks": false, "rooms": names})
}

#[tokio::test]
async fn a_client_in_overlapping_rooms_is_told_once_and_others_not_at_all() {
    let served = served().await;
    served.fixture.state.sessions.place("s1", Some("v1"), Some("r1"));
    let mut all = Client::connect(&served, json!({"token": CLIENT, "hooks": false})).await;
    for (name, argument, room) in [
        ("join_village", json!({"villageId": "v1"}), "village:v1"),
        ("join_repo", json!({"repoId": "r1"}), "repo:r1"),
        ("join_agent", json!("a1"), "agent:a1"),
    ] {
        assert_eq!(all.ask(name, argument).await, json!({"ok": true, "room": room}));
    }
    let mut agent = Client::connect(&served, rooms(&["agent:a1"])).await;
    let mut village = Client::connect(&served, rooms(&["village:v1"])).await;
    let mut repo = Client::connect(&served, rooms(&["repo:r1"])).await;
    let mut other = Client::connect(&served, rooms(&["village:v2", "agent:a2", "repo:r2"])).await;
    // Each is there once it is answered.
    for client in [&mut agent, &mut village, &mut repo, &mut other] {
        client.ask("join_agent", json!({"agentId": "marker"})).await;
    }
    all.ask("join_agent", json!({"agentId": "marker"})).await;
    let first = work(&served, "a1", "s1", "output").await;
    work(&served, "marker", "s9", "status_change").await;
    for client in [&mut all, &mut agent, &mut village, &mut repo] {
        let (name, arguments) = client.told().await;
        assert_eq!((&*name, &arguments[0]["type"]), ("work_stream_event", &json!("output")));
        let epoch = served.fixture.state.bus.journal().epoch();
        assert_eq!(arguments[1], json!(cursor_text(epoch, first)));
        assert_eq!(client.told_as("work_stream_event").await["agentId"], "marker", "and it came once");
    }
    assert_eq!(other.told_as("work_stream_event").await["agentId"], "marker");
}

#[tokio::test]
async fn agents_come_and_go_and_alerts_are_the_villages() {
    let served = served().await;
    served.fixture.state.sessions.place("s1", Some("v1"), None);
    let mut village = Client::connect(&served, rooms(&["village:v1"])).await;
    let mut agent = Client::connect(&served, rooms(&["agent:a1"])).await;
    for client in [&mut village, &mut agent] {
        assert_eq!(client.ask("get_status", Value::Null).await["ok"], true);
        client.told_as("status").await;
    }
    let about = json!({"agentId": "a1", "sessionId": "s1"});
    record(&served, "agent.spawn", Some("s1"), about.clone()).await;
    let alert = json!({"alertId": "x", "severity": "high", "category": "policy", "title": "t", "description": "d",
        "context": {}, "agentId": "a1"});
    record(&served, "alert.raised", Some("s1"), alert.clone()).await;
    record(&served, "agent.disconnect", None, about).await;
    for (client, alerted) in [(&mut village, true), (&mut agent, false)] {
        assert_eq!(client.told_as("agent_spawn").await["agentId"], "a1");
        if alerted {
            assert_eq!(client.told_as("alert_raised").await, alert);
        }
        assert_eq!(client.told_as("agent_disconnect").await["sessionId"], "s1");
    }
}

#[tokio::test]
async fn a_payload_that_names_its_village_needs_no_session() {
    let served = served().await;
    let mut client = Client::connect(&served, rooms(&["village:v1", "repo:r1"])).await;
    client.ask("join_agent", json!("a")).await;
    record(&served, "agent.spawn", None, json!({"villageId": "v2", "repoId": "r1"})).await;
    record(&served, "agent.spawn", None, json!({"villageId": "v1", "repoId": "r1", "agentId": "a"})).await;
    assert_eq!(client.told_as("agent_spawn").await["repoId"], "r1");
    assert_eq!(client.told_as("agent_spawn").await["agentId"], "a");
}

#[tokio::test]
async fn the_start_of_a_session_says_where_it_is_shown() {
    let served = served().await;
    let mut client = Client::connect(&served, rooms(&["village:v1"])).await;
    let started = json!({"type": "SESSION_STARTED", "sessionId": "s1", "ts": "2026-01-27T10:21:33Z", "seq": 1,
        "providerId": "p", "providerVersion": "1", "workspacePath": "/w", "roomPath": "/r", "villageId": "v1"});
    let (status, answer) = served.fixture.post("/api/events", started.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    work(&served, "a1", "s1", "output").await;
    assert_eq!(client.told_as("work_stream_event").await["sessionId"], "s1");
    let bad = json!({"type": "session.started", "session": "s2", "payload": {"providerId": "p", "providerVersion": "1",
        "workspacePath": "/w", "roomPath": "/r", "villageId": "*"}});
    let (status, answer) = served.fixture.post("/api/events", bad.to_string()).await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!("bad_payload")), "{answer}");
    assert!(served.fixture.state.sessions.get("s2").is_none());
}

#[tokio::test]
async fn who_comes_back_with_a_cursor_and_its_rooms_misses_nothing() {
    let served = served().await;
    served.fixture.state.sessions.place("s1", Some("v1"), None);
    let mut client = Client::connect(&served, rooms(&["village:v1"])).await;
    client.ask("get_status", Value::Null).await;
    client.told_as("status").await;
    work(&served, "a1", "s1", "first").await;
    let (_, arguments) = client.told().await;
    let cursor = arguments[1].clone();
    drop(client);
    work(&served, "a1", "s1", "second").await;
    work(&served, "a1", "elsewhere", "not this").await;
    work(&served, "a1", "s1", "third").await;
    let mut again = rooms(&["village:v1"]);
    again["cursor"] = cursor;
    let mut client = Client::connect(&served, again).await;
    for step in ["second", "third"] {
        assert_eq!(client.told_as("work_stream_event").await["type"], step);
    }
    work(&served, "a1", "s1", "fourth").await;
    assert_eq!(client.told_as("work_stream_event").await["type"], "fourth");
    let mut foreign = rooms(&["village:v1"]);
    foreign["cursor"] = json!("0123456789abcdef.1");
    let mut client = Client::connect(&served, foreign).await;
    assert_eq!(client.told_as("journal_reset").await, json!({"oldest": 1, "newest": 5}));
    assert_eq!(client.told_as("work_stream_event").await["type"], "first");
}

#[tokio::test]
async fn nothing_is_followed_for_who_is_told_of_nothing() {
    let served = served().await;
    let subscribers = || served.fixture.state.bus.statistics().subscribers.len();
    let mut client = Client::connect(&served, json!({"token": CLIENT, "hooks": false})).await;
    client.ask("get_status", Value::Null).await;
    client.told_as("status").await;
    assert_eq!(subscribers(), 0);
    client.ask("join_village", json!("v1")).await;
    client.ask("join_agent", json!("a1")).await;
    served.fixture.state.sessions.place("s1", Some("v1"), None);
    work(&served, "a9", "s1", "output").await;
    client.told_as("work_stream_event").await;
    let clients = served.clients().await;
    assert_eq!((&clients[0]["kind"], &clients[0]["token"]), (&json!("socketio"), &json!("client")));
    assert_eq!(
        client.ask("leave_village", json!({"villageId": "v1"})).await,
        json!({"ok": true, "room": "village:v1"})
    );
    work(&served, "a9", "s1", "not heard").await;
    work(&served, "a1", "s9", "heard").await;
    assert_eq!(client.told_as("work_stream_event").await["type"], "heard");
    assert_eq!(subscribers(), 1);
    client.ask("leave_agent", json!("a1")).await;
    assert_eq!(subscribers(), 0);
    drop(client);
    served.empty().await;
}
