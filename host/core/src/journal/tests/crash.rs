//! kill -9 in the middle of emitting: a child process acknowledges, its parent kills it and reads the journal.
//!
//! The child is this test binary again, told by a variable to run `child` alone.

use super::*;
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

const CHILD_FOLDER: &str = "TOLLGATE_TEST_CRASH_FOLDER";
const ROUNDS: usize = 5;
const EMITTERS: usize = 8;

/// Emits until it is killed, and prints every acknowledged id. Does nothing unless it is the child.
#[tokio::test]
async fn child() {
    let Some(folder) = std::env::var_os(CHILD_FOLDER) else { return };
    let options = JournalOptions { durability: Durability::Full, ..options(Path::new(&folder)) };
    let journal = Journal::open(&options, Box::new(|_| {})).unwrap();
    let emitters: Vec<_> = (0..EMITTERS)
        .map(|number| {
            let journal = journal.clone();
            tokio::spawn(async move {
                loop {
                    let payload = format!("{{\"of\":{number}}}");
                    let events = (0..=number).map(|_| event("test.crash", None, &payload)).collect();
                    let Done::Receipts(receipts) = journal.request(Work::Emit { events, given: true }).await.unwrap()
                    else {
                        panic!("receipts")
                    };
                    let ids: Vec<_> = receipts.iter().map(|receipt| receipt.id.to_string()).collect();
                    // The harness captures what is printed; a line written at once is not.
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "\nACK {}", ids.join(" ")).unwrap();
                    out.flush().unwrap();
                }
            })
        })
        .collect();
    futures_util::future::join_all(emitters).await;
}

#[test]
fn nothing_acknowledged_is_lost_by_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = HashSet::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "journal::tests::crash::child", "--nocapture"])
            .env(CHILD_FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let before = acknowledged.len();
        // The last line may be cut by the kill: a cut id is shorter.
        let mut collect = |line: &str| {
            let ids = line.strip_prefix("ACK ").into_iter().flat_map(|ids| ids.split(' '));
            acknowledged.extend(ids.filter(|id| id.len() == 36).map(str::to_owned));
        };
        for line in lines.by_ref().map(Result::unwrap).take(100 + 60 * round) {
            collect(&line);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        lines.map(Result::unwrap).for_each(|line| collect(&line));
        assert!(acknowledged.len() > before, "the child emitted");
        let journal = open(folder.path());
        let kept = journal.read(&Query { limit: usize::MAX, ..Query::default() }).unwrap();
        assert!(kept.iter().map(|event| event.seq).eq(1..=journal.head()), "no gap");
        let ids: HashSet<_> = kept.iter().map(|event| event.id.to_string()).collect();
        assert_eq!(ids.len(), kept.len(), "none twice");
        assert_eq!(acknowledged.difference(&ids).count(), 0, "none lost");
        drop(journal);
        assert_eq!(verify(&options(folder.path()).path).unwrap().bad, None);
        check_whole_batches(&kept);
    }
}

/// A batch of the emitter `n` has `n + 1` consecutive events: none was half written.
fn check_whole_batches(events: &[Arc<Event>]) {
    let mut rest = events;
    while let Some(first) = rest.first() {
        let (_, number) = first.payload.split_once(':').unwrap();
        let count = number.trim_end_matches('}').parse::<usize>().unwrap() + 1;
        let (batch, next) = rest.split_at(count);
        assert!(batch.iter().all(|event| event.payload == first.payload), "a whole batch");
        rest = next;
    }
}
