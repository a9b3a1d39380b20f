//! Runner sessions over the real binary: programs in terminals of their own, what is told of them, and how they end.

use crate::support::{Daemon, Home, stderr, stdout, wait_for};
use serde_json::{Value, json};
use std::fs;

const SESSIONS: &str = "/api/runner/sessions";
const UP: [&str; 3] = ["PREPARING_WORKSPACE", "STARTING_PROVIDER", "RUNNING"];

/// A home that lists these scripts as providers.
pub fn listing(home: Home, scripts: &[(&str, &str)]) -> Home {
    let provider = |(name, script): &(&str, &str)| {
        format!("[providers.{name}]\nprogram = \"sh\"\nargs = [\"-c\", {script:?}]\nversion = \"1.2\"\n")
    };
    home.configure(&scripts.iter().map(provider).collect::<String>());
    home
}

/// A daemon, spoken to as an administrator.
pub struct Host<'a> {
    home: &'a Home,
    pub daemon: Daemon,
}

impl Host<'_> {
    fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let path = format!("{SESSIONS}{path}");
        self.daemon.post_as(&self.home.token("approver-token"), &path, &body.to_string()).expect("an answer")
    }

    /// The same, where it must be well.
    pub fn done(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.post(path, body);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Starts a session of a provider; its id.
    pub fn start(&self, provider: &str) -> String {
        let wish = json!({"provider": provider, "workspace": self.home.workspace(), "agent_id": "a1",
            "village_id": "v1"});
        self.done("", wish)["id"].as_str().expect("an id").to_owned()
    }

    pub fn session(&self, id: &str) -> Value {
        self.daemon.get(&format!("{SESSIONS}/{id}")).expect("an answer")
    }

    /// What is recorded of a session, beside questions to people: seq, type and payload.
    fn told(&self, id: &str, types: &str) -> Vec<(String, Value)> {
        let path = format!("/api/events?session={id}&type={types}&limit=10000");
        let page = self.daemon.get(&path).expect("an answer");
        let event = |event: &Value| (event["type"].as_str().expect("a type").to_owned(), event["payload"].clone());
        page["events"].as_array().expect("a list").iter().map(event).collect()
    }

    fn states(&self, id: &str) -> Vec<String> {
        let moves = self.told(id, "session.state_changed");
        moves.iter().map(|(_, moved)| moved["newState"].as_str().expect("a state").to_owned()).collect()
    }

    fn output(&self, id: &str) -> String {
        let chunks = self.told(id, "terminal.chunk");
        chunks.iter().map(|(_, chunk)| chunk["data"].as_str().expect("a text")).collect()
    }

    fn until_written(&self, id: &str, text: &str) {
        wait_for(format_args!("{text}; {}", self.daemon.log()), || self.output(id).contains(text).then_some(()));
    }

    /// Waits for its end; what was told of it, which is once and last.
    fn ended(&self, id: &str) -> Value {
        wait_for(format_args!("the end of {id}; {}", self.daemon.log()), || {
            self.session(id)["ended_at"].is_string().then_some(())
        });
        let told = self.told(id, "session.*,terminal.*");
        let times = |name: &str| told.iter().filter(|(event_type, _)| event_type == name).count();
        assert_eq!((times("session.started"), times("session.ended")), (1, 1), "{told:?}");
        assert_eq!(told[0].0, "session.started", "{told:?}");
        let (last, payload) = told.last().expect("an end");
        assert_eq!(last, "session.ended", "{told:?}");
        assert_eq!(payload["finalState"], self.session(id)["state"], "{payload}");
        payload.clone()
    }
}

pub fn host(home: &Home) -> Host<'_> {
    Host { home, daemon: home.start() }
}

