//! Tests of the database: groups, failures, queries, tampering, foreign files. Crashes are in `crash`.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod crash;
mod disk;
mod log;
mod newest;
mod reads;
mod retention;
mod upkeep;

use super::failure::WriteFailure;
use super::*;
use crate::time::Timestamp;
use rusqlite::Connection;
use std::path::Path;

pub(super) fn options(folder: &Path) -> JournalOptions {
    JournalOptions { path: folder.join("journal.db"), durability: Durability::Normal }
}

pub(super) fn open(folder: &Path) -> Journal {
    Journal::open(&options(folder), Box::new(|_| {})).unwrap()
}

fn event(event_type: &str, session: Option<&str>, payload: &str) -> Event {
    let id = Uuid::now_v7();
    Event {
        seq: 0,
        id,
        event_type: EventType::parse(event_type).unwrap(),
        ts: Timestamp(1_000),
        source: "core".into(),
        entity: Some(crate::event::Entity { kind: "task".into(), id: "t1".into() }),
        session: session.map(Into::into),
        root: id,
        depth: 0,
        payload: payload.into(),
    }
}

pub(super) async fn emit(journal: &Journal, count: usize) {
    let events = (0..count).map(|number| event("test.number", None, &format!("{{\"n\":{number}}}"))).collect();
    journal.request(Work::Emit { events, given: true }).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_writes_nothing_and_recovers_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    emit(&journal, 10).await;
    journal.request(Work::LimitPages(1)).await.unwrap();
    let large = "x".repeat(200_000);
    let refused = journal.emit(event("test.large", None, &large), false).await;
    assert!(matches!(refused, Err(JournalError::DiskFull)), "{refused:?}");
    assert_eq!(journal.head(), 10);
    assert_eq!(journal.read(&Query { limit: 100, ..Query::default() }).unwrap().len(), 10);
    journal.request(Work::LimitPages(u32::MAX)).await.unwrap();
    assert_eq!(journal.emit(event("test.large", None, &large), false).await.unwrap().seq, 11);
    assert_eq!(verify(&options(folder.path()).path).unwrap().bad, None);
}

#[tokio::test]
async fn a_request_that_does_not_fit_does_not_take_others_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    // Queued in one go, so that they share a group.
    let fail = journal.request_now(Work::Fail(WriteFailure::Full)).unwrap().unwrap();
    let emits: Vec<_> = (0..5)
        .map(|_| {
            journal.request_now(Work::Emit { events: vec![event("test.a", None, "{}")], given: true }).unwrap().unwrap()
        })
        .collect();
    assert!(matches!(fail.await.unwrap(), Err(JournalError::DiskFull)));
    for reply in emits {
        assert!(reply.await.unwrap().is_ok());
    }
    assert_eq!(journal.head(), 5);
}

#[tokio::test]
async fn another_process_s_lock_is_waited_for_once_and_not_for_each_request() {
    let folder = tempfile::tempdir().unwrap();
    let path = options(folder.path()).path;
    let opened = schema::open_writer(&path, Durability::Normal, schema::MIGRATIONS).ok().unwrap();
    opened.connection.busy_timeout(std::time::Duration::from_millis(50)).unwrap();
    // The writer stands still in its first hand-over, so that what is queued meanwhile shares a group.
    let (entered, standing) = std::sync::mpsc::channel();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = Mutex::new(held);
    let sink = Box::new(move |_: &[Arc<Event>]| {
        entered.send(()).unwrap();
        let _released_for_good = lock(&held).recv();
    });
    let writer = Writer::start(opened, &path, Arc::new(Readers::new(path.clone())), Arc::default(), sink).unwrap();
    let release = release;
    let emit = || writer.submit_now(Work::Emit { events: vec![event("test.a", None, "{}")], given: false }).unwrap();
    let first = emit();
    standing.recv().unwrap();
    let replies: Vec<_> = (0..5).map(|_| emit()).collect();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    drop(release);
    assert!(first.await.unwrap().is_ok());
    let mut answers = Vec::new();
    for reply in replies {
        answers.push(reply.await.unwrap().err());
        // Whoever had its own wait would be let in now.
        other.execute_batch("ROLLBACK").ok();
    }
    assert!(answers.iter().all(|error| matches!(error, Some(JournalError::Write(_)))), "{answers:?}");
    assert!(emit().await.unwrap().is_ok(), "and the next is let in");
}

