//! Every bound of the runner that is not reached beside what it bounds.

use super::*;
use crate::limits::{
    KEPT_ENDED, LONGEST_SLEEP, MAILBOX, MAX_INPUT_BYTES, MAX_OUTSIDE, MAX_PROGRAMS, MAX_PROVIDERS, MAX_REMEMBERED,
    MAX_TAKEN, OUTSIDE_IDLE, sleep_until_due,
};

#[tokio::test]
async fn so_many_programs_run_at_a_time() {
    let world = world("read x").await;
    let mut ids = Vec::new();
    for _ in 0..MAX_PROGRAMS {
        ids.push(world.start().await);
    }
    let refused = world.runner.start(world.wish()).await.unwrap_err();
    assert!(matches!(refused, RunnerError::TooMany(MAX_PROGRAMS)), "{refused}");
    world.until_state(&ids[0], State::Running).await;
    world.runner.stop(&ids[0], "ada").await.unwrap();
    world.ended(&ids[0]).await;
    let deadline = Instant::now() + DEADLINE;
    // Its place is free once its task is over, which is a moment after its last event.
    while world.runner.start(world.wish()).await.is_err() {
        assert!(Instant::now() < deadline, "its place is never free");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn so_many_sessions_run_elsewhere_and_so_many_ended_ones_are_kept() {
    let world = world("true").await;
    for number in 0..MAX_OUTSIDE {
        world.outside(&format!("o{number}")).await;
    }
    let one_more = Wish { id: Some("more".to_owned()), ..Wish::default() };
    let refused = world.runner.start(one_more).await.unwrap_err();
    assert!(matches!(refused, RunnerError::TooMany(MAX_OUTSIDE)), "{refused}");
    for number in 0..KEPT_ENDED + 5 {
        let id = format!("o{number}");
        if number >= MAX_OUTSIDE {
            let deadline = Instant::now() + DEADLINE;
            while world.runner.start(Wish { id: Some(id.clone()), ..Wish::default() }).await.is_err() {
                assert!(Instant::now() < deadline, "no place for {id}");
                tokio::task::yield_now().await;
            }
        }
        world.runner.stop(&id, "ada").await.unwrap();
    }
    // They are counted when one more is made.
    world.until("over", || world.runner.list().iter().all(|status| status.ended_at.is_some())).await;
    tokio::task::yield_now().await;
    world.outside("last").await;
    let kept = world.runner.list();
    assert!(kept.len() <= KEPT_ENDED + 1 && kept.len() >= KEPT_ENDED, "{}", kept.len());
    assert!(world.runner.get("o0").is_none() && world.runner.get("last").is_some());
}

#[tokio::test]
async fn input_that_nobody_reads_is_bounded() {
    let world = world("stty raw -echo; echo ready; sleep 600").await;
    let id = world.start().await;
    world.until_written(&id, "ready").await;
    let too_much = world.runner.input(&id, vec![b'x'; MAX_INPUT_BYTES + 1]).await.unwrap_err();
    assert!(matches!(too_much, RunnerError::Invalid { field: "input", .. }), "{too_much}");
    let mut refused = None;
    // The terminal itself holds some of it.
    for _ in 0..4 {
        refused = world.runner.input(&id, vec![b'x'; MAX_INPUT_BYTES]).await.err();
        if refused.is_some() {
            break;
        }
    }
    assert!(matches!(refused, Some(RunnerError::InputFull(_))), "{refused:?}");
    let size = world.runner.resize(&id, Size { cols: 80, rows: MAX_CELLS + 1 }).await.unwrap_err();
    assert!(matches!(size, RunnerError::Invalid { field: "size", .. }), "{size}");
}

#[tokio::test]
async fn a_request_holds_so_many_events_and_a_session_remembers_so_many() {
    let world = world("true").await;
    let id = world.outside_started("o1").await;
    let chunk = json!({"type": "terminal.chunk", "payload": {"data": "x", "stream": "stdout"}}).to_string();
    let chunks = |count: usize| -> Vec<Draft> {
        (0..count).map(|_| Draft { id: Some(uuid::Uuid::now_v7()), ..outside::draft(&chunk) }).collect()
    };
    let refused = world.runner.take(&id, chunks(MAX_TAKEN + 1), false).await.unwrap_err();
    assert!(matches!(refused, RunnerError::TooManyEvents(_)), "{refused}");
    let first = chunks(1);
    let receipt = world.runner.take(&id, first.clone(), false).await.unwrap();
    let mut left = MAX_REMEMBERED - 1;
    while left > 0 {
        let now = left.min(MAX_TAKEN);
        world.runner.take(&id, chunks(now), false).await.unwrap();
        left -= now;
    }
    let head = world.bus.journal().head();
    assert_eq!(world.runner.take(&id, first.clone(), false).await.unwrap(), receipt, "remembered");
    world.runner.take(&id, chunks(1), false).await.unwrap();
    let again = world.runner.take(&id, first, false).await.unwrap();
    assert!(again[0].unwrap().duplicate, "forgotten, and the journal's to know");
    assert_eq!(world.bus.journal().head(), head + 1);
}

#[tokio::test]
async fn a_table_of_providers_is_checked_before_anything_runs() {
    let world = world("true").await;
    let sessions = Arc::new(Sessions::open(&world.bus, Vec::new()).unwrap());
    let mut many = RunnerOptions::default();
    let good = Provider { program: "sh".to_owned(), args: Vec::new(), env: Vec::new(), version: None };
    for number in 0..=MAX_PROVIDERS {
        many.providers.insert(format!("p{number}"), good.clone());
    }
    let one =
        |name: &str, provider: Provider| RunnerOptions { providers: BTreeMap::from([(name.to_owned(), provider)]) };
    for (options, says) in [
        (many, "are 65, at most 64 are taken"),
        (one("", good.clone()), "providers has 0 bytes"),
        (
            one("p", Provider { program: "bin/tool".to_owned(), ..good.clone() }),
            "neither an absolute path nor a bare name",
        ),
        (one("p", Provider { program: String::new(), ..good.clone() }), "neither an absolute path nor a bare name"),
        (one("p", Provider { args: vec!["\0".to_owned()], ..good.clone() }), "zero byte"),
        (one("p", Provider { env: vec!["A=B".to_owned()], ..good.clone() }), "no variable's name"),
    ] {
        let opened = Runner::open(&world.bus, Arc::clone(&sessions), world.interactions.clone(), options).await;
        let refused = opened.err().unwrap().to_string();
        assert!(refused.contains(says), "{refused}");
    }
    assert_eq!(world.runner.providers().collect::<Vec<_>>(), ["script"]);
}

#[tokio::test]
async fn so_many_calls_wait_for_a_session_and_the_others_outside() {
    let world = world("true").await;
    let id = world.outside_started("o1").await;
    // A session whose end the journal refuses hears nobody until it is recorded.
    world.fill_disk().await;
    world.move_on(OUTSIDE_IDLE);
    let says = || world.status(&id).reason.clone().unwrap_or_default();
    world.until("a first try", || says() == "its end is not recorded yet").await;
    let calls: Vec<_> = (0..MAILBOX + 8)
        .map(|_| {
            let (runner, id) = (world.runner.clone(), Arc::clone(&id));
            tokio::spawn(async move { runner.stop(&id, "ada").await })
        })
        .collect();
    world.until("they wait", || world.runner.waiting(&id) >= MAILBOX).await;
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    let waiting = calls.iter().filter(|call| !call.is_finished()).count();
    assert_eq!((world.runner.waiting(&id), waiting), (MAILBOX, MAILBOX + 8), "and none is refused for it");
    world.bus.limit_pages(u32::MAX).await.unwrap();
    for call in calls {
        let answer = tokio::time::timeout(DEADLINE, call).await.unwrap().unwrap();
        assert!(matches!(answer, Err(RunnerError::Refused(Refusal::Ended(State::Failed)))), "{answer:?}");
    }
}

#[test]
fn nothing_sleeps_longer_than_the_clock_may_be_wrong() {
    for (due, expected) in [
        (None, LONGEST_SLEEP),
        (Some(START.after(Duration::from_secs(1))), Duration::from_secs(1)),
        (Some(START.after(OUTSIDE_IDLE)), LONGEST_SLEEP),
        (Some(Timestamp(0)), Duration::ZERO),
    ] {
        assert_eq!(sleep_until_due(START, due), expected, "{due:?}");
    }
}
