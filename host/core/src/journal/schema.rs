//! The database file: made with mode 0600, recognised, migrated, and opened for the writer or for readers.
//!
//! Refuses a file that is not a journal or that a newer Tollgate wrote, and says what mends it.

use super::failure::MEND;
use super::mark::{self, Mark};
use super::rows::{self, Hash, Tip};
use super::types::{Durability, JournalError};
use super::writer::WAL_BYTES;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// `toll`, in the header of every journal.
const APPLICATION_ID: i32 = 0x746f_6c6c;
/// How long a call waits for another process's lock (an export, a backup) before it gives up.
pub(super) const LOCK_WAIT: Duration = Duration::from_secs(5);
/// Prepared statements kept on each connection: more than the journal has.
const CACHED_STATEMENTS: usize = 64;

/// What SQLite's log holds beside each page.
const FRAME_HEADER_BYTES: u64 = 24;

/// Every schema change ever released, in order: entry `n` leads from version `n` to `n + 1`. Append only.
pub(super) const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, type TEXT NOT NULL, ts INTEGER NOT NULL,
        source TEXT NOT NULL, entity_kind TEXT, entity_id TEXT, session TEXT, root BLOB NOT NULL,
        depth INTEGER NOT NULL, payload TEXT NOT NULL, payload_hash BLOB NOT NULL, prev_hash BLOB NOT NULL,
        hash BLOB NOT NULL);
    CREATE INDEX events_type ON events (type);
    CREATE INDEX events_session ON events (session) WHERE session IS NOT NULL;
    CREATE TABLE cursors (
        subscriber TEXT PRIMARY KEY, seq INTEGER NOT NULL, updated INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE dead_letters (
        subscriber TEXT NOT NULL, seq INTEGER NOT NULL, cause TEXT NOT NULL, message TEXT NOT NULL,
        tries INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (subscriber, seq)) WITHOUT ROWID;
    CREATE TABLE plugin_store (
        plugin TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (plugin, key)) WITHOUT ROWID;
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY, agent TEXT NOT NULL, chat_id TEXT NOT NULL, user_id TEXT NOT NULL,
        roots TEXT NOT NULL, seen INTEGER NOT NULL) WITHOUT ROWID;
",
    "
    CREATE TABLE interactions (
        id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, chat_id TEXT NOT NULL, session TEXT, text TEXT NOT NULL,
        options TEXT NOT NULL, details TEXT, asked_by TEXT NOT NULL, asked_at INTEGER NOT NULL,
        expires_at INTEGER, state TEXT NOT NULL, decision TEXT, answer TEXT, resolved_by TEXT,
        settled_at INTEGER, unspent INTEGER NOT NULL, call_hash BLOB, grant_key TEXT);
    CREATE INDEX interactions_pending ON interactions (expires_at) WHERE state = 'pending';
    CREATE INDEX interactions_settled ON interactions (settled_at) WHERE state <> 'pending';
    CREATE INDEX interactions_call ON interactions (call_hash) WHERE call_hash IS NOT NULL;
    CREATE TABLE grants (
        session TEXT NOT NULL, key TEXT NOT NULL, given_by TEXT NOT NULL, given_at INTEGER NOT NULL,
        UNIQUE (session, key));
    CREATE INDEX grants_given ON grants (given_at);
    CREATE TABLE queued_messages (
        position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, chat_id TEXT NOT NULL,
        user_id TEXT NOT NULL, text TEXT NOT NULL);
",
    // Seqs that a subscriber with several instances finished ahead of its cursor, eight bytes each.
    "ALTER TABLE cursors ADD COLUMN ahead BLOB;",
    // What a durable subscriber wants, a space between two patterns, and how many events of that were pruned before
    // it finished them. Until it is opened again, one of an older Tollgate is taken to want everything.
    "ALTER TABLE cursors ADD COLUMN patterns TEXT DEFAULT '*';
     ALTER TABLE cursors ADD COLUMN lost INTEGER NOT NULL DEFAULT 0;",
    // Where a session is shown.
    "ALTER TABLE sessions ADD COLUMN village TEXT;
     ALTER TABLE sessions ADD COLUMN repo TEXT;",
];

