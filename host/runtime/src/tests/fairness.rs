//! Few cores for many guests: those that compute for ever leave their turn to the others, and an event that cannot be
//! handled leaves it to those behind it.

use super::guards::call;
use super::{EMITS, World, fields};
use serde_json::json;
use tollgate_bundled::{guests, renamed};
use tollgate_core::gate::{GuardOutcome, Guards};

/// More than guests have threads, by far.
const BUSY: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn plugins_that_compute_for_ever_starve_neither_guards_nor_neighbours() {
    let mut world = World::new();
    let for_ever =
        "[limits]\nfuel_per_event = 1_000_000_000_000_000\ntimeout_ms = 3_600_000\n[delivery]\ndrain_ms = 0\n";
    for number in 0..BUSY {
        let name = format!("spin-handl{number}");
        world.drop_in(&name, &renamed(guests::SPIN_HANDLE, "spin-handle", &name), for_ever);
    }
    for name in ["counter", "reckons"] {
        world.drop_in(name, &renamed(guests::COUNTER, "counter", name), EMITS);
    }
    let patient = "[grant]\ngate = [\"deny\"]\n[limits]\ngate_timeout_ms = 60_000\n";
    world.drop_in("deny-guard", guests::DENY_GUARD, patient);
    world.start().await;
    world.emit("demo.loop").await;
    let all_busy = |world: &World| (0..BUSY).all(|number| world.status(&format!("spin-handl{number}")).queue > 0);
    world.eventually("all of them compute", || all_busy(&world)).await;
    for round in 1..=10 {
        for _ in 0..10 {
            world.emit("demo.tick").await;
        }
        let answers = world.runtime().check(&call()).await;
        assert!(matches!(&answers[..], [one] if matches!(one.outcome, GuardOutcome::Deny(_))), "{answers:?}");
        let counted = |name: &str| world.status(name).calls > 10 * round;
        world.eventually("both neighbours go on", || counted("counter") && counted("reckons")).await;
    }
    for number in 0..BUSY {
        let status = world.status(&format!("spin-handl{number}"));
        assert_eq!((status.calls, status.faults), (0, 0), "it computes still: {status:?}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_handled_holds_up_those_behind_it_for_its_tries_alone() {
    let world = World::with("trap", guests::TRAP, "").await;
    let poisoned = world.emit("demo.loop").await;
    for _ in 0..20 {
        world.emit("demo.tick").await;
    }
    world.eventually("those behind it are handled", || world.status("trap").calls == 3 + 20).await;
    let letters = || world.bus.journal().dead_letters(Some("trap"), 10).unwrap();
    world.eventually("it is given up", || letters().len() == 1).await;
    assert_eq!((letters()[0].seq, letters()[0].tries), (poisoned, 3));
    assert_eq!(fields(&world.events("plugin.faulted"), "tries"), [json!(1), json!(2), json!(3)]);
}
