//! Compiling in a child process, seen from the parent: feeding it, bounding what it says and how long it takes, ending
//! and reaping it. What the child does is the worker's.

use super::worker::{EXIT_INVALID, arguments};
use super::{Artifact, CompileError, CompileLimit, CompileLimits, Compiler};
use crate::engine::Engine;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::process::Signal;
use std::ffi::OsString;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Threads of one child: one compilation leaves room for the guests that serve meanwhile.
const COMPILE_THREADS: &str = "2";
/// How much of the child's standard error is kept: a message, not a log.
pub(super) const MAX_WORDS_BYTES: usize = 4 * 1_024;
/// What one read takes: what a pipe holds.
const CHUNK_BYTES: usize = 64 * 1_024;
/// How often a parent that waits looks whether the host ends.
const LOOK: Duration = Duration::from_millis(50);
/// How often a child that said all is looked at until it has ended.
const LOOK_AT_END: Duration = Duration::from_millis(1);
/// What a Rust program, and the C library below it, say when there is no more memory.
const OUT_OF_MEMORY: [&str; 2] = ["memory allocation of", "Cannot allocate memory"];

/// Compiles in a process of its own, one for each component, which is killed when it takes more than it may: no
/// component takes the host's memory or time. It bounds what compiling takes; it is no sandbox, since the code that it
/// hands back is run.
#[derive(Debug)]
pub struct Child {
    /// The program, which is trusted with what plugins are: the host itself, in a form that calls
    /// [`compile_for_parent`](super::compile_for_parent). It gets no environment.
    pub program: PathBuf,
    /// What it is started with, before the limits.
    pub arguments: Vec<OsString>,
    /// What one compilation may take.
    pub limits: CompileLimits,
    stopped: AtomicBool,
}

impl Child {
    /// A compiler that starts `program` with `arguments`, with the default limits.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self { program: program.into(), arguments, limits: CompileLimits::default(), stopped: AtomicBool::new(false) }
    }

    fn start(&self) -> Result<Running, CompileError> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).args(arguments(&self.limits)).env_clear().current_dir("/");
        // A terminal's signals are for the host, which ends it.
        command.env("RAYON_NUM_THREADS", COMPILE_THREADS).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let failed = |error: std::io::Error| {
            CompileError::Failed(format!("`{}` could not be started: {error}", self.program.display()))
        };
        command.spawn().map(Running).map_err(failed)
    }

    fn may_go_on(&self, deadline: Instant) -> Result<(), CompileError> {
        if self.stopped.load(Ordering::SeqCst) {
            return Err(CompileError::Stopped);
        }
        if Instant::now() >= deadline {
            return Err(CompileError::Limit(CompileLimit::Time(self.limits.time)));
        }
        Ok(())
    }
}

impl Compiler for Child {
    fn compile(&self, _engine: &Engine, bytes: &[u8]) -> Result<Artifact, CompileError> {
        let deadline = Instant::now() + self.limits.time;
        let mut running = self.start()?;
        let mut pipes = Pipes::of(&mut running)?;
        let said = talk(self, bytes, &mut pipes, deadline)?;
        let status = running.end(self, deadline)?;
        said.judge(status, &self.limits).map(Artifact::made)
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }
}

/// Code that came out of a child's pipe, and that the child said is whole.
pub(super) struct Made(Vec<u8>);

impl Made {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// A child that runs: killed and reaped when dropped.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that ended has been reaped, or is by this.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What came out of a child.
#[derive(Default)]
struct Said {
    code: Vec<u8>,
    words: Vec<u8>,
}

/// What goes into it: the component's length, then the component.
struct Feed<'a> {
    parts: [&'a [u8]; 2],
}

impl Feed<'_> {
    fn is_done(&self) -> bool {
        self.parts.iter().all(|part| part.is_empty())
    }

