//! Retention while a host runs: the writer prunes a batch between two groups, and looks again once in a while.

use super::prune::{self, PruneError, Pruned, Retention};
use super::rows::Tip;
use super::stats::cursors;
use super::types::JournalError;
use super::work::ApplyError;
use crate::event::Event;
use crate::time::Clock;
use rusqlite::{Connection, TransactionBehavior};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often an idle writer looks whether something grew old: once a minute is no load.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// After how many recorded events a busy one looks: what is kept exceeds what is to be kept by about as many.
const LOOK_AFTER: usize = 256;

/// What is kept, and how far the writer is with it.
pub(super) struct Retaining {
    retention: Retention,
    clock: Clock,
    /// The last batch was full, so more is to go at once.
    behind: bool,
    recorded: usize,
    looked: Option<Instant>,
    /// Whose events are waited for, so that it is logged once.
    held_by: Option<String>,
}

/// Why a batch was not pruned.
pub(super) enum NotRetained {
    /// The write failed.
    Apply(ApplyError),
    /// There is no use in trying again.
    Given(JournalError),
}

impl From<rusqlite::Error> for NotRetained {
    fn from(error: rusqlite::Error) -> Self {
        Self::Apply(error.into())
    }
}

impl Retaining {
    pub(super) fn new(retention: Retention, clock: Clock) -> Self {
        Self { retention, clock, behind: false, recorded: 0, looked: None, held_by: None }
    }

    /// How long the writer may wait for work before it looks again.
    pub(super) fn wait(&self) -> Duration {
        match self.looked {
            Some(looked) if !self.behind => LOOK_EVERY.saturating_sub(looked.elapsed()),
            _ => Duration::ZERO,
        }
    }

    /// Whether it is time to look, once `recorded` more events are in the journal.
    pub(super) fn is_due(&mut self, recorded: usize) -> bool {
        self.recorded = self.recorded.saturating_add(recorded);
        self.recorded >= LOOK_AFTER || self.wait().is_zero()
    }

    /// Puts the next look off: what failed is not tried again at once.
    pub(super) fn looked(&mut self) {
        (self.behind, self.recorded, self.looked) = (false, 0, Some(Instant::now()));
    }

    /// Prunes one batch; what it recorded of that is appended to `committed`.
    pub(super) fn step(
        &mut self,
        connection: &mut Connection,
        tip: &mut Tip,
        committed: &mut Vec<Arc<Event>>,
    ) -> Result<(), NotRetained> {
        self.looked();
        let now = self.clock.now();
        let wanted = self.retention.at(now);
        let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let cursors = cursors(&change)?;
        let batch = match prune::plan(&change, &wanted, &Pruned::default(), now, &cursors) {
            Ok(batch) => batch,
            Err(PruneError::Sqlite(error)) => return Err(error.into()),
            Err(error @ PruneError::NotWhole { .. }) => return Err(NotRetained::Given(error.into())),
        };
        let pruned = batch.pruned;
        self.say_held(&pruned);
        if pruned.events == 0 {
            return Ok(());
        }
        let told = if pruned.unfinished.is_empty() {
            None
        } else {
            tracing::warn!(
                upto = pruned.upto,
                unfinished = ?pruned.unfinished,
                "retention let events go that plugins had not finished for seven days"
            );
            Some(prune::told(&pruned, "retention", now).map_err(NotRetained::Given)?)
        };
        prune::apply(&change, tip, &pruned, told.as_ref(), committed).map_err(NotRetained::Apply)?;
        change.commit()?;
        self.behind = batch.more;
        Ok(())
    }

    fn say_held(&mut self, pruned: &Pruned) {
        match &pruned.held {
            Some((subscriber, seq)) if self.held_by.as_ref() != Some(subscriber) => {
                tracing::info!(subscriber, seq, "retention waits: a plugin has not finished this event yet");
                self.held_by = Some(subscriber.clone());
            }
            Some(_) => {}
            None => self.held_by = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_at_once_then_once_a_minute_or_after_some_events() {
        let mut retaining = Retaining::new(Retention::default(), Clock::system());
        assert!(retaining.is_due(0));
        retaining.looked();
        assert!(retaining.wait() > LOOK_EVERY / 2, "an idle writer sleeps");
        assert!(!retaining.is_due(LOOK_AFTER - 1) && retaining.is_due(1));
        retaining.behind = true;
        assert!(retaining.wait().is_zero() && retaining.is_due(0), "more is to go");
    }
}
