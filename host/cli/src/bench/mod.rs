//! `tollgate bench`: whole-system measures, on hosts of their own. What is measured inside a crate has its benchmark
//! there.

mod crash;
mod soak;
mod stream;
mod subject;

use crate::args::BenchCommand;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use serde_json::Value;
use std::io::{IsTerminal as _, Write as _};

/// Events of one page.
const PAGE: usize = 10_000;

/// Runs one measure.
///
/// # Errors
/// When it cannot be made to its end.
pub fn run(command: BenchCommand) -> Result<Exit, Failure> {
    match command {
        BenchCommand::Soak(args) => soak::run(&args),
        BenchCommand::Crash(args) => crash::run(&args),
        BenchCommand::Stream(args) => stream::run(&args),
    }
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
