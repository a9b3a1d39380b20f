//! Tests of the bus, over memory and over SQLite alike.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod ahead;
mod dropping;
mod letters;
mod outcomes;
mod watching;

use super::*;
use crate::event::{Cause, MAX_DEPTH, MAX_EVENTS_PER_ROOT, MAX_PAYLOAD_BYTES};
use crate::journal::{Ahead, DeadLetter, Durability, Query, RING_EVENTS, StoreWrite};
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

fn completion(subscriber: &str, after: u64, finished: u64, emits: Vec<Draft>) -> Completion {
    Completion {
        subscriber: subscriber.into(),
        after,
        finished,
        ahead: Ahead::default(),
        emits,
        store: Vec::new(),
        dead_letter: None,
        retried: None,
    }
}

const BOTH: [Durability; 2] = [Durability::Memory, Durability::Normal];

#[tokio::test]
async fn what_the_journal_says_of_itself_nobody_else_may_say() {
    let folder = tempfile::tempdir().unwrap();
    let journal = JournalOptions { path: folder.path().join("journal.db"), durability: Durability::Normal };
    let bus = Bus::open(BusOptions { journal, filter: None, clock: Clock::system() }).unwrap();
    for name in ["journal.redacted", "journal.pruned", "journal.anything"] {
        let refused = bus.emit(Draft::new(EventType::parse(name).unwrap(), "core", "{}")).await.unwrap_err();
        assert!(refused.to_string().contains("the journal's own"), "{refused}");
    }
}

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
    bus.complete(completion("p", 0, 2, Vec::new())).wait().await.unwrap();
    bus.close().await;
    assert!(first.next_batch(1).await.unwrap().is_none());
    drop((bus, first));
    let bus = Bus::open(options(folder.path(), Durability::Full)).unwrap();
    let mut again = bus.durable("p".into(), patterns(&["test.*"]), Start::Head).await.unwrap();
    let batch = soon(again.next_batch(100)).await.unwrap().unwrap();
    assert_eq!(batch.iter().map(|event| event.seq).collect::<Vec<_>>(), [3, 4, 5]);
}

#[tokio::test]
async fn the_same_id_twice_is_one_event() {
    for durability in BOTH {
        let Fixture { bus, folder: _folder } = fixture(durability);
        let with_id = |id| Draft { id: Some(id), ..numbered(1) };
        let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert!(!bus.emit(with_id(first)).await.unwrap().duplicate);
        let again = bus.emit(with_id(first)).await.unwrap();
        assert_eq!(again, Receipt { seq: 1, id: first, duplicate: true });
        let batch = bus.emit_batch(vec![with_id(second), with_id(first), with_id(second)]).await.unwrap();
        let seen: Vec<_> = batch.iter().map(|receipt| (receipt.seq, receipt.duplicate)).collect();
        assert_eq!(seen, [(2, false), (1, true), (2, true)]);
        assert_eq!((bus.journal().head(), bus.statistics().published), (2, 2));
    }
}

async fn check_refused(change: impl FnOnce(&mut Draft), wanted: &str) {
    let Fixture { bus, folder: _folder } = fixture(Durability::Memory);
    let mut refused = numbered(1);
    change(&mut refused);
    let checked = bus.check(&refused).unwrap_err().to_string();
    assert!(checked.contains(wanted), "{checked}");
    assert_eq!(bus.emit(refused.clone()).await.unwrap_err().to_string(), checked);
    let batch = bus.emit_batch(vec![numbered(0), refused]).await.unwrap_err();
    assert_eq!((batch.index, batch.error.to_string()), (1, checked));
    assert_eq!((bus.journal().head(), bus.statistics().rejected), (0, 2));
}

