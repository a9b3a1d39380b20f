//! Starting a program: which file it is, where it runs, and what it has of the daemon. Never through a shell.

use super::group::{Leash, Slot};
use crate::bindings::tollgate::plugin::process::{Command as Wanted, ProcessError};
use crate::capability::{Permit, Run};
use crate::host::root::{Elsewhere, Root};
use rustix::process::Pid;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use tollgate_core::program;

/// What every program has of the daemon's environment.
const ALWAYS: [&str; 2] = ["PATH", "HOME"];

/// A program that runs, and the host's ends of its pipes.
pub(super) struct Launched {
    pub(super) leash: Leash,
    /// Where its input goes, with the input.
    pub(super) stdin: Option<(ChildStdin, Vec<u8>)>,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// Starts `wanted` in the workspace of `root`; `env` names what it has of the daemon's variables besides PATH and
/// HOME. Blocks for the file system and the fork.
pub(super) fn launch(
    _permit: Permit<Run>,
    wanted: Wanted,
    root: &Root,
    env: &[String],
    slot: Slot,
) -> Result<Launched, ProcessError> {
    let folder = folder(root, wanted.cwd.as_deref().unwrap_or_default())?;
    let path = std::env::var_os("PATH");
    let program = program::find(&wanted.program, path.as_deref()).ok_or(ProcessError::NotFound)?;
    let mut command = Command::new(program);
    command.args(&wanted.args).current_dir(folder).env_clear().process_group(0);
    for name in ALWAYS.into_iter().chain(env.iter().map(String::as_str)) {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.envs(wanted.env);
    command.stdin(if wanted.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| failed(&error))?;
    let leash = slot.hold(Pid::from_child(&child));
    let stdin = child.stdin.take().zip(wanted.stdin);
    match (child.stdout.take(), child.stderr.take()) {
        (Some(stdout), Some(stderr)) => Ok(Launched { leash, stdin, stdout, stderr }),
        _ => Err(ProcessError::Failed("it has no output".to_owned())),
    }
}

/// Why the operating system refused; the kind, not the text, which may name the host's paths.
pub(super) fn failed(error: &std::io::Error) -> ProcessError {
    ProcessError::Failed(error.kind().to_string())
}

/// The folder that the program runs in: inside the first root, links followed.
fn folder(root: &Root, cwd: &str) -> Result<PathBuf, ProcessError> {
    let folder = root.existing(cwd).map_err(|elsewhere| match elsewhere {
        Elsewhere::Outside => ProcessError::Denied,
        Elsewhere::Missing => ProcessError::Failed("cwd: no such folder".to_owned()),
        Elsewhere::Failed(kind) => ProcessError::Failed(format!("cwd: {kind}")),
    })?;
    if folder.is_dir() { Ok(folder) } else { Err(ProcessError::Failed("cwd: not a folder".to_owned())) }
}
