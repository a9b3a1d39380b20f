//! Real guests on trial: what a host would do with them, seen call by call.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up has failed")]

use super::*;
use crate::{FaultCause, InProcess};
use tollgate_bundled::guests;
use tollgate_core::event::Event;
use tollgate_core::events::EventType;
use tollgate_core::gate::{GuardOutcome, NormalisedCall};
use tollgate_core::time::Timestamp;
use uuid::Uuid;

const EMITS: &str = "[grant]\nemit = [\"test_guest.*\"]\n";

/// A ground, and a folder with components in it.
struct Bench {
    ground: TrialGround,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        Self { ground: TrialGround::new(home.clone(), &home, Arc::new(InProcess), Limits::default()).unwrap(), folder }
    }

    fn file(&self, name: &str, component: &[u8]) -> std::path::PathBuf {
        let file = self.folder.path().join(format!("{name}.wasm"));
        std::fs::write(&file, component).unwrap();
        file
    }

    async fn start(&self, name: &str, component: &[u8], grant: &str) -> Trial {
        let examined = self.ground.examine(&self.file(name, component)).await.unwrap();
        self.ground.start(&examined, Some(grant)).await.unwrap()
    }
}

fn event(event_type: &str, payload: &str) -> Event {
    let id = Uuid::now_v7();
    Event {
        seq: 0,
        id,
        event_type: EventType::parse(event_type).unwrap(),
        ts: Timestamp(1_000),
        source: "core".into(),
        entity: None,
        session: Some("s1".into()),
        root: id,
        depth: 0,
        payload: payload.into(),
    }
}

#[tokio::test]
async fn events_are_handled_one_after_the_other_with_what_was_stored() {
    let bench = Bench::new();
    let mut trial = bench.start("counter", guests::COUNTER, EMITS).await;
    assert!(trial.handles(&EventType::parse("demo.tick").unwrap()));
    assert!(!trial.handles(&EventType::parse("task.done").unwrap()));
    for count in 1..=3 {
        let account = trial.handle(event("demo.tick", "{}")).await.unwrap();
        assert!(matches!(account.outcome, TrialOutcome::Handled), "{account:?}");
        assert!(account.fuel > 0 && account.memory_bytes > 0);
        let counted: serde_json::Value = serde_json::from_str(&account.emits.first().unwrap().payload).unwrap();
        assert_eq!((account.emits.len(), counted.get("count").unwrap().as_u64()), (1, Some(count)));
        assert_eq!(counted.get("seq").unwrap().as_u64(), Some(count));
    }
    for (seq, given) in [(41, 41), (41, 42), (7, 43)] {
        let account = trial.handle(Event { seq, ..event("demo.tick", "{}") }).await.unwrap();
        let counted: serde_json::Value = serde_json::from_str(&account.emits.first().unwrap().payload).unwrap();
        assert_eq!(counted.get("seq").unwrap().as_u64(), Some(given), "{seq}");
    }
}

#[tokio::test]
async fn what_a_host_would_refuse_or_have_wait_is_said() {
    let bench = Bench::new();
    let file = bench.file("counter", guests::COUNTER);
    let examined = bench.ground.examine(&file).await.unwrap();
    let portrait = &examined.portrait;
    assert_eq!((portrait.name.as_str(), portrait.world, portrait.interface), ("counter", World::Observer, "0.1.0"));
    assert_eq!(portrait.needs, ["emit test_guest.counted"]);
    let Err(TrialRefusal::NeedsGrant(missing)) = bench.ground.start(&examined, None).await else { panic!("it runs") };
    assert_eq!(missing, ["emit test_guest.counted"]);
    assert!(bench.ground.start(&examined, Some(&portrait.proposed_grant)).await.is_ok(), "{}", portrait.proposed_grant);
    let broken = bench.ground.start(&examined, Some("[grants]\n")).await.err().unwrap().to_string();
    assert!(broken.contains("did you mean `grant`?"), "{broken}");

    let elsewhere = bench.file("other", guests::COUNTER);
    assert_eq!(bench.ground.examine(&elsewhere).await.err().unwrap().stage, Stage::Name);
    assert_eq!(bench.ground.examine_unnamed(&elsewhere).await.unwrap().portrait.name, "counter");
    let bad = bench.file("Bad_Name", guests::COUNTER);
    assert_eq!(bench.ground.examine(&bad).await.err().unwrap().stage, Stage::Name);
}

