//! Sessions whose events come from outside: the same states, judged event by event.

use super::*;
use crate::limits::{OUTSIDE_IDLE, OUTSIDE_STOP};
use tollgate_core::event::Draft;
use tollgate_core::interactions::Answer;
use tollgate_core::json::{DraftContext, draft_from_json};

/// An event as it comes over HTTP.
pub(super) fn draft(text: &str) -> Draft {
    draft_from_json(text, DraftContext { default_source: "runner" }).unwrap()
}

fn event(event_type: &str, payload: Value) -> Draft {
    draft(&json!({"type": event_type, "payload": payload}).to_string())
}

fn started() -> Draft {
    let payload = json!({"providerId": "p", "providerVersion": "1", "workspacePath": "/w", "roomPath": "v/r"});
    event("session.started", payload)
}

fn moved(from: &str, to: &str) -> Draft {
    event("session.state_changed", json!({"previousState": from, "newState": to}))
}

fn ended(last: &str) -> Draft {
    event("session.ended", json!({"finalState": last, "totalDurationMs": 7, "exitCode": 4}))
}

fn asked(id: &str) -> Draft {
    event("approval.requested", json!({"approval": {"id": id, "title": "may I?"}}))
}

fn answered(id: &str, decision: &str) -> Draft {
    event("approval.resolved", json!({"approvalId": id, "decision": decision, "resolvedBy": "eve", "note": "n"}))
}

/// Up to RUNNING.
fn up() -> Vec<Draft> {
    vec![
        started(),
        moved("CREATED", "PREPARING_WORKSPACE"),
        moved("PREPARING_WORKSPACE", "STARTING_PROVIDER"),
        moved("STARTING_PROVIDER", "RUNNING"),
    ]
}

async fn take(world: &World, id: &str, drafts: Vec<Draft>) -> Result<usize, String> {
    let taken = world.runner.take(id, drafts, false).await;
    taken.map(|receipts| receipts.iter().flatten().count()).map_err(|error| error.to_string())
}

async fn running() -> (World, Arc<str>) {
    let world = world("true").await;
    let id = world.outside("o1").await;
    assert_eq!(take(&world, &id, up()).await, Ok(4));
    (world, id)
}

#[tokio::test]
async fn typed_and_foreign_records_are_one_session() {
    let world = world("true").await;
    let wish = Wish { id: Some("o1".to_owned()), agent_id: Some("a1".to_owned()), ..Wish::default() };
    world.runner.start(wish).await.unwrap();
    assert!(world.told("o1").is_empty(), "it has told nothing yet");
    let foreign = [
        json!({"type": "SESSION_STARTED", "sessionId": "o1", "ts": 1_769_508_000_001_i64, "seq": 1, "providerId": "p",
            "providerVersion": "1", "workspacePath": "/w", "roomPath": "v/r"}),
        json!({"type": "SESSION_STATE_CHANGED", "sessionId": "o1", "previousState": "CREATED", "newState": "PREPARING_WORKSPACE"}),
        json!({"type": "SESSION_STATE_CHANGED", "sessionId": "o1", "previousState": "PREPARING_WORKSPACE", "newState": "STARTING_PROVIDER"}),
        json!({"type": "SESSION_STATE_CHANGED", "sessionId": "o1", "previousState": "STARTING_PROVIDER", "newState": "running"}),
    ];
    let foreign = foreign.iter().map(|record| draft(&record.to_string())).collect();
    assert_eq!(take(&world, "o1", foreign).await, Ok(4));
    let rest = [
        ("terminal.chunk", json!({"data": "x", "stream": "stderr"})),
        ("file.touched", json!({"path": "a", "roomPath": "v/r", "reason": "read"})),
        ("diff.summary", json!({"filesChanged": 0, "linesAdded": 0, "linesRemoved": 0, "files": []})),
        ("test_run.started", json!({"command": "t", "testFiles": []})),
        ("test_run.finished", json!({"passed": 1, "failed": 0, "skipped": 0, "duration": 2})),
        ("usage.tick", json!({"providerId": "p", "units": {}, "intervalMs": 1})),
        (
            "alert.raised",
            json!({"alertId": "1", "severity": "low", "category": "c", "title": "t", "description": "d", "context": {}}),
        ),
    ];
    let rest: Vec<_> = rest.into_iter().map(|(event_type, payload)| event(event_type, payload)).collect();
    assert_eq!(take(&world, "o1", rest).await, Ok(7));
    assert_eq!(take(&world, "o1", vec![ended("completed")]).await, Ok(1));
    let last = world.ended("o1").await;
    assert_eq!((&last["finalState"], &last["exitCode"]), (&json!("completed"), &json!(4)), "in its own words");
    let told = world.told("o1");
    assert!(told.iter().all(|(_, payload)| payload["agentId"] == "a1"), "{told:?}");
    assert_eq!(told[0].1["source_seq"], 1);
    assert_eq!(world.states("o1").last().unwrap(), "COMPLETED", "the move that it left out is the host's to add");
    assert_eq!(world.status("o1").exit_code, Some(4));
}

