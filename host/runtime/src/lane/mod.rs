//! A plugin's lanes: each is one task that takes its events, calls the guest it owns, and commits what the guest did.
//! Handles faults, retries, dead letters and quarantine. A plugin has one lane for each instance: the only one reads
//! the plugin's inbox itself, several have it split.

mod changing;
mod commits;
mod drain;
mod handle;
mod inbox;
mod pace;
mod recording;
mod retrying;
mod share;
mod splitter;

pub(crate) use handle::LaneHandle;

use crate::component::Rejection;
use crate::context::{Context, Happening};
use crate::engine::{EPOCH_TICK, Running};
use crate::fault::Fault;
use crate::gate::{Faulted, news, noise, report_fault};
use crate::grant::Mode;
use crate::guest::{Guest, Handled};
use crate::ledger::Admission;
use crate::logs::LogLevel;
use crate::plugin::{Plugin, PluginState};
use crate::version::Version;
use commits::Commits;
use drain::{Drain, Due};
use handle::{COMMANDS, Command};
use inbox::{Inbox, Opened};
use share::Share;
use splitter::Splitter;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tollgate_core::bus::Outcome;
use tollgate_core::event::{Cause, Event};
use tollgate_core::journal::JournalError;

/// Most events taken from the bus at once: enough to share one commit, few enough to swap soon.
const BATCH: usize = 64;
/// How long a lane handles events before the other tasks of its thread get their turn: as long as a guest that
/// computes, whose turn ends with the epoch.
const TURN: Duration = EPOCH_TICK;
/// Age at which a command goes to the dead letters where the grant file says nothing: acting on last month's
/// command is worse than not acting.
const COMMAND_MAX_AGE_MS: u64 = 10 * 60 * 1_000;

/// Cause of the dead letter of an event that nobody was called for, since it was too old.
const STALE: &str = "stale";

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
    /// Which of the plugin's lanes this is.
    number: usize,
    share: Arc<Share>,
    feed: Feed,
    commits: Commits,
    commands: mpsc::Receiver<Command>,
    due: Due,
    /// Faults in a row, which the backoff grows with.
    faults: u32,
    /// Events of the batch under way that are not finished.
    left: usize,
    /// How long it has handled events since the other tasks of its thread last got their turn.
    turn: Duration,
    /// Keeps the epoch going from the first call of a batch to its end; given back by whatever waits.
    running: Option<Running>,
}

/// Where a lane's events come from.
enum Feed {
    /// It is the plugin's only lane.
    Own(Inbox),
    /// It is given its share.
    Shared,
}

/// Starts the lanes of a version that is ready: the first with `guest`, the others make theirs when they need one.
///
/// # Errors
/// When the version's events cannot be read.
pub(crate) async fn start(
    context: &Arc<Context>,
    plugin: &Arc<Plugin>,
    version: Arc<Version>,
    guest: Guest,
) -> Result<LaneHandle, Rejection> {
    let opened = handle::open(context, &version).await?;
    Ok(spawn(context, plugin, version, guest, opened))
}

