//! The write-ahead log's size, whoever reads meanwhile.

use super::*;
use crate::bus::{Bus, BusOptions};
use crate::event::Draft;
use crate::time::Clock;
use std::sync::atomic::AtomicBool;

/// Events of one batch, and bytes of each.
const BATCH: usize = 40;
const LARGE: usize = 200_000;
/// The log is looked at between batches, and one batch may come after the last look.
const MOST: u64 = WAL_BYTES + 2 * 40 * 210_000;

fn wal(folder: &Path) -> u64 {
    std::fs::metadata(folder.join("journal.db-wal")).map_or(0, |found| found.len())
}

async fn write_one_batch(bus: &Bus) {
    let draft =
        Draft::new(EventType::parse("test.large").unwrap(), "core", format!("{{\"x\":\"{}\"}}", "x".repeat(LARGE)));
    bus.emit_batch(vec![draft; BATCH]).await.unwrap();
}

#[tokio::test]
async fn readers_that_sleep_and_readers_that_never_rest_do_not_let_the_log_grow() {
    let folder = tempfile::tempdir().unwrap();
    let bus = Bus::open(BusOptions { journal: options(folder.path()), filter: None, clock: Clock::system() }).unwrap();
    emit(bus.journal(), 5_000).await;
    // Each has begun to read, and does not go on until all is written.
    let mut export = Export::open(&options(folder.path()).path, Query::default()).unwrap();
    assert!(!export.next_page().unwrap().unwrap().is_empty());
    let mut follow = bus.follow(0, PatternSet::all());
    assert!(!follow.next_batch(10).await.unwrap().unwrap().is_empty());
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (journal, stop) = (bus.journal().clone(), Arc::clone(&stop));
            std::thread::spawn(move || {
                let mut rounds = 0;
                while !stop.load(Ordering::SeqCst) {
                    journal.read(&Query { limit: 5_000, newest: rounds % 2 == 0, ..Query::default() }).unwrap();
                    rounds += 1;
                }
                rounds
            })
        })
        .collect();
    let mut most = 0;
    for _ in 0..3 * usize::try_from(WAL_BYTES).unwrap() / (BATCH * LARGE) {
        write_one_batch(&bus).await;
        most = most.max(wal(folder.path()));
    }
    stop.store(true, Ordering::SeqCst);
    assert!(readers.into_iter().all(|reader| reader.join().unwrap() > 0));
    assert!(most < MOST, "the log had {most} bytes");
    assert!(most > WAL_BYTES / 2, "and it was written at all");
    let mut seen = 0;
    while let Some(page) = export.next_page().unwrap() {
        seen += page.len();
    }
    assert!(seen < 5_000 && !follow.next_batch(10).await.unwrap().unwrap().is_empty(), "they go on where they were");
}

#[tokio::test]
async fn another_process_that_stays_in_a_transaction_holds_the_log_only_until_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let bus = Bus::open(BusOptions { journal: options(folder.path()), filter: None, clock: Clock::system() }).unwrap();
    emit(bus.journal(), 1).await;
    let other = Connection::open(options(folder.path()).path).unwrap();
    other.execute_batch("BEGIN; SELECT count(*) FROM events").unwrap();
    while wal(folder.path()) < MOST {
        write_one_batch(&bus).await;
    }
    other.execute_batch("COMMIT").unwrap();
    let held = wal(folder.path());
    for _ in 0..4 {
        write_one_batch(&bus).await;
    }
    bus.journal().request(Work::LimitPages(u32::MAX)).await.unwrap();
    assert!(wal(folder.path()) < held, "it is written back within 16 MiB more");
}
