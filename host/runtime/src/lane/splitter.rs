//! Hands the events of a plugin with several instances to their lanes: one task that reads the inbox. Begins anew at
//! the cursor where something was not recorded.

use super::BATCH;
use super::inbox::{Inbox, Opened};
use super::recording::JOURNAL_PAUSE;
use super::share::Share;
use crate::context::Context;
use crate::logs::LogLevel;
use crate::plugin::Plugin;
use crate::version::Version;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::watch;
use tollgate_core::event::Event;
use tollgate_core::journal::JournalError;

/// What the task is made of.
pub(super) struct Splitter {
    pub(super) context: Arc<Context>,
    pub(super) plugin: Arc<Plugin>,
    pub(super) share: Arc<Share>,
    /// What it reads the inbox for; it ends when the other side is dropped.
    pub(super) version: watch::Receiver<Arc<Version>>,
}

/// How the task goes on.
enum Turn {
    Read(Vec<Arc<Event>>),
    HandOut,
    /// After this long.
    Reopen(Duration),
    End,
}

impl Splitter {
    pub(super) async fn run(mut self, (mut inbox, _): Opened) {
        let mut left = VecDeque::new();
        loop {
            self.share.hand_out(&mut left, inbox.waiting(), inbox.passed());
            let (waiting, upto) = self.share.shown();
            self.plugin.queue.store(waiting, Relaxed);
            self.plugin.finished.store(upto, Relaxed);
            let turn = tokio::select! {
                biased;
                turn = self.ended() => turn,
                // The lane that saw it has waited already.
                () = self.share.broken() => Turn::Reopen(Duration::ZERO),
                () = self.share.room(), if !left.is_empty() => Turn::HandOut,
                batch = inbox.next(BATCH), if left.is_empty() => match batch {
                    Ok(Some(batch)) => Turn::Read(batch),
                    Ok(None) => Turn::End,
                    Err(error) => {
                        self.plugin.ring.push(LogLevel::Error, &format!("its events cannot be read: {error}"));
                        self.share.fail(self.share.generation());
                        Turn::Reopen(JOURNAL_PAUSE)
                    }
                },
            };
            match turn {
                Turn::Read(batch) => left.extend(batch),
                Turn::HandOut => {}
                Turn::Reopen(pause) => {
                    left.clear();
                    match self.reopen(pause).await {
                        Some(opened) => inbox = opened,
                        None => break,
                    }
                }
                Turn::End => break,
            }
        }
        self.share.close();
    }

    /// Resolves when no lane is left to read for.
    async fn ended(&self) -> Turn {
        let mut version = self.version.clone();
        while version.changed().await.is_ok() {}
        Turn::End
    }

    /// Opens the inbox at the cursor, as often as it takes; none where the journal is closed or nobody waits.
    async fn reopen(&mut self, mut pause: Duration) -> Option<Inbox> {
        loop {
            tokio::select! {
                biased;
                _ = self.ended() => return None,
                () = tokio::time::sleep(pause) => pause = JOURNAL_PAUSE,
            }
            let version = Arc::clone(&self.version.borrow_and_update());
            match Inbox::open(&self.context.bus, &version).await {
                Ok((inbox, finished)) => {
                    self.share.reopened(&finished);
                    return Some(inbox);
                }
                Err(JournalError::Closed) => return None,
                Err(error) => self.plugin.ring.push(LogLevel::Error, &format!("the journal refuses still: {error}")),
            }
        }
    }
}
