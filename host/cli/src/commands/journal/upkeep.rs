//! `tollgate journal prune`, `redact` and `vacuum`: what changes a journal that no daemon runs on.

use super::{Progress, failed, now};
use crate::args::PruneArgs;
use crate::commands::confirmed;
use crate::exit::{Exit, Failure};
use crate::home;
use crate::output;
use serde_json::json;
use tollgate_core::home::Home;
use tollgate_core::journal::{self, Prune, Pruned, Redaction, Upkeep, prune_preview, redact_preview};

/// Lets the oldest events go.
///
/// # Errors
/// When a daemon runs, nobody is there to ask, or the journal cannot be written.
pub(super) fn prune(home: &Home, args: &PruneArgs) -> Result<Exit, Failure> {
    let now = now();
    let wanted = Prune {
        before: args.before,
        keep_events: args.keep_events,
        keep_bytes: args.keep_bytes,
        past_cursors: args.past_cursors,
    };
    // Taken before anything is shown, so that what is shown is what goes.
    let lock = if args.dry_run { None } else { Some(lock(home)?) };
    if args.dry_run || !args.yes {
        let would = prune_preview(&home.journal(), &wanted, now).map_err(failed)?;
        if args.dry_run || would.events == 0 {
            return report(&would, true, args.json);
        }
        if args.json {
            return Err(Failure::Usage("with --json nobody is asked: say --dry-run, or --yes".to_owned()));
        }
        report(&would, true, false)?;
        if !confirmed("Let these go for good?", "say `--yes`, or see with `--dry-run` what would go")? {
            output::line("nothing went")?;
            return Ok(Exit::Failed);
        }
    }
    // What is changed would go unseen with what goes.
    if let Some(bad) = journal::verify(&home.journal()).map_err(failed)?.bad {
        let reason = format!("{}; pruning would hide it: look into it first (`tollgate journal verify`)", bad.reason);
        return Err(Failure::at(format!("{}, seq {}", home.journal().display(), bad.seq), reason));
    }
    let mut upkeep = Upkeep::open(&home.journal()).map_err(failed)?;
    let mut progress = Progress::new();
    let pruned = upkeep
        .prune(&wanted, now, |so_far| {
            progress.show(format_args!("{} events, up to seq {}", so_far.events, so_far.upto))
        })
        .map_err(failed)?;
    drop((progress, upkeep, lock));
    report(&pruned, false, args.json)
}

fn lock(home: &Home) -> Result<home::Lock, Failure> {
    home::create(home)?;
    home::lock(home)
}

fn report(pruned: &Pruned, would: bool, as_json: bool) -> Result<Exit, Failure> {
    let held = pruned.held.as_ref();
    if as_json {
        output::line(json!({"dry_run": would, "upto": pruned.upto, "events": pruned.events, "bytes": pruned.bytes,
            "unfinished": pruned.unfinished,
            "held": held.map(|(subscriber, seq)| json!({"subscriber": subscriber, "seq": seq}))}))?;
        return Ok(Exit::Done);
    }
    let (go, keep) = if would { ("would go", "would keep") } else { ("went", "keeps") };
    match pruned.events {
        0 => output::line(format_args!("no events {}", if would { "would go" } else { "went" }))?,
        events => output::line(format_args!(
            "{events} events {go}, up to seq {}, of about {} bytes; `tollgate journal vacuum` gives their room back",
            pruned.upto, pruned.bytes
        ))?,
    }
    for (subscriber, count) in &pruned.unfinished {
        output::line(format_args!("{subscriber} had not finished {count} of them"))?;
    }
    if let Some((subscriber, seq)) = held {
        output::line(format_args!(
            "{subscriber} has not finished event {seq}, which {keep} what follows; --past-cursors lets that go too"
        ))?;
    }
    Ok(Exit::Done)
}

/// Blanks one event's payload.
///
/// # Errors
/// When a daemon runs, the event is not kept, or the journal cannot be written.
pub(super) fn redact(home: &Home, seq: u64, dry_run: bool, yes: bool) -> Result<Exit, Failure> {
    let path = home.journal();
    let lock = if dry_run { None } else { Some(lock(home)?) };
    let missing = || {
        let mend = "`tollgate journal stats` says which seqs are kept";
        Failure::Failed(format!("{}: there is no event {seq}; {mend}", path.display()))
    };
    let found = redact_preview(&path, seq).map_err(failed)?.ok_or_else(missing)?;
    let what = sentence(&found);
    if found.already {
        if !dry_run {
            Upkeep::open(&path).and_then(|mut upkeep| upkeep.redact(seq, now())).map_err(failed)?;
        }
        output::line(format_args!("{what}: it was redacted before"))?;
        return Ok(Exit::Done);
    }
    if dry_run {
        output::line(format_args!("{what}: its payload would be blanked"))?;
        return Ok(Exit::Done);
    }
    if !yes {
        output::line(&what)?;
        if !confirmed("Blank its payload for good?", "say `--yes`, or see with `--dry-run` what it is")? {
            output::line("nothing was redacted")?;
            return Ok(Exit::Failed);
        }
    }
    let mut upkeep = Upkeep::open(&path).map_err(failed)?;
    upkeep.redact(seq, now()).map_err(failed)?.ok_or_else(missing)?;
    drop((upkeep, lock));
    output::line(format_args!("{what}: its payload is blanked. Backups, exports and the audit trail keep theirs"))?;
    Ok(Exit::Done)
}

fn sentence(found: &Redaction) -> String {
    format!("event {}, {} of {}, {} bytes of payload", found.seq, found.event_type, found.ts, found.bytes)
}

/// Gives free pages back.
///
/// # Errors
/// When a daemon runs or there is not enough room.
pub(super) fn vacuum(home: &Home) -> Result<Exit, Failure> {
    let _lock = lock(home)?;
    let mut upkeep = Upkeep::open(&home.journal()).map_err(failed)?;
    let (before, after) = upkeep.vacuum().map_err(failed)?;
    output::line(format_args!("the journal had {before} bytes and has {after}"))?;
    Ok(Exit::Done)
}
