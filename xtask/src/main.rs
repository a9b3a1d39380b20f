//! `cargo xtask`: what a developer of Tollgate runs now and then. Knows Tollgate as its users do: by its binary.

mod agents;
mod e2e;
mod model;
mod process;

use clap::Parser as _;
use std::io::Write as _;
use std::process::ExitCode;

/// What a developer of Tollgate runs now and then.
#[derive(Debug, clap::Parser)]
#[command(name = "cargo xtask", arg_required_else_help = true)]
enum Task {
    /// Run the real agents behind a real daemon, with a model made here, and say what held
    ///
    /// Fetches the agents' own programs with npm, in the versions that are named here. Each runs in folders of its
    /// own that go again; the model is on 127.0.0.1. Nothing of yours is read or written but the cache.
    AgentsE2e(e2e::Options),
}

fn main() -> ExitCode {
    let Task::AgentsE2e(options) = Task::parse();
    process::stop_on_signals();
    match e2e::run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
