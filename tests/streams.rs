//! WebSockets and tokens over the real binary, as another program uses them.

use crate::support::http::{Answer, Request, over_port};
use crate::support::{DEADLINE, Daemon, Home, stderr, stdout, wait_for};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::Stdio;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message, WebSocket};

/// What a client offers the server: headers of its handshake.
pub type Headers<'a> = &'a [(&'static str, &'a str)];

/// Connects; or the status of the refusal.
pub fn connect(daemon: &Daemon, path: &str, headers: Headers<'_>) -> Result<WebSocket<TcpStream>, u16> {
    let mut request = format!("ws://{}{path}", daemon.address()).into_client_request().expect("a request");
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().expect("a header"));
    }
    let stream = TcpStream::connect(daemon.address()).expect("the port listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    match tungstenite::client(request, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(Error::Http(refused))) => Err(refused.status().as_u16()),
        Err(error) => panic!("{path}: {error}"),
    }
}

pub fn told(socket: &mut WebSocket<TcpStream>) -> Value {
    loop {
        match socket.read().expect("a message in time") {
            Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
            Message::Ping(_) => {}
            other => panic!("no text: {other:?}"),
        }
    }
}

fn made(home: &Home, arguments: &[&str]) -> String {
    let output = home.tollgate(["token", "add"].iter().chain(arguments));
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output).trim().to_owned()
}

fn asked(daemon: &Daemon, method: &str, path: &str, body: &str, token: &str) -> Answer {
    let (address, bearer) = (daemon.address(), format!("Bearer {token}"));
    let headers = [("host", address.as_str()), ("authorization", bearer.as_str())];
    over_port(&address, Request { method, path, headers: &headers, body }).expect("an answer")
}

#[test]
fn a_program_follows_over_a_websocket_and_resumes_over_a_restart() {
    let home = Home::without_plugins();
    let daemon = home.start();
    let bearer = format!("Bearer {}", home.token("token"));
    let mut socket = connect(&daemon, "/ws/events?filter=task.*", &[("authorization", &bearer)]).expect("it is let in");
    let progress = |number: u64| json!({"type": "task.progress", "payload": {"progress": number, "message": "m"}});
    daemon.post("/api/events", &json!([progress(1), {"type": "a.b"}, progress(2)]).to_string()).expect("an answer");
    assert_eq!(told(&mut socket)["payload"]["progress"], 1);
    let second = told(&mut socket);
    assert_eq!(second["payload"]["progress"], 2);
    socket.send(Message::text("ping")).expect("sent");
    assert_eq!(told(&mut socket)["type"], "pong");
    let epoch = daemon.get("/healthz").expect("the health")["epoch"].as_str().expect("an epoch").to_owned();
    daemon.kill();
    let daemon = home.start();
    daemon.post("/api/events", &progress(3).to_string()).expect("an answer");
    let path = format!("/ws/events?filter=task.*&since={epoch}.{}", second["seq"]);
    let mut socket = connect(&daemon, &path, &[("authorization", &bearer)]).expect("it is let in");
    assert_eq!(told(&mut socket)["payload"]["progress"], 3, "without gap or repetition");
    let clients = daemon.get("/api/stats").expect("statistics")["clients"].clone();
    assert_eq!((clients.as_array().map(Vec::len), &clients[0]["token"]), (Some(1), &json!("client")));
    drop(socket);
    wait_for("nothing to be subscribed", || {
        let stats = daemon.get("/api/stats").ok()?;
        (stats["clients"] == json!([]) && stats["streams"] == 0).then_some(())
    });
}

