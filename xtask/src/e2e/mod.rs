//! The real agents behind a real daemon: which of them, where their programs come from, and what is said in the end.

mod home;
mod journal;
mod report;
mod scenes;
mod stage;

use crate::agents::{AGENTS, Agent};
use crate::npm;
use crate::options::Common;
use crate::process::is_stopped;
use anyhow::{Result, bail, ensure};
use clap::builder::PossibleValuesParser;
use report::{Report, Row};
use std::io::Write as _;

/// How the agents are run.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// An agent; more than one may be named [default: all]
    #[arg(long, value_parser = PossibleValuesParser::new(AGENTS.map(|agent| agent.name)))]
    agent: Vec<String>,
    #[command(flatten)]
    common: Common,
    /// Keep the folders that were worked in, and say where
    #[arg(long)]
    keep: bool,
}

/// Runs the agents; whether every check held.
///
/// # Errors
/// When there is no Tollgate to look at, or what was found cannot be said.
pub fn run(options: &Options) -> Result<bool> {
    let (binary, cache) = (options.common.binary.resolve()?, options.common.cache.resolve()?);
    let mut report = Report::default();
    let chosen = |agent: &&Agent| options.agent.is_empty() || options.agent.iter().any(|name| name == agent.name);
    for agent in AGENTS.into_iter().filter(chosen) {
        let _ = writeln!(std::io::stderr(), "running {} {} …", agent.name, agent.version);
        let mut rows = Vec::new();
        let played = npm::program(agent, &cache)
            .and_then(|program| scenes::play(agent, &program, &binary, options.keep, &mut rows));
        ensure!(!is_stopped(), "stopped by a signal");
        // One agent that cannot be run says nothing of the others.
        if let Err(error) = played {
            rows.push(Row::failed("it can be run to the end", format!("{error:#}")));
        }
        report.add(agent, rows);
    }
    if report.is_empty() {
        bail!("no agent was run");
    }
    let text = if options.common.json { report.to_json() } else { report.to_string() };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(report.held())
}
