//! One event or one call given to a plugin on trial, and what came of it. Commits as a lane does, so that the next
//! event finds what this one stored; does not repeat what faulted.

use super::Trial;
use crate::asker::PluginQuestion;
use crate::fault::Fault;
use crate::guest::{Guest, Handled};
use crate::logs::LogLine;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tollgate_core::event::{Draft, Event};
use tollgate_core::events::EventType;
use tollgate_core::gate::{GuardOutcome, NormalisedCall};
use tollgate_core::journal::{Ahead, Completion, JournalError, Query};
use uuid::Uuid;

/// What came of it.
#[derive(Debug, Clone)]
pub enum TrialOutcome {
    /// The event was handled.
    Handled,
    /// The handler, or the guard, said that it failed.
    Failed(String),
    /// The handler asks to be called again, as a host would.
    Retry(String),
    /// The guest trapped or went over a limit; the next event has a fresh one.
    Fault(Fault),
    /// The guard's word; a host asks the grant what it may mean.
    Verdict(GuardOutcome),
}

/// What came of one event or call.
#[derive(Debug, Clone)]
pub struct Account {
    /// How it ended.
    pub outcome: TrialOutcome,
    /// What was emitted, at once or staged, in the order of its calls.
    pub emits: Vec<Draft>,
    /// What was asked of people.
    pub questions: Vec<PluginQuestion>,
    /// What was logged.
    pub logs: Vec<LogLine>,
    /// Fuel used, the host's work for it included.
    pub fuel: u64,
    /// Wall clock.
    pub took: Duration,
    /// Bytes of all memories of the guest afterwards, as it stood where it faulted.
    pub memory_bytes: usize,
    /// What was refused for want of budget.
    pub over_budget: u64,
}

impl Trial {
    /// Whether a host would hand it events of this type.
    #[must_use]
    pub fn handles(&self, event_type: &EventType) -> bool {
        self.version.description.subscriptions.matches(event_type)
    }

    /// The ids that what it emits for `event` may have, in the order of its calls: the same for every try.
    pub fn emit_ids(&self, event: &Event) -> impl Iterator<Item = Uuid> {
        let (plugin, id) = (Arc::clone(&self.version.plugin), event.id);
        (0..self.version.limits.emits_per_event)
            .map(move |ordinal| crate::host::emit_id(&plugin, id.as_bytes(), ordinal))
    }

    /// Whether a host would ask it about calls of this canonical tool.
    #[must_use]
    pub fn gates(&self, tool: &str) -> bool {
        self.version.gates(tool)
    }

    /// Hands it `event`, under its own seq where that follows the last one's, else under the next, and commits what it
    /// did.
    ///
    /// # Errors
    /// When the trial's own journal fails.
    pub async fn handle(&mut self, event: Event) -> Result<Account, JournalError> {
        let event = Event { seq: event.seq.max(self.given + 1), ..event };
        self.given = event.seq;
        let before = self.context.bus.journal().head();
        let mut guest = match self.ready(false).await {
            Ok(guest) => guest,
            Err(fault) => return Ok(self.account(TrialOutcome::Fault(fault), Duration::ZERO)),
        };
        let begun = Instant::now();
        let handled = {
            let _running = self.context.ticker.running();
            guest.handle(&event, begun).await
        };
        let took = begun.elapsed();
        let outcome = match handled {
            Ok(Handled::Done) => TrialOutcome::Handled,
            Ok(Handled::Failed(message)) => TrialOutcome::Failed(message),
            Ok(Handled::Retry(message)) => TrialOutcome::Retry(message),
            Err(fault) => {
                let mut account = self.account(TrialOutcome::Fault(fault), took);
                account.left(&mut guest);
                account.emits = self.recorded(before)?;
                return Ok(account);
            }
        };
        let mut account = self.account(outcome, took);
        account.fuel = guest.fuel_used();
        account.left(&mut guest);
        let staged = std::mem::take(&mut guest.state().call.emits);
        account.emits = self.in_order(&event, self.recorded(before)?, &staged);
        self.commit(&mut guest, event.seq, staged).await?;
        self.guest = Some(guest);
        Ok(account)
    }