#[tokio::test]
async fn drafts_over_a_bound_are_refused_and_none_of_their_batch_is_recorded() {
    let long: Arc<str> = "x".repeat(257).into();
    check_refused(|draft| draft.payload = format!("\"{}\"", "x".repeat(MAX_PAYLOAD_BYTES)).into(), "bytes").await;
    check_refused(|draft| draft.source = "".into(), "source: is empty").await;
    check_refused(|draft| draft.session = Some("a\nb".into()), "session: holds a control").await;
    check_refused(|draft| draft.session = Some(Arc::clone(&long)), "session: has 257 bytes").await;
    check_refused(
        |draft| draft.entity = Some(crate::event::Entity { kind: "task".into(), id: "\u{7f}".into() }),
        "entity.id",
    )
    .await;
    check_refused(|draft| draft.cause = Some(Cause { root: Uuid::nil(), depth: MAX_DEPTH }), "too deep").await;
    // Within their bounds until their secrets are replaced.
    let grows = format!("{{\"a\":[{}]}}", vec!["{\"pwd\":\"x\"}"; 21_000].join(","));
    check_refused(|draft| draft.payload = grows.into(), "the payload has 441007 bytes").await;
    let url = format!("https://u:p@{}", "h".repeat(244));
    check_refused(|draft| draft.session = Some(url.into()), "session: has 265 bytes").await;
    let Fixture { bus, folder: _folder } = fixture(Durability::Memory);
    let many = (0..=1_000).map(numbered).collect();
    assert!(matches!(bus.emit_batch(many).await.unwrap_err().error, EmitError::BatchTooLarge(1_001)));
}

#[tokio::test]
async fn no_name_of_an_event_keeps_a_secret() {
    let Fixture { bus, folder: _folder } = fixture(Durability::Memory);
    let name = |host: &str| -> Arc<str> { format!("https://ci:hunter22@{host}/x").into() };
    let entity = Some(crate::event::Entity { kind: name("kind"), id: name("id") });
    bus.emit(Draft { source: name("source"), entity, session: Some(name("session")), ..numbered(1) }).await.unwrap();
    let event = bus.journal().event(1).unwrap().unwrap();
    assert_eq!(&*event.source, "https://ci:[redacted]@source/x");
    assert_eq!(event.session.as_deref(), Some("https://ci:[redacted]@session/x"));
    assert!(!format!("{event:?}").contains("hunter22"), "{event:?}");
}

#[tokio::test]
async fn one_root_sets_off_a_bounded_number_of_events() {
    let Fixture { bus, folder: _folder } = fixture(Durability::Memory);
    let root = bus.emit(numbered(0)).await.unwrap().id;
    let caused = |depth| Draft { cause: Some(Cause { root, depth }), ..numbered(1) };
    for _ in 1..MAX_EVENTS_PER_ROOT {
        bus.emit(caused(0)).await.unwrap();
    }
    assert!(matches!(bus.emit(caused(0)).await, Err(EmitError::TooDeep(_))));
    assert!(matches!(bus.check(&caused(1)), Err(EmitError::TooDeep(_))));
    bus.emit(numbered(1)).await.unwrap();
    let last = bus.journal().event(u64::from(MAX_EVENTS_PER_ROOT)).unwrap().unwrap();
    assert_eq!((last.root, last.depth), (root, 1));
}

#[tokio::test]
async fn an_event_given_again_uses_up_nothing_of_its_root() {
    let Fixture { bus, folder: _folder } = fixture(Durability::Normal);
    let _p = bus.durable("p".into(), patterns(&["test.*"]), Start::Head).await.unwrap();
    let root = bus.emit(numbered(0)).await.unwrap().id;
    let caused = || Draft { cause: Some(Cause { root, depth: 0 }), ..draft("out.put", "{}") };
    let emits = |count| (0..count).map(|_| caused()).collect();
    soon(bus.complete(completion("p", 0, 1, emits(1))).wait()).await.unwrap();
    for _ in 0..40 {
        soon(bus.complete(completion("p", 1, 1, emits(50))).wait()).await.unwrap();
    }
    bus.check(&caused()).unwrap();
    soon(bus.complete(completion("p", 1, 2, emits(MAX_EVENTS_PER_ROOT))).wait()).await.unwrap();
    assert!(matches!(bus.check(&caused()), Err(EmitError::TooDeep(_))));
}

