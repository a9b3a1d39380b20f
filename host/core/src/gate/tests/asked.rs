//! Asks that a person answers: what allows, how often, and what crashes and crowds change about it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap is the test's failure")]

use super::super::policy::{Policy, PolicySource};
use super::super::{
    Approvals, Call, Cause, Decision, Gatekeeper, GatekeeperOptions, GuardAnswer, GuardOutcome, Guards, NormalisedCall,
    Verdict, Via, ViolationType,
};
use super::call;
use super::guarded::guard;
use crate::interactions::tests::host::{Host, START};
use crate::interactions::{
    Answer, Filter, Interaction, MAX_PENDING_PER_SESSION, MAX_WAIT_MS, ResolveError, State, UNSPENT_FOR,
};
use crate::journal::{Durability, Query};
use crate::time::Timestamp;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tollgate_events::PatternSet;

/// Asks about pushes and fetches, fears resets, and leaves the rest alone.
const POLICY: &str = r"
version: 1
name: p
rules:
  - { name: push, tool: Bash, match: { program: git, subcommand: push }, action: require_approval, reason: it leaves the machine }
  - { name: reset, tool: Bash, match: { program: git, subcommand: reset }, action: require_approval, risk_level: high, reason: work may be lost }
  - { name: cd, tool: Bash, match: { program: cd, args_glob: ['secret/**'] }, action: require_approval, reason: odd folder }
  - { name: fetch, tools: [WebFetch, Write, mcp__a__send, send], action: require_approval, risk_level: medium, reason: it goes out }
  - { name: never, tool: Bash, match: { program: shutdown }, action: deny, reason: no }
";

type Script = dyn Fn(&NormalisedCall) -> Vec<GuardAnswer> + Send + Sync;

struct Scripted(Box<Script>);

impl Guards for Scripted {
    fn check<'a>(&'a self, call: &'a Arc<NormalisedCall>) -> BoxFuture<'a, Vec<GuardAnswer>> {
        Box::pin(std::future::ready((self.0)(call)))
    }
}

/// A gate whose asks go to people.
pub(super) fn gate(host: &Host, approvers: bool) -> Arc<Gatekeeper> {
    guarded(host, approvers, None, |_| Vec::new())
}

pub(super) fn guarded(
    host: &Host,
    approvers: bool,
    ttl: Option<Duration>,
    guards: impl Fn(&NormalisedCall) -> Vec<GuardAnswer> + Send + Sync + 'static,
) -> Arc<Gatekeeper> {
    let options = GatekeeperOptions {
        bus: host.bus.clone(),
        sessions: host.sessions.clone(),
        guards: Arc::new(Scripted(Box::new(guards))),
        home: None,
        policy: Arc::new(Policy::load([PolicySource { name: "p.yaml", text: POLICY }]).unwrap()),
        allowed_extras: Vec::new(),
    };
    let approvals = Approvals { interactions: host.interactions.clone(), approvers, ttl };
    Arc::new(Gatekeeper::new(options).with_approvals(approvals))
}

pub(super) fn bash(host: &Host, line: &str) -> Call {
    Call { cwd: Some(host.root()), ..call("Bash", json!({ "command": line })) }
}

pub(super) async fn check(gate: &Gatekeeper, call: Call) -> Verdict {
    gate.check(call, Vec::new()).await
}

/// The interactions that wait.
pub(super) async fn waiting(host: &Host) -> Vec<Interaction> {
    let filter = Filter { state: Some(State::Pending), limit: 100, ..Filter::default() };
    host.interactions.list(&filter).await.unwrap()
}

/// Waits until one waits.
pub(super) async fn asked(host: &Host) -> Interaction {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(asked) = waiting(host).await.pop() {
            return asked;
        }
        assert!(std::time::Instant::now() < deadline, "no one is asked");
        tokio::task::yield_now().await;
    }
}

pub(super) fn recorded(host: &Host, patterns: &[&str]) -> Vec<(String, Value)> {
    let patterns = Some(PatternSet::parse(patterns.iter().copied()).unwrap());
    let events = host.bus.journal().read(&Query { patterns, limit: 10_000, ..Query::default() }).unwrap();
    let shown = |event: &Arc<crate::event::Event>| {
        (event.event_type.as_str().to_owned(), serde_json::from_str(&event.payload).unwrap())
    };
    events.iter().map(shown).collect()
}