#[tokio::test]
async fn after_a_failed_write_nothing_is_acknowledged_until_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    emit(&journal, 3).await;
    let failed = journal.request(Work::Fail(WriteFailure::Fatal("fsync".to_owned()))).await;
    assert!(matches!(failed, Err(JournalError::ReadOnly(_))));
    let refused = journal.emit(event("test.a", None, "{}"), false).await;
    assert!(matches!(refused, Err(JournalError::ReadOnly(cause)) if cause == "fsync"));
    assert_eq!(journal.read(&Query { limit: 9, ..Query::default() }).unwrap().len(), 3, "reads go on");
    drop(journal);
    assert_eq!(open(folder.path()).emit(event("test.a", None, "{}"), false).await.unwrap().seq, 4);
}

#[test]
fn sqlite_errors_are_told_apart() {
    let of = |code| {
        WriteFailure::from(&rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), Some("said".to_owned())))
    };
    assert_eq!(of(rusqlite::ffi::SQLITE_FULL), WriteFailure::Full);
    assert_eq!(of(rusqlite::ffi::SQLITE_IOERR_SHMSIZE), WriteFailure::Full);
    assert!(matches!(of(rusqlite::ffi::SQLITE_BUSY), WriteFailure::Passing(_)));
    for fatal in [rusqlite::ffi::SQLITE_IOERR_FSYNC, rusqlite::ffi::SQLITE_CORRUPT, rusqlite::ffi::SQLITE_READONLY] {
        assert!(matches!(of(fatal), WriteFailure::Fatal(_)));
    }
}

async fn check_tampering(sql: &str, seq: u64, reason: &str) {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    emit(&journal, 9).await;
    journal.close().await;
    drop(journal);
    let path = options(folder.path()).path;
    let clean = verify(&path).unwrap();
    assert_eq!((clean.checked, clean.head, &clean.bad), (9, 9, &None));
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let found = verify(&path).unwrap();
    let bad = found.bad.unwrap_or_else(|| panic!("{sql} is found"));
    assert_eq!(bad.seq, seq, "{sql}");
    assert!(bad.reason.contains(reason), "{sql}: {}", bad.reason);
    assert_ne!(found.head_hash, clean.head_hash);
}

#[tokio::test]
async fn verify_names_the_first_row_that_was_tampered_with() {
    check_tampering("UPDATE events SET payload = '{}' WHERE seq = 4", 4, "payload").await;
    check_tampering("UPDATE events SET payload_hash = zeroblob(32) WHERE seq = 4", 4, "payload").await;
    check_tampering("UPDATE events SET payload = x'00' WHERE seq = 4", 4, "cannot be read").await;
    for field in ["type = 'test.other'", "ts = 5", "source = 'webui'", "entity_kind = 'x'", "entity_id = 'x'"] {
        check_tampering(&format!("UPDATE events SET {field} WHERE seq = 4"), 4, "field").await;
    }
    for field in ["session = 'x'", "depth = 1", "id = zeroblob(16)", "root = zeroblob(16)", "entity_kind = NULL"] {
        check_tampering(&format!("UPDATE events SET {field} WHERE seq = 4"), 4, "field").await;
    }
    check_tampering("UPDATE events SET hash = zeroblob(32) WHERE seq = 4", 4, "field").await;
    check_tampering("UPDATE events SET prev_hash = zeroblob(32) WHERE seq = 4", 4, "chained").await;
    check_tampering("DELETE FROM events WHERE seq = 4", 4, "missing").await;
    check_tampering("DELETE FROM events WHERE seq = 1", 1, "missing").await;
    for seq in ["0", "-5", "-9223372036854775808"] {
        let insert = format!(
            "INSERT INTO events SELECT {seq}, x'01', type, ts, source, entity_kind, entity_id, session, root, depth, \
             payload, payload_hash, prev_hash, hash FROM events WHERE seq = 1"
        );
        check_tampering(&insert, 1, &format!("the next row is {seq}")).await;
    }
    check_tampering("DELETE FROM events WHERE seq = 4; UPDATE events SET seq = seq - 1 WHERE seq > 4", 4, "chained")
        .await;
    check_tampering(
        "UPDATE events SET seq = -1 WHERE seq = 4; UPDATE events SET seq = 4 WHERE seq = 5; \
         UPDATE events SET seq = 5 WHERE seq = -1",
        4,
        "chained",
    )
    .await;
    check_tampering("UPDATE meta SET value = '0000000000000001' WHERE key = 'epoch'", 1, "chained").await;
}