#[tokio::test]
async fn what_the_gate_decided_is_recorded_whatever_the_filter_says() {
    let folder = tempfile::tempdir().unwrap();
    let filter = Some(patterns(&["test.*"]));
    let bus = Bus::open(BusOptions { filter, ..options(folder.path(), Durability::Memory) }).unwrap();
    let draft = |name: &str| Draft::new(EventType::parse(name).unwrap(), "core", "{}");
    let mut drafts = vec![draft("hook.pre_tool"), draft("test.x")];
    bus.keep_wanted(&mut drafts);
    assert_eq!(drafts, [draft("test.x")]);
    assert_eq!(bus.statistics().filtered, 1);
    // Of an unknown action, so that no payload is asked for.
    bus.emit(draft("tool.other")).await.unwrap();
}

#[tokio::test]
async fn the_filter_keeps_out_and_counts() {
    let folder = tempfile::tempdir().unwrap();
    let filter = Some(patterns(&["test.*"]));
    let bus = Bus::open(BusOptions { filter, ..options(folder.path(), Durability::Memory) }).unwrap();
    assert!(matches!(bus.emit(draft("other.thing", "{}")).await, Err(EmitError::Filtered(_))));
    bus.emit(numbered(1)).await.unwrap();
    let statistics = bus.statistics();
    assert_eq!((statistics.published, statistics.filtered, statistics.rejected), (1, 1, 0));
}

