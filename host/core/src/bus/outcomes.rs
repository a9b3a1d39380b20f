//! What became of an event at the plugins that it went to, for the emitter that waits for it. Knows nothing of
//! guests: who handles the event tells.

use super::{Bus, EmitError};
use crate::event::Draft;
use crate::journal::{Receipt, lock};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;
use uuid::Uuid;

/// Most emitters that wait at a time: each holds a connection, where it came over one, and few are to be had.
pub const MAX_WAITING: usize = 64;

/// What became of an event at one plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its handler did its work, which is committed.
    Handled,
    /// Its handler said that it could not; final.
    Failed(Arc<str>),
    /// It was tried as often as it may be, and is with the dead letters.
    Faulted {
        /// The fault's name, or `retry`.
        cause: Arc<str>,
        /// For people.
        message: Arc<str>,
    },
    /// Nothing was heard within the time: it may be handled yet.
    TimedOut,
    /// The plugin was not called for it, for this reason: a live one's queue was full, or the event was too old.
    Dropped(Arc<str>),
}

impl Outcome {
    /// Its name, as HTTP says it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Handled => "handled",
            Self::Failed(_) => "failed",
            Self::Faulted { .. } => "faulted",
            Self::TimedOut => "timed_out",
            Self::Dropped(_) => "dropped",
        }
    }

    /// Why, where there is more to say than its name.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        match self {
            Self::Handled | Self::TimedOut => None,
            Self::Failed(message) | Self::Dropped(message) => Some(message.to_string()),
            Self::Faulted { cause, message } => Some(format!("{cause}: {message}")),
        }
    }
}

/// An outcome and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handling {
    /// The plugin.
    pub subscriber: Arc<str>,
    /// What became of the event there.
    pub outcome: Outcome,
}

impl Bus {
    /// Records one draft as [`Bus::emit`] does, and waits for at most `wait` until every plugin that wants it is
    /// done: in the order in which they subscribed, those that nothing was heard of in time included. Empty where
    /// none wants it, and where it was recorded before.
    ///
    /// # Errors
    /// As [`Bus::emit`], and where no place is left to wait: nothing was recorded then.
    pub async fn emit_and_wait(&self, draft: Draft, wait: Duration) -> Result<(Receipt, Vec<Handling>), EmitError> {
        let given = draft.id.is_some();
        let event = self.0.admission.admit(draft).inspect_err(|error| self.count_refused(error))?;
        // Before it is recorded: a plugin may be done with it before this hears that it is.
        let names = self.0.fanout.named(&event.event_type);
        if names.is_empty() {
            return Ok((self.0.journal.emit(event, given).await?, Vec::new()));
        }
        let place = self.0.outcomes.wait_for(event.id, names).ok_or(EmitError::NoPlaceToWait);
        let mut place = place.inspect_err(|error| self.count_refused(error))?;
        let receipt = self.0.journal.emit(event, given).await?;
        if receipt.duplicate {
            return Ok((receipt, Vec::new()));
        }
        // Too late is an outcome of its own.
        let _ = tokio::time::timeout(wait, place.all_told()).await;
        Ok((receipt, place.told()))
    }

    /// Whether an emitter waits for what becomes of this event: asked before it is put into words.
    #[must_use]
    pub fn is_awaited(&self, event: Uuid) -> bool {
        self.0.outcomes.awaits(event)
    }

    /// What became of an event at a plugin, for who waits for it. The first word counts.
    pub fn tell(&self, subscriber: &str, event: Uuid, outcome: Outcome) {
        self.0.outcomes.tell(subscriber, event, outcome);
    }
}

/// Who waits, by the event's id.
#[derive(Default)]
pub(super) struct Outcomes {
    /// As many as `waiting` has: what is asked for each event without taking the lock.
    count: AtomicUsize,
    waiting: Mutex<HashMap<Uuid, Waiting>>,
}

struct Waiting {
    /// None: nothing was heard yet.
    told: Vec<(Arc<str>, Option<Outcome>)>,
    done: Option<oneshot::Sender<()>>,
}

/// One emitter's place; dropping it gives the place back.
pub(super) struct Place {
    outcomes: Arc<Outcomes>,
    id: Uuid,
    done: oneshot::Receiver<()>,
}

impl Outcomes {
    /// Waits from now on for what becomes of `id` at these plugins, one at least; none where too many wait, or somebody waits for
    /// the same id already.
    pub(super) fn wait_for(self: &Arc<Self>, id: Uuid, subscribers: Vec<Arc<str>>) -> Option<Place> {
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= MAX_WAITING || waiting.contains_key(&id) {
            return None;
        }
        let (sender, done) = oneshot::channel();
        let told = subscribers.into_iter().map(|name| (name, None)).collect();
        waiting.insert(id, Waiting { told, done: Some(sender) });
        self.count.store(waiting.len(), Ordering::Release);
        Some(Place { outcomes: Arc::clone(self), id, done })
    }

    /// Whether somebody waits for this event.
    pub(super) fn awaits(&self, id: Uuid) -> bool {
        self.count.load(Ordering::Acquire) > 0 && lock(&self.waiting).contains_key(&id)
    }

    /// What became of it at `subscriber`. The first word counts.
    pub(super) fn tell(&self, subscriber: &str, id: Uuid, outcome: Outcome) {
        let mut waiting = lock(&self.waiting);
        let Some(of) = waiting.get_mut(&id) else { return };
        if let Some((_, told @ None)) = of.told.iter_mut().find(|(name, _)| **name == *subscriber) {
            *told = Some(outcome);
        }
        if of.told.iter().all(|(_, told)| told.is_some())
            && let Some(done) = of.done.take()
        {
            // Who waited may be gone.
            let _ = done.send(());
        }
    }
}

impl Place {
    /// Returns when everybody told.
    pub(super) async fn all_told(&mut self) {
        // The sender goes only with its word.
        let _ = (&mut self.done).await;
    }

    /// What was told so far; [`Outcome::TimedOut`] for the others.
    pub(super) fn told(&self) -> Vec<Handling> {
        let waiting = lock(&self.outcomes.waiting);
        let told = waiting.get(&self.id).into_iter().flat_map(|of| &of.told);
        let outcome = |told: &Option<Outcome>| told.clone().unwrap_or(Outcome::TimedOut);
        told.map(|(name, told)| Handling { subscriber: Arc::clone(name), outcome: outcome(told) }).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = lock(&self.outcomes.waiting);
        waiting.remove(&self.id);
        self.outcomes.count.store(waiting.len(), Ordering::Release);
    }
}
