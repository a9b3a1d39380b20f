//! The bus: one way in, one way out. Checks drafts, has the journal record them, hands them to subscribers.

mod admit;
mod fanout;
mod outcomes;
mod subscriber;
mod subscription;
mod tail;

#[cfg(test)]
mod tests;

pub(crate) use admit::{check_name, check_recorded};
pub use outcomes::{Handling, MAX_WAITING, Outcome};
pub use subscription::{CompletionTicket, DurableSubscription, Follow, Subscription};

use crate::event::{Draft, Event};
use crate::journal::{
    Change, Completion, Done, Finished, Journal, JournalError, JournalOptions, MAX_AHEAD, Receipt, Refusal, Reply,
    Retention, Unit, Work,
};
use crate::time::Clock;
use admit::Admission;
use fanout::Fanout;
use outcomes::Outcomes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use subscriber::WhenFull;
use tail::Tail;
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
    /// The payload is over its bound, as it is or once its secrets are replaced.
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
    /// Nothing was recorded: [`MAX_WAITING`] emitters wait for what becomes of their events, or one for this event.
    #[error("as many wait for their events as may, or somebody for this one: emit it without waiting")]
    NoPlaceToWait,
    /// The journal did not record it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// The bus. Cheap to clone.
#[derive(Clone)]
pub struct Bus(Arc<BusInner>);

struct BusInner {
    journal: Journal,
    admission: Admission,
    fanout: Arc<Fanout>,
    outcomes: Arc<Outcomes>,
    filtered: AtomicU64,
    rejected: AtomicU64,
}

