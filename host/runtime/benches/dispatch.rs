//! Events through the bus into one plugin that parses its payload, against the bare engine calling the same
//! component with the same limits, alternating in the same run.
//!
//! `cargo bench -p tollgate-runtime --bench dispatch` prints events/s, µs/event and the ratio.

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
use tollgate_core::journal::{Durability, Query};
use tollgate_runtime::Runtime;
use tollgate_runtime::floor::Floor;

/// Events of one round.
const EVENTS: u64 = 100_000;
const ROUNDS: usize = 5;
/// Drafts of one batch: how an ingest of many events comes in.
const BATCH: u64 = 500;
/// Most events that wait for the plugin: well within the ring in memory.
const BACKLOG: u64 = 2_000;
/// How often the backlog is looked at. Looking without a pause would take the guest's core, or half of it.
const LOOK: Duration = Duration::from_millis(1);
const PAYLOAD: &str = r#"{"progress":42,"message":"Indexing documents"}"#;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(run());
}

async fn run() {
    let folder = tempfile::tempdir().unwrap();
    let options = support::options(folder.path(), Durability::Memory, &[("parse", guests::PARSE, "")]);
    let bus = options.bus.clone();
    let plugins = Runtime::start(options).await.unwrap();
    let mut floor = Floor::new(guests::PARSE, &bus).await.unwrap();
    let event_type = EventType::parse("task.progress").unwrap();
    let draft = || Draft::new(event_type.clone(), "webui", PAYLOAD);
    bus.emit(draft()).await.unwrap();
    let event = Arc::clone(&bus.journal().read(&Query { limit: 1, newest: true, ..Query::default() }).unwrap()[0]);
    let (mut dispatched, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let before = plugins.list()[0].calls;
        let begun = Instant::now();
        for _ in 0..EVENTS / BATCH {
            bus.emit_batch((0..BATCH).map(|_| draft()).collect()).await.unwrap();
            // The ring in memory is bounded: stay within it.
            while bus.journal().head().saturating_sub(plugins.list()[0].calls) > BACKLOG {
                tokio::time::sleep(LOOK).await;
            }
        }
        while plugins.list()[0].calls < before + EVENTS {
            tokio::time::sleep(LOOK).await;
        }
        dispatched.push(begun.elapsed());
        let begun = Instant::now();
        for _ in 0..EVENTS {
            floor.call(&event).await.unwrap();
        }
        bare.push(begun.elapsed());
    }
    let (dispatched, bare) = (per_event(&mut dispatched), per_event(&mut bare));
    println!("dispatch  {dispatched:.3} µs/event  {:.0} events/s", 1e6 / dispatched);
    println!("floor     {bare:.3} µs/event  {:.0} events/s", 1e6 / bare);
    println!("ratio     {:.2}", dispatched / bare);
    plugins.shutdown().await;
}

/// The median round's time for one event, in microseconds.
fn per_event(rounds: &mut [Duration]) -> f64 {
    rounds.sort();
    rounds[rounds.len() / 2].as_secs_f64() * 1e6 / EVENTS as f64
}
