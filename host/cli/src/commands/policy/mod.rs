//! `tollgate policy`: what a policy says, whether it is right, whether it does what its author meant.
//!
//! No daemon, no events, no plugins.

mod check;
mod explain;
mod test;

use crate::args::PolicyCommand;
use crate::config::{Config, expand};
use crate::exit::{Exit, Failure};
use crate::policies;
use std::path::{Path, PathBuf};
use tollgate_core::gate::policy::Policy;
use tollgate_core::home::Home;

/// Explains a call, checks files or tests them.
///
/// # Errors
/// When a policy, a call or a file is refused; names it.
pub fn run(home: impl Fn() -> Result<Home, Failure>, command: PolicyCommand) -> Result<Exit, Failure> {
    match command {
        PolicyCommand::Explain(args) => explain::run(home, args),
        PolicyCommand::Check { files, json } => check::run(&files, json),
        PolicyCommand::Test { file, policies, json } => test::run(home, &file, &policies, json),
    }
}

/// What calls are looked at with.
struct Ground {
    policy: Policy,
    home: Option<Home>,
    extras: Vec<PathBuf>,
}

/// The policies of these names, else the home's own. Without a home there is still a policy: the defaults.
fn ground(home: impl Fn() -> Result<Home, Failure>, names: &[String]) -> Result<Ground, Failure> {
    let home = home().ok();
    let config = match &home {
        Some(home) => Config::load(home).map_err(|error| Failure::Failed(error.to_string()))?,
        None => Config::default(),
    };
    let policy = match &home {
        _ if !names.is_empty() => policies::named(names, Path::new(""))?,
        Some(home) => policies::load(home, &config)?,
        None => policies::compose(&[], &config.gate.presets)?,
    };
    let user_home = std::env::var_os("HOME").map(PathBuf::from);
    let extras = config.gate.allowed_extras.iter().map(|path| expand(path, user_home.as_deref())).collect();
    Ok(Ground { policy, home, extras })
}
