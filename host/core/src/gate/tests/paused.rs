//! The pause of the protection stage.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use super::super::policy::Policy;
use super::super::{Cause, Decision, Gatekeeper, GatekeeperOptions, MAX_PAUSE, NoGuards, PauseError};
use super::asked::{bash, check, recorded};
use crate::home::Home;
use crate::interactions::tests::host::{Host, START};
use crate::journal::Durability;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const LINE: &str = "tollgate token show";

fn gate(host: &Host) -> Gatekeeper {
    Gatekeeper::new(GatekeeperOptions {
        bus: host.bus.clone(),
        sessions: host.sessions.clone(),
        guards: Arc::new(NoGuards),
        home: Some(Home::at(host.root().join("home"))),
        policy: Arc::new(Policy::default()),
        allowed_extras: Vec::new(),
    })
}

async fn is_protected(host: &Host, gate: &Gatekeeper) -> bool {
    let verdict = check(gate, bash(host, LINE)).await;
    match (verdict.decision, verdict.cause) {
        (Decision::Deny, Some(Cause::Protection)) => true,
        (Decision::Abstain, None) => false,
        other => unreachable!("{other:?}"),
    }
}

#[tokio::test]
async fn protection_is_lifted_for_a_while_on_the_record() {
    let host = Host::new(Durability::Normal);
    let gate = gate(&host);
    assert!(is_protected(&host, &gate).await);
    assert_eq!(gate.pause(Duration::from_secs(60), "ada").await.unwrap(), START.after(Duration::from_secs(60)));
    assert!(!is_protected(&host, &gate).await);
    host.move_on(Duration::from_millis(59_999));
    assert!(!is_protected(&host, &gate).await);
    host.move_on(Duration::from_millis(1));
    assert!(is_protected(&host, &gate).await, "its time is up");
    assert!(!gate.resume("ada").await.unwrap(), "there is nothing to end");
    gate.pause(MAX_PAUSE, "ada").await.unwrap();
    assert!(!is_protected(&host, &gate).await);
    assert!(gate.resume("bob").await.unwrap());
    assert!(is_protected(&host, &gate).await && gate.paused_until().is_none());
    assert_eq!(
        recorded(&host, &["protection.*"]),
        [
            ("protection.paused".to_owned(), json!({"by": "ada", "duration_ms": 60_000})),
            ("protection.paused".to_owned(), json!({"by": "ada", "duration_ms": 600_000})),
            ("protection.resumed".to_owned(), json!({"by": "bob"})),
        ]
    );
}

#[tokio::test]
async fn a_pause_is_bounded_and_ends_with_the_host() {
    let host = Host::new(Durability::Normal);
    let keeper = gate(&host);
    for duration in [Duration::ZERO, MAX_PAUSE + Duration::from_millis(1)] {
        assert!(matches!(keeper.pause(duration, "ada").await, Err(PauseError::Duration(_))));
    }
    assert!(matches!(keeper.pause(MAX_PAUSE, "").await, Err(PauseError::Emit(_))));
    assert!(is_protected(&host, &keeper).await);
    keeper.pause(MAX_PAUSE, "ada").await.unwrap();
    drop(keeper);
    let host = host.restart_after(Duration::from_secs(1)).await;
    let keeper = gate(&host);
    assert!(is_protected(&host, &keeper).await, "a restart ends it");
    host.bus.close().await;
    assert!(keeper.pause(MAX_PAUSE, "ada").await.is_err());
    assert_eq!(keeper.paused_until(), None, "what cannot be recorded does not lift anything");
}

#[tokio::test]
async fn a_pause_is_recorded_whatever_the_filter_says() {
    let host = Host::filtered(&["task.*"]);
    let gate = gate(&host);
    gate.pause(MAX_PAUSE, "ada").await.unwrap();
    gate.resume("ada").await.unwrap();
    assert_eq!(recorded(&host, &["protection.*"]).len(), 2);
}
