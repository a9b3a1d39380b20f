//! Reading on from a position: the journal first, then the live queue, without gap or repetition.
//!
//! The join: a subscriber attaches under the fan-out's lock and learns the last seq handed over. All up to
//! it is committed, so it is read from the journal; all after it comes through the queue. A queue that
//! overflows detaches, and its reader goes on from the journal after what it drained.

use super::Delivery;
use super::fanout::Fanout;
use super::subscriber::{Drained, Subscriber, WhenFull};
use crate::event::Event;
use crate::journal::{Journal, JournalError, Page, Slice};
use std::collections::VecDeque;
use std::sync::Arc;
use tollgate_events::PatternSet;

/// Most events read from the journal at a time.
const REPLAY_PAGE: usize = 512;

/// A position in the journal that moves on with it.
pub(super) struct Tail {
    fanout: Arc<Fanout>,
    journal: Journal,
    pub(super) subscriber: Arc<Subscriber>,
    patterns: Arc<PatternSet>,
    /// Everything that matches up to this seq is in `ready` or was taken from it.
    position: u64,
    phase: Phase,
    ready: VecDeque<Arc<Event>>,
    /// Seqs that the journal no longer had when it was their turn; they come before `ready`.
    lost: Option<(u64, u64)>,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Behind: reading the journal, not attached.
    Replay,
    /// Attached: reading the journal up to this seq, the queue after it.
    Join(u64),
    /// Reading the queue.
    Live,
}

impl Tail {
    pub(super) fn new(
        fanout: Arc<Fanout>,
        journal: Journal,
        name: Option<Arc<str>>,
        patterns: PatternSet,
        after: u64,
    ) -> Self {
        let subscriber = fanout.subscribe(name, patterns.clone(), WhenFull::Detach);
        // A position that the journal has not reached, from a journal cut since: the end is the nearest to it.
        let after = after.min(journal.head());
        Self {
            fanout,
            journal,
            subscriber,
            patterns: Arc::new(patterns),
            position: after,
            phase: Phase::Replay,
            ready: VecDeque::new(),
            lost: None,
        }
    }

    /// How many events wait in memory.
    pub(super) fn waiting(&self) -> usize {
        self.ready.len() + self.subscriber.waiting()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.fanout.is_closed()
    }

    /// The journal that this reads.
    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What the journal had dropped before it was read, once.
    pub(super) fn take_lost(&mut self) -> Option<Delivery> {
        let (from, to) = self.lost.take()?;
        let count = to - from + 1;
        self.subscriber.count_dropped(count);
        Some(Delivery::Gap { from, to, count })
    }

    /// Takes at most `max` events of those that are ready.
    pub(super) fn take(&mut self, max: usize) -> Vec<Arc<Event>> {
        let count = self.ready.len().min(max);
        self.subscriber.count_delivered(count);
        self.ready.drain(..count).collect()
    }

    /// Waits until an event is ready or a loss is known; false once the bus is closed. Cancel-safe: what was
    /// read is kept, and what was not is read again.
    pub(super) async fn fill(&mut self) -> Result<bool, JournalError> {
        while self.ready.is_empty() && self.lost.is_none() {
            match self.phase {
                Phase::Replay => {
                    let head = self.journal.head();
                    if self.read_to(head).await? {
                        self.phase = Phase::Join(self.fanout.attach(&self.subscriber));
                    }
                }
                Phase::Join(until) => {
                    if self.position >= until || self.read_to(until).await? {
                        self.phase = Phase::Live;
                    }
                }
                Phase::Live => match self.subscriber.drain(&mut self.ready).await {
                    Drained::Events(_) => {
                        let position = self.position;
                        self.ready.retain(|event| event.seq > position);
                        self.position = self.ready.back().map_or(position, |event| event.seq);
                    }
                    Drained::Detached => self.phase = Phase::Replay,
                    Drained::Closed => return Ok(false),
                },
            }
        }
        Ok(true)
    }

    /// Reads the next page of what comes before `upto`, inclusive; true when that was the last one.
    async fn read_to(&mut self, upto: u64) -> Result<bool, JournalError> {
        if self.position >= upto {
            return Ok(true);
        }
        let page = if self.journal.blocks() {
            let (journal, patterns, after) = (self.journal.clone(), Arc::clone(&self.patterns), self.position);
            let read = move || page(&journal, &patterns, after, upto);
            match tokio::task::spawn_blocking(read).await {
                Ok(page) => page?,
                Err(error) => return Err(JournalError::Read(error.to_string())),
            }
        } else {
            page(&self.journal, &self.patterns, self.position, upto)?
        };
        if page.oldest > self.position + 1 {
            self.lost = Some((self.position + 1, (page.oldest - 1).min(upto)));
        }
        self.position = self.position.max(page.scanned);
        self.ready.extend(page.events);
        Ok(page.exhausted)
    }
}

fn page(journal: &Journal, patterns: &PatternSet, after: u64, upto: u64) -> Result<Page, JournalError> {
    journal.page(&Slice {
        after,
        upto,
        patterns: Some(patterns),
        session: None,
        since: None,
        until: None,
        limit: REPLAY_PAGE,
        newest: false,
    })
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.fanout.unsubscribe(&self.subscriber);
    }
}