pub(super) fn said(verdict: &Verdict) -> (Decision, Option<Cause>, Option<Via>) {
    (verdict.decision, verdict.cause, verdict.via)
}

const PENDING: (Decision, Option<Cause>, Option<Via>) = (Decision::Deny, Some(Cause::Pending), None);
const APPROVED: (Decision, Option<Cause>, Option<Via>) = (Decision::Allow, None, Some(Via::Approval));

#[tokio::test]
async fn an_approval_allows_the_same_call_once() {
    for durability in [Durability::Normal, Durability::Memory] {
        let host = Host::new(durability);
        host.sessions.bind_chat("s1", "chat-7", None);
        let gate = gate(&host, true);
        let first = check(&gate, bash(&host, "git push")).await;
        assert_eq!(said(&first), PENDING);
        let id = first.approval_id.clone().unwrap();
        assert!(first.reason.contains("it leaves the machine") && first.reason.contains(&id), "{}", first.reason);
        let again = check(&gate, bash(&host, "git push")).await;
        assert_eq!((said(&again), again.approval_id.as_deref()), (PENDING, Some(id.as_str())), "no second question");
        let other = check(&gate, bash(&host, "git push --force")).await;
        assert_eq!(said(&other), PENDING);
        assert_ne!(other.approval_id.as_deref(), Some(id.as_str()), "another call, another question");

        host.interactions.resolve(&id, Answer::approve(), "ada").await.unwrap();
        let described = json!({"command": "git push", "description": "Share the work", "timeout": 9});
        let allowed =
            check(&gate, Call { tool_input: described.as_object().unwrap().clone(), ..bash(&host, "") }).await;
        assert_eq!((said(&allowed), allowed.approval_id.as_deref()), (APPROVED, Some(id.as_str())));
        assert_eq!(allowed.seq, [allowed.seq[0], allowed.seq[0] + 1], "one batch");
        assert!(!host.interactions.get(&id).await.unwrap().unwrap().unspent);
        assert_eq!(said(&check(&gate, bash(&host, "git push")).await), PENDING, "and only once");

        let events = recorded(&host, &["tool.*", "interaction.*"]);
        let types: Vec<_> = events.iter().map(|(event_type, _)| event_type.as_str()).collect();
        assert_eq!(types[..3], ["tool.gated", "interaction.requested", "tool.denied"]);
        let (requested, denied) = (&events[1].1, &events[2].1);
        assert_eq!(
            [&requested["chat_id"], &requested["kind"], &requested["interaction_id"], &requested["text"]],
            [&json!("chat-7"), &json!("approval"), &json!(id), &json!("Bash: it leaves the machine")]
        );
        assert_eq!(requested["options"], json!(["approve", "reject", "approve_all"]));
        assert_eq!(requested["expires_at"], json!("2026-01-27T10:15:00.000Z"));
        let details = &requested["details"];
        assert_eq!(
            [&details["tool_input"], &details["cwd"], &details["decided_by"], &details["session_id"]],
            [&json!({"command": "git push"}), &json!(host.root()), &json!("p/push"), &json!("s1")]
        );
        assert_eq!([&denied["cause"], &denied["violation_type"]], [&json!("pending"), &json!("approval")]);
        assert_eq!(denied["approval_id"], json!(id));
        let allowed = events.iter().find(|(event_type, _)| event_type == "tool.allowed").unwrap();
        assert_eq!([&allowed.1["via"], &allowed.1["approval_id"]], [&json!("approval"), &json!(id)]);
    }
}

