//! Guests that misbehave, in a daemon that people use: one test for each file `tests/guests/examples/hostile_*`, and
//! one for each that no compiler makes. What must hold of all of them is `world`'s.
//!
//! A new file without an arm in [`run`] does not compile.

mod files;
mod made;
mod world;

use crate::support::wait_for;
use serde_json::json;
use tollgate_bundled::guests::{self, Hostile};
use world::{Case, World};

/// Time enough for all of the fuel, however slow the machine: what ends the call is the fuel.
const TIME: &str = "[limits]\ntimeout_ms = 60_000\n";

tollgate_bundled::hostile_tests!(run);

fn run(hostile: Hostile) {
    let case = Case::of(hostile);
    match hostile {
        Hostile::EndlessLoopInDescribe => case.grant(TIME).is_refused("describe", "out_of_fuel"),
        Hostile::EndlessLoopInInit => {
            case.grant(TIME).is_refused("init", "out_of_fuel");
            case.grant("[limits]\nfuel_init = 1_000_000_000_000\ntimeout_ms = 200\n").is_refused("init", "timeout");
        }
        Hostile::EndlessLoopInHandle => {
            case.grant(TIME).is_given_up("out_of_fuel");
            case.grant("[limits]\nfuel_per_event = 1_000_000_000_000\ntimeout_ms = 200\n").is_given_up("timeout");
            case.grant(TIME).is_put_into_quarantine("out_of_fuel");
        }
        Hostile::EndlessLoopInCheck => {
            denies_what_it_gates(&case, "[limits]\ngate_timeout_ms = 60_000\n", ("fault", "out_of_fuel"));
            denies_what_it_gates(&case, "[limits]\nfuel_per_gate = 1_000_000_000_000\n", ("timeout", "timeout"));
        }
        Hostile::EndlessLoopInStop => is_stopped_all_the_same(&case.grant(TIME)),
        Hostile::EndlessHostCalls => case.grant(TIME).is_given_up("out_of_fuel"),
        Hostile::DeepRecursion => {
            let world = case.grant("[limits]\nfuel_per_event = 10_000_000_000\n").given_up("stack_overflow");
            let backtrace = world.faulted(case.name, 3)[0]["payload"]["backtrace"].as_str().unwrap().to_owned();
            assert!(backtrace.contains("  31: ") && !backtrace.contains("  32: "), "{backtrace}");
        }
        Hostile::MemoryGrowth => case.grant("[limits]\nfuel_per_event = 10_000_000_000\n").is_given_up("memory"),
        // It has the memory for what it says, and the fuel: it is the host that does not take it.
        Hostile::HugeString => case
            .with_memory(256 << 20)
            .grant("[limits]\nmemory_bytes = 268_435_456\nfuel_per_event = 10_000_000_000\ntimeout_ms = 20_000\n")
            .is_given_up("host_bytes"),
        Hostile::MillionStrings => {
            case.grant("[limits]\nfuel_per_event = 10_000_000_000\ntimeout_ms = 20_000\n").is_given_up("host_bytes");
        }
        Hostile::MillionLogLines => {
            case.grant(TIME).is_given_up("out_of_fuel");
            is_cut(&case.grant("[limits]\nfuel_per_event = 100_000_000_000\ntimeout_ms = 60_000\n"));
        }
        Hostile::StdoutFlood => case.grant(TIME).is_given_up("out_of_fuel"),
        Hostile::EmitFlood => floods_no_one(&case.grant("[grant]\nemit = [\"test_guest.*\"]\n")),
        Hostile::EmitStorm => blows_over(&case.grant("[grant]\nemit = [\"test_guest.*\"]\n")),
        Hostile::SleepInHostCall => case.grant("[limits]\ntimeout_ms = 200\n").is_given_up("timeout"),
        Hostile::HugePanic => says_a_little(&case),
        Hostile::LongWords => is_cut_short(&case.grant("[grant]\ngate = [\"deny\"]\n")),
        Hostile::AsksForEverything => waits_for_a_grant(&case),
    }
}

/// A guard that never answers: the call is denied. The causes are the verdict's and the fault's.
fn denies_what_it_gates(case: &Case<'_>, limits: &str, (verdict_cause, cause): (&str, &str)) {
    let grant = format!("[grant]\ngate = [\"deny\"]\n{limits}");
    let case = case.grant(&grant);
    let world = World::new();
    world.serves(&case);
    world.beside(&case, || {
        let verdict = world.daemon.gate("s1", &world.home.workspace(), "ls", 0);
        let found = (&verdict["decision"], &verdict["cause"], &verdict["decided_by"]);
        let expected = (&json!("deny"), &json!(verdict_cause), &json!(format!("plugin:{}", case.name)));
        assert_eq!(found, expected, "{verdict}");
        world.faulted(case.name, 1);
    });
    let faulted = world.faulted(case.name, 1);
    assert_eq!(faulted[0]["payload"]["cause"], cause, "{faulted:?}");
    world.listed(case.name, &["last_fault", "cause"], cause);
}