#[tokio::test]
async fn a_cut_tail_shows_against_a_head_hash_kept_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    emit(&journal, 5).await;
    drop(journal);
    let path = options(folder.path()).path;
    let kept = verify(&path).unwrap().head_hash;
    Connection::open(&path).unwrap().execute_batch("DELETE FROM events WHERE seq = 5").unwrap();
    let found = verify(&path).unwrap();
    assert_eq!((found.head, found.bad), (4, None));
    assert_ne!(found.head_hash, kept);
}

fn check_open_refused(make: impl FnOnce(&Path), wanted: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = options(folder.path()).path;
    make(&path);
    let refused = Journal::open(&options(folder.path()), Box::new(|_| {})).err().expect("refused").to_string();
    assert!(refused.contains(wanted) && refused.contains("journal.db"), "{refused}");
}

#[test]
fn a_file_that_is_not_ours_is_refused_with_the_mend() {
    check_open_refused(|path| std::fs::write(path, "x".repeat(5_000)).unwrap(), "move it away");
    check_open_refused(|path| std::fs::create_dir(path).unwrap(), "move it away");
    check_open_refused(
        |path| Connection::open(path).unwrap().execute_batch("CREATE TABLE t (a)").unwrap(),
        "another program's",
    );
    check_open_refused(
        |path| {
            drop(open(path.parent().unwrap()));
            let sql = "UPDATE meta SET value = '99' WHERE key = 'schema'";
            Connection::open(path).unwrap().execute_batch(sql).unwrap();
        },
        "schema 99, this tollgate knows 5; upgrade",
    );
    check_open_refused(
        |path| {
            drop(open(path.parent().unwrap()));
            Connection::open(path).unwrap().execute_batch("DELETE FROM meta WHERE key = 'epoch'").unwrap();
        },
        "the epoch",
    );
    let missing = JournalOptions { path: "/nonexistent/journal.db".into(), durability: Durability::Full };
    let refused = Journal::open(&missing, Box::new(|_| {})).err().unwrap().to_string();
    assert!(refused.contains("its folder must exist"), "{refused}");
}

#[test]
fn an_older_schema_is_migrated_and_a_failed_migration_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = options(folder.path()).path;
    let first = schema::MIGRATIONS.first().copied().unwrap();
    let epoch = schema::open_writer(&path, Durability::Full, &[first]).ok().unwrap().epoch;
    let broken = schema::open_writer(&path, Durability::Full, &[first, "CREATE TABLE added (a); NOT SQL"]);
    assert!(broken.is_err());
    let opened = schema::open_writer(&path, Durability::Full, &[first]).ok().unwrap();
    assert_eq!(opened.epoch, epoch, "still the old schema");
    drop(opened);
    let journal = open(folder.path());
    assert_eq!(journal.epoch(), epoch);
    assert_eq!(journal.interaction("x").unwrap(), None, "and what the newer schema has");
    drop(journal);
    let more = [schema::MIGRATIONS, &["CREATE TABLE added (a)"]].concat();
    let opened = schema::open_writer(&path, Durability::Full, &more).ok().unwrap();
    opened.connection.execute_batch("INSERT INTO added VALUES (1)").unwrap();
}

