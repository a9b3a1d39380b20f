//! The mark of the run that last wrote the database: in it, and in a note beside it. A database that was restored
//! or cut does not fit the note, and its cursors' epoch is made anew, so that no client resumes where other
//! events stand by now. The epoch that the chain of hashes begins with stays.
//!
//! What it cannot tell: a note that was restored with its database; and, where commits reach the disk, a backup
//! taken from a running host and restored after that same run was killed. Whoever restores deletes the note.

use super::rows::Tip;
use super::schema::{beside, meta, new_epoch, set_meta};
use super::types::Durability;
use rusqlite::Connection;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The cursors' epoch, where it is no longer the chain's.
const EPOCH: &str = "cursor_epoch";
/// `<mark> open <durability>` or `<mark> closed`.
const MARK: &str = "mark";

/// Where the note is, and whether it must reach the disk.
pub(super) struct Mark {
    note: PathBuf,
    durability: Durability,
}

/// The epoch of the journal's cursors; `chain` is the one that its chain begins with.
pub(super) fn cursor_epoch(connection: &Connection, chain: u64) -> rusqlite::Result<u64> {
    let kept = meta(connection, EPOCH)?;
    Ok(kept.and_then(|text| u64::from_str_radix(&text, 16).ok()).unwrap_or(chain))
}

impl Mark {
    pub(super) fn new(path: &Path, durability: Durability) -> Self {
        Self { note: beside(path, "-mark"), durability }
    }

    /// Marks the database as open, and says which epoch its cursors have from now on.
    pub(super) fn open(&self, connection: &Connection, chain: u64, tip: Tip) -> rusqlite::Result<u64> {
        let before = meta(connection, MARK)?;
        let note = std::fs::read_to_string(&self.note).ok();
        let mut epoch = cursor_epoch(connection, chain)?;
        if let Some(why) = doubt(before.as_deref(), note.as_deref(), tip.seq) {
            tracing::warn!(why, "cursors of this journal begin anew");
            epoch = new_epoch();
        }
        let durability = if self.durability == Durability::Full { "full" } else { "normal" };
        self.set(connection, &format!("open {durability}"), epoch, tip.seq);
        Ok(epoch)
    }

    /// Marks the database as closed with all that it acknowledged.
    pub(super) fn close(&self, connection: &Connection, epoch: u64, tip: Tip) {
        self.set(connection, "closed", epoch, tip.seq);
    }

    /// Sets a new mark, first in the database. One that does not come to both is a database that does not fit its
    /// note: a full disk does not keep the host from starting, and the next start is told.
    fn set(&self, connection: &Connection, state: &str, epoch: u64, head: u64) {
        let mark = format!("{:016x}", new_epoch());
        let in_database = || -> rusqlite::Result<()> {
            let change = connection.unchecked_transaction()?;
            set_meta(&change, EPOCH, &format!("{epoch:016x}"))?;
            set_meta(&change, MARK, &format!("{mark} {state}"))?;
            change.commit()
        };
        let beside = || -> std::io::Result<()> {
            let mut options = OpenOptions::new();
            let mut note = options.write(true).create(true).truncate(true).mode(0o600).open(&self.note)?;
            writeln!(note, "{mark} {head}")?;
            if self.durability == Durability::Full { note.sync_all() } else { Ok(()) }
        };
        let set =
            in_database().map_err(|error| error.to_string()).and_then(|()| beside().map_err(|error| error.to_string()));
        if let Err(error) = set {
            tracing::warn!(%error, note = %self.note.display(), "the journal's mark is not set: cursors begin anew at the next start");
            // Gone, or of another mark than the database: both do not fit.
            let _gone_or_unfit = std::fs::remove_file(&self.note);
        }
    }
}