fn is_stopped_all_the_same(case: &Case<'_>) {
    let world = World::new();
    world.serves(case);
    world.beside(case, || {
        let output = world.home.tollgate(["plugin", "disable", case.name]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        world.until(case.name, "disabled", |plugin| plugin["state"] == "disabled" && plugin["faults"] == 1);
    });
    world.listed(case.name, &["last_fault", "cause"], "out_of_fuel");
}

/// It has fuel for all that it says, and of that a bounded number of lines is kept.
fn is_cut(case: &Case<'_>) {
    let world = World::new();
    world.serves(case);
    world.beside(case, || {
        world.emit("demo.loop");
        world.until(case.name, "done", |plugin| plugin["calls"].as_u64() >= Some(1) && plugin["queue"] == 0);
    });
    let plugin = world.daemon.plugin(case.name);
    assert_eq!((&plugin["faults"], &plugin["state"]), (&json!(0), &json!("serving")), "{plugin}");
    let kept = (64 * 1_024) / "again".len() as u64;
    assert_eq!(plugin["over_budget"], 1_000_000 - kept, "{plugin}");
    assert_eq!(
        world.logs(case.name).last().unwrap()["message"],
        "over the log budget of one event: further lines are dropped"
    );
}

fn floods_no_one(case: &Case<'_>) {
    let world = World::new();
    world.serves(case);
    world.beside(case, || {
        world.emit("demo.loop");
        world.until(case.name, "done", |plugin| plugin["over_budget"] == 1);
    });
    assert_eq!(world.daemon.events("test_guest.flood").len(), 64);
    let plugin = world.daemon.plugin(case.name);
    assert_eq!((&plugin["faults"], &plugin["state"]), (&json!(0), &json!("serving")), "{plugin}");
}

/// Each answer is four events, each of which is answered: it ends where one root has set off as many as it may.
fn blows_over(case: &Case<'_>) {
    let world = World::new();
    world.serves(case);
    world.serves(&Case { name: "storm-peer", component: guests::STORM_PEER, ..*case });
    let first = world.emit("demo.loop");
    let storm = || {
        let mut storm = world.daemon.events(&format!("test_guest.*&since={first}"));
        storm.retain(|event| event["type"] != "test_guest.counted");
        storm
    };
    let handled = |name: &str| world.daemon.plugin(name)["calls"].as_u64().unwrap() as usize;
    world.beside(case, || {
        wait_for("the storm's end", || {
            let (pings, pongs): (Vec<_>, Vec<_>) = storm().into_iter().partition(|it| it["type"] == "test_guest.ping");
            let over = pings.len() + pongs.len() >= 1_000 && handled("storm-peer") == pings.len();
            (over && handled(case.name) == pongs.len() + 1).then_some(())
        });
    });
    // One root sets off 1,000, and what both had staged by then: the eight commits under way of each and the next.
    let storm = storm();
    assert!(storm.len() < 1_000 + 2 * 9 * 256, "{} events of one root", storm.len());
    let refused = |name| world.logs(name).iter().any(|line| line["message"] == "EmitError::TooDeep");
    assert!(refused(case.name) || refused("storm-peer"), "nobody was told");
    for name in [case.name, "storm-peer"] {
        let plugin = world.daemon.plugin(name);
        assert_eq!((&plugin["faults"], &plugin["state"]), (&json!(0), &json!("serving")), "{plugin}");
    }
}

fn says_a_little(case: &Case<'_>) {
    let world = case.given_up("panic");
    for fault in world.faulted(case.name, 3) {
        let message = fault["payload"]["message"].as_str().unwrap();
        assert!(message.starts_with("out of patience: no no ") && message.len() < 1_100, "{message}");
        // The guest's own function, by its name.
        let backtrace = fault["payload"]["backtrace"].as_str().unwrap();
        assert!(backtrace.contains("hostile_huge_panic::give_up"), "{backtrace}");
        assert!(backtrace.len() < 9_000);
    }
    let inspected = world.daemon.get(&format!("/api/plugins/{}", case.name)).unwrap();
    let backtrace = inspected["last_fault"]["backtrace"].as_str().unwrap();
    assert!(backtrace.contains("hostile_huge_panic::give_up"), "{inspected}");
    let logs = world.logs(case.name);
    let told = |part: &str| logs.iter().any(|line| line["message"].as_str().unwrap().contains(part));
    assert!(told("fault: panic: out of patience") && told("hostile_huge_panic::give_up"), "{logs:?}");
    assert!(logs.iter().all(|line| line["message"].as_str().unwrap().len() <= 4 * 1_024 + "…".len()));
}

/// Its words reach people, who read a line of them.
fn is_cut_short(case: &Case<'_>) {
    let world = World::new();
    world.serves(case);
    world.beside(case, || {
        world.emit("demo.loop");
        world.emit("demo.fail");
        world.until(case.name, "done", |plugin| plugin["dead_letters"] == 1 && plugin["failed"] == 1);
        let verdict = world.daemon.gate("s1", &world.home.workspace(), "ls", 0);
        let reason = verdict["reason"].as_str().unwrap();
        assert!(verdict["decision"] == "deny" && reason.len() < 1_500, "{verdict}");
    });
    let letters = world.daemon.get(&format!("/api/deadletters?plugin={}", case.name)).unwrap()["dead_letters"].clone();
    let message = letters[0]["message"].as_str().unwrap();
    assert!((letters[0]["cause"] == "retry") && message.starts_with("no no ") && message.len() < 1_100, "{letters}");
    let logs = world.logs(case.name);
    let failed = logs.iter().find(|line| line["message"].as_str().unwrap().contains(" failed: no no ")).unwrap();
    assert!(failed["message"].as_str().unwrap().len() < 1_100, "{failed}");
}

fn waits_for_a_grant(case: &Case<'_>) {
    let world = World::new();
    world.beside(case, || {
        world.install(case);
        world.until(case.name, "waiting", |plugin| plugin["state"] == "needs_grant");
    });
    let told = world.daemon.events("plugin.needs_grant");
    let missing: Vec<_> =
        told[0]["payload"]["missing"].as_array().unwrap().iter().map(|need| need.as_str().unwrap()).collect();
    assert_eq!(missing.len(), 7, "{missing:?}");
    assert_eq!(world.daemon.plugin(case.name)["calls"], 0);
}