#[test]
fn a_session_runs_from_its_start_to_its_end_and_is_translated() {
    let script = "echo hello $TOLLGATE_SESSION; read word; echo got $word; read word; stty size; exit 0";
    let home = listing(Home::new(), &[("script", script)]);
    let host = host(&home);
    host.daemon.serving("translation");
    let id = host.start("script");
    host.until_written(&id, &format!("hello {id}"));
    host.done(&format!("/{id}/input"), json!({"data": "first\r"}));
    host.until_written(&id, "got first");
    host.done(&format!("/{id}/resize"), json!({"cols": 91, "rows": 17}));
    host.done(&format!("/{id}/input"), json!({"data": "\r"}));
    let ended = host.ended(&id);
    assert_eq!((&ended["finalState"], &ended["exitCode"]), (&json!("COMPLETED"), &json!(0)), "{ended}");
    assert_eq!(host.states(&id), [UP[0], UP[1], UP[2], "COMPLETED"]);
    let output = host.output(&id);
    let places: Vec<_> = ["hello ", "got first", "17 91"].map(|text| output.find(text)).to_vec();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{output}");
    assert_eq!(output.matches(&format!("hello {id}")).count(), 1, "{output}");
    let started = &host.told(&id, "session.started")[0].1;
    assert_eq!((&started["providerId"], &started["providerVersion"]), (&json!("script"), &json!("1.2")), "{started}");
    // The same in the words of other systems: every chunk, once each, in order.
    let chunks = host.told(&id, "terminal.chunk").len();
    let streamed = wait_for("the chunks to be translated", || {
        let streamed = host.told(&id, "work_stream.event");
        let streamed: Vec<String> = streamed
            .iter()
            .filter(|(_, payload)| payload["agentId"] == "a1")
            .filter_map(|(_, payload)| payload["payload"]["data"].as_str().map(str::to_owned))
            .collect();
        (streamed.len() >= chunks).then_some(streamed)
    });
    assert_eq!(streamed.concat(), output);
    let late = host.post(&format!("/{id}/input"), json!({"data": "x"}));
    assert_eq!((late.0, &late.1["error"]["code"]), (409, &json!("ended")), "{}", late.1);
}

#[test]
fn a_session_is_paused_and_stopped_and_nothing_runs_that_is_not_listed() {
    let script = "trap 'echo bye; exit 4' TERM; echo ready; while :; do read word; done";
    let home = listing(Home::without_plugins(), &[("script", script)]);
    let host = host(&home);
    for (wish, code) in [
        (json!({"provider": "sh", "workspace": home.workspace()}), "no_provider"),
        (json!({"provider": "script", "workspace": "/"}), "bad_workspace"),
    ] {
        let (status, answer) = host.post("", wish);
        assert_eq!((status, &answer["error"]["code"]), (400, &json!(code)), "{answer}");
    }
    let id = host.start("script");
    host.until_written(&id, "ready");
    assert_eq!(host.done(&format!("/{id}/pause"), Value::Null)["state"], "PAUSED_BY_HUMAN");
    assert_eq!(host.done(&format!("/{id}/resume"), Value::Null)["state"], "RUNNING");
    host.done(&format!("/{id}/stop"), Value::Null);
    let ended = host.ended(&id);
    assert_eq!(host.states(&id)[..6], [UP[0], UP[1], UP[2], "PAUSED_BY_HUMAN", "RUNNING", "STOPPING"]);
    assert_eq!((&ended["finalState"], &ended["exitCode"]), (&host.session(&id)["state"], &json!(4)), "{ended}");
    assert!(host.output(&id).contains("bye"), "it could say goodbye: {}", host.output(&id));
    let listed = host.daemon.get(SESSIONS).expect("an answer");
    assert_eq!((listed["sessions"].as_array().map(Vec::len), &listed["sessions"][0]["id"]), (Some(1), &json!(id)));
}

