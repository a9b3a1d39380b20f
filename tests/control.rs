//! The control plane's plain WebSocket over the real binary: a whole session driven over it, and a client that says
//! everything that it should not.

use crate::runner::{Host, host, listing};
use crate::streams::{connect, told};
use crate::support::Home;
use serde_json::{Value, json};
use std::net::TcpStream;
use tungstenite::{Message, WebSocket};

/// A client that has said who it is.
struct Client(WebSocket<TcpStream>);

impl Client {
    fn connect(host: &Host<'_>, token: &str) -> Self {
        let mut client = Self(connect(&host.daemon, "/ws", &[]).expect("anyone may connect"));
        assert_eq!(client.told()["event"], "connected");
        client.say(json!({"type": "authenticate", "token": token}));
        assert_eq!(client.told()["event"], "authenticated");
        client
    }

    fn told(&mut self) -> Value {
        told(&mut self.0)
    }

    fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).expect("sent");
    }

    fn subscribe(&mut self, id: &str) {
        self.say(json!({"type": "subscribe", "sessionId": id, "since": 0}));
        let answer = self.told();
        assert_eq!((&answer["event"], &answer["sessionId"]), (&json!("subscribed"), &json!(id)), "{answer}");
    }

    fn types(&mut self, id: &str, data: &str) {
        self.say(json!({"type": "terminal", "action": "input", "sessionId": id, "data": data}));
    }

    /// Hears on until `ends` is true of a frame; all that it heard meanwhile goes into `heard`.
    fn until(&mut self, heard: &mut Vec<Value>, ends: impl Fn(&Value, &[Value]) -> bool) -> Value {
        loop {
            let frame = self.told();
            assert_ne!(frame["type"], "error", "{frame}; {heard:?}");
            heard.push(frame.clone());
            if ends(&frame, heard) {
                return frame;
            }
        }
    }
}

/// What a terminal wrote, of all that was heard.
fn written(heard: &[Value]) -> String {
    let chunks = heard.iter().filter(|frame| frame["type"] == "terminal");
    chunks.map(|frame| frame["data"].as_str().expect("a text")).collect()
}

fn states(heard: &[Value]) -> Vec<&str> {
    let moves = heard.iter().filter(|frame| frame["event"] == "state_change");
    moves.map(|frame| frame["data"]["newState"].as_str().expect("a state")).collect()
}

