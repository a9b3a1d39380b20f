//! `tollgate demo`: the whole host on a temporary home, real agents' recorded inputs, and what may go wrong.
//!
//! Shows nothing that is not real: the same host, socket and hook process that an operator runs. Each step
//! states what it expects; the exit code says whether every expectation held.

mod checklist;
mod report;
mod scenes;
mod stage;

use crate::args::DemoArgs;
use crate::exit::{Exit, Failure};
use crate::output;
use checklist::Checklist;
use report::Report;
use stage::Stage;

/// Runs the demonstration; with `--json`, prints one object and nothing else on standard output.
///
/// # Errors
/// When the temporary home cannot be made, the host does not start on it, or a scene cannot be played to its end.
pub fn run(args: DemoArgs) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("tollgate").build();
    let runtime = runtime.map_err(|error| Failure::at("the async runtime", error))?;
    let (report, checklist) =
        runtime.block_on(perform(args.json)).map_err(|error| Failure::Failed(format!("demo: {error:#}")))?;
    if args.json {
        output::line(report.to_json(checklist.held()))?;
    } else {
        output::line(report.to_text(&checklist))?;
    }
    Ok(if checklist.held() { Exit::Done } else { Exit::Failed })
}

async fn perform(quiet: bool) -> anyhow::Result<(Report, Checklist)> {
    let mut stage = Stage::open(Checklist::new(scenes::TITLES.len(), quiet)).await?;
    let report = match scenes::play(&mut stage).await {
        Ok(()) => Report::gather(&stage).await,
        Err(error) => Err(error),
    };
    let checklist = stage.close().await;
    checklist.finish();
    Ok((report?, checklist))
}
