//! Emitters that wait for what becomes of their events, and plugins that are given so many a second.

use super::{EMITS, World};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tollgate_bundled::guests;
use tollgate_core::bus::{Handling, Outcome};
use tollgate_core::event::Draft;
use tollgate_core::events::EventType;
use tollgate_core::time::Timestamp;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

fn draft(event_type: &str) -> Draft {
    Draft::new(EventType::parse(event_type).unwrap(), "webui", "{}")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_told_what_became_of_it_at_each_plugin() {
    let mut world = World::new();
    world.drop_in("counter", guests::COUNTER, EMITS);
    world.drop_in("echo", guests::ECHO, &format!("{EMITS}[delivery]\nmode = \"live\"\n"));
    world.drop_in("fails", guests::FAILS, EMITS);
    world.drop_in("trap", guests::TRAP, "");
    world.start().await;
    let (receipt, told) = world.bus.emit_and_wait(draft("demo.loop"), LONG).await.unwrap();
    let of = |name: &str| told.iter().find(|it| &*it.subscriber == name).map(|it| it.outcome.clone());
    assert_eq!(of("counter"), Some(Outcome::Handled), "{told:?}");
    assert_eq!(of("fails"), Some(Outcome::Failed("it never will".into())));
    assert!(matches!(of("trap"), Some(Outcome::Faulted { cause, .. }) if &*cause == "trap"), "{told:?}");
    // Told once it is committed: what the plugin emitted for it is there.
    let counted = world.events("test_guest.counted");
    assert_eq!(super::fields(&counted, "seq"), [json!(receipt.seq)]);
    let (_, told) = world.bus.emit_and_wait(draft("bench.ping"), LONG).await.unwrap();
    let echoed = Handling { subscriber: "echo".into(), outcome: Outcome::Handled };
    assert_eq!(told, [echoed], "a live one is waited for too");
    let (_, told) = world.bus.emit_and_wait(draft("nobody.wants"), LONG).await.unwrap();
    assert_eq!(told, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_told_of_what_was_too_old_and_of_what_is_not_done_yet() {
    let mut world = World::new();
    world.drop_in("counter", guests::COUNTER, &format!("{EMITS}[delivery]\nmax_age_ms = 1000\n"));
    world.start().await;
    let old = Draft { ts: Some(Timestamp(0)), ..draft("demo.tick") };
    let (_, told) = world.bus.emit_and_wait(old, LONG).await.unwrap();
    assert!(matches!(&told[0].outcome, Outcome::Dropped(why) if why.contains("older")), "{told:?}");
    world.drop_in("spin-handle", guests::SPIN_HANDLE, "[limits]\ntimeout_ms = 60000\nfuel_per_event = 18000000000\n");
    world.runtime().rescan().await;
    let (_, told) = world.bus.emit_and_wait(draft("demo.loop"), Duration::from_millis(50)).await.unwrap();
    let slow = told.iter().find(|it| &*it.subscriber == "spin-handle").unwrap();
    assert_eq!(slow.outcome, Outcome::TimedOut);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_told_before_the_next_event_is_over() {
    let mut world = World::new();
    world.drop_in("counter", guests::COUNTER, &format!("{EMITS}[delivery]\nmax_per_second = 2\n"));
    world.start().await;
    // The first goes at once, the second waits for its turn; what comes meanwhile is taken together.
    world.emit("demo.tick").await;
    world.wait_for("test_guest.counted", 1).await;
    world.emit("demo.tick").await;
    let (bus, waited) = (world.bus.clone(), draft("demo.tick"));
    let waiting = tokio::spawn(async move { bus.emit_and_wait(waited, LONG).await });
    world.eventually("it is recorded", || world.events("demo.tick").len() == 3).await;
    world.emit("demo.tick").await;
    let (_, told) = waiting.await.unwrap().unwrap();
    // Told while the last one waits for its turn, half a second later.
    assert_eq!((&told[0].outcome, world.events("test_guest.counted").len()), (&Outcome::Handled, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_given_once_more_takes_its_turn_too() {
    const EVENTS: u32 = 6;
    let mut world = World::new();
    world.drop_in("counter", guests::COUNTER, &format!("{EMITS}[delivery]\nmax_per_second = 20\n"));
    world.start().await;
    let seq = world.emit("demo.tick").await;
    world.eventually("it is handled", || world.cursor("counter") == Some(seq)).await;
    let event = world.bus.journal().event(seq).unwrap().unwrap();
    let begun = Instant::now();
    for _ in 0..EVENTS {
        world.runtime().replay("counter", Arc::clone(&event)).await.unwrap();
    }
    assert!(begun.elapsed() >= Duration::from_millis(50) * (EVENTS - 3), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_given_as_many_a_second_as_its_grant_says() {
    const EVENTS: u32 = 12;
    let mut world = World::new();
    world.drop_in("counter", guests::COUNTER, &format!("{EMITS}[delivery]\nmax_per_second = 20\n"));
    world.start().await;
    let begun = Instant::now();
    for _ in 0..EVENTS {
        world.emit("demo.tick").await;
    }
    world.wait_for("test_guest.counted", EVENTS as usize).await;
    // Never faster: between the first and the last lie eleven turns of 50 ms, of which two may have been saved.
    assert!(begun.elapsed() >= Duration::from_millis(50) * (EVENTS - 3), "{:?}", begun.elapsed());
}