#[test]
fn a_denied_approval_ends_as_itself_and_the_session_as_failed() {
    let script = "trap 'exit 9' TERM; echo ready; while :; do read word; done";
    let home = listing(Home::without_plugins(), &[("script", script)]);
    let host = host(&home);
    let id = host.start("script");
    host.until_written(&id, "ready");
    let asked = json!({"type": "APPROVAL_REQUESTED", "sessionId": id,
        "approval": {"id": "publish", "title": "may it be published?"}});
    host.done(&format!("/{id}/events"), asked);
    assert_eq!(host.session(&id)["state"], "WAITING_FOR_APPROVAL");
    let (status, _) = host.post(&format!("/{id}/approvals/other"), json!({"decision": "reject"}));
    assert_eq!(status, 404);
    let answer = host.done(&format!("/{id}/approvals/publish"), json!({"decision": "reject", "answer": "not today"}));
    assert_eq!((&answer["first"], &answer["interaction"]["decision"]), (&json!(true), &json!("reject")), "{answer}");
    let ended = host.ended(&id);
    assert_eq!((&ended["finalState"], &ended["exitCode"]), (&json!("FAILED"), &json!(9)), "{ended}");
    assert!(ended["reason"].as_str().is_some_and(|reason| reason.contains("not today")), "{ended}");
    assert_eq!(host.states(&id)[3..], ["WAITING_FOR_APPROVAL", "STOPPING", "FAILED"]);
    let resolved = host.told(&id, "approval.resolved");
    assert_eq!(resolved.len(), 1, "{resolved:?}");
    assert_eq!((&resolved[0].1["approvalId"], &resolved[0].1["decision"]), (&json!("publish"), &json!("reject")));
    assert!(host.session(&id)["reason"].as_str().is_some_and(|reason| reason.contains("not today")));
}

/// Whether there is such a process, that has not ended.
fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

#[test]
fn a_running_session_of_a_daemon_that_was_killed_is_ended_by_the_next_one() {
    let script = "trap '' HUP; echo $$ > pid; echo ready; while :; do sleep 600; done";
    let home = listing(Home::without_plugins(), &[("script", script)]);
    let before = host(&home);
    let id = before.start("script");
    before.until_written(&id, "ready");
    let pid = fs::read_to_string(home.workspace().join("pid")).expect("a process").trim().to_owned();
    before.daemon.kill();

    let next = host(&home);
    let ended = next.ended(&id);
    assert_eq!((&ended["finalState"], &ended["reason"]), (&json!("FAILED"), &json!("the host was restarted")));
    assert_eq!(next.states(&id), [UP[0], UP[1], UP[2], "FAILED"]);
    wait_for("what was left of its program to be gone", || (!is_alive(&pid)).then_some(()));
    let (status, answer) = next.post(&format!("/{id}/input"), json!({"data": "x"}));
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("ended")), "{answer}");
}

#[test]
fn the_configuration_knows_providers() {
    let home = listing(Home::without_plugins(), &[("script", "true")]);
    let shown = home.tollgate(["config", "show"]);
    assert!(stdout(&shown).contains("[providers.script]\nprogram = \"sh\"\n"), "{}", stdout(&shown));
    assert!(home.tollgate(["config", "check"]).status.success());
    for (more, says) in [
        ("[providers.x]\nargs = []\n", "missing field `program`"),
        ("[providers.x]\nprogram = \"x\"\nshell = true\n", "`shell` is not known here"),
        ("[providers.x]\nprogram = \"x\"\nenv = { KEY = \"secret\" }\n", "expected a sequence"),
    ] {
        home.configure(more);
        let refused = home.tollgate(["config", "check"]);
        assert!(!refused.status.success() && stderr(&refused).contains(says), "{more}: {}", stderr(&refused));
    }
    // What cannot be run is the runner's to say, before anything is served.
    home.configure("[providers.x]\nprogram = \"bin/x\"\n");
    for arguments in [&["run"][..], &["config", "check"]] {
        let refused = home.tollgate(arguments);
        assert!(!refused.status.success(), "{}", stdout(&refused));
        assert!(stderr(&refused).contains("neither an absolute path nor a bare name"), "{}", stderr(&refused));
    }
}
