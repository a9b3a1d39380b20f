//! The bus: one way in, one way out. Checks drafts, has the journal record them, hands them to subscribers.

use crate::event::{Draft, Event};
use crate::journal::{Completion, Journal, JournalError, JournalOptions, Receipt};
use crate::time::Clock;
use std::sync::Arc;
use tollgate_events::{EventType, PatternSet, payload::Violation};

/// Most events one subscriber's queue holds.
pub const QUEUE_EVENTS: usize = 1_000;
/// Most drafts in one atomic batch.
pub const MAX_BATCH: usize = 1_000;

/// How a bus is made.
#[derive(Debug, Clone)]
pub struct BusOptions {
    /// Where and how durably it records.
    pub journal: JournalOptions,
    /// Only these types are let in; what it keeps out is counted, not journalled. None: all.
    pub filter: Option<PatternSet>,
    /// The host's clock.
    pub clock: Clock,
}

/// Why a draft was not recorded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EmitError {
    /// The payload breaks the shape of its type.
    #[error(transparent)]
    Payload(#[from] Violation),
    /// The payload is over its bound.
    #[error("the payload has {0} bytes, at most 262144 are taken")]
    TooLarge(usize),
    /// A name field is over its bound or holds control characters.
    #[error("{field}: {reason}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Deeper than `MAX_DEPTH`, or more than `MAX_EVENTS_PER_ROOT` of one root.
    #[error("too deep: {0}")]
    TooDeep(String),
    /// The bus filter keeps this type out.
    #[error("the bus filter keeps {0} out")]
    Filtered(EventType),
    /// More than [`MAX_BATCH`] drafts at once.
    #[error("a batch has at most 1000 events, this one has {0}")]
    BatchTooLarge(usize),
    /// The journal did not record it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// The bus. Cheap to clone.
#[derive(Clone)]
pub struct Bus(Arc<BusInner>);
struct BusInner;

/// Where a durable subscriber starts on its first load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// With the next event.
    #[default]
    Head,
    /// With the oldest event kept.
    Beginning,
}

/// What a full live queue does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// The oldest goes; a [`Delivery::Gap`] comes before the next event.
    DropOldest,
}

/// What a live subscriber receives.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// The next event.
    Event(Arc<Event>),
    /// Events that matched and were dropped since the last delivery.
    Gap {
        /// First seq dropped.
        from: u64,
        /// Last seq dropped.
        to: u64,
        /// How many were dropped.
        count: u64,
    },
}

impl Bus {
    /// Opens the journal and starts the writer.
    ///
    /// # Errors
    /// When the journal cannot be opened.
    pub fn open(options: BusOptions) -> Result<Self, JournalError> {
        let _ = options;
        todo!()
    }
    /// Records one draft; returns when it is as durable as configured.
    ///
    /// # Errors
    /// When the draft is refused or the journal does not record it.
    pub async fn emit(&self, draft: Draft) -> Result<Receipt, EmitError> {
        let _ = draft;
        todo!()
    }
    /// Records all drafts as one atomic, consecutive batch, or none.
    ///
    /// # Errors
    /// The first draft that is refused (its index), or the journal's error.
    pub async fn emit_batch(&self, drafts: Vec<Draft>) -> Result<Vec<Receipt>, BatchError> {
        let _ = drafts;
        todo!()
    }
    /// What `emit` would refuse, without recording (for staged emits: refused at once, to the guest).
    ///
    /// # Errors
    /// As `emit`, but never the journal's.
    pub fn check(&self, draft: &Draft) -> Result<(), EmitError> {
        let _ = draft;
        todo!()
    }
    /// Commits what a durable subscriber did. Completes when durable; the caller need not await it
    /// before handling the next event, but awaits a bounded number of outstanding ones.
    pub fn complete(&self, completion: Completion) -> CompletionTicket {
        let _ = completion;
        todo!()
    }
    /// A live subscription with a bounded queue of [`QUEUE_EVENTS`]; dropping it unsubscribes.
    #[must_use]
    pub fn subscribe(&self, patterns: PatternSet, overflow: Overflow) -> Subscription {
        let _ = (patterns, overflow);
        todo!()
    }
    /// A durable subscription: from its cursor on, nothing dropped, seq order, journal behind the queue.
    ///
    /// # Errors
    /// When the journal cannot read or create the cursor.
    pub async fn durable(&self, name: Arc<str>, patterns: PatternSet, start: Start) -> Result<DurableSubscription, JournalError> {
        let _ = (name, patterns, start);
        todo!()
    }
    /// The journal, for readers.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        todo!()
    }
    /// The host's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        todo!()
    }
    /// Counters since the start.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        todo!()
    }
    /// Stops taking drafts, commits what is queued, closes the journal.
    pub async fn close(&self) {
        todo!()
    }
}

/// A batch's refusal: which draft, and why.
#[derive(Debug, Clone, thiserror::Error)]
#[error("event {index}: {error}")]
pub struct BatchError {
    /// Index of the first refused draft; 0 where the journal refused them all.
    pub index: usize,
    /// Why.
    #[source]
    pub error: EmitError,
}

/// Resolves when a completion is durable.
pub struct CompletionTicket(());
impl CompletionTicket {
    /// Waits until it is durable.
    ///
    /// # Errors
    /// When the journal did not record it: the event counts as unfinished.
    pub async fn wait(self) -> Result<(), JournalError> {
        todo!()
    }
}

/// A live subscription.
pub struct Subscription(());
impl Subscription {
    /// The next delivery; none when the bus is closed.
    pub async fn next(&mut self) -> Option<Delivery> {
        todo!()
    }
}

/// A durable subscription of one plugin.
pub struct DurableSubscription(());
impl DurableSubscription {
    /// The next events in seq order, at least one and at most `max`; none when the bus is closed.
    /// Cancel-safe.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn next_batch(&mut self, max: usize) -> Result<Option<Vec<Arc<Event>>>, JournalError> {
        let _ = max;
        todo!()
    }
    /// How many matching events are known to wait in the queue, for `plugin list`.
    #[must_use]
    pub fn waiting(&self) -> usize {
        todo!()
    }
}

/// Counters since the start; published = delivered to the journal.
#[derive(Debug, Clone, Default)]
pub struct Statistics {
    /// Recorded.
    pub published: u64,
    /// Kept out by the filter.
    pub filtered: u64,
    /// Refused.
    pub rejected: u64,
    /// Time of the last recorded event.
    pub last_event: Option<crate::time::Timestamp>,
    /// Recorded, by type (bounded; the rest under `other`).
    pub by_type: std::collections::BTreeMap<String, u64>,
    /// By subscriber.
    pub subscribers: Vec<SubscriberStatistics>,
}

/// Counters of one subscriber.
#[derive(Debug, Clone, Default)]
pub struct SubscriberStatistics {
    /// The plugin's name, or `live` and a number.
    pub name: String,
    /// Handed over.
    pub delivered: u64,
    /// Dropped because its queue was full.
    pub dropped: u64,
    /// Waiting now.
    pub waiting: u64,
}