#[tokio::test]
async fn an_illegal_move_is_refused_and_with_it_all_that_came_along() {
    let (world, id) = running().await;
    let head = world.bus.journal().head();
    for (drafts, says) in [
        (vec![started()], "event 0: the session has started already"),
        (
            vec![moved("RUNNING", "CREATED")],
            "event 0: RUNNING cannot become CREATED; WAITING_FOR_APPROVAL, PAUSED_BY_HUMAN, STOPPING, COMPLETED, FAILED may follow",
        ),
        (vec![moved("CREATED", "FAILED")], "event 0: `previousState`: is CREATED, and the session is in RUNNING"),
        (
            vec![moved("RUNNING", "WAITING_FOR_APPROVAL")],
            "event 0: no approval is open: send approval.requested, and it waits",
        ),
        (vec![moved("RUNNING", "ASLEEP")], "event 0: `newState`: `ASLEEP` is no state; known are CREATED, "),
        (vec![ended("RUNNING")], "event 0: `RUNNING` is no end: finalState is COMPLETED or FAILED"),
        (vec![answered("nobody's", "approve")], "event 0: no approval `nobody's` is open in this session"),
        (vec![event("task.started", json!({}))], "event 0: task.started is no event of a runner session"),
        (vec![Draft { session: Some("other".into()), ..ended("FAILED") }], "event 0: belongs to session `other`"),
        (
            vec![event("approval.requested", json!({"approval": {"title": "x"}}))],
            "event 0: `payload.approval.id`: is missing",
        ),
        (vec![event("approval.requested", json!({"approval": 7}))], "event 0: `payload`: "),
        (
            vec![event("approval.requested", json!({"approval": {"id": "a", "timeoutMs": "soon"}}))],
            "whole number of milliseconds",
        ),
        (vec![event("approval.requested", json!({"approval": {"id": "a", "timeoutMs": 0}}))], "the question's ttl"),
        (vec![asked("a"), asked("a")], "event 1: the approval `a` was asked for before"),
        (vec![asked("a"), moved("WAITING_FOR_APPROVAL", "RUNNING")], "event 1: 1 approvals are still open"),
        (vec![moved("RUNNING", "STOPPING"), moved("STOPPING", "RUNNING")], "event 1: STOPPING cannot become RUNNING"),
        (vec![ended("FAILED"), ended("FAILED")], "event 1: the session has ended as FAILED"),
        (
            vec![event("terminal.chunk", json!({"data": 1, "stream": "x"}))],
            "event 0: payload of terminal.chunk: at `payload.data`",
        ),
    ] {
        let refused = take(&world, &id, drafts.clone()).await.unwrap_err();
        assert!(refused.contains(says), "{drafts:?}\n  said: {refused}\n  not:  {says}");
        assert_eq!((world.status(&id).state, world.bus.journal().head()), (State::Running, head), "{drafts:?}");
    }
    let nobody = take(&world, "nobody", up()).await.unwrap_err();
    assert_eq!(nobody, "there is no runner session `nobody`");
    let second = world.outside("o2").await;
    assert!(take(&world, &second, vec![ended("FAILED")]).await.unwrap_err().contains("has not started"));
    assert_eq!(world.runner.input(&id, vec![1]).await.unwrap_err().to_string(), RunnerError::NoTerminal.to_string());
    let again = world.runner.start(Wish { id: Some("o1".to_owned()), ..Wish::default() }).await.unwrap_err();
    assert!(matches!(again, RunnerError::Taken(_)), "{again}");
}

