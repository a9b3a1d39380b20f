//! Each route, its refusals and its bounds.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod ingest;
mod people;
mod runner;
mod scoped;
mod walk;

use super::*;
use crate::access::{Access, NetworkRules};
use crate::state::{Door, Parts, Token};
use crate::tokens::Tokens;
use axum::extract::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::sync::Arc;
use tollgate_core::bus::{Bus, BusOptions};
use tollgate_core::engine::Engine;
use tollgate_core::events::PatternSet;
use tollgate_core::gate::policy::Policy;
use tollgate_core::gate::{Gatekeeper, GatekeeperOptions};
use tollgate_core::home::Home;
use tollgate_core::interactions::Interactions;
use tollgate_core::journal::{Durability, JournalOptions};
use tollgate_core::session::Sessions;
use tollgate_core::time::Clock;
use tollgate_runner::{Provider, Runner, RunnerOptions};
use tollgate_runtime::{InProcess, Limits, Runtime, RuntimeOptions, SignatureRules};
use tower::ServiceExt as _;

pub(crate) const APPROVER: &str = "an approver token for tests only";
pub(crate) const CLIENT: &str = "a client's token for tests only";

/// A host without plugins, its journal in memory.
pub(crate) struct Fixture {
    pub(crate) state: State,
    pub(crate) home: Home,
    _folder: tempfile::TempDir,
}

pub(crate) async fn fixture() -> Fixture {
    fixture_where(None).await
}

/// The same, where these types may be followed without a token.
pub(crate) async fn fixture_where(anonymous_read: Option<&str>) -> Fixture {
    fixture_of(anonymous_read, Clock::system()).await
}

/// The same, on this clock. JSON Web Tokens count as `jwt`'s tests sign them.
pub(crate) async fn fixture_of(anonymous_read: Option<&str>, clock: Clock) -> Fixture {
    fixture_with(anonymous_read, clock, Durability::Memory).await
}

/// A host whose journal is on the disk, as an operator's is.
pub(crate) async fn fixture_on_disk() -> Fixture {
    fixture_with(None, Clock::system(), Durability::Normal).await
}

async fn fixture_with(anonymous_read: Option<&str>, clock: Clock, durability: Durability) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().canonicalize().unwrap());
    std::fs::create_dir(home.plugins()).unwrap();
    let journal = JournalOptions { path: home.journal(), durability };
    let bus = Bus::open(BusOptions { journal, filter: None, clock }).unwrap();
    let sessions = Arc::new(Sessions::open(&bus, vec!["/home/dev".into()]).unwrap());
    let runtime = Runtime::start(RuntimeOptions {
        home: home.clone(),
        bus: bus.clone(),
        sessions: sessions.clone(),
        asker: None,
        defaults: Limits::default(),
        compiler: Arc::new(InProcess),
        signatures: SignatureRules::default(),
        watch: false,
        rescan: Duration::from_secs(3_600),
    });
    let runtime = runtime.await.unwrap();
    let gatekeeper = Arc::new(Gatekeeper::new(GatekeeperOptions {
        bus: bus.clone(),
        sessions: sessions.clone(),
        guards: Arc::new(runtime.clone()),
        home: Some(home.clone()),
        policy: Arc::new(Policy::preset("guardrails").unwrap()),
        allowed_extras: Vec::new(),
    }));
    let door = Door {
        token: Token::new(CLIENT),
        approver_token: Token::new(APPROVER),
        tokens: Tokens::open(home.tokens()).unwrap(),
        jwt: Some(crate::jwt::tests::shared()),
        anonymous_read: anonymous_read.map(|patterns| PatternSet::parse([patterns]).unwrap()),
        network: NetworkRules::default(),
    };
    let interactions = Interactions::open(&bus, Arc::clone(&sessions));
    let engine = Engine::open(&bus, Arc::clone(&sessions)).unwrap();
    let shell = Provider { program: "sh".to_owned(), args: Vec::new(), env: Vec::new(), version: None };
    let options = RunnerOptions { providers: [("shell".to_owned(), shell)].into() };
    let runner = Runner::open(&bus, Arc::clone(&sessions), interactions.clone(), options).await.unwrap();
    let user = "dev".into();
    let state = State::new(Parts { bus, sessions, gatekeeper, runtime, interactions, engine, runner, door, user });
    Fixture { state, home, _folder: folder }
}

