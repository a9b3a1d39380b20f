//! `tollgate journal`: the database itself, with or without a daemon on it.

mod transfer;
mod upkeep;

use crate::args::JournalCommand;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output;
use serde_json::{Value, json};
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};
use tollgate_core::hex::hex;
use tollgate_core::home::Home;
use tollgate_core::journal::{self, Head, HeadCheck, JournalError, MAX_COUNTED};
use tollgate_core::time::Timestamp;

/// The largest file that is read as a head: one holds some hundred bytes.
const MAX_HEAD_BYTES: u64 = 4_096;

/// Checks, counts, or changes it.
///
/// # Errors
/// When there is no journal, it cannot be read, or a daemon runs on what is to be changed; a broken chain is shown
/// and exits with 1.
pub fn run(home: &Home, command: &JournalCommand) -> Result<Exit, Failure> {
    let path = home.journal();
    if !path.exists() && !matches!(command, JournalCommand::Import { .. }) {
        return Err(Failure::at(path.display(), "there is no journal; `tollgate run` makes one"));
    }
    match command {
        JournalCommand::Verify { head, json } => verify(&path, head.as_deref(), *json),
        JournalCommand::Head => head(&path),
        JournalCommand::Stats { json } => stats(home, &path, *json),
        JournalCommand::Export(args) => transfer::export(&path, args),
        JournalCommand::Import { file, deliver, dry_run, json } => {
            transfer::import(home, file, *deliver, *dry_run, *json)
        }
        JournalCommand::Prune(args) => upkeep::prune(home, args),
        JournalCommand::Redact { seq, dry_run, yes } => upkeep::redact(home, *seq, *dry_run, *yes),
        JournalCommand::Vacuum => upkeep::vacuum(home),
    }
}

fn failed(error: JournalError) -> Failure {
    Failure::Failed(error.to_string())
}

fn now() -> Timestamp {
    tollgate_core::time::Clock::system().now()
}

fn verify(path: &Path, kept: Option<&Path>, as_json: bool) -> Result<Exit, Failure> {
    let kept = kept.map(read_head).transpose()?;
    let found = journal::verify_against(path, kept.as_ref()).map_err(failed)?;
    let head_hash = hex(&found.head_hash);
    let head_fails = found.kept.and_then(|check| why_not_held(check, kept.as_ref()));
    let exit = if found.bad.is_none() && head_fails.is_none() { Exit::Done } else { Exit::Failed };
    if as_json {
        let bad = found.bad.map(|bad| json!({"seq": bad.seq, "reason": bad.reason}));
        output::line(json!({"ok": exit == Exit::Done, "checked": found.checked, "pruned": found.pruned,
            "redacted": found.redacted, "head": found.head, "head_hash": head_hash, "bad": bad,
            "kept_head": found.kept.map(name_of)}))?;
        return Ok(exit);
    }
    if let Some(bad) = found.bad {
        return Err(Failure::at(format!("{}, seq {}", path.display(), bad.seq), bad.reason));
    }
    if let Some(why) = head_fails {
        return Err(Failure::at(path.display(), why));
    }
    output::line(format_args!(
        "the journal is whole: {} events up to seq {}, head {head_hash}",
        found.checked, found.head
    ))?;
    for (count, what) in [(found.pruned, "the last seq that was pruned"), (found.redacted, "payloads were redacted")] {
        if count > 0 {
            output::line(format_args!("{count}: {what}"))?;
        }
    }
    if let Some(kept) = kept {
        output::line(format_args!("it holds the head that was kept, seq {}", kept.seq))?;
    }
    Ok(exit)
}

fn name_of(check: HeadCheck) -> &'static str {
    match check {
        HeadCheck::Holds => "holds",
        HeadCheck::Pruned => "pruned",
        HeadCheck::Missing => "missing",
        HeadCheck::Differs => "differs",
        HeadCheck::OtherJournal => "other_journal",
    }
}

/// What is to be said where the journal does not hold the head, or it cannot be known.
fn why_not_held(check: HeadCheck, kept: Option<&Head>) -> Option<String> {
    let seq = kept.map_or(0, |kept| kept.seq);
    match check {
        HeadCheck::Holds => None,
        HeadCheck::Pruned => Some(format!(
            "the head that was kept, seq {seq}, was pruned since, so nothing can be said; keep a newer one"
        )),
        HeadCheck::Missing => Some(format!(
            "the journal ends before the head that was kept, seq {seq}: it was cut, or an older copy was put back"
        )),
        HeadCheck::Differs => {
            Some(format!("another event stands at seq {seq} than when the head was kept: the journal was rewritten"))
        }
        HeadCheck::OtherJournal => Some("the head that was kept is of another journal".to_owned()),
    }
}

fn head(path: &Path) -> Result<Exit, Failure> {
    let head = journal::head_of(path).map_err(failed)?;
    output::line(json!({"journal": format!("{:016x}", head.journal), "seq": head.seq, "hash": hex(&head.hash),
        "at": now().to_string()}))?;
    Ok(Exit::Done)
}

