//! Plugins loaded anew by hand: from a clean state, out of quarantine, and never at the cost of what works.

use super::{EMITS, World, fields};
use crate::{
    Artifact, CompileError, Compiler, Engine, InProcess, PluginState, ReloadRefusal, RetryOutcome, RuntimeError,
};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tollgate_bundled::guests;

fn refusal(error: RuntimeError) -> ReloadRefusal {
    match error {
        RuntimeError::Reload(refusal) => refusal,
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_ends_a_quarantine_and_forgets_its_faults() {
    let mut world = World::new();
    world.tempo.faults = 2;
    world.tempo.cooldown_first = Duration::from_secs(3_600);
    world.drop_in("trap", guests::TRAP, "");
    world.start().await;
    world.emit("demo.loop").await;
    world.wait_for("plugin.quarantined", 1).await;
    let status = world.runtime().reload("trap").await.unwrap();
    assert_eq!((status.state, &*status.version), (PluginState::Serving, "0.1.0"));
    assert_eq!((world.events("plugin.recovered").len(), world.events("plugin.swapped").len()), (1, 1));
    // The event that waited is tried its third time, and that fault is the first that counts.
    world.eventually("given up", || world.status("trap").dead_letters == 1).await;
    world.emit("demo.tick").await;
    world.eventually("the next is handled", || world.status("trap").calls == 4).await;
    assert_eq!((world.state("trap"), world.events("plugin.quarantined").len()), (PluginState::Serving, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_of_the_same_files_makes_a_fresh_guest_and_keeps_store_and_cursor() {
    let mut world = World::new();
    world.drop_in("counter", guests::COUNTER, EMITS);
    world.drop_in(
        "retry-once",
        guests::RETRY_ONCE,
        "[grant]\nemit = [\"test_guest.*\"]\n[delivery]\nmax_age_ms = 3_600_000\n",
    );
    world.start().await;
    world.emit("demo.tick").await;
    world.wait_for("test_guest.counted", 1).await;
    let letter = world.emit_old("demo.loop").await;
    world.eventually("stale", || world.bus.journal().dead_letter("retry-once", letter).unwrap().is_some()).await;
    world.wait_for("test_guest.counted", 2).await;
    for name in ["counter", "retry-once"] {
        world.runtime().reload(name).await.unwrap();
    }
    world.emit("demo.tick").await;
    let counted = world.wait_for("test_guest.counted", 3).await;
    assert_eq!(fields(&counted, "count"), [1, 2, 3].map(|count| json!(count)), "the store and the cursor stay");
    // What the guest remembered of the first try is gone with it.
    for _ in 0..2 {
        let outcome = world.runtime().retry("retry-once", letter).await.unwrap();
        assert!(matches!(outcome, RetryOutcome::Left { .. }), "{outcome:?}");
        world.runtime().reload("retry-once").await.unwrap();
    }
    let swapped = world.events("plugin.swapped");
    assert!(fields(&swapped, "digest") == fields(&swapped, "replaced") && swapped.len() == 4, "{}", world.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_fails_keeps_what_serves_and_says_why() {
    let mut world = World::new();
    world.tempo.faults = 1;
    world.tempo.cooldown_first = Duration::from_secs(3_600);
    world.drop_in("counter", guests::COUNTER, EMITS);
    world.drop_in("trap", guests::TRAP, "");
    world.start().await;
    world.emit("demo.loop").await;
    world.wait_for("plugin.quarantined", 1).await;

    for name in ["counter", "trap"] {
        world.replace(name, b"no component");
        let refused = refusal(world.runtime().reload(name).await.unwrap_err());
        let text = refused.to_string();
        assert!(
            matches!(&refused, ReloadRefusal::Rejected { serving: Some(version), .. } if version == "0.1.0"),
            "{text}"
        );
        assert!(text.contains("refused at format") && text.contains("(0.1.0) serves"), "{text}");
    }
    assert_eq!(world.state("trap"), PluginState::Quarantined, "the old bytes are not mended");
    world.emit("demo.tick").await;
    world.wait_for("test_guest.counted", 2).await;

    world.replace("counter", guests::COUNTER_V2);
    assert_eq!(world.runtime().reload("counter").await.unwrap().version, "0.2.0");
    std::fs::write(world.home.plugins().join("counter.toml"), "").unwrap();
    let refused = refusal(world.runtime().reload("counter").await.unwrap_err());
    assert!(matches!(&refused, ReloadRefusal::NeedsGrant { serving: None, .. }), "{refused}");
    world.runtime().disable("counter").await.unwrap();
    let refused = refusal(world.runtime().reload("counter").await.unwrap_err());
    assert!(matches!(&refused, ReloadRefusal::Disabled(_)), "{refused}");
    let refused = world.runtime().reload("gone").await.unwrap_err();
    assert!(matches!(&refused, RuntimeError::Unknown(_)), "{refused}");
    world.remove("trap");
    let refused = world.runtime().reload("trap").await;
    assert!(matches!(&refused, Err(RuntimeError::Unknown(_))), "{refused:?}");
}

/// Fails a number of times, and counts how often it is asked.
#[derive(Default)]
struct Failing {
    left: AtomicUsize,
    asked: AtomicUsize,
}

impl Compiler for Failing {
    fn compile(&self, engine: &Engine, bytes: &[u8]) -> Result<Artifact, CompileError> {
        self.asked.fetch_add(1, SeqCst);
        match self.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
            Ok(_) => Err(CompileError::Failed("no process to be had".to_owned())),
            Err(_) => InProcess.compile(engine, bytes),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_for_the_hosts_own_reasons_is_tried_again_and_a_refused_file_is_not() {
    let mut world = World::new();
    let compiler = Arc::new(Failing::default());
    world.compiler = Arc::clone(&compiler) as Arc<dyn Compiler>;
    world.watch = true;
    world.drop_in("counter", guests::COUNTER, EMITS);
    world.start().await;
    compiler.left.store(3, SeqCst);
    world.replace("counter", guests::COUNTER_V2);
    world.eventually("it serves once nothing fails", || world.status("counter").version == "0.2.0").await;
    assert_eq!(compiler.asked.load(SeqCst), 1 + 4);
    assert_eq!(world.events("plugin.rejected").len(), 1, "the same failure is told of once");
    assert!(world.status("counter").rejected.is_none());
    // A file that was refused is looked at again once it changes, and not before.
    world.replace("counter", b"broken");
    world.wait_for("plugin.rejected", 2).await;
    for _ in 0..3 {
        world.runtime().rescan().await;
    }
    assert_eq!(world.events("plugin.rejected").len(), 2, "it would be told of each time");
    world.replace("counter", guests::COUNTER);
    world.eventually("another one serves", || world.status("counter").version == "0.1.0").await;
}
