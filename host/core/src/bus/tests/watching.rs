//! Followers that lose the oldest when they fall behind, change what they want, and whose counters add up.

use super::*;

fn of(bus: &Bus, follow: &Follow) -> SubscriberStatistics {
    bus.statistics().subscribers.into_iter().find(|one| one.name == follow.name()).unwrap()
}

fn counts(emitted: u64, filtered: u64, delivered: u64, dropped: u64, waiting: u64) -> [u64; 5] {
    assert_eq!(emitted, filtered + delivered + dropped + waiting, "the test adds up");
    [emitted, filtered, delivered, dropped, waiting]
}

fn counted(bus: &Bus, follow: &Follow) -> [u64; 5] {
    let one = of(bus, follow);
    [one.emitted, one.filtered, one.delivered, one.dropped, one.waiting]
}

fn seqs(deliveries: &[Delivery]) -> Vec<u64> {
    let seq = |delivery: &Delivery| match delivery {
        Delivery::Event(event) => Some(event.seq),
        Delivery::Gap { .. } => None,
    };
    deliveries.iter().filter_map(seq).collect()
}

#[tokio::test]
async fn a_watcher_that_falls_behind_loses_the_oldest_and_is_told() {
    for durability in BOTH {
        let Fixture { bus, folder: _folder } = fixture(durability);
        bus.emit_batch(vec![numbered(1), draft("other.thing", "{}")]).await.unwrap();
        let mut watcher = bus.watch(0, patterns(&["test.*"]));
        assert_eq!(seqs(&soon(watcher.next_batch(10)).await.unwrap().unwrap()), [1]);
        assert_eq!(counted(&bus, &watcher), counts(2, 1, 1, 0, 0));
        // It waits for the next one by now, so it is live.
        bus.emit(numbered(3)).await.unwrap();
        assert_eq!(seqs(&soon(watcher.next_batch(10)).await.unwrap().unwrap()), [3]);
        let queue = u64::try_from(QUEUE_EVENTS).unwrap();
        for _ in 0..2 {
            bus.emit_batch((0..queue - 1).map(numbered).collect()).await.unwrap();
            bus.emit(draft("other.thing", "{}")).await.unwrap();
        }
        let dropped = queue - 2;
        assert_eq!(counted(&bus, &watcher), counts(3 + 2 * queue, 3, 2, dropped, queue));
        let batch = soon(watcher.next_batch(1)).await.unwrap().unwrap();
        let Delivery::Gap { from, to, count } = batch[0] else { panic!("a gap first: {batch:?}") };
        assert_eq!((from, to, count), (4, 4 + dropped - 1, dropped));
        let mut rest = seqs(&batch);
        rest.extend(seqs(&soon(watcher.next_batch(2 * QUEUE_EVENTS)).await.unwrap().unwrap()));
        assert_eq!((rest[0], rest.len()), (to + 1, QUEUE_EVENTS));
        assert!(rest.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(counted(&bus, &watcher), counts(3 + 2 * queue, 3, 2 + queue, dropped, 0));
        let name = watcher.name().to_owned();
        drop(watcher);
        assert!(bus.statistics().subscribers.iter().all(|one| one.name != name), "nothing is subscribed any more");
    }
}

#[tokio::test]
async fn a_follower_that_falls_behind_reads_on_and_its_counters_add_up() {
    let Fixture { bus, folder: _folder } = fixture(Durability::Normal);
    let mut follower = bus.follow(0, patterns(&["test.*"]));
    bus.emit(numbered(1)).await.unwrap();
    assert_eq!(seqs(&soon(follower.next_batch(10)).await.unwrap().unwrap()), [1]);
    let rounds = 3;
    for _ in 0..rounds {
        bus.emit_batch((0..900).map(numbered).collect()).await.unwrap();
        bus.emit(draft("other.thing", "{}")).await.unwrap();
    }
    let mut found = 1;
    while found < 1 + rounds * 900 {
        let batch = soon(follower.next_batch(QUEUE_EVENTS)).await.unwrap().unwrap();
        found += u64::try_from(seqs(&batch).len()).unwrap();
        assert_eq!(seqs(&batch).len(), batch.len(), "no gap");
    }
    bus.emit(numbered(0)).await.unwrap();
    assert_eq!(seqs(&soon(follower.next_batch(10)).await.unwrap().unwrap()), [2 + rounds * 901]);
    assert_eq!(counted(&bus, &follower), counts(2 + rounds * 901, rounds, 2 + rounds * 900, 0, 0));
}

#[tokio::test]
async fn what_a_watcher_wants_changes_from_the_next_event_on() {
    let Fixture { bus, folder: _folder } = fixture(Durability::Memory);
    let mut watcher = bus.watch(0, patterns(&["test.*"]));
    bus.emit(numbered(1)).await.unwrap();
    assert_eq!(seqs(&soon(watcher.next_batch(10)).await.unwrap().unwrap()), [1]);
    bus.emit_batch(vec![draft("other.thing", "{}"), numbered(3)]).await.unwrap();
    watcher.set_patterns(patterns(&["other.*"]));
    bus.emit_batch(vec![draft("other.thing", "{}"), numbered(5)]).await.unwrap();
    let mut found = Vec::new();
    while found.len() < 2 {
        found.extend(seqs(&soon(watcher.next_batch(10)).await.unwrap().unwrap()));
    }
    assert_eq!(found, [3, 4]);
    assert_eq!(counted(&bus, &watcher), counts(5, 2, 3, 0, 0));
}
