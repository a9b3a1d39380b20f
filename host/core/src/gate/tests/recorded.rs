//! The pipeline on a real bus: what is recorded, in which order, and when the verdict is given.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use super::super::policy::Policy;
use super::super::{
    Call, Cause, Decision, Gatekeeper, GatekeeperOptions, GuardAnswer, GuardOutcome, Guards, Look, NormalisedCall,
    Paths, SystemPaths, Verdict, Via,
};
use super::call;
use super::guarded::guard;
use crate::bus::{Bus, BusOptions, Delivery, Overflow, Subscription};
use crate::event::Draft;
use crate::journal::{Durability, JournalOptions};
use crate::session::Sessions;
use crate::time::Clock;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;
use tokio::sync::Notify;
use tollgate_events::{EventType, PatternSet};

type Script = dyn Fn(&NormalisedCall) -> Vec<GuardAnswer> + Send + Sync;

/// Answers by a function of the call, once it may.
struct Scripted {
    answer: Box<Script>,
    held: Option<Arc<Notify>>,
}

impl Guards for Scripted {
    fn check<'a>(&'a self, call: &'a Arc<NormalisedCall>) -> BoxFuture<'a, Vec<GuardAnswer>> {
        Box::pin(async move {
            if let Some(held) = &self.held {
                held.notified().await;
            }
            (self.answer)(call)
        })
    }
}

struct Gate {
    gate: Gatekeeper,
    bus: Bus,
    events: Subscription,
    root: PathBuf,
    _folder: tempfile::TempDir,
}

impl Gate {
    fn new(
        held: Option<Arc<Notify>>,
        answer: impl Fn(&NormalisedCall) -> Vec<GuardAnswer> + Send + Sync + 'static,
    ) -> Self {
        Self::with_paths(held, answer, Arc::new(SystemPaths))
    }

    fn with_paths(
        held: Option<Arc<Notify>>,
        answer: impl Fn(&NormalisedCall) -> Vec<GuardAnswer> + Send + Sync + 'static,
        paths: Arc<dyn Paths>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let journal = JournalOptions { path: root.join("journal.db"), durability: Durability::Memory };
        let bus = Bus::open(BusOptions { journal, filter: None, clock: Clock::system() }).unwrap();
        let sessions = Arc::new(Sessions::open(&bus, vec![root.clone()]).unwrap());
        let events = bus.subscribe(PatternSet::parse(["*"]).unwrap(), Overflow::DropOldest);
        let guards = Arc::new(Scripted { answer: Box::new(answer), held });
        let policy = Arc::new(Policy::preset("guardrails").unwrap());
        let options =
            GatekeeperOptions { bus: bus.clone(), sessions, guards, home: None, policy, allowed_extras: Vec::new() };
        let gate = Gatekeeper::with_paths(options, paths);
        Self { gate, bus, events, root, _folder: folder }
    }

    async fn check(&self, call: Call) -> Verdict {
        let call = Call { cwd: Some(self.root.clone()), ..call };
        let before = Draft::new(EventType::parse("hook.pre_tool").unwrap(), "hook:test", "{}").in_session("s1");
        self.gate.check(call, vec![before]).await
    }

    /// The next events: type, payload, seq.
    async fn recorded(&mut self, count: usize) -> Vec<(String, Value, u64)> {
        let mut found = Vec::new();
        while found.len() < count {
            let next = tokio::time::timeout(Duration::from_secs(10), self.events.next()).await.unwrap().unwrap();
            if let Delivery::Event(event) = next {
                assert!(
                    event.event_type.domain() != "tool"
                        || (&*event.source == "core" && event.session.as_deref() == Some("s1"))
                );
                found.push((
                    event.event_type.as_str().to_owned(),
                    serde_json::from_str(&event.payload).unwrap(),
                    event.seq,
                ));
            }
        }
        found
    }
}

fn field<'a>(payload: &'a Value, name: &str) -> &'a str {
    payload.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn types(events: &[(String, Value, u64)]) -> Vec<&str> {
    events.iter().map(|(event_type, _, _)| event_type.as_str()).collect()
}