/// An opened journal, ready to write.
pub(super) struct Opened {
    pub(super) connection: Connection,
    /// The cursors' epoch.
    pub(super) epoch: u64,
    pub(super) tip: Tip,
    pub(super) mark: Mark,
    /// Bytes of the write-ahead log since it began anew, as of the last commit.
    pub(super) logged: Arc<AtomicU64>,
}

/// Opens the journal at `path` for its one writer, and makes or migrates it where needed.
pub(super) fn open_writer(path: &Path, durability: Durability, migrations: &[&str]) -> Result<Opened, JournalError> {
    make_private(path)?;
    let mut connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|error| refuse(path, &error))?;
    prepare(&connection).map_err(|error| refuse(path, &error))?;
    migrate(&mut connection, path, migrations)?;
    let synchronous = if durability == Durability::Full { "FULL" } else { "NORMAL" };
    // The writer checkpoints between groups itself, so SQLite must not do it inside a commit. A log that had to grow
    // beyond its bound does not keep the space.
    let settings = format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 0; \
         PRAGMA journal_size_limit = {WAL_BYTES}; PRAGMA cache_size = -16384;"
    );
    connection.execute_batch(&settings).map_err(|error| refuse(path, &error))?;
    let logged = count_logged(&mut connection).map_err(|error| refuse(path, &error))?;
    let chain = chain_epoch(&connection, path)?;
    let tip = tip(&connection, chain).map_err(|error| refuse(path, &error))?;
    let mark = Mark::new(path, durability);
    let epoch = mark.open(&connection, chain, tip).map_err(|error| refuse(path, &error))?;
    Ok(Opened { connection, epoch, tip, mark, logged })
}

/// Has each commit say how many bytes the write-ahead log then holds.
fn count_logged(connection: &mut Connection) -> rusqlite::Result<Arc<AtomicU64>> {
    let page: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let logged = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&logged);
    connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
        let pages = u64::try_from(pages).unwrap_or_default();
        counted.store(pages * (u64::from(page) + FRAME_HEADER_BYTES), Ordering::Relaxed);
        Ok(())
    }))?;
    Ok(logged)
}

/// The file beside the database whose name ends with `suffix`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Opens an existing journal to read.
pub(super) fn open_reader(path: &Path) -> Result<Connection, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| refuse(path, &error))?;
    prepare(&connection).map_err(|error| refuse(path, &error))?;
    Ok(connection)
}

/// The epochs of a journal: of its chain, which never changes, and of its cursors.
pub(super) struct Epochs {
    pub(super) chain: u64,
    pub(super) cursors: u64,
}

/// Opens a journal to read and checks that it is one that we know.
pub(super) fn open_known(path: &Path) -> Result<(Connection, Epochs), JournalError> {
    let connection = open_reader(path)?;
    let version = version(&connection, path)?;
    if version != MIGRATIONS.len() {
        return Err(wrong_version(path, version, MIGRATIONS.len()));
    }
    let chain = chain_epoch(&connection, path)?;
    let cursors = mark::cursor_epoch(&connection, chain).map_err(|error| refuse(path, &error))?;
    Ok((connection, Epochs { chain, cursors }))
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    connection.busy_timeout(LOCK_WAIT)
}

/// Makes the file with mode 0600, or takes everyone else's rights from an existing one.
fn make_private(path: &Path) -> Result<(), JournalError> {
    let open = |reason: String| JournalError::Open { path: path.to_owned(), reason };
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let found = fs::metadata(path).map_err(|error| open(error.to_string()))?;
            if !found.is_file() {
                return Err(open("is not a file; move it away or name another path".to_owned()));
            }
            if found.permissions().mode() & 0o077 != 0 {
                fs::set_permissions(path, fs::Permissions::from_mode(0o600))
                    .map_err(|error| open(format!("others can read it, and chmod 600 fails: {error}")))?;
            }
            Ok(())
        }
        Err(error) => Err(open(format!("{error}; its folder must exist and be writable"))),
    }
}

