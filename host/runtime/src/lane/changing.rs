//! A lane and its plugin's changes: held, swapped, stopped, always between two events.

use super::drain::Due;
use super::handle::{Command, Next};
use super::inbox::Inbox;
use super::{Feed, Flow, Lane};
use crate::guest::Guest;
use crate::logs::LogLevel;
use crate::version::Version;
use std::sync::Arc;
use tokio::sync::oneshot;

impl Lane {
    pub(super) async fn command(&mut self, command: Option<Command>) -> Flow {
        match command {
            Some(Command::Hold { held, next }) => self.hold(held, next).await,
            Some(Command::Retry { what, done }) => self.retry(what, done).await,
            Some(Command::Stop { done }) => {
                while let Some(committed) = self.last_commits().await {
                    if let Err(error) = committed {
                        self.plugin.ring.push(LogLevel::Error, &format!("the journal refused: {error}"));
                    }
                }
                let due = self.due.clone();
                self.stop_guest(&due).await;
                let _ = done.send(());
                Flow::End
            }
            None => Flow::End,
        }
    }

    async fn hold(&mut self, held: oneshot::Sender<()>, next: oneshot::Receiver<Next>) -> Flow {
        let flow = match self.settle_quietly().await {
            Flow::End => return Flow::End,
            flow => flow,
        };
        if held.send(()).is_err() {
            return flow;
        }
        match next.await {
            Ok(Next::Serve { version, guest, reopen, until, done }) => {
                self.stop_guest(&Due::at(until)).await;
                let reopened = self.serve(version, guest, reopen).await;
                // Who asked may be gone.
                let _ = done.send(());
                if reopened == Flow::Next { flow } else { reopened }
            }
            Ok(Next::End { until, done }) => {
                self.stop_guest(&Due::at(until)).await;
                let _ = done.send(());
                Flow::End
            }
            // It stays as it is.
            Err(_) => flow,
        }
    }

    async fn serve(&mut self, version: Arc<Version>, guest: Option<Box<Guest>>, reopen: bool) -> Flow {
        self.version = version;
        self.guest = guest.map(|guest| *guest);
        self.faults = 0;
        match &mut self.feed {
            _ if !reopen => Flow::Next,
            // What comes next is the splitter's to say.
            Feed::Shared => Flow::Reopened,
            Feed::Own(inbox) => {
                *inbox = Inbox::Closed;
                match Inbox::open(&self.context.bus, &self.version).await {
                    Ok(opened) => self.reopened(opened),
                    Err(error) => Box::pin(self.journal_refused(&error)).await,
                }
            }
        }
    }

    /// Has the guest end, if it does so before the change has waited for long enough.
    async fn stop_guest(&mut self, due: &Due) {
        if let Some(guest) = self.guest.take() {
            let _running = self.context.ticker.running();
            match due.within(guest.stop()).await {
                Some(Ok(())) => {}
                Some(Err(fault)) => self.plugin.note_fault(&fault),
                None => self.plugin.ring.push(LogLevel::Warn, "it was dropped: it took longer than drain_ms to stop"),
            }
        }
    }
}
