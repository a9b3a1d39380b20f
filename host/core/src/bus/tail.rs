//! Reading on from a position: the journal first, then the live queue, without gap or repetition.
//!
//! The join: a subscriber attaches under the fan-out's lock and learns the last seq handed over. All up to
//! it is committed, so it is read from the journal; all after it comes through the queue. A queue that
//! overflows detaches, and its reader goes on from the journal after what it drained; or it drops the oldest, and
//! its reader is told.

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
    /// Everything that matches up to this seq is in `ready` or was taken from it.
    position: u64,
    phase: Phase,
    ready: VecDeque<Arc<Event>>,
    /// What was gone when it was its turn, from the journal or a full queue; it comes before `ready`.
    lost: Option<Delivery>,
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
        when_full: WhenFull,
    ) -> Self {
        let subscriber = fanout.subscribe_detached(name, patterns, when_full);
        // A position that the journal has not reached, from a journal cut since: the end is the nearest to it.
        let after = after.min(journal.head());
        Self { fanout, journal, subscriber, position: after, phase: Phase::Replay, ready: VecDeque::new(), lost: None }
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

    /// What was dropped before it was read, once.
    pub(super) fn take_lost(&mut self) -> Option<Delivery> {
        self.lost.take()
    }

    /// Wants something else from the next event on; what waits already is still delivered.
    pub(super) fn set_patterns(&self, patterns: PatternSet) {
        self.fanout.set_patterns(&self.subscriber, Arc::new(patterns));
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
                        self.phase = Phase::Join(self.fanout.attach(&self.subscriber, self.position));
                    }
                }
                Phase::Join(until) => {
                    if self.position >= until || self.read_to(until).await? {
                        self.phase = Phase::Live;
                    }
                }
                Phase::Live => match self.subscriber.drain(&mut self.ready).await {
                    Drained::Events(gap) => {
                        self.lost = gap.map(Delivery::from);
                        self.position = self.ready.back().map_or(self.position, |event| event.seq);
                    }
                    Drained::Detached(until) => {
                        self.position = self.position.max(until);
                        self.phase = Phase::Replay;
                    }
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
            let (journal, patterns, after) = (self.journal.clone(), self.subscriber.patterns(), self.position);
            let read = move || page(&journal, &patterns, after, upto);
            match tokio::task::spawn_blocking(read).await {
                Ok(page) => page?,
                Err(error) => return Err(JournalError::Read(error.to_string())),
            }
        } else {
            page(&self.journal, &self.subscriber.patterns(), self.position, upto)?
        };
        let mut lost = 0;
        if page.oldest > self.position + 1 {
            let (from, to) = (self.position + 1, (page.oldest - 1).min(upto));
            lost = to - from + 1;
            self.lost = Some(Delivery::Gap { from, to, count: lost });
        }
        let passed = page.scanned.saturating_sub(self.position);
        self.subscriber.count_read(passed, u64::try_from(page.events.len()).unwrap_or(u64::MAX), lost);
        self.position += passed;
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
