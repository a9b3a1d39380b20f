//! Connections that are served, stall, or end with the server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::listen::{bind, bind_tcp};
use crate::router::tests::{Fixture, fixture};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;

struct Served {
    path: PathBuf,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    done: tokio::task::JoinHandle<()>,
    _fixture: Fixture,
}

async fn served() -> Served {
    let fixture = fixture().await;
    fs::create_dir_all(fixture.home.run()).unwrap();
    let listener = bind(&fixture.home, None).unwrap();
    let port = bind_tcp("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = port.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let done = tokio::spawn(serve(listener, Some(port), fixture.state.clone(), async move {
        let _ = stopped.await;
    }));
    Served { path: fixture.home.socket(), address, stop, done, _fixture: fixture }
}

#[tokio::test]
async fn a_request_over_the_socket_is_answered_and_a_stream_ends_with_the_server() {
    let served = served().await;
    let mut client = UnixStream::connect(&served.path).await.unwrap();
    client.write_all(b"GET /api/events/stream HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    client.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    served.stop.send(()).unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(DRAIN_TIMEOUT, client.read_to_end(&mut rest)).await.unwrap().unwrap();
    served.done.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_no_head_is_closed() {
    let served = served().await;
    let mut client = UnixStream::connect(&served.path).await.unwrap();
    client.write_all(b"GET /healthz HT").await.unwrap();
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(HEAD_TIMEOUT * 2, client.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "still open after twice the timeout");
}

#[tokio::test]
async fn the_port_serves_strangers_nothing_but_the_health() {
    let served = served().await;
    for (uri, expected) in [("/healthz", "HTTP/1.1 200 OK"), ("/api/events", "HTTP/1.1 401 Unauthorized")] {
        let mut client = TcpStream::connect(served.address).await.unwrap();
        let request = format!("GET {uri} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", served.address);
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(expected), "{uri}: {answer}");
    }
}
