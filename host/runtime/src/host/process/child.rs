//! A program's handle, as a guest holds it: its output with the pipes as the only buffer, its end, its time.

use super::group::{End, Group, KilledFor, Leash};
use super::launch::{Launched, failed};
use crate::bindings::tollgate::plugin::process::{Chunk, OutputStream, ProcessError};
use crate::limits::MAX_PROGRAM_OUTPUT_BYTES;
use crate::usage::ProgramShare;
use rustix::process::Signal;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Most bytes of one chunk, as promised to guests; what a pipe holds.
const CHUNK_BYTES: usize = 64 * 1_024;
/// How long what a program started may go on once the program itself has ended: long enough to write out what
/// it was told (`> >(tee log)`), too short to be a service.
const LINGER: Duration = Duration::from_millis(500);

/// A program that a guest started. Dropped, it is killed with all that it started.
pub struct Child {
    group: Arc<Group>,
    stage: watch::Receiver<Stage>,
    stdout: Option<pipe::Receiver>,
    stderr: Option<pipe::Receiver>,
    /// Bytes handed to the guest.
    taken: u64,
    /// More was written than may be: the rest is dropped.
    over: bool,
    /// What the guest was told of its end.
    told: Option<End>,
    _share: ProgramShare,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Running,
    /// The program has ended, what it started may not have.
    Ended(End),
    /// The group is dead; what it wrote is in the pipes.
    Gone(End),
}

impl Child {
    /// Takes over a program, to be killed at `deadline`. Needs the runtime that guests run on.
    pub(super) fn new(launched: Launched, deadline: Instant, share: ProgramShare) -> Result<Self, ProcessError> {
        let Launched { leash, stdin, stdout, stderr } = launched;
        let receiver = |end: OwnedFd| pipe::Receiver::from_owned_fd(end).map_err(|error| failed(&error));
        let (stdout, stderr) = (receiver(stdout.into())?, receiver(stderr.into())?);
        let input = match stdin {
            Some((end, bytes)) => {
                Some((pipe::Sender::from_owned_fd(end.into()).map_err(|error| failed(&error))?, bytes))
            }
            None => None,
        };
        let group = Arc::clone(&leash.group);
        let (stages, stage) = watch::channel(Stage::Running);
        tokio::spawn(see_out(leash, input, deadline, stages));
        Ok(Self {
            group,
            stage,
            stdout: Some(stdout),
            stderr: Some(stderr),
            taken: 0,
            over: false,
            told: None,
            _share: share,
        })
    }

    pub(super) fn group(&self) -> &Arc<Group> {
        &self.group
    }

    /// The next output; none when both streams have ended, or the group has and nothing more is in the pipes.
    pub(super) async fn next_output(&mut self) -> Option<Chunk> {
        loop {
            if self.stdout.is_none() && self.stderr.is_none() {
                return None;
            }
            if matches!(*self.stage.borrow_and_update(), Stage::Gone(_)) {
                return self.rest();
            }
            let source = tokio::select! {
                () = readable(self.stdout.as_ref()) => OutputStream::Stdout,
                () = readable(self.stderr.as_ref()) => OutputStream::Stderr,
                changed = self.stage.changed() => match changed {
                    Ok(()) => continue,
                    // Who sees the program out is gone with the runtime, and the program with it.
                    Err(_) => return self.rest(),
                },
            };
            let chunk = self.take(source, |pipe, bytes| pipe.try_read(bytes));
            if chunk.is_some() {
                return chunk;
            }
        }
    }

    /// How it ended; waits for it.
    pub(super) async fn wait(&mut self) -> End {
        if let Some(end) = self.told {
            return end;
        }
        let end = match self.stage.wait_for(|stage| !matches!(stage, Stage::Running)).await.map(|stage| *stage) {
            Ok(Stage::Ended(end) | Stage::Gone(end)) => end,
            Ok(Stage::Running) | Err(_) => End::Signal(Signal::KILL.as_raw()),
        };
        let end = if self.over { End::OutputLimit } else { end };
        self.told = Some(end);
        end
    }

    /// What a dead group left in the pipes. Asked of the kernel itself: the runtime may not know yet that there is
    /// something. Whoever left the group may hold the pipes open: that is not waited for.
    fn rest(&mut self) -> Option<Chunk> {
        let read = |pipe: &pipe::Receiver, bytes: &mut [u8]| Ok(rustix::io::read(pipe, bytes)?);
        let chunk = self.take(OutputStream::Stdout, read).or_else(|| self.take(OutputStream::Stderr, read));
        if chunk.is_none() {
            (self.stdout, self.stderr) = (None, None);
        }
        chunk
    }

    /// Reads once from `source`; none where there is nothing now, or nothing more.
    fn take(
        &mut self,
        source: OutputStream,
        read: impl Fn(&pipe::Receiver, &mut [u8]) -> std::io::Result<usize>,
    ) -> Option<Chunk> {
        let stream = match source {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        };
        let mut bytes = vec![0; CHUNK_BYTES];
        match read(stream.as_ref()?, &mut bytes) {
            Ok(0) => *stream = None,
            Ok(count) => {
                bytes.truncate(count);
                return self.count(source, bytes);
            }
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted) => {}
            Err(_) => *stream = None,
        }
        None
    }

    /// Hands on what the output limit has room for; the first byte over it kills the program.
    fn count(&mut self, source: OutputStream, mut bytes: Vec<u8>) -> Option<Chunk> {
        let left = usize::try_from(MAX_PROGRAM_OUTPUT_BYTES - self.taken).unwrap_or(usize::MAX);
        if bytes.len() > left {
            bytes.truncate(left);
            self.over = true;
            self.group.kill(KilledFor::Output);
            (self.stdout, self.stderr) = (None, None);
        }
        self.taken += bytes.len() as u64;
        (!bytes.is_empty()).then_some(Chunk { source, bytes })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.group.kill(KilledFor::Asked);
    }
}

/// Returns when there is something to read, or never where the stream has ended.
async fn readable(stream: Option<&pipe::Receiver>) {
    match stream {
        // An error is found by the read.
        Some(stream) => drop(stream.readable().await),
        None => std::future::pending().await,
    }
}

/// Feeds the program its input, kills it at `deadline`, and tells of its end. Ends what it started a little later.
async fn see_out(
    leash: Leash,
    input: Option<(pipe::Sender, Vec<u8>)>,
    deadline: Instant,
    stages: watch::Sender<Stage>,
) {
    let group = Arc::clone(&leash.group);
    let end = {
        let (mut ended, mut feed) = (pin!(group.ended()), pin!(feed(input)));
        let (mut fed, mut late) = (false, false);
        loop {
            tokio::select! {
                end = &mut ended => break end,
                () = &mut feed, if !fed => fed = true,
                () = sleep_until(deadline), if !late => {
                    late = true;
                    group.kill(KilledFor::Timeout);
                }
            }
        }
    };
    stages.send_replace(Stage::Ended(end));
    tokio::select! {
        () = sleep_until(deadline.min(Instant::now() + LINGER)) => {}
        () = group.was_killed() => {}
    }
    drop(leash);
    stages.send_replace(Stage::Gone(end));
}

async fn feed(input: Option<(pipe::Sender, Vec<u8>)>) {
    if let Some((mut end, bytes)) = input
        && let Err(error) = end.write_all(&bytes).await
    {
        // A program need not read its input.
        tracing::debug!(%error, "process.feed");
    }
}
