//! What a guard and a small plugin get of the processor beside plugins that compute without end: a guard's p50 and p99
//! and the small plugin's events a second, alone (the floor) and beside 1, 4 and 16 of them, in the same run.
//!
//! `cargo bench -p tollgate-runtime --bench fairness` prints them and their ratios to the floor; asserts nothing.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot set up has nothing to measure"
)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};
use tollgate_bundled::guests;
use tollgate_core::event::Draft;
use tollgate_core::events::EventType;
use tollgate_core::gate::{Guards, NormalisedCall};
use tollgate_core::journal::Durability;
use tollgate_runtime::{PluginState, Runtime};

/// How many compute beside them.
const BUSY: [usize; 3] = [1, 4, 16];
/// Calls of the guard, in each setting.
const CALLS: usize = 500;
/// Events of the small plugin, in each setting: within the ring in memory.
const EVENTS: u64 = 20_000;
/// Drafts of one batch.
const BATCH: u64 = 500;
/// How often it is looked whether something is done.
const LOOK: Duration = Duration::from_millis(1);
/// As much of all as a busy plugin likes.
const FOR_EVER: &str = "[limits]\nfuel_per_event = 1_000_000_000_000_000\ntimeout_ms = 3_600_000\n\
                        [delivery]\ndrain_ms = 0\n";
const GUARD: &str = "[grant]\ngate = [\"deny\"]\n[limits]\ngate_timeout_ms = 60_000\n";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let floor = measure(0).await;
        say("alone", &floor);
        for busy in BUSY {
            let beside = measure(busy).await;
            say(&format!("beside {busy}"), &beside);
            println!(
                "{:<12} p50 ×{:.2}  p99 ×{:.2}  events ×{:.2}",
                "  to alone",
                beside.p50 / floor.p50,
                beside.p99 / floor.p99,
                beside.rate / floor.rate
            );
        }
    });
}

/// Of the guard, in microseconds; of the small plugin, events a second.
struct Measured {
    p50: f64,
    p99: f64,
    rate: f64,
}

fn say(setting: &str, Measured { p50, p99, rate }: &Measured) {
    println!("{setting:<12} guard p50 {p50:>9.1} µs  p99 {p99:>9.1} µs  small plugin {rate:>9.0} events/s");
}

async fn measure(busy: usize) -> Measured {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..busy).map(|number| format!("spin-han-{number:02}")).collect();
    let spinning: Vec<_> =
        names.iter().map(|name| tollgate_bundled::renamed(guests::SPIN_HANDLE, "spin-handle", name)).collect();
    let mut installed = vec![("deny-guard", guests::DENY_GUARD, GUARD), ("parse", guests::PARSE, "")];
    installed.extend(names.iter().zip(&spinning).map(|(name, component)| (name.as_str(), &component[..], FOR_EVER)));
    let options = support::options(folder.path(), Durability::Memory, &installed);
    let bus = options.bus.clone();
    let plugins = Runtime::start(options).await.unwrap();
    assert!(plugins.list().iter().all(|plugin| plugin.state == PluginState::Serving), "{:?}", plugins.list());
    if busy > 0 {
        bus.emit(draft("demo.loop")).await.unwrap();
        while !plugins.list().iter().filter(|plugin| names.contains(&plugin.name)).all(|plugin| plugin.queue > 0) {
            tokio::time::sleep(LOOK).await;
        }
    }
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let call = call();
        let begun = Instant::now();
        plugins.check(&call).await;
        times.push(begun.elapsed());
    }
    let calls = || plugins.list().iter().find(|plugin| plugin.name == "parse").map_or(0, |plugin| plugin.calls);
    let before = calls();
    let begun = Instant::now();
    for _ in 0..EVENTS / BATCH {
        bus.emit_batch((0..BATCH).map(|_| draft("task.progress")).collect()).await.unwrap();
    }
    while calls() < before + EVENTS {
        tokio::time::sleep(LOOK).await;
    }
    let rate = EVENTS as f64 / begun.elapsed().as_secs_f64();
    // Without waiting for those that never end.
    drop(plugins);
    times.sort_unstable();
    let at = |per_mille: usize| times[(times.len() - 1) * per_mille / 1_000].as_secs_f64() * 1e6;
    Measured { p50: at(500), p99: at(990), rate }
}

fn draft(event_type: &str) -> Draft {
    Draft::new(EventType::parse(event_type).unwrap(), "webui", r#"{"progress":42,"message":"Indexing documents"}"#)
}

fn call() -> Arc<NormalisedCall> {
    Arc::new(NormalisedCall {
        call_id: "c1".into(),
        session: "s1".into(),
        tool: "Bash".into(),
        original_tool: "Bash".into(),
        input_json: "{}".into(),
        understood: true,
        ..NormalisedCall::default()
    })
}