/// Several emitters at once, one reader that is slower than its queue: nothing lost, nothing twice, in order.
async fn check_lossless(durability: Durability, emitters: u64, each: u64) {
    let Fixture { bus, folder: _folder } = fixture(durability);
    let mut durable = bus.durable("p".into(), patterns(&["test.*"]), Start::Head).await.unwrap();
    let mut follow = bus.follow(0, patterns(&["test.number"]));
    let tasks: Vec<_> = (0..emitters)
        .map(|emitter| {
            let bus = bus.clone();
            tokio::spawn(async move {
                for batch in 0..each / 50 {
                    let mut drafts: Vec<_> =
                        (0..50).map(|number| numbered(emitter * each + batch * 50 + number)).collect();
                    drafts.push(draft("other.thing", "{}"));
                    bus.emit_batch(drafts).await.unwrap();
                }
            })
        })
        .collect();
    let wanted = usize::try_from(emitters * each).unwrap();
    let mut seqs = Vec::new();
    let mut payloads = BTreeSet::new();
    while seqs.len() < wanted {
        for event in soon(durable.next_batch(37)).await.unwrap().unwrap() {
            seqs.push(event.seq);
            payloads.insert(event.payload.to_string());
        }
        if seqs.len() % 5 == 0 {
            tokio::task::yield_now().await;
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]), "in order, none twice");
    assert_eq!(payloads.len(), wanted);
    let mut followed = Vec::new();
    while followed.len() < wanted {
        for delivery in soon(follow.next_batch(1_000)).await.unwrap().unwrap() {
            let Delivery::Event(event) = delivery else { panic!("a gap") };
            followed.push(event.seq);
        }
    }
    assert_eq!(followed, seqs);
    let one_more = bus.emit(numbered(u64::MAX)).await.unwrap();
    assert_eq!(soon(durable.next_batch(5)).await.unwrap().unwrap()[0].seq, one_more.seq, "joined live again");
    assert_eq!(bus.statistics().subscribers.iter().map(|one| one.dropped).sum::<u64>(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn overflow_goes_on_from_the_journal_without_loss() {
    check_lossless(Durability::Memory, 4, 5_000).await;
    check_lossless(Durability::Normal, 4, 2_500).await;
}

#[tokio::test]
async fn a_ring_that_ran_over_says_what_is_gone() {
    let Fixture { bus, folder: _folder } = fixture(Durability::Memory);
    let ring = u64::try_from(RING_EVENTS).unwrap();
    let mut durable = bus.durable("p".into(), patterns(&["test.*"]), Start::Beginning).await.unwrap();
    for number in 0..ring + 10 {
        bus.emit(numbered(number)).await.unwrap();
    }
    let mut follow = bus.follow(3, patterns(&["test.*"]));
    let batch = soon(follow.next_batch(1)).await.unwrap().unwrap();
    assert!(matches!(batch[0], Delivery::Gap { from: 4, to: 10, count: 7 }), "{:?}", batch[0]);
    assert!(matches!(&batch[1], Delivery::Event(event) if event.seq == 11));
    assert_eq!(soon(durable.next_batch(1)).await.unwrap().unwrap()[0].seq, 11);
    assert_eq!(bus.statistics().subscribers[0].dropped, 10);
    assert_eq!(bus.journal().stats().unwrap().events, ring);
}

#[tokio::test]
async fn a_completion_is_one_unit() {
    for durability in BOTH {
        let Fixture { bus, folder: _folder } = fixture(durability);
        let _durable = bus.durable("p".into(), patterns(&["test.*"]), Start::Head).await.unwrap();
        bus.emit(numbered(1)).await.unwrap();
        let letter = DeadLetter {
            subscriber: "p".into(),
            seq: 1,
            cause: "trap".into(),
            message: "unreachable".into(),
            tries: 3,
            at: Timestamp(5),
        };
        let write = |key: &str, value: Option<&[u8]>| StoreWrite { key: key.to_owned(), value: value.map(Vec::from) };
        let whole = Completion {
            emits: vec![draft("out.put", "{}")],
            store: vec![write("a/1", Some(b"x")), write("a/2", Some(b"yy")), write("b", Some(b"")), write("a/1", None)],
            dead_letter: Some(letter.clone()),
            ..completion("p", 0, 1, Vec::new())
        };
        bus.complete(whole).wait().await.unwrap();
        let journal = bus.journal();
        assert_eq!(journal.head(), 2);
        assert_eq!(journal.store_keys("p", "a/").unwrap(), ["a/2"]);
        assert_eq!(journal.store_get("p", "a/2").unwrap().as_deref(), Some(&b"yy"[..]));
        assert_eq!((journal.store_get("q", "a/2").unwrap(), journal.store_bytes("p").unwrap()), (None, 6));
        assert_eq!(journal.dead_letters(Some("p"), 10).unwrap(), [letter]);
        assert!(journal.dead_letters(Some("q"), 10).unwrap().is_empty());
        assert_eq!(journal.stats().unwrap().cursors, [("p".to_owned(), 1)]);
        // One refused emit takes the cursor and the store with it.
        let bad = Draft { source: "".into(), ..numbered(3) };
        let refused = Completion { store: vec![write("c", Some(b"z"))], ..completion("p", 1, 2, vec![bad]) };
        assert!(matches!(bus.complete(refused).wait().await, Err(JournalError::Write(_))));
        assert_eq!(journal.store_get("p", "c").unwrap(), None);
        assert_eq!(journal.stats().unwrap().cursors, [("p".to_owned(), 1)]);
        bus.drop_dead_letter("p".into(), 1).await.unwrap();
        assert!(journal.dead_letters(None, 10).unwrap().is_empty());
    }
}

#[tokio::test]
async fn completions_commit_in_the_order_of_their_calls_and_never_move_back() {
    let Fixture { bus, folder: _folder } = fixture(Durability::Normal);
    bus.emit_batch((0..100).map(numbered).collect()).await.unwrap();
    let tickets: Vec<_> = (1..=100)
        .map(|seq| {
            let store = vec![StoreWrite { key: "last".to_owned(), value: Some(seq.to_string().into_bytes()) }];
            bus.complete(Completion {
                store,
                ..completion("p", seq - 1, seq, vec![draft("out.put", &format!("{{\"of\":{seq}}}"))])
            })
        })
        .collect();
    for ticket in tickets {
        ticket.wait().await.unwrap();
    }
    let late = bus.complete(completion("p", 6, 7, Vec::new())).wait().await;
    assert!(matches!(late, Err(JournalError::OutOfStep { after: 6, cursor: 100, .. })), "{late:?}");
    assert_eq!(bus.journal().stats().unwrap().cursors, [("p".to_owned(), 100)]);
    assert_eq!(bus.journal().store_get("p", "last").unwrap().as_deref(), Some(&b"100"[..]));
    let query = Query { patterns: Some(patterns(&["out.*"])), limit: 1_000, ..Query::default() };
    let put: Vec<_> = bus.journal().read(&query).unwrap().iter().map(|event| event.payload.to_string()).collect();
    assert_eq!(put, (1..=100).map(|seq| format!("{{\"of\":{seq}}}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn after_a_completion_that_was_refused_none_is_recorded_until_the_subscriber_reopens() {
    for durability in BOTH {
        let Fixture { bus, folder: _folder } = fixture(durability);
        bus.emit_batch((0..5).map(numbered).collect()).await.unwrap();
        let put = |of: u64| draft("out.put", &format!("{{\"of\":{of}}}"));
        let bad = Draft { source: "".into(), ..numbered(0) };
        let refused = bus.complete(completion("p", 0, 1, vec![bad]));
        let later =
            [bus.complete(completion("p", 1, 2, vec![put(2)])), bus.complete(completion("p", 2, 3, vec![put(3)]))];
        assert!(matches!(refused.wait().await, Err(JournalError::Write(_))));
        for ticket in later {
            assert!(matches!(ticket.wait().await, Err(JournalError::OutOfStep { cursor: 0, .. })));
        }
        assert_eq!(bus.journal().head(), 5, "nothing of them was written");
        let mut again = bus.durable("p".into(), patterns(&["test.*"]), Start::Beginning).await.unwrap();
        assert_eq!(again.cursor(), 0);
        assert_eq!(soon(again.next_batch(1)).await.unwrap().unwrap()[0].seq, 1);
        bus.complete(completion("p", 0, 1, vec![put(1)])).wait().await.unwrap();
        assert_eq!(bus.cursor("p".into(), Start::Head).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_closed_bus_refuses_and_releases_its_subscribers() {
    for durability in BOTH {
        let Fixture { bus, folder: _folder } = fixture(durability);
        let mut live = bus.subscribe(PatternSet::all(), Overflow::DropOldest);
        let mut follow = bus.follow(0, PatternSet::all());
        bus.emit(numbered(1)).await.unwrap();
        assert_eq!(soon(follow.next_batch(10)).await.unwrap().unwrap().len(), 1);
        bus.close().await;
        assert!(matches!(bus.emit(numbered(2)).await, Err(EmitError::Journal(JournalError::Closed))));
        assert!(matches!(bus.complete(completion("p", 0, 1, Vec::new())).wait().await, Err(JournalError::Closed)));
        assert!(matches!(soon(live.next()).await, Some(Delivery::Event(_))), "what was queued still comes");
        assert!(soon(live.next()).await.is_none());
        assert!(soon(follow.next_batch(10)).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn types_are_counted_by_name_up_to_a_bound() {
    let Fixture { bus, folder: _folder } = fixture(Durability::Memory);
    let mut live = bus.subscribe(patterns(&["many.*"]), Overflow::DropOldest);
    for number in 0..fanout::COUNTED_TYPES + 5 {
        bus.emit(draft(&format!("many.n{number}"), "{}")).await.unwrap();
    }
    let statistics = bus.statistics();
    assert_eq!(statistics.by_type.len(), fanout::COUNTED_TYPES + 1);
    assert_eq!(statistics.by_type["other"], 5);
    assert!(matches!(soon(live.next()).await, Some(Delivery::Gap { .. })), "types over the bound are delivered too");
}

#[tokio::test]
async fn a_position_beyond_the_end_follows_from_the_end() {
    let Fixture { bus, folder: _folder } = fixture(Durability::Normal);
    bus.emit(numbered(1)).await.unwrap();
    let mut follow = bus.follow(1_000, PatternSet::all());
    bus.emit(numbered(2)).await.unwrap();
    let batch = soon(follow.next_batch(10)).await.unwrap().unwrap();
    assert!(matches!(&batch[..], [Delivery::Event(event)] if event.seq == 2), "{batch:?}");
}

#[tokio::test]
async fn a_cursor_beyond_the_end_goes_on_from_the_end() {
    for durability in BOTH {
        let Fixture { bus, folder: _folder } = fixture(durability);
        bus.emit(numbered(1)).await.unwrap();
        bus.cursor("p".into(), Start::Beginning).await.unwrap();
        bus.complete(completion("p", 0, 1_000, Vec::new())).wait().await.unwrap();
        let mut again = bus.durable("p".into(), patterns(&["test.*"]), Start::Head).await.unwrap();
        assert_eq!(again.cursor(), 1);
        bus.emit(numbered(2)).await.unwrap();
        assert_eq!(soon(again.next_batch(10)).await.unwrap().unwrap()[0].seq, 2);
        bus.complete(completion("p", 1, 2, Vec::new())).wait().await.unwrap();
    }
}
