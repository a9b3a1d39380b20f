//! Plugins as an operator handles them: copied into, over and out of the folder of a running daemon.

use crate::support::{Daemon, Home, stderr, stdout, wait_for};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use tollgate_bundled::guests;

const COUNTER_GRANT: &str = "[grant]\nemit = [\"test_guest.counted\"]\n";

fn serving(daemon: &Daemon, name: &str, version: &str) {
    wait_for(format!("{name} {version} to serve"), || {
        let plugin = daemon.plugin(name);
        (plugin["state"] == "serving" && plugin["version"] == version).then_some(())
    });
}

fn emit(daemon: &Daemon, event_type: &str) -> u64 {
    let draft = json!({"type": event_type, "source": "core", "payload": {}});
    let (status, answer) = daemon.post("/api/events", &draft.to_string()).expect("the daemon answers");
    assert!(status < 300, "{answer}");
    let receipt = answer.as_array().map_or(&answer, |receipts| &receipts[0]);
    receipt.get("events").map_or(receipt, |receipts| &receipts[0])["seq"].as_u64().expect("a seq")
}

#[test]
fn copied_in_over_and_out_each_event_is_handled_once() {
    let home = Home::new();
    let daemon = home.start();
    home.install("counter", guests::COUNTER, COUNTER_GRANT);
    serving(&daemon, "counter", "0.1.0");

    let stop = AtomicBool::new(false);
    let ticks = std::thread::scope(|scope| {
        let emitter = scope.spawn(|| {
            let mut ticks = Vec::new();
            while !stop.load(Ordering::SeqCst) {
                ticks.push(emit(&daemon, "demo.tick"));
            }
            ticks
        });
        let counted = |version: &str| {
            daemon.events("test_guest.counted").iter().filter(|event| event["payload"]["version"] == version).count()
        };
        wait_for("the first version to count", || (counted("0.1.0") > 20).then_some(()));
        // A slow copy over the serving file: half of it is not a component, and the old one goes on serving.
        let file = home.path().join("plugins/counter.wasm");
        let (first, second) = guests::COUNTER_V2.split_at(guests::COUNTER_V2.len() / 2);
        fs::write(&file, first).expect("half a file");
        let at_half = counted("0.1.0");
        wait_for("the old version to go on", || (counted("0.1.0") > at_half + 20).then_some(()));
        fs::write(&file, [first, second].concat()).expect("the whole file");
        serving(&daemon, "counter", "0.2.0");
        wait_for("the second version to count", || (counted("0.2.0") > 20).then_some(()));
        stop.store(true, Ordering::SeqCst);
        emitter.join().expect("the emitter")
    });

    // Handled is not yet committed: what counts is what is on record.
    wait_for("every tick to be counted", || (daemon.events("test_guest.counted").len() >= ticks.len()).then_some(()));
    let mut handled: BTreeMap<u64, u64> = BTreeMap::new();
    let mut counts = Vec::new();
    for event in daemon.events("test_guest.counted") {
        *handled.entry(event["payload"]["seq"].as_u64().unwrap()).or_default() += 1;
        counts.push(event["payload"]["count"].as_u64().unwrap());
    }
    assert_eq!(handled, ticks.iter().map(|seq| (*seq, 1)).collect(), "each tick exactly once");
    assert_eq!(counts, (1..=ticks.len() as u64).collect::<Vec<_>>(), "the store was kept over the swap");

    fs::remove_file(home.path().join("plugins/counter.wasm")).expect("the file is there");
    wait_for("the plugin to be gone", || (daemon.plugin("counter") == Value::Null).then_some(()));
    let before = daemon.events("test_guest.counted").len();
    emit(&daemon, "demo.tick");
    assert_eq!(daemon.events("test_guest.counted").len(), before);
    assert_eq!(daemon.events("plugin.unloaded").len(), 1);
}

#[test]
fn a_file_that_is_no_plugin_is_refused_and_says_why() {
    let home = Home::new();
    let daemon = home.start();
    for (name, bytes, stage) in [
        ("noise", b"not wasm at all".as_slice(), "format"),
        ("core-module", b"\0asm\x01\0\0\0", "format"),
        ("cut", &guests::COUNTER[..guests::COUNTER.len() / 2], "format"),
        ("other-name", guests::COUNTER, "name"),
    ] {
        home.install(name, bytes, COUNTER_GRANT);
        let plugin = wait_for(format!("{name} to be refused"), || {
            let plugin = daemon.plugin(name);
            // Its grant file comes first, and is a plugin without a component for that moment.
            (plugin["state"] == "rejected" && plugin["rejected"]["stage"] != "read").then_some(plugin)
        });
        assert_eq!(plugin["rejected"]["stage"], stage, "{name}: {plugin}");
        assert_ne!(plugin["rejected"]["cause"].as_str().unwrap_or_default(), "", "{name} says nothing");
    }
    assert_eq!(daemon.plugin("audit")["state"], "serving");
}

