//! What a plugin's manager holds of a lane, and what it asks of it.

use crate::fault::Fault;
use crate::version::Version;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Commands that may wait for a lane; who sends one waits for its answer, so there is one at a time.
const COMMANDS: usize = 4;

/// What the plugin's manager asks of its lane.
pub(crate) enum Command {
    /// Serve with this version from the next event on.
    Swap { version: Arc<Version>, done: oneshot::Sender<Result<(), Fault>> },
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
        self.send(Command::Swap { version, done }, swapped).await.unwrap_or(Ok(()))
    }

    /// Ends the lane; returns when everything it did is committed.
    pub(crate) async fn stop(self) {
        let (done, stopped) = oneshot::channel();
        // None: it has ended already.
        let _ = self.send(Command::Stop { done }, stopped).await;
    }

    /// The lane's answer; none where it has ended, which it does by itself only with the host.
    async fn send<T>(&self, command: Command, done: oneshot::Receiver<T>) -> Option<T> {
        self.commands.send(command).await.ok()?;
        done.await.ok()
    }
}
