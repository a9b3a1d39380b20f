//! What a guest can call: the state behind its imports, and the linker that offers them.
//!
//! Each import is one module with its implementation; the check of what is allowed is `capability`'s.

mod bus;
pub(crate) mod data;
mod debt;
mod interactions;
mod log;
pub(crate) mod process;
mod root;
mod session;
pub(crate) mod store;
mod wasi;
mod workspace;

pub(crate) use bus::emit_id;
pub(crate) use process::Programs;

use crate::bindings::Guard;
use crate::capability::{Capabilities, Phase};
use crate::engine::Engine;
use crate::fault::{CallNotes, WallClock};
use crate::limits::{FUEL_PER_HOST_CALL, Limiter, Limits, MAX_HANDLES};
use crate::logs::{GuestLog, LogRing};
use crate::services::Services;
use crate::usage::{MemoryShare, Usage};
use debt::Debt;
use process::{Group, KilledFor};
use std::mem::Discriminant;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tollgate_core::bus::Bus;
use tollgate_core::event::{Cause, Draft};
use tollgate_core::session::Session;
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime::{Trap, UpdateDeadline};

/// What a text of a list takes in a guest besides its bytes: where it is and how long.
const TEXT_BYTES: usize = 8;

/// Everything that a guest's imports need. One per store.
pub(crate) struct GuestState {
    pub(crate) plugin: Arc<str>,
    source: Arc<str>,
    bus: Bus,
    limits: Limits,
    pub(crate) capabilities: Arc<Capabilities>,
    pub(crate) limiter: Limiter,
    /// What the limiter counted last, of all that the plugin's guests hold.
    pub(crate) memory: MemoryShare,
    pub(crate) log: Arc<GuestLog>,
    pub(crate) store: store::StoreView,
    data: data::DataFolder,
    services: Arc<Services>,
    pub(crate) call: CallScope,
    debt: Debt,
    usage: Arc<Usage>,
    /// Refusals for want of budget since the start, counted but no fault.
    pub(crate) over_budget: u64,
    wasi: wasmtime_wasi::WasiCtx,
    table: ResourceTable,
}

/// What belongs to the call under way.
pub(crate) struct CallScope {
    pub(crate) phase: Phase,
    /// When the wall clock ends it.
    pub(crate) deadline: Instant,
    /// The handled event's chain; none in a gate call.
    cause: Option<Cause>,
    /// What the ids of its emits are made from: the handled event's id, or one made for the gate call.
    cause_id: Vec<u8>,
    session: Option<Arc<str>>,
    /// Emits so far, staged or at once; the next one's ordinal.
    ordinal: u32,
    /// Kinds of refused emits so far: the log tells of each once.
    refusals: Vec<Discriminant<bus::Refusal>>,
    /// Effects on the session so far.
    effects: u32,
    /// Questions so far.
    questions: u32,
    /// Programs that it started and that may run.
    programs: Vec<Arc<Group>>,
    /// Fuel that the call began with.
    pub(crate) fuel: u64,
    /// Drafts that are committed when the handler returns ok.
    pub(crate) emits: Vec<Draft>,
}

/// What a state is made of.
pub(crate) struct StateParts {
    pub(crate) plugin: Arc<str>,
    pub(crate) bus: Bus,
    pub(crate) limits: Limits,
    pub(crate) capabilities: Arc<Capabilities>,
    pub(crate) ring: Arc<LogRing>,
    pub(crate) usage: Arc<Usage>,
    pub(crate) services: Arc<Services>,
    pub(crate) data: PathBuf,
}

/// What a call is about, for what it does.
pub(crate) struct CallSubject<'a> {
    pub(crate) cause: Option<Cause>,
    pub(crate) cause_id: &'a [u8],
    pub(crate) session: Option<&'a Arc<str>>,
}