/// Reads what [`head`] wrote.
fn read_head(path: &Path) -> Result<Head, Failure> {
    let bad = || Failure::at(path.display(), "is no head; `tollgate journal head > FILE` writes one");
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_HEAD_BYTES + 1).read_to_string(&mut text))
        .map_err(|error| Failure::at(path.display(), error))?;
    if text.len() as u64 > MAX_HEAD_BYTES {
        return Err(bad());
    }
    let value: Value = serde_json::from_str(&text).map_err(|_| bad())?;
    let field = |name: &str| value.get(name).and_then(Value::as_str);
    let read = || {
        let journal = u64::from_str_radix(field("journal")?, 16).ok()?;
        let seq = value.get("seq")?.as_u64()?;
        Some(Head { journal, seq, hash: Head::hash_from_hex(field("hash")?)? })
    };
    read().ok_or_else(bad)
}

fn stats(home: &Home, path: &Path, as_json: bool) -> Result<Exit, Failure> {
    let stats = journal::stats_of(path).map_err(failed)?;
    let census = journal::census(path).map_err(failed)?;
    let retention = Config::load(home).map(|config| config.journal);
    let epoch = format!("{:016x}", stats.epoch);
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    if as_json {
        let cursors: serde_json::Map<_, _> =
            stats.cursors.iter().map(|(name, seq)| (name.clone(), json!(seq))).collect();
        let subscribers: Vec<_> = census
            .waiting
            .iter()
            .map(|one| {
                json!({"name": one.subscriber, "cursor": one.cursor, "waiting": one.waiting, "lost": one.lost,
                    "updated": one.updated.to_string()})
            })
            .collect();
        let types: serde_json::Map<_, _> =
            census.types.iter().map(|(name, count)| (name.clone(), json!(count))).collect();
        let retention = retention.ok().map(
            |kept| json!({"age_ms": kept.retain_age_ms, "events": kept.retain_events, "bytes": kept.retain_bytes}),
        );
        output::line(json!({"epoch": epoch, "first": stats.first, "head": stats.head, "events": stats.events,
            "oldest": time(stats.oldest), "newest": time(stats.newest), "bytes": stats.bytes,
            "free_bytes": stats.free_bytes, "wal_bytes": stats.wal_bytes, "pruned": stats.pruned,
            "retention": retention, "types": types, "other_types": census.other, "cursors": cursors,
            "subscribers": subscribers, "dead_letters": stats.dead_letters}))?;
        return Ok(Exit::Done);
    }
    let or_dash = |at: Option<Timestamp>| time(at).unwrap_or_else(|| "-".to_owned());
    for (name, value) in [
        ("journal", path.display().to_string()),
        ("epoch", epoch),
        ("events", format!("{} (seq {} to {})", stats.events, stats.first, stats.head)),
        ("from", format!("{} to {}", or_dash(stats.oldest), or_dash(stats.newest))),
        (
            "bytes",
            format!(
                "{}, {} of them free, and {} in the write-ahead log",
                stats.bytes, stats.free_bytes, stats.wal_bytes
            ),
        ),
        ("pruned", if stats.pruned == 0 { "nothing".to_owned() } else { format!("up to seq {}", stats.pruned) }),
        ("retention", retention.map_or_else(|error| format!("unknown: {error}"), |kept| kept.retention_words())),
        ("dead letters", stats.dead_letters.to_string()),
    ] {
        output::line(format_args!("{name:<13} {value}"))?;
    }
    if !census.waiting.is_empty() {
        let rows: Vec<_> = census.waiting.iter().map(subscriber_row).collect();
        output::write("\n")?;
        output::write(&output::table(&["SUBSCRIBER", "CURSOR", "WAITING", "LOST", "UPDATED"], &rows))?;
    }
    let mut rows: Vec<_> = census.types.iter().map(|(name, count)| vec![name.clone(), count.to_string()]).collect();
    if census.other > 0 {
        rows.push(vec!["(other types)".to_owned(), census.other.to_string()]);
    }
    if !rows.is_empty() {
        output::write("\n")?;
        output::write(&output::table(&["TYPE", "EVENTS"], &rows))?;
    }
    Ok(Exit::Done)
}

fn subscriber_row(one: &journal::Waiting) -> Vec<String> {
    let waiting = match one.waiting {
        None => "live".to_owned(),
        Some(MAX_COUNTED) => format!("{MAX_COUNTED} or more"),
        Some(waiting) => waiting.to_string(),
    };
    let cells = [one.cursor.to_string(), waiting, one.lost.to_string(), one.updated.to_string()];
    std::iter::once(output::tame(&one.subscriber, 80)).chain(cells).collect()
}

/// How often progress is shown.
const SHOW_EVERY: Duration = Duration::from_millis(200);

/// How far a long piece of work is, on a terminal alone.
struct Progress {
    on: bool,
    shown: Option<Instant>,
}

impl Progress {
    fn new() -> Self {
        Self { on: std::io::stderr().is_terminal(), shown: None }
    }

    fn show(&mut self, text: impl std::fmt::Display) {
        if self.on && self.shown.is_none_or(|shown| shown.elapsed() >= SHOW_EVERY) {
            self.shown = Some(Instant::now());
            // A terminal that went away misses this and nothing else.
            let _ = write!(std::io::stderr(), "\r\x1b[K{text}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
