//! `tollgate journal`: the database itself, with or without a daemon on it.

use crate::args::JournalCommand;
use crate::exit::{Exit, Failure};
use crate::output;
use serde_json::json;
use std::path::Path;
use tollgate_core::home::Home;
use tollgate_core::journal;

/// Checks or counts.
///
/// # Errors
/// When there is no journal or it cannot be read; a broken chain is shown and exits with 1.
pub fn run(home: &Home, command: &JournalCommand) -> Result<Exit, Failure> {
    let path = home.journal();
    if !path.exists() {
        return Err(Failure::at(path.display(), "there is no journal; `tollgate run` makes one"));
    }
    match command {
        JournalCommand::Verify { json } => verify(&path, *json),
        JournalCommand::Stats { json } => stats(&path, *json),
    }
}

fn verify(path: &Path, as_json: bool) -> Result<Exit, Failure> {
    let found = journal::verify(path).map_err(|error| Failure::Failed(error.to_string()))?;
    let head_hash: String = found.head_hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let exit = if found.bad.is_none() { Exit::Done } else { Exit::Failed };
    if as_json {
        let bad = found.bad.map(|bad| json!({"seq": bad.seq, "reason": bad.reason}));
        output::line(json!({"ok": exit == Exit::Done, "checked": found.checked, "head": found.head,
            "head_hash": head_hash, "bad": bad}))?;
        return Ok(exit);
    }
    match found.bad {
        None => {
            output::line(format_args!(
                "the journal is whole: {} events up to seq {}, head {head_hash}",
                found.checked, found.head
            ))?;
            Ok(exit)
        }
        Some(bad) => Err(Failure::at(format!("{}, seq {}", path.display(), bad.seq), bad.reason)),
    }
}

fn stats(path: &Path, as_json: bool) -> Result<Exit, Failure> {
    let stats = journal::stats(path).map_err(|error| Failure::Failed(error.to_string()))?;
    let epoch = format!("{:016x}", stats.epoch);
    if as_json {
        let cursors: serde_json::Map<_, _> =
            stats.cursors.iter().map(|(name, seq)| (name.clone(), json!(seq))).collect();
        output::line(json!({"epoch": epoch, "first": stats.first, "head": stats.head, "events": stats.events,
            "bytes": stats.bytes, "wal_bytes": stats.wal_bytes, "cursors": cursors, "dead_letters": stats.dead_letters}))?;
        return Ok(Exit::Done);
    }
    let mut rows = vec![
        ("journal", path.display().to_string()),
        ("epoch", epoch),
        ("events", format!("{} (seq {} to {})", stats.events, stats.first, stats.head)),
        ("bytes", format!("{} and {} in the write-ahead log", stats.bytes, stats.wal_bytes)),
        ("dead letters", stats.dead_letters.to_string()),
    ];
    rows.extend(stats.cursors.iter().map(|(name, seq)| ("cursor", format!("{name} at {seq}"))));
    for (name, value) in rows {
        output::line(format_args!("{name:<13} {value}"))?;
    }
    Ok(Exit::Done)
}
