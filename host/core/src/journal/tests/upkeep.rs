//! What is done without a host: pruning, redacting, compacting, exporting and importing.

use super::*;
use crate::bus::{Bus, BusOptions, Start};
use crate::json::{EventLines, to_json};
use crate::time::Clock;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

async fn filled(folder: &Path, count: usize) -> PathBuf {
    let journal = open(folder);
    emit(&journal, count).await;
    journal.close().await;
    options(folder).path
}

fn all(path: &Path) -> Vec<Arc<Event>> {
    pages(path, Query::default())
}

fn pages(path: &Path, query: Query) -> Vec<Arc<Event>> {
    let mut export = Export::open(path, query).unwrap();
    let mut events = Vec::new();
    while let Some(page) = export.next_page().unwrap() {
        events.extend(page);
    }
    assert_eq!(export.position(), export.head());
    events
}

fn lines(events: &[Arc<Event>]) -> String {
    events.iter().map(|event| to_json(event) + "\n").collect()
}

#[tokio::test]
async fn pruning_by_hand_is_told_and_a_dry_run_says_the_same_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 1_900).await;
    let epoch = stats_of(&path).unwrap().epoch;
    let wanted = Prune { keep_events: Some(100), ..Prune::default() };
    let before = prune_preview(&path, &wanted, NOW).unwrap();
    assert_eq!((before.events, before.upto), (1_800, 1_800));
    assert_eq!(stats_of(&path).unwrap().events, 1_900, "nothing went");
    let mut steps = 0;
    let mut upkeep = Upkeep::open(&path).unwrap();
    let pruned = upkeep.prune(&wanted, NOW, |_| steps += 1).unwrap();
    drop(upkeep);
    assert_eq!((pruned, steps), (before, 4));
    let events = all(&path);
    assert_eq!((events.len(), events[0].seq), (101, 1_801));
    let told = &events[100];
    assert_eq!((told.event_type.as_str(), told.seq), ("journal.pruned", 1_901));
    assert!(told.payload.contains(r#""by":"operator""#) && told.payload.contains(r#""events":1800"#));
    let found = verify(&path).unwrap();
    assert_eq!((found.bad, found.pruned), (None, 1_800));
    assert_eq!(stats_of(&path).unwrap().epoch, epoch, "cursors stay");
    let nothing = Upkeep::open(&path).unwrap().prune(&Prune { keep_events: Some(500), ..wanted }, NOW, |_| {}).unwrap();
    assert_eq!((nothing, all(&path).len()), (Pruned::default(), 101));
}

#[tokio::test]
async fn pruning_by_hand_stops_at_a_cursor_or_says_who_loses_what() {
    let folder = tempfile::tempdir().unwrap();
    let bus =
        Bus::open(BusOptions { journal: options(folder.path()), filter: None, clock: Clock::fixed(NOW) }).unwrap();
    drop(bus.durable("p".into(), PatternSet::parse(["test.b"]).unwrap(), Start::Beginning).await.unwrap());
    emit(bus.journal(), 10).await;
    let draft = crate::event::Draft::new(EventType::parse("test.b").unwrap(), "core", "{}");
    bus.emit_batch(vec![draft; 2]).await.unwrap();
    emit(bus.journal(), 10).await;
    bus.close().await;
    let path = options(folder.path()).path;
    let wanted = Prune { keep_events: Some(1), ..Prune::default() };
    let held = prune_preview(&path, &wanted, NOW).unwrap();
    assert_eq!((held.upto, held.held), (10, Some(("p".to_owned(), 11))));
    let past = Prune { past_cursors: true, ..wanted };
    let pruned = Upkeep::open(&path).unwrap().prune(&past, NOW, |_| {}).unwrap();
    assert_eq!((pruned.upto, pruned.unfinished.get("p"), &pruned.held), (21, Some(&2), &None));
    assert!(all(&path).last().unwrap().payload.contains(r#""unfinished":{"p":2}"#));
    assert_eq!(census(&path).unwrap().waiting[0].lost, 2);
}

#[tokio::test]
async fn a_redacted_payload_is_gone_from_the_files_and_the_chain_holds() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    emit(&journal, 5).await;
    let secret = format!("correct horse {}", "battery staple ".repeat(2_000));
    journal.emit(event("test.secret", Some("s1"), &format!("{{\"said\":\"{secret}\"}}")), false).await.unwrap();
    emit(&journal, 5).await;
    journal.close().await;
    let path = options(folder.path()).path;
    let holds = || {
        ["journal.db", "journal.db-wal"].iter().any(|name| {
            let bytes = std::fs::read(folder.path().join(name)).unwrap_or_default();
            bytes.windows(13).any(|window| window == b"correct horse")
                || bytes.windows(6).any(|window| window == b"staple")
        })
    };
    assert!(holds());
    let before = redact_preview(&path, 6).unwrap().unwrap();
    assert_eq!((before.event_type.as_str(), before.already), ("test.secret", false));
    assert!(holds(), "a dry run changes nothing");
    let mut upkeep = Upkeep::open(&path).unwrap();
    assert_eq!(upkeep.redact(6, NOW).unwrap(), Some(before));
    drop(upkeep);
    assert!(!holds(), "it is in no file any more");
    let events = all(&path);
    assert_eq!((&*events[5].payload, events[5].session.as_deref()), (BLANK, Some("s1")));
    let told = &events[11];
    assert_eq!((told.event_type.as_str(), told.payload.contains(r#""seq":6"#)), ("journal.redacted", true));
    let found = verify(&path).unwrap();
    assert_eq!((found.bad, found.redacted, found.head), (None, 1, 12));
    assert!(Upkeep::open(&path).unwrap().redact(6, NOW).unwrap().unwrap().already, "once");
    assert_eq!(all(&path).len(), 12);
    assert_eq!(redact_preview(&path, 99).unwrap(), None);
    let refused = Upkeep::open(&path).unwrap().redact(12, NOW).unwrap_err().to_string();
    assert!(refused.contains("journal.redacted"), "{refused}");
}

#[tokio::test]
async fn a_redaction_that_another_reader_keeps_from_the_files_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 9).await;
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN; SELECT count(*) FROM events").unwrap();
    for _ in 0..2 {
        let refused = Upkeep::open(&path).unwrap().redact(3, NOW).unwrap_err().to_string();
        assert!(refused.contains("still in its files"), "{refused}");
    }
    other.execute_batch("COMMIT").unwrap();
    assert!(Upkeep::open(&path).unwrap().redact(3, NOW).unwrap().unwrap().already);
    assert_eq!(verify(&path).unwrap().redacted, 1);
}

#[tokio::test]
async fn a_blank_payload_that_nothing_tells_of_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 9).await;
    Upkeep::open(&path).unwrap().redact(3, NOW).unwrap();
    let sql = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let bad = || verify(&path).unwrap().bad.map(|bad| (bad.seq, bad.reason));
    assert_eq!(bad(), None);
    sql(&format!("UPDATE events SET payload = '{BLANK}' WHERE seq = 5"));
    assert_eq!(bad(), Some((5, "has a blank payload, and no journal.redacted says so".to_owned())));
    sql(&format!("UPDATE events SET payload = '{BLANK}' WHERE seq = 3; DELETE FROM events WHERE seq = 10"));
    assert_eq!(bad().unwrap().0, 3, "nor what was told of before the tail was cut");
}

#[tokio::test]
async fn what_was_said_of_an_event_before_it_was_there_excuses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let later = event("test.a", None, "{}");
    let told = event("journal.redacted", None, &format!("{{\"id\":\"{}\"}}", later.id));
    journal.request(Work::Emit { events: vec![told, later], given: true }).await.unwrap();
    journal.close().await;
    let path = options(folder.path()).path;
    let sql = format!("UPDATE events SET payload = '{BLANK}' WHERE seq = 2");
    Connection::open(&path).unwrap().execute_batch(&sql).unwrap();
    assert_eq!(verify(&path).unwrap().bad.unwrap().seq, 2);
}