#[tokio::test]
async fn who_waits_hears_the_answer() {
    let cases = [
        (Some(Answer::approve()), APPROVED, ""),
        (
            Some(Answer::reject("push to a branch instead")),
            (Decision::Deny, Some(Cause::Person), None),
            "push to a branch instead",
        ),
        (Some(Answer::reject("")), (Decision::Deny, Some(Cause::Person), None), "a person said no to this call"),
        (None, (Decision::Deny, Some(Cause::Person), None), "the question about this call was withdrawn"),
    ];
    for durability in [Durability::Normal, Durability::Memory] {
        for (answer, expected, reason) in cases.clone() {
            let host = Host::new(durability);
            let gate = gate(&host, true);
            let call = Call { wait_ms: Some(60_000), ..bash(&host, "git push") };
            let (verdict, asked) = tokio::join!(check(&gate, call), async {
                let asked = asked(&host).await;
                match answer {
                    Some(answer) => host.interactions.resolve(&asked.id, answer, "ada").await.unwrap(),
                    None => host.interactions.cancel(&asked.id, "ada").await.unwrap(),
                };
                asked
            });
            assert_eq!((said(&verdict), verdict.approval_id.as_deref()), (expected, Some(&*asked.id)));
            assert!(verdict.reason.contains(reason), "{}", verdict.reason);
            if verdict.decision == Decision::Deny {
                let denied = recorded(&host, &["tool.denied"]).pop().unwrap().1;
                assert_eq!([&denied["violation_type"], &denied["reason"]], [&json!("user"), &json!(verdict.reason)]);
                assert_eq!(verdict.cause.map(Cause::violation_type), Some(ViolationType::User));
            }
            assert_eq!(verdict.seq.len(), 2);
            assert_eq!(recorded(&host, &["tool.gated"]).len(), 1, "recorded once, before anyone was asked");
        }
    }
}

#[tokio::test]
async fn a_wait_ends_with_the_callers_patience_or_the_approvals_time() {
    let host = Host::new(Durability::Memory);
    let gate = guarded(&host, true, Some(Duration::from_secs(3 * 3_600)), |_| Vec::new());
    let ask = |wait_ms| {
        let (gate, call) = (Arc::clone(&gate), Call { wait_ms: Some(wait_ms), ..bash(&host, "git push") });
        tokio::spawn(async move { check(&gate, call).await })
    };
    let patient = ask(u64::MAX);
    let asked = asked(&host).await;
    assert_eq!(asked.expires_at, Some(START.after(Duration::from_secs(3 * 3_600))));
    host.until(|| host.interactions.callers() == 1).await;
    host.move_on(Duration::from_millis(2 * MAX_WAIT_MS));
    let verdict = patient.await.unwrap();
    assert_eq!((said(&verdict), verdict.approval_id.as_deref()), (PENDING, Some(&*asked.id)), "over after an hour");
    let patient = ask(u64::MAX);
    host.until(|| host.interactions.callers() == 1).await;
    host.move_on(Duration::from_secs(3_600));
    let verdict = patient.await.unwrap();
    assert_eq!(said(&verdict), (Decision::Deny, Some(Cause::Expired), None));
    let denied = recorded(&host, &["tool.denied"]).pop().unwrap().1;
    assert_eq!([&denied["cause"], &denied["violation_type"]], [&json!("expired"), &json!("approval")]);
    let next = ask(0).await.unwrap();
    assert_eq!(said(&next), PENDING);
    assert_ne!(next.approval_id.as_deref(), Some(&*asked.id), "asked anew");
}

#[tokio::test]
async fn an_approval_expires_when_the_policy_in_force_says() {
    let host = Host::new(Durability::Memory);
    let gate = guarded(&host, true, Some(Duration::from_secs(3 * 3_600)), |_| Vec::new());
    let says = |seconds: u64| {
        let text = format!("{POLICY}settings: {{ approval_timeout_seconds: {seconds} }}\n");
        gate.set_policy(Arc::new(Policy::load([PolicySource { name: "p.yaml", text: &text }]).unwrap()));
    };
    let ask = async |line: &str| {
        let verdict = check(&gate, bash(&host, line)).await;
        assert_eq!(said(&verdict), PENDING);
        host.interactions.get(&verdict.approval_id.unwrap()).await.unwrap().unwrap()
    };
    let hours = ask("git push one").await;
    says(60);
    let minute = ask("git push two").await;
    says(120);
    let two_minutes = ask("git push three").await;
    for (asked, seconds) in [(&hours, 3 * 3_600), (&minute, 60), (&two_minutes, 120)] {
        assert_eq!(asked.expires_at, Some(START.after(Duration::from_secs(seconds))), "each by the policy of its time");
    }
    host.move_on(Duration::from_secs(61));
    host.until(|| recorded(&host, &["interaction.resolved"]).len() == 1).await;
    let ended = recorded(&host, &["interaction.resolved"]).pop().unwrap().1;
    assert_eq!([&ended["interaction_id"], &ended["decision"]], [&json!(minute.id), &json!("expired")]);
    assert_eq!(said(&check(&gate, bash(&host, "git push three")).await), PENDING, "it waits still");
}

