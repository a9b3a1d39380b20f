//! How fast the bus records: in memory, and durably against bare SQLite inserts in equal groups.
//!
//! `cargo bench -p tollgate-core --bench ingest`. Prints figures; asserts nothing.
#![expect(clippy::unwrap_used, reason = "a measurement stops at the first error")]

use std::time::{Duration, Instant};
use tollgate_core::bus::{Bus, BusOptions, MAX_BATCH, Start};
use tollgate_core::event::Draft;
use tollgate_core::events::{EventType, PatternSet};
use tollgate_core::journal::{Ahead, Completion, Durability, JournalOptions};
use tollgate_core::time::Clock;

const PAYLOAD: &str = r#"{"progress":42,"message":"Indexing documents","chat_id":"c-1234567890"}"#;

fn open(folder: &std::path::Path, durability: Durability) -> Bus {
    let journal = JournalOptions { path: folder.join("journal.db"), durability };
    Bus::open(BusOptions { journal, filter: None, clock: Clock::system() }).unwrap()
}

fn draft(event_type: &EventType) -> Draft {
    Draft::new(event_type.clone(), "core", PAYLOAD)
}

fn per_second(count: u32, took: Duration) -> f64 {
    f64::from(count) / took.as_secs_f64()
}

async fn in_memory(event_type: &EventType, subscribers: usize) {
    const EVENTS: u32 = 500_000;
    let bus = open(std::path::Path::new(""), Durability::Memory);
    let other = PatternSet::parse(["other.*"]).unwrap();
    let _others: Vec<_> =
        (0..subscribers).map(|_| bus.subscribe(other.clone(), tollgate_core::bus::Overflow::DropOldest)).collect();
    let start = Instant::now();
    for _ in 0..EVENTS {
        bus.emit(draft(event_type)).await.unwrap();
    }
    println!("memory, {subscribers:>4} other subscribers: {:>9.0} emits/s", per_second(EVENTS, start.elapsed()));
}

async fn through_a_durable_subscriber(event_type: &EventType) {
    const EVENTS: u32 = 500_000;
    let bus = open(std::path::Path::new(""), Durability::Memory);
    let mut durable = bus.durable("p".into(), PatternSet::all(), Start::Head).await.unwrap();
    let (emitter, event_type) = (bus.clone(), event_type.clone());
    let start = Instant::now();
    let emitting = tokio::spawn(async move {
        for count in 0..EVENTS {
            emitter.emit(draft(&event_type)).await.unwrap();
            if count % 256 == 0 {
                tokio::task::yield_now().await;
            }
        }
    });
    let (mut seen, name) = (0, std::sync::Arc::<str>::from("p"));
    let mut finished = durable.cursor();
    while finished < u64::from(EVENTS) {
        for event in durable.next_batch(256).await.unwrap().unwrap() {
            let after = std::mem::replace(&mut finished, event.seq);
            seen += 1;
            let subscriber = std::sync::Arc::clone(&name);
            let (emits, store) = (Vec::new(), Vec::new());
            let done = Completion {
                subscriber,
                after,
                finished,
                ahead: Ahead::default(),
                emits,
                store,
                dead_letter: None,
                retried: None,
            };
            bus.complete(done).wait().await.unwrap();
        }
    }
    println!("memory, emit + durable subscriber + completion: {:>9.0} events/s", per_second(seen, start.elapsed()));
    emitting.await.unwrap();
}

async fn durable(event_type: &EventType, emitters: u32) -> f64 {
    const TIME: Duration = Duration::from_secs(3);
    let folder = tempfile::tempdir_in(".").unwrap();
    let bus = open(folder.path(), Durability::Full);
    let start = Instant::now();
    let tasks: Vec<_> = (0..emitters)
        .map(|_| {
            let (bus, event_type) = (bus.clone(), event_type.clone());
            tokio::spawn(async move {
                let (mut count, mut slowest) = (0_u32, Vec::new());
                while start.elapsed() < TIME {
                    let before = Instant::now();
                    bus.emit(draft(&event_type)).await.unwrap();
                    slowest.push(before.elapsed());
                    count += 1;
                }
                (count, slowest)
            })
        })
        .collect();
    let (mut count, mut waits) = (0, Vec::new());
    for task in tasks {
        let (one, took) = task.await.unwrap();
        count += one;
        waits.extend(took);
    }
    let rate = per_second(count, start.elapsed());
    waits.sort_unstable();
    let p99 = waits.get(waits.len() * 99 / 100).copied().unwrap_or_default();
    println!("full, x{emitters}: {rate:>9.0} emits/s, p99 {:.1} ms", p99.as_secs_f64() * 1e3);
    rate
}

/// Batches of as many as a request may have, each one commit of its own.
async fn batches(event_type: &EventType) -> f64 {
    const TIME: Duration = Duration::from_secs(3);
    let folder = tempfile::tempdir_in(".").unwrap();
    let bus = open(folder.path(), Durability::Full);
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < TIME {
        let drafts = (0..MAX_BATCH).map(|_| draft(event_type)).collect();
        count += u32::try_from(bus.emit_batch(drafts).await.unwrap().len()).unwrap();
    }
    let rate = per_second(count, start.elapsed());
    println!("full, batches of {MAX_BATCH}: {rate:>9.0} emits/s");
    rate
}

/// Bare inserts of the same row, the same indexes, in groups of `group`.
fn floor(group: u32) -> f64 {
    const TIME: Duration = Duration::from_secs(3);
    let folder = tempfile::tempdir_in(".").unwrap();
    let mut connection = rusqlite::Connection::open(folder.path().join("floor.db")).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             CREATE TABLE events (seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, type TEXT NOT NULL, \
             ts INTEGER NOT NULL, source TEXT NOT NULL, root BLOB NOT NULL, payload TEXT NOT NULL, h1 BLOB, h2 BLOB, h3 BLOB); \
             CREATE INDEX events_type ON events (type);",
        )
        .unwrap();
    let start = Instant::now();
    let (mut count, hash) = (0, [7_u8; 32]);
    while start.elapsed() < TIME {
        let transaction = connection.transaction().unwrap();
        {
            let mut insert = transaction
                .prepare_cached("INSERT INTO events (id, type, ts, source, root, payload, h1, h2, h3) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9)")
                .unwrap();
            for _ in 0..group {
                let id = uuid::Uuid::now_v7();
                insert
                    .execute(rusqlite::params![
                        id.as_bytes(),
                        "task.progress",
                        1,
                        "core",
                        id.as_bytes(),
                        PAYLOAD,
                        hash,
                        hash,
                        hash
                    ])
                    .unwrap();
                count += 1;
            }
        }
        transaction.commit().unwrap();
    }
    let rate = per_second(count, start.elapsed());
    println!("bare inserts, groups of {group}: {rate:>9.0}/s");
    rate
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let event_type = EventType::parse("bench.progress").unwrap();
    in_memory(&event_type, 0).await;
    in_memory(&event_type, 1_000).await;
    through_a_durable_subscriber(&event_type).await;
    for group in [16, 64, 256] {
        let rate = durable(&event_type, group).await;
        println!("  ratio to the floor: {:.2}", rate / floor(group));
    }
    let rate = batches(&event_type).await;
    println!("  ratio to the floor: {:.2}", rate / floor(u32::try_from(MAX_BATCH).unwrap()));
}
