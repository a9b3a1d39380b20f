//! A damaged file: what is said, what is still read, and what is saved of it.

use super::*;

/// A journal of 2,000 events, and the file's text at each place where a payload stands.
async fn journal_of_many(folder: &Path) -> PathBuf {
    let journal = open(folder);
    emit(&journal, 2_000).await;
    journal.close().await;
    options(folder).path
}

/// Overwrites the page that holds `text`.
fn spoil(path: &Path, text: &str) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    let page = at / 4_096 * 4_096;
    bytes[page..page + 4_096].fill(0xff);
    std::fs::write(path, bytes).unwrap();
}

fn salvage(path: &Path) -> (Vec<u64>, Salvage) {
    let mut salvage = Salvage::open(path).unwrap();
    let mut seqs = Vec::new();
    while let Some(page) = salvage.next_page() {
        seqs.extend(page.iter().map(|event| event.seq));
    }
    (seqs, salvage)
}

#[tokio::test]
async fn a_damaged_page_is_named_and_all_other_events_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = journal_of_many(folder.path()).await;
    spoil(&path, "{\"n\":1000}");
    let bad = verify(&path).unwrap().bad.unwrap();
    assert!(bad.reason.starts_with("cannot be read"), "{bad:?}");
    let (seqs, salvage) = salvage(&path);
    assert_eq!(salvage.ranges().len(), 1, "{:?}", salvage.ranges());
    let (from, to) = salvage.ranges()[0];
    // Verify reads up to it, the row before which the damage begins included.
    assert_eq!(bad.seq, from);
    assert!((from..=to).contains(&1_001) && to - from < 100, "{from} {to}");
    assert_eq!(salvage.lost(), to - from + 1);
    assert!(seqs.iter().copied().eq((1..from).chain(to + 1..=2_000)));
    let mut export = Export::open(&path, Query::default()).unwrap();
    let refused = loop {
        match export.next_page() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it cannot be whole"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(refused.contains("export --salvage") && refused.contains("journal verify"), "{refused}");
}

#[tokio::test]
async fn what_is_saved_is_what_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = journal_of_many(folder.path()).await;
    let sql = "UPDATE events SET payload = '{}' WHERE seq = 5; UPDATE events SET session = 's' WHERE seq = 7; \
               DELETE FROM events WHERE seq IN (9, 10)";
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    Upkeep::open(&path).unwrap().redact(20, Timestamp(0)).unwrap();
    let (seqs, salvage) = salvage(&path);
    assert_eq!(salvage.ranges(), [(5, 5), (7, 7), (9, 10)]);
    assert_eq!((salvage.lost(), seqs.len(), seqs.contains(&20)), (4, 1_997, true));
}

#[tokio::test]
async fn the_ranges_that_are_remembered_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    emit(&journal, 2_500).await;
    journal.close().await;
    let path = options(folder.path()).path;
    Connection::open(&path).unwrap().execute_batch("DELETE FROM events WHERE seq % 2 = 1").unwrap();
    let (_, salvage) = salvage(&path);
    assert_eq!((salvage.ranges().len(), salvage.lost()), (MAX_RANGES, 1_250));
}

#[tokio::test]
async fn a_file_whose_end_is_damaged_is_saved_up_to_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = journal_of_many(folder.path()).await;
    spoil(&path, "{\"n\":1999}");
    let (seqs, salvage) = salvage(&path);
    assert_eq!(salvage.head(), 2_000, "the index says how far it went");
    assert!(seqs.len() > 1_900 && salvage.lost() == 2_000 - u64::try_from(seqs.len()).unwrap());
}

#[tokio::test]
async fn a_damaged_file_is_refused_with_what_saves_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = journal_of_many(folder.path()).await;
    // The newest rows are read when it is opened.
    spoil(&path, "{\"n\":1999}");
    let refused = Journal::open(&options(folder.path()), Box::new(|_| {})).err().unwrap().to_string();
    for said in ["is damaged", "journal verify", "journal export --salvage", "journal import", "restore a backup"] {
        assert!(refused.contains(said), "{said}: {refused}");
    }
}

#[test]
fn a_read_only_disk_is_said_with_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    let path = options(folder.path()).path;
    drop(open(folder.path()));
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA query_only = 1").unwrap();
    let error = connection.execute_batch("DELETE FROM meta").unwrap_err();
    assert!(matches!(WriteFailure::from(&error), WriteFailure::Fatal(_)), "{error}");
    let said = schema::refuse(&path, &error).to_string();
    assert!(said.contains("journal.db") && said.contains("read-only; give the host's user"), "{said}");
}

#[tokio::test]
async fn a_disk_that_is_full_while_pruning_loses_nothing_and_pruning_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    emit(&journal, 1_000).await;
    journal.request(Work::LimitPages(1)).await.unwrap();
    let keep = Retention { events: Some(10), ..Retention::default() };
    let retain = || journal.request(Work::Retain(keep, crate::time::Clock::system()));
    retain().await.unwrap();
    let refused = journal.emit(event("test.large", None, &"x".repeat(200_000)), false).await;
    // What pruning freed may be room enough.
    assert!(matches!(refused, Err(JournalError::DiskFull) | Ok(_)), "{refused:?}");
    journal.request(Work::LimitPages(u32::MAX)).await.unwrap();
    retain().await.unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while journal.stats().unwrap().events > 10 {
        assert!(std::time::Instant::now() < deadline, "it goes on once there is room");
        tokio::task::yield_now().await;
    }
    assert_eq!(verify(&options(folder.path()).path).unwrap().bad, None);
}
