//! Session grants: what one answers, what none may answer, and that it is taken back.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap is the test's failure")]

use super::super::{Call, Cause, Decision, GuardOutcome, Via};
use super::asked::{bash, check, gate, guarded, recorded, said, waiting};
use super::call;
use super::guarded::guard;
use crate::gate::Gatekeeper;
use crate::interactions::Answer;
use crate::interactions::tests::host::Host;
use crate::journal::Durability;
use serde_json::{Value, json};
use std::time::Duration;

type Said = (Decision, Option<Cause>, Option<Via>);
const GRANTED: Said = (Decision::Allow, None, Some(Via::Grant));
const PENDING: Said = (Decision::Deny, Some(Cause::Pending), None);
const APPROVED: Said = (Decision::Allow, None, Some(Via::Approval));

/// Has a call approved with all that are like it, and lets it run.
async fn approve_all(host: &Host, gate: &Gatekeeper, call: Call) {
    let first = check(gate, call.clone()).await;
    host.interactions.resolve(&first.approval_id.unwrap(), Answer::approve_all(), "ada").await.unwrap();
    assert_eq!(said(&check(gate, call).await), APPROVED);
}

fn tool(host: &Host, name: &str, input: Value) -> Call {
    Call { cwd: Some(host.root()), ..call(name, input) }
}

#[tokio::test]
async fn a_grant_answers_asks_of_the_same_rule_and_words() {
    for durability in [Durability::Normal, Durability::Memory] {
        let host = Host::new(durability);
        let gate = gate(&host, true);
        approve_all(&host, &gate, bash(&host, "git push origin main")).await;
        for (line, expected) in [
            ("git push origin main", GRANTED),
            ("git push origin main --force", GRANTED),
            ("FOO=1 git push origin main", GRANTED),
            ("cd sub && git push origin main", GRANTED),
            ("git push origin other", GRANTED),
            ("git push upstream main", PENDING),
            ("git push origin", GRANTED),
            ("git push", PENDING),
            ("git push origin main && git push origin main", PENDING),
            ("git push origin main; curl example.org", PENDING),
            ("git push origin main $(ls)", PENDING),
            ("git push origin main | tee x", PENDING),
            ("git push origin main > x", PENDING),
            ("sudo git push origin main", PENDING),
            ("PATH=/tmp git push origin main", PENDING),
            ("cd secret/place && git push origin main", PENDING),
            ("git reset --hard", PENDING),
        ] {
            assert_eq!(said(&check(&gate, bash(&host, line)).await), expected, "{line}");
        }
        let elsewhere = Call { session_id: Some("s2".to_owned()), ..bash(&host, "git push origin main") };
        assert_eq!(said(&check(&gate, elsewhere).await), PENDING, "another session");
        let own_user = Call { can_ask: true, ..bash(&host, "git push origin main") };
        assert_eq!(said(&check(&gate, own_user).await), GRANTED, "no one has to be asked");
        let allowed = recorded(&host, &["tool.allowed"]).pop().unwrap().1;
        assert_eq!([&allowed["via"], &allowed["decided_by"]], [&json!("grant"), &json!("p/push")]);
        let granted = recorded(&host, &["session.*"]);
        let key = "p/push Bash git push origin";
        assert_eq!(granted, [("session.granted".to_owned(), json!({"chat_id": "s1", "key": key, "by": "ada"}))]);
    }
}