#[test]
fn where_signatures_are_asked_for_only_the_binarys_own_plugins_go_without() {
    let home = Home::new();
    home.configure(
        "[plugins]\nrequire_signature = true\nkeys = [\"RWTixxHWpXNccqhlGC2OavAnB6SZQ0DCFW3Kig/EJbr47lxojh9VYtmu\"]\n",
    );
    home.install("counter", guests::COUNTER, COUNTER_GRANT);
    let daemon = home.start();
    for plugin in tollgate_bundled::PLUGINS {
        assert_eq!(daemon.plugin(plugin.name)["state"], "serving", "{}", plugin.name);
    }
    let counter = daemon.plugin("counter");
    assert_eq!((&counter["state"], &counter["rejected"]["stage"]), (&json!("rejected"), &json!("signature")));
    let listed = stdout(&home.tollgate(["plugin", "inspect", "counter"]));
    assert!(listed.contains("minisign -Sm counter.wasm"), "{listed}");
}

#[test]
fn after_a_crash_a_broken_file_is_stood_in_for_by_the_last_that_worked() {
    let home = Home::without_plugins();
    home.install("counter", guests::COUNTER, COUNTER_GRANT);
    let daemon = home.start();
    serving(&daemon, "counter", "0.1.0");
    emit(&daemon, "demo.tick");
    wait_for("it to count", || (daemon.events("test_guest.counted").len() == 1).then_some(()));
    daemon.kill();
    home.install("counter", &guests::COUNTER_V2[..guests::COUNTER_V2.len() - 1], "");
    let daemon = home.start();
    serving(&daemon, "counter", "0.1.0");
    assert_eq!(daemon.plugin("counter")["rejected"]["stage"], "format");
    let logs = stdout(&home.tollgate(["plugin", "logs", "counter"]));
    assert!(logs.contains("its last good version serves instead of the file"), "{logs}");
    emit(&daemon, "demo.tick");
    let counted = wait_for("it to go on", || {
        let counted = daemon.events("test_guest.counted");
        (counted.len() == 2).then_some(counted)
    });
    assert_eq!(counted[1]["payload"]["count"], 2);
    // Whole again, it takes over.
    home.install("counter", guests::COUNTER_V2, "");
    serving(&daemon, "counter", "0.2.0");
    assert_eq!(daemon.plugin("counter")["rejected"], Value::Null);
}

#[test]
fn a_second_start_compiles_nothing() {
    let home = Home::new().cold();
    let daemon = home.start();
    assert_eq!(daemon.log().matches("plugin.compile").count(), tollgate_bundled::PLUGINS.len(), "{}", daemon.log());
    daemon.kill();
    let daemon = home.start();
    assert_eq!(daemon.plugin("audit")["state"], "serving");
    assert!(!daemon.log().contains("plugin.compile"), "{}", daemon.log());
    // Another start after something was put into the cache from outside: not used, and said.
    daemon.kill();
    for kept in fs::read_dir(home.path().join("cache/components")).expect("a cache") {
        let path = kept.expect("a file").path();
        let mut bytes = fs::read(&path).expect("kept code");
        *bytes.last_mut().expect("some") ^= 1;
        fs::write(&path, bytes).expect("spoiled");
    }
    let daemon = home.start();
    assert_eq!(daemon.plugin("audit")["state"], "serving");
    let said = daemon.log().matches("not used, and removed").count();
    assert_eq!(said, tollgate_bundled::PLUGINS.len(), "{}", daemon.log());
}

