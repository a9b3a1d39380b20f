//! Programs, never a shell, in the workspace of the handled event's session; each must be granted with its
//! arguments. They run with the daemon's rights.

use crate::bindings::tollgate::plugin::process as wit;
pub use wit::{Chunk, Command, Exit, OutputStream, ProcessError};

#[cfg(not(target_family = "wasm"))]
use crate::mock::process as host;
#[cfg(target_family = "wasm")]
use wit as host;

/// A running program. Dropping it kills the program and all that it started.
#[derive(Debug)]
pub struct Child(host::Child);

impl Child {
    /// The next output, at most 64 KiB; none when both streams ended. Waits for it.
    #[must_use]
    pub fn next_output(&self) -> Option<Chunk> {
        self.0.next_output()
    }

    /// Waits for the end. Asked again, it answers the same.
    #[must_use]
    pub fn wait(&self) -> Exit {
        self.0.wait()
    }

    /// Kills the program and all that it started; nothing where it has ended.
    pub fn kill(&self) {
        self.0.kill();
    }
}

/// What a program wrote, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub exit: Exit,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

/// A command with nothing optional: in the session's first root, with no input, for as long as the call may last.
#[must_use]
pub fn command<'a>(program: &str, args: impl IntoIterator<Item = &'a str>) -> Command {
    Command {
        program: program.to_owned(),
        args: args.into_iter().map(str::to_owned).collect(),
        cwd: None,
        env: Vec::new(),
        stdin: None,
        timeout_ms: u32::MAX,
    }
}

/// Starts `command`; read its output while it runs, or it waits for you.
///
/// # Errors
/// Not granted, no session, no such program, or the operating system's own.
pub fn start(command: &Command) -> Result<Child, ProcessError> {
    host::start(command).map(Child)
}

/// Runs `command` to its end and keeps what it wrote (the host ends it after 16 MiB).
///
/// # Errors
/// As [`start`].
pub fn run(command: &Command) -> Result<Output, ProcessError> {
    let child = start(command)?;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(chunk) = child.next_output() {
        match chunk.source {
            OutputStream::Stdout => stdout.extend_from_slice(&chunk.bytes),
            OutputStream::Stderr => stderr.extend_from_slice(&chunk.bytes),
        }
    }
    Ok(Output { exit: child.wait(), stdout, stderr })
}