/// Brings the schema to the newest version in one transaction; a crash leaves the old one.
fn migrate(connection: &mut Connection, path: &Path, migrations: &[&str]) -> Result<(), JournalError> {
    let found = version(connection, path)?;
    if found > migrations.len() {
        return Err(wrong_version(path, found, migrations.len()));
    }
    if found == migrations.len() {
        return Ok(());
    }
    let run = |connection: &mut Connection| -> rusqlite::Result<()> {
        let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if found == 0 {
            create(&change)?;
        }
        for step in migrations.iter().skip(found) {
            change.execute_batch(step)?;
        }
        set_meta(&change, "schema", &migrations.len().to_string())?;
        change.commit()
    };
    run(connection).map_err(|error| refuse(path, &error))
}

fn create(change: &Transaction<'_>) -> rusqlite::Result<()> {
    change.pragma_update(None, "application_id", APPLICATION_ID)?;
    change.execute_batch("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;")?;
    set_meta(change, "epoch", &format!("{:016x}", new_epoch()))
}

/// An epoch that no journal has had.
pub(super) fn new_epoch() -> u64 {
    let (epoch, _) = Uuid::now_v7().as_u64_pair();
    let (_, random) = Uuid::now_v7().as_u64_pair();
    // The low half is 62 random bits; the high half's time fills in the two that are fixed.
    random ^ epoch.rotate_left(32)
}

pub(super) fn set_meta(connection: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    connection
        .execute(
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
            [key, value],
        )
        .map(|_| ())
}

pub(super) fn meta(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional()
}

/// The schema version of the file; 0 where it is empty.
fn version(connection: &Connection, path: &Path) -> Result<usize, JournalError> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = pragma("page_count").map_err(|error| refuse(path, &error))?;
    if pages == 0 {
        return Ok(0);
    }
    let application = pragma("application_id").map_err(|error| refuse(path, &error))?;
    if application != i64::from(APPLICATION_ID) {
        return Err(JournalError::Open {
            path: path.to_owned(),
            reason: "is another program's database; move it away or name another path".to_owned(),
        });
    }
    let text = meta(connection, "schema").map_err(|error| refuse(path, &error))?;
    text.and_then(|text| text.parse().ok()).ok_or_else(|| damaged(path, "the schema version"))
}

/// The epoch that the chain begins with.
fn chain_epoch(connection: &Connection, path: &Path) -> Result<u64, JournalError> {
    let text = meta(connection, "epoch").map_err(|error| refuse(path, &error))?;
    text.and_then(|text| u64::from_str_radix(&text, 16).ok()).ok_or_else(|| damaged(path, "the epoch"))
}

/// The last row, or where the first one will be chained to.
pub(super) fn tip(connection: &Connection, epoch: u64) -> rusqlite::Result<Tip> {
    let last = connection
        .query_row("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok(Tip { seq: rows::seq(row.get(0)?), hash: row.get::<_, Hash>(1)? })
        })
        .optional()?;
    Ok(last.unwrap_or(Tip { seq: 0, hash: rows::genesis(epoch) }))
}

fn wrong_version(path: &Path, found: usize, known: usize) -> JournalError {
    let mend = if found > known {
        "upgrade tollgate, or restore a backup made before"
    } else {
        "start the host once, which migrates it"
    };
    JournalError::Open {
        path: path.to_owned(),
        reason: format!("has schema {found}, this tollgate knows {known}; {mend}"),
    }
}

fn damaged(path: &Path, what: &str) -> JournalError {
    JournalError::Open { path: path.to_owned(), reason: format!("{what} is missing or unreadable; restore a backup") }
}

pub(super) fn refuse(path: &Path, error: &rusqlite::Error) -> JournalError {
    let reason = match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => "is not a journal; move it away or name another path".to_owned(),
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => format!("is damaged ({error}); {MEND}"),
        Some(rusqlite::ErrorCode::ReadOnly) => format!(
            "cannot be written ({error}): the file, its folder or its disk is read-only; give the host's user the right \
             to write to all three"
        ),
        Some(rusqlite::ErrorCode::CannotOpen) => format!("{error}; its folder must exist and be writable"),
        _ => error.to_string(),
    };
    JournalError::Open { path: path.to_owned(), reason }
}