impl GuestState {
    pub(crate) fn new(parts: StateParts) -> Self {
        let log = Arc::new(GuestLog::new(parts.ring));
        let debt = Debt::default();
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        Self {
            source: format!("plugin:{}", parts.plugin).into(),
            store: store::StoreView::new(
                parts.bus.journal().clone(),
                Arc::clone(&parts.plugin),
                Arc::clone(&parts.usage),
            ),
            data: data::DataFolder::new(parts.data, parts.capabilities.data_bytes(), Arc::clone(&parts.usage)),
            wasi: wasi::empty_context(&log, &debt),
            limiter: Limiter::new(&parts.limits),
            memory: MemoryShare::new(Arc::clone(&parts.usage)),
            plugin: parts.plugin,
            bus: parts.bus,
            limits: parts.limits,
            capabilities: parts.capabilities,
            log,
            services: parts.services,
            call: CallScope {
                phase: Phase::Describe,
                deadline: Instant::now(),
                cause: None,
                cause_id: Vec::new(),
                session: None,
                ordinal: 0,
                refusals: Vec::new(),
                effects: 0,
                questions: 0,
                programs: Vec::new(),
                fuel: 0,
                emits: Vec::new(),
            },
            debt,
            usage: parts.usage,
            over_budget: 0,
            table,
        }
    }

    /// Resets every budget for the next call.
    pub(crate) fn begin(&mut self, phase: Phase, fuel: u64, deadline: Instant, subject: Option<CallSubject<'_>>) {
        self.limiter.forget();
        self.log.reset();
        self.store.begin();
        self.debt.reset();
        let call = &mut self.call;
        call.phase = phase;
        call.deadline = deadline;
        call.ordinal = 0;
        call.refusals.clear();
        call.effects = 0;
        call.questions = 0;
        call.fuel = fuel;
        call.emits.clear();
        match subject {
            Some(subject) => {
                call.cause = subject.cause;
                call.cause_id.clear();
                call.cause_id.extend_from_slice(subject.cause_id);
                call.session = subject.session.cloned();
            }
            None => {
                call.cause = None;
                call.session = None;
            }
        }
    }

    /// Drops what the call staged: it failed.
    pub(crate) fn discard(&mut self) {
        self.call.emits.clear();
        self.store.discard();
    }

    /// Ends what the call left running: nothing of a plugin's runs between its calls.
    pub(crate) fn end(&mut self) {
        for group in self.call.programs.drain(..) {
            group.kill(KilledFor::Asked);
        }
    }

    /// The handled event's session; one that the host has not seen work anywhere has no roots.
    fn session(&self) -> Option<Arc<Session>> {
        let id = self.call.session.as_ref()?;
        let unknown = || {
            Arc::new(Session {
                id: Arc::clone(id),
                agent: "".into(),
                chat_id: Arc::clone(id),
                user_id: "".into(),
                roots: Vec::new(),
                village: None,
                repo: None,
            })
        };
        Some(self.services.sessions.get(id).unwrap_or_else(unknown))
    }

    /// Puts the fuel of a host call that moves `bytes` on the guest's debt. A guest whose debt alone is more than
    /// its fuel ends here; one that used the rest itself ends at the next epoch.
    fn charge(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.debt.add(FUEL_PER_HOST_CALL);
        self.debt.add_bytes(bytes);
        self.pay(0)
    }

    /// Charges for texts that the guest is handed: each has its place in a list besides its bytes.
    fn charge_texts(&mut self, texts: &[String]) -> wasmtime::Result<()> {
        self.charge(texts.iter().map(|text| text.len() + TEXT_BYTES).sum())
    }

    fn pay(&mut self, fuel: u64) -> wasmtime::Result<()> {
        if self.debt.add(fuel) > self.call.fuel {
            return Err(Trap::OutOfFuel.into());
        }
        Ok(())
    }

    /// Fuel that the call's host work cost so far.
    pub(crate) fn owed(&self) -> u64 {
        self.debt.owed()
    }

    /// What the host noticed during the call.
    pub(crate) fn notes(&self) -> CallNotes {
        CallNotes { limit: self.limiter.hit(), panic: self.log.panic() }
    }
}

/// The imports' access to the state.
struct Host;

impl HasData for Host {
    type Data<'a> = &'a mut GuestState;
}

/// What happens when a guest has run for one epoch: one that owes more than it has left ends, as does one that is
/// over its wall clock; others yield. What it has left is as of its last call of the host at the latest.
pub(crate) fn on_epoch(context: wasmtime::StoreContextMut<'_, GuestState>) -> wasmtime::Result<UpdateDeadline> {
    if context.data().owed() > context.get_fuel()? {
        return Err(Trap::OutOfFuel.into());
    }
    if Instant::now() >= context.data().call.deadline {
        return Err(WallClock.into());
    }
    Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
}

/// A linker that offers every import of the worlds, and WASI with nothing behind it.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<GuestState>> {
    let mut linker = Linker::new(&engine.0);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Guard::add_to_linker::<GuestState, Host>(&mut linker, |state| state)?;
    Ok(linker)
}
