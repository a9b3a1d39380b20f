//! Starting a listed program as the leader of a terminal session of its own. Never through a shell.

use super::Program;
use super::processes::Processes;
use super::terminal::{Size, Terminal};
use portable_pty::{CommandBuilder, MasterPty, native_pty_system};
use rustix::process::Pid;
use std::ffi::OsString;
use std::path::PathBuf;
use tollgate_core::program::find;

/// What every program has of the daemon's environment.
const ALWAYS: [&str; 2] = ["PATH", "HOME"];
/// The terminal that programs are told they have: what every browser's and every emulator's is like.
const TERM: &str = "xterm-256color";

/// A program to be started.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) program: String,
    pub(crate) args: Vec<String>,
    /// Names of what it has of the daemon's environment besides PATH and HOME.
    pub(crate) env: Vec<String>,
    /// What else it has.
    pub(crate) given: Vec<(String, String)>,
    pub(crate) folder: PathBuf,
    pub(crate) size: Size,
}

/// Why a program did not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LaunchError {
    #[error("there is no program `{0}`: install it, or mend its path in [providers]")]
    NotFound(String),
    #[error("the workspace is no folder any more")]
    NoFolder,
    #[error("`{program}` did not start: {reason}")]
    Failed { program: String, reason: String },
}

/// Starts it.
pub(crate) async fn launch(order: Order) -> Result<Program, LaunchError> {
    let program = order.program.clone();
    let failed = |reason: String| LaunchError::Failed { program: program.clone(), reason };
    let started = tokio::task::spawn_blocking(move || start(&order)).await;
    let (master, processes) = started.map_err(|_| failed("the host is stopping".to_owned()))??;
    // Should this fail, `processes` ends what was started.
    let terminal = Terminal::new(master).map_err(|error| failed(error.to_string()))?;
    Ok(Program { terminal, processes })
}

/// Blocks for the file system and the fork.
fn start(order: &Order) -> Result<(Box<dyn MasterPty + Send>, Processes), LaunchError> {
    let failed = |reason: String| LaunchError::Failed { program: order.program.clone(), reason };
    let path = std::env::var_os("PATH");
    let file = find(&order.program, path.as_deref()).ok_or_else(|| LaunchError::NotFound(order.program.clone()))?;
    // What starts it would take the home folder instead.
    if !order.folder.is_dir() {
        return Err(LaunchError::NoFolder);
    }
    let mut command = CommandBuilder::new(file);
    command.args(&order.args);
    command.cwd(&order.folder);
    command.env_clear();
    for name in ALWAYS.into_iter().chain(order.env.iter().map(String::as_str)) {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("TERM", TERM);
    for (name, value) in &order.given {
        command.env(OsString::from(name), value);
    }
    let pair = native_pty_system().openpty(order.size.into()).map_err(|error| failed(error.to_string()))?;
    let child = pair.slave.spawn_command(command).map_err(|error| failed(error.to_string()))?;
    let leader = child.process_id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    let leader = leader.ok_or_else(|| failed("it has no process id".to_owned()))?;
    Ok((pair.master, Processes::new(leader)))
}