#[tokio::test]
async fn one_approval_lets_one_of_many_equal_calls_through() {
    for durability in [Durability::Normal, Durability::Memory] {
        let host = Host::new(durability);
        let gate = gate(&host, true);
        let first = check(&gate, bash(&host, "git push")).await;
        host.interactions.resolve(&first.approval_id.unwrap(), Answer::approve(), "ada").await.unwrap();
        let calls: Vec<_> = (0..24)
            .map(|_| {
                let (gate, call) = (Arc::clone(&gate), bash(&host, "git push"));
                tokio::spawn(async move { check(&gate, call).await })
            })
            .collect();
        let mut verdicts = Vec::new();
        for call in calls {
            verdicts.push(call.await.unwrap());
        }
        assert_eq!(verdicts.iter().filter(|verdict| said(verdict) == APPROVED).count(), 1);
        assert_eq!(verdicts.iter().filter(|verdict| said(verdict) == PENDING).count(), 23);
        assert_eq!(recorded(&host, &["tool.allowed"]).len(), 1);
        assert_eq!(waiting(&host).await.len(), 1, "all others wait for one and the same");
    }
}

#[tokio::test]
async fn equal_calls_that_wait_are_let_through_one_by_one_for_so_many_rounds() {
    let host = Host::new(Durability::Memory);
    let gate = gate(&host, true);
    let calls: Vec<_> = (0..24)
        .map(|_| {
            let (gate, call) = (Arc::clone(&gate), Call { wait_ms: Some(600_000), ..bash(&host, "git push") });
            tokio::spawn(async move { check(&gate, call).await })
        })
        .collect();
    let mut approved = 0;
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while calls.iter().any(|call| !call.is_finished()) {
        assert!(std::time::Instant::now() < deadline, "they end");
        if let Some(asked) = waiting(&host).await.pop() {
            host.interactions.resolve(&asked.id, Answer::approve(), "ada").await.unwrap();
            approved += 1;
        }
        tokio::task::yield_now().await;
    }
    let mut verdicts = Vec::new();
    for call in calls {
        verdicts.push(call.await.unwrap());
    }
    let allowed = verdicts.iter().filter(|verdict| said(verdict) == APPROVED).count();
    let gave_up = |verdict: &&Verdict| said(verdict) == PENDING && verdict.reason.contains("equal calls");
    assert_eq!(allowed + verdicts.iter().filter(gave_up).count(), 24);
    assert!((2..24).contains(&allowed) && allowed <= approved, "{allowed} of {approved}");
    assert_eq!(recorded(&host, &["tool.allowed"]).len(), allowed, "never two by one approval");
}

#[tokio::test]
async fn an_approval_outlives_a_restart_and_is_spent_across_it() {
    let host = Host::new(Durability::Full);
    let first = check(&gate(&host, true), bash(&host, "git push")).await;
    let id = first.approval_id.unwrap();
    host.interactions.resolve(&id, Answer::approve(), "ada").await.unwrap();
    let host = host.restart_after(Duration::from_secs(3_600)).await;
    assert_eq!(said(&check(&gate(&host, true), bash(&host, "git push")).await), APPROVED);
    let host = host.restart_after(Duration::from_secs(1)).await;
    assert_eq!(said(&check(&gate(&host, true), bash(&host, "git push")).await), PENDING);
    assert_eq!(recorded(&host, &["tool.allowed"]).len(), 1);
    // One that still waits is answered after the next start.
    let waits = waiting(&host).await.pop().unwrap();
    let host = host.restart_after(Duration::from_secs(1)).await;
    host.interactions.resolve(&waits.id, Answer::approve(), "ada").await.unwrap();
    assert_eq!(said(&check(&gate(&host, true), bash(&host, "git push")).await), APPROVED);
    assert_eq!(crate::journal::verify(&host.journal_path()).unwrap().bad, None);
}

