//! Dead letters tried again: once, in one commit with the letter's end, and refused where it makes no sense.

use super::{EMITS, World, fields};
use crate::{PluginState, RetryOutcome, RetryRefusal};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tollgate_bundled::guests;
use tollgate_core::bus::{MAX_BATCH, Start};
use tollgate_core::event::Draft;
use tollgate_core::events::EventType;
use tollgate_core::journal::{Ahead, Completion, DeadLetter, Durability, RING_EVENTS};

/// A world that is not started, where `name` gave up each of `types` before; says their seqs.
async fn given_up(world: &World, name: &str, types: &[&str]) -> Vec<u64> {
    let subscriber: Arc<str> = name.into();
    let mut after = world.bus.cursor(Arc::clone(&subscriber), Start::Head).await.unwrap();
    let mut seqs = Vec::new();
    for event_type in types {
        let seq = world.emit(event_type).await;
        let letter = DeadLetter {
            subscriber: Arc::clone(&subscriber),
            seq,
            cause: "stale".into(),
            message: "older than its grant allows".into(),
            tries: 0,
            at: world.bus.clock().now(),
        };
        let completion = Completion {
            subscriber: Arc::clone(&subscriber),
            after,
            finished: seq,
            ahead: Ahead::default(),
            emits: Vec::new(),
            store: Vec::new(),
            dead_letter: Some(letter),
            retried: None,
        };
        world.bus.complete(completion).wait().await.unwrap();
        after = seq;
        seqs.push(seq);
    }
    seqs
}

