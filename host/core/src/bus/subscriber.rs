//! One subscriber's bounded queue: filled by the fan-out, drained whole by its consumer.
//!
//! Knows nothing of the journal: one that reads on from the journal is only told that it fell behind.

use super::outcomes::{Outcome, Outcomes};
use super::{Delivery, QUEUE_EVENTS, SubscriberStatistics};
use crate::event::Event;
use crate::journal::lock;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;
use tollgate_events::PatternSet;

/// Why an event is dropped, for who waits for it.
const FULL: &str = "its queue was full";
const LEFT: &str = "it began anew or ended before it came to the event";

/// What a full queue does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenFull {
    /// Drops the oldest, of the passing ones while there are any (the new one itself where it alone is one), and
    /// counts it.
    DropOldest,
    /// Detaches: the consumer goes on from the journal and attaches again.
    Detach,
}

/// Seqs that were dropped since the last delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    from: u64,
    to: u64,
    count: u64,
}

impl From<Gap> for Delivery {
    fn from(gap: Gap) -> Self {
        Self::Gap { from: gap.from, to: gap.to, count: gap.count }
    }
}

/// A queue, who reads it, and what it wants.
pub(super) struct Subscriber {
    pub(super) id: u64,
    name: Arc<str>,
    /// Whether the name was given: a plugin's, for which an emitter may wait.
    named: bool,
    outcomes: Arc<Outcomes>,
    patterns: Mutex<Arc<PatternSet>>,
    when_full: WhenFull,
    queue: Mutex<Queue>,
    arrived: Notify,
    delivered: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Arc<Event>>,
    /// Those that only say how things stand, where the oldest is dropped: they are dropped before the others.
    passing: VecDeque<Arc<Event>>,
    gap: Option<Gap>,
    attached: bool,
    closed: bool,
    /// Events up to this seq are none of the queue's: they were read from the journal.
    after: u64,
    /// Events that passed while it was not attached, or was attached before.
    passed: u64,
    /// Events that matched, wherever they came from.
    matched: u64,
}

impl Queue {
    fn len(&self) -> usize {
        self.events.len() + self.passing.len()
    }

    /// Moves everything into `into`, which is empty, by seq.
    fn take(&mut self, into: &mut VecDeque<Arc<Event>>) {
        std::mem::swap(&mut self.events, into);
        if self.passing.is_empty() {
            return;
        }
        let (mut events, mut passing) =
            (std::mem::take(into).into_iter().peekable(), self.passing.drain(..).peekable());
        while let (Some(event), Some(other)) = (events.peek(), passing.peek()) {
            let next = if event.seq < other.seq { events.next() } else { passing.next() };
            into.extend(next);
        }
        into.extend(events.chain(passing));
    }
}

/// What a consumer finds.
pub(super) enum Drained {
    /// At least one event; those dropped before the first of them.
    Events(Option<Gap>),
    /// The queue is empty and gets nothing more until it is attached again; all up to this seq was in it.
    Detached(u64),
    /// The queue is empty and the bus closed.
    Closed,
}