#[tokio::test]
async fn compacting_gives_free_pages_back() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let large = "x".repeat(100_000);
    let events = (0..100).map(|_| event("test.large", None, &large)).collect();
    journal.request(Work::Emit { events, given: true }).await.unwrap();
    journal.close().await;
    let path = options(folder.path()).path;
    let mut upkeep = Upkeep::open(&path).unwrap();
    upkeep.prune(&Prune { keep_events: Some(5), ..Prune::default() }, NOW, |_| {}).unwrap();
    assert!(stats_of(&path).unwrap().free_bytes > 9_000_000);
    let (before, after) = upkeep.vacuum().unwrap();
    drop(upkeep);
    assert!(before > 10_000_000 && after < 1_000_000, "{before} {after}");
    let stats = stats_of(&path).unwrap();
    assert_eq!((stats.bytes, stats.free_bytes), (after, 0));
    assert_eq!(verify(&path).unwrap().bad, None);
}

#[tokio::test]
async fn an_export_is_what_a_query_says_and_ends_where_the_journal_did() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for round in 0..10_i64 {
        let events = ["test.a", "test.b"]
            .map(|name| Event { ts: Timestamp(round), ..event(name, (round > 4).then_some("s"), "{}") });
        journal.request(Work::Emit { events: events.to_vec(), given: true }).await.unwrap();
    }
    let path = options(folder.path()).path;
    let count = |query: Query| pages(&path, query).len();
    assert_eq!(count(Query::default()), 20);
    assert_eq!(count(Query { patterns: Some(PatternSet::parse(["test.b"]).unwrap()), ..Query::default() }), 10);
    assert_eq!(count(Query { session: Some("s".into()), ..Query::default() }), 10);
    assert_eq!(count(Query { since: Some(Timestamp(2)), until: Some(Timestamp(5)), ..Query::default() }), 6);
    assert_eq!(
        (count(Query { after: 15, ..Query::default() }), count(Query { after: 99, ..Query::default() })),
        (5, 0)
    );
    let mut export = Export::open(&path, Query::default()).unwrap();
    emit(&journal, 1).await;
    assert_eq!(export.next_page().unwrap().unwrap().len(), 20);
    assert!(export.next_page().unwrap().is_none());
    // What goes while it runs is counted.
    for _ in 0..5 {
        emit(&journal, 1_000).await;
    }
    let mut export = Export::open(&path, Query { after: 10, ..Query::default() }).unwrap();
    assert_eq!(export.next_page().unwrap().unwrap().len(), 4_096);
    journal.close().await;
    Upkeep::open(&path).unwrap().prune(&Prune { keep_events: Some(100), ..Prune::default() }, NOW, |_| {}).unwrap();
    assert_eq!(export.next_page().unwrap().unwrap().len(), 100);
    assert_eq!((export.missed(), export.next_page().unwrap()), (5_021 - 100 - 4_106, None));
}

