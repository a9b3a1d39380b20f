//! `tollgate demo`: the whole host on a temporary home, real agents' recorded inputs, and what may go wrong.
//!
//! Shows nothing that is not real: the same host, socket and hook process that an operator runs. Each step
//! states what it expects; the exit code says whether every expectation held.

mod checklist;
mod ground;
mod report;
mod scenes;
mod stage;

use crate::args::DemoArgs;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::signals::Signals;
use anyhow::{Context as _, anyhow};
use checklist::Checklist;
use report::Report;
use stage::Stage;
use std::path::Path;

/// Runs the demonstration; with `--json`, prints one object and nothing else on standard output.
///
/// # Errors
/// When the temporary home cannot be made, the host does not start on it, a scene cannot be played to its end, or a
/// signal ends it early; the temporary home goes all the same.
pub fn run(args: DemoArgs) -> Result<Exit, Failure> {
    let (report, checklist) = play(args.json).map_err(|error| Failure::Failed(format!("demo: {error:#}")))?;
    if args.json {
        output::line(report.to_json(&checklist))?;
    } else {
        output::line(report.to_text(&checklist))?;
    }
    Ok(if checklist.held() { Exit::Done } else { Exit::Failed })
}

/// Plays it in a folder that is gone afterwards, and with it every thread and process that knew of it.
fn play(quiet: bool) -> anyhow::Result<(Report, Checklist)> {
    let folder = tempfile::Builder::new().prefix("tollgate-demo").tempdir().context("making a temporary folder")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("tollgate").build();
    let runtime = runtime.context("the async runtime")?;
    let played = runtime.block_on(perform(folder.path(), quiet));
    // Waits for what still runs, which writes there.
    drop(runtime);
    folder.close().context("taking the temporary folder away")?;
    played
}

async fn perform(folder: &Path, quiet: bool) -> anyhow::Result<(Report, Checklist)> {
    // Before anything is started, so that whatever ends it finds it ready to clear up.
    let mut signals = Signals::new().context("signals")?;
    let checklist = Checklist::new(scenes::TITLES.len(), quiet);
    checklist.begin("A host starts on a temporary home and compiles its plugins");
    let opened = Stage::open(folder, checklist);
    let mut stage = tokio::select! {
        opened = opened => opened?,
        () = signals.any() => return Err(stopped()),
    };
    let played = tokio::select! {
        played = scenes::play(&mut stage) => played,
        () = signals.any() => Err(stopped()),
    };
    let report = match played {
        Ok(()) => Report::gather(&stage).await,
        Err(error) => Err(error),
    };
    let checklist = stage.close().await;
    checklist.finish();
    Ok((report?, checklist))
}

fn stopped() -> anyhow::Error {
    anyhow!("stopped by a signal before its end")
}
