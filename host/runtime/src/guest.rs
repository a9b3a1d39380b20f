//! One running guest: the store, its instance, and calls into it, each within its limits.
//!
//! Whoever holds it is the one task that owns the store. After a [`Fault`] the guest is poisoned and must be
//! dropped; the type does not hand out calls that could be left half-done and continued.

use crate::bindings::exports::tollgate::plugin::{gate, handler, lifecycle};
use crate::capability::Phase;
use crate::component::Loaded;
use crate::convert;
use crate::fault::{Fault, MAX_MESSAGE_BYTES, cut};
use crate::host::{self, CallSubject, GuestState, StateParts};
use crate::limits::{Limits, MAX_HANDLES, MAX_HOST_CALL_BYTES};
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::time::Sleep;
use tollgate_core::event::{Cause, Event};
use tollgate_core::gate::NormalisedCall;
use uuid::Uuid;
use wasmtime::Store;

/// An instance of a plugin's component.
pub(crate) struct Guest {
    store: Store<GuestState>,
    lifecycle: lifecycle::Guest,
    handler: handler::Guest,
    gate: Option<gate::Guest>,
    limits: Limits,
    /// One timer for all calls, armed only by a call that waits.
    sleep: Pin<Box<Sleep>>,
}

/// What a handler that did not fault said.
#[derive(Debug)]
pub(crate) enum Handled {
    Done,
    Failed(String),
    Retry(String),
}

impl Guest {
    /// Makes a fresh instance; nothing of the plugin has run but its modules' start functions.
    pub(crate) async fn instantiate(loaded: &Loaded, parts: StateParts) -> Result<Self, Fault> {
        let limits = parts.limits;
        let mut store = Store::new(loaded.engine(), GuestState::new(parts));
        store.limiter(|state| &mut state.limiter);
        store.epoch_deadline_callback(host::on_epoch);
        store.set_hostcall_fuel(MAX_HOST_CALL_BYTES);
        store.set_max_component_handles(MAX_HANDLES);
        let mut sleep = Box::pin(tokio::time::sleep(Duration::ZERO));
        let deadline = prepare(&mut store, Phase::Describe, limits.fuel_init, limits.timeout_ms, Instant::now(), None);
        let made = within(loaded.instance_pre().instantiate_async(&mut store), deadline, &mut sleep).await;
        let instance = finish(&mut store, made, limits.timeout_ms)?;
        let exports = loaded.exports();
        let load = |error: wasmtime::Error| Fault::of(&error, crate::fault::CallNotes::default());
        let lifecycle = exports.lifecycle.load(&mut store, &instance).map_err(load)?;
        let handler = exports.handler.load(&mut store, &instance).map_err(load)?;
        let gate = match &exports.gate {
            Some(gate) => Some(gate.load(&mut store, &instance).map_err(load)?),
            None => None,
        };
        Ok(Self { store, lifecycle, handler, gate, limits, sleep })
    }

    /// Asks the guest what it is. Nothing but logging works meanwhile.
    pub(crate) async fn describe(&mut self) -> Result<lifecycle::Description, Fault> {
        let Limits { fuel_init, timeout_ms, .. } = self.limits;
        let deadline = prepare(&mut self.store, Phase::Describe, fuel_init, timeout_ms, Instant::now(), None);
        let result = within(self.lifecycle.call_describe(&mut self.store), deadline, &mut self.sleep).await;
        finish(&mut self.store, result, timeout_ms)
    }

    /// Hands the guest its configuration; `Ok(Err)` is its refusal.
    pub(crate) async fn init(&mut self, config: &str) -> Result<Result<(), String>, Fault> {
        let Limits { fuel_init, timeout_ms, .. } = self.limits;
        let deadline = prepare(&mut self.store, Phase::ReadOnly, fuel_init, timeout_ms, Instant::now(), None);
        let result = within(self.lifecycle.call_init(&mut self.store, config), deadline, &mut self.sleep).await;
        finish(&mut self.store, result, timeout_ms)
    }

    /// Handles one event. `now` is when the call begins: the end of the one before, so that the clock is read
    /// once an event. What the handler staged stays in the state until the next call.
    pub(crate) async fn handle(&mut self, event: &Event, now: Instant) -> Result<Handled, Fault> {
        let Limits { fuel_per_event, timeout_ms, .. } = self.limits;
        let subject = CallSubject {
            cause: Some(Cause { root: event.root, depth: event.depth }),
            cause_id: event.id.as_bytes(),
            session: event.session.as_ref(),
        };
        let deadline = prepare(&mut self.store, Phase::Handle, fuel_per_event, timeout_ms, now, Some(subject));
        let mut id = convert::IdText::default();
        let call = self.handler.call_handle(&mut self.store, convert::event(event, &mut id));
        let result = within(call, deadline, &mut self.sleep).await;
        let handled = finish(&mut self.store, result, timeout_ms)?;
        Ok(match handled {
            Ok(()) => Handled::Done,
            Err(failure) => {
                self.store.data_mut().discard();
                match failure {
                    handler::Failure::Failed(message) => Handled::Failed(cut(message, MAX_MESSAGE_BYTES)),
                    handler::Failure::Retry(message) => Handled::Retry(cut(message, MAX_MESSAGE_BYTES)),
                }
            }
        })
    }