#[tokio::test]
async fn what_was_exported_is_taken_in_once_with_its_ids_and_new_seqs() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let exported = all(&filled(from.path(), 2_500).await);
    let text = lines(&exported);
    let path = filled(to.path(), 10).await;
    let read = || EventLines::new(text.as_bytes());
    assert_eq!(import_preview(&path, read()).unwrap(), Imported { events: 2_500, duplicates: 0 });
    assert_eq!(stats_of(&path).unwrap().head, 10);
    let mut steps = Vec::new();
    let mut upkeep = Upkeep::open(&path).unwrap();
    upkeep.import(read(), false, NOW, |so_far| steps.push(so_far.events)).unwrap();
    assert_eq!(steps, [1_000, 2_000, 2_500], "in groups of a bounded size");
    let again = upkeep.import(read(), false, NOW, |_| {}).unwrap();
    assert_eq!(again, Imported { events: 0, duplicates: 2_500 });
    drop(upkeep);
    let events = all(&path);
    assert!(events.iter().map(|event| event.seq).eq(1..=2_510));
    let same = |(one, other): (&Arc<Event>, &Arc<Event>)| **one == Event { seq: one.seq, ..(**other).clone() };
    assert!(events.iter().skip(10).zip(&exported).all(same));
    assert_eq!(verify(&path).unwrap().bad, None);
    assert_eq!(import_preview(&to.path().join("none.db"), read()).unwrap().events, 2_500);
}

#[tokio::test]
async fn an_import_that_ends_at_a_bad_line_goes_on_from_there() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let text = lines(&all(&filled(from.path(), 1_500).await));
    let path = filled(to.path(), 1).await;
    let cut = text.lines().take(1_200).collect::<Vec<_>>().join("\n") + "\n{\"type\":";
    let mut upkeep = Upkeep::open(&path).unwrap();
    let error = upkeep.import(EventLines::new(cut.as_bytes()), false, NOW, |_| {}).unwrap_err();
    assert!(error.to_string().starts_with("line 1201: not JSON"), "{error}");
    let rest = upkeep.import(EventLines::new(text.as_bytes()), false, NOW, |_| {}).unwrap();
    assert_eq!(rest, Imported { events: 300, duplicates: 1_200 });
}

#[tokio::test]
async fn one_group_of_an_import_has_a_bounded_number_of_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let large = "x".repeat(200_000);
    let events = (0..50).map(|_| Ok::<_, std::convert::Infallible>(event("test.large", None, &large)));
    let mut steps = Vec::new();
    let mut upkeep = Upkeep::open(&options(folder.path()).path).unwrap();
    upkeep.import(events, false, NOW, |so_far| steps.push(so_far.events)).unwrap();
    assert_eq!(steps, [21, 42, 50]);
}