#[test]
fn a_whole_session_is_driven_over_a_websocket() {
    let script = "echo hello; read word; echo got $word; read word; stty size; read word; exit 0";
    let home = listing(Home::without_plugins(), &[("script", script)]);
    let host = host(&home);
    let mut client = Client::connect(&host, &home.token("approver-token"));
    let mut reader = Client::connect(&host, &home.token("token"));
    let id = host.start("script");
    client.subscribe(&id);
    reader.subscribe(&id);
    let mut heard = Vec::new();
    client.until(&mut heard, |_, heard| written(heard).contains("hello"));
    client.types(&id, "first\r");
    client.until(&mut heard, |_, heard| written(heard).contains("got first"));
    assert!(written(&heard).contains("first\r\n"), "what is typed is echoed: {}", written(&heard));
    client.say(json!({"type": "terminal", "action": "resize", "sessionId": id, "cols": 91, "rows": 17}));
    client.types(&id, "\r");
    client.until(&mut heard, |_, heard| written(heard).contains("17 91"));
    // It asks, and is answered from here; over HTTP it is over then.
    let asked =
        json!({"type": "APPROVAL_REQUESTED", "sessionId": id, "approval": {"id": "publish", "title": "may I?"}});
    host.done(&format!("/{id}/events"), asked);
    let request = client.until(&mut heard, |frame, _| frame["event"] == "approval_request");
    assert_eq!(request["data"]["text"], "may I?", "{request}");
    client.until(&mut heard, |_, heard| states(heard).last() == Some(&"WAITING_FOR_APPROVAL"));
    let approval = request["data"]["approvalId"].as_str().expect("an id");
    client.say(json!({"type": "approval", "sessionId": id, "approvalId": approval, "decision": "approve"}));
    client.until(&mut heard, |_, heard| {
        heard.iter().any(|frame| frame["event"] == "approval_answered" && frame["data"]["first"] == true)
            && states(heard).last() == Some(&"RUNNING")
    });
    let late = host.done(&format!("/{id}/approvals/publish"), json!({"decision": "reject"}));
    assert_eq!((&late["first"], &late["interaction"]["decision"]), (&json!(false), &json!("approve")), "{late}");
    client.types(&id, "\r");
    let ended = client.until(&mut heard, |frame, _| frame["event"] == "completed");
    assert_eq!((&ended["data"]["finalState"], &ended["data"]["exitCode"]), (&json!("COMPLETED"), &json!(0)), "{ended}");
    let up = ["PREPARING_WORKSPACE", "STARTING_PROVIDER", "RUNNING"];
    assert_eq!(states(&heard), [&up[..], &["WAITING_FOR_APPROVAL", "RUNNING", "COMPLETED"]].concat());
    let seqs: Vec<_> = heard.iter().filter_map(|frame| frame["seq"].as_u64()).collect();
    assert!(seqs.is_sorted_by(|one, next| one < next), "each once, in order: {seqs:?}");
    for event in ["approval_request", "approval_resolved", "completed"] {
        assert_eq!(heard.iter().filter(|frame| frame["event"] == event).count(), 1, "{event}: {heard:?}");
    }
    client.types(&id, "x");
    let refused = client.told();
    assert_eq!((&refused["code"], &refused["sessionId"]), (&json!("REFUSED"), &json!(id)), "{refused}");
    // Who only reads heard the same, and may not type or answer.
    let mut same = Vec::new();
    reader.until(&mut same, |frame, _| frame["event"] == "completed");
    assert_eq!(written(&same), written(&heard));
    for message in [
        json!({"type": "terminal", "action": "input", "sessionId": id, "data": "x"}),
        json!({"type": "approval", "sessionId": id, "approvalId": "publish", "decision": "approve"}),
    ] {
        reader.say(message);
        assert_eq!(reader.told()["code"], "FORBIDDEN");
    }
}

#[test]
fn a_hostile_client_ends_nothing_but_itself() {
    let script = "echo ready; read word; echo got $word; exit 0";
    let home = listing(Home::without_plugins(), &[("script", script)]);
    let host = host(&home);
    let id = host.start("script");
    let mut admin = Client::connect(&host, &home.token("approver-token"));
    admin.subscribe(&id);
    let mut hostile = Client::connect(&host, &home.token("token"));
    for text in ["", "{", "[[[[", r#"{"type":"authenticate","token":{}}"#, r#"{"type":"subscribe","sessionId":["x"]}"#]
    {
        hostile.0.send(Message::text(text)).expect("sent");
        assert_eq!(hostile.told()["code"], "INVALID_MESSAGE", "{text}");
    }
    let mut refused = 0;
    for count in 0..1_000 {
        hostile.say(json!({"type": "subscribe", "sessionId": format!("other-{count}"), "since": 0}));
        refused += u32::from(hostile.told()["code"] == "TOO_MANY");
    }
    assert_eq!(refused, 1_000 - 256);
    hostile.say(json!({"type": "terminal", "action": "input", "sessionId": id, "data": "mine\r"}));
    assert_eq!(hostile.told()["code"], "NOT_SUBSCRIBED");
    hostile.say(json!({"type": "terminal", "action": "input", "sessionId": "other-1", "data": "mine\r"}));
    assert_eq!(hostile.told()["code"], "FORBIDDEN");
    // It is cut off while it still sends.
    let _ = hostile.0.send(Message::text("x".repeat(2 * 1024 * 1024)));
    let gone = loop {
        match hostile.0.read() {
            Ok(Message::Close(frame)) => break frame.is_some_and(|frame| u16::from(frame.code) == 1009),
            Ok(_) => {}
            // What nobody read resets the connection before its last words are through.
            Err(_) => break true,
        }
    };
    assert!(gone);
    let mut heard = Vec::new();
    admin.until(&mut heard, |_, heard| written(heard).contains("ready"));
    admin.types(&id, "ours\r");
    admin.until(&mut heard, |frame, _| frame["event"] == "completed");
    assert!(written(&heard).contains("got ours") && !written(&heard).contains("mine"), "{}", written(&heard));
}