#[tokio::test]
async fn what_comes_after_the_end_is_refused_and_not_dropped_in_silence() {
    let (world, id) = running().await;
    take(&world, &id, vec![moved("RUNNING", "COMPLETED")]).await.unwrap();
    take(&world, &id, vec![event("terminal.chunk", json!({"data": "last words", "stream": "stdout"}))]).await.unwrap();
    assert!(
        take(&world, &id, vec![ended("FAILED")])
            .await
            .unwrap_err()
            .contains("COMPLETED cannot become FAILED; nothing may follow")
    );
    take(&world, &id, vec![ended("COMPLETED")]).await.unwrap();
    world.ended(&id).await;
    for late in [event("terminal.chunk", json!({"data": "x", "stream": "stdout"})), ended("COMPLETED"), started()] {
        let refused = take(&world, &id, vec![late]).await.unwrap_err();
        assert_eq!(
            refused,
            "the session has ended as COMPLETED: nothing comes after its session.ended; start another one"
        );
    }
    world.ended(&id).await;
}

#[tokio::test]
async fn two_approvals_both_count_and_only_who_may_approves() {
    let (world, id) = running().await;
    assert_eq!(take(&world, &id, vec![asked("a"), asked("b")]).await, Ok(2));
    assert_eq!(world.status(&id).state, State::WaitingForApproval);
    // Who tells of the move itself tells nothing new.
    assert_eq!(take(&world, &id, vec![moved("RUNNING", "WAITING_FOR_APPROVAL")]).await, Ok(0));
    let refused = take(&world, &id, vec![answered("a", "approve")]).await.unwrap_err();
    assert!(refused.contains("may not approve"), "{refused}");
    let unknown = world.runner.take(&id, vec![answered("a", "perhaps")], true).await.unwrap_err().to_string();
    assert!(unknown.contains("`perhaps` is no answer"), "{unknown}");
    world.runner.take(&id, vec![answered("a", "APPROVED")], true).await.unwrap();
    assert_eq!(world.status(&id).state, State::WaitingForApproval);
    world.runner.resolve_approval(&id, "b", Answer::approve(), "ada").await.unwrap();
    world.until_state(&id, State::Running).await;
    let answers: Vec<_> = world
        .of_type(&id, "approval.resolved")
        .iter()
        .map(|told| (told["approvalId"].clone(), told["resolvedBy"].clone()))
        .collect();
    assert_eq!(answers, [(json!("a"), json!("eve")), (json!("b"), json!("ada"))], "each once");
    let list = world.status(&id).approvals.clone();
    assert!(list.len() == 2 && list.iter().all(|approval| !approval.open));
    // Asked, answered and ended at once.
    let drafts = vec![asked("c"), asked("d"), ended("FAILED")];
    world.runner.take(&id, drafts, true).await.unwrap();
    world.ended(&id).await;
    let answers = world.of_type(&id, "approval.resolved");
    assert!(answers.len() == 4 && answers[2..].iter().all(|told| told["decision"] == "cancelled"), "{answers:?}");
}