#[test]
fn a_token_made_on_the_command_line_does_what_its_scopes_say_until_it_is_revoked() {
    let home = Home::without_plugins();
    let daemon = home.start();
    let arguments =
        ["board", "--scope", "read:task.*", "--scope", "emit:task.*", "--source", "webui", "--per-second", "1000"];
    let token = made(&home, &arguments);
    let kept = fs::read_to_string(home.path().join("tokens.json")).expect("a file of hashes");
    assert!(token.starts_with("tg_") && !kept.contains(&token) && !daemon.log().contains(&token), "{token}");
    let output = home.tollgate(["token", "add"].iter().chain(&arguments));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("there is a token `board` already"), "{}", stderr(&output));
    let listed: Value = serde_json::from_slice(&home.tollgate(["token", "list", "--json"]).stdout).expect("JSON");
    assert_eq!(listed["tokens"][0]["scopes"], json!(["emit:task.*", "read:task.*"]));

    let protocol = format!("tollgate.v1, tollgate.token.{token}");
    let mut socket = connect(&daemon, "/ws/events", &[("sec-websocket-protocol", &protocol)]).expect("it is let in");
    daemon.post("/api/events", r#"{"type":"a.b"}"#).expect("an answer");
    let (status, answer) = asked(&daemon, "POST", "/api/events", r#"{"type":"task.started"}"#, &token);
    assert_eq!(status, 200, "{answer}");
    let seen = told(&mut socket);
    assert_eq!((&seen["type"], &seen["source"]), (&json!("task.started"), &json!("webui")));
    for (method, path, body) in [
        ("POST", "/api/events", r#"{"type":"a.b"}"#),
        ("POST", "/api/events", r#"{"type":"task.started","source":"core"}"#),
        ("POST", "/api/gate", r#"{"tool_name":"Bash","tool_input":{"command":"ls"}}"#),
        ("GET", "/api/plugins", ""),
        ("POST", "/api/pause", "{}"),
        ("GET", "/api/tokens", ""),
    ] {
        assert_eq!(asked(&daemon, method, path, body, &token).0, 403, "{method} {path} {body}");
    }

    // It outlives a restart of the daemon, and ends with its revocation.
    daemon.kill();
    let daemon = home.start();
    let mut socket = connect(&daemon, "/ws/events", &[("sec-websocket-protocol", &protocol)]).expect("it is let in");
    assert!(home.tollgate(["token", "revoke", "board"]).status.success());
    loop {
        match socket.read() {
            Ok(Message::Close(Some(frame))) => {
                assert_eq!((frame.code, frame.reason.as_str()), (CloseCode::Policy, "the token was taken back"));
                break;
            }
            Ok(_) => {}
            Err(error) => panic!("no close: {error}"),
        }
    }
    assert_eq!(asked(&daemon, "GET", "/api/events", "", &token).0, 401);
    let refused = connect(&daemon, "/ws/events", &[("sec-websocket-protocol", &protocol)]);
    assert_eq!(refused.err(), Some(401));
    assert_eq!(home.tollgate(["token", "revoke", "board"]).status.code(), Some(1));
}

#[test]
fn a_plain_websocket_sees_what_is_open_to_everyone_and_pages_of_others_nothing() {
    let home = Home::without_plugins();
    home.configure("[streams]\nanonymous_read = [\"orchestrator.*\"]\n");
    let daemon = home.start();
    let mut socket = connect(&daemon, "/ws/frontend", &[]).expect("it is let in");
    let started = json!({"type": "orchestrator.started", "payload": {"request_id": "r", "pid": 7}});
    daemon.post("/api/events", &json!([{"type": "task.started"}, started]).to_string()).expect("an answer");
    assert_eq!(told(&mut socket), json!({"type": "orchestrator.started", "data": {"request_id": "r", "pid": 7}}));
    let own = format!("http://{}", daemon.address());
    for (origin, expected) in [("https://evil.example.org", Some(403)), ("null", Some(403)), (own.as_str(), None)] {
        assert_eq!(connect(&daemon, "/ws/events", &[("origin", origin)]).err(), expected, "{origin}");
    }
    assert_eq!(connect(&daemon, "/ws/events", &[("authorization", "Bearer guessed")]).err(), Some(401));
}

#[test]
fn tail_goes_on_over_a_restart_and_shows_each_event_once() {
    let home = Home::without_plugins();
    let daemon = home.start();
    let progress = |number: u64| json!({"type": "task.progress", "payload": {"progress": number, "message": "m"}});
    daemon.post("/api/events", &progress(1).to_string()).expect("an answer");
    let mut command = home.command();
    command.args(["tail", "task.*", "--json", "--since", "0"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tail = command.spawn().expect("it starts");
    let (sender, lines) = std::sync::mpsc::channel();
    let out = tail.stdout.take().expect("its output");
    std::thread::spawn(move || {
        BufReader::new(out).lines().map_while(Result::ok).take_while(|line| sender.send(line.clone()).is_ok()).count()
    });
    let next = || {
        let line = lines.recv_timeout(DEADLINE).expect("a line in time");
        let event: Value = serde_json::from_str(&line).expect("an envelope");
        event["payload"]["progress"].as_u64().expect("a number")
    };
    assert_eq!(next(), 1);
    daemon.post("/api/events", &progress(2).to_string()).expect("an answer");
    assert_eq!(next(), 2);
    daemon.kill();
    let daemon = home.start();
    daemon.post("/api/events", &json!([progress(3), progress(4)]).to_string()).expect("an answer");
    assert_eq!([next(), next()], [3, 4]);
    tail.kill().expect("it runs still");
    let told = stderr(&tail.wait_with_output().expect("it ended"));
    assert_eq!(told.matches("connecting again").count(), 1, "said once a break: {told}");
}
