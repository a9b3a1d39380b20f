//! What subscribers hold: live, durable, following. Dropping one unsubscribes.

use super::Delivery;
use super::fanout::Fanout;
use super::subscriber::{Drained, Subscriber};
use super::tail::Tail;
use crate::event::Event;
use crate::journal::{Done, Finished, JournalError, Reply};
use std::collections::VecDeque;
use std::sync::Arc;
use tollgate_events::PatternSet;

/// Resolves when a completion is durable.
pub struct CompletionTicket(pub(super) Result<Option<Reply>, JournalError>);

impl CompletionTicket {
    /// Waits until it is durable.
    ///
    /// # Errors
    /// When the journal did not record it: the event counts as unfinished.
    pub async fn wait(self) -> Result<(), JournalError> {
        match self.0? {
            None => Ok(()),
            Some(reply) => reply.await.unwrap_or(Err(JournalError::Closed)).map(|_: Done| ()),
        }
    }
}

/// A live subscription.
pub struct Subscription {
    fanout: Arc<Fanout>,
    subscriber: Arc<Subscriber>,
    gap: Option<Delivery>,
    ready: VecDeque<Arc<Event>>,
}

impl Subscription {
    pub(super) fn new(fanout: Arc<Fanout>, subscriber: Arc<Subscriber>) -> Self {
        Self { fanout, subscriber, gap: None, ready: VecDeque::new() }
    }

    /// The next delivery; none when the bus is closed and everything queued was handed over. Cancel-safe.
    pub async fn next(&mut self) -> Option<Delivery> {
        if self.gap.is_none() && self.ready.is_empty() {
            match self.subscriber.drain(&mut self.ready).await {
                Drained::Events(gap) => self.gap = gap.map(Delivery::from),
                Drained::Detached(_) | Drained::Closed => return None,
            }
        }
        if let Some(gap) = self.gap.take() {
            return Some(gap);
        }
        let event = self.ready.pop_front()?;
        self.subscriber.count_delivered(1);
        Some(Delivery::Event(event))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.fanout.unsubscribe(&self.subscriber);
        self.subscriber.abandon(&self.ready);
    }
}

/// A durable subscription of one plugin.
pub struct DurableSubscription {
    pub(super) tail: Tail,
    pub(super) finished: Finished,
    pub(super) passed: u64,
}

impl DurableSubscription {
    /// The next events in seq order, at most `max` (at least 1): an empty batch where what came was finished ahead
    /// of the cursor, else at least one; none when the bus is closed. Waits while too much of what subscribers completed is not yet committed. Cancel-safe.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn next_batch(&mut self, max: usize) -> Result<Option<Vec<Arc<Event>>>, JournalError> {
        self.tail.journal().relieved().await;
        loop {
            // After a close nothing can be completed, so what is left is for the next start.
            if self.tail.is_closed() || !self.tail.fill().await? {
                return Ok(None);
            }
            if let Some(Delivery::Gap { from, to, .. }) = self.tail.take_lost() {
                tracing::warn!(from, to, "a durable subscriber was too slow: the journal no longer holds these");
            }
            let mut events = self.tail.take(max.max(1));
            let Some(last) = events.last() else { continue };
            self.passed = last.seq;
            let ahead = &self.finished.ahead;
            if events.first().is_some_and(|first| ahead.last().is_some_and(|last| first.seq <= *last)) {
                events.retain(|event| ahead.binary_search(&event.seq).is_err());
            }
            return Ok(Some(events));
        }
    }

    /// The seq up to which everything was finished when it was opened: what the first completion comes after.
    #[must_use]
    pub fn cursor(&self) -> u64 {
        self.finished.upto
    }

    /// What was finished when it was opened; it delivers none of that.
    #[must_use]
    pub fn finished(&self) -> &Finished {
        &self.finished
    }

    /// The newest seq that was delivered, or not delivered since it was finished.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// How many matching events are known to wait in the queue, for `plugin list`.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.tail.waiting()
    }
}

/// A subscription that first replays from the journal, then goes on live.
pub struct Follow(pub(super) Tail);

impl Follow {
    /// What the statistics call it.
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        self.0.subscriber.name()
    }

    /// Wants these types from the next event on; what waits already is still delivered.
    pub fn set_patterns(&self, patterns: PatternSet) {
        self.0.set_patterns(patterns);
    }

    /// The next deliveries in seq order, at least one and at most `max` events (at least 1) with a gap before
    /// them where what came next was dropped; none when the bus is closed. Cancel-safe.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn next_batch(&mut self, max: usize) -> Result<Option<Vec<Delivery>>, JournalError> {
        match self.0.fill().await {
            Ok(true) => {}
            Ok(false) | Err(JournalError::Closed) => return Ok(None),
            Err(error) => return Err(error),
        }
        let gap = self.0.take_lost();
        let events = self.0.take(max.max(1)).into_iter().map(Delivery::Event);
        Ok(Some(gap.into_iter().chain(events).collect()))
    }
}
