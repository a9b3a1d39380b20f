//! Hosts that stop, hosts that are gone at once, and the next one.

use super::*;
use crate::limits::{OUTSIDE_IDLE, STARTS_READ, STOP_GRACE};
use tollgate_core::interactions::State as Answered;

const SCRIPT: &str = "echo $$ > pid; (trap '' HUP; exec sleep 600) & echo $! > child; echo ready; read x";

#[tokio::test]
async fn what_a_host_left_open_is_ended_by_the_next_one_once() {
    let world = world(SCRIPT).await;
    let id = world.start().await;
    world.until_written(&id, "ready").await;
    let what = NewApproval { text: "may I?".to_owned(), ..NewApproval::default() };
    let asked = world.runner.ask_approval(&id, what).await.unwrap();
    let elsewhere = world.outside("o1").await;
    world.runner.take(&elsewhere, vec![outside::draft(
        r#"{"type":"SESSION_STARTED","sessionId":"o1","providerId":"p","providerVersion":"1","workspacePath":"/w","roomPath":"r"}"#,
    )], false).await.unwrap();
    let over = world.outside("o2").await;
    // Somebody else's words open no session.
    let payload =
        json!({"providerId": "p", "providerVersion": "1", "workspacePath": "/w", "roomPath": "r"}).to_string();
    let forged = Draft::new(EventType::parse("session.started").unwrap(), "runner", payload).in_session("forged");
    world.bus.emit(forged).await.unwrap();
    let pids = ["pid", "child"].map(|name| pid_in(&world.work(), name));
    let mut down = world.down().await;
    for round in 0..2 {
        down.clock.set(down.clock.now().after(Duration::from_secs(60)));
        let world = down.start(providers(&[("script", SCRIPT)]), None).await;
        for pid in pids {
            world.until("gone with its host", || !is_alive(pid)).await;
        }
        if round == 0 {
            let ended = world.ended(&id).await;
            assert_eq!((&ended["finalState"], &ended["reason"]), (&json!("FAILED"), &json!("the host was restarted")));
            assert_eq!(ended["totalDurationMs"], 60_000);
            assert_eq!(world.states(&id)[3..], ["WAITING_FOR_APPROVAL", "FAILED"]);
            assert_eq!(world.ended(&elsewhere).await["finalState"], "FAILED");
            let question = world.interactions.get(&asked.interaction).await.unwrap().unwrap();
            assert_eq!(question.state, Answered::Cancelled);
            let late = world.runner.stop(&id, "ada").await.unwrap_err().to_string();
            assert!(late.starts_with("the session has ended as FAILED"), "{late}");
            let status = world.status(&id);
            assert_eq!((status.identity.provider.as_deref(), status.created_at), (Some("script"), START));
            assert!(world.status(&elsewhere).identity.provider.is_none());
            assert_eq!(world.runner.list().len(), 2);
        } else {
            assert!(world.runner.list().is_empty(), "there is nothing more to end");
            let ends = Query { patterns: PatternSet::parse(["session.ended"]).ok(), limit: 10, ..Query::default() };
            assert_eq!(world.bus.journal().read(&ends).unwrap().len(), 2);
        }
        assert!(world.told(&over).is_empty() && world.told("forged").len() == 1);
        down = world.down().await;
    }
}

#[tokio::test]
async fn a_host_that_stops_ends_its_sessions_and_starts_no_other() {
    let world = world("trap 'exit 0' TERM; echo ready; while :; do read x; done").await;
    let (own, elsewhere) = (world.start().await, world.outside("o1").await);
    world.until_written(&own, "ready").await;
    world.runner.close().await;
    let ended = world.ended(&own).await;
    assert_eq!((&ended["finalState"], &ended["reason"]), (&json!("FAILED"), &json!("the host was stopped")));
    assert!(world.status(&elsewhere).ended_at.is_some());
    let refused = world.runner.start(world.wish()).await.unwrap_err();
    assert!(matches!(refused, RunnerError::Stopping), "{refused}");
    world.runner.close().await;
}

