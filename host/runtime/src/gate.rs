//! A guard's answers to gate calls, from a guest of its own, so that no call waits behind an event.
//!
//! The caller's own task calls the guest: waking another thread and being woken by it takes longer than most
//! guards do. A guard that has not answered when it first yields goes on where all guests run.

use crate::context::{Announcement, Context, Happening};
use crate::convert::GuardWord;
use crate::fault::{Fault, FaultCause};
use crate::guest::Guest;
use crate::ledger::{Admission, Consequence};
use crate::plugin::{Plugin, PluginState, RequiredGuard};
use crate::version::Version;
use futures_util::future::FutureExt;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore, oneshot};
use tollgate_core::gate::{Cause, GuardAnswer, GuardOutcome, NormalisedCall};

/// Most gate calls at one guard, the one that it answers included; each waits at most its `gate_timeout_ms`.
const QUEUE_CALLS: usize = 64;
/// What a caller waits beyond a guard's own limit, for the answer's way back.
const ANSWER_GRACE: Duration = Duration::from_millis(20);

/// Where calls for one version of a guard go. Dropping it ends its guest once that has answered.
pub(crate) struct GateSeat {
    pub(crate) version: Arc<Version>,
    context: Arc<Context>,
    /// Only to be told of a fault at the end: the plugin owns this seat.
    plugin: Weak<Plugin>,
    room: Semaphore,
    desk: Arc<Mutex<Desk>>,
}

impl GateSeat {
    /// Has `guest` answer.
    pub(crate) fn new(context: &Arc<Context>, plugin: &Arc<Plugin>, version: &Arc<Version>, guest: Guest) -> Self {
        let desk = Desk {
            context: Arc::clone(context),
            version: Arc::clone(version),
            guest: Some(guest),
            faults: 0,
            not_before: None,
        };
        Self {
            version: Arc::clone(version),
            context: Arc::clone(context),
            plugin: Arc::downgrade(plugin),
            room: Semaphore::new(QUEUE_CALLS),
            desk: Arc::new(Mutex::new(desk)),
        }
    }

    async fn ask(&self, plugin: &Arc<Plugin>, call: &Arc<NormalisedCall>) -> GuardOutcome {
        let Ok(_place) = self.room.try_acquire() else {
            return failed(Cause::Unavailable, format!("{QUEUE_CALLS} calls wait for it already"));
        };
        let limit_ms = self.version.limits.gate_timeout_ms;
        let limit = Duration::from_millis(limit_ms) + ANSWER_GRACE;
        match tokio::time::timeout(limit, self.answered(plugin, call)).await {
            Ok(outcome) => outcome,
            Err(_) => failed(Cause::Timeout, format!("it did not answer within {limit_ms} ms")),
        }
    }

    async fn answered(&self, plugin: &Arc<Plugin>, call: &Arc<NormalisedCall>) -> GuardOutcome {
        let desk = Arc::clone(&self.desk).lock_owned().await;
        let (answer, answered) = oneshot::channel();
        let mut serving = Box::pin(serve(desk, Arc::clone(plugin), Arc::clone(call), answer));
        // It yields when it waits, or at the next epoch. The timers and threads that it needs by then are those of the
        // runtime that it goes on in.
        let first = {
            let _guests = self.context.guests.enter();
            serving.as_mut().now_or_never()
        };
        if first.is_none() {
            self.context.guests.spawn(serving);
        }
        answered.await.unwrap_or_else(|_| failed(Cause::Unavailable, "the host is ending".to_owned()))
    }
}

impl Drop for GateSeat {
    fn drop(&mut self) {
        let (desk, plugin) = (Arc::clone(&self.desk), Weak::clone(&self.plugin));
        self.context.guests.spawn(async move { desk.lock().await.end(plugin).await });
    }
}

/// Answers, and does what follows from a fault before the next caller has the desk.
async fn serve(
    mut desk: OwnedMutexGuard<Desk>,
    plugin: Arc<Plugin>,
    call: Arc<NormalisedCall>,
    answer: oneshot::Sender<GuardOutcome>,
) {
    let (outcome, fault) = desk.question(&plugin, &call).await;
    // A caller that no longer waits has its answer.
    let _ = answer.send(outcome);
    if let Some(fault) = fault {
        desk.faulted(&plugin, fault).await;
    }
}