impl Drop for BusInner {
    fn drop(&mut self) {
        self.journal.stop();
        self.fanout.close();
    }
}

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
    /// The oldest goes, of those that only say how things stand ([`EventType::is_passing`]) while there are any; a
    /// [`Delivery::Gap`] comes before the next event.
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
        /// Last seq dropped; others between the two may still come.
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
        let outcomes = Arc::new(Outcomes::default());
        let fanout = Arc::new(Fanout::new(Arc::clone(&outcomes)));
        let sink = Arc::clone(&fanout);
        let journal = Journal::open(&options.journal, Box::new(move |events| sink.publish(events)))?;
        fanout.start_after(journal.head());
        Ok(Self(Arc::new(BusInner {
            journal,
            admission: Admission::new(options.clock, options.filter),
            fanout,
            outcomes,
            filtered: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
        })))
    }

    /// Records one draft; returns when it is as durable as configured.
    ///
    /// # Errors
    /// When the draft is refused or the journal does not record it.
    pub async fn emit(&self, draft: Draft) -> Result<Receipt, EmitError> {
        let given = draft.id.is_some();
        let event = self.0.admission.admit(draft).inspect_err(|error| self.count_refused(error))?;
        Ok(self.0.journal.emit(event, given).await?)
    }

    /// Records all drafts as one atomic, consecutive batch, or none.
    ///
    /// # Errors
    /// The first draft that is refused (its index), or the journal's error.
    pub async fn emit_batch(&self, drafts: Vec<Draft>) -> Result<Vec<Receipt>, BatchError> {
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let given = drafts.iter().any(|draft| draft.id.is_some());
        let events = self.admit_all(drafts)?;
        match self.0.journal.request(Work::Emit { events, given }).await {
            Ok(Done::Receipts(receipts)) => Ok(receipts),
            Ok(Done::Cursor(_) | Done::Refused(_) | Done::Nothing) => Err(JournalError::Closed.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Records `drafts`, consecutive, in one commit with a change of rows that they tell of: all of it, or nothing
    /// where the change is refused. What the bus filter keeps out is left out of the record, not of the change.
    ///
    /// # Errors
    /// As [`Bus::emit_batch`].
    pub(crate) async fn commit(
        &self,
        change: Change,
        mut drafts: Vec<Draft>,
    ) -> Result<Result<Vec<Receipt>, Refusal>, BatchError> {
        self.keep_wanted(&mut drafts);
        let given = drafts.iter().any(|draft| draft.id.is_some());
        let events = self.admit_all(drafts)?;
        match self.0.journal.request(Work::Change { change, events, given }).await {
            Ok(Done::Receipts(receipts)) => Ok(Ok(receipts)),
            Ok(Done::Refused(refusal)) => Ok(Err(refusal)),
            Ok(Done::Cursor(_) | Done::Nothing) => Err(JournalError::Closed.into()),
            Err(error) => Err(error.into()),
        }
    }

    fn admit_all(&self, drafts: Vec<Draft>) -> Result<Vec<Event>, BatchError> {
        if drafts.len() > MAX_BATCH {
            let error = EmitError::BatchTooLarge(drafts.len());
            self.count_refused(&error);
            return Err(BatchError { index: MAX_BATCH, error });
        }
        let mut events = Vec::with_capacity(drafts.len());
        for (index, draft) in drafts.into_iter().enumerate() {
            let admitted = self.0.admission.admit(draft).inspect_err(|error| self.count_refused(error));
            events.push(admitted.map_err(|error| BatchError { index, error })?);
        }
        Ok(events)
    }

    /// Takes out what the bus filter keeps out, and counts it: for drafts that are recorded beside others.
    pub fn keep_wanted(&self, drafts: &mut Vec<Draft>) {
        let before = drafts.len();
        drafts.retain(|draft| self.0.admission.lets_in(&draft.event_type));
        let kept_out = u64::try_from(before - drafts.len()).unwrap_or(u64::MAX);
        self.0.filtered.fetch_add(kept_out, Ordering::Relaxed);
    }

    /// What `emit` would refuse, without recording (for staged emits: refused at once, to the guest).
    ///
    /// # Errors
    /// As `emit`, but never the journal's.
    pub fn check(&self, draft: &Draft) -> Result<(), EmitError> {
        self.0.admission.check(draft)
    }

    /// Commits what a durable subscriber did. Completes when durable; the caller need not await it before
    /// handling the next event: completions commit in the order of these calls, after one that was not recorded
    /// none of the subscriber's is ([`JournalError::OutOfStep`]), and
    /// [`DurableSubscription::next_batch`] waits while too much is uncommitted.
    pub fn complete(&self, completion: Completion) -> CompletionTicket {
        CompletionTicket(self.start_completion(completion))
    }

    fn start_completion(&self, completion: Completion) -> Result<Option<Reply>, JournalError> {
        let Completion { subscriber, after, finished, ahead, emits, store, dead_letter, retried } = completion;
        if ahead.seqs.len() > MAX_AHEAD {
            let count = ahead.seqs.len();
            let reason =
                format!("{subscriber} finished {count} events ahead of its cursor, at most {MAX_AHEAD} may be");
            return Err(JournalError::Write(reason));
        }
        let again = finished == after && ahead.seqs == ahead.before;
        let emits = emits
            .into_iter()
            .map(|draft| self.0.admission.admit_staged(draft, again))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| {
                self.count_refused(&error);
                JournalError::Write(format!("an emit of {subscriber} is refused: {error}"))
            })?;
        let now = self.clock().now();
        let unit = Unit { subscriber, after, finished, ahead, emits, store, dead_letter, retried, now };
        self.0.journal.request_now(Work::Complete(unit))
    }

    /// A live subscription with a bounded queue of [`QUEUE_EVENTS`]; dropping it unsubscribes.
    #[must_use]
    pub fn subscribe(&self, patterns: PatternSet, overflow: Overflow) -> Subscription {
        let when_full = match overflow {
            Overflow::DropOldest => WhenFull::DropOldest,
        };
        Subscription::new(Arc::clone(&self.0.fanout), self.0.fanout.subscribe(None, patterns, when_full))
    }

    /// The same under a name, which emitters that wait for what becomes of their events wait for
    /// ([`Bus::emit_and_wait`]).
    #[must_use]
    pub fn subscribe_as(&self, name: Arc<str>, patterns: PatternSet) -> Subscription {
        let subscriber = self.0.fanout.subscribe(Some(name), patterns, WhenFull::DropOldest);
        Subscription::new(Arc::clone(&self.0.fanout), subscriber)
    }

    /// A durable subscription: from its cursor on, nothing dropped, seq order, journal behind the queue.
    /// With [`crate::journal::Durability::Memory`] one that falls a whole ring behind loses what fell out, and
    /// its `dropped` count says so.
    ///
    /// # Errors
    /// When the journal cannot read or create the cursor.
    pub async fn durable(
        &self,
        name: Arc<str>,
        patterns: PatternSet,
        start: Start,
    ) -> Result<DurableSubscription, JournalError> {
        let finished = self.open_cursor(Arc::clone(&name), Some(patterns.clone()), start).await?;
        Ok(DurableSubscription {
            tail: self.tail(Some(name), patterns, finished.upto, WhenFull::Detach),
            passed: finished.upto,
            finished,
        })
    }

    /// The cursor of `name`: the seq up to which it finished everything. See [`Bus::finished`].
    ///
    /// # Errors
    /// When the journal cannot read or create the cursor.
    pub async fn cursor(&self, name: Arc<str>, start: Start) -> Result<u64, JournalError> {
        Ok(self.finished(name, start).await?.upto)
    }

    /// What `name` finished; one without a cursor gets one at `start`. What it completed before this call is
    /// recorded or refused when this returns. No event is kept for it beyond the retention: that is
    /// [`Bus::durable`]'s.
    ///
    /// # Errors
    /// When the journal cannot read or create the cursor.
    pub async fn finished(&self, name: Arc<str>, start: Start) -> Result<Finished, JournalError> {
        self.open_cursor(name, None, start).await
    }

    async fn open_cursor(
        &self,
        subscriber: Arc<str>,
        patterns: Option<PatternSet>,
        start: Start,
    ) -> Result<Finished, JournalError> {
        let (at_head, now) = (start == Start::Head, self.clock().now());
        let work = Work::OpenCursor { subscriber, at_head, patterns, now };
        match self.0.journal.request(work).await? {
            Done::Cursor(finished) => Ok(finished),
            Done::Receipts(_) | Done::Refused(_) | Done::Nothing => Err(JournalError::Closed),
        }
    }

    /// Everything that matches after `after_seq`: first from the journal, then live, without gap or repetition. It
    /// drops nothing that the journal keeps: one that falls behind reads on from there.
    #[must_use]
    pub fn follow(&self, after_seq: u64, patterns: PatternSet) -> Follow {
        Follow(self.tail(None, patterns, after_seq, WhenFull::Detach))
    }

    /// The same, for whoever wants to see what happens rather than all that happened: once live, one whose queue of
    /// [`QUEUE_EVENTS`] is full loses the oldest, and a [`Delivery::Gap`] comes before the next event.
    #[must_use]
    pub fn watch(&self, after_seq: u64, patterns: PatternSet) -> Follow {
        Follow(self.tail(None, patterns, after_seq, WhenFull::DropOldest))
    }

    fn tail(&self, name: Option<Arc<str>>, patterns: PatternSet, after: u64, when_full: WhenFull) -> Tail {
        Tail::new(Arc::clone(&self.0.fanout), self.0.journal.clone(), name, patterns, after, when_full)
    }

    /// Removes a dead letter that is given up for good; one that is not there is no error.
    ///
    /// # Errors
    /// When the journal did not record it.
    pub async fn drop_dead_letter(&self, subscriber: Arc<str>, seq: u64) -> Result<(), JournalError> {
        self.0.journal.request(Work::DropDeadLetter { subscriber, seq }).await.map(|_| ())
    }

    /// Waits until the journal's writer has taken and answered something that changes nothing.
    ///
    /// # Errors
    /// When the journal is closed or takes nothing any more.
    pub async fn answers(&self) -> Result<(), JournalError> {
        // No subscriber is called nothing, and no event has seq 0.
        self.drop_dead_letter("".into(), 0).await
    }

    /// Bounds the database to this many pages of 4 KiB: what is over it fails as on a full disk. Not kept
    /// across a restart; nothing with [`crate::journal::Durability::Memory`].
    ///
    /// # Errors
    /// When the journal is closed or read-only.
    pub async fn limit_pages(&self, pages: u32) -> Result<(), JournalError> {
        self.0.journal.request(Work::LimitPages(pages)).await.map(|_| ())
    }

    /// What the journal keeps from now on; the oldest of what is over goes, in small batches between other writes.
    /// Not kept across a restart; nothing with [`crate::journal::Durability::Memory`], which has its own bounds.
    ///
    /// Events that a durable subscriber has not finished are kept for it for
    /// [`crate::journal::HELD_FOR`]; where they go then, `journal.pruned` says so.
    ///
    /// # Errors
    /// When the journal is closed or read-only.
    pub async fn retain(&self, retention: Retention) -> Result<(), JournalError> {
        self.0.journal.request(Work::Retain(retention, self.clock().clone())).await.map(|_| ())
    }

    /// The journal, for readers.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// The host's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.admission.clock
    }

    /// Counters since the start.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let counts = self.0.fanout.counts();
        Statistics {
            published: counts.published,
            filtered: self.0.filtered.load(Ordering::Relaxed),
            rejected: self.0.rejected.load(Ordering::Relaxed),
            last_event: counts.last_event,
            by_type: counts.by_type,
            subscribers: counts.subscribers,
        }
    }

    /// Stops taking drafts, commits what is queued, closes the journal. Live subscribers still get what is
    /// queued; durable ones go on after the next start.
    pub async fn close(&self) {
        self.0.journal.close().await;
        self.0.fanout.close();
    }

    fn count_refused(&self, error: &EmitError) {
        let counter = if matches!(error, EmitError::Filtered(_)) { &self.0.filtered } else { &self.0.rejected };
        counter.fetch_add(1, Ordering::Relaxed);
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

/// All of them are refused.
impl From<EmitError> for BatchError {
    fn from(error: EmitError) -> Self {
        Self { index: 0, error }
    }
}

impl From<BatchError> for EmitError {
    fn from(refused: BatchError) -> Self {
        refused.error
    }
}

impl From<JournalError> for BatchError {
    fn from(error: JournalError) -> Self {
        EmitError::from(error).into()
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

/// Counters of one subscriber: emitted = filtered + delivered + dropped + waiting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubscriberStatistics {
    /// The plugin's name, or `live` and a number.
    pub name: Arc<str>,
    /// Events that it has come past, since where it began.
    pub emitted: u64,
    /// Those of a type that it does not want.
    pub filtered: u64,
    /// Handed over.
    pub delivered: u64,
    /// Dropped because its queue was full, or the journal no longer had them.
    pub dropped: u64,
    /// Waiting now.
    pub waiting: u64,
}
