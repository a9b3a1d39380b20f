//! `tollgate journal export` and `import`: events as lines of JSON, page by page in both directions.

use super::{Progress, failed, now};
use crate::args::{ExportArgs, When};
use crate::exit::{Exit, Failure};
use crate::home;
use crate::output;
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tollgate_core::event::Event;
use tollgate_core::home::Home;
use tollgate_core::journal::{Export, ImportError, Imported, MAX_RANGES, Query, Salvage, Upkeep, import_preview};
use tollgate_core::json::{EventLines, LineError, write_json};

/// Writes events as lines.
///
/// # Errors
/// When the journal cannot be read or the file cannot be written; there is then no file.
pub(super) fn export(path: &Path, args: &ExportArgs) -> Result<Exit, Failure> {
    let mut out = Out::open(args.out.as_deref())?;
    let mut progress = Progress::new();
    let mut written = 0_usize;
    if args.salvage {
        let mut salvage = Salvage::open(path).map_err(failed)?;
        while let Some(events) = salvage.next_page() {
            written += events.len();
            out.write(&events)?;
            progress.show(format_args!("seq {} of {}", salvage.position(), salvage.head()));
        }
        out.finish()?;
        drop(progress);
        return Ok(report_salvage(&salvage, written));
    }
    let mut export = Export::open(path, query(args)?).map_err(failed)?;
    while let Some(events) = export.next_page().map_err(failed)? {
        written += events.len();
        out.write(&events)?;
        progress.show(format_args!("seq {} of {}", export.position(), export.head()));
    }
    out.finish()?;
    drop(progress);
    if export.missed() > 0 {
        say(format_args!("{} events were pruned before this came to them, and are not in it", export.missed()));
        return Ok(Exit::Failed);
    }
    if let Some(file) = &args.out {
        say(format_args!("{written} events up to seq {} are in {}", export.head(), file.display()));
    }
    Ok(Exit::Done)
}

fn query(args: &ExportArgs) -> Result<Query, Failure> {
    let (after, since) = match args.since {
        Some(When::Seq(seq)) => (seq, None),
        Some(When::Time(at)) => (0, Some(at)),
        None => (0, None),
    };
    args.which.query(after, since).map_err(|error| Failure::Usage(error.to_string()))
}

/// Says what could not be saved: on standard error, since events may be on standard output.
fn report_salvage(salvage: &Salvage, written: usize) -> Exit {
    say(format_args!("{written} events are saved; {} of seqs up to {} are lost", salvage.lost(), salvage.head()));
    for (from, to) in salvage.ranges() {
        say(format_args!("lost: seq {from} to {to}"));
    }
    if salvage.ranges().len() == MAX_RANGES {
        say("and perhaps more after these");
    }
    if salvage.lost() == 0 { Exit::Done } else { Exit::Failed }
}

fn say(text: impl std::fmt::Display) {
    // A reader of standard error that went away misses this and nothing else.
    let _ = writeln!(std::io::stderr(), "tollgate: {text}");
}

/// Where lines go: standard output, or a file that has its name only once it is whole.
enum Out {
    Stdout(String),
    File { to: PathBuf, aside: PathBuf, lines: String, file: BufWriter<File>, whole: bool },
}

impl Out {
    fn open(to: Option<&Path>) -> Result<Self, Failure> {
        let Some(to) = to else { return Ok(Self::Stdout(String::new())) };
        let mut aside = to.as_os_str().to_owned();
        aside.push(".part");
        let aside = PathBuf::from(aside);
        match std::fs::remove_file(&aside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Failure::at(aside.display(), error)),
            _ => {}
        }
        // Events are nobody else's business: made anew, so that neither a link nor older rights are kept.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside);
        let file = BufWriter::new(file.map_err(|error| Failure::at(aside.display(), error))?);
        Ok(Self::File { to: to.to_owned(), aside, lines: String::new(), file, whole: false })
    }

    fn write(&mut self, events: &[Arc<Event>]) -> Result<(), Failure> {
        let lines = match self {
            Self::Stdout(lines) | Self::File { lines, .. } => lines,
        };
        lines.clear();
        for event in events {
            write_json(event, lines);
            lines.push('\n');
        }
        match self {
            Self::Stdout(lines) => output::write(lines),
            Self::File { aside, lines, file, .. } => {
                file.write_all(lines.as_bytes()).map_err(|error| Failure::at(aside.display(), error))
            }
        }
    }

    fn finish(&mut self) -> Result<(), Failure> {
        if let Self::File { to, aside, file, whole, .. } = self {
            let written = file.flush().and_then(|()| file.get_ref().sync_all());
            written.and_then(|()| std::fs::rename(&*aside, &*to)).map_err(|error| Failure::at(to.display(), error))?;
            *whole = true;
        }
        Ok(())
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        if let Self::File { aside, whole: false, .. } = self {
            // What is left behind is named as a part, and replaced the next time.
            let _ = std::fs::remove_file(aside);
        }
    }
}

/// Takes the events of a file in: every line is looked at before the first is recorded.
///
/// # Errors
/// When a line holds no event, a daemon runs, or the journal cannot be written.
pub(super) fn import(home: &Home, file: &Path, deliver: bool, dry_run: bool, as_json: bool) -> Result<Exit, Failure> {
    let path = home.journal();
    let mut progress = Progress::new();
    let mut checked = 0_u64;
    let looked_at = lines(file)?.inspect(|_| {
        checked += 1;
        progress.show(format_args!("{checked} events checked"));
    });
    let would = import_preview(&path, looked_at).map_err(|error| refused(file, error))?;
    drop(progress);
    if dry_run {
        return report(would, true, as_json);
    }
    home::create(home)?;
    let _lock = home::lock(home)?;
    let mut upkeep = Upkeep::open(&path).map_err(failed)?;
    let mut progress = Progress::new();
    let imported = upkeep
        .import(lines(file)?, deliver, now(), |so_far| {
            progress.show(format_args!("{} of {} events", so_far.events + so_far.duplicates, checked));
        })
        .map_err(|error| refused(file, error))?;
    drop(progress);
    report(imported, false, as_json)
}

fn lines(file: &Path) -> Result<EventLines<BufReader<File>>, Failure> {
    let open = || {
        let opened = File::open(file)?;
        // It is read twice.
        if opened.metadata()?.is_file() { Ok(opened) } else { Err(std::io::Error::other("must be a regular file")) }
    };
    let opened = open().map_err(|error| Failure::at(file.display(), error))?;
    Ok(EventLines::new(BufReader::new(opened)))
}

fn refused(file: &Path, error: ImportError<LineError>) -> Failure {
    match error {
        ImportError::Source(error) => Failure::at(file.display(), error),
        ImportError::Behind(_) => Failure::Failed(format!("{error} (`--deliver`)")),
        ImportError::Journal(error) => failed(error),
    }
}

fn report(imported: Imported, dry_run: bool, as_json: bool) -> Result<Exit, Failure> {
    let Imported { events, duplicates } = imported;
    if as_json {
        output::line(json!({"events": events, "duplicates": duplicates, "dry_run": dry_run}))?;
    } else if dry_run {
        output::line(format_args!("{events} events would come in; {duplicates} are there already"))?;
    } else {
        output::line(format_args!("{events} events came in; {duplicates} were there already"))?;
    }
    Ok(Exit::Done)
}