fn failed(cause: Cause, message: String) -> GuardOutcome {
    GuardOutcome::Failed { cause, message }
}

/// One guard's answer to a call, or none where it does not gate the call's tool.
pub(crate) async fn answer(plugin: Arc<Plugin>, call: &Arc<NormalisedCall>) -> Option<GuardAnswer> {
    let seat = plugin.seat.load_full();
    let required = plugin.required.load_full();
    let (outcome, gate, on_fault) = match (seat, required.as_deref()) {
        (Some(seat), Some(required)) if !seat.version.grant.gate.covers(required.grant) => {
            if !seat.version.gates(&call.tool) && !required.gates(&call.tool) {
                return None;
            }
            (
                overtaken(&plugin, &seat, call).await,
                required.grant.at_most(seat.version.capabilities.gate()),
                required.on_fault,
            )
        }
        (Some(seat), required) if seat.version.gates(&call.tool) => {
            // The version may have been loaded with more than the operator's newest word grants.
            let granted = required.map(|required| required.grant).unwrap_or_default();
            let on_fault = required.map_or(seat.version.grant.delivery.on_fault, |required| required.on_fault);
            (seat.ask(&plugin, call).await, seat.version.capabilities.gate().and(granted), on_fault)
        }
        (Some(_), _) | (None, None) => return None,
        (None, Some(required)) if required.gates(&call.tool) => {
            let RequiredGuard { grant, on_fault, .. } = required;
            (failed(Cause::Unavailable, absence(&plugin)), *grant, *on_fault)
        }
        (None, Some(_)) => return None,
    };
    Some(GuardAnswer {
        plugin: Arc::clone(&plugin.name),
        outcome,
        on_fault,
        may_deny: gate.deny,
        may_ask: gate.ask,
        may_allow: gate.allow,
        may_rewrite: gate.rewrite,
        may_speak: gate.speak,
    })
}

/// The answer of a version that serves while the operator has granted more than it was loaded with. Its stricter
/// words count already. For the rest, a version that was in shadow is no guard yet.
async fn overtaken(plugin: &Arc<Plugin>, seat: &GateSeat, call: &Arc<NormalisedCall>) -> GuardOutcome {
    let shadow = seat.version.in_shadow();
    let outcome = if seat.version.gates(&call.tool) { seat.ask(plugin, call).await } else { GuardOutcome::Abstain };
    match outcome {
        GuardOutcome::Abstain | GuardOutcome::Allow | GuardOutcome::Rewrite(_) if shadow => {
            failed(Cause::Unavailable, absence(plugin))
        }
        outcome => outcome,
    }
}

fn absence(plugin: &Plugin) -> String {
    let face = plugin.face();
    match (&face.rejected, face.state) {
        (Some(rejection), _) => format!("it is granted and not loaded: {rejection}"),
        (None, Some(state)) => format!("it is granted and not loaded: {}", state.as_str()),
        (None, None) => "it is granted and not loaded".to_owned(),
    }
}

struct Desk {
    context: Arc<Context>,
    version: Arc<Version>,
    guest: Option<Guest>,
    /// Faults in a row.
    faults: u32,
    /// No fresh guest before this.
    not_before: Option<Instant>,
}

impl Desk {
    async fn end(&mut self, plugin: Weak<Plugin>) {
        let Some(guest) = self.guest.take() else { return };
        let _running = self.context.ticker.running();
        if let Err(fault) = guest.stop().await
            && let Some(plugin) = plugin.upgrade()
        {
            plugin.note_fault(&fault);
        }
    }