#[tokio::test]
async fn one_batch_holds_the_hooks_event_the_call_and_the_outcome() {
    let mut gate = Gate::new(None, |_| Vec::new());
    let verdict = gate.check(call("Bash", json!({"command": "rm -rf /etc"}))).await;
    assert_eq!((verdict.decision, verdict.call_id.as_str()), (Decision::Deny, "c1"));
    let events = gate.recorded(3).await;
    assert_eq!(types(&events), ["hook.pre_tool", "tool.gated", "tool.denied"]);
    let seqs: Vec<u64> = events.iter().map(|(_, _, seq)| *seq).collect();
    assert_eq!(Some(verdict.seq.as_slice()), seqs.get(1..));
    for (_, payload, _) in events.iter().skip(1) {
        assert_eq!(
            (field(payload, "call_id"), field(payload, "session_id"), field(payload, "tool_name")),
            ("c1", "s1", "Bash")
        );
    }
    let passed = gate.check(call("Bash", json!({"command": "cargo test --workspace"}))).await;
    assert_eq!((passed.decision, passed.cause), (Decision::Abstain, None));
    assert_eq!(types(&gate.recorded(3).await), ["hook.pre_tool", "tool.gated", "tool.deferred"]);
}

#[tokio::test]
async fn a_slow_guard_leaves_the_call_recorded_alone_first() {
    let held = Arc::new(Notify::new());
    let mut gate = Gate::new(Some(held.clone()), |_| vec![guard("slow", GuardOutcome::Deny("no".to_owned()))]);
    let asked = Call { cwd: Some(gate.root.clone()), ..call("Bash", json!({"command": "ls"})) };
    let Gate { gate: keeper, events, .. } = &mut gate;
    let (verdict, first) = tokio::join!(keeper.check(asked, Vec::new()), async {
        // The guard answers only after the call is on the record without an outcome.
        let first = tokio::time::timeout(Duration::from_secs(10), events.next()).await.unwrap().unwrap();
        held.notify_one();
        first
    });
    let Delivery::Event(first) = first else { unreachable!("nothing is dropped") };
    assert_eq!(first.event_type.as_str(), "tool.gated");
    let events = gate.recorded(1).await;
    assert_eq!(types(&events), ["tool.denied"]);
    assert_eq!(verdict.seq, [first.seq, events.first().unwrap().2]);
    let denied = events.first().map(|(_, payload, _)| payload.clone()).unwrap();
    assert_eq!(
        (field(&denied, "reason"), field(&denied, "decided_by"), field(&denied, "violation_type")),
        ("no", "plugin:slow", "plugin")
    );
    assert_eq!(verdict.reason, "the guard plugin `slow` denied this call");
}

#[tokio::test]
async fn a_rewrite_goes_through_every_stage_once_more() {
    let to = |line: &'static str| {
        Gate::new(None, move |call| {
            let rewrite = json!({ "command": line }).as_object().unwrap().clone();
            if call.input == rewrite {
                vec![guard("r", GuardOutcome::Abstain)]
            } else {
                vec![guard("r", GuardOutcome::Rewrite(rewrite))]
            }
        })
    };
    let mut safe = to("ls");
    let verdict = safe.check(call("Bash", json!({"command": "ls -la"}))).await;
    assert_eq!(
        (verdict.decision, verdict.via, verdict.rewritten_input.is_some()),
        (Decision::Allow, Some(Via::Plugin), true)
    );
    let events = safe.recorded(3).await;
    let allowed = events.get(2).map(|(_, payload, _)| payload.clone()).unwrap();
    assert_eq!(allowed.get("tool_input"), Some(&json!({"command": "ls"})));
    let verdict = to("rm -rf /").check(call("Bash", json!({"command": "ls"}))).await;
    assert_eq!((verdict.decision, verdict.rewritten_input), (Decision::Deny, None));
    let endless = Gate::new(None, |call| {
        let line = format!("{} x", call.input.get("command").and_then(Value::as_str).unwrap_or_default());
        vec![guard("r", GuardOutcome::Rewrite(json!({ "command": line }).as_object().unwrap().clone()))]
    });
    let verdict = endless.check(call("Bash", json!({"command": "ls"}))).await;
    assert_eq!((verdict.decision, verdict.cause), (Decision::Deny, Some(Cause::Plugin)));
}