#[test]
fn a_plugin_waits_for_its_grant_and_the_command_line_gives_it() {
    let home = Home::new();
    let daemon = home.start();
    home.install("counter", guests::COUNTER, "");
    wait_for("the plugin to wait", || (daemon.plugin("counter")["state"] == "needs_grant").then_some(()));
    let output = home.tollgate(["plugin", "grant", "counter", "--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("test_guest.counted"), "{}", stdout(&output));
    serving(&daemon, "counter", "0.1.0");

    for (command, state) in [("disable", "disabled"), ("enable", "serving")] {
        let output = home.tollgate(["plugin", command, "counter"]);
        assert_eq!(output.status.code(), Some(0), "{command}: {}", stderr(&output));
        wait_for(state, || (daemon.plugin("counter")["state"] == state).then_some(()));
    }
}

#[test]
fn a_newer_version_that_needs_more_is_shown_beside_the_one_that_serves() {
    let home = Home::without_plugins();
    let daemon = home.start();
    home.install("counter", guests::COUNTER, COUNTER_GRANT);
    serving(&daemon, "counter", "0.1.0");
    let greedy = tollgate_bundled::renamed(guests::COUNTER_V2, "test_guest.counted", "test_guest.greedie");
    home.install("counter", &greedy, "");
    wait_for("it to wait", || daemon.events("plugin.needs_grant").pop());
    serving(&daemon, "counter", "0.1.0");
    let listed = stdout(&home.tollgate(["plugin", "list"]));
    let waits = "counter: waits: 0.2.0 needs emit test_guest.greedie: `tollgate plugin grant counter` shows it";
    assert!(listed.contains(waits), "{listed}");
    assert_eq!(daemon.plugin("counter")["waiting"]["missing"], json!(["emit test_guest.greedie"]));
    // Nobody said yes.
    let shown = home.tollgate(["plugin", "grant", "counter"]);
    assert!(stdout(&shown).contains(" missing: emit test_guest.greedie (needed)"), "{}", stdout(&shown));
    serving(&daemon, "counter", "0.1.0");
    assert_eq!(home.tollgate(["plugin", "grant", "counter", "--yes"]).status.code(), Some(0));
    serving(&daemon, "counter", "0.2.0");
    assert!(!stdout(&home.tollgate(["plugin", "list"])).contains("waits"));
    emit(&daemon, "demo.tick");
    wait_for("it to count", || (!daemon.events("test_guest.greedie").is_empty()).then_some(()));
}

#[test]
fn a_guest_that_never_ends_is_stopped_and_the_host_goes_on() {
    let home = Home::new();
    home.install("spin-handle", guests::SPIN_HANDLE, "[limits]\ntimeout_ms = 100\n");
    home.install("counter", guests::COUNTER, COUNTER_GRANT);
    let daemon = home.start();
    emit(&daemon, "demo.loop");
    let fault = wait_for("the fault", || daemon.events("plugin.faulted").into_iter().next());
    assert_eq!(fault["payload"]["plugin"], "spin-handle");
    assert!(["timeout", "out_of_fuel"].contains(&fault["payload"]["cause"].as_str().unwrap()), "{fault}");
    let tick = emit(&daemon, "demo.tick");
    wait_for("the other plugin to go on", || {
        daemon.events("test_guest.counted").iter().any(|event| event["payload"]["seq"] == tick).then_some(())
    });
}

#[test]
fn a_plugin_over_its_fuel_of_a_minute_waits_and_says_so() {
    let home = Home::without_plugins();
    home.install("counter", guests::COUNTER, &format!("{COUNTER_GRANT}[limits]\nfuel_per_minute = 1\n"));
    let daemon = home.start();
    serving(&daemon, "counter", "0.1.0");
    assert_eq!(daemon.plugin("counter")["throttled"], false);
    emit(&daemon, "demo.tick");
    emit(&daemon, "demo.tick");
    let plugin = wait_for("the wait", || {
        let plugin = daemon.plugin("counter");
        (plugin["throttled"] == true).then_some(plugin)
    });
    assert_eq!((&plugin["calls"], &plugin["state"]), (&json!(1), &json!("serving")), "{plugin}");
    assert!(plugin["queue"].as_u64() > Some(0), "the second event waits: {plugin}");
    let listed = stdout(&home.tollgate(["plugin", "list"]));
    assert!(listed.contains("counter: throttled: its fuel_per_minute is spent"), "{listed}");
    let logs = stdout(&home.tollgate(["plugin", "logs", "counter"]));
    assert!(logs.contains("over its fuel of this minute: the next call waits"), "{logs}");
}

#[test]
fn a_guard_whose_verdicts_do_not_count_is_told_of_until_they_do() {
    let home = Home::without_plugins();
    home.install("deny-guard", guests::DENY_GUARD, "");
    let daemon = home.start();
    serving(&daemon, "deny-guard", "0.1.0");
    let listed = || stdout(&home.tollgate(["plugin", "list"]));
    let words = "deny-guard: a guard whose verdicts do not count: `tollgate plugin grant deny-guard` shows what would";
    assert_eq!(daemon.plugin("deny-guard")["shadow"], true);
    assert!(listed().contains(words), "{}", listed());
    let granted = home.tollgate(["plugin", "grant", "deny-guard", "--yes"]);
    assert!(
        granted.status.success() && stdout(&granted).contains("gate = [\"deny\", \"ask\"]"),
        "{}",
        stdout(&granted)
    );
    wait_for("it to count", || (daemon.plugin("deny-guard")["shadow"] == false).then_some(()));
    assert!(!listed().contains(words), "{}", listed());
}
