//! What a plugin's manager holds of a lane, and what it asks of it.

use crate::fault::Fault;
use crate::retry::{RetryOutcome, RetryRefusal};
use crate::version::Version;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Commands that may wait for a lane: one change and one try of a dead letter at a time, and tries that nobody
/// waits for any more.
const COMMANDS: usize = 4;

/// What the plugin's manager asks of its lane.
pub(crate) enum Command {
    /// Serve with this version from the next event on.
    Swap { version: Arc<Version>, done: oneshot::Sender<Result<(), Fault>> },
    /// Try the dead letter of this event again.
    Retry { seq: u64, done: oneshot::Sender<Result<RetryOutcome, RetryRefusal>> },
    /// Finish the call in flight, commit, stop the guest, end.
    Stop { done: oneshot::Sender<()> },
}

/// A running lane.
pub(crate) struct LaneHandle {
    commands: mpsc::Sender<Command>,
}

impl LaneHandle {
    pub(super) fn new() -> (Self, mpsc::Receiver<Command>) {
        let (commands, receiver) = mpsc::channel(COMMANDS);
        (Self { commands }, receiver)
    }

    /// Swaps at the next boundary between events; returns when the old guest is gone.
    ///
    /// # Errors
    /// When no guest of the version could be made there: the old one keeps serving.
    pub(crate) async fn swap(&self, version: Arc<Version>) -> Result<(), Fault> {
        let (done, swapped) = oneshot::channel();
        send(&self.commands, Command::Swap { version, done }, swapped).await.unwrap_or(Ok(()))
    }

    /// What a letter is tried with, for as long as the try takes: the handle may be gone by then.
    pub(crate) fn retrier(&self) -> Retrier {
        Retrier(self.commands.clone())
    }

    /// Ends the lane; returns when everything it did is committed.
    pub(crate) async fn stop(self) {
        let (done, stopped) = oneshot::channel();
        // None: it has ended already.
        let _ = send(&self.commands, Command::Stop { done }, stopped).await;
    }
}

/// A way to have a running lane try its dead letters.
pub(crate) struct Retrier(mpsc::Sender<Command>);

impl Retrier {
    /// The outcome; none where the lane ended before there was one.
    pub(crate) async fn retry(&self, seq: u64) -> Option<Result<RetryOutcome, RetryRefusal>> {
        let (done, tried) = oneshot::channel();
        send(&self.0, Command::Retry { seq, done }, tried).await
    }
}

/// The lane's answer; none where it has ended, which it does by itself only with the host.
async fn send<T>(commands: &mpsc::Sender<Command>, command: Command, done: oneshot::Receiver<T>) -> Option<T> {
    commands.send(command).await.ok()?;
    done.await.ok()
}
