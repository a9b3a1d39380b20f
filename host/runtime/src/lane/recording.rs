//! A lane and the journal: what was done is handed over within bounds, what is committed is forgotten, and what the
//! journal refuses is done again from the cursor.

use super::handle::Command;
use super::inbox::{Inbox, Opened};
use super::{Feed, Flow, Lane};
use crate::logs::LogLevel;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tollgate_core::journal::JournalError;

/// Pause after the journal refused, before the lane goes on from its cursor.
pub(super) const JOURNAL_PAUSE: Duration = Duration::from_secs(1);

impl Lane {
    /// Hands what was gathered to the journal, once there is room for it.
    pub(super) async fn flush(&mut self, now: &mut Instant) -> Result<(), Flow> {
        self.room(now).await?;
        self.commits.flush();
        Ok(())
    }

    /// Waits until one more commit may be under way.
    pub(super) async fn room(&mut self, now: &mut Instant) -> Result<(), Flow> {
        if !self.commits.full() {
            return Ok(());
        }
        self.running = None;
        while self.commits.full() {
            let committed = self.commits.next().await;
            match self.committed(committed).await {
                Flow::Next => {}
                other => return Err(other),
            }
        }
        *now = Instant::now();
        Ok(())
    }

    /// Waits until everything that was handed to the journal is in it.
    pub(super) async fn settle(&mut self) -> Result<(), Flow> {
        self.running = None;
        loop {
            if !self.commits.full() {
                self.commits.flush();
            }
            if !self.commits.pending() {
                return Ok(());
            }
            let committed = self.commits.next().await;
            match self.committed(committed).await {
                Flow::Next => {}
                other => return Err(other),
            }
        }
    }

    /// For `plugin list`.
    pub(super) fn show_progress(&self) {
        let (waiting, upto) = self.share.shown();
        let waiting = match &self.feed {
            // Of the batch, what is handled counts no more, though it may not be handed to the journal.
            Feed::Own(inbox) => inbox.waiting() + self.left as u64,
            Feed::Shared => waiting,
        };
        self.plugin.queue.store(waiting, Relaxed);
        self.plugin.finished.store(upto, Relaxed);
    }

    pub(super) async fn committed(&mut self, committed: Option<Result<u64, JournalError>>) -> Flow {
        match committed {
            Some(Ok(number)) => {
                if let Some(guest) = &mut self.guest {
                    guest.state().store.committed(number);
                }
                Flow::Next
            }
            Some(Err(error)) => self.journal_refused(&error).await,
            None => Flow::Next,
        }
    }

    /// What was handed to the journal is not in it: forget it with the guest that remembers it, and go on from
    /// the cursor once the journal works again.
    pub(super) async fn journal_refused(&mut self, error: &JournalError) -> Flow {
        self.plugin.ring.push(LogLevel::Error, &format!("the journal refused: {error}"));
        if matches!(error, JournalError::Closed) {
            return Flow::End;
        }
        self.guest = None;
        self.running = None;
        self.commits.forget();
        let generation = self.commits.generation();
        loop {
            let paused = tokio::time::sleep(JOURNAL_PAUSE);
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    // What came of it could not be recorded.
                    Some(Command::Retry { done, .. }) => {
                        let _ = done.send(Err(error.clone().into()));
                    }
                    other => if self.command(other).await == Flow::End { return Flow::End },
                },
                () = paused => {}
            }
            if matches!(self.feed, Feed::Shared) {
                // The splitter begins anew, once for all lanes.
                self.share.fail(generation);
                return Flow::Reopened;
            }
            match Inbox::open(&self.context.bus, &self.version).await {
                Ok(opened) => return self.reopened(opened),
                Err(JournalError::Closed) => return Flow::End,
                Err(error) => self.plugin.ring.push(LogLevel::Error, &format!("the journal refuses still: {error}")),
            }
        }
    }

    pub(super) fn reopened(&mut self, (inbox, finished): Opened) -> Flow {
        self.feed = Feed::Own(inbox);
        self.share.reopened(&finished);
        self.show_progress();
        Flow::Reopened
    }

    /// As [`Lane::settle`], for a lane that changes guests anyway. [`Flow::Reopened`] where something was not
    /// recorded: what is left of the batch under way comes again.
    pub(super) async fn settle_quietly(&mut self) -> Flow {
        while let Some(committed) = self.last_commits().await {
            if let Err(error) = committed {
                return Box::pin(self.journal_refused(&error)).await;
            }
        }
        Flow::Next
    }

    /// The end of the next commit until nothing is gathered or under way.
    pub(super) async fn last_commits(&mut self) -> Option<Result<u64, JournalError>> {
        self.running = None;
        if !self.commits.full() {
            self.commits.flush();
        }
        self.commits.next().await
    }
}
