//! The newest events that somebody may read, past those that they may not.

use super::*;

fn odd(journal: &Journal, query: Query, seen: usize) -> Vec<u64> {
    let found = journal.newest_where(&query, seen, usize::MAX, |event| event.seq % 2 == 1).unwrap();
    found.iter().map(|event| event.seq).collect()
}

#[tokio::test]
async fn what_is_not_taken_takes_no_place_among_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let memory = JournalOptions { path: folder.path().join("none.db"), durability: Durability::Memory };
    for journal in [open(folder.path()), Journal::open(&memory, Box::new(|_| {})).unwrap()] {
        emit(&journal, 20).await;
        journal.emit(event("rare.one", None, "{}"), false).await.unwrap();
        let asked = |limit: usize| Query { limit, ..Query::default() };
        assert_eq!(odd(&journal, asked(3), 1_000), [17, 19, 21]);
        assert_eq!(odd(&journal, asked(3), 4), [19, 21], "no more are looked at");
        assert_eq!(odd(&journal, asked(1_000), 1_000).len(), 11);
        let tests = Query { patterns: Some(PatternSet::parse(["test.*"]).unwrap()), ..asked(2) };
        assert_eq!(odd(&journal, tests, 1_000), [17, 19]);
        assert!(odd(&journal, asked(0), 1_000).is_empty() && odd(&journal, asked(9), 0).is_empty());
    }
}

#[tokio::test]
async fn it_goes_over_many_transactions_and_ends_with_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for _ in 0..10 {
        emit(&journal, 1_000).await;
    }
    let all = Query { limit: 3_000, ..Query::default() };
    assert!(odd(&journal, all.clone(), 9_000).into_iter().eq((4_001..=9_999).step_by(2)));
    let some = journal.newest_where(&all, 9_000, 1, |event| event.seq < 9_000).unwrap();
    assert_eq!(some.last().unwrap().seq, 8_999, "what is not taken is not counted");
    assert!(some.len() < 3_000, "{}", some.len());
}