impl Fixture {
    pub(crate) async fn ask(
        &self,
        method: &str,
        uri: &str,
        body: impl Into<Body>,
        bearer: Option<&str>,
    ) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(uri).extension(Access::LOCAL_USER);
        if let Some(token) = bearer {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(body.into()).unwrap();
        let response = router(self.state.clone()).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    pub(crate) async fn get(&self, uri: &str) -> (u16, Value) {
        self.ask("GET", uri, Body::empty(), None).await
    }

    pub(crate) async fn post(&self, uri: &str, body: impl Into<Body>) -> (u16, Value) {
        self.ask("POST", uri, body, None).await
    }

    /// Types of all events so far.
    async fn types(&self) -> Vec<String> {
        let (_, answer) = self.get("/api/events").await;
        let events = answer["events"].as_array().unwrap();
        events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn events_are_recorded_and_read_back() {
    let host = fixture().await;
    let (status, answer) = host.post("/api/events", r#"[{"type":"a.b","payload":{"x":1}},{"type":"a.c"}]"#).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!((&answer["events"][0]["seq"], &answer["events"][1]["seq"]), (&json!(1), &json!(2)));
    let (_, answer) = host.get("/api/events?type=a.b").await;
    assert_eq!(answer["events"][0]["payload"], json!({"x": 1}));
    assert_eq!(answer["events"].as_array().unwrap().len(), 1);
    assert_eq!(answer["next"], Value::Null);
}

#[tokio::test]
async fn a_batch_with_a_bad_item_is_refused_whole_and_the_item_is_named() {
    let host = fixture().await;
    let check = async |body: &str, code: &str, says: &str| {
        let (status, answer) = host.post("/api/events", body.to_owned()).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (400, Some(code)), "{answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(says), "said: {message}\nnot:  {says}");
        assert!(!answer["error"]["request_id"].as_str().unwrap().is_empty());
    };
    check("{\"type\":\"a.b\"}\n{\"type\":\"A\"}", "bad_json", "event 1: `type`:").await;
    check(
        r#"[{"type":"a.b"},{"type":"task.progress","payload":{"progress":101,"message":""}}]"#,
        "bad_payload",
        "event 1: ",
    )
    .await;
    check("", "bad_json", "empty").await;
    assert_eq!(host.types().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_reader_is_told_where_the_rest_begins() {
    let host = fixture().await;
    host.post("/api/events", "{\"type\":\"a.b\"}\n".repeat(5)).await;
    let (_, first) = host.get("/api/events?limit=2").await;
    assert_eq!(first["events"].as_array().unwrap().len(), 2);
    let next = first["next"].as_str().unwrap();
    let (_, rest) = host.get(&format!("/api/events?since={next}")).await;
    assert_eq!(rest["events"][0]["seq"], 3);
    assert_eq!((rest["events"].as_array().unwrap().len(), &rest["next"]), (3, &Value::Null));
    let (status, answer) = host.get("/api/events?since=0123456789abcdef.1").await;
    assert_eq!((status, answer["error"]["code"].as_str()), (410, Some("journal_reset")));
}

#[tokio::test]
async fn a_body_over_its_limit_is_refused() {
    let host = fixture().await;
    let one = format!(r#"{{"type":"a.b","payload":{{"x":"{}"}}}}"#, "x".repeat(MAX_BODY_BYTES));
    assert_eq!(host.post("/api/events", one).await.0, 413);
    assert_eq!(host.post("/api/gate", vec![b' '; MAX_BATCH_BODY_BYTES + 1]).await.0, 413);
}

#[tokio::test]
async fn a_call_is_decided_and_on_record() {
    let host = fixture().await;
    let call =
        json!({"session_id": "s1", "tool_name": "Bash", "tool_input": {"command": "rm -rf /"}, "cwd": "/home/dev"});
    let (status, verdict) = host.post("/api/gate", call.to_string()).await;
    assert_eq!((status, &verdict["decision"]), (200, &json!("deny")), "{verdict}");
    assert_eq!(verdict["seq"], json!([1, 2]));
    assert_eq!(host.types().await, ["tool.gated", "tool.denied"]);
    let (status, answer) = host.post("/api/gate", r#"{"tool_name":7}"#).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (400, Some("bad_json")));
}

#[tokio::test]
async fn a_hook_is_one_round_trip() {
    let host = fixture().await;
    let hook = |event: &str, command: &str| {
        json!({"session_id": "s1", "cwd": "/home/dev", "hook_event_name": event, "tool_name": "Bash",
            "tool_input": {"command": command}, "tool_use_id": "t1"})
        .to_string()
    };
    let (_, answer) = host.post("/api/hooks/claude-code?wait_ms=1000", hook("PreToolUse", "rm -rf /")).await;
    assert_eq!((&answer["exit"], &answer["stdout"]), (&json!(2), &json!("")), "{answer}");
    assert_eq!(host.types().await, ["hook.pre_tool", "tool.gated", "tool.denied"]);
    let (_, answer) = host.post("/api/hooks/claude-code", hook("PostToolUse", "ls")).await;
    assert_eq!(answer, json!({"exit": 0, "stdout": "", "stderr": ""}));
    assert_eq!(host.types().await[3..], ["hook.post_tool", "tool.finished"]);
    let (status, answer) = host.post("/api/hooks/claude-code", "nonsense").await;
    assert_eq!((status, &answer["exit"]), (200, &json!(2)));
    let (_, answer) = host.post("/api/hooks/nobody", "{}").await;
    assert!(answer["stderr"].as_str().unwrap().contains("known are claude-code"));
}

#[tokio::test]
async fn a_shell_line_that_two_hooks_tell_of_is_gated_once() {
    let host = fixture().await;
    let pre = |command: &str| {
        json!({"conversation_id": "s1", "hook_event_name": "preToolUse", "tool_name": "Shell", "tool_use_id": "t1",
            "tool_input": {"command": command}, "cwd": "/home/dev/x"})
        .to_string()
    };
    let shell = |command: &str| {
        json!({"conversation_id": "s1", "hook_event_name": "beforeShellExecution", "command": command, "cwd": ""})
            .to_string()
    };
    let allowed = json!({"exit": 0, "stdout": "{\"permission\":\"allow\"}", "stderr": ""});
    for hook in [pre("ls"), shell("ls")] {
        let (_, answer) = host.post("/api/hooks/cursor", hook).await;
        assert_eq!(answer, allowed);
    }
    assert_eq!(host.types().await, ["hook.pre_tool", "tool.gated", "tool.deferred", "hook.pre_tool"]);
    // The second hook alone is a call of its own, and a denied one serves nobody.
    let (_, answer) = host.post("/api/hooks/cursor", shell("ls")).await;
    assert_eq!(answer, allowed);
    for hook in [pre("rm -rf /"), shell("rm -rf /")] {
        let (_, answer) = host.post("/api/hooks/cursor", hook).await;
        assert_eq!(answer["exit"], 2, "{answer}");
    }
    let gated = host.types().await.iter().filter(|name| *name == "tool.gated").count();
    assert_eq!(gated, 4);
    // What cannot be recorded is denied, also where it was let through a moment ago.
    let (_, answer) = host.post("/api/hooks/cursor", pre("ls -l")).await;
    assert_eq!(answer, allowed);
    host.state.bus.close().await;
    let (_, answer) = host.post("/api/hooks/cursor", shell("ls -l")).await;
    assert_eq!(answer["exit"], 2, "{answer}");
}

#[tokio::test]
async fn a_tool_that_ran_past_the_gate_is_an_alert() {
    let host = fixture().await;
    let hook = |event: &str, call: &str| {
        json!({"session_id": "s1", "cwd": "/home/dev/x", "hook_event_name": event, "tool_name": "Bash",
            "tool_input": {"command": "ls"}, "tool_use_id": call})
        .to_string()
    };
    host.post("/api/hooks/codex", hook("PreToolUse", "t1")).await;
    host.post("/api/hooks/codex", hook("PostToolUse", "t1")).await;
    assert!(!host.types().await.contains(&"alert.raised".to_owned()));
    let (_, answer) = host.post("/api/hooks/codex", hook("PostToolUse", "t2")).await;
    assert_eq!(answer, json!({"exit": 0, "stdout": "", "stderr": ""}), "it is too late to block");
    assert_eq!(host.types().await[5..], ["hook.post_tool", "tool.finished", "alert.raised"]);
    let (_, page) = host.ask("GET", "/api/events?type=alert.raised", Body::empty(), None).await;
    let alert = &page["events"][0];
    assert_eq!((&alert["source"], &alert["payload"]["category"]), (&json!("core"), &json!("policy")));
    assert_eq!(alert["payload"]["context"]["call_id"], "t2");
}

#[tokio::test]
async fn administration_needs_the_approver_token() {
    let host = fixture().await;
    for verb in ["enable", "disable", "grant"] {
        let uri = format!("/api/plugins/x/{verb}");
        for bearer in [None, Some("wrong")] {
            let (status, answer) = host.ask("POST", &uri, Body::empty(), bearer).await;
            assert_eq!((status, answer["error"]["code"].as_str()), (403, Some("forbidden")), "{verb} {bearer:?}");
        }
        let (status, _) = host.ask("POST", &uri, Body::empty(), Some(APPROVER)).await;
        assert_eq!(status, if verb == "grant" { 400 } else { 404 }, "{verb}");
    }
    let (status, _) = host.ask("POST", "/api/plugins/x/grant", r#"{"digest":"0"}"#, Some(APPROVER)).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn without_access_only_health_is_told() {
    let host = fixture().await;
    for (uri, expected) in [("/healthz", 200), ("/api/events", 401), ("/api/stats", 401), ("/api/plugins", 401)] {
        let request = Request::builder().uri(uri).body(Body::empty()).unwrap();
        let response = router(host.state.clone()).oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), expected, "{uri}");
    }
}

#[tokio::test]
async fn health_and_statistics_are_told() {
    let host = fixture().await;
    host.post("/api/events", r#"{"type":"a.b"}"#).await;
    let (_, health) = host.get("/healthz").await;
    assert_eq!((&health["durability"], &health["head"]), (&json!("memory"), &json!(1)));
    assert_eq!(health["epoch"].as_str().map(str::len), Some(16));
    let (_, stats) = host.get("/api/stats").await;
    assert_eq!((&stats["published"], &stats["by_type"]["a.b"]), (&json!(1), &json!(1)));
    assert_eq!(host.get("/api/plugins").await, (200, json!({"plugins": []})));
    assert_eq!(host.get("/api/plugins/x").await.0, 404);
    assert_eq!(host.get("/api/plugins/x/logs").await.0, 404);
    assert_eq!(host.get("/nowhere").await.0, 404);
    assert_eq!(host.post("/healthz", "").await.0, 405);
}

/// Reads frames of a stream until `count` carry data.
async fn frames(host: &Fixture, uri: &str, last_event_id: Option<&str>, count: usize) -> Vec<(Option<String>, Value)> {
    let mut request = Request::builder().uri(uri).extension(Access::LOCAL_USER);
    if let Some(id) = last_event_id {
        request = request.header("last-event-id", id);
    }
    let response = router(host.state.clone()).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    let mut body = response.into_body();
    let mut found = Vec::new();
    while found.len() < count {
        let chunk = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let text = String::from_utf8(chunk.to_vec()).unwrap();
        for frame in text.split("\n\n").filter(|frame| frame.contains("data: ")) {
            let line = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            found.push((line("id: "), serde_json::from_str(&line("data: ").unwrap()).unwrap()));
        }
    }
    found
}

#[tokio::test]
async fn a_stream_resumes_after_its_cursor() {
    let host = fixture().await;
    host.post("/api/events", "{\"type\":\"a.b\"}\n{\"type\":\"a.c\"}\n{\"type\":\"a.b\"}\n").await;
    let all = frames(&host, "/api/events/stream?since=0", None, 3).await;
    let seqs: Vec<_> = all.iter().map(|(_, event)| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [1, 2, 3]);
    let rest = frames(&host, "/api/events/stream?filter=a.b", all[0].0.as_deref(), 1).await;
    assert_eq!((rest[0].1["seq"].as_u64(), rest[0].1["type"].as_str()), (Some(3), Some("a.b")));
}

#[tokio::test]
async fn a_cursor_of_another_journal_is_told_first() {
    let host = fixture().await;
    host.post("/api/events", "{\"type\":\"a.b\"}\n{\"type\":\"a.c\"}\n").await;
    let found = frames(&host, "/api/events/stream", Some("0123456789abcdef.1"), 3).await;
    assert_eq!(found[0].1["type"], "journal.reset");
    assert_eq!(found[0].1["payload"], json!({"oldest": 1, "newest": 2}));
    assert_eq!(found[1].1["seq"], 1);
}

#[tokio::test]
async fn streams_are_bounded_and_released() {
    let host = fixture().await;
    let open = || async {
        let request = Request::builder().uri("/api/events/stream").extension(Access::LOCAL_USER);
        router(host.state.clone()).oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    };
    let mut streams = Vec::new();
    for _ in 0..crate::state::MAX_STREAMS {
        let stream = open().await;
        assert_eq!(stream.status().as_u16(), 200);
        streams.push(stream);
    }
    assert_eq!(open().await.status().as_u16(), 503);
    streams.pop();
    assert_eq!(open().await.status().as_u16(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_wants_nothing_of_what_happens_says_that_it_is_there() {
    let host = fixture().await;
    let request = Request::builder().uri("/api/events/stream?entity=task:none").extension(Access::LOCAL_USER);
    let response = router(host.state.clone()).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let mut body = response.into_body();
    let opening = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(opening, ": connected\n\n");
    let bus = host.state.bus.clone();
    let busy = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(10)).await;
            let event_type = tollgate_core::events::EventType::parse("a.b").unwrap();
            bus.emit(tollgate_core::event::Draft::new(event_type, "core", "{}")).await.unwrap();
        }
    });
    for _ in 0..2 {
        let frame = tokio::time::timeout(Duration::from_secs(20), body.frame()).await.unwrap();
        assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), ": still here\n\n");
    }
    busy.abort();
}

#[tokio::test]
async fn an_answer_of_the_newest_events_is_cut_at_the_old_end() {
    let host = fixture().await;
    let event_type = tollgate_core::events::EventType::parse("a.b").unwrap();
    let payload: Arc<str> = json!({"text": "x".repeat(250 * 1024)}).to_string().into();
    let mut last = 0;
    for _ in 0..200 {
        let draft = tollgate_core::event::Draft::new(event_type.clone(), "core", Arc::clone(&payload));
        last = host.state.bus.emit(draft).await.unwrap().seq;
    }
    let (status, answer) = host.ask("GET", "/api/events?newest=true&limit=10000", "", None).await;
    let events = answer["events"].as_array().unwrap();
    let seqs: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    let held = 32 * 1024 / 251;
    assert_eq!((status, &answer["next"]), (200, &Value::Null));
    assert_eq!(seqs, (last + 1 - held..=last).collect::<Vec<_>>());
    // From the start on it is cut at the new end, and says where to go on.
    let (_, answer) = host.ask("GET", "/api/events?limit=10000", "", None).await;
    assert!(answer["next"].is_string() && answer["events"].as_array().unwrap().len() < 200);
}
