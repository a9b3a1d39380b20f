//! A plugin's lane: one task that takes events from the bus, calls the guest it owns, and commits what the
//! guest did. Handles faults, retries, dead letters and quarantine; swaps guests between events.

mod commits;
mod handle;
mod inbox;
mod recording;
mod retrying;

pub(crate) use handle::LaneHandle;

use crate::context::{Context, Happening};
use crate::engine::Running;
use crate::fault::Fault;
use crate::gate::{Faulted, news, noise, report_fault};
use crate::grant::Mode;
use crate::guest::{Guest, Handled};
use crate::ledger::Admission;
use crate::logs::LogLevel;
use crate::plugin::{Plugin, PluginState};
use crate::version::Version;
use commits::Commits;
use handle::Command;
use inbox::Inbox;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tollgate_core::event::{Cause, Event};
use tollgate_core::journal::JournalError;

/// Most events taken from the bus at once: enough to share one commit, few enough to swap soon.
const BATCH: usize = 64;
/// Age at which a command goes to the dead letters where the grant file says nothing: acting on last month's
/// command is worse than not acting.
const COMMAND_MAX_AGE_MS: u64 = 10 * 60 * 1_000;

/// How a lane goes on after an event or a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// With the next event.
    Next,
    /// With a fresh batch: the inbox was opened anew at the cursor.
    Reopened,
    /// Not at all.
    End,
}

struct Lane {
    context: Arc<Context>,
    plugin: Arc<Plugin>,
    version: Arc<Version>,
    guest: Option<Guest>,
    inbox: Inbox,
    commits: Commits,
    commands: mpsc::Receiver<Command>,
    /// Faults in a row, which the backoff grows with.
    faults: u32,
    fuel_minute: (Instant, u64),
    /// Events of the batch under way that are not finished.
    left: usize,
    /// Keeps the epoch going from the first call of a batch to its end; given back by whatever waits.
    running: Option<Running>,
}

/// Starts a lane for a version that is ready.
pub(crate) async fn start(
    context: &Arc<Context>,
    plugin: &Arc<Plugin>,
    version: Arc<Version>,
    guest: Guest,
) -> Result<LaneHandle, JournalError> {
    let (inbox, finished) = Inbox::open(&context.bus, &version).await?;
    plugin.finished.store(finished, Relaxed);
    let (handle, receiver) = LaneHandle::new();
    let lane = Lane {
        commits: Commits::new(context.bus.clone(), Arc::clone(&plugin.name), finished),
        context: Arc::clone(context),
        plugin: Arc::clone(plugin),
        version,
        guest: Some(guest),
        inbox,
        commands: receiver,
        faults: 0,
        fuel_minute: (Instant::now(), 0),
        left: 0,
        running: None,
    };
    context.guests.spawn(lane.run());
    Ok(handle)
}

impl Lane {
    async fn run(mut self) {
        loop {
            self.left = 0;
            self.show_progress();
            let flow = tokio::select! {
                biased;
                command = self.commands.recv() => self.command(command).await,
                committed = self.commits.next(), if self.commits.pending() => self.committed(committed).await,
                batch = self.inbox.next(BATCH) => match batch {
                    Ok(Some(batch)) => self.batch(&batch).await,
                    Ok(None) => Flow::End,
                    Err(error) => self.journal_refused(&error).await,
                },
            };
            if flow == Flow::End {
                break;
            }
            // Other guests share the thread.
            tokio::task::yield_now().await;
        }
    }

    async fn batch(&mut self, batch: &[Arc<Event>]) -> Flow {
        let flow = self.each(batch).await;
        self.running = None;
        flow
    }

    async fn each(&mut self, batch: &[Arc<Event>]) -> Flow {
        fetch(batch);
        self.left = batch.len();
        self.show_progress();
        let mut now = Instant::now();
        for event in batch {
            if !self.commands.is_empty() {
                let command = self.commands.recv().await;
                match self.command(command).await {
                    Flow::Next => now = Instant::now(),
                    other => return other,
                }
            }
            match self.event(event, &mut now).await {
                Flow::Next => self.left -= 1,
                other => return other,
            }
            if self.commits.due(now)
                && let Err(flow) = self.flush(&mut now).await
            {
                return flow;
            }
        }
        match self.flush(&mut now).await {
            Ok(()) => Flow::Next,
            Err(flow) => flow,
        }
    }

