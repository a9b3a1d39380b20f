//! Guests that misbehave: the cause is named exactly, the host lives, and what follows is as written.

use super::{EMITS, World, fields, payload};
use crate::PluginState;
use serde_json::json;
use std::time::Duration;
use tollgate_bundled::guests;
use tollgate_core::journal::Durability;

/// Time enough for all of the fuel, however slow the machine.
const TIME: &str = "[limits]\ntimeout_ms = 60_000\n";

/// One hostile event: its cause is `cause`, it goes to the dead letters after three tries, the next is handled.
async fn check(name: &str, component: &[u8], grant: &str, cause: &str) {
    let world = World::with(name, component, grant).await;
    assert_eq!(world.state(name), PluginState::Serving, "{}", world.story());
    let seq = world.emit("demo.loop").await;
    world.emit("demo.tick").await;
    world.eventually("given up and the next handled", || world.status(name).calls == 4).await;
    let faulted = world.wait_for("plugin.faulted", 3).await;
    assert_eq!(fields(&faulted, "cause"), [json!(cause), json!(cause), json!(cause)], "{}", world.story());
    assert_eq!(fields(&faulted, "tries"), [json!(1), json!(2), json!(3)]);
    world.eventually("a dead letter", || world.bus.journal().dead_letters(Some(name), 10).unwrap().len() == 1).await;
    let letter = &world.bus.journal().dead_letters(Some(name), 10).unwrap()[0];
    assert_eq!((letter.seq, &*letter.cause, letter.tries), (seq, cause, 3));
    let status = world.status(name);
    assert_eq!((status.faults, status.dead_letters, status.state), (3, 1, PluginState::Serving));
    assert_eq!(status.last_fault.unwrap().fault.cause.as_str(), cause);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_runs_out_of_fuel() {
    check("spin-handle", guests::SPIN_HANDLE, TIME, "out_of_fuel").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_with_much_fuel_runs_into_the_wall_clock() {
    let grant = "[limits]\nfuel_per_event = 1_000_000_000_000\ntimeout_ms = 50\n";
    check("spin-handle", guests::SPIN_HANDLE, grant, "timeout").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_is_a_trap() {
    check("trap", guests::TRAP, "", "trap").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn growing_memory_is_stopped() {
    check(
        "hostile-memory-growth",
        guests::HOSTILE_MEMORY_GROWTH,
        "[limits]\nfuel_per_event = 10_000_000_000\ntimeout_ms = 60_000\n",
        "memory",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_recursion_is_stopped() {
    check(
        "hostile-deep-recursion",
        guests::HOSTILE_DEEP_RECURSION,
        "[limits]\nfuel_per_event = 10_000_000_000\ntimeout_ms = 60_000\n",
        "stack_overflow",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_says_what_it_said() {
    check("panics", guests::PANICS, "", "panic").await;
    let world = World::with("panics", guests::PANICS, "").await;
    world.emit("demo.loop").await;
    let faulted = payload(&world.wait_for("plugin.faulted", 1).await[0]);
    assert!(faulted["message"].as_str().unwrap().len() > 10, "{faulted}");
    assert!(faulted["backtrace"].as_str().unwrap().contains("wasm"), "{faulted}");
}

/// A file that is refused at `stage`.
async fn refused(name: &str, component: &[u8], grant: &str, stage: &str, part: &str) {
    let world = World::with(name, component, grant).await;
    let rejected = world.status(name).rejected.unwrap();
    assert_eq!(rejected.stage.as_str(), stage, "{rejected}");
    assert!(rejected.cause.contains(part), "{rejected}");
    assert_eq!(world.state(name), PluginState::Rejected);
    assert_eq!(fields(&world.events("plugin.rejected"), "stage"), [json!(stage)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_refused_at_the_stage_where_they_fail() {
    refused("hostile-endless-loop-in-init", guests::HOSTILE_ENDLESS_LOOP_IN_INIT, TIME, "init", "out_of_fuel").await;
    refused("wrong-name", guests::WRONG_NAME, "", "name", "some-other-name").await;
    refused("Bad_Name", guests::COUNTER, "", "name", "rename").await;
    refused("bad-config-init-fails", guests::BAD_CONFIG_INIT_FAILS, "", "config", "[config]: \"limit\"").await;
    let config = "[config]\nlimit = -1\n";
    refused("bad-config-init-fails", guests::BAD_CONFIG_INIT_FAILS, config, "config", "[config] limit:").await;
    let config = "[config]\nlimit = 3\n";
    refused("bad-config-init-fails", guests::BAD_CONFIG_INIT_FAILS, config, "init", "must be even").await;
    refused("junk", b"\0asm\x0d\0\x01\0noise", "", "format", "damaged").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_logging_works_while_a_plugin_describes_itself() {
    let world = World::with("describe-calls", guests::DESCRIBE_CALLS, "").await;
    assert_eq!(world.status("describe-calls").version, "0.1.0", "the store was there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_repeats_nothing() {
    let world = World::with("retry-once", guests::RETRY_ONCE, EMITS).await;
    let seq = world.emit("demo.loop").await;
    let tried = world.wait_for("test_guest.tried", 1).await;
    assert_eq!((payload(&tried[0])["seq"].clone(), payload(&tried[0])["again"].clone()), (json!(seq), json!(true)));
    assert_eq!(world.status("retry-once").faults, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_final_counted_and_emits_nothing() {
    let world = World::with("fails", guests::FAILS, EMITS).await;
    world.emit("demo.loop").await;
    world.emit("demo.tick").await;
    world.eventually("both handled", || world.status("fails").calls == 2).await;
    let status = world.status("fails");
    assert_eq!((status.failed, status.faults, status.dead_letters), (1, 0, 0));
    assert!(world.events("test_guest.*").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_are_cut_at_their_budget() {
    let world = World::with("hostile-emit-flood", guests::HOSTILE_EMIT_FLOOD, EMITS).await;
    world.emit("demo.loop").await;
    assert_eq!(world.wait_for("test_guest.flood", 64).await.len(), 64);
    world.eventually("counted", || world.status("hostile-emit-flood").over_budget == 1).await;
    let world = World::with("log-flood", guests::LOG_FLOOD, "").await;
    world.emit("demo.loop").await;
    world.eventually("handled", || world.status("log-flood").calls == 1).await;
    let logs = world.runtime().logs("log-flood", usize::MAX).unwrap();
    assert_eq!(logs.iter().filter(|line| line.text.starts_with("xxx")).count(), 64);
    assert_eq!(logs.iter().filter(|line| line.text.contains("log budget")).count(), 1);
    world.eventually("counted", || world.status("log-flood").over_budget > 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_lead_to_quarantine_and_a_probe_ends_it() {
    let mut world = World::new();
    world.tempo.faults = 5;
    world.tempo.cooldown_first = Duration::from_millis(300);
    world.drop_in("trap", guests::TRAP, "");
    world.start().await;
    for _ in 0..2 {
        world.emit("demo.loop").await;
    }
    world.wait_for("plugin.quarantined", 1).await;
    assert_eq!(world.state("trap"), PluginState::Quarantined);
    assert_eq!(fields(&world.events("plugin.quarantined"), "cooldown_ms"), [json!(300)]);
    // The sixth try is the probe: it faults, and the quarantine doubles. The next event is handled and ends it.
    world.emit("demo.tick").await;
    let quarantined = world.wait_for("plugin.quarantined", 2).await;
    assert_eq!(fields(&quarantined, "cooldown_ms"), [json!(300), json!(600)]);
    world.wait_for("plugin.recovered", 1).await;
    assert_eq!(world.state("trap"), PluginState::Serving);
    assert_eq!(world.bus.journal().dead_letters(Some("trap"), 10).unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_loops_does_not_keep_another_from_its_events() {
    let mut world = World::new();
    for name in ["spin-handle", "counter"] {
        let component = if name == "counter" { guests::COUNTER } else { guests::SPIN_HANDLE };
        let grant = "[grant]\nemit = [\"test_guest.*\"]\n[limits]\nfuel_per_event = 1_000_000_000_000\n";
        world.drop_in(name, component, grant);
    }
    world.start().await;
    world.emit("demo.loop").await;
    for _ in 0..100 {
        world.emit("demo.tick").await;
    }
    world.wait_for("test_guest.counted", 101).await;
    assert_eq!(world.status("spin-handle").dead_letters, 0, "it is looping still");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_faults_is_charged_to_the_minute_too() {
    let world = World::with("trap", guests::TRAP, "[limits]\nfuel_per_minute = 1\n").await;
    world.emit("demo.loop").await;
    let waits = |world: &World| {
        let logs = world.runtime().logs("trap", 100).unwrap();
        logs.iter().any(|line| line.text.contains("over its fuel of this minute"))
    };
    world.eventually("it waits", || waits(&world)).await;
    assert_eq!(world.status("trap").calls, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_in_quarantine_shows_what_waits_and_leaves_the_ticker_alone() {
    let mut world = World::new();
    world.tempo.faults = 1;
    world.tempo.cooldown_first = Duration::from_secs(3_600);
    world.drop_in("trap", guests::TRAP, "");
    world.start().await;
    world.emit("demo.loop").await;
    world.wait_for("plugin.quarantined", 1).await;
    for _ in 0..200 {
        world.emit("demo.tick").await;
    }
    world.eventually("the ticker is parked", || world.runtime().ticker_is_parked()).await;
    let status = world.status("trap");
    assert_eq!(status.state, PluginState::Quarantined);
    assert!(status.queue > 0 && status.lag >= 201, "queue {}, lag {}", status.queue, status.lag);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_after_a_long_rest_has_all_of_its_time() {
    let mut world = World::new();
    world.tempo.fuel_minute = Duration::from_millis(2_500);
    // It runs for longer than an epoch, at whose end a call whose time is over ends.
    let grant = "[limits]\nfuel_per_minute = 1\ntimeout_ms = 2_000\n[delivery]\nstart = \"beginning\"\n";
    world.drop_in("log-flood", guests::LOG_FLOOD, grant);
    for _ in 0..3 {
        world.emit("demo.loop").await;
    }
    world.start().await;
    world.eventually("all are tried", || world.status("log-flood").calls >= 3).await;
    assert_eq!(world.status("log-flood").faults, 0, "{}", world.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_is_recorded_though_the_next_event_takes_for_ever() {
    let mut world = World::on(Durability::Normal);
    let grant =
        "[limits]\nfuel_per_event = 1_000_000_000_000_000\ntimeout_ms = 600_000\n[delivery]\nstart = \"beginning\"\n";
    world.drop_in("spin-handle", guests::SPIN_HANDLE, grant);
    let tick = world.emit("demo.tick").await;
    for _ in 0..3 {
        world.emit("demo.loop").await;
    }
    world.start().await;
    assert!(world.status("spin-handle").lag > 0, "four events wait from the start");
    let cursor = |world: &World| {
        let cursors = world.bus.journal().stats().unwrap().cursors;
        cursors.iter().find(|(name, _)| name == "spin-handle").map(|(_, seq)| *seq)
    };
    world.eventually("its cursor moves", || cursor(&world) == Some(tick)).await;
    let status = world.status("spin-handle");
    assert_eq!((status.calls, status.faults), (1, 0));
    assert!(status.queue > 0 && status.lag > 0, "queue {}, lag {}", status.queue, status.lag);
}