    async fn question(&mut self, plugin: &Plugin, call: &NormalisedCall) -> (GuardOutcome, Option<Fault>) {
        let probing = match self.version.record.admit(Instant::now()) {
            Admission::Open => false,
            Admission::Probe => true,
            Admission::Closed(left) => {
                return (failed(Cause::Quarantine, format!("it is in quarantine for {} s", left.as_secs())), None);
            }
        };
        let _running = self.context.ticker.running();
        if self.guest.is_none() {
            if self.not_before.is_some_and(|not_before| Instant::now() < not_before) && !probing {
                return (failed(Cause::Unavailable, "it is being restarted after a fault".to_owned()), None);
            }
            match self.version.fresh_guest(&self.context).await {
                Ok(guest) => self.guest = Some(guest),
                Err(fault) => return (failed(Cause::Fault, fault.to_string()), Some(fault)),
            }
        }
        let Some(guest) = &mut self.guest else {
            return (failed(Cause::Unavailable, "it has no guest".to_owned()), None);
        };
        let begun = Instant::now();
        let answered = guest.check(call).await;
        plugin.counters.call(begun.elapsed(), guest.fuel_used());
        match answered {
            Ok(word) => {
                let emits = std::mem::take(&mut guest.state().call.emits);
                if !emits.is_empty()
                    && let Err(error) = self.context.bus.emit_batch(emits).await
                {
                    plugin.ring.push(crate::logs::LogLevel::Warn, &format!("its emits were refused: {error}"));
                }
                self.fine(plugin, probing).await;
                (outcome(plugin, word), None)
            }
            Err(fault) => {
                self.guest = None;
                let cause = if fault.cause == FaultCause::Timeout { Cause::Timeout } else { Cause::Fault };
                (failed(cause, fault.to_string()), Some(fault))
            }
        }
    }

    async fn fine(&mut self, plugin: &Plugin, probing: bool) {
        self.faults = 0;
        self.not_before = None;
        if let Some(guest) = &mut self.guest {
            plugin.counters.take_from(guest.state());
        }
        if probing && self.version.record.fine() {
            plugin.set_state_of(&self.version, PluginState::Serving);
            self.context.announce(news(Happening::Recovered, &self.version)).await;
        }
    }

    async fn faulted(&mut self, plugin: &Plugin, fault: Fault) {
        self.faults += 1;
        plugin.note_fault(&fault);
        let now = Instant::now();
        let wait = self.context.ledger.tempo().backoff(self.faults, noise());
        self.not_before = Some(now + wait);
        report_fault(&self.context, plugin, &self.version, &fault, Faulted { cause: None, tries: 1 }).await;
    }
}

/// What the guard said, with its own failures counted.
fn outcome(plugin: &Plugin, word: Result<GuardWord, String>) -> GuardOutcome {
    let said = word.map_err(|message| format!("it failed: {message}")).and_then(GuardWord::outcome);
    said.unwrap_or_else(|message| {
        plugin.counters.failed.fetch_add(1, Relaxed);
        failed(Cause::Fault, message)
    })
}

/// An announcement that names the version.
pub(crate) fn news(happening: Happening, version: &Version) -> Announcement {
    Announcement::new(happening, &version.plugin)
        .with("version", version.description.version.as_str())
        .with("digest", &*version.digest)
}

/// What a fault's event says besides the fault.
pub(crate) struct Faulted {
    /// The handled event's chain.
    pub(crate) cause: Option<tollgate_core::event::Cause>,
    pub(crate) tries: u32,
}

/// Records a fault in the ledger and tells of it and of what it leads to.
pub(crate) async fn report_fault(
    context: &Context,
    plugin: &Plugin,
    version: &Version,
    fault: &Fault,
    detail: Faulted,
) {
    let consequence = version.record.fault(Instant::now());
    let announcement = news(Happening::Faulted, version)
        .with("cause", fault.cause.as_str())
        .with("message", fault.message.as_str())
        .with("tries", detail.tries)
        .with("fuel", fault.fuel)
        .with("took_us", fault.took_us())
        .with("backtrace", fault.backtrace.as_deref())
        .caused_by(detail.cause);
    context.announce(announcement).await;
    if let Consequence::Quarantine(cooldown) = consequence {
        plugin.counters.quarantines.fetch_add(1, Relaxed);
        plugin.set_state_of(version, PluginState::Quarantined);
        let announcement = news(Happening::Quarantined, version)
            .with("cause", fault.cause.as_str())
            .with("cooldown_ms", u64::try_from(cooldown.as_millis()).unwrap_or(u64::MAX))
            .caused_by(detail.cause);
        context.announce(announcement).await;
    }
}

/// A byte that differs from plugin to plugin and time to time, to spread retries.
pub(crate) fn noise() -> u8 {
    uuid::Uuid::now_v7().as_bytes().last().copied().unwrap_or_default()
}
