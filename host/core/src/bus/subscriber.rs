//! One subscriber's bounded queue: filled by the fan-out, drained whole by its consumer.
//!
//! Knows nothing of the journal: one that reads on from the journal is only told that it fell behind.

use super::{Delivery, QUEUE_EVENTS, SubscriberStatistics};
use crate::event::Event;
use crate::journal::lock;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;
use tollgate_events::PatternSet;

/// What a full queue does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenFull {
    /// Drops the oldest and counts it.
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
    pub(super) patterns: PatternSet,
    when_full: WhenFull,
    queue: Mutex<Queue>,
    arrived: Notify,
    delivered: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Arc<Event>>,
    gap: Option<Gap>,
    attached: bool,
    closed: bool,
}

/// What a consumer finds.
pub(super) enum Drained {
    /// At least one event; those dropped before the first of them.
    Events(Option<Gap>),
    /// The queue is empty and gets nothing more until it is attached again.
    Detached,
    /// The queue is empty and the bus closed.
    Closed,
}

impl Subscriber {
    pub(super) fn new(id: u64, name: Arc<str>, patterns: PatternSet, when_full: WhenFull) -> Self {
        Self {
            id,
            name,
            patterns,
            when_full,
            queue: Mutex::default(),
            arrived: Notify::new(),
            delivered: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// Queues a matching event. Called in seq order.
    pub(super) fn offer(&self, event: &Arc<Event>) {
        let mut queue = lock(&self.queue);
        if !queue.attached {
            return;
        }
        if queue.events.len() >= QUEUE_EVENTS {
            match self.when_full {
                WhenFull::Detach => {
                    queue.attached = false;
                    return;
                }
                WhenFull::DropOldest => {
                    if let Some(lost) = queue.events.pop_front() {
                        let gap = queue.gap.get_or_insert(Gap { from: lost.seq, to: lost.seq, count: 0 });
                        gap.to = lost.seq;
                        gap.count += 1;
                        self.dropped.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        }
        let was_empty = queue.events.is_empty();
        queue.events.push_back(Arc::clone(event));
        drop(queue);
        // Its one consumer drains the whole queue before it waits, so only the first event wakes it.
        if was_empty {
            self.arrived.notify_one();
        }
    }

    pub(super) fn attach(&self) {
        lock(&self.queue).attached = true;
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
                if !queue.events.is_empty() {
                    std::mem::swap(&mut queue.events, into);
                    return Drained::Events(queue.gap.take());
                }
                if queue.closed {
                    return Drained::Closed;
                }
                if !queue.attached {
                    return Drained::Detached;
                }
            }
            self.arrived.notified().await;
        }
    }

    pub(super) fn count_delivered(&self, count: usize) {
        self.delivered.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn count_dropped(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn waiting(&self) -> usize {
        lock(&self.queue).events.len()
    }

    pub(super) fn statistics(&self) -> SubscriberStatistics {
        SubscriberStatistics {
            name: self.name.to_string(),
            delivered: self.delivered.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            waiting: u64::try_from(self.waiting()).unwrap_or(u64::MAX),
        }
    }
}