fn spawn(
    context: &Arc<Context>,
    plugin: &Arc<Plugin>,
    version: Arc<Version>,
    guest: Guest,
    opened: Opened,
) -> LaneHandle {
    let instances = version.grant.delivery.instances();
    plugin.finished.store(opened.1.upto, Relaxed);
    plugin.usage.set_instances(instances);
    let (drain, share) = (Drain::new(), Arc::new(Share::new(instances, &opened.1)));
    let (shown, read_for) = watch::channel(Arc::clone(&version));
    let (mut opened, mut guest) = (Some(opened), Some(guest));
    let lanes = (0..instances).map(|number| {
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let feed = match opened.take_if(|_| instances == 1) {
            Some((inbox, _)) => Feed::Own(inbox),
            None => Feed::Shared,
        };
        let lane = Lane {
            commits: Commits::new(context.bus.clone(), plugin, Arc::clone(&share), number),
            context: Arc::clone(context),
            plugin: Arc::clone(plugin),
            version: Arc::clone(&version),
            guest: guest.take(),
            number,
            share: Arc::clone(&share),
            feed,
            commands: receiver,
            due: drain.due(),
            faults: 0,
            left: 0,
            turn: Duration::ZERO,
            running: None,
        };
        context.guests.spawn(lane.run());
        commands
    });
    let lanes = lanes.collect();
    if let Some(opened) = opened {
        let (context, plugin, share) = (Arc::clone(context), Arc::clone(plugin), Arc::clone(&share));
        let splitter = Splitter { context, plugin, share, version: read_for };
        splitter.context.guests.clone().spawn(splitter.run(opened));
    }
    LaneHandle { context: Arc::clone(context), plugin: Arc::clone(plugin), lanes, drain, share, version: shown }
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
                batch = next_batch(&mut self.feed, &self.share, self.number) => match batch {
                    Ok(Some((generation, batch))) => {
                        self.commits.go_on_with(generation);
                        self.batch(&batch).await
                    }
                    Ok(None) => Flow::End,
                    Err(error) => self.journal_refused(&error).await,
                },
            };
            if flow == Flow::End {
                break;
            }
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
            if self.turn >= TURN {
                tokio::task::yield_now().await;
                self.turn = Duration::ZERO;
                now = Instant::now();
            }
            let begun = now;
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
            self.turn += now.duration_since(begun);
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
            return self.give_up(event, now, STALE, "older than its grant allows", 0).await;
        }
        match self.paced(now).await {
            Flow::Next => {}
            other => return other,
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
            let call = self.commits.beside(guest.handle(event, *now));
            let Some(handled) = self.due.within(call).await else {
                match self.interrupted(event.seq, now).await {
                    Flow::Next => continue,
                    other => return other,
                }
            };
            let begun = std::mem::replace(now, Instant::now());
            let fuel = guest.fuel_used();
            self.plugin.counters.call(now.duration_since(begun), fuel);
            tries += 1;
            let rest = self.spend(fuel, *now);
            let Some(guest) = &mut self.guest else { continue };
            let (cause, message) = match handled {
                Ok(Handled::Done) => {
                    self.commits.done(event.seq, guest.state());
                    self.commits.became(event, || Outcome::Handled);
                    self.fine(probing, now).await;
                    return self.rest(rest, now).await;
                }
                Ok(Handled::Failed(message)) => {
                    self.plugin.counters.failed.fetch_add(1, Relaxed);
                    self.plugin.ring.push(LogLevel::Warn, &format!("event {} failed: {message}", event.seq));
                    self.commits.finish(event.seq);
                    self.commits.became(event, || Outcome::Failed(message.into()));
                    self.fine(probing, now).await;
                    return self.rest(rest, now).await;
                }
                Ok(Handled::Retry(message)) => {
                    self.fine(probing, now).await;
                    ("retry", message)
                }
                Err(fault) => {
                    let cause = Cause { root: event.root, depth: event.depth };
                    self.faulted(&fault, Faulted { cause: Some(cause), tries }).await;
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
            match self.due.within(self.version.fresh_guest(&self.context)).await {
                None => match self.next_command(now).await {
                    Flow::Next => {}
                    other => return Err(other),
                },
                Some(Ok(guest)) => {
                    self.guest = Some(guest);
                    *now = Instant::now();
                    return Ok(probing);
                }
                Some(Err(fault)) => {
                    self.faulted(&fault, Faulted { cause: None, tries: 0 }).await;
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
        self.commits.became(event, || match cause {
            STALE => Outcome::Dropped(message.into()),
            _ => Outcome::Faulted { cause: cause.into(), message: message.into() },
        });
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

    /// The call of event `seq` was stopped for a change that waited for it: what it did is dropped with its guest, and
    /// the event is tried again after the change.
    async fn interrupted(&mut self, seq: u64, now: &mut Instant) -> Flow {
        self.count_refusals();
        if let Some(mut guest) = self.guest.take() {
            // Its programs: they are not reaped by a call that never ended.
            guest.state().end();
        }
        let text = format!("event {seq} was stopped after drain_ms for a change, and is tried again");
        self.plugin.ring.push(LogLevel::Warn, &text);
        self.next_command(now).await
    }

    /// Carries out the command that a change gave or is about to give, unless it is called off.
    async fn next_command(&mut self, now: &mut Instant) -> Flow {
        self.running = None;
        let flow = tokio::select! {
            biased;
            command = self.commands.recv() => self.command(command).await,
            () = self.due.called_off() => Flow::Next,
        };
        *now = Instant::now();
        flow
    }
}

/// The next events with the generation that they belong to; none where no more come. Cancel-safe.
async fn next_batch(
    feed: &mut Feed,
    share: &Share,
    lane: usize,
) -> Result<Option<(u64, Vec<Arc<Event>>)>, JournalError> {
    let Feed::Own(inbox) = feed else { return Ok(share.take(lane, BATCH).await) };
    let Some(batch) = inbox.next(BATCH).await? else { return Ok(None) };
    share.took(&batch, inbox.passed());
    Ok(Some((share.generation(), batch)))
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