    /// Handles one event to its end: done, failed, or given up.
    async fn event(&mut self, event: &Arc<Event>, now: &mut Instant) -> Flow {
        if self.stale(event) {
            return self.give_up(event, now, "stale", "older than its grant allows", 0).await;
        }
        let mut tries = 0;
        loop {
            let probing = match self.ready(now).await {
                Ok(probing) => probing,
                Err(flow) => return flow,
            };
            // One commit at most comes of a call.
            if let Err(flow) = self.room(now).await {
                return flow;
            }
            let Some(guest) = &mut self.guest else { continue };
            if self.running.is_none() {
                self.running = Some(self.context.ticker.running());
            }
            let handled = self.commits.beside(guest.handle(event, *now)).await;
            let begun = std::mem::replace(now, Instant::now());
            let fuel = guest.fuel_used(self.version.limits.fuel_per_event);
            self.plugin.counters.call(now.duration_since(begun), fuel);
            tries += 1;
            let rest = self.spend(fuel, *now);
            let Some(guest) = &mut self.guest else { continue };
            let (cause, message) = match handled {
                Ok(Handled::Done) => {
                    self.commits.done(event.seq, guest.state());
                    self.fine(probing, now).await;
                    return self.rest(rest, now).await;
                }
                Ok(Handled::Failed(message)) => {
                    self.plugin.counters.failed.fetch_add(1, Relaxed);
                    self.plugin.ring.push(LogLevel::Warn, &format!("event {} failed: {message}", event.seq));
                    self.commits.finish(event.seq);
                    self.fine(probing, now).await;
                    return self.rest(rest, now).await;
                }
                Ok(Handled::Retry(message)) => {
                    self.fine(probing, now).await;
                    ("retry", message)
                }
                Err(fault) => {
                    let cause = Cause { root: event.root, depth: event.depth };
                    self.faulted(&fault, Faulted { cause: Some(cause), tries, fuel }).await;
                    (fault.cause.as_str(), fault.message)
                }
            };
            if tries >= self.context.ledger.tempo().tries {
                return match self.give_up(event, now, cause, &message, tries).await {
                    Flow::Next => self.rest(rest, now).await,
                    other => other,
                };
            }
            let backoff = self.context.ledger.tempo().backoff(tries, noise());
            // What is left of the minute first: it is told of, and longer than any backoff.
            match self.rest(rest, now).await {
                Flow::Next => {}
                other => return other,
            }
            match self.pause(backoff.saturating_sub(rest), now).await {
                Flow::Next => {}
                other => return other,
            }
        }
    }

    /// Waits until a guest may be called: out of quarantine, and freshly made where the last one faulted. Says
    /// whether the call is a quarantine's probe; `now` is now where it waited.
    async fn ready(&mut self, now: &mut Instant) -> Result<bool, Flow> {
        if self.guest.is_some() && !self.version.record.quarantined() {
            return Ok(false);
        }
        loop {
            *now = Instant::now();
            let probing = match self.version.record.admit(*now) {
                Admission::Open => false,
                Admission::Probe => true,
                Admission::Closed(left) => {
                    self.settle().await?;
                    match self.pause(left, now).await {
                        Flow::Next => continue,
                        other => return Err(other),
                    }
                }
            };
            if self.guest.is_some() {
                return Ok(probing);
            }
            // A fresh guest reads what the last one stored from the journal: it has to be there.
            self.settle().await?;
            match self.version.fresh_guest(&self.context).await {
                Ok(guest) => {
                    self.guest = Some(guest);
                    *now = Instant::now();
                    return Ok(probing);
                }
                Err(fault) => {
                    self.faulted(&fault, Faulted { cause: None, tries: 0, fuel: 0 }).await;
                    let backoff = self.context.ledger.tempo().backoff(self.faults, noise());
                    match self.pause(backoff, now).await {
                        Flow::Next => {}
                        other => return Err(other),
                    }
                }
            }
        }
    }

    async fn faulted(&mut self, fault: &Fault, detail: Faulted) {
        self.count_refusals();
        self.guest = None;
        self.faults = self.faults.saturating_add(1);
        self.plugin.note_fault(fault);
        report_fault(&self.context, &self.plugin, &self.version, fault, detail).await;
    }

    async fn fine(&mut self, probing: bool, now: &mut Instant) {
        self.faults = 0;
        if probing && self.version.record.fine() {
            self.plugin.set_state_of(&self.version, PluginState::Serving);
            self.context.announce(news(Happening::Recovered, &self.version)).await;
            *now = Instant::now();
        }
        self.count_refusals();
    }

    /// What the guest was refused for want of budget, and its memory, for all to see.
    fn count_refusals(&mut self) {
        if let Some(guest) = &mut self.guest {
            self.plugin.counters.take_from(guest.state());
        }
    }

    async fn give_up(&mut self, event: &Arc<Event>, now: &mut Instant, cause: &str, message: &str, tries: u32) -> Flow {
        if let Err(flow) = self.room(now).await {
            return flow;
        }
        self.plugin.counters.dead_letters.fetch_add(1, Relaxed);
        let text = format!("event {} goes to the dead letters: {cause} after {tries} tries: {message}", event.seq);
        self.plugin.ring.push(LogLevel::Error, &text);
        self.commits.give_up(event.seq, cause, message, tries);
        Flow::Next
    }

    fn stale(&self, event: &Event) -> bool {
        let max_age_ms = match self.version.grant.delivery.max_age_ms {
            Some(max_age_ms) => max_age_ms,
            None if event.event_type.domain() == "command" => COMMAND_MAX_AGE_MS,
            None => return false,
        };
        let age = self.context.bus.clock().now().0.saturating_sub(event.ts.0);
        max_age_ms > 0 && u64::try_from(age).is_ok_and(|age| age > max_age_ms)
    }

