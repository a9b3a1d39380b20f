//! The guards' merge.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use super::super::merge::merge;
use super::super::{Cause, Decision, GuardAnswer, GuardOutcome, OnFault};
use serde_json::{Map, Value, json};

/// An answer of a guard with every grant but to speak.
pub(super) fn guard(plugin: &str, outcome: GuardOutcome) -> GuardAnswer {
    GuardAnswer {
        plugin: plugin.into(),
        outcome,
        on_fault: OnFault::Deny,
        may_deny: true,
        may_ask: true,
        may_allow: true,
        may_rewrite: true,
        may_speak: false,
    }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn deny() -> GuardOutcome {
    GuardOutcome::Deny("secret words".to_owned())
}

fn failed(cause: Cause) -> GuardOutcome {
    GuardOutcome::Failed { cause, message: "trap".to_owned() }
}

fn check(answers: Vec<GuardAnswer>, decision: Decision, cause: Option<Cause>) {
    let shown = format!("{answers:?}");
    let merged = merge(answers);
    assert_eq!((merged.answer.decision, merged.answer.cause), (decision, cause), "{shown}");
}

#[test]
fn the_strictest_guard_wins() {
    let ask = || GuardOutcome::Ask(String::new());
    let plugin = Some(Cause::Plugin);
    check(vec![], Decision::Abstain, None);
    check(vec![guard("a", GuardOutcome::Abstain), guard("b", GuardOutcome::Allow)], Decision::Allow, None);
    check(vec![guard("a", GuardOutcome::Allow), guard("b", ask())], Decision::Ask, plugin);
    check(vec![guard("a", ask()), guard("b", deny()), guard("c", GuardOutcome::Allow)], Decision::Deny, plugin);
    check(
        vec![guard("a", failed(Cause::Timeout)), guard("b", GuardOutcome::Allow)],
        Decision::Deny,
        Some(Cause::Timeout),
    );
    let rewrite = GuardOutcome::Rewrite(object(json!({"command": "ls"})));
    let merged = merge(vec![guard("a", GuardOutcome::Allow), guard("b", rewrite.clone())]);
    assert_eq!(merged.rewrite.map(|(by, _)| by), Some("plugin:b".to_owned()));
    assert!(merge(vec![guard("a", ask()), guard("b", rewrite.clone())]).rewrite.is_none());
    check(vec![guard("a", rewrite), guard("b", GuardOutcome::Rewrite(Map::new()))], Decision::Deny, plugin);
}

#[test]
fn a_guard_counts_only_within_its_grant() {
    let without = |outcome, change: fn(&mut GuardAnswer)| {
        let mut answer = guard("a", outcome);
        change(&mut answer);
        vec![answer]
    };
    let plugin = Some(Cause::Plugin);
    check(without(GuardOutcome::Allow, |a| a.may_allow = false), Decision::Abstain, None);
    check(without(deny(), |a| a.may_deny = false), Decision::Ask, plugin);
    check(without(GuardOutcome::Ask(String::new()), |a| a.may_ask = false), Decision::Deny, plugin);
    let no_objections: fn(&mut GuardAnswer) = |a| (a.may_deny, a.may_ask) = (false, false);
    check(without(deny(), no_objections), Decision::Abstain, None);
    let rewrite = || GuardOutcome::Rewrite(object(json!({"command": "ls"})));
    check(without(rewrite(), |a| a.may_rewrite = false), Decision::Deny, plugin);
    assert!(merge(without(rewrite(), |a| a.may_rewrite = false)).rewrite.is_none());
    check(without(rewrite(), |a| (a.may_rewrite, a.may_deny) = (false, false)), Decision::Ask, plugin);
    check(
        without(rewrite(), |a| (a.may_rewrite, a.may_deny, a.may_ask) = (false, false, false)),
        Decision::Abstain,
        None,
    );
    let nothing: fn(&mut GuardAnswer) =
        |a| (a.may_deny, a.may_ask, a.may_allow, a.may_rewrite) = (false, false, false, false);
    check(without(deny(), nothing), Decision::Abstain, None);
    assert_eq!(merge(without(deny(), nothing)).shadows, ["a would have denied"]);
    check(without(failed(Cause::Fault), nothing), Decision::Abstain, None);
    check(without(failed(Cause::Fault), |a| a.on_fault = OnFault::Ask), Decision::Ask, Some(Cause::Fault));
    check(without(failed(Cause::Quarantine), |a| a.on_fault = OnFault::Abstain), Decision::Abstain, None);
}

#[test]
fn a_guards_words_reach_the_agent_only_by_grant() {
    let silent = merge(vec![guard("a", deny())]).answer;
    assert_eq!(silent.reason, "the guard plugin `a` denied this call");
    assert_eq!(silent.detail.as_deref(), Some("secret words"));
    let spoken = merge(vec![GuardAnswer { may_speak: true, ..guard("a", deny()) }]).answer;
    assert_eq!(spoken.reason, "secret words");
    let fault = merge(vec![GuardAnswer { may_speak: true, ..guard("a", failed(Cause::Fault)) }]).answer;
    assert_eq!(fault.reason, "the guard plugin `a` gave no answer (fault)");
}
