//! The mock's programs: a test's own closure, or the machine's real ones in the mock's workspace.

use crate::process::{Chunk, Command, Exit, OutputStream, ProcessError};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

/// Most bytes of one chunk, as in the host.
const CHUNK_BYTES: usize = 64 * 1024;

/// What a program did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// What it wrote, in order.
    pub output: Vec<Chunk>,
    /// How it ended.
    pub exit: Exit,
}

impl Finished {
    /// Ended with `code`, having written `stdout` and then `stderr`.
    #[must_use]
    pub fn new(code: i32, stdout: &[u8], stderr: &[u8]) -> Self {
        let pieces = |source, bytes: &[u8]| -> Vec<Chunk> {
            bytes.chunks(CHUNK_BYTES).map(|bytes| Chunk { source, bytes: bytes.to_vec() }).collect()
        };
        let mut output = pieces(OutputStream::Stdout, stdout);
        output.extend(pieces(OutputStream::Stderr, stderr));
        Self { output, exit: Exit::Code(code) }
    }
}

type Run = Box<dyn FnMut(&Command) -> Result<Finished, ProcessError>>;

/// What happens when a plugin starts a program.
#[derive(Default)]
pub struct Programs(Option<Run>);

impl Programs {
    /// `run` plays every program.
    pub fn played_by(run: impl FnMut(&Command) -> Result<Finished, ProcessError> + 'static) -> Self {
        Self(Some(Box::new(run)))
    }

    /// The machine's own programs, run to their end in the mock's workspace; the timeout is not kept.
    #[must_use]
    pub fn real() -> Self {
        Self::played_by(|command| {
            let root = super::with(|host| host.workspace.clone()).ok_or(ProcessError::NoSession)?;
            run_real(&root, command)
        })
    }
}

impl fmt::Debug for Programs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "Programs(some)" } else { "Programs(none)" })
    }
}

fn run_real(root: &Path, command: &Command) -> Result<Finished, ProcessError> {
    let folder = command.cwd.as_ref().map_or_else(|| root.to_owned(), |cwd| root.join(cwd));
    let mut process = std::process::Command::new(&command.program);
    process.args(&command.args).current_dir(folder).envs(command.env.iter().map(|(name, value)| (name, value)));
    let mut child = process
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failure(&error))?;
    // A small input fits the pipe; who plays large ones uses a closure.
    if let (Some(mut stdin), Some(bytes)) = (child.stdin.take(), &command.stdin) {
        stdin.write_all(bytes).map_err(|error| failure(&error))?;
    }
    let output = child.wait_with_output().map_err(|error| failure(&error))?;
    let finished = Finished::new(output.status.code().unwrap_or_default(), &output.stdout, &output.stderr);
    Ok(match signal(output.status) {
        Some(signal) => Finished { exit: Exit::Signal(signal), ..finished },
        None => finished,
    })
}

#[cfg(unix)]
fn signal(status: std::process::ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_status: std::process::ExitStatus) -> Option<i32> {
    None
}

fn failure(error: &std::io::Error) -> ProcessError {
    match error.kind() {
        std::io::ErrorKind::NotFound => ProcessError::NotFound,
        _ => ProcessError::Failed(error.to_string()),
    }
}

/// A program that has run.
#[derive(Debug)]
pub(crate) struct Child {
    output: RefCell<VecDeque<Chunk>>,
    exit: Exit,
}

impl Child {
    pub(crate) fn next_output(&self) -> Option<Chunk> {
        self.output.borrow_mut().pop_front()
    }

    pub(crate) fn wait(&self) -> Exit {
        self.exit
    }

    pub(crate) fn kill(&self) {
        self.output.borrow_mut().clear();
    }
}

pub(crate) fn start(command: &Command) -> Result<Child, ProcessError> {
    // Taken out while it runs, so that it may look at the mock itself.
    let run = super::with(|host| {
        host.commands.push(command.clone());
        host.programs.0.take()
    });
    let mut run = run.ok_or(ProcessError::NotFound)?;
    let finished = run(command);
    super::with(|host| {
        host.programs.0.get_or_insert(run);
    });
    let Finished { output, exit } = finished?;
    Ok(Child { output: RefCell::new(output.into()), exit })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use crate::process;

    #[test]
    fn a_played_program_is_read_to_its_end_and_remembered() {
        crate::mock::reset();
        crate::mock::with(|host| {
            host.programs = Programs::played_by(|command| match command.program.as_str() {
                "cargo" => Ok(Finished::new(101, &[b'o'; CHUNK_BYTES + 1], b"warned")),
                _ => Err(ProcessError::NotFound),
            });
        });
        let output = process::run(&process::command("cargo", ["test"])).unwrap();
        assert_eq!(
            (output.exit, output.stdout.len(), output.stderr),
            (Exit::Code(101), CHUNK_BYTES + 1, b"warned".into())
        );
        assert_eq!(process::run(&process::command("npm", [])), Err(ProcessError::NotFound));
        let started: Vec<_> = crate::mock::with(|host| host.commands.iter().map(|it| it.program.clone()).collect());
        assert_eq!(started, ["cargo", "npm"]);
    }

    #[test]
    fn a_real_program_runs_in_the_workspace() {
        crate::mock::reset();
        let folder = tempfile::tempdir().unwrap();
        crate::mock::with(|host| host.programs = Programs::real());
        let mut command = process::command("sh", ["-c", "cat > heard; echo $WORD >&2; exit 3"]);
        assert_eq!(process::run(&command), Err(ProcessError::NoSession));
        crate::mock::with(|host| host.workspace = Some(folder.path().to_owned()));
        command.stdin = Some(b"hello".to_vec());
        command.env = vec![("WORD".to_owned(), "spoken".to_owned())];
        let output = process::run(&command).unwrap();
        assert_eq!((output.exit, output.stderr), (Exit::Code(3), b"spoken\n".to_vec()));
        assert_eq!(crate::workspace::read_all("heard", 5).unwrap(), b"hello");
        assert_eq!(crate::workspace::read_all("heard", 4), Err(crate::workspace::WorkspaceError::TooLarge));
        assert_eq!(crate::workspace::stat("../x"), Err(crate::workspace::WorkspaceError::Denied));
        crate::workspace::write_all("heard", b"by").unwrap();
        assert_eq!(std::fs::read(folder.path().join("heard")).unwrap(), b"by");
        assert_eq!(crate::workspace::names(".").unwrap(), ["heard"]);
    }
}
