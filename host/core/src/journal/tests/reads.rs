//! Reads: by the id that an emitter gave, and over more than one transaction.

use super::*;

#[tokio::test]
async fn an_event_is_found_by_the_id_that_its_emitter_gave() {
    let folder = tempfile::tempdir().unwrap();
    let memory = JournalOptions { path: folder.path().join("none.db"), durability: Durability::Memory };
    for journal in [open(folder.path()), Journal::open(&memory, Box::new(|_| {})).unwrap()] {
        emit(&journal, 3).await;
        let one = event("test.found", Some("s1"), "{}");
        let receipt = journal.emit(one.clone(), true).await.unwrap();
        emit(&journal, 3).await;
        let found = journal.event_of(one.id).unwrap().unwrap();
        assert_eq!((found.seq, found.id, found.session.as_deref()), (receipt.seq, one.id, Some("s1")));
        assert_eq!(journal.event_of(Uuid::now_v7()).unwrap(), None);
    }
}

#[tokio::test]
async fn long_reads_go_over_many_transactions() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for _ in 0..10 {
        emit(&journal, 1_000).await;
    }
    journal.emit(event("rare.one", None, "{}"), false).await.unwrap();
    for newest in [false, true] {
        let all = journal.read(&Query { limit: usize::MAX, newest, ..Query::default() }).unwrap();
        assert!(all.iter().map(|event| event.seq).eq(1..=10_001));
        let patterns = Some(PatternSet::parse(["test.*", "rare.*"]).unwrap());
        let merged = journal.read(&Query { limit: usize::MAX, newest, patterns, ..Query::default() }).unwrap();
        assert_eq!(merged, all);
        let odd = journal
            .newest_where(&Query { limit: 3_000, ..Query::default() }, 9_000, usize::MAX, |event| event.seq % 2 == 1);
        assert!(odd.unwrap().iter().map(|event| event.seq).eq((4_003..=10_001).step_by(2)));
    }
}
