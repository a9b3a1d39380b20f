//! Dead letters that are tried again: what is committed with them, and what refuses it.

use super::*;

#[tokio::test]
async fn a_retried_letter_goes_with_what_came_of_it_or_not_at_all() {
    for durability in BOTH {
        let Fixture { bus, folder: _folder } = fixture(durability);
        let _durable = bus.durable("p".into(), patterns(&["test.*"]), Start::Head).await.unwrap();
        bus.emit_batch((1..=3).map(numbered).collect()).await.unwrap();
        let letter = |seq: u64, tries: u32| DeadLetter {
            subscriber: "p".into(),
            seq,
            cause: "trap".into(),
            message: "unreachable".into(),
            tries,
            at: Timestamp(5),
        };
        for seq in [1, 2] {
            let given_up =
                Completion { dead_letter: Some(letter(seq, 3)), ..completion("p", seq - 1, seq, Vec::new()) };
            bus.complete(given_up).wait().await.unwrap();
        }
        let retry = |seq: u64, emits: Vec<Draft>| Completion { retried: Some(seq), ..completion("p", 2, 2, emits) };
        // Another try that did not work: the letter stays, once, with its tries counted.
        let again = Completion { dead_letter: Some(letter(1, 4)), ..retry(1, Vec::new()) };
        bus.complete(again).wait().await.unwrap();
        let journal = bus.journal();
        assert_eq!(journal.dead_letter("p", 1).unwrap(), Some(letter(1, 4)));
        assert_eq!(journal.dead_letters(None, 10).unwrap().len(), 2);
        // One that worked: the letter goes in the commit of the emits; the cursor stays where it is.
        bus.complete(retry(1, vec![draft("out.put", "{}")])).wait().await.unwrap();
        assert_eq!((journal.dead_letter("p", 1).unwrap(), journal.head()), (None, 4));
        assert_eq!(journal.stats().unwrap().cursors, [("p".to_owned(), 2)]);
        // The same again finds no letter, and nothing of it is recorded.
        let write = StoreWrite { key: "k".to_owned(), value: Some(vec![1]) };
        let twice = Completion { store: vec![write], ..retry(1, vec![draft("out.put", "{}")]) };
        let refused = bus.complete(twice).wait().await;
        assert!(matches!(refused, Err(JournalError::NoDeadLetter { seq: 1, .. })), "{refused:?}");
        assert_eq!((journal.head(), journal.store_get("p", "k").unwrap()), (4, None));
        // Nor does one come back that was dropped while it was tried.
        bus.drop_dead_letter("p".into(), 2).await.unwrap();
        let late = Completion { dead_letter: Some(letter(2, 4)), ..retry(2, Vec::new()) };
        assert!(matches!(bus.complete(late).wait().await, Err(JournalError::NoDeadLetter { seq: 2, .. })));
        assert!(journal.dead_letters(None, 10).unwrap().is_empty());
        // The refusals were not steps: what follows is recorded.
        bus.complete(completion("p", 2, 3, Vec::new())).wait().await.unwrap();
    }
}
