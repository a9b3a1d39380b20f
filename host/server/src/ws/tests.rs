//! Clients of `/ws` over real connections: who is let in, what each is told, and what none of them can do.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod bounds;
mod doors;
mod sessions;

use super::*;
use crate::jwt::tests::{claims, signed};
use crate::router::tests::{APPROVER, CLIENT, fixture_of, fixture_on_disk};
use crate::socket::tests::{Client, DEADLINE, Served, closed, ends_of_its_size, say, served, served_by, told};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tollgate_core::event::Draft;
use tollgate_core::events::EventType;
use tollgate_core::time::{Clock, Timestamp};

/// A client that says nothing of who it is, and the status of a refusal.
async fn dialled(served: &Served, headers: &[(&str, &str)]) -> Result<Client, u16> {
    let mut request = format!("ws://{}/ws", served.address).into_client_request().unwrap();
    for (name, value) in headers {
        let name: axum::http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let stream = TcpStream::connect(served.address).await.unwrap();
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((client, _)) => Ok(client),
        Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

/// One that is connected, and has said nothing yet.
async fn stranger(served: &Served) -> Client {
    let mut client = dialled(served, &[]).await.unwrap();
    is_event(&told(&mut client).await, "connected");
    client
}

/// One that has said who it is.
async fn known(served: &Served, token: &str) -> Client {
    let mut client = stranger(served).await;
    let answer = asked(&mut client, json!({"type": "authenticate", "token": token})).await;
    is_event(&answer, "authenticated");
    client
}

async fn asked(client: &mut Client, message: Value) -> Value {
    say(client, message.to_string()).await;
    told(client).await
}

async fn subscribe(client: &mut Client, session: &str) -> Value {
    asked(client, json!({"type": "subscribe", "sessionId": session})).await
}

#[track_caller]
fn is_event(frame: &Value, event: &str) {
    assert_eq!((&frame["type"], &frame["event"]), (&json!("event"), &json!(event)), "{frame}");
    assert!(frame["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')), "{frame}");
}

#[track_caller]
fn is_error(frame: &Value, code: &str) {
    assert_eq!((&frame["type"], &frame["code"]), (&json!("error"), &json!(code)), "{frame}");
    assert!(frame["message"].as_str().is_some_and(|message| !message.is_empty()), "{frame}");
}

/// Records an event of a session.
async fn record(served: &Served, event_type: &str, session: &str, payload: Value) -> u64 {
    let draft = Draft::new(EventType::parse(event_type).unwrap(), "runner", payload.to_string()).in_session(session);
    served.fixture.state.bus.emit(draft).await.unwrap().seq
}

async fn chunk(served: &Served, session: &str, text: &str) -> u64 {
    record(served, "terminal.chunk", session, json!({"data": text, "stream": "stdout"})).await
}

/// A person's token for a minute, for these sessions alone.
fn person(scope: &str, sessions: &[&str]) -> String {
    let mut claims = claims(Clock::system().now().0 / 1_000, 60, scope);
    claims["sessions"] = json!(sessions);
    signed(&claims)
}