fn letter(world: &World, name: &str, seq: u64) -> Option<DeadLetter> {
    world.bus.journal().dead_letter(name, seq).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_handled_once_and_goes_with_its_effects() {
    for durability in [Durability::Memory, Durability::Normal] {
        let mut world = World::on(durability);
        let seqs = given_up(&world, "counter", &["demo.tick", "demo.tick"]).await;
        world.drop_in("counter", guests::COUNTER, EMITS);
        world.start().await;
        let live = world.emit("demo.tick").await;
        world.wait_for("test_guest.counted", 1).await;
        world.eventually("its cursor moves", || world.cursor("counter") == Some(live)).await;
        for (count, seq) in [(2, seqs[1]), (3, seqs[0])] {
            world.runtime().may_retry("counter", seq).await.unwrap();
            assert_eq!(world.runtime().retry("counter", seq).await.unwrap(), RetryOutcome::Handled);
            // Recorded when it is answered: what it emitted and stored, and that the letter is gone.
            let counted = world.events("test_guest.counted");
            assert_eq!((counted.len(), fields(&counted, "count").last()), (count, Some(&json!(count))));
            assert_eq!(fields(&counted, "seq").last(), Some(&json!(seq)));
            assert_eq!(letter(&world, "counter", seq), None);
            assert_eq!(world.cursor("counter"), Some(live), "what is finished stays finished");
        }
        for refused in [
            world.runtime().retry("counter", seqs[0]).await.err(),
            world.runtime().may_retry("counter", seqs[0]).await.err(),
        ] {
            assert!(matches!(refused, Some(RetryRefusal::NoLetter { seq, .. }) if seq == seqs[0]), "{refused:?}");
        }
        // What comes afterwards is handled as ever, and over a restart.
        world.emit("demo.tick").await;
        world.wait_for("test_guest.counted", 4).await;
        world.stop().await;
        world.emit("demo.tick").await;
        world.start().await;
        let counted = world.wait_for("test_guest.counted", 5).await;
        assert_eq!(fields(&counted, "count"), [1, 2, 3, 4, 5].map(|count| json!(count)), "{}", world.story());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_try_that_does_not_work_leaves_the_letter_with_its_tries_counted() {
    let world = World::with("trap", guests::TRAP, "").await;
    let seq = world.emit("demo.loop").await;
    world.eventually("a dead letter", || letter(&world, "trap", seq).is_some()).await;
    for tries in [4, 5] {
        let outcome = world.runtime().retry("trap", seq).await.unwrap();
        let RetryOutcome::Left { cause, tries: counted, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!((&*cause, counted), ("trap", tries));
        let kept = letter(&world, "trap", seq).unwrap();
        assert_eq!((&*kept.cause, kept.tries), ("trap", tries));
    }
    assert_eq!(fields(&world.wait_for("plugin.faulted", 5).await, "tries"), [1, 2, 3, 4, 5].map(|tries| json!(tries)));
    assert_eq!(world.bus.journal().dead_letters(None, 10).unwrap().len(), 1);
    assert_eq!(world.status("trap").dead_letters, 1, "it is the same letter");
    // The guest that faulted is replaced for the next event.
    world.emit("demo.tick").await;
    world.eventually("the next is handled", || world.status("trap").calls == 6).await;
    assert_eq!(world.state("trap"), PluginState::Serving);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_plugins_own_leave_the_letter_too_and_emit_nothing() {
    let mut world = World::new();
    let failing = given_up(&world, "fails", &["demo.loop"]).await[0];
    let again = given_up(&world, "retry-once", &["demo.loop"]).await[0];
    world.drop_in("fails", guests::FAILS, EMITS);
    world.drop_in("retry-once", guests::RETRY_ONCE, EMITS);
    world.start().await;
    let outcome = world.runtime().retry("fails", failing).await.unwrap();
    assert!(matches!(&outcome, RetryOutcome::Left { cause, tries: 1, .. } if &**cause == "failed"), "{outcome:?}");
    assert_eq!(letter(&world, "fails", failing).unwrap().tries, 1);
    let outcome = world.runtime().retry("retry-once", again).await.unwrap();
    assert!(matches!(&outcome, RetryOutcome::Left { cause, tries: 1, .. } if &**cause == "retry"), "{outcome:?}");
    assert!(world.events("test_guest.*").is_empty());
    assert_eq!(world.runtime().retry("retry-once", again).await.unwrap(), RetryOutcome::Handled);
    assert_eq!(fields(&world.events("test_guest.*"), "again"), [json!(true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_tried_is_refused_and_says_why() {
    let mut world = World::new();
    world.tempo.faults = 1;
    world.tempo.cooldown_first = Duration::from_secs(3_600);
    let other = given_up(&world, "counter", &["other.thing"]).await[0];
    let tick = given_up(&world, "counter", &["demo.tick"]).await[0];
    let trapped = given_up(&world, "trap", &["demo.loop"]).await[0];
    world.drop_in("counter", guests::COUNTER, EMITS);
    world.drop_in("trap", guests::TRAP, "");
    world.drop_in("junk", b"no component", "");
    world.start().await;
    // Of the event that is the other's letter.
    world.wait_for("test_guest.counted", 1).await;
    let check = async |plugin: &str, seq: u64, part: &str| {
        let calls: u64 = world.runtime().list().iter().map(|status| status.calls).sum();
        for refused in
            [world.runtime().may_retry(plugin, seq).await.err(), world.runtime().retry(plugin, seq).await.err()]
        {
            let text = refused.unwrap().to_string();
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(world.runtime().list().iter().map(|status| status.calls).sum::<u64>(), calls, "nothing is called");
    };
    check("gone", tick, "there is no plugin `gone`").await;
    check("junk", tick, "does not serve (rejected)").await;
    check("counter", other, "does not subscribe to other.thing").await;
    check("counter", trapped, "has no dead letter").await;
    world.runtime().disable("counter").await.unwrap();
    check("counter", tick, "is disabled").await;
    world.runtime().enable("counter").await.unwrap();
    // The first fault is the quarantine.
    let outcome = world.runtime().retry("trap", trapped).await.unwrap();
    assert!(matches!(outcome, RetryOutcome::Left { tries: 1, .. }), "{outcome:?}");
    check("trap", trapped, "is in quarantine").await;
    assert_eq!(letter(&world, "trap", trapped).unwrap().tries, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_whose_event_is_gone_is_refused() {
    let mut world = World::new();
    let tick = given_up(&world, "counter", &["demo.tick"]).await[0];
    let filler = || Draft::new(EventType::parse("other.thing").unwrap(), "webui", "{}");
    for _ in 0..RING_EVENTS / MAX_BATCH + 1 {
        world.bus.emit_batch((0..MAX_BATCH).map(|_| filler()).collect()).await.unwrap();
    }
    world.drop_in("counter", guests::COUNTER, EMITS);
    world.start().await;
    let refused = world.runtime().retry("counter", tick).await;
    assert!(matches!(refused, Err(RetryRefusal::EventGone { seq, .. }) if seq == tick), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_letter_of_a_plugin_is_tried_at_a_time_and_fuel_bounds_them() {
    let mut world = World::new();
    let seqs = given_up(&world, "spin-handle", &["demo.loop", "demo.loop"]).await;
    let fuel = given_up(&world, "log-flood", &["demo.loop", "demo.loop"]).await;
    let grant = "[limits]\nfuel_per_event = 1_000_000_000_000_000\ntimeout_ms = 1_000\n";
    world.drop_in("spin-handle", guests::SPIN_HANDLE, grant);
    world.drop_in("log-flood", guests::LOG_FLOOD, "[limits]\nfuel_per_minute = 1\n");
    world.start().await;
    let runtime = world.runtime();
    // Both are asked for in one go: the first holds the turn when the second comes.
    let (first, second) = tokio::join!(runtime.retry("spin-handle", seqs[0]), runtime.retry("spin-handle", seqs[1]));
    assert!(matches!(&first, Ok(RetryOutcome::Left { cause, .. }) if &**cause == "timeout"), "{first:?}");
    assert!(matches!(&second, Err(RetryRefusal::Busy(_))), "{second:?}");
    assert_eq!(runtime.retry("log-flood", fuel[0]).await.unwrap(), RetryOutcome::Handled);
    let spent = runtime.retry("log-flood", fuel[1]).await;
    assert!(matches!(&spent, Err(RetryRefusal::OutOfFuel(_))), "{spent:?}");
    assert!(letter(&world, "log-flood", fuel[1]).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_given_once_more_is_handled_and_what_it_emits_is_on_record_once() {
    for durability in [Durability::Memory, Durability::Normal] {
        let mut world = World::on(durability);
        world.drop_in("counter", guests::COUNTER, EMITS);
        world.start().await;
        let seqs = [world.emit("demo.tick").await, world.emit("demo.tick").await];
        world.wait_for("test_guest.counted", 2).await;
        world.eventually("its cursor moves", || world.cursor("counter") == Some(seqs[1])).await;
        let (wanted, upto) = world.runtime().given("counter").unwrap();
        assert!(wanted.matches(&EventType::parse("demo.tick").unwrap()) && upto >= seqs[1]);
        let head = world.bus.journal().head();
        for seq in seqs {
            let event = world.bus.journal().event(seq).unwrap().unwrap();
            assert_eq!(world.runtime().replay("counter", event).await.unwrap(), RetryOutcome::Handled);
        }
        // Handled: its store counted on. On record as before: the emits have the ids that they had.
        assert_eq!((world.status("counter").calls, world.bus.journal().head()), (4, head), "{}", world.story());
        assert_eq!(world.cursor("counter"), Some(seqs[1]), "its cursor stays");
        world.emit("demo.tick").await;
        let counted = world.wait_for("test_guest.counted", 3).await;
        assert_eq!(fields(&counted, "count"), [1, 2, 5].map(|count| json!(count)));
        let other = world.emit("other.type").await;
        let event = world.bus.journal().event(other).unwrap().unwrap();
        let refused = world.runtime().replay("counter", event).await.unwrap_err();
        assert!(matches!(refused, RetryRefusal::NotSubscribed { .. }), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_given_once_more_that_is_not_handled_makes_no_letter() {
    let world = World::with("fails", guests::FAILS, EMITS).await;
    let seq = world.emit("demo.loop").await;
    world.eventually("it is handled", || world.cursor("fails") == Some(seq)).await;
    let event = world.bus.journal().event(seq).unwrap().unwrap();
    let outcome = world.runtime().replay("fails", event).await.unwrap();
    assert!(matches!(&outcome, RetryOutcome::Left { cause, tries: 1, .. } if &**cause == "failed"), "{outcome:?}");
    assert!(world.bus.journal().dead_letters(None, 10).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_given_once_more_with_others_is_one_no_more() {
    let mut world = World::new();
    let seq = given_up(&world, "counter", &["demo.tick"]).await[0];
    world.drop_in("counter", guests::COUNTER, EMITS);
    world.start().await;
    let event = world.bus.journal().event(seq).unwrap().unwrap();
    assert_eq!(world.runtime().replay("counter", event).await.unwrap(), RetryOutcome::Handled);
    assert_eq!(letter(&world, "counter", seq), None);
}
