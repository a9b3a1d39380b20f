//! The port, over the real binary: each route with the token, and everything that is refused without looking further.

use crate::support::http::{Answer, Request, over_port};
use crate::support::{Daemon, Home, wait_for};
use serde_json::{Value, json};
use std::fs;

/// One call's largest body, in bytes, and a batch's: as documented.
const MAX_BODY_BYTES: usize = 1024 * 1024;
const MAX_BATCH_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Every route but `/healthz`, as the daemon itself says; what it is about need not be there to be refused.
fn routes(daemon: &Daemon) -> Vec<(String, String)> {
    let document = daemon.get("/openapi.json").expect("the daemon answers");
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            if operation.get("security").is_some() {
                let path = path.replace("{seq}", "1").replace(['{', '}'], "");
                routes.push((method.to_uppercase(), path));
            }
        }
    }
    assert!(routes.len() > 30 && routes.contains(&("GET".to_owned(), "/ws/events".to_owned())), "{routes:?}");
    routes
}

/// A client on the port: with `Host`, `Origin` and token as a test gives them.
struct Client {
    address: String,
    host: Option<String>,
    origin: Option<String>,
    bearer: Option<String>,
}

impl Client {
    fn of(home: &Home, daemon: &Daemon) -> Self {
        let address = daemon.address();
        Self { host: Some(address.clone()), address, origin: None, bearer: Some(home.token("token")) }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let bearer = self.bearer.as_ref().map(|token| format!("Bearer {token}"));
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(self.host.as_deref().map(|host| ("host", host)));
        headers.extend(self.origin.as_deref().map(|origin| ("origin", origin)));
        headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        let answer = over_port(&self.address, Request { method, path, headers: &headers, body });
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    fn done(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(method, path, &if body.is_null() { String::new() } else { body.to_string() });
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer
    }

    /// Every route refuses with `status` and `code`, in the one shape of errors.
    fn refused_everywhere(&self, routes: &[(String, String)], status: u16, code: &str) {
        for (method, path) in routes {
            let (got, answer) = self.ask(method, path, "{}");
            assert_eq!((got, &answer["error"]["code"]), (status, &json!(code)), "{method} {path}: {answer}");
            for key in ["message", "request_id"] {
                assert!(answer["error"][key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {answer}");
            }
        }
    }
}

#[test]
fn a_client_with_the_token_does_over_the_port_what_the_socket_does() {
    let home = Home::new();
    let daemon = home.start();
    let client = Client::of(&home, &daemon);
    let health = client.done("GET", "/healthz", &Value::Null);
    assert_eq!((&health["status"], &health["durability"]), (&json!("ok"), &json!("full")));

    let draft = json!([{"type": "a.b", "session": "s0", "payload": {"x": 1}}, {"type": "a.c", "session": "s0"}]);
    let receipts = client.done("POST", "/api/events", &draft);
    let (first, second) = (&receipts["events"][0]["seq"], &receipts["events"][1]["seq"]);
    assert_eq!(second.as_u64(), first.as_u64().map(|seq| seq + 1), "{receipts}");
    let page = client.done("GET", "/api/events?session=s0&limit=1", &Value::Null);
    assert_eq!((&page["events"][0]["seq"], &page["events"][0]["payload"]), (first, &json!({"x": 1})));
    let rest = format!("/api/events?session=s0&since={}", page["next"].as_str().expect("a cursor"));
    let rest = client.done("GET", &rest, &Value::Null);
    assert_eq!((&rest["events"][0]["type"], &rest["next"]), (&json!("a.c"), &Value::Null));

    let call = |command: &str| json!({"session_id": "s1", "tool_name": "Bash", "tool_input": {"command": command}, "cwd": home.workspace()});
    for (command, decision) in [("git push --force", "deny"), ("ls", "abstain")] {
        let verdict = client.done("POST", "/api/gate", &call(command));
        assert_eq!(verdict["decision"], decision, "{command}: {verdict}");
        let recorded = client.done("GET", "/api/events?session=s1&newest=true&limit=2", &Value::Null);
        let seqs: Vec<&Value> = recorded["events"].as_array().unwrap().iter().map(|event| &event["seq"]).collect();
        assert_eq!(seqs, verdict["seq"].as_array().unwrap().iter().collect::<Vec<_>>(), "{command}");
    }

    let said = client.done("POST", "/api/messages", &json!({"chat_id": "c1", "text": "hello", "user_id": "ann"}));
    assert_eq!(said["outcome"], "run");
    assert_eq!(daemon.events("message.in")[0]["payload"]["chat_id"], "c1");
    let asked =
        client.done("POST", "/api/interactions", &json!({"kind": "question", "text": "which?", "session": "s1"}));
    let listed = client.done("GET", "/api/interactions?state=pending", &Value::Null);
    assert_eq!((listed["interactions"].as_array().map(Vec::len), &listed["interactions"][0]), (Some(1), &asked));
    let (status, answer) =
        client.ask("POST", "/api/interactions", r#"{"kind": "approval", "text": "t", "session": "s1"}"#);
    assert_eq!((status, &answer["error"]["code"]), (400, &json!("bad_json")), "an approval is the gate's: {answer}");

    let plugins = client.done("GET", "/api/plugins", &Value::Null);
    let mut names: Vec<&str> =
        plugins["plugins"].as_array().unwrap().iter().map(|plugin| plugin["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["audit", "merge-resolver", "test-runner", "translation"]);
    let stats = client.done("GET", "/api/stats", &Value::Null);
    assert_eq!((&stats["by_type"]["a.b"], &stats["by_type"]["tool.gated"]), (&json!(1), &json!(2)), "{stats}");
    // Numbers of one moment: published by then, and the head in step with the health.
    wait_for("the page to be still", || {
        let metrics = client.done("GET", "/metrics", &Value::Null);
        let head = client.done("GET", "/healthz", &Value::Null)["head"].clone();
        let lines: Vec<&str> = metrics.as_str().expect("text").lines().collect();
        assert!(lines.contains(&"tollgate_events_total{type=\"tool.gated\"} 2"), "{metrics}");
        assert!(lines.contains(&"tollgate_plugin_serving{plugin=\"audit\"} 1"), "{metrics}");
        lines.contains(&format!("tollgate_journal_head {head}").as_str()).then_some(())
    });
    let (status, answer) = client.ask("POST", "/api/plugins/audit/disable", "");
    assert_eq!((status, &answer["error"]["code"]), (403, &json!("forbidden")), "a client's token steers nothing");
    assert_eq!(client.ask("GET", "/nowhere", "").1["error"]["code"], "not_found");
    assert_eq!(client.ask("POST", "/healthz", "").1["error"]["code"], "method_not_allowed");
}

#[test]
fn whoever_has_no_token_or_comes_from_elsewhere_is_refused_and_nothing_happens() {
    let home = Home::without_plugins();
    home.configure("");
    let daemon = home.start();
    let (ours, token) = (daemon.address(), home.token("token"));
    let head = || daemon.get("/healthz").expect("the daemon answers")["head"].clone();
    let before = head();
    let routes = routes(&daemon);
    let mut client = Client::of(&home, &daemon);
    // Over Socket.IO and the control socket it is said after the connection is opened who it is; a wrong token is refused before that too.
    let (later, at_once): (Vec<_>, Vec<_>) =
        routes.iter().cloned().partition(|(_, path)| ["/socket.io/", "/ws"].contains(&path.as_str()));
    assert_eq!(later.len(), 3, "{later:?}");
    for bearer in [None, Some(String::new()), Some(token[1..].to_owned()), Some(format!("{token}x"))] {
        let none = bearer.as_ref().is_none_or(String::is_empty);
        client.bearer = bearer;
        client.refused_everywhere(&at_once, 401, "unauthorised");
        for (method, path) in &later {
            let no_handshake = if path == "/ws" { 426 } else { 400 };
            let expected = if none { no_handshake } else { 401 };
            assert_eq!(client.ask(method, path, "{}").0, expected, "{method} {path}: no handshake");
        }
        assert_eq!(client.ask("GET", "/healthz", "").0, 200, "the health is anyone's");
    }
    client.bearer = Some(token.clone());
    let port = ours.rsplit(':').next().expect("a port");
    for (host, code) in [
        (None, "host_missing"),
        (Some("evil.example.org".to_owned()), "host_refused"),
        (Some(format!("localhost.evil.example.org:{port}")), "host_refused"),
    ] {
        client.host = host;
        client.refused_everywhere(&routes, 403, code);
        assert_eq!(client.ask("GET", "/healthz", "").0, 403, "not even the health");
    }
    client.host = Some(ours.clone());
    for origin in ["https://evil.example.org".to_owned(), format!("https://{ours}"), "null".to_owned()] {
        client.origin = Some(origin);
        client.refused_everywhere(&routes, 403, "origin_refused");
    }
    assert_eq!(head(), before, "nothing of that is on record");
    client.origin = Some(format!("http://{ours}"));
    assert_eq!(client.ask("GET", "/api/stats", "").0, 200, "a page of its own");
    assert!(!daemon.log().contains(&token), "a token is in the log");
}

#[test]
fn configured_names_and_pages_are_let_in() {
    let home = Home::without_plugins();
    let configuration = fs::read_to_string(home.path().join("tollgate.toml")).expect("a configuration");
    let names = "[server]\nhosts = [\"gate.example.org\"]\norigins = [\"https://board.example.org\"]\n";
    fs::write(home.path().join("tollgate.toml"), configuration.replace("[server]\n", names)).expect("a configuration");
    let daemon = home.start();
    let client = Client {
        host: Some("gate.example.org".to_owned()),
        origin: Some("https://board.example.org".to_owned()),
        ..Client::of(&home, &daemon)
    };
    assert_eq!(client.ask("GET", "/api/stats", "").0, 200);
    let other = Client { origin: Some("https://other.example.org".to_owned()), ..client };
    assert_eq!(other.ask("GET", "/api/stats", "").1["error"]["code"], "origin_refused");
}

#[test]
fn a_body_over_its_bound_or_no_json_is_refused_and_the_next_request_is_answered() {
    let home = Home::without_plugins();
    let daemon = home.start();
    let client = Client::of(&home, &daemon);
    // One blank more than a body may have; a body of just the bound is read, and refused for what it says.
    let small = |path: &'static str| (path, MAX_BODY_BYTES);
    for (path, most) in [
        small("/api/messages"),
        small("/api/interactions"),
        ("/api/gate", MAX_BATCH_BODY_BYTES),
        ("/api/events", MAX_BATCH_BODY_BYTES),
    ] {
        let (status, answer) = client.ask("POST", path, &" ".repeat(most + 1));
        assert_eq!((status, &answer["error"]["code"]), (413, &json!("too_large")), "{path}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(&most.to_string()), "{path}: {answer}");
        let (status, answer) = client.ask("POST", path, &" ".repeat(most));
        assert_eq!((status, &answer["error"]["code"]), (400, &json!("bad_json")), "{path}: {answer}");
    }
    let one = format!("{{\"type\":\"a.b\",\"payload\":{{\"x\":\"{}\"}}}}", "x".repeat(MAX_BODY_BYTES));
    assert_eq!(client.ask("POST", "/api/events", &one).1["error"]["code"], "too_large");
    for (path, body) in [
        ("/api/events", "{\"type\": 7}"),
        ("/api/gate", "{\"tool_name\": \"Bash\"}"),
        ("/api/messages", "{\"chat_id\": \"c\", \"text\": \"t\", \"extra\": 1}"),
        ("/api/interactions", "[]"),
    ] {
        let (status, answer) = client.ask("POST", path, body);
        assert_eq!((status, &answer["error"]["code"]), (400, &json!("bad_json")), "{path}: {answer}");
    }
    assert_eq!(daemon.events("*").len(), 0);
    assert_eq!(client.ask("POST", "/api/events", "{\"type\": \"a.b\"}").0, 200);
}