#[test]
fn the_files_are_private_whatever_they_were() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = options(folder.path()).path;
    drop(open(folder.path()));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let _journal = open(folder.path());
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn queries_restrict_by_every_field() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = open(folder.path());
    let memory = JournalOptions { path: PathBuf::new(), durability: Durability::Memory };
    for journal in [sqlite, Journal::open(&memory, Box::new(|_| {})).unwrap()] {
        let types = ["tool.gated", "tool.denied", "toolbox.opened", "task.started", "tool.a.b"];
        for round in 0..40_i64 {
            let events = types.iter().map(|name| {
                let session = (round % 2 == 0).then_some("s1");
                Event { ts: Timestamp(round), ..event(name, session, "{}") }
            });
            journal.request(Work::Emit { events: events.collect(), given: true }).await.unwrap();
        }
        let seqs = |query: Query| journal.read(&query).unwrap().iter().map(|event| event.seq).collect::<Vec<_>>();
        let of = |texts: &[&str]| Some(PatternSet::parse(texts).unwrap());
        let all = Query { limit: 1_000, ..Query::default() };
        assert_eq!(seqs(all.clone()), (1..=200).collect::<Vec<_>>());
        assert_eq!(seqs(Query { after: 3, limit: 2, ..all.clone() }), [4, 5]);
        assert_eq!(seqs(Query { limit: 2, newest: true, ..all.clone() }), [199, 200]);
        let tools = Query { patterns: of(&["tool.*"]), ..all.clone() };
        assert_eq!(seqs(Query { limit: 4, ..tools.clone() }), [1, 2, 5, 6]);
        assert_eq!(seqs(Query { limit: 3, newest: true, ..tools.clone() }), [196, 197, 200]);
        assert_eq!(seqs(tools.clone()).len(), 120);
        assert_eq!(seqs(Query { patterns: of(&["*.started", "tool.gated"]), limit: 3, ..all.clone() }), [1, 4, 6]);
        assert_eq!(seqs(Query { patterns: of(&["tool.*.b"]), limit: 1, ..all.clone() }), [5]);
        assert!(seqs(Query { patterns: of(&["no.such"]), ..all.clone() }).is_empty());
        assert_eq!(seqs(Query { session: Some("s1".into()), ..all.clone() }).len(), 100);
        assert_eq!(seqs(Query { session: Some("s1".into()), limit: 2, after: 4, ..tools.clone() }), [5, 11]);
        let some_time = Query { since: Some(Timestamp(10)), until: Some(Timestamp(12)), ..all.clone() };
        assert_eq!(seqs(some_time), (51..=60).collect::<Vec<_>>());
        assert!(seqs(Query { limit: 0, ..all.clone() }).is_empty());
        for newest in [false, true] {
            assert!(seqs(Query { after: u64::MAX, newest, ..all.clone() }).is_empty());
        }
        assert!(journal.event(u64::MAX).unwrap().is_none());
        assert_eq!(journal.event(7).unwrap().unwrap().seq, 7);
        assert!(journal.event(0).unwrap().is_none() && journal.event(201).unwrap().is_none());
    }
}

#[test]
fn one_commit_takes_a_bounded_number_of_drafts_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let groups = Box::new(move |events: &[Arc<Event>]| sender.send(events.len()).unwrap());
    let journal = Journal::open(&options(folder.path()), groups).unwrap();
    let mut replies = Vec::new();
    for _ in 0..2_000 {
        let work = Work::Emit { events: vec![event("test.a", None, "{}")], given: true };
        replies.extend(journal.request_now(work).unwrap());
    }
    replies
        .extend(journal.request_now(Work::Emit { events: vec![event("test.a", None, "{}"); 1], given: true }).unwrap());
    drop(journal);
    let groups: Vec<usize> = receiver.iter().collect();
    assert_eq!(groups.iter().sum::<usize>(), 2_001, "dropping commits what is queued");
    assert!(groups.iter().all(|group| *group <= GROUP_DRAFTS));
    assert!(groups.contains(&GROUP_DRAFTS), "and shares a commit among a crowd: {groups:?}");
}

