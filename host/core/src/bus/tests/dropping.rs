//! Live subscribers that fall behind: what they lose, and that they are told.

use super::*;

#[tokio::test]
async fn a_full_live_queue_drops_the_oldest_and_says_which() {
    let Fixture { bus, folder: _folder } = fixture(Durability::Memory);
    let mut live = bus.subscribe(patterns(&["test.*"]), Overflow::DropOldest);
    let queue = u64::try_from(QUEUE_EVENTS).unwrap();
    for number in 0..queue + 7 {
        bus.emit(numbered(number)).await.unwrap();
    }
    let first = soon(live.next()).await.unwrap();
    assert!(matches!(first, Delivery::Gap { from: 1, to: 7, count: 7 }), "{first:?}");
    for seq in 8..=queue + 7 {
        let Some(Delivery::Event(event)) = soon(live.next()).await else { panic!("an event") };
        assert_eq!(event.seq, seq);
    }
    let subscriber = &bus.statistics().subscribers[0];
    assert_eq!((subscriber.delivered, subscriber.dropped), (queue, 7));
    drop(live);
    assert!(bus.statistics().subscribers.is_empty(), "dropping it unsubscribes");
}

#[tokio::test]
async fn what_says_how_things_stand_is_dropped_first_and_order_stays() {
    let Fixture { bus, folder: _folder } = fixture(Durability::Memory);
    let mut live = bus.subscribe(patterns(&["test.*"]), Overflow::DropOldest);
    let queue = u64::try_from(QUEUE_EVENTS).unwrap();
    let passing = |seq: u64| seq.is_multiple_of(10);
    for seq in 1..=queue + 7 {
        let name = if passing(seq) { "test.progress" } else { "test.number" };
        bus.emit(draft(name, "{}")).await.unwrap();
    }
    let first = soon(live.next()).await.unwrap();
    assert!(matches!(first, Delivery::Gap { from: 10, to: 70, count: 7 }), "{first:?}");
    let left = (1..=queue + 7).filter(|seq| !passing(*seq) || *seq > 70);
    for seq in left {
        let Some(Delivery::Event(event)) = soon(live.next()).await else { panic!("an event") };
        assert_eq!(event.seq, seq);
    }
    assert_eq!(bus.statistics().subscribers[0].waiting, 0);
    // Beside those that happen once, one that says how things stand is dropped itself; of their own, the oldest goes.
    for _ in 0..queue {
        bus.emit(draft("test.number", "{}")).await.unwrap();
    }
    bus.emit(draft("test.progress", "{}")).await.unwrap();
    bus.emit(draft("test.number", "{}")).await.unwrap();
    let first = soon(live.next()).await.unwrap();
    let (oldest, progress) = (queue + 8, 2 * queue + 8);
    assert!(matches!(first, Delivery::Gap { from, to, count: 2 } if (from, to) == (oldest, progress)), "{first:?}");
    for seq in (oldest + 1..progress).chain([progress + 1]) {
        let Some(Delivery::Event(event)) = soon(live.next()).await else { panic!("an event") };
        assert_eq!(event.seq, seq);
    }
    let counted = &bus.statistics().subscribers[0];
    assert_eq!((counted.waiting, counted.dropped, counted.emitted), (0, 9, progress + 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_live_subscriber_accounts_for_every_event() {
    let Fixture { bus, folder: _folder } = fixture(Durability::Memory);
    let mut live = bus.subscribe(patterns(&["test.*"]), Overflow::DropOldest);
    const EVENTS: u64 = 20_000;
    let emitter = bus.clone();
    let emitting = tokio::spawn(async move {
        for number in 0..EVENTS {
            emitter.emit(numbered(number)).await.unwrap();
        }
        emitter.close().await;
    });
    let (mut accounted, mut last) = (0, 0);
    while let Some(delivery) = soon(live.next()).await {
        match delivery {
            Delivery::Event(event) => {
                assert_eq!(event.seq, last + 1);
                (accounted, last) = (accounted + 1, event.seq);
            }
            Delivery::Gap { from, to, count } => {
                assert_eq!((from, count), (last + 1, to - from + 1));
                (accounted, last) = (accounted + count, to);
            }
        }
    }
    emitting.await.unwrap();
    assert_eq!(accounted, EVENTS);
}