#[tokio::test]
async fn tools_that_are_no_shell_are_granted_by_name() {
    let host = Host::new(Durability::Memory);
    let gate = gate(&host, true);
    approve_all(&host, &gate, tool(&host, "WebFetch", json!({"url": "https://a.example"}))).await;
    let fetch = tool(&host, "WebFetch", json!({"url": "https://b.example"}));
    assert_eq!(said(&check(&gate, fetch).await), GRANTED);
    let write = tool(&host, "write_file", json!({"file_path": "x", "content": "1"}));
    assert_eq!(said(&check(&gate, write.clone()).await), PENDING, "another tool of the same rule");
    approve_all(&host, &gate, write).await;
    assert_eq!(said(&check(&gate, tool(&host, "Write", json!({"file_path": "y", "content": "2"}))).await), GRANTED);
    approve_all(&host, &gate, tool(&host, "mcp__a__send", json!({"to": "ada"}))).await;
    assert_eq!(said(&check(&gate, tool(&host, "mcp__a__send", json!({"to": "bob"}))).await), GRANTED);
    let other_server = tool(&host, "mcp__b__send", json!({"to": "bob"}));
    assert_eq!(said(&check(&gate, other_server).await), PENDING, "another server's tool of the same name");
}

#[tokio::test]
async fn a_grant_is_listed_outlives_a_restart_and_is_taken_back() {
    let host = Host::new(Durability::Full);
    approve_all(&host, &gate(&host, true), bash(&host, "git push origin main")).await;
    let host = host.restart_after(Duration::from_secs(3_600)).await;
    let gate = gate(&host, true);
    assert_eq!(said(&check(&gate, bash(&host, "git push origin main")).await), GRANTED);
    let grants = host.interactions.grants(Some("s1")).await.unwrap();
    assert_eq!(grants, host.interactions.grants(None).await.unwrap());
    assert!(host.interactions.grants(Some("s2")).await.unwrap().is_empty());
    let [grant] = grants.as_slice() else { unreachable!("one grant: {grants:?}") };
    assert_eq!((&*grant.session, &*grant.key, &*grant.given_by), ("s1", "p/push Bash git push origin", "ada"));
    assert!(!host.interactions.revoke("s2", &grant.key, "bob").await.unwrap());
    assert!(host.interactions.revoke("s1", &grant.key, "bob").await.unwrap());
    assert!(!host.interactions.revoke("s1", &grant.key, "bob").await.unwrap(), "it is gone already");
    assert_eq!(said(&check(&gate, bash(&host, "git push origin main")).await), PENDING);
    let told = recorded(&host, &["session.revoked"]);
    assert_eq!(told, [("session.revoked".to_owned(), json!({"chat_id": "s1", "key": &*grant.key, "by": "bob"}))]);
}

#[tokio::test]
async fn a_guards_objection_is_not_answered_by_a_grant() {
    let host = Host::new(Durability::Memory);
    approve_all(&host, &gate(&host, true), bash(&host, "git push origin main")).await;
    for outcome in [
        GuardOutcome::Ask("secret words".to_owned()),
        GuardOutcome::Rewrite(json!({"command": "ls"}).as_object().unwrap().clone()),
    ] {
        let gate = guarded(&host, true, None, move |_| vec![guard("wary", outcome.clone())]);
        let asked = check(&gate, bash(&host, "git push origin main")).await;
        assert_eq!(said(&asked), PENDING);
        let asked = waiting(&host).await.pop().unwrap();
        assert_eq!(asked.options, ["approve", "reject"]);
        host.interactions.resolve(&asked.id, Answer::approve(), "ada").await.unwrap();
        let allowed = check(&gate, bash(&host, "git push origin main")).await;
        assert_eq!((said(&allowed), allowed.rewritten_input), (APPROVED, None), "a person said so");
    }
    let told = recorded(&host, &["interaction.requested"]);
    let texts: Vec<_> = told.iter().filter_map(|(_, payload)| payload.get("text")).collect();
    assert!(texts.contains(&&json!("Bash: it leaves the machine; secret words")), "both reasons: {texts:?}");
    let gate = guarded(&host, true, None, |_| vec![guard("wary", GuardOutcome::Ask(String::new()))]);
    let asked = check(&gate, bash(&host, "ls")).await;
    let asked = host.interactions.get(&asked.approval_id.unwrap()).await.unwrap().unwrap();
    assert_eq!(asked.options, ["approve", "reject"], "a plugin is no rule");
}