impl Subscriber {
    pub(super) fn new(
        id: u64,
        name: Option<Arc<str>>,
        patterns: PatternSet,
        when_full: WhenFull,
        outcomes: Arc<Outcomes>,
    ) -> Self {
        Self {
            id,
            named: name.is_some(),
            name: name.unwrap_or_else(|| format!("live {id}").into()),
            outcomes,
            patterns: Mutex::new(Arc::new(patterns)),
            when_full,
            queue: Mutex::default(),
            arrived: Notify::new(),
            delivered: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// What it wants now.
    pub(super) fn patterns(&self) -> Arc<PatternSet> {
        Arc::clone(&lock(&self.patterns))
    }

    /// Wants this from now on; the routes that lead to it have to be forgotten.
    pub(super) fn set_patterns(&self, patterns: Arc<PatternSet>) {
        *lock(&self.patterns) = patterns;
    }

    /// Queues a matching event. Called in seq order.
    pub(super) fn offer(&self, event: &Arc<Event>) {
        let mut queue = lock(&self.queue);
        if !queue.attached || event.seq <= queue.after {
            return;
        }
        let passing = self.when_full == WhenFull::DropOldest && event.event_type.is_passing();
        if queue.len() >= QUEUE_EVENTS {
            match self.when_full {
                WhenFull::Detach => {
                    queue.attached = false;
                    let before = event.seq - 1;
                    queue.passed += before.saturating_sub(queue.after);
                    queue.after = before;
                    return;
                }
                WhenFull::DropOldest if passing && queue.passing.is_empty() => {
                    queue.matched += 1;
                    self.lose(&mut queue, event, FULL);
                    return;
                }
                WhenFull::DropOldest => {
                    if let Some(lost) = queue.passing.pop_front().or_else(|| queue.events.pop_front()) {
                        self.lose(&mut queue, &lost, FULL);
                    }
                }
            }
        }
        queue.matched += 1;
        let was_empty = queue.len() == 0;
        let kept = if passing { &mut queue.passing } else { &mut queue.events };
        kept.push_back(Arc::clone(event));
        drop(queue);
        // Its one consumer drains the whole queue before it waits, so only the first event wakes it.
        if was_empty {
            self.arrived.notify_one();
        }
    }

    /// Tells who waits for an event that its reader left with it, and with what it had taken already.
    pub(super) fn abandon(&self, taken: &VecDeque<Arc<Event>>) {
        let mut queue = lock(&self.queue);
        queue.attached = false;
        let mut left = VecDeque::new();
        queue.take(&mut left);
        for lost in taken.iter().chain(&left) {
            self.lose(&mut queue, lost, LEFT);
        }
    }

    /// Counts an event that is dropped, for its reader and for who waits for it.
    fn lose(&self, queue: &mut Queue, lost: &Event, why: &str) {
        let gap = queue.gap.get_or_insert(Gap { from: lost.seq, to: lost.seq, count: 0 });
        (gap.from, gap.to) = (gap.from.min(lost.seq), gap.to.max(lost.seq));
        gap.count += 1;
        self.dropped.fetch_add(1, Ordering::Relaxed);
        if self.named && self.outcomes.awaits(lost.id) {
            self.outcomes.tell(&self.name, lost.id, Outcome::Dropped(why.into()));
        }
    }

    /// Gets what comes after this seq.
    pub(super) fn attach(&self, after: u64) {
        let mut queue = lock(&self.queue);
        queue.attached = true;
        queue.after = after;
    }

    pub(super) fn close(&self) {
        lock(&self.queue).closed = true;
        self.arrived.notify_one();
    }

    /// Moves everything that waits into `into`, which is empty; waits where there is nothing. Cancel-safe.
    pub(super) async fn drain(&self, into: &mut VecDeque<Arc<Event>>) -> Drained {
        loop {
            {
                let mut queue = lock(&self.queue);
                if queue.len() > 0 {
                    queue.take(into);
                    return Drained::Events(queue.gap.take());
                }
                if queue.closed {
                    return Drained::Closed;
                }
                if !queue.attached {
                    return Drained::Detached(queue.after);
                }
            }
            self.arrived.notified().await;
        }
    }

    pub(super) fn count_delivered(&self, count: usize) {
        self.delivered.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Counts what was read from the journal in its stead: how many events passed, how many of them matched, and
    /// how many were no longer there.
    pub(super) fn count_read(&self, passed: u64, matched: u64, lost: u64) {
        let mut queue = lock(&self.queue);
        queue.passed += passed;
        queue.matched += matched + lost;
        self.dropped.fetch_add(lost, Ordering::Relaxed);
    }

    pub(super) fn waiting(&self) -> usize {
        lock(&self.queue).len()
    }

    /// Its counters, `last` being the newest seq that was handed over to anybody.
    pub(super) fn statistics(&self, last: u64) -> SubscriberStatistics {
        let queue = lock(&self.queue);
        let live = if queue.attached { last.saturating_sub(queue.after) } else { 0 };
        let emitted = queue.passed + live;
        let (delivered, dropped) = (self.delivered.load(Ordering::Relaxed), self.dropped.load(Ordering::Relaxed));
        SubscriberStatistics {
            name: Arc::clone(&self.name),
            emitted,
            filtered: emitted.saturating_sub(queue.matched),
            delivered,
            dropped,
            waiting: queue.matched.saturating_sub(delivered + dropped),
        }
    }

    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    pub(super) fn has_name(&self) -> bool {
        self.named
    }
}
