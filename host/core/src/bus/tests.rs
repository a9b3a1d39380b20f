//! Tests of the bus, over memory and over SQLite alike.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use super::*;
use crate::event::{Cause, MAX_DEPTH, MAX_EVENTS_PER_ROOT, MAX_PAYLOAD_BYTES};
use crate::journal::{DeadLetter, Durability, Query, RING_EVENTS, StoreWrite};
use crate::time::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;
use uuid::Uuid;

/// No test waits longer than this for something that must happen.
const DEADLINE: Duration = Duration::from_secs(30);

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.expect("in time")
}

struct Fixture {
    bus: Bus,
    folder: tempfile::TempDir,
}

fn options(path: &std::path::Path, durability: Durability) -> BusOptions {
    let journal = JournalOptions { path: path.join("journal.db"), durability };
    BusOptions { journal, filter: None, clock: Clock::system() }
}

fn fixture(durability: Durability) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    Fixture { bus: Bus::open(options(folder.path(), durability)).unwrap(), folder }
}

fn draft(event_type: &str, payload: &str) -> Draft {
    Draft::new(EventType::parse(event_type).unwrap(), "core", payload)
}

fn numbered(number: u64) -> Draft {
    draft("test.number", &format!("{{\"number\":{number}}}"))
}

fn patterns(texts: &[&str]) -> PatternSet {
    PatternSet::parse(texts).unwrap()
}

fn completion(subscriber: &str, finished: u64, emits: Vec<Draft>) -> Completion {
    Completion { subscriber: subscriber.into(), finished, emits, store: Vec::new(), dead_letter: None }
}

const BOTH: [Durability; 2] = [Durability::Memory, Durability::Normal];

#[tokio::test]
async fn events_get_consecutive_seqs_and_reach_subscribers_in_order() {
    for durability in BOTH {
        let Fixture { bus, folder: _folder } = fixture(durability);
        let mut live = bus.subscribe(patterns(&["test.*"]), Overflow::DropOldest);
        for number in 1..=10 {
            let receipt = bus.emit(numbered(number)).await.unwrap();
            assert_eq!((receipt.seq, receipt.duplicate), (number, false));
        }
        bus.emit(draft("other.thing", "{}")).await.unwrap();
        for number in 1..=10 {
            let Some(Delivery::Event(event)) = soon(live.next()).await else { panic!("an event") };
            assert_eq!(event.seq, number);
            assert_eq!((event.root, event.depth), (event.id, 0));
        }
        let read = bus.journal().read(&Query { limit: 100, ..Query::default() }).unwrap();
        assert_eq!(read.iter().map(|event| event.seq).collect::<Vec<_>>(), (1..=11).collect::<Vec<_>>());
        assert!(read.windows(2).all(|pair| pair[0].id < pair[1].id), "ids are monotonic");
        let statistics = bus.statistics();
        assert_eq!((statistics.published, statistics.by_type["test.number"]), (11, 10));
    }
}

#[tokio::test]
async fn a_durable_subscriber_goes_on_after_what_it_completed() {
    let Fixture { bus, folder } = fixture(Durability::Full);
    let mut first = bus.durable("p".into(), patterns(&["test.*"]), Start::Head).await.unwrap();
    bus.emit_batch((1..=5).map(numbered).collect()).await.unwrap();
    let batch = soon(first.next_batch(3)).await.unwrap().unwrap();
    assert_eq!(batch.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3]);
    bus.complete(completion("p", 2, Vec::new())).wait().await.unwrap();
    bus.close().await;
    assert!(first.next_batch(1).await.unwrap().is_none());
    drop((bus, first));
    let bus = Bus::open(options(folder.path(), Durability::Full)).unwrap();
    let mut again = bus.durable("p".into(), patterns(&["test.*"]), Start::Head).await.unwrap();
    let batch = soon(again.next_batch(100)).await.unwrap().unwrap();
    assert_eq!(batch.iter().map(|event| event.seq).collect::<Vec<_>>(), [3, 4, 5]);
}