#[tokio::test]
async fn what_waits_for_the_writer_is_bounded() {
    use futures_util::FutureExt;
    let folder = tempfile::tempdir().unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = Mutex::new(held);
    // The writer stands still in its first hand-over until it is released.
    let sink = Box::new(move |_: &[Arc<Event>]| {
        let _released_for_good = lock(&held).recv();
    });
    let journal = Journal::open(&options(folder.path()), sink).unwrap();
    // Declared after the journal, so that a failed assertion releases the writer before it is waited for.
    let release = release;
    let first =
        journal.request_now(Work::Emit { events: vec![event("test.a", None, "{}")], given: true }).unwrap().unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while journal.head() == 0 {
        assert!(std::time::Instant::now() < deadline, "the first is committed");
        tokio::task::yield_now().await;
    }
    let stored = |kib: usize| {
        let store = vec![StoreWrite { key: "k".to_owned(), value: Some(vec![0; kib * 1024]) }];
        let (subscriber, ahead, emits, now) = ("p".into(), Ahead::default(), Vec::new(), Timestamp(0));
        let (after, finished, dead_letter, retried) = (0, 0, None, None);
        Work::Complete(Unit { subscriber, after, finished, ahead, emits, store, dead_letter, retried, now })
    };
    let mut replies = Vec::new();
    for _ in 0..33 {
        assert!(journal.relieved().now_or_never().is_some());
        replies.extend(journal.request_now(stored(1_021)).unwrap());
    }
    assert!(journal.relieved().now_or_never().is_none(), "subscribers wait");
    let payload = "x".repeat(255 * 1024);
    let mut waiting = Vec::new();
    for _ in 0..257 {
        waiting.push(Box::pin(tokio::task::unconstrained(journal.emit(event("test.a", None, &payload), false))));
    }
    assert!(waiting.iter_mut().all(|emit| emit.as_mut().now_or_never().is_none()));
    let Backend::Sqlite { writer, .. } = &journal.0.backend else { panic!("SQLite") };
    assert_eq!(writer.queued(), 33 + 256, "the 257th waits outside");
    drop(release);
    journal.relieved().await;
    assert!(first.await.unwrap().is_ok());
    for reply in replies {
        assert!(reply.await.unwrap().is_ok());
    }
    for (emit, seq) in waiting.into_iter().zip(2..) {
        assert_eq!(emit.await.unwrap().seq, seq);
    }
}

#[test]
fn a_session_weighs_what_it_keeps() {
    let session = |roots: usize| {
        let roots = vec![format!("/{}", "r".repeat(4_095)).into(); roots];
        let (id, agent, chat_id, user_id) = ("s".into(), "a".into(), "c".into(), "u".into());
        Work::SaveSession {
            session: Arc::new(Session { id, agent, chat_id, user_id, roots, village: None, repo: None }),
            now: Timestamp(0),
        }
    };
    assert_eq!((session(0).weight(), session(32).weight()), (1, 32 * 4 + 1));
}

#[tokio::test]
async fn the_write_ahead_log_is_written_back() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let payload = "x".repeat(200_000);
    for _ in 0..12 {
        let events = (0..40).map(|_| event("test.large", None, &payload)).collect();
        journal.request(Work::Emit { events, given: true }).await.unwrap();
        // A batch may be under way when the size is looked at.
        assert!(journal.stats().unwrap().wal_bytes < WAL_BYTES + 2 * 40 * 210_000);
    }
    assert!(journal.stats().unwrap().bytes > WAL_BYTES, "it was written back");
}

#[tokio::test]
async fn the_ring_is_bounded_by_bytes_too() {
    let memory = JournalOptions { path: PathBuf::new(), durability: Durability::Memory };
    let journal = Journal::open(&memory, Box::new(|_| {})).unwrap();
    // One text shared by all, so that the test does not take what it counts.
    let payload: Arc<str> = "x".repeat(256 * 1024).into();
    for seq in 1..=1_030 {
        let event = Event { payload: Arc::clone(&payload), ..event("test.large", None, "") };
        assert_eq!(journal.emit(event, true).await.unwrap().seq, seq);
    }
    let stats = journal.stats().unwrap();
    assert_eq!((stats.bytes, stats.events, stats.first), (u64::try_from(RING_BYTES).unwrap(), 1_024, 7));
}

#[test]
fn a_cursor_reads_back_as_written() {
    for cursor in
        [Cursor { epoch: 0, seq: 0 }, Cursor { epoch: u64::MAX, seq: u64::MAX }, Cursor { epoch: 255, seq: 7 }]
    {
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }
    assert_eq!(Cursor { epoch: 255, seq: 7 }.to_string(), "00000000000000ff.7");
    for text in [
        "",
        ".",
        "ff.7",
        "00000000000000FF.7",
        "00000000000000ff.",
        "00000000000000ff.-1",
        "00000000000000ff.+1",
        "00000000000000ff.99999999999999999999",
        "00000000000000ff.7.7",
        "+0000000000000ff.7",
    ] {
        assert!(text.parse::<Cursor>().is_err(), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_cursor_parser_panic(text in ".{0,40}") {
        if let Ok(cursor) = text.parse::<Cursor>() {
            proptest::prop_assert_eq!(cursor.to_string().parse::<Cursor>(), Ok(cursor));
        }
    }
}