#[tokio::test]
async fn after_a_fault_a_fresh_guest_goes_on() {
    let bench = Bench::new();
    let mut trial = bench.start("panics", guests::PANICS, "").await;
    let account = trial.handle(event("demo.loop", "{}")).await.unwrap();
    let TrialOutcome::Fault(fault) = &account.outcome else { panic!("{account:?}") };
    assert_eq!(fault.cause, FaultCause::Panic);
    assert!(fault.message.contains("the guest gave up"), "{fault}");
    assert!(account.logs.iter().any(|line| line.text.contains("the guest gave up")), "{:?}", account.logs);
    assert!(account.memory_bytes > 0, "what it had when it faulted");
    assert_eq!((trial.memory_bytes(), trial.given, trial.committed), (0, 1, 0));
    let account = trial.handle(event("demo.tick", "{}")).await.unwrap();
    assert!(matches!(account.outcome, TrialOutcome::Handled) && trial.memory_bytes() > 0);
    assert_eq!((trial.given, trial.committed), (2, 2), "a seq is given once");
}

#[tokio::test]
async fn what_a_guest_went_over_before_it_faulted_is_counted() {
    let bench = Bench::new();
    let grant = "[limits]\nfuel_per_event = 3000000\n";
    let mut trial = bench.start("log-flood", guests::LOG_FLOOD, grant).await;
    let account = trial.handle(event("demo.loop", "{}")).await.unwrap();
    assert!(
        matches!(&account.outcome, TrialOutcome::Fault(fault) if fault.cause == FaultCause::OutOfFuel),
        "{account:?}"
    );
    assert!(account.over_budget > 0, "{}", account.logs.len());
}

#[tokio::test]
async fn what_is_logged_before_the_first_event_stands_apart_and_emits_are_in_the_order_of_their_calls() {
    let bench = Bench::new();
    let mut trial = bench.start("both-ways", guests::BOTH_WAYS, EMITS).await;
    let logged: Vec<&str> = trial.first_logs().iter().map(|line| line.text.as_str()).collect();
    assert_eq!(logged, ["ready"]);
    let account = trial.handle(event("demo.loop", "{}")).await.unwrap();
    assert!(account.logs.is_empty(), "{:?}", account.logs);
    let emits: Vec<&str> = account.emits.iter().map(|emit| &*emit.payload).collect();
    assert_eq!(emits, [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#]);
}

#[tokio::test]
async fn a_guard_gives_its_word() {
    let bench = Bench::new();
    let mut trial = bench.start("deny-guard", guests::DENY_GUARD, "").await;
    assert!(trial.gates("Bash"));
    let call = NormalisedCall { tool: "Bash".into(), input_json: "{}".into(), ..NormalisedCall::default() };
    let account = trial.check(&call).await;
    let TrialOutcome::Verdict(GuardOutcome::Deny(reason)) = &account.outcome else { panic!("{account:?}") };
    assert!(reason.contains("denies everything") && account.fuel > 0);
}

#[tokio::test]
async fn questions_are_written_down_and_no_program_runs() {
    let bench = Bench::new();
    let grant = format!("{EMITS}interactions = true\n");
    let mut trial = bench.start("ask-people", guests::ASK_PEOPLE, &grant).await;
    let account = trial.handle(event("demo.ask", r#"{"text":"really?","times":2}"#)).await.unwrap();
    assert_eq!(account.questions.iter().map(|asked| asked.text.as_str()).collect::<Vec<_>>(), ["really?", "really?"]);
    let ran = bench.folder.path().join("ran");
    let grant = format!("{EMITS}process = [{{ program = \"sh\", args = [\"**\"] }}]\n");
    let mut trial = bench.start("run-programs", guests::RUN_PROGRAMS, &grant).await;
    let order =
        serde_json::json!({"program": "sh", "args": ["-c", format!("touch {}", ran.display())], "then": "read"});
    let account = trial.handle(event("demo.run", &order.to_string())).await.unwrap();
    assert_eq!(&*account.emits.first().unwrap().payload, r#"{"refused":"no session"}"#);
    assert!(!ran.exists());
}
