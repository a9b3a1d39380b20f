//! Loading, handling, swapping, granting, removing.

use super::dropping::greedy;
use super::{EMITS, World, fields, payload};
use crate::{PluginState, RuntimeError};
use serde_json::{Value, json};
use tollgate_bundled::guests;
use tollgate_core::journal::Durability;

/// Each counted seq once, the counts without gap or repetition.
fn counted_exactly_once(world: &World, seqs: &[u64]) {
    let counted = world.events("test_guest.counted");
    let wanted: Vec<Value> = seqs.iter().map(|seq| json!(seq)).collect();
    assert_eq!(fields(&counted, "seq"), wanted);
    let counts: Vec<Value> = (1..=seqs.len()).map(|count| json!(count)).collect();
    assert_eq!(fields(&counted, "count"), counts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_in_the_folder_handles_every_event_once() {
    let world = World::with("counter", guests::COUNTER, EMITS).await;
    assert_eq!(world.state("counter"), PluginState::Serving, "{}", world.story());
    let mut seqs = Vec::new();
    for _ in 0..300 {
        seqs.push(world.emit("demo.tick").await);
    }
    world.emit("other.tick").await;
    world.wait_for("test_guest.counted", 300).await;
    counted_exactly_once(&world, &seqs);
    let status = world.status("counter");
    assert_eq!((status.calls, status.failed, status.faults, status.version.as_str()), (300, 0, 0, "0.1.0"));
    assert_eq!(status.digest.len(), 64);
    assert!(status.fuel > 300 && status.memory_bytes > 0 && status.p99_us >= status.p50_us);
    let emitted = &world.events("test_guest.counted")[0];
    assert_eq!((&*emitted.source, emitted.depth, emitted.id.get_version_num()), ("plugin:counter", 1, 8));
    let loaded = payload(&world.wait_for("plugin.loaded", 1).await[0]);
    assert_eq!((&loaded["plugin"], &loaded["digest"]), (&json!("counter"), &json!(status.digest)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_replaced_while_events_flow_and_each_is_handled_once() {
    let world = World::with("counter", guests::COUNTER, EMITS).await;
    let mut seqs = Vec::new();
    for round in 0..4 {
        for _ in 0..250 {
            seqs.push(world.emit("demo.tick").await);
        }
        world.replace("counter", if round % 2 == 0 { guests::COUNTER_V2 } else { guests::COUNTER });
        // The scan runs while events flow on.
        let (runtime, more) = (world.runtime().clone(), 250);
        let scan = tokio::spawn(async move { runtime.rescan().await });
        for _ in 0..more {
            seqs.push(world.emit("demo.tick").await);
        }
        scan.await.unwrap();
    }
    world.wait_for("test_guest.counted", seqs.len()).await;
    counted_exactly_once(&world, &seqs);
    assert_eq!(world.events("plugin.swapped").len(), 4, "{}", world.story());
    let versions = fields(&world.events("test_guest.counted"), "version");
    assert!(versions.contains(&json!("0.1.0")) && versions.iter().any(|version| version != "0.1.0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_plugin_is_unloaded_and_goes_on_at_its_cursor_when_it_returns() {
    let world = World::with("counter", guests::COUNTER, EMITS).await;
    let mut seqs = vec![world.emit("demo.tick").await];
    world.wait_for("test_guest.counted", 1).await;
    world.remove("counter");
    world.runtime().rescan().await;
    assert!(world.runtime().list().is_empty());
    assert_eq!(fields(&world.events("plugin.unloaded"), "cause"), [json!("removed")]);
    seqs.push(world.emit("demo.tick").await);
    world.replace("counter", guests::COUNTER_V2);
    world.runtime().rescan().await;
    world.wait_for("test_guest.counted", 2).await;
    counted_exactly_once(&world, &seqs);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_does_not_work_never_replaces_one_that_does() {
    let world = World::with("counter", guests::COUNTER, EMITS).await;
    let digest = world.status("counter").digest;
    for (component, stage) in [
        (b"not wasm".as_slice(), "format"),
        (guests::WRONG_NAME, "name"),
        (guests::SPIN_HANDLE, "name"),
        (guests::DESCRIBE_CALLS, "name"),
    ] {
        let before = world.events("plugin.rejected").len();
        world.replace("counter", component);
        world.runtime().rescan().await;
        let rejected = payload(&world.wait_for("plugin.rejected", before + 1).await[before]);
        assert_eq!((&rejected["stage"], &rejected["serving"]), (&json!(stage), &json!(digest)));
        assert_eq!(world.state("counter"), PluginState::Serving);
        assert!(world.status("counter").rejected.is_some());
    }
    let seqs = [world.emit("demo.tick").await];
    world.wait_for("test_guest.counted", 1).await;
    counted_exactly_once(&world, &seqs);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_with_a_broken_file_serves_the_last_good_one_and_says_so() {
    let mut world = World::with("counter", guests::COUNTER, EMITS).await;
    let digest = world.status("counter").digest;
    world.stop().await;
    world.replace("counter", b"broken");
    world.start().await;
    let status = world.status("counter");
    assert_eq!((status.state, status.digest), (PluginState::Serving, digest));
    assert_eq!(status.rejected.unwrap().stage.as_str(), "format");
    let seqs = [world.emit("demo.tick").await];
    world.wait_for("test_guest.counted", 1).await;
    counted_exactly_once(&world, &seqs);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_with_a_file_that_waits_for_a_grant_serves_the_last_good_one() {
    let grant = "[grant]\nemit = [\"test_guest.counted\"]\n";
    let mut world = World::with("counter", guests::COUNTER, grant).await;
    let digest = world.status("counter").digest;
    world.stop().await;
    // The same plugin, which needs another type.
    world.replace("counter", &greedy());
    world.start().await;
    assert_eq!(fields(&world.events("plugin.needs_grant"), "missing"), [json!(["emit test_guest.greedie"])]);
    assert_eq!((world.state("counter"), world.status("counter").digest), (PluginState::Serving, digest));
    assert_eq!(world.runtime().proposed_grant("counter").unwrap().missing, ["emit test_guest.greedie (needed)"]);
    let seqs = [world.emit("demo.tick").await];
    world.wait_for("test_guest.counted", 1).await;
    counted_exactly_once(&world, &seqs);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_waits_for_what_it_needs_and_serves_when_it_is_granted() {
    let world = World::with("needs-ungranted", guests::NEEDS_UNGRANTED, "# mine\n").await;
    assert_eq!(world.state("needs-ungranted"), PluginState::NeedsGrant);
    assert_eq!(fields(&world.events("plugin.needs_grant"), "missing"), [json!(["data 1048576"])]);
    let proposed = world.runtime().proposed_grant("needs-ungranted").unwrap();
    assert_eq!(proposed.missing, ["data 1048576 (needed)", "emit test_guest.*"]);
    // Not what was looked at: nothing is written.
    assert!(matches!(world.runtime().grant("needs-ungranted", "").await, Err(RuntimeError::GrantChanged(_))));
    assert_eq!(world.state("needs-ungranted"), PluginState::NeedsGrant);
    world.runtime().grant("needs-ungranted", &proposed.digest).await.unwrap();
    assert_eq!(world.state("needs-ungranted"), PluginState::Serving);
    assert_eq!(world.runtime().proposed_grant("needs-ungranted").unwrap().missing, [""; 0]);
    let written = std::fs::read_to_string(world.home.plugins().join("needs-ungranted.toml")).unwrap();
    assert!(written.starts_with("# mine\n"), "{written}");
    world.emit("demo.tick").await;
    world.wait_for("test_guest.wanted", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wanted_and_not_granted_is_denied_without_a_fault() {
    let grant = "[grant]\ndata = { max_bytes = 1048576 }\n";
    let world = World::with("needs-ungranted", guests::NEEDS_UNGRANTED, grant).await;
    world.emit("demo.tick").await;
    world.eventually("handled", || world.status("needs-ungranted").calls == 1).await;
    let logs = world.runtime().logs("needs-ungranted", 10).unwrap();
    assert!(
        logs.iter().any(|line| line.text.contains("emit") && line.text.to_lowercase().contains("denied")),
        "{logs:?}"
    );
    assert_eq!(world.status("needs-ungranted").faults, 0);
    assert!(world.events("test_guest.*").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_file_that_is_wrong_is_refused_with_its_line() {
    let world = World::with("counter", guests::COUNTER, "[grant]\nemitt = []\n").await;
    let rejected = world.status("counter").rejected.unwrap();
    assert_eq!(rejected.stage.as_str(), "config");
    assert!(rejected.cause.contains("counter.toml, line 2: unknown key `emitt`"), "{}", rejected.cause);
    assert_eq!(world.state("counter"), PluginState::Rejected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_is_disabled_stays_so_until_it_is_enabled() {
    let mut world = World::with("counter", guests::COUNTER, EMITS).await;
    world.runtime().disable("counter").await.unwrap();
    assert_eq!(world.state("counter"), PluginState::Disabled);
    let seqs = [world.emit("demo.tick").await];
    world.stop().await;
    world.start().await;
    assert_eq!(world.state("counter"), PluginState::Disabled);
    world.runtime().enable("counter").await.unwrap();
    world.wait_for("test_guest.counted", 1).await;
    counted_exactly_once(&world, &seqs);
    assert!(world.runtime().disable("nobody").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_folder_needs_nobody_to_rescan() {
    let mut world = World::new();
    world.watch = true;
    world.start().await;
    world.drop_in("counter", guests::COUNTER, EMITS);
    world.wait_for("plugin.loaded", 1).await;
    // Written in place: acted on when it is closed, or when it has been still.
    std::fs::write(world.home.plugins().join("counter.wasm"), guests::COUNTER_V2).unwrap();
    world.wait_for("plugin.swapped", 1).await;
    world.remove("counter");
    world.wait_for("plugin.unloaded", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_is_slow_to_load_keeps_no_other_waiting() {
    let mut world = World::new();
    world.watch = true;
    world.start().await;
    let slow = "[limits]\nfuel_init = 1_000_000_000_000\ntimeout_ms = 120_000\n";
    world.drop_in("hostile-endless-loop-in-init", guests::HOSTILE_ENDLESS_LOOP_IN_INIT, slow);
    world.eventually("it is being loaded", || !world.runtime().list().is_empty()).await;
    world.drop_in("counter", guests::COUNTER, EMITS);
    world.wait_for("plugin.loaded", 1).await;
    assert_eq!(world.state("hostile-endless-loop-in-init"), PluginState::Loading);
}

#[tokio::test(flavor = "multi_thread")]
async fn live_delivery_stores_and_emits_too() {
    let grant = format!("{EMITS}[delivery]\nmode = \"live\"\n");
    let world = World::with("counter", guests::COUNTER, &grant).await;
    let mut seqs = Vec::new();
    for _ in 0..10 {
        seqs.push(world.emit("demo.tick").await);
    }
    world.wait_for("test_guest.counted", 10).await;
    counted_exactly_once(&world, &seqs);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inspected_plugin_shows_what_it_is() {
    let world = World::with("counter", guests::COUNTER, EMITS).await;
    let detail = world.runtime().inspect("counter").unwrap();
    assert_eq!(detail.subscriptions, ["demo.*"]);
    assert_eq!(detail.needs, ["emit test_guest.counted"]);
    assert!(detail.exports.iter().any(|export| export.starts_with("tollgate:plugin/handler@")));
    assert_eq!(detail.grant.unwrap().missing, [""; 0]);
    assert!(world.runtime().inspect("nobody").is_none() && world.runtime().logs("nobody", 1).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_need_that_is_withdrawn_ends_the_plugin() {
    let world = World::with("counter", guests::COUNTER, EMITS).await;
    std::fs::write(world.home.plugins().join("counter.toml"), "").unwrap();
    world.runtime().rescan().await;
    assert_eq!(world.state("counter"), PluginState::NeedsGrant);
    assert_eq!(fields(&world.events("plugin.unloaded"), "cause"), [json!("grant_withdrawn")]);
    world.emit("demo.tick").await;
    world.drop_in("counter", guests::COUNTER, EMITS);
    world.runtime().rescan().await;
    world.wait_for("test_guest.counted", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_commits_are_under_way_than_may_be() {
    let mut world = World::on(Durability::Full);
    world.drop_in(
        "hostile-emit-flood",
        guests::HOSTILE_EMIT_FLOOD,
        &format!("{EMITS}[delivery]\nstart = \"beginning\"\n"),
    );
    // A whole batch, each event with a quarter of what one commit takes.
    for _ in 0..64 {
        world.emit("demo.loop").await;
    }
    world.start().await;
    // The lane checks the bound itself, and would not get here.
    world.wait_for("test_guest.flood", 64 * 64).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_without_lag_has_handled_everything() {
    let world = World::with("counter", guests::COUNTER, EMITS).await;
    for calls in 1..=100 {
        world.emit("demo.tick").await;
        world.emit("other.tick").await;
        world.eventually("no lag", || world.status("counter").lag == 0).await;
        assert_eq!(world.status("counter").calls, calls);
    }
    assert_eq!(world.status("counter").queue, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_an_old_version_is_not_shown_as_the_new_ones_state() {
    let world = World::with("counter", guests::COUNTER, EMITS).await;
    let plugin = world.runtime().plugin("counter").unwrap();
    let old = plugin.face().serving.clone().unwrap();
    plugin.set_state_of(&old, PluginState::Quarantined);
    assert_eq!(world.state("counter"), PluginState::Quarantined, "it serves");
    world.replace("counter", guests::COUNTER_V2);
    world.runtime().rescan().await;
    plugin.set_state_of(&old, PluginState::Quarantined);
    assert_eq!(world.state("counter"), PluginState::Serving);
    world.runtime().disable("counter").await.unwrap();
    plugin.set_state_of(&old, PluginState::Serving);
    assert_eq!(world.state("counter"), PluginState::Disabled);
}

/// A plugin that serves, whose file is then broken; and what it is after the grant became `newest`.
async fn withdrawn(name: &str, component: &[u8], grant: &str, newest: &str) -> World {
    let world = World::with(name, component, grant).await;
    assert_eq!(world.state(name), PluginState::Serving, "{}", world.story());
    world.replace(name, b"broken");
    world.runtime().rescan().await;
    assert_eq!(world.state(name), PluginState::Serving);
    std::fs::write(world.home.plugins().join(format!("{name}.toml")), newest).unwrap();
    world.runtime().rescan().await;
    assert_eq!(world.status(name).rejected.unwrap().stage.as_str(), "format");
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_keeps_no_withdrawn_grant_alive() {
    let both = "[grant]\nemit = [\"test_guest.*\"]\ndata = { max_bytes = 1048576 }\n";
    let data = "[grant]\ndata = { max_bytes = 1048576 }\n";
    let world = withdrawn("needs-ungranted", guests::NEEDS_UNGRANTED, both, data).await;
    world.emit("demo.tick").await;
    world.eventually("handled", || world.status("needs-ungranted").calls == 1).await;
    let logs = world.runtime().logs("needs-ungranted", 10).unwrap();
    assert!(logs.iter().any(|line| line.text.to_lowercase().contains("denied")), "{logs:?}");
    assert!(world.events("test_guest.*").is_empty());
    // What it needs: it ends.
    let world = withdrawn("counter", guests::COUNTER, EMITS, "").await;
    assert_eq!(world.state("counter"), PluginState::Rejected);
    assert_eq!(fields(&world.events("plugin.unloaded"), "cause"), [json!("grant_withdrawn")]);
    // Something it cannot start with: it ends where something was withdrawn too, and serves on where not.
    let fuel = "[limits]\nfuel_init = 1\n";
    let world = withdrawn("needs-ungranted", guests::NEEDS_UNGRANTED, both, &format!("{data}{fuel}")).await;
    assert_eq!(world.state("needs-ungranted"), PluginState::Rejected);
    let world = withdrawn("needs-ungranted", guests::NEEDS_UNGRANTED, both, &format!("{both}{fuel}")).await;
    assert_eq!(world.state("needs-ungranted"), PluginState::Serving);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_journal_refused_is_done_again_and_nothing_is_lost_or_repeated() {
    let mut world = World::on(Durability::Normal);
    world.drop_in("counter", guests::COUNTER, &format!("{EMITS}[delivery]\nstart = \"beginning\"\n"));
    let mut seqs = Vec::new();
    // One more than a batch.
    for _ in 0..65 {
        seqs.push(world.emit("demo.tick").await);
    }
    // No page more than there is: the commit of the whole batch is refused, and that of the last event fits.
    world.bus.limit_pages(1).await.unwrap();
    world.start().await;
    let refused = |world: &World| {
        let logs = world.runtime().logs("counter", 1_000).unwrap();
        logs.iter().any(|line| line.text.contains("the journal refused"))
    };
    world.eventually("a commit is refused", || refused(&world)).await;
    // A swap meanwhile goes on from the cursor as well.
    world.replace("counter", guests::COUNTER_V2);
    world.runtime().rescan().await;
    world.bus.limit_pages(u32::MAX).await.unwrap();
    world.wait_for("test_guest.counted", seqs.len()).await;
    counted_exactly_once(&world, &seqs);
}
