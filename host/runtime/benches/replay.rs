//! Journalled events through a plugin from the beginning on, against reading them with bare SQLite.
//!
//! `cargo bench -p tollgate-runtime --bench replay [-- EVENTS]`, a million unless told. Prints figures; asserts nothing.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot set up has nothing to measure"
)]

mod support;

use std::time::{Duration, Instant};
use tollgate_bundled::guests;
use tollgate_core::bus::MAX_BATCH;
use tollgate_core::event::Draft;
use tollgate_core::events::EventType;
use tollgate_core::journal::Durability;
use tollgate_runtime::Runtime;

const ROUNDS: usize = 3;
/// How often it is looked how far the plugin is.
const LOOK: Duration = Duration::from_millis(1);
const PAYLOAD: &str = r#"{"progress":42,"message":"Indexing documents"}"#;

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() {
    let events = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(1_000_000);
    let (mut replayed, mut read) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (through, bare) = round(events).await;
        replayed.push(through);
        read.push(bare);
    }
    let per_second = |rounds: &mut [Duration]| {
        rounds.sort();
        events as f64 / rounds[rounds.len() / 2].as_secs_f64()
    };
    let (replayed, read) = (per_second(&mut replayed), per_second(&mut read));
    println!("replay  {replayed:>9.0} events/s");
    println!("floor   {read:>9.0} rows/s");
    println!("ratio   {:.2}", read / replayed);
}

/// How long the plugin took for all of them, and how long it took to read them.
async fn round(events: usize) -> (Duration, Duration) {
    let folder = tempfile::tempdir_in(".").unwrap();
    let grant = "[delivery]\nstart = \"beginning\"\n";
    let options = support::options(folder.path(), Durability::Normal, &[("parse", guests::PARSE, grant)]);
    let (bus, event_type) = (options.bus.clone(), EventType::parse("task.progress").unwrap());
    let mut recorded = 0;
    while recorded < events {
        let batch = (0..MAX_BATCH.min(events - recorded)).map(|_| Draft::new(event_type.clone(), "webui", PAYLOAD));
        recorded += bus.emit_batch(batch.collect()).await.unwrap().len();
    }
    let plugins = Runtime::start(options).await.unwrap();
    // Compiled and loaded: from its first event on.
    let handled = || plugins.list()[0].calls;
    while handled() == 0 {
        tokio::time::sleep(LOOK).await;
    }
    let (before, begun) = (handled(), Instant::now());
    while handled() < events as u64 {
        tokio::time::sleep(LOOK).await;
    }
    let through = begun.elapsed().mul_f64(events as f64 / (events as u64 - before) as f64);
    plugins.shutdown().await;
    bus.close().await;
    (through, bare(&folder.path().join("journal.db"), events))
}

/// Reads what is needed of each row to make an event of it.
fn bare(path: &std::path::Path, events: usize) -> Duration {
    let connection = rusqlite::Connection::open(path).unwrap();
    let begun = Instant::now();
    let columns = "seq, id, type, ts, source, entity_kind, entity_id, session, root, depth, payload";
    let mut statement = connection.prepare(&format!("SELECT {columns} FROM events ORDER BY seq")).unwrap();
    let mut rows = statement.query([]).unwrap();
    let (mut count, mut bytes) = (0, 0);
    while let Some(row) = rows.next().unwrap() {
        bytes += row.get_ref(10).unwrap().as_str().unwrap().len() + row.get_ref(1).unwrap().as_blob().unwrap().len();
        count += 1;
    }
    assert!(count >= events && bytes > count);
    begun.elapsed()
}
