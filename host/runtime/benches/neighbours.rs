//! What a plugin and a guard notice of a neighbour that misbehaves: the time of one event from emit to the answer's
//! delivery, and of one gate call, alone and beside each kind of trouble, in the same run.
//!
//! `cargo bench -p tollgate-runtime --bench neighbours` prints p50 and p99 and their ratios to the floor: alone.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot set up has nothing to measure"
)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};
use tollgate_bundled::guests;
use tollgate_core::bus::{Delivery, Overflow, Subscription};
use tollgate_core::event::Draft;
use tollgate_core::events::{EventType, PatternSet};
use tollgate_core::gate::{GuardOutcome, Guards, NormalisedCall};
use tollgate_core::journal::Durability;
use tollgate_runtime::{PluginState, Runtime};

/// Events and gate calls of one measurement.
const TIMES: usize = 5_000;
/// Before them, unmeasured.
const WARM_UP: usize = 500;
/// Events that set off the neighbour: more than it is through with by the end, however short each one's trouble is.
const TROUBLE: usize = 50_000;
/// Drafts of one batch.
const BATCH: usize = 500;
/// How often it is looked whether the neighbour has begun.
const LOOK: Duration = Duration::from_millis(1);
/// The neighbour's grant: as much of all as it likes.
const FOR_EVER: &str = "[grant]\nemit = [\"test_guest.*\"]\n[limits]\nfuel_per_event = 1_000_000_000_000_000\n\
                        timeout_ms = 3_600_000\n";

/// Who is beside them, and its component.
const NEIGHBOURS: [(&str, &[u8]); 4] = [
    ("spin-handle", guests::SPIN_HANDLE),
    ("hostile-endless-host-calls", guests::HOSTILE_ENDLESS_HOST_CALLS),
    ("hostile-million-log-lines", guests::HOSTILE_MILLION_LOG_LINES),
    ("hostile-emit-flood", guests::HOSTILE_EMIT_FLOOD),
];

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let floor = measure(None).await;
        println!("{:<28} event {}  gate {}", "alone", floor.events, floor.calls);
        for neighbour in NEIGHBOURS {
            let beside = measure(Some(neighbour)).await;
            println!("{:<28} event {}  gate {}", neighbour.0, beside.events, beside.calls);
            let Times { events, calls } = &beside;
            println!(
                "{:<28} event p50 ×{:.2} p99 ×{:.2}  gate p50 ×{:.2} p99 ×{:.2}",
                "  to alone",
                events.p50 / floor.events.p50,
                events.p99 / floor.events.p99,
                calls.p50 / floor.calls.p50,
                calls.p99 / floor.calls.p99,
            );
        }
    });
}

struct Times {
    events: Percentiles,
    calls: Percentiles,
}

/// In microseconds.
struct Percentiles {
    p50: f64,
    p99: f64,
}

impl std::fmt::Display for Percentiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p50 {:>8.1} µs p99 {:>8.1} µs", self.p50, self.p99)
    }
}

async fn measure(neighbour: Option<(&str, &[u8])>) -> Times {
    let folder = tempfile::tempdir().unwrap();
    let guard = tollgate_bundled::NO_SECRETS_PLUGIN;
    let echo = ("echo", guests::ECHO, "[grant]\nemit = [\"test_guest.*\"]\n");
    let mut installed = vec![echo, (guard.name, guard.component, guard.grant)];
    installed.extend(neighbour.map(|(name, component)| (name, component, FOR_EVER)));
    let options = support::options(folder.path(), Durability::Memory, &installed);
    let bus = options.bus.clone();
    let plugins = Runtime::start(options).await.unwrap();
    assert!(plugins.list().iter().all(|plugin| plugin.state == PluginState::Serving), "{:?}", plugins.list());
    if let Some((name, _)) = neighbour {
        for _ in 0..TROUBLE / BATCH {
            bus.emit_batch((0..BATCH).map(|_| draft("demo.loop")).collect()).await.unwrap();
        }
        while plugins.list().iter().any(|plugin| plugin.name == name && plugin.queue == 0) {
            tokio::time::sleep(LOOK).await;
        }
    }
    let mut echoes = bus.subscribe(PatternSet::parse(["test_guest.echo"]).unwrap(), Overflow::DropOldest);
    let (mut events, mut calls) = (Vec::new(), Vec::new());
    for time in 0..WARM_UP + TIMES {
        if neighbour.is_some() {
            // Never through, however soon it is through with one.
            bus.emit(draft("demo.loop")).await.unwrap();
        }
        let begun = Instant::now();
        bus.emit(draft("bench.ping")).await.unwrap();
        echoed(&mut echoes).await;
        let event = begun.elapsed();
        let call = call();
        let begun = Instant::now();
        let answers = plugins.check(&call).await;
        let took = begun.elapsed();
        assert!(matches!(&answers[..], [one] if one.outcome == GuardOutcome::Abstain), "{answers:?}");
        if time >= WARM_UP {
            events.push(event);
            calls.push(took);
        }
    }
    if let Some((name, _)) = neighbour {
        let busy = plugins.list().iter().any(|plugin| plugin.name == name && plugin.queue > 0 && plugin.faults == 0);
        assert!(busy, "{name} was through before the end: {:?}", plugins.list());
    }
    // Without waiting for the neighbour, who never ends.
    drop(plugins);
    Times { events: percentiles(&mut events), calls: percentiles(&mut calls) }
}

fn draft(event_type: &str) -> Draft {
    Draft::new(EventType::parse(event_type).unwrap(), "webui", "{}")
}

async fn echoed(echoes: &mut Subscription) {
    match echoes.next().await {
        Some(Delivery::Event(_)) => {}
        other => unreachable!("one event is under way: {other:?}"),
    }
}

fn call() -> Arc<NormalisedCall> {
    Arc::new(NormalisedCall {
        call_id: "c1".into(),
        session: "s1".into(),
        tool: "Write".into(),
        original_tool: "Write".into(),
        input_json: r#"{"file_path":"/a","content":"let a = 1;"}"#.into(),
        understood: true,
        ..NormalisedCall::default()
    })
}

fn percentiles(times: &mut [Duration]) -> Percentiles {
    times.sort_unstable();
    let at = |per_mille: usize| times[(times.len() - 1) * per_mille / 1_000].as_secs_f64() * 1e6;
    Percentiles { p50: at(500), p99: at(990) }
}
