//! `tollgate bench`: whole-system measures, on hosts of their own. What is measured inside a crate has its benchmark
//! there.

mod crash;
mod soak;
mod stream;
mod subject;

use crate::args::BenchCommand;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output;
use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use serde_json::Value;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

/// Events of one page.
const PAGE: usize = 10_000;

/// What a measure came to.
trait Report {
    /// Whether all that was expected held.
    fn ok(&self) -> bool;
    /// One object.
    fn to_json(&self) -> Value;
    /// Lines for people.
    fn to_text(&self) -> String;
}

/// Runs one measure; with `--json`, prints one object and nothing else on standard output.
///
/// # Errors
/// When it cannot be made to its end: the daemon cannot be started or goes away, or a signal comes. The temporary home
/// goes all the same.
pub fn run(command: &BenchCommand) -> Result<Exit, Failure> {
    match command {
        BenchCommand::Soak(args) => measure("soak", args.json, async |folder| soak::play(folder, args).await),
        BenchCommand::Crash(args) => measure("crash", args.json, async |folder| crash::play(folder, args).await),
        BenchCommand::Stream(args) => measure("stream", args.json, async |folder| stream::play(folder, args).await),
    }
}

fn measure<R: Report>(
    name: &str,
    as_json: bool,
    play: impl AsyncFnOnce(&Path) -> anyhow::Result<R>,
) -> Result<Exit, Failure> {
    let report = in_folder(name, play).map_err(|error| Failure::Failed(format!("bench {name}: {error:#}")))?;
    if as_json {
        output::line(report.to_json())?;
    } else {
        output::write(&report.to_text())?;
    }
    Ok(if report.ok() { Exit::Done } else { Exit::Failed })
}

/// Plays in a folder that goes again.
fn in_folder<R>(name: &str, play: impl AsyncFnOnce(&Path) -> anyhow::Result<R>) -> anyhow::Result<R> {
    let prefix = format!("tollgate-{name}");
    let folder = tempfile::Builder::new().prefix(&prefix).tempdir().context("making a temporary folder")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("the async runtime")?;
    let report = runtime.block_on(play(folder.path()));
    drop(runtime);
    folder.close().context("taking the temporary folder away")?;
    report
}

/// Reads every event of a type, from the start of the journal.
fn each_event(
    client: &Client,
    event_type: &str,
    mut take: impl FnMut(&Value) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut since = String::new();
    loop {
        let page = client.get(&format!("/api/events?type={event_type}&limit={PAGE}{since}"))?;
        let page: Value = serde_json::from_str(&page)?;
        page.get("events").and_then(Value::as_array).into_iter().flatten().try_for_each(&mut take)?;
        match page.get("next").and_then(Value::as_str) {
            Some(next) => since = format!("&since={next}"),
            None => return Ok(()),
        }
    }
}

/// A line for people, beside the bar.
fn say(quiet: bool, text: &str) {
    if !quiet {
        // A reader of standard error that went away misses this and nothing else.
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

/// A bar on a terminal's standard error; else one that nobody sees.
fn bar(length: u64, template: &str, quiet: bool) -> ProgressBar {
    let bar = if quiet || !std::io::stderr().is_terminal() {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(length).with_finish(ProgressFinish::AndClear)
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