#[tokio::test]
async fn a_program_that_hears_nothing_does_not_outlive_the_end_of_its_host() {
    let world = world("trap '' TERM HUP; echo $$ > pid; echo ready; while :; do read x; done").await;
    let id = world.start().await;
    world.until_written(&id, "ready").await;
    let pid = pid_in(&world.work(), "pid");
    let runner = world.runner.clone();
    let closing = tokio::spawn(async move { runner.close().await });
    world.until_state(&id, State::Stopping).await;
    world.move_on(STOP_GRACE);
    world.ended(&id).await;
    closing.await.unwrap();
    assert!(!is_alive(pid));
}

#[tokio::test]
async fn a_runner_that_is_dropped_takes_its_programs_along() {
    let world = world(SCRIPT).await;
    let id = world.start().await;
    world.until_written(&id, "ready").await;
    let pids = ["pid", "child"].map(|name| pid_in(&world.work(), name));
    let World { runner, home, .. } = world;
    drop(runner);
    let deadline = Instant::now() + DEADLINE;
    while pids.into_iter().any(is_alive) {
        assert!(Instant::now() < deadline, "they live on");
        tokio::task::yield_now().await;
    }
    drop(home);
}

#[tokio::test]
async fn an_end_that_the_journal_refuses_is_tried_again() {
    let world = world("true").await;
    let id = world.outside_started("o1").await;
    world.fill_disk().await;
    let refused = world.runner.stop(&id, "ada").await.unwrap_err();
    assert!(matches!(refused, RunnerError::Emit(_)), "{refused}");
    assert_eq!(world.status(&id).state, State::Created, "what is not told does not count");
    world.move_on(OUTSIDE_IDLE);
    let says = || world.status(&id).reason.clone().unwrap_or_default();
    world.until("a first try", || says() == "its end is not recorded yet").await;
    assert!(world.status(&id).ended_at.is_none() && world.of_type(&id, "session.ended").is_empty());
    world.bus.limit_pages(u32::MAX).await.unwrap();
    assert_eq!(world.ended(&id).await["reason"], "nothing was heard of it for 24 h");
}

#[tokio::test]
async fn what_was_left_open_is_ended_however_much_happened_since() {
    let world = world("true").await;
    let started = json!({"type": "session.started", "payload": {"providerId": "p", "providerVersion": "1",
        "workspacePath": "/w", "roomPath": "r"}})
    .to_string();
    let begins = async |id: &str| {
        let id = world.outside(id).await;
        world.runner.take(&id, vec![outside::draft(&started)], false).await.unwrap();
        id
    };
    let (first, over) = (begins("o1").await, begins("o2").await);
    let ended = json!({"type": "session.ended", "payload": {"finalState": "FAILED", "totalDurationMs": 1}}).to_string();
    world.runner.take(&over, vec![outside::draft(&ended)], false).await.unwrap();
    // Others' moves, more than a journal was once looked back over, and more starts than are read at a time.
    let moved = json!({"previousState": "RUNNING", "newState": "STOPPING"}).to_string();
    let start = json!({"providerId": "p", "providerVersion": "1", "workspacePath": "/w", "roomPath": "r"}).to_string();
    for (event_type, payload, count) in
        [("session.state_changed", moved, 20_500), ("session.started", start, STARTS_READ + 500)]
    {
        let draft = Draft::new(EventType::parse(event_type).unwrap(), "x", payload).in_session("x");
        for batch in vec![draft; count].chunks(1_000) {
            world.bus.emit_batch(batch.to_vec()).await.unwrap();
        }
    }
    let last = begins("o3").await;
    let world = world.down().await.start(RunnerOptions::default(), None).await;
    for id in [&first, &last] {
        let ended = world.ended(id).await;
        assert_eq!((&ended["finalState"], &ended["reason"]), (&json!("FAILED"), &json!("the host was restarted")));
    }
    assert_eq!(world.runner.list().len(), 2, "and nobody else's");
    assert_eq!(world.of_type(&over, "session.ended").len(), 1);
}
