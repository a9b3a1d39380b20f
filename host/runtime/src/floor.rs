//! What the benchmarks measure against: the bare engine calling the same component with the same limits, and
//! nothing of Tollgate around it. Not for use.

use crate::bindings::exports::tollgate::plugin::{gate, handler, lifecycle};
use crate::compiler::{Compiler, InProcess};
use crate::convert;
use crate::engine::{Engine, Ticker};
use crate::services::Services;
use crate::{Limits, host};
use tollgate_core::bus::Bus;
use tollgate_core::event::Event;
use tollgate_core::gate::NormalisedCall;
use tollgate_core::home::Home;
use tollgate_core::session::Sessions;

/// A bare instance of a component.
pub struct Floor {
    store: wasmtime::Store<host::GuestState>,
    handler: handler::Guest,
    /// None for a component that is no guard.
    gate: Option<gate::Guest>,
    limits: Limits,
    _ticker: Ticker,
}

impl Floor {
    /// Instantiates and initialises `component`.
    ///
    /// # Errors
    /// Whatever the engine says.
    pub async fn new(component: &[u8], bus: &Bus) -> Result<Self, String> {
        let text = |error: wasmtime::Error| format!("{error:#}");
        let engine = Engine::new().map_err(|error| error.to_string())?;
        let linker = host::linker(&engine).map_err(text)?;
        let artifact = InProcess.compile(&engine, component).map_err(|error| error.to_string())?;
        let component = artifact.component(&engine).map_err(text)?;
        let limits = Limits::default();
        let sessions = Sessions::open(bus, Vec::new()).map_err(|error| error.to_string())?;
        let parts = host::StateParts {
            plugin: "floor".into(),
            bus: bus.clone(),
            limits,
            capabilities: std::sync::Arc::default(),
            ring: std::sync::Arc::new(crate::logs::LogRing::new(bus.clock().clone())),
            usage: std::sync::Arc::default(),
            services: std::sync::Arc::new(Services::new(&Home::at("/"), std::sync::Arc::new(sessions), None)),
            data: std::path::PathBuf::new(),
        };
        let mut store = wasmtime::Store::new(&engine.0, host::GuestState::new(parts));
        store.limiter(|state| &mut state.limiter);
        store.epoch_deadline_callback(host::on_epoch);
        store.set_epoch_deadline(1_000_000);
        store.set_fuel(limits.fuel_init).map_err(text)?;
        let pre = linker.instantiate_pre(&component).map_err(text)?;
        let instance = pre.instantiate_async(&mut store).await.map_err(text)?;
        let of = |index: wasmtime::Result<lifecycle::GuestIndices>| index.map_err(text);
        let lifecycle = of(lifecycle::GuestIndices::new(&pre))?.load(&mut store, &instance).map_err(text)?;
        let handler =
            handler::GuestIndices::new(&pre).and_then(|index| index.load(&mut store, &instance)).map_err(text)?;
        let gate = gate::GuestIndices::new(&pre).and_then(|index| index.load(&mut store, &instance)).ok();
        lifecycle.call_init(&mut store, "{}").await.map_err(text)??;
        Ok(Self { store, handler, gate, limits, _ticker: Ticker::start(&engine).map_err(|error| error.to_string())? })
    }

    /// One event, with fuel and epoch set.
    ///
    /// # Errors
    /// Whatever the engine or the guest says.
    pub async fn call(&mut self, event: &Event) -> Result<(), String> {
        self.store.set_fuel(self.limits.fuel_per_event).map_err(|error| error.to_string())?;
        self.store.set_epoch_deadline(1);
        let mut id = convert::IdText::default();
        let handled = self.handler.call_handle(&mut self.store, convert::event(event, &mut id)).await;
        handled.map_err(|error| format!("{error:#}"))?.map_err(|failure| failure.to_string())
    }

    /// One question to a guard, with fuel and epoch set; whatever it answers is dropped.
    ///
    /// # Errors
    /// Whatever the engine or the guest says; a component that is no guard.
    pub async fn check(&mut self, call: &NormalisedCall) -> Result<(), String> {
        let gate = self.gate.as_ref().ok_or("it exports no gate")?;
        self.store.set_fuel(self.limits.fuel_per_gate).map_err(|error| error.to_string())?;
        self.store.set_epoch_deadline(1);
        let cwd = call.cwd.to_string_lossy();
        let views = convert::CommandViews::of(call);
        let commands = views.commands();
        let answered = gate.call_check(&mut self.store, convert::call(call, &cwd, &commands)).await;
        answered.map_err(|error| format!("{error:#}"))?.map(drop)
    }
}
