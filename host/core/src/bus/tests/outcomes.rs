//! Emitters that wait for what becomes of their events.

use super::*;
use crate::bus::{Handling, MAX_WAITING, Outcome};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

async fn subscribed(bus: &Bus, name: &str) -> DurableSubscription {
    bus.durable(name.into(), patterns(&["test.*"]), Start::Head).await.unwrap()
}

#[tokio::test]
async fn the_first_word_of_each_counts_and_all_are_waited_for() {
    for durability in BOTH {
        let Fixture { bus, folder: _folder } = fixture(durability);
        let (_one, _other) = (subscribed(&bus, "one").await, subscribed(&bus, "other").await);
        let _not_wanted = bus.durable("deaf".into(), patterns(&["else.*"]), Start::Head).await.unwrap();
        let id = Uuid::now_v7();
        assert!(!bus.is_awaited(id));
        let emitter = bus.clone();
        let waiting =
            tokio::spawn(async move { emitter.emit_and_wait(Draft { id: Some(id), ..numbered(1) }, LONG).await });
        soon(async {
            while !bus.is_awaited(id) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        bus.tell("one", id, Outcome::Failed("no".into()));
        bus.tell("one", id, Outcome::Handled);
        bus.tell("deaf", id, Outcome::Handled);
        bus.tell("one", Uuid::now_v7(), Outcome::Handled);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!waiting.is_finished());
        bus.tell("other", id, Outcome::Handled);
        let (receipt, told) = soon(waiting).await.unwrap().unwrap();
        let handling = |subscriber: &str, outcome| Handling { subscriber: subscriber.into(), outcome };
        assert_eq!(told, [handling("one", Outcome::Failed("no".into())), handling("other", Outcome::Handled)]);
        assert!(!bus.is_awaited(id), "its place is given back");
        // What is on record already was handled, or not, long ago.
        let again = soon(bus.emit_and_wait(Draft { id: Some(id), ..numbered(1) }, LONG)).await.unwrap();
        assert_eq!((again.0.seq, again.0.duplicate, again.1), (receipt.seq, true, Vec::new()));
    }
}

#[tokio::test]
async fn a_live_one_that_drops_it_is_told_of_and_who_says_nothing_is_late() {
    let Fixture { bus, folder: _folder } = fixture(Durability::Memory);
    let _full = bus.subscribe_as("full".into(), patterns(&["test.*"]));
    let _silent = subscribed(&bus, "silent").await;
    let emitter = bus.clone();
    let id = Uuid::now_v7();
    let wait = Duration::from_millis(200);
    let waiting = tokio::spawn(async move { emitter.emit_and_wait(Draft { id: Some(id), ..numbered(0) }, wait).await });
    soon(async {
        while bus.journal().head() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for number in 0..u64::try_from(QUEUE_EVENTS).unwrap() {
        bus.emit(numbered(number)).await.unwrap();
    }
    let (_, told) = soon(waiting).await.unwrap().unwrap();
    assert_eq!(told[0].outcome, Outcome::Dropped("its queue was full".into()));
    assert_eq!((told[1].outcome.name(), &told[1].outcome), ("timed_out", &Outcome::TimedOut));
}

#[tokio::test]
async fn a_live_one_that_leaves_says_what_it_did_not_come_to() {
    let Fixture { bus, folder: _folder } = fixture(Durability::Memory);
    let mut leaves = bus.subscribe_as("leaves".into(), patterns(&["test.*"]));
    let waiting: Vec<_> = (0..3)
        .map(|number| {
            let emitter = bus.clone();
            tokio::spawn(async move { emitter.emit_and_wait(numbered(number), LONG).await })
        })
        .collect();
    soon(async {
        while bus.journal().head() < 3 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // One is handed out, and what else waited is taken with it.
    let Some(Delivery::Event(handed)) = soon(leaves.next()).await else { panic!("an event") };
    drop(leaves);
    bus.tell("leaves", handed.id, Outcome::Handled);
    let mut told = Vec::new();
    for one in waiting {
        let (receipt, handlings) = soon(one).await.unwrap().unwrap();
        told.push((receipt.seq, handlings[0].outcome.name()));
    }
    told.sort_unstable();
    assert_eq!(told, [(1, "handled"), (2, "dropped"), (3, "dropped")]);
}

#[tokio::test]
async fn only_so_many_wait_and_one_too_many_records_nothing() {
    let Fixture { bus, folder: _folder } = fixture(Durability::Memory);
    let _one = subscribed(&bus, "one").await;
    let mut waiting = Vec::new();
    for number in 0..MAX_WAITING {
        let (emitter, number) = (bus.clone(), u64::try_from(number).unwrap());
        waiting.push(tokio::spawn(async move { emitter.emit_and_wait(numbered(number), LONG).await }));
    }
    let all = u64::try_from(MAX_WAITING).unwrap();
    soon(async {
        while bus.journal().head() < all {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let refused = bus.emit_and_wait(numbered(0), LONG).await.unwrap_err();
    assert!(matches!(refused, EmitError::NoPlaceToWait), "{refused}");
    assert_eq!((bus.journal().head(), bus.statistics().rejected), (all, 1));
    let (unwanted, told) = bus.emit_and_wait(draft("else.one", "{}"), LONG).await.unwrap();
    assert_eq!((unwanted.seq, told), (all + 1, Vec::new()), "one that nobody wants needs no place");
    waiting.iter().for_each(|task| task.abort());
    soon(async {
        while bus.emit_and_wait(numbered(0), Duration::ZERO).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