#[tokio::test]
async fn an_approval_is_not_spent_where_the_outcome_is_not_recorded() {
    let host = Host::new(Durability::Normal);
    let gate = gate(&host, true);
    let line = format!("git push origin {}", "x".repeat(12_000));
    let first = check(&gate, bash(&host, &line)).await;
    let id = first.approval_id.unwrap();
    host.interactions.resolve(&id, Answer::approve(), "ada").await.unwrap();
    host.bus.limit_pages(1).await.unwrap();
    let refused = check(&gate, bash(&host, &line)).await;
    assert_eq!(said(&refused), (Decision::Deny, Some(Cause::Unavailable), None));
    assert!(host.interactions.get(&id).await.unwrap().unwrap().unspent, "as in a crash before the commit");
    host.bus.limit_pages(u32::MAX).await.unwrap();
    assert_eq!(said(&check(&gate, bash(&host, &line)).await), APPROVED);
    host.bus.close().await;
    assert_eq!(said(&check(&gate, bash(&host, &line)).await), (Decision::Deny, Some(Cause::Unavailable), None));
}

#[tokio::test]
async fn a_forgotten_approval_is_good_for_so_long() {
    for (time, expected) in [(UNSPENT_FOR, APPROVED), (UNSPENT_FOR + Duration::from_millis(1), PENDING)] {
        for durability in [Durability::Normal, Durability::Memory] {
            let host = Host::new(durability);
            let gate = gate(&host, true);
            let first = check(&gate, bash(&host, "git push")).await;
            host.interactions.resolve(&first.approval_id.unwrap(), Answer::approve(), "ada").await.unwrap();
            host.move_on(time);
            assert_eq!(said(&check(&gate, bash(&host, "git push")).await), expected);
        }
    }
}

#[tokio::test]
async fn without_anyone_to_ask_only_what_was_approved_passes() {
    let host = Host::new(Durability::Normal);
    let deaf = gate(&host, false);
    let denied = check(&deaf, Call { wait_ms: Some(60_000), ..bash(&host, "git push") }).await;
    assert_eq!((said(&denied), denied.approval_id), ((Decision::Deny, Some(Cause::NoApprover), None), None));
    assert!(recorded(&host, &["interaction.*"]).is_empty());
    let own_user = Call { can_ask: true, ..bash(&host, "git push") };
    let asks = check(&gate(&host, true), own_user.clone()).await;
    assert_eq!(said(&asks), (Decision::Ask, Some(Cause::Rule), None));
    assert!(recorded(&host, &["interaction.*"]).is_empty(), "the agent's own user comes first");
    let first = check(&gate(&host, true), bash(&host, "git push")).await;
    host.interactions.resolve(&first.approval_id.unwrap(), Answer::approve(), "ada").await.unwrap();
    assert_eq!(said(&check(&deaf, own_user).await), APPROVED, "an approval answers before anyone is asked");
}

#[tokio::test]
async fn what_no_one_may_allow_is_not_asked_about() {
    let host = Host::new(Durability::Memory);
    let denied = check(&gate(&host, true), bash(&host, "shutdown now")).await;
    assert_eq!(said(&denied), (Decision::Deny, Some(Cause::Rule), None));
    assert!(waiting(&host).await.is_empty());
}

#[tokio::test]
async fn too_many_questions_deny_and_say_so() {
    let host = Host::new(Durability::Memory);
    let gate = gate(&host, true);
    for number in 0..MAX_PENDING_PER_SESSION {
        assert_eq!(said(&check(&gate, bash(&host, &format!("git push {number}"))).await), PENDING);
    }
    let denied = check(&gate, bash(&host, "git push one too many")).await;
    assert_eq!(said(&denied), (Decision::Deny, Some(Cause::NoApprover), None));
    assert!(denied.reason.contains("64 questions wait"), "{}", denied.reason);
    assert_eq!(denied.seq.len(), 2);
}

