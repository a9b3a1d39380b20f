//! Retention: what goes, what is kept for whom, and that the rest still verifies.

use super::*;
use crate::bus::{Bus, BusOptions, Delivery, Start};
use crate::time::Clock;
use std::time::{Duration, Instant};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Waits until `holds`, which the writer's thread brings about.
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::task::yield_now().await;
    }
}

fn first(journal: &Journal) -> u64 {
    journal.stats().unwrap().first
}

async fn retain(journal: &Journal, retention: Retention, clock: &Clock) {
    journal.request(Work::Retain(retention, clock.clone())).await.unwrap();
}

fn keep(events: u64) -> Retention {
    Retention { events: Some(events), ..Retention::default() }
}

#[tokio::test]
async fn what_is_over_a_number_of_events_goes_and_the_rest_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for _ in 0..3 {
        emit(&journal, 1_000).await;
    }
    retain(&journal, keep(100), &Clock::system()).await;
    eventually("the oldest go", || first(&journal) == 2_901).await;
    let found = verify(&options(folder.path()).path).unwrap();
    assert_eq!((found.checked, found.pruned, found.head, found.bad), (100, 2_900, 3_000, None));
    let stats = journal.stats().unwrap();
    assert_eq!((stats.events, stats.pruned, stats.head), (100, 2_900, 3_000));
    assert_eq!(journal.oldest().unwrap(), 2_901);
    assert!(stats.free_bytes > 0, "{stats:?}");
    // A busy writer looks by itself.
    for _ in 0..4 {
        emit(&journal, 200).await;
    }
    eventually("and what comes pushes out more", || first(&journal) > 3_000).await;
    let epoch = journal.epoch();
    journal.close().await;
    drop(journal);
    let journal = open(folder.path());
    assert_eq!((journal.head(), journal.epoch()), (3_800, epoch), "seqs and cursors go on");
    emit(&journal, 1).await;
    assert_eq!(journal.head(), 3_801);
    assert_eq!(verify(&options(folder.path()).path).unwrap().bad, None);
}

#[tokio::test]
async fn the_newest_event_stays_so_that_seqs_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    emit(&journal, 20).await;
    retain(&journal, keep(0), &Clock::system()).await;
    eventually("all but one go", || first(&journal) == 20).await;
    journal.close().await;
    drop(journal);
    assert_eq!(open(folder.path()).head(), 20);
}

#[tokio::test]
async fn what_is_older_than_an_age_goes_and_a_time_to_come_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let now = Timestamp(100 * 24 * 60 * 60 * 1_000);
    let days_ago = |days: u32| Timestamp(now.0 - i64::try_from((DAY * days).as_millis()).unwrap());
    let future = now.after(DAY * 1_000);
    let times = [days_ago(40), days_ago(35), future, days_ago(31), days_ago(29), days_ago(50), now];
    let events = times.map(|ts| Event { ts, ..event("test.a", None, "{}") }).to_vec();
    journal.request(Work::Emit { events, given: true }).await.unwrap();
    let clock = Clock::fixed(now);
    let month = Retention { age: Some(DAY * 30), ..Retention::default() };
    retain(&journal, month, &clock).await;
    eventually("what is older goes", || first(&journal) == 5).await;
    // The one that says it is 50 days old came after one that is 29: it goes with that.
    clock.set(now.after(DAY * 2));
    retain(&journal, month, &clock).await;
    eventually("and two days later", || first(&journal) == 7).await;
    assert_eq!(verify(&options(folder.path()).path).unwrap().bad, None);
}

#[tokio::test]
async fn what_is_over_a_number_of_bytes_goes_and_its_room_is_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let large = "x".repeat(200_000);
    let twenty = || async {
        let events = (0..20).map(|_| event("test.large", None, &large)).collect();
        journal.request(Work::Emit { events, given: true }).await.unwrap();
    };
    for _ in 0..5 {
        twenty().await;
    }
    let keep = 8 * 1024 * 1024;
    retain(&journal, Retention { bytes: Some(keep), ..Retention::default() }, &Clock::system()).await;
    let used = || {
        let connection = schema::open_reader(&options(folder.path()).path).unwrap();
        prune::Pages::of(&connection).unwrap().used
    };
    eventually("the oldest go", || used() <= keep).await;
    assert!(used() > keep / 2, "and not much more: {}", used());
    let all = || {
        let connection = schema::open_reader(&options(folder.path()).path).unwrap();
        connection.pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0)).unwrap()
    };
    let before = all();
    twenty().await;
    assert_eq!(all(), before, "the file does not grow while it has room");
}

