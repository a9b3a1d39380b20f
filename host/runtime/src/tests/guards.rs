//! Gate calls: answers, failures, and guards that are not there.

use super::World;
use crate::PluginState;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tollgate_bundled::guests;
use tollgate_core::gate::{Cause, GuardAnswer, GuardOutcome, Guards, NormalisedCall, OnFault};

const DENY: &str = "[grant]\ngate = [\"deny\", \"ask\"]\n";

pub(super) fn call() -> Arc<NormalisedCall> {
    Arc::new(NormalisedCall {
        call_id: "c1".into(),
        session: "s1".into(),
        tool: "Bash".into(),
        original_tool: "Bash".into(),
        input_json: "{}".into(),
        understood: true,
        ..NormalisedCall::default()
    })
}

async fn ask(world: &World) -> Vec<GuardAnswer> {
    world.runtime().check(&call()).await
}

async fn only(world: &World) -> GuardAnswer {
    let mut answers = ask(world).await;
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers.remove(0)
}

fn failed_with(answer: &GuardAnswer) -> Cause {
    match &answer.outcome {
        GuardOutcome::Failed { cause, .. } => *cause,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guards_answer_and_their_grant_says_what_it_means() {
    let world = World::with("deny-guard", guests::DENY_GUARD, DENY).await;
    let answer = only(&world).await;
    assert_eq!(answer.outcome, GuardOutcome::Deny("deny-guard denies everything".into()));
    assert!(answer.may_deny && answer.may_ask && !answer.may_allow && !answer.may_rewrite && !answer.shadow());
    assert_eq!(world.status("deny-guard").calls, 1);
    let world = World::with("deny-guard", guests::DENY_GUARD, "").await;
    assert!(only(&world).await.shadow());
    let allow = "[grant]\ngate = [\"allow\"]\n";
    let world = World::with("allow-guard", guests::ALLOW_GUARD, allow).await;
    let answer = only(&world).await;
    assert_eq!((answer.outcome, answer.may_allow), (GuardOutcome::Allow, true));
    let world = World::with("rewrite-guard", guests::REWRITE_GUARD, "[grant]\ngate = [\"rewrite\"]\n").await;
    assert!(matches!(only(&world).await.outcome, GuardOutcome::Rewrite(_)));
    let world = World::with("ask-guard", guests::ASK_GUARD, DENY).await;
    assert!(matches!(only(&world).await.outcome, GuardOutcome::Ask(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_fails_is_told_apart_from_one_that_denies() {
    let timeout = "[grant]\ngate = [\"deny\"]\n[limits]\nfuel_per_gate = 1_000_000_000_000\ngate_timeout_ms = 30\n\
                   [delivery]\non_fault = \"ask\"\n";
    let world = World::with("hostile-endless-loop-in-check", guests::HOSTILE_ENDLESS_LOOP_IN_CHECK, timeout).await;
    let answer = only(&world).await;
    assert_eq!((failed_with(&answer), answer.on_fault), (Cause::Timeout, OnFault::Ask));
    let world = World::with("hostile-endless-loop-in-check", guests::HOSTILE_ENDLESS_LOOP_IN_CHECK, DENY).await;
    assert!(matches!(failed_with(&only(&world).await), Cause::Fault | Cause::Timeout));
    let world = World::with("panic-guard", guests::PANIC_GUARD, DENY).await;
    assert_eq!(failed_with(&only(&world).await), Cause::Fault);
    world.wait_for("plugin.faulted", 1).await;
    let world = World::with("error-guard", guests::ERROR_GUARD, DENY).await;
    assert_eq!(failed_with(&only(&world).await), Cause::Fault);
    assert_eq!(world.status("error-guard").failed, 1);
    let world = World::with("hostile-long-words", guests::HOSTILE_LONG_WORDS, DENY).await;
    let GuardOutcome::Failed { message, .. } = only(&world).await.outcome else { panic!("it failed") };
    assert!(message.starts_with("it failed: no no ") && message.len() < 1_100, "{} bytes", message.len());
}

const NEVER_DONE: &str = "[grant]\ngate = [\"deny\"]\n[limits]\nfuel_per_gate = 1_000_000_000_000\n";

#[tokio::test]
async fn a_guard_that_computes_leaves_its_callers_thread_to_others() {
    let world = World::with("hostile-endless-loop-in-check", guests::HOSTILE_ENDLESS_LOOP_IN_CHECK, NEVER_DONE).await;
    let answered = std::cell::Cell::new(false);
    let asking = async {
        let answer = only(&world).await;
        answered.set(true);
        answer
    };
    // On one thread: the second is polled only where the first gives way.
    let (answer, other_ran_first) = tokio::join!(asking, async { !answered.get() });
    assert_eq!(failed_with(&answer), Cause::Timeout);
    assert!(other_ran_first);
}

#[tokio::test]
async fn calls_wait_for_a_guard_in_a_queue_with_an_end() {
    let world = World::with("hostile-endless-loop-in-check", guests::HOSTILE_ENDLESS_LOOP_IN_CHECK, NEVER_DONE).await;
    let answers = futures_util::future::join_all((0..70).map(|_| only(&world))).await;
    // Others may come to find that it is being restarted.
    let full = |outcome: &GuardOutcome| format!("{outcome:?}").contains("64 calls wait for it already");
    let refused = answers.iter().filter(|answer| full(&answer.outcome)).count();
    assert_eq!(refused, 6, "64 wait, the others are told at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_goes_half_way_leaves_a_guard_that_answers_the_next() {
    let limits = "[grant]\ngate = [\"deny\"]\n[limits]\nfuel_per_gate = 1_000_000_000_000\ngate_timeout_ms = 60_000\n";
    let world = World::with("hostile-endless-loop-in-check", guests::HOSTILE_ENDLESS_LOOP_IN_CHECK, limits).await;
    world.drop_in("deny-guard", guests::DENY_GUARD, DENY);
    world.runtime().rescan().await;
    let asked = tokio::time::timeout(Duration::from_millis(50), ask(&world)).await;
    assert!(asked.is_err(), "it loops");
    world.remove("hostile-endless-loop-in-check");
    world.runtime().disable("hostile-endless-loop-in-check").await.unwrap();
    let answers = ask(&world).await;
    assert_eq!(answers.len(), 1);
    assert!(matches!(answers[0].outcome, GuardOutcome::Deny(_)), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_in_quarantine_says_so() {
    let mut world = World::new();
    world.tempo.faults = 1;
    world.drop_in("panic-guard", guests::PANIC_GUARD, DENY);
    world.start().await;
    assert_eq!(failed_with(&only(&world).await), Cause::Fault);
    world.wait_for("plugin.quarantined", 1).await;
    assert_eq!(failed_with(&only(&world).await), Cause::Quarantine);
    assert_eq!(world.state("panic-guard"), PluginState::Quarantined);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_granted_guard_is_required_until_it_is_disabled() {
    let mut world = World::with("deny-guard", guests::DENY_GUARD, DENY).await;
    world.remove("deny-guard");
    world.runtime().rescan().await;
    assert_eq!(failed_with(&only(&world).await), Cause::Unavailable);
    world.stop().await;
    world.start().await;
    assert_eq!(failed_with(&only(&world).await), Cause::Unavailable, "after a restart too");
    world.replace("deny-guard", b"broken");
    world.runtime().rescan().await;
    assert_eq!(failed_with(&only(&world).await), Cause::Unavailable);
    world.runtime().disable("deny-guard").await.unwrap();
    assert!(ask(&world).await.is_empty());
    world.runtime().enable("deny-guard").await.unwrap();
    world.replace("deny-guard", guests::DENY_GUARD);
    world.runtime().rescan().await;
    assert!(matches!(only(&world).await.outcome, GuardOutcome::Deny(_)));
}

/// A guard whose grant file is there and cannot be understood is required, until it is disabled.
async fn required_with(grant: &[u8]) {
    let mut world = World::new();
    world.drop_in("deny-guard", guests::DENY_GUARD, "");
    std::fs::write(world.home.plugins().join("deny-guard.toml"), grant).unwrap();
    world.start().await;
    still_required(&world).await;
}

async fn still_required(world: &World) {
    let answer = only(world).await;
    assert_eq!((failed_with(&answer), answer.on_fault, answer.shadow()), (Cause::Unavailable, OnFault::Deny, false));
    world.runtime().disable("deny-guard").await.unwrap();
    assert!(ask(world).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_file_that_cannot_be_understood_waves_nothing_through() {
    required_with(b"\xff\xfe").await;
    required_with(b"grant = { gate = [\"deny\"], emitt = [] }\n").await;
    required_with(b"grant.gate = [\"denny\"]\n").await;
    required_with(b"[grant]\n\"gate\" = [\"denny\"]\n").await;
    required_with(&b"#".repeat(300 * 1_024)).await;
    let mut world = World::new();
    world.drop_in("deny-guard", guests::DENY_GUARD, DENY);
    let grant = world.home.plugins().join("deny-guard.toml");
    std::fs::rename(&grant, world.home.root().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(world.home.root().join("elsewhere"), grant).unwrap();
    world.start().await;
    still_required(&world).await;
    let world = World::with("counter", guests::COUNTER, "[grant]\nemitt = []\n").await;
    assert!(ask(&world).await.is_empty(), "an observer exports no gate");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_was_granted_and_did_not_load_is_no_shadow() {
    let grant = "[grant]\ngate = [\"deny\"]\n[limits]\nfuel_init = 1\n[delivery]\non_fault = \"ask\"\n";
    for (name, component, denies) in
        [("deny-guard", guests::DENY_GUARD, true), ("allow-guard", guests::ALLOW_GUARD, false)]
    {
        let world = World::with(name, component, "").await;
        assert!(only(&world).await.shadow());
        world.drop_in(name, component, grant);
        world.runtime().rescan().await;
        assert_eq!(world.status(name).rejected.unwrap().stage.as_str(), "init");
        let answer = only(&world).await;
        assert_eq!((answer.on_fault, answer.may_deny, answer.may_allow), (OnFault::Ask, true, false));
        if denies {
            assert!(matches!(answer.outcome, GuardOutcome::Deny(_)));
        } else {
            assert_eq!(failed_with(&answer), Cause::Unavailable);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_withdrawn_is_gone_though_the_newest_file_does_not_load() {
    let world = World::with("allow-guard", guests::ALLOW_GUARD, "[grant]\ngate = [\"deny\", \"allow\"]\n").await;
    let digest = world.status("allow-guard").digest;
    world.replace("allow-guard", b"broken");
    world.runtime().rescan().await;
    assert!(only(&world).await.may_allow, "nothing was withdrawn yet");
    for (gate, may_deny) in [("\"deny\"", true), ("", false)] {
        std::fs::write(world.home.plugins().join("allow-guard.toml"), format!("[grant]\ngate = [{gate}]\n")).unwrap();
        world.runtime().rescan().await;
        let answer = only(&world).await;
        assert_eq!((answer.may_allow, answer.may_deny, answer.outcome), (false, may_deny, GuardOutcome::Allow));
        let status = world.status("allow-guard");
        assert_eq!((status.state, &status.digest), (PluginState::Serving, &digest), "{}", world.story());
        assert_eq!(status.rejected.unwrap().stage.as_str(), "format", "what is wrong with the file is shown still");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_by_the_newest_grant_while_the_version_of_that_grant_is_being_made() {
    let grant = "[grant]\ngate = [\"deny\", \"allow\", \"speak\"]\n";
    let world = World::with("allow-guard", guests::ALLOW_GUARD, grant).await;
    let plugin = world.runtime().plugin("allow-guard").unwrap();
    let before = plugin.required.load_full().unwrap();
    let newest = crate::grant::GateGrant { deny: true, ..Default::default() };
    let required = crate::plugin::RequiredGuard { grant: newest, on_fault: OnFault::Ask, ..(*before).clone() };
    plugin.required.store(Some(Arc::new(required)));
    let answer = only(&world).await;
    assert!(answer.may_deny && !answer.may_allow && !answer.may_speak && answer.on_fault == OnFault::Ask);
    plugin.required.store(None);
    assert!(only(&world).await.shadow());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_gates_nothing() {
    let world = World::with("counter", guests::COUNTER, super::EMITS).await;
    assert!(ask(&world).await.is_empty());
    assert_eq!(json!(world.status("counter").world.unwrap().as_str()), json!("observer"));
}