#[tokio::test]
async fn a_denial_can_only_fail_whoever_says_so() {
    for by_the_sender in [true, false] {
        let (world, id) = running().await;
        take(&world, &id, vec![asked("a"), asked("b")]).await.unwrap();
        if by_the_sender {
            world.runner.take(&id, vec![answered("a", "denied")], true).await.unwrap();
        } else {
            world.runner.resolve_approval(&id, "a", Answer::reject(""), "ada").await.unwrap();
        }
        world.until_state(&id, State::Stopping).await;
        let refused = take(&world, &id, vec![ended("COMPLETED")]).await.unwrap_err();
        assert!(refused.contains("it can only end as FAILED: approval a was denied by"), "{refused}");
        if by_the_sender {
            take(&world, &id, vec![ended("FAILED")]).await.unwrap();
        } else {
            // It says nothing more, so the host does.
            world.move_on(OUTSIDE_STOP);
        }
        let last = world.ended(&id).await;
        assert_eq!(last["finalState"], "FAILED");
        let answers: Vec<_> =
            world.of_type(&id, "approval.resolved").iter().map(|told| told["approvalId"].clone()).collect();
        assert_eq!(answers, ["a", "b"]);
    }
}

#[tokio::test]
async fn a_session_that_says_nothing_is_ended() {
    let (world, id) = running().await;
    world.move_on(OUTSIDE_IDLE - Duration::from_millis(1));
    take(&world, &id, vec![event("terminal.chunk", json!({"data": "x", "stream": "stdout"}))]).await.unwrap();
    world.move_on(OUTSIDE_IDLE - Duration::from_millis(1));
    assert_eq!(world.status(&id).state, State::Running, "it was heard of since");
    world.move_on(Duration::from_millis(1));
    assert_eq!(world.ended(&id).await["reason"], "nothing was heard of it for 24 h");
    // Stopped, and deaf; what it says meanwhile wins no time.
    let id = world.outside("o2").await;
    take(&world, &id, up()).await.unwrap();
    world.runner.pause(&id, "ada").await.unwrap();
    world.runner.resume(&id, "ada").await.unwrap();
    world.runner.stop(&id, "ada").await.unwrap();
    world.move_on(OUTSIDE_STOP - Duration::from_millis(1));
    take(&world, &id, vec![event("terminal.chunk", json!({"data": "x", "stream": "stdout"}))]).await.unwrap();
    assert_eq!(world.status(&id).state, State::Stopping);
    world.move_on(Duration::from_millis(1));
    assert_eq!(world.ended(&id).await["reason"], "it did not say within 60 s that it has ended");
    // One that never started was never told of.
    let id = world.outside("o3").await;
    world.runner.stop(&id, "ada").await.unwrap();
    assert!(world.status(&id).ended_at.is_some() && world.told(&id).is_empty());
}

#[tokio::test]
async fn a_request_that_comes_twice_is_one() {
    let world = world("true").await;
    let id = world.outside("o1").await;
    let numbered = |draft: Draft| Draft { id: Some(uuid::Uuid::now_v7()), ..draft };
    let drafts: Vec<_> = up().into_iter().chain([asked("a")]).map(numbered).collect();
    let first = world.runner.take(&id, drafts.clone(), false).await.unwrap();
    let count = world.told(&id).len();
    assert_eq!(world.runner.take(&id, drafts, false).await.unwrap(), first);
    assert!(first.iter().all(Option::is_some) && world.told(&id).len() == count);
}

#[tokio::test]
async fn what_the_bus_keeps_out_does_not_keep_a_session_from_its_states() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("work")).unwrap();
    let down = Down { clock: Clock::fixed(START), home };
    let wanted = ["session.ended", "session.started"];
    let world = down.start(providers(&[("script", "echo hello")]), Some(&wanted)).await;
    let id = world.start().await;
    world.until("its end", || world.status(&id).ended_at.is_some()).await;
    assert_eq!(world.status(&id).state, State::Completed);
    let types: Vec<_> = world.told(&id).into_iter().map(|(event_type, _)| event_type).collect();
    assert_eq!(types, ["session.started", "session.ended"]);
    // Who sends what is kept out is told so.
    let id = world.outside("o1").await;
    let refused = take(&world, &id, up()).await.unwrap_err();
    assert_eq!(refused, "event 1: the bus filter keeps session.state_changed out");
}
