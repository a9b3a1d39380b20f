//! Whether it stays as fast as it was: one emit with 1 to 1,000 subscriptions, and one emit and the first row of a
//! filtered read with a thousand to millions of events in the journal.
//!
//! `cargo bench -p tollgate-core --bench growth [-- EVENTS]` goes up to a million events unless told; ten million take
//! minutes and 8 GB. Prints figures; asserts nothing.
#![expect(clippy::unwrap_used, reason = "a measurement stops at the first error")]

use std::time::{Duration, Instant};
use tollgate_core::bus::{Bus, BusOptions, MAX_BATCH, Overflow};
use tollgate_core::event::Draft;
use tollgate_core::events::{EventType, PatternSet};
use tollgate_core::journal::{Durability, JournalOptions, Query};
use tollgate_core::time::Clock;

const PAYLOAD: &str = r#"{"progress":42,"message":"Indexing documents","chat_id":"c-1234567890"}"#;
/// Single emits that are timed at each size.
const EMITS: usize = 2_000;
/// Reads that are timed at each size.
const READS: usize = 50;
/// One event in so many is of the type that is looked for.
const RARE: usize = 100_000;
/// The sessions that events belong to, in turn.
const SESSIONS: usize = 1_000;

fn open(folder: &std::path::Path, durability: Durability) -> Bus {
    let journal = JournalOptions { path: folder.join("journal.db"), durability };
    Bus::open(BusOptions { journal, filter: None, clock: Clock::system() }).unwrap()
}

fn draft(event_type: &str) -> Draft {
    Draft::new(EventType::parse(event_type).unwrap(), "core", PAYLOAD)
}

/// The medians and the 99th of a hundred, in microseconds.
fn percentiles(mut took: Vec<Duration>) -> (f64, f64) {
    took.sort_unstable();
    let at = |per_cent: usize| took.get(took.len() * per_cent / 100).copied().unwrap_or_default().as_secs_f64() * 1e6;
    (at(50), at(99))
}

async fn emits(bus: &Bus) -> (f64, f64) {
    let mut took = Vec::with_capacity(EMITS);
    for _ in 0..EMITS {
        let draft = draft("bench.progress");
        let begun = Instant::now();
        bus.emit(draft).await.unwrap();
        took.push(begun.elapsed());
    }
    percentiles(took)
}

/// The time to the first row, from the beginning on.
fn first_row(bus: &Bus, query: &Query) -> (f64, f64) {
    let took = (0..READS).map(|_| {
        let begun = Instant::now();
        assert_eq!(bus.journal().read(query).unwrap().len(), 1);
        begun.elapsed()
    });
    percentiles(took.collect())
}

async fn subscriptions() {
    println!("journal memory      emit p50 µs   p99 µs");
    for count in [1, 10, 100, 1_000] {
        let bus = open(std::path::Path::new(""), Durability::Memory);
        let others: Vec<_> = (0..count)
            .map(|number| bus.subscribe(PatternSet::parse([format!("other{number}.*")]).unwrap(), Overflow::DropOldest))
            .collect();
        emits(&bus).await;
        let (p50, p99) = emits(&bus).await;
        println!("{:>5} subscriptions {p50:>11.2} {p99:>8.2}", others.len());
    }
}

async fn events(most: usize) {
    let folder = tempfile::tempdir_in(".").unwrap();
    let bus = open(folder.path(), Durability::Normal);
    println!("journal normal      emit p50 µs   p99 µs   rare type p50 µs   p99 µs   session p50 µs   p99 µs");
    let (mut recorded, mut size) = (0, 1_000);
    while size <= most {
        while recorded < size {
            let batch = (recorded..(recorded + MAX_BATCH).min(size)).map(|number| Draft {
                session: Some(format!("s{}", number % SESSIONS).into()),
                ..draft(if (number + 1) % RARE == 0 { "rare.event" } else { "bench.progress" })
            });
            recorded += bus.emit_batch(batch.collect()).await.unwrap().len();
        }
        let (p50, p99) = emits(&bus).await;
        bus.emit(draft("rare.event")).await.unwrap();
        recorded += EMITS + 1;
        let query = Query { limit: 1, ..Query::default() };
        let rare = Query { patterns: Some(PatternSet::parse(["rare.*"]).unwrap()), ..query.clone() };
        let (rare, rare99) = first_row(&bus, &rare);
        let (session, session99) = first_row(&bus, &Query { session: Some("s999".into()), ..query });
        println!(
            "{size:>12} events {p50:>13.2} {p99:>8.2} {rare:>18.1} {rare99:>8.1} {session:>16.1} {session99:>8.1}"
        );
        size *= 10;
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let most = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(1_000_000);
    subscriptions().await;
    events(most).await;
}