    /// Takes `fuel` from the minute's budget; says how long to wait for the next one, where there is none left.
    fn spend(&mut self, fuel: u64, now: Instant) -> Duration {
        let budget = self.version.limits.fuel_per_minute;
        if budget == 0 {
            return Duration::ZERO;
        }
        let minute = self.context.ledger.tempo().fuel_minute;
        if now.duration_since(self.fuel_minute.0) >= minute {
            self.fuel_minute = (now, 0);
        }
        self.fuel_minute.1 = self.fuel_minute.1.saturating_add(fuel);
        if self.fuel_minute.1 < budget {
            return Duration::ZERO;
        }
        self.plugin.ring.push(LogLevel::Warn, "over its fuel of this minute: the next call waits");
        minute.saturating_sub(now.duration_since(self.fuel_minute.0))
    }

    /// Whether [`Lane::spend`] would have the next call wait.
    fn fuel_is_spent(&self, now: Instant) -> bool {
        let budget = self.version.limits.fuel_per_minute;
        let minute = self.context.ledger.tempo().fuel_minute;
        budget > 0 && self.fuel_minute.1 >= budget && now.duration_since(self.fuel_minute.0) < minute
    }

    /// Waits for what [`Lane::spend`] said, for all to see.
    async fn rest(&mut self, how_long: Duration, now: &mut Instant) -> Flow {
        if how_long.is_zero() {
            return Flow::Next;
        }
        self.plugin.throttled.store(true, Relaxed);
        let flow = self.pause(how_long, now).await;
        self.plugin.throttled.store(false, Relaxed);
        flow
    }

    /// Waits, but not for commands; `now` is now afterwards.
    async fn pause(&mut self, how_long: Duration, now: &mut Instant) -> Flow {
        if let Err(flow) = self.flush(now).await {
            return flow;
        }
        self.running = None;
        self.show_progress();
        let flow = tokio::select! {
            biased;
            command = self.commands.recv() => self.command(command).await,
            () = tokio::time::sleep(how_long) => Flow::Next,
        };
        *now = Instant::now();
        flow
    }

    async fn command(&mut self, command: Option<Command>) -> Flow {
        match command {
            Some(Command::Swap { version, done }) => {
                let (flow, swapped) = self.swap(version).await;
                // Who asked may be gone.
                let _ = done.send(swapped);
                flow
            }
            Some(Command::Retry { seq, done }) => self.retry(seq, done).await,
            Some(Command::Stop { done }) => {
                while let Some(committed) = self.last_commits().await {
                    if let Err(error) = committed {
                        self.plugin.ring.push(LogLevel::Error, &format!("the journal refused: {error}"));
                    }
                }
                self.stop_guest().await;
                let _ = done.send(());
                Flow::End
            }
            None => Flow::End,
        }
    }

    async fn swap(&mut self, version: Arc<Version>) -> (Flow, Result<(), Fault>) {
        // The new guest reads from the journal what the old one stored: it is made here, where all of it is
        // there, and not before.
        let flow = match self.settle_quietly().await {
            Flow::End => return (Flow::End, Ok(())),
            flow => flow,
        };
        let guest = match version.fresh_guest(&self.context).await {
            Ok(guest) => guest,
            Err(fault) => return (flow, Err(fault)),
        };
        self.stop_guest().await;
        let same_inbox = self.version.description.subscriptions == version.description.subscriptions
            && self.version.grant.delivery.mode == version.grant.delivery.mode;
        self.version = version;
        self.guest = Some(guest);
        self.faults = 0;
        if same_inbox {
            return (flow, Ok(()));
        }
        self.inbox = Inbox::Closed;
        let flow = match Inbox::open(&self.context.bus, &self.version).await {
            Ok(opened) => self.reopened(opened),
            Err(error) => Box::pin(self.journal_refused(&error)).await,
        };
        (flow, Ok(()))
    }

    async fn stop_guest(&mut self) {
        if let Some(guest) = self.guest.take() {
            let _running = self.context.ticker.running();
            if let Err(fault) = guest.stop().await {
                self.plugin.note_fault(&fault);
            }
        }
    }
}

/// Has the processor fetch what the guest will be handed. Another core wrote it: waiting for each event's lines of
/// cache in turn takes a quarter of a small guest's time, while those of a whole batch come side by side.
fn fetch(batch: &[Arc<Event>]) {
    let first = |text: &str| text.as_bytes().first().copied().unwrap_or_default();
    let bytes = batch
        .iter()
        .map(|event| first(&event.payload) ^ first(&event.source) ^ first(event.event_type.as_str()) ^ event.depth);
    std::hint::black_box(bytes.fold(0, |all, byte| all ^ byte));
}

/// Whether events of this version wait in the journal.
fn is_durable(version: &Version) -> bool {
    version.grant.delivery.mode == Mode::Durable
}