/// Why the database may not be the one that was last written here; none where it is.
fn doubt(before: Option<&str>, note: Option<&str>, head: u64) -> Option<&'static str> {
    let Some(mut before) = before.map(|before| before.split(' ')) else {
        // Made just now, or by a Tollgate that set no marks; but not before one that did, nor without its log.
        return note.is_some().then_some("the database is older than the note beside it");
    };
    let Some(mut note) = note.map(|note| note.trim_end().split(' ')) else {
        return Some("the note beside the database is missing");
    };
    if before.next() != note.next() {
        return Some("the database does not fit the note beside it: it was restored");
    }
    if note.next().and_then(|kept| kept.parse().ok()).is_none_or(|kept: u64| head < kept) {
        return Some("the database ends before what the note beside it says: it was cut");
    }
    if before.next() == Some("open") && before.next() != Some("full") {
        return Some("the host was not stopped, and its last events may not have reached the disk");
    }
    None
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::expect_used, reason = "a failed unwrap is the test's failure")]
    use super::*;
    use crate::journal::schema::{MIGRATIONS, open_writer};
    use crate::journal::tests::{emit, open, options};
    use crate::journal::{stats_of, verify};

    /// Runs a host that records two events and is stopped; its epoch.
    async fn run(folder: &Path) -> u64 {
        let journal = open(folder);
        emit(&journal, 2).await;
        journal.close().await;
        journal.epoch()
    }

    /// Whether the journal's cursors begin anew after `change` was done to it.
    async fn begins_anew(change: impl FnOnce(&Path)) -> bool {
        let folder = tempfile::tempdir().expect("a folder");
        let path = options(folder.path()).path;
        run(folder.path()).await;
        std::fs::copy(&path, folder.path().join("backup")).unwrap();
        let before = run(folder.path()).await;
        change(folder.path());
        let after = run(folder.path()).await;
        assert_eq!(stats_of(&path).unwrap().epoch, after);
        assert_eq!(run(folder.path()).await, after, "once");
        assert_eq!(verify(&path).unwrap().bad, None, "the chain is another matter");
        before != after
    }

    fn restore(folder: &Path) {
        std::fs::copy(folder.join("backup"), options(folder).path).unwrap();
    }

    fn sql(folder: &Path, sql: &str) {
        Connection::open(options(folder).path).unwrap().execute_batch(sql).unwrap();
    }

    /// Opens the journal as a host that is then killed.
    fn killed(folder: &Path, durability: Durability) {
        drop(open_writer(&options(folder).path, durability, MIGRATIONS).ok().unwrap());
    }

    #[tokio::test]
    async fn cursors_stay_over_starts_and_begin_anew_after_a_restore_or_a_cut() {
        assert!(!begins_anew(|_| {}).await);
        assert!(begins_anew(restore).await);
        assert!(begins_anew(|folder| sql(folder, "DELETE FROM events WHERE seq = 4")).await);
        assert!(begins_anew(|folder| std::fs::remove_file(folder.join("journal.db-mark")).unwrap()).await);
        assert!(begins_anew(|folder| std::fs::write(folder.join("journal.db-mark"), "x").unwrap()).await);
        let older = "DELETE FROM meta WHERE key IN ('mark', 'cursor_epoch')";
        assert!(begins_anew(|folder| sql(folder, older)).await);
    }

    #[test]
    fn a_database_that_lost_its_log_with_the_mark_in_it_is_told() {
        assert!(doubt(None, Some("50aa 3604"), 0).is_some());
        assert!(doubt(None, None, 0).is_none(), "it was made just now");
    }

    #[tokio::test]
    async fn a_stopped_host_leaves_everything_in_the_one_file() {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path()).await;
        let copy = folder.path().join("copy.db");
        std::fs::copy(options(folder.path()).path, &copy).unwrap();
        assert_eq!(verify(&copy).unwrap().checked, 2);
    }

    #[tokio::test]
    async fn a_backup_of_a_running_host_is_told_too() {
        let backup = |folder: &Path| {
            let _running = open(folder);
            let copy = folder.join("backup");
            std::fs::remove_file(&copy).unwrap();
            sql(folder, &format!("VACUUM INTO '{}'", copy.display()));
        };
        assert!(!begins_anew(backup).await);
        assert!(
            begins_anew(|folder| {
                backup(folder);
                restore(folder);
            })
            .await
        );
    }

    #[tokio::test]
    async fn a_host_that_was_killed_keeps_its_cursors_where_what_it_acknowledged_is_on_disk() {
        assert!(!begins_anew(|folder| killed(folder, Durability::Full)).await);
        assert!(begins_anew(|folder| killed(folder, Durability::Normal)).await);
    }

    #[tokio::test]
    async fn a_journal_without_a_mark_keeps_its_epoch() {
        let unmarked = |folder: &Path| {
            sql(folder, "DELETE FROM meta WHERE key IN ('mark', 'cursor_epoch')");
            std::fs::remove_file(folder.join("journal.db-mark")).unwrap();
        };
        assert!(!begins_anew(unmarked).await);
    }

    #[tokio::test]
    async fn a_mark_that_cannot_be_set_keeps_no_host_from_starting() {
        let in_the_way = |folder: &Path| {
            std::fs::remove_file(folder.join("journal.db-mark")).unwrap();
            std::fs::create_dir(folder.join("journal.db-mark")).unwrap();
        };
        let folder = tempfile::tempdir().unwrap();
        let first = run(folder.path()).await;
        in_the_way(folder.path());
        let second = run(folder.path()).await;
        let third = run(folder.path()).await;
        assert!(first != second && second != third, "and the next start is told");
    }
}