#[tokio::test]
async fn one_batch_takes_a_bounded_number_of_events_and_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    emit(&journal, 1_000).await;
    let large = "x".repeat(200_000);
    let events = (0..50).map(|_| event("test.large", None, &large)).collect();
    journal.request(Work::Emit { events, given: true }).await.unwrap();
    let connection = schema::open_reader(&options(folder.path()).path).unwrap();
    let all = keep(0).at(Timestamp(0));
    let plan = |so_far: &Pruned| prune::plan(&connection, &all, so_far, Timestamp(0), &[]).ok().unwrap();
    let one = plan(&Pruned::default());
    assert_eq!((one.pruned.events, one.more), (u64::try_from(PRUNE_EVENTS).unwrap(), true));
    let at = |upto| Pruned { upto, events: upto, ..Pruned::default() };
    let two = plan(&at(1_000));
    assert!((PRUNE_BYTES..PRUNE_BYTES + 200_400).contains(&two.pruned.bytes) && two.more, "{:?}", two.pruned);
    let last = plan(&at(1_040));
    assert_eq!((last.pruned.upto, last.more), (1_049, false), "the newest is not among them");
}

fn bus(folder: &Path, clock: &Clock) -> Bus {
    Bus::open(BusOptions { journal: options(folder), filter: None, clock: clock.clone() }).unwrap()
}

async fn emit_some(bus: &Bus, event_type: &str, count: usize) {
    let draft = crate::event::Draft::new(EventType::parse(event_type).unwrap(), "core", "{}");
    bus.emit_batch(vec![draft; count]).await.unwrap();
}

#[tokio::test]
async fn what_a_durable_subscriber_has_not_finished_is_kept_for_it_for_a_week_and_then_told() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(Timestamp(1_700_000_000_000));
    let host = bus(folder.path(), &clock);
    let wanted = PatternSet::parse(["rare.*"]).unwrap();
    drop(host.durable("p".into(), wanted.clone(), Start::Head).await.unwrap());
    // Live ones hold nothing.
    host.cursor("live".into(), Start::Head).await.unwrap();
    emit_some(&host, "often.one", 300).await;
    emit_some(&host, "rare.one", 3).await;
    emit_some(&host, "often.one", 300).await;
    host.retain(keep(10)).await.unwrap();
    eventually("what it does not want goes", || first(host.journal()) == 301).await;
    clock.set(clock.now().after(HELD_FOR - Duration::from_secs(1)));
    host.retain(keep(10)).await.unwrap();
    emit_some(&host, "often.one", 300).await;
    host.retain(keep(10)).await.unwrap();
    assert_eq!(first(host.journal()), 301, "its own are kept");
    clock.set(clock.now().after(Duration::from_secs(1)));
    host.retain(keep(10)).await.unwrap();
    eventually("until a week is over", || first(host.journal()) == 895 && host.journal().head() == 904).await;
    let told = Query { patterns: Some(PatternSet::parse(["journal.pruned"]).unwrap()), limit: 9, ..Query::default() };
    eventually("which is told", || host.journal().read(&told).unwrap().len() == 1).await;
    let told = host.journal().read(&told).unwrap();
    let payload: serde_json::Value = serde_json::from_str(&told[0].payload).unwrap();
    assert_eq!((&payload["unfinished"]["p"], &payload["by"]), (&3.into(), &"retention".into()), "{payload}");
    let path = options(folder.path()).path;
    let found = census(&path).unwrap();
    let p = found.waiting.iter().find(|waiting| waiting.subscriber == "p").unwrap();
    assert_eq!((p.lost, p.waiting, p.cursor), (3, Some(0), 0));
    assert_eq!(verify(&path).unwrap().bad, None);
    let pruned = host.journal().stats().unwrap().pruned;
    let mut follow = host.follow(0, PatternSet::all());
    let gap = follow.next_batch(1).await.unwrap().unwrap();
    assert!(matches!(gap[0], Delivery::Gap { from: 1, to, .. } if to == pruned), "a reader is told too: {gap:?}");
    drop(follow);
    host.close().await;
    // It goes on with what is kept, and one that begins at the beginning begins there.
    let host = bus(folder.path(), &clock);
    let mut again = host.durable("p".into(), wanted, Start::Head).await.unwrap();
    assert_eq!(again.cursor(), pruned);
    let new = host.durable("q".into(), PatternSet::all(), Start::Beginning).await.unwrap();
    assert_eq!(new.cursor(), pruned);
    emit_some(&host, "rare.one", 1).await;
    let batch = again.next_batch(9).await.unwrap().unwrap();
    assert_eq!((batch.len(), batch[0].seq), (1, host.journal().head()));
    let dropped = host.statistics().subscribers.iter().map(|subscriber| subscriber.dropped).sum::<u64>();
    assert_eq!(dropped, 0, "what went was none of its own, or told of");
}

#[tokio::test]
async fn what_has_just_come_is_kept_for_a_subscriber_that_has_had_nothing_to_do_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(Timestamp(1_700_000_000_000));
    let host = bus(folder.path(), &clock);
    drop(host.durable("p".into(), PatternSet::parse(["rare.*"]).unwrap(), Start::Head).await.unwrap());
    clock.set(clock.now().after(HELD_FOR * 2));
    emit_some(&host, "rare.one", 1).await;
    emit_some(&host, "often.one", 300).await;
    host.retain(keep(10)).await.unwrap();
    // The writer has looked once it has taken the next batch.
    emit_some(&host, "often.one", 300).await;
    host.retain(keep(10)).await.unwrap();
    assert_eq!(first(host.journal()), 1);
    clock.set(clock.now().after(HELD_FOR));
    host.retain(keep(10)).await.unwrap();
    eventually("until its own week is over", || first(host.journal()) > 500).await;
}