#[tokio::test]
async fn a_rewritten_call_starts_from_the_callers_own_folder() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let folders = seen.clone();
    let gate = Gate::new(None, move |call| {
        folders.lock().unwrap().push(call.cwd.clone());
        let rewrite = json!({"command": "ls", "workdir": "sub"}).as_object().unwrap().clone();
        vec![guard("r", GuardOutcome::Rewrite(rewrite))]
    });
    let verdict = gate.check(call("Bash", json!({"command": "ls -la", "workdir": "sub"}))).await;
    assert_eq!(verdict.decision, Decision::Allow);
    assert_eq!(*seen.lock().unwrap(), [gate.root.join("sub"), gate.root.join("sub")]);
}

#[tokio::test]
async fn asks_go_to_the_agent_or_are_denied() {
    let mut gate = Gate::new(None, |_| Vec::new());
    let asked = gate.check(Call { can_ask: true, ..call("Bash", json!({"command": "git reset --hard"})) }).await;
    assert_eq!((asked.decision, asked.cause), (Decision::Ask, Some(Cause::Rule)));
    let events = gate.recorded(3).await;
    let (event_type, payload, _) = events.get(2).unwrap();
    assert_eq!(
        (event_type.as_str(), field(payload, "to"), field(payload, "reason").is_empty()),
        ("tool.deferred", "agent", false)
    );
    let denied = gate.check(call("Bash", json!({"command": "git reset --hard"}))).await;
    assert_eq!((denied.decision, denied.cause), (Decision::Deny, Some(Cause::NoApprover)));
}

#[tokio::test]
async fn a_bus_that_records_nothing_denies() {
    let gate = Gate::new(None, |_| Vec::new());
    gate.bus.close().await;
    let verdict = gate.check(call("Bash", json!({"command": "ls"}))).await;
    assert_eq!((verdict.decision, verdict.cause, verdict.seq), (Decision::Deny, Some(Cause::Unavailable), Vec::new()));
}

#[tokio::test]
async fn secrets_are_not_recorded() {
    let mut gate = Gate::new(None, |_| Vec::new());
    let line = "curl -H 'Authorization: Bearer abcdefghijklmnopqrstuvwxyz012345' https://x";
    gate.check(call("Bash", json!({ "command": line }))).await;
    for (_, payload, _) in gate.recorded(3).await {
        assert!(!payload.to_string().contains("abcdefghijklmnop"), "{payload}");
    }
}

#[tokio::test]
async fn a_bad_name_is_denied_on_the_record() {
    let mut gate = Gate::new(None, |_| Vec::new());
    let verdict = gate.check(call(&"x".repeat(1_000), json!({}))).await;
    assert_eq!((verdict.decision, verdict.decided_by.as_deref()), (Decision::Deny, Some("normalise")));
    assert_eq!(types(&gate.recorded(3).await), ["hook.pre_tool", "tool.gated", "tool.denied"]);
    let nameless = Call { session_id: Some(String::new()), ..call("Bash", json!({"command": "ls"})) };
    let verdict = gate.gate.check(nameless, Vec::new()).await;
    assert_eq!(
        (verdict.decision, verdict.decided_by.as_deref(), verdict.reason.as_str()),
        (Decision::Deny, Some("normalise"), "session_id is empty")
    );
}

/// Remembers the thread on which it was asked last.
#[derive(Default)]
struct Asked(Mutex<Option<ThreadId>>);

impl Paths for Asked {
    fn real(&self, path: &Path) -> Option<PathBuf> {
        *self.0.lock().unwrap() = Some(thread::current().id());
        Some(path.to_owned())
    }
    fn look(&self, _: &Path) -> Look {
        Look::Plain
    }
    fn link(&self, _: &Path) -> Option<PathBuf> {
        None
    }
    fn home(&self) -> Option<PathBuf> {
        None
    }
}

#[tokio::test]
async fn a_call_that_names_many_paths_holds_up_no_other() {
    let asked = Arc::new(Asked::default());
    let gate = Gate::with_paths(None, |_| Vec::new(), asked.clone());
    let here = Some(thread::current().id());
    for (line, on_this_thread) in [("touch a".to_owned(), true), (format!("touch{}", " a".repeat(1_000)), false)] {
        let verdict = gate.check(call("Bash", json!({ "command": line }))).await;
        assert_eq!(verdict.decision, Decision::Abstain, "{verdict:?}");
        assert_eq!(*asked.0.lock().unwrap() == here, on_this_thread);
    }
}
