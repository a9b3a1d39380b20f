//! An event given once more, at the lane's own boundary between events: one call, and one commit that holds what came
//! of it. Where it was a dead letter, the commit has the letter's end as well, or the letter with its tries counted.

use super::{Flow, Lane};
use crate::gate::Faulted;
use crate::guest::Handled;
use crate::logs::LogLevel;
use crate::retry::{Again, Letter, RetryOutcome, RetryRefusal, known_letter, letter_of, may_be_given};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;
use tokio::sync::oneshot;
use tollgate_core::event::Cause;
use tollgate_core::journal::DeadLetter;

/// Where the outcome goes.
pub(super) type Asked = oneshot::Sender<Result<RetryOutcome, RetryRefusal>>;

impl Lane {
    /// Gives the guest an event once more. Nothing runs for somebody who is gone.
    pub(super) async fn retry(&mut self, what: Again, asked: Asked) -> Flow {
        if asked.is_closed() {
            return Flow::Next;
        }
        // The letter is read, and a fresh guest made, of a journal that has everything the lane did.
        let flow = self.settle_quietly().await;
        if flow == Flow::End {
            return flow;
        }
        let outcome = self.try_again(what).await;
        // Who asked may be gone; the journal has it.
        let _ = asked.send(outcome);
        flow
    }

    async fn try_again(&mut self, what: Again) -> Result<RetryOutcome, RetryRefusal> {
        let (letter, event) = match what {
            Again::Letter(seq) => {
                let Letter { letter, event } = letter_of(&self.context.bus, &self.version, seq).await?;
                (Some(letter), event)
            }
            Again::Event(event) => {
                may_be_given(&self.version, &event)?;
                (known_letter(&self.context.bus, &self.version, event.seq).await?, event)
            }
        };
        let seq = event.seq;
        if let Some(rate) = self.version.grant.delivery.max_per_second {
            let turn = self.plugin.usage.take_turn(rate, Instant::now());
            if self.due.within(tokio::time::sleep(turn)).await.is_none() {
                return Err(RetryRefusal::Ended(self.plugin.name.to_string()));
            }
        }
        if !self.fuel_wait(Instant::now()).is_zero() {
            return Err(RetryRefusal::OutOfFuel(self.plugin.name.to_string()));
        }
        let tries = letter.as_ref().map_or(0, |letter| letter.tries).saturating_add(1);
        let running = self.context.ticker.running();
        if self.guest.is_none() {
            match self.due.within(self.version.fresh_guest(&self.context)).await {
                None => return Err(RetryRefusal::Ended(self.plugin.name.to_string())),
                Some(Ok(guest)) => self.guest = Some(guest),
                Some(Err(fault)) => {
                    self.faulted(&fault, Faulted { cause: None, tries: 0 }).await;
                    return Err(RetryRefusal::NoGuest { plugin: self.plugin.name.to_string(), fault });
                }
            }
        }
        let begun = Instant::now();
        let Some(guest) = &mut self.guest else { return Err(RetryRefusal::Ended(self.plugin.name.to_string())) };
        let Some(handled) = self.due.within(guest.handle(&event, begun)).await else {
            // A change waited for it for as long as it may: what the guest did is dropped with it.
            guest.state().end();
            self.guest = None;
            return Err(RetryRefusal::Ended(self.plugin.name.to_string()));
        };
        let fuel = guest.fuel_used();
        drop(running);
        let now = Instant::now();
        self.plugin.counters.call(now.duration_since(begun), fuel);
        let _rest = self.spend(fuel, now);
        let (cause, message) = match handled {
            Ok(Handled::Done) => {
                self.went_well();
                return self.commit_retried(letter.map(|_| seq), None).await.map(|()| RetryOutcome::Handled);
            }
            Ok(Handled::Failed(message)) => {
                self.plugin.counters.failed.fetch_add(1, Relaxed);
                self.went_well();
                ("failed", message)
            }
            Ok(Handled::Retry(message)) => {
                self.went_well();
                ("retry", message)
            }
            Err(fault) => {
                let of = Cause { root: event.root, depth: event.depth };
                self.faulted(&fault, Faulted { cause: Some(of), tries }).await;
                (fault.cause.as_str(), fault.message)
            }
        };
        let (cause, message): (Arc<str>, Arc<str>) = (cause.into(), message.into());
        let outcome = RetryOutcome::Left { cause: Arc::clone(&cause), message: Arc::clone(&message), tries };
        let Some(letter) = letter else {
            let text = format!("event {seq}, given once more: {cause}: {message}");
            self.plugin.ring.push(LogLevel::Warn, &text);
            return Ok(outcome);
        };
        let text = format!("event {seq} stays with the dead letters: {cause} after {tries} tries: {message}");
        self.plugin.ring.push(LogLevel::Error, &text);
        let at = self.context.bus.clock().now();
        let left = DeadLetter { cause, message, tries, at, ..letter };
        self.commit_retried(Some(seq), Some(left)).await.map(|()| outcome)
    }

    fn went_well(&mut self) {
        self.faults = 0;
        self.count_refusals();
    }

    /// One commit with what the guest staged, which is nothing where the letter is left.
    async fn commit_retried(&mut self, letter: Option<u64>, left: Option<DeadLetter>) -> Result<(), RetryRefusal> {
        let state = if left.is_none() { self.guest.as_mut().map(|guest| guest.state()) } else { None };
        match self.commits.retried(letter, left, state).await {
            Ok(number) => {
                if let Some(guest) = &mut self.guest {
                    guest.state().store.committed(number);
                }
                Ok(())
            }
            Err(error) => {
                // What the guest remembers of it did not happen.
                self.guest = None;
                Err(RetryRefusal::Journal(error))
            }
        }
    }
}