#[tokio::test]
async fn what_is_too_long_to_show_is_cut_and_says_so() {
    let host = Host::new(Durability::Memory);
    let gate = gate(&host, true);
    let long = json!({"content": "x\n".repeat(100_000), "file_path": "a"});
    let write = |input: Value| Call { cwd: Some(host.root()), ..call("Write", input) };
    let first = check(&gate, write(long.clone())).await;
    assert_eq!(said(&first), PENDING);
    let asked = waiting(&host).await.pop().unwrap();
    let details: Value = serde_json::from_str(asked.details.as_deref().unwrap()).unwrap();
    assert_eq!(details["tool_input_truncated"], json!(true));
    assert!(details["tool_input"]["content"].as_str().unwrap().starts_with("x\nx"));
    host.interactions.resolve(&asked.id, Answer::approve(), "ada").await.unwrap();
    let mut other = long.clone();
    other["content"] = json!(format!("{}y", long["content"].as_str().unwrap()));
    assert_eq!(said(&check(&gate, write(other)).await), PENDING, "what is not shown is bound all the same");
    assert_eq!(said(&check(&gate, write(long)).await), APPROVED);
    let deep = PathBuf::from(format!("/{}", "d/".repeat(50_000)));
    let fetch = Call { cwd: Some(deep), ..call("WebFetch", json!({"url": "https://a.example"})) };
    assert_eq!(said(&check(&gate, fetch).await), PENDING);
}

#[tokio::test]
async fn a_rewritten_call_is_approved_as_it_would_run() {
    let host = Host::new(Durability::Memory);
    let to = |line: &'static str| {
        guarded(&host, true, None, move |call| {
            let rewrite = json!({ "command": line }).as_object().unwrap().clone();
            let done = call.input == rewrite;
            vec![guard("r", if done { GuardOutcome::Abstain } else { GuardOutcome::Rewrite(rewrite) })]
        })
    };
    let first = check(&to("git push one"), bash(&host, "ls")).await;
    assert_eq!(said(&first), PENDING);
    let asked = waiting(&host).await.pop().unwrap();
    let details: Value = serde_json::from_str(asked.details.as_deref().unwrap()).unwrap();
    assert_eq!([&details["tool_input"], &details["rewritten"]], [&json!({"command": "git push one"}), &json!(true)]);
    host.interactions.resolve(&asked.id, Answer::approve(), "ada").await.unwrap();
    assert_eq!(said(&check(&to("git push two"), bash(&host, "ls")).await), PENDING, "another rewrite, another call");
    let allowed = check(&to("git push one"), bash(&host, "ls")).await;
    assert_eq!(said(&allowed), APPROVED);
    assert_eq!(allowed.rewritten_input, json!({"command": "git push one"}).as_object().cloned());
}

#[tokio::test]
async fn an_answer_that_fits_no_approval_is_refused() {
    let host = Host::new(Durability::Memory);
    let first = check(&gate(&host, true), bash(&host, "git reset --hard")).await;
    let id = first.approval_id.unwrap();
    let asked = host.interactions.get(&id).await.unwrap().unwrap();
    assert_eq!(asked.options, ["approve", "reject"], "high risk is approved one by one");
    assert_eq!(asked.text, "Bash: work may be lost (high risk)");
    let word = |word: &str| Answer { decision: Some(word.to_owned()), answer: None };
    for answer in [Answer::approve_all(), Answer::default(), word("yes"), word("expired"), word("Approve")] {
        let refused = host.interactions.resolve(&id, answer, "ada").await;
        assert!(matches!(refused, Err(ResolveError::Invalid { field: "decision", .. })), "{refused:?}");
    }
    assert_eq!(host.interactions.get(&id).await.unwrap().unwrap().state, State::Pending);
    let long = Timestamp(i64::MAX);
    host.interactions.resolve(&id, Answer::approve(), "ada").await.unwrap();
    assert_eq!(host.interactions.wait(&id, long).await.unwrap().decision.as_deref(), Some("approve"));
}
