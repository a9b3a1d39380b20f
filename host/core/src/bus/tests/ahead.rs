//! Events finished out of order: what is ahead of the cursor is kept with it, comes no more, and counts as a step.

use super::*;

/// `finished` is the cursor still; `before` was ahead of it, `seqs` are now.
fn finished_ahead(finished: u64, before: &[u64], seqs: &[u64]) -> Completion {
    Completion {
        ahead: Ahead { before: before.to_vec(), seqs: seqs.to_vec() },
        ..completion("p", finished, finished, Vec::new())
    }
}

#[tokio::test]
async fn what_is_finished_ahead_of_the_cursor_comes_no_more() {
    for durability in BOTH {
        let Fixture { bus, folder: _folder } = fixture(durability);
        let mut durable = bus.durable("p".into(), patterns(&["test.*"]), Start::Head).await.unwrap();
        bus.emit_batch((1..=6).map(numbered).collect()).await.unwrap();
        assert_eq!(durable.next_batch(10).await.unwrap().unwrap().len(), 6);
        bus.complete(finished_ahead(0, &[], &[3])).wait().await.unwrap();
        bus.complete(finished_ahead(0, &[3], &[3, 5])).wait().await.unwrap();
        let expected = Finished { upto: 0, ahead: vec![3, 5] };
        assert_eq!(bus.finished("p".into(), Start::Head).await.unwrap(), expected);
        let mut again = bus.durable("p".into(), patterns(&["test.*"]), Start::Head).await.unwrap();
        assert_eq!(again.finished(), &expected);
        let seqs: Vec<u64> = again.next_batch(10).await.unwrap().unwrap().iter().map(|event| event.seq).collect();
        assert_eq!(seqs, [1, 2, 4, 6]);
        // The first two are finished, and with them what was ahead as far as nothing is missing.
        let step = Completion {
            after: 0,
            ahead: Ahead { before: vec![3, 5], seqs: vec![5] },
            ..completion("p", 0, 3, Vec::new())
        };
        bus.complete(step).wait().await.unwrap();
        let expected = Finished { upto: 3, ahead: vec![5] };
        assert_eq!(bus.finished("p".into(), Start::Head).await.unwrap(), expected);
        assert_eq!(bus.journal().stats().unwrap().cursors, [("p".to_owned(), 3)]);
        // One that is all alone leaves nothing ahead.
        let step =
            Completion { ahead: Ahead { before: vec![5], seqs: Vec::new() }, ..completion("p", 3, 6, Vec::new()) };
        bus.complete(step).wait().await.unwrap();
        assert_eq!(bus.finished("p".into(), Start::Head).await.unwrap(), Finished { upto: 6, ahead: Vec::new() });
    }
}

#[tokio::test]
async fn what_follows_a_lost_step_ahead_of_the_cursor_is_lost_too() {
    for durability in BOTH {
        let Fixture { bus, folder: _folder } = fixture(durability);
        bus.cursor("p".into(), Start::Beginning).await.unwrap();
        bus.emit_batch((1..=6).map(numbered).collect()).await.unwrap();
        // The cursor stays at 0 in all of them: those ahead of it tell that one is missing.
        let bad = Draft { source: "".into(), ..numbered(9) };
        let lost = Completion { emits: vec![bad], ..finished_ahead(0, &[], &[3]) };
        assert!(matches!(bus.complete(lost).wait().await, Err(JournalError::Write(_))));
        let after_it = Completion { emits: vec![draft("out.put", "{}")], ..finished_ahead(0, &[3], &[3, 4]) };
        let refused = bus.complete(after_it).wait().await;
        assert!(matches!(refused, Err(JournalError::OutOfStep { after: 0, cursor: 0, .. })), "{refused:?}");
        assert_eq!(bus.journal().head(), 6, "nothing of it was recorded");
        assert_eq!(bus.finished("p".into(), Start::Head).await.unwrap(), Finished::default());
        // Nor does one that takes another's step for its own: as many are ahead, but not the same.
        bus.complete(finished_ahead(0, &[], &[5])).wait().await.unwrap();
        let refused = bus.complete(finished_ahead(0, &[3], &[3, 4])).wait().await;
        assert!(matches!(refused, Err(JournalError::OutOfStep { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn no_more_than_the_bound_is_kept_ahead_of_a_cursor() {
    let Fixture { bus, folder: _folder } = fixture(Durability::Normal);
    bus.cursor("p".into(), Start::Beginning).await.unwrap();
    let seqs: Vec<u64> = (2..).take(MAX_AHEAD + 1).collect();
    let refused = bus.complete(finished_ahead(0, &[], &seqs)).wait().await;
    assert!(matches!(refused, Err(JournalError::Write(_))), "{refused:?}");
    bus.complete(finished_ahead(0, &[], &seqs[1..])).wait().await.unwrap();
    // None of those events exists: seqs beyond the head are other events once there are some.
    assert_eq!(bus.finished("p".into(), Start::Head).await.unwrap(), Finished::default());
    bus.complete(completion("p", 0, 0, Vec::new())).wait().await.unwrap();
}