    /// Asks it about `call`.
    pub async fn check(&mut self, call: &NormalisedCall) -> Account {
        let mut guest = match self.ready(true).await {
            Ok(guest) => guest,
            Err(fault) => return self.account(TrialOutcome::Fault(fault), Duration::ZERO),
        };
        let begun = Instant::now();
        let answered = {
            let _running = self.context.ticker.running();
            guest.check(call).await
        };
        let took = begun.elapsed();
        let outcome = match answered {
            Err(fault) => {
                let mut account = self.account(TrialOutcome::Fault(fault), took);
                account.left(&mut guest);
                return account;
            }
            Ok(Err(message)) => TrialOutcome::Failed(message),
            Ok(Ok(word)) => match word.outcome() {
                Ok(outcome) => TrialOutcome::Verdict(outcome),
                Err(message) => TrialOutcome::Failed(message),
            },
        };
        let mut account = self.account(outcome, took);
        account.fuel = guest.fuel_used();
        account.left(&mut guest);
        account.emits = std::mem::take(&mut guest.state().call.emits);
        self.gate = Some(guest);
        account
    }

    /// The guest for events, or the one for calls; a fresh one after a fault.
    async fn ready(&mut self, gate: bool) -> Result<Guest, Fault> {
        let kept = if gate { self.gate.take() } else { self.guest.take() };
        match kept {
            Some(guest) => Ok(guest),
            None => self.version.fresh_guest(&self.context).await,
        }
    }

    fn account(&self, outcome: TrialOutcome, took: Duration) -> Account {
        let fuel = if let TrialOutcome::Fault(fault) = &outcome { fault.fuel } else { 0 };
        let (questions, logs) = (self.questions.take(), self.ring.take());
        Account { outcome, emits: Vec::new(), questions, logs, fuel, took, memory_bytes: 0, over_budget: 0 }
    }

    /// What it emitted at once since the journal's head was `after`.
    fn recorded(&self, after: u64) -> Result<Vec<Draft>, JournalError> {
        let events = self.context.bus.journal().read(&Query { after, limit: usize::MAX, ..Query::default() })?;
        Ok(events.iter().map(|event| draft(event)).collect())
    }

    /// What it emitted at once and what it staged, as it called.
    fn in_order(&self, event: &Event, at_once: Vec<Draft>, staged: &[Draft]) -> Vec<Draft> {
        if at_once.is_empty() {
            return staged.to_vec();
        }
        let mut all: HashMap<Option<Uuid>, Draft> =
            at_once.into_iter().chain(staged.iter().cloned()).map(|draft| (draft.id, draft)).collect();
        self.emit_ids(event).filter_map(|id| all.remove(&Some(id))).collect()
    }

    async fn commit(&mut self, guest: &mut Guest, seq: u64, emits: Vec<Draft>) -> Result<(), JournalError> {
        self.commits += 1;
        let mut store = Vec::new();
        guest.state().store.take(self.commits, &mut store);
        let completion = Completion {
            subscriber: Arc::clone(&self.version.plugin),
            after: self.committed,
            finished: seq,
            ahead: Ahead::default(),
            emits,
            store,
            dead_letter: None,
            retried: None,
        };
        self.context.bus.complete(completion).wait().await?;
        self.committed = seq;
        guest.state().store.committed(self.commits);
        Ok(())
    }
}

impl Account {
    /// Takes what the call left in its guest to be counted, after a fault too.
    fn left(&mut self, guest: &mut Guest) {
        let state = guest.state();
        self.memory_bytes = state.limiter.memory_bytes();
        self.over_budget = std::mem::take(&mut state.over_budget) + state.log.take_dropped();
    }
}

fn draft(event: &Event) -> Draft {
    Draft {
        event_type: event.event_type.clone(),
        payload: Arc::clone(&event.payload),
        source: Arc::clone(&event.source),
        entity: event.entity.clone(),
        session: event.session.clone(),
        id: Some(event.id),
        ts: Some(event.ts),
        cause: None,
    }
}
