//! The signals that end a command which has something to clear up.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a person, a terminal that closes or a supervisor ends a command with.
pub struct Signals([Signal; 3]);

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system has none to give.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?]))
    }

    /// Returns when one has come.
    pub async fn any(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