#[tokio::test]
async fn a_time_to_come_does_not_hold_an_event_for_a_subscriber_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(Timestamp(1_700_000_000_000));
    let host = bus(folder.path(), &clock);
    drop(host.durable("p".into(), PatternSet::parse(["rare.*"]).unwrap(), Start::Head).await.unwrap());
    let later = Event { ts: clock.now().after(DAY * 1_000), ..event("rare.one", None, "{}") };
    host.journal().request(Work::Emit { events: vec![later], given: true }).await.unwrap();
    emit_some(&host, "often.one", 300).await;
    host.retain(keep(10)).await.unwrap();
    emit_some(&host, "often.one", 300).await;
    host.retain(keep(10)).await.unwrap();
    assert_eq!(first(host.journal()), 1, "for a week");
    clock.set(clock.now().after(HELD_FOR));
    host.retain(keep(10)).await.unwrap();
    eventually("and no longer", || first(host.journal()) > 500).await;
}

#[tokio::test]
async fn large_events_to_come_make_no_batch_larger() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let now = Timestamp(100 * 24 * 60 * 60 * 1_000);
    let large = "x".repeat(200_000);
    let future = (0..60).map(|_| Event { ts: now.after(DAY * 1_000), ..event("test.large", None, &large) });
    let old = Timestamp(now.0 - i64::try_from((DAY * 40).as_millis()).unwrap());
    let last = [Event { ts: old, ..event("test.a", None, "{}") }, event("test.a", None, "{}")];
    journal.request(Work::Emit { events: future.chain(last).collect(), given: true }).await.unwrap();
    let connection = schema::open_reader(&options(folder.path()).path).unwrap();
    let wanted = Retention { age: Some(DAY * 30), ..Retention::default() }.at(now);
    let mut all = Pruned::default();
    loop {
        let batch = prune::plan(&connection, &wanted, &all, now, &[]).unwrap();
        assert!(batch.pruned.bytes < PRUNE_BYTES + 300_000, "{}", batch.pruned.bytes);
        all.add(batch.pruned);
        if !batch.more {
            break;
        }
    }
    assert_eq!(all.upto, 61, "all of them go with the old one behind them");
}

#[tokio::test]
async fn however_many_times_to_come_hold_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let now = Timestamp(100 * 24 * 60 * 60 * 1_000);
    let events =
        |ts, count: usize| vec![(); count].into_iter().map(move |()| Event { ts, ..event("test.a", None, "{}") });
    let old = Timestamp(now.0 - i64::try_from((DAY * 40).as_millis()).unwrap());
    let all = events(now.after(DAY * 1_000), PRUNE_EVENTS * 3).chain(events(old, 1)).chain(events(now, 2));
    journal.request(Work::Emit { events: all.collect(), given: true }).await.unwrap();
    let month = Retention { age: Some(DAY * 30), ..Retention::default() };
    retain(&journal, month, &Clock::fixed(now)).await;
    eventually("they go with the old one behind them", || first(&journal) == 1_502).await;
    assert_eq!(verify(&options(folder.path()).path).unwrap().bad, None);
}

#[tokio::test]
async fn what_is_missing_at_the_beginning_is_not_hidden_by_pruning() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    emit(&journal, 100).await;
    let path = options(folder.path()).path;
    Connection::open(&path).unwrap().execute_batch("DELETE FROM events WHERE seq <= 5").unwrap();
    retain(&journal, keep(10), &Clock::system()).await;
    emit(&journal, 300).await;
    emit(&journal, 1).await;
    assert_eq!(first(&journal), 6);
    let bad = verify(&path).unwrap().bad.unwrap();
    assert_eq!((bad.seq, bad.reason.as_str()), (1, "is missing; the next row is 6"));
}

#[tokio::test]
async fn an_anchor_that_was_moved_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    emit(&journal, 100).await;
    retain(&journal, keep(10), &Clock::system()).await;
    eventually("the oldest go", || first(&journal) == 91).await;
    journal.close().await;
    let path = options(folder.path()).path;
    let sql = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    sql("DELETE FROM events WHERE seq = 91");
    assert_eq!(verify(&path).unwrap().bad.unwrap().seq, 91);
    sql("UPDATE meta SET value = replace(value, '90 ', '91 ') WHERE key = 'pruned'");
    let bad = verify(&path).unwrap().bad.unwrap();
    assert_eq!((bad.seq, bad.reason.as_str()), (92, "is not chained to the row before it"));
    sql("UPDATE meta SET value = 'x' WHERE key = 'pruned'");
    assert!(verify(&path).unwrap_err().to_string().contains("what was pruned"));
}
