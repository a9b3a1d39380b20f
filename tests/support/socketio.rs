//! A client of Socket.IO over a WebSocket, its packets written by hand. Knows no event and no room.

use super::{DEADLINE, Daemon};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::TcpStream;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::{Message, WebSocket};

/// One that is connected. No wait of it is longer than [`DEADLINE`].
pub struct Client {
    socket: WebSocket<TcpStream>,
    /// What came while something else was waited for.
    came: VecDeque<(String, Vec<Value>)>,
    asked: u64,
}

impl Client {
    /// Connects, and says this of itself.
    pub fn connect(daemon: &Daemon, auth: &Value) -> Self {
        let address = daemon.address();
        let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
        let stream = TcpStream::connect(address).expect("the port listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        let (socket, _) = tungstenite::client(url.into_client_request().expect("a request"), stream).expect("let in");
        let mut client = Self { socket, came: VecDeque::new(), asked: 0 };
        assert!(client.packet().starts_with('0'));
        client.say(format!("40{auth}"));
        let answer = client.packet();
        assert!(answer.starts_with("40"), "{answer}");
        client
    }

    fn say(&mut self, text: String) {
        self.socket.send(Message::text(text)).expect("sent");
    }

    /// The next packet; pings are answered.
    fn packet(&mut self) -> String {
        loop {
            match self.socket.read().expect("a packet in time") {
                Message::Text(text) if text.as_str() == "2" => self.say("3".to_owned()),
                Message::Text(text) => return text.to_string(),
                other => panic!("no text: {other:?}"),
            }
        }
    }

    /// The next event: its name and its arguments.
    pub fn told(&mut self) -> (String, Vec<Value>) {
        self.came.pop_front().unwrap_or_else(|| {
            let packet = self.packet();
            event(&packet)
        })
    }

    /// What is answered to a request; events that come meanwhile are kept.
    pub fn ask(&mut self, name: &str, argument: &Value) -> Value {
        self.asked += 1;
        let number = self.asked.to_string();
        self.say(format!("42{number}{}", json!([name, argument])));
        loop {
            let packet = self.packet();
            if let Some(answer) = packet.strip_prefix("43").and_then(|answer| answer.strip_prefix(&number)) {
                let mut answer: Vec<Value> = serde_json::from_str(answer).expect("a list");
                return answer.swap_remove(0);
            }
            self.came.push_back(event(&packet));
        }
    }
}

fn event(packet: &str) -> (String, Vec<Value>) {
    let text = packet.strip_prefix("42").unwrap_or_else(|| panic!("no event: {packet}"));
    let mut said: Vec<Value> = serde_json::from_str(text).expect("a list");
    let arguments = said.split_off(1);
    (said[0].as_str().expect("a name").to_owned(), arguments)
}