    /// Asks a guard about one call; `Ok(Err)` is its own error.
    pub(crate) async fn check(&mut self, call: &NormalisedCall) -> Result<Result<convert::GuardWord, String>, Fault> {
        let Limits { fuel_per_gate, gate_timeout_ms, .. } = self.limits;
        let Some(gate) = &self.gate else { return Ok(Err("it exports no gate".to_owned())) };
        // The ids of its emits follow from an id of the host's: the call's own is the agent's, who could choose it
        // so that an emit counts as one that was there before.
        let check = Uuid::now_v7();
        let subject = CallSubject { cause: None, cause_id: check.as_bytes(), session: Some(&call.session) };
        let now = Instant::now();
        let deadline = prepare(&mut self.store, Phase::Check, fuel_per_gate, gate_timeout_ms, now, Some(subject));
        let cwd = call.cwd.to_string_lossy();
        let views = convert::CommandViews::of(call);
        let commands = views.commands();
        let check = gate.call_check(&mut self.store, convert::call(call, &cwd, &commands));
        let result = within(check, deadline, &mut self.sleep).await;
        let answer = finish(&mut self.store, result, gate_timeout_ms)?;
        if answer.is_err() {
            self.store.data_mut().discard();
        }
        Ok(answer.map(Into::into).map_err(|message| cut(message, MAX_MESSAGE_BYTES)))
    }

    /// Tells the guest that it ends; whatever comes of it, the guest is dropped.
    pub(crate) async fn stop(mut self) -> Result<(), Fault> {
        let Limits { fuel_init, timeout_ms, .. } = self.limits;
        let deadline = prepare(&mut self.store, Phase::ReadOnly, fuel_init, timeout_ms, Instant::now(), None);
        let result = within(self.lifecycle.call_stop(&mut self.store), deadline, &mut self.sleep).await;
        finish(&mut self.store, result, timeout_ms)
    }

    /// Fuel that the last call used, the host's work for it included.
    pub(crate) fn fuel_used(&self) -> u64 {
        fuel_used(&self.store)
    }

    /// What the imports left behind.
    pub(crate) fn state(&mut self) -> &mut GuestState {
        self.store.data_mut()
    }
}

/// Sets fuel, epoch and budgets for the next call; says when the wall clock ends it.
fn prepare(
    store: &mut Store<GuestState>,
    phase: Phase,
    fuel: u64,
    timeout_ms: u64,
    now: Instant,
    subject: Option<CallSubject<'_>>,
) -> Instant {
    let deadline = now + Duration::from_millis(timeout_ms);
    store.data_mut().begin(phase, fuel, deadline, subject);
    // Fails only where fuel is off, which `Engine::new` rules out; a guest without fuel would trap at once.
    let fuelled = store.set_fuel(fuel);
    debug_assert!(fuelled.is_ok());
    store.set_epoch_deadline(1);
    deadline
}

enum Ended<T> {
    Returned(wasmtime::Result<T>),
    /// It waited in a host call past its wall clock.
    TimedOut,
}

/// Drives `call` until it returns or the wall clock ends. The timer is registered only when the call waits: a
/// guest that computes is ended by the epoch.
async fn within<T>(
    call: impl Future<Output = wasmtime::Result<T>>,
    deadline: Instant,
    sleep: &mut Pin<Box<Sleep>>,
) -> Ended<T> {
    let mut call = pin!(call);
    let mut armed = false;
    std::future::poll_fn(|context| {
        if let Poll::Ready(result) = call.as_mut().poll(context) {
            return Poll::Ready(Ended::Returned(result));
        }
        if !armed {
            armed = true;
            sleep.as_mut().reset(deadline.into());
        }
        sleep.as_mut().poll(context).map(|()| Ended::TimedOut)
    })
    .await
}

fn fuel_used(store: &Store<GuestState>) -> u64 {
    let state = store.data();
    // Fails only where fuel is off.
    let left = store.get_fuel().unwrap_or_default();
    state.call.fuel.saturating_sub(left).saturating_add(state.owed())
}

fn finish<T>(store: &mut Store<GuestState>, ended: Ended<T>, timeout_ms: u64) -> Result<T, Fault> {
    store.data_mut().end();
    let fault = match ended {
        Ended::Returned(Ok(value)) => return Ok(value),
        Ended::Returned(Err(error)) if error.downcast_ref::<crate::fault::WallClock>().is_some() => {
            Fault::timeout(timeout_ms)
        }
        Ended::Returned(Err(error)) => Fault::of(&error, store.data().notes()),
        Ended::TimedOut => Fault::timeout(timeout_ms),
    };
    let begun = store.data().call.deadline.checked_sub(Duration::from_millis(timeout_ms));
    Err(Fault { fuel: fuel_used(store), took: begun.map(|begun| begun.elapsed()).unwrap_or_default(), ..fault })
}