    /// Writes what the pipe has room for. A child that reads no more has its reason, and says it.
    fn write(&mut self, mut stdin: &ChildStdin) -> std::io::Result<()> {
        let Some(part) = self.parts.iter_mut().find(|part| !part.is_empty()) else { return Ok(()) };
        match stdin.write(part) {
            Ok(count) => *part = part.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.parts = [&[], &[]],
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl Running {
    /// How it ended; a program that closed its pipes and goes on is held to its time too.
    fn end(&mut self, child: &Child, deadline: Instant) -> Result<ExitStatus, CompileError> {
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => child.may_go_on(deadline)?,
                Err(error) => return Err(CompileError::Failed(format!("its end: {error}"))),
            }
            std::thread::sleep(LOOK_AT_END);
        }
    }
}

/// Hands the child its input and takes what it says until it says no more. Its input stays open: the child ends
/// when it closes.
fn talk(child: &Child, bytes: &[u8], pipes: &mut Pipes, deadline: Instant) -> Result<Said, CompileError> {
    let broken = |error: std::io::Error| CompileError::Failed(format!("its pipes: {error}"));
    pipes.never_block().map_err(broken)?;
    let length = (bytes.len() as u64).to_le_bytes();
    let mut feed = Feed { parts: [&length, bytes] };
    let mut said = Said::default();
    while pipes.stdout.is_some() || pipes.stderr.is_some() {
        child.may_go_on(deadline)?;
        pipes.wait(&feed, deadline).map_err(broken)?;
        feed.write(&pipes.stdin).map_err(broken)?;
        take(&mut pipes.stdout, &mut said.code).map_err(broken)?;
        if said.code.len() as u64 > child.limits.output_bytes {
            return Err(CompileError::Limit(CompileLimit::Output(child.limits.output_bytes)));
        }
        take(&mut pipes.stderr, &mut said.words).map_err(broken)?;
        // What comes first says what happened; the rest is read all the same, so that the child can end.
        said.words.truncate(MAX_WORDS_BYTES);
    }
    Ok(said)
}

/// The parent's ends.
struct Pipes {
    stdin: ChildStdin,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

impl Pipes {
    fn of(running: &mut Running) -> Result<Self, CompileError> {
        match (running.0.stdin.take(), running.0.stdout.take(), running.0.stderr.take()) {
            (Some(stdin), stdout @ Some(_), stderr @ Some(_)) => Ok(Self { stdin, stdout, stderr }),
            _ => Err(CompileError::Failed("it has no pipes".to_owned())),
        }
    }

    fn never_block(&self) -> std::io::Result<()> {
        ioctl_fionbio(&self.stdin, true)?;
        self.stdout.as_ref().map_or(Ok(()), |pipe| ioctl_fionbio(pipe, true))?;
        Ok(self.stderr.as_ref().map_or(Ok(()), |pipe| ioctl_fionbio(pipe, true))?)
    }

    /// Returns when something can be written or read, at the deadline, or when it is time to look about.
    fn wait(&self, feed: &Feed<'_>, deadline: Instant) -> std::io::Result<()> {
        let mut ends = Vec::with_capacity(3);
        if !feed.is_done() {
            ends.push(PollFd::new(&self.stdin, PollFlags::OUT));
        }
        ends.extend(self.stdout.iter().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        ends.extend(self.stderr.iter().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        let patience = deadline.saturating_duration_since(Instant::now()).min(LOOK);
        match poll(&mut ends, Timespec::try_from(patience).ok().as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads what is in `pipe`, once; closes it at its end.
fn take(pipe: &mut Option<impl Read>, into: &mut Vec<u8>) -> std::io::Result<()> {
    let Some(open) = pipe else { return Ok(()) };
    let mut bytes = [0; CHUNK_BYTES];
    match open.read(&mut bytes) {
        Ok(0) => *pipe = None,
        Ok(count) => into.extend_from_slice(bytes.get(..count).unwrap_or_default()),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

impl Said {
    /// The code, where the child ended well; else why not.
    fn judge(self, status: ExitStatus, limits: &CompileLimits) -> Result<Made, CompileError> {
        if status.success() {
            return Ok(Made(self.code));
        }
        let words = String::from_utf8_lossy(&self.words).trim().to_owned();
        if status.signal() == Some(Signal::XCPU.as_raw()) {
            return Err(CompileError::Limit(CompileLimit::Cpu(limits.cpu_seconds)));
        }
        if OUT_OF_MEMORY.iter().any(|said| words.contains(said)) {
            return Err(CompileError::Limit(CompileLimit::Memory(limits.memory_bytes)));
        }
        if status.code() == Some(i32::from(EXIT_INVALID)) {
            return Err(CompileError::Invalid(words));
        }
        // Such as the system's own SIGKILL for want of memory.
        let words = if words.is_empty() { "it said nothing".to_owned() } else { words };
        Err(CompileError::Failed(format!("it ended with {status}: {words}")))
    }
}