#[tokio::test]
async fn plugins_are_handed_imported_events_only_where_they_are_to_be() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let text = lines(&all(&filled(from.path(), 5).await));
    let open_bus =
        || Bus::open(BusOptions { journal: options(to.path()), filter: None, clock: Clock::fixed(NOW) }).unwrap();
    let path = options(to.path()).path;
    let import = |deliver| Upkeep::open(&path).unwrap().import(EventLines::new(text.as_bytes()), deliver, NOW, |_| {});
    let bus = open_bus();
    drop(bus.durable("p".into(), PatternSet::parse(["test.*"]).unwrap(), Start::Head).await.unwrap());
    emit(bus.journal(), 1).await;
    bus.close().await;
    let late = |upkeep: &mut Upkeep, at| upkeep.import(EventLines::new(&b""[..]), false, at, |_| {});
    assert!(late(&mut Upkeep::open(&path).unwrap(), NOW.after(HELD_FOR)).is_ok(), "one that is gone is not waited for");
    let refused = import(false).unwrap_err().to_string();
    assert!(refused.starts_with("p still has events to finish"), "{refused}");
    let cursor = || stats_of(&path).unwrap().cursors;
    Connection::open(&path).unwrap().execute_batch("UPDATE cursors SET seq = 1").unwrap();
    import(false).unwrap();
    assert_eq!(cursor(), [("p".to_owned(), 6)]);
    Connection::open(&path).unwrap().execute_batch("UPDATE cursors SET seq = 1").unwrap();
    import(true).unwrap();
    assert_eq!(cursor(), [("p".to_owned(), 1)]);
    let bus = open_bus();
    let mut p = bus.durable("p".into(), PatternSet::parse(["test.*"]).unwrap(), Start::Head).await.unwrap();
    assert_eq!(p.next_batch(9).await.unwrap().unwrap().len(), 5);
}

#[tokio::test]
async fn a_census_counts_types_and_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let bus =
        Bus::open(BusOptions { journal: options(folder.path()), filter: None, clock: Clock::fixed(NOW) }).unwrap();
    drop(bus.durable("p".into(), PatternSet::parse(["test.*"]).unwrap(), Start::Head).await.unwrap());
    bus.cursor("live".into(), Start::Head).await.unwrap();
    emit(bus.journal(), MAX_COUNTED + 1).await;
    let types: Vec<_> = (0..=MAX_TYPES).map(|number| event(&format!("many.t{number}"), None, "{}")).collect();
    bus.journal().request(Work::Emit { events: types, given: true }).await.unwrap();
    let found = census(&options(folder.path()).path).unwrap();
    assert_eq!((found.types.len(), found.other), (MAX_TYPES, u64::try_from(MAX_COUNTED).unwrap() + 2));
    let waiting: Vec<_> = found.waiting.iter().map(|one| (one.subscriber.as_str(), one.waiting)).collect();
    assert_eq!(waiting, [("live", None), ("p", Some(MAX_COUNTED))]);
    let stats = bus.journal().stats().unwrap();
    assert_eq!((stats.oldest, stats.newest), (Some(Timestamp(1_000)), Some(Timestamp(1_000))));
}

#[tokio::test]
async fn a_type_of_very_many_events_is_counted_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 10).await;
    // Rows that a chain would not hold, which counting does not look at.
    let sql = "WITH RECURSIVE n(i) AS (SELECT 11 UNION ALL SELECT i + 1 FROM n WHERE i < 120000) INSERT INTO events \
               SELECT i, randomblob(16), 'test.number', 0, 'core', NULL, NULL, NULL, x'', 0, '{}', x'', x'', x'' FROM n";
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    assert_eq!(census(&path).unwrap().types, [("test.number".to_owned(), 120_000)]);
}

#[tokio::test]
async fn a_head_kept_elsewhere_shows_a_cut_a_change_and_another_journal() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = filled(folder.path(), 20).await;
    let head = head_of(&path).unwrap();
    assert_eq!(head.seq, 20);
    let check = |head: &Head| verify_against(&path, Some(head)).unwrap().kept;
    assert_eq!(check(&head), Some(HeadCheck::Holds));
    assert_eq!(check(&Head { hash: [0; 32], ..head }), Some(HeadCheck::Differs));
    assert_eq!(check(&head_of(&filled(other.path(), 20).await).unwrap()), Some(HeadCheck::OtherJournal));
    filled(folder.path(), 5).await;
    assert_eq!(check(&head), Some(HeadCheck::Holds), "what came since changes nothing");
    Upkeep::open(&path).unwrap().prune(&Prune { keep_events: Some(5), ..Prune::default() }, NOW, |_| {}).unwrap();
    assert_eq!(check(&head), Some(HeadCheck::Holds), "it is the anchor now");
    let last = head_of(&path).unwrap();
    Upkeep::open(&path).unwrap().prune(&Prune { keep_events: Some(2), ..Prune::default() }, NOW, |_| {}).unwrap();
    assert_eq!(check(&head), Some(HeadCheck::Pruned));
    Connection::open(&path).unwrap().execute_batch("DELETE FROM events WHERE seq >= 26").unwrap();
    assert_eq!(check(&last), Some(HeadCheck::Missing));
}
