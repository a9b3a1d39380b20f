//! What all plugins of one runtime share.

use crate::compiler;
use crate::engine::Ticker;
use crate::host::GuestState;
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::services::Services;
use crate::signature::SignatureRules;
use serde_json::{Map, Value};
use std::sync::Arc;
use tollgate_core::bus::Bus;
use tollgate_core::event::{Cause, Draft, Entity};
use tollgate_core::events::EventType;
use tollgate_core::home::Home;
use wasmtime::component::Linker;

/// Shared by every plugin's tasks.
pub(crate) struct Context {
    pub(crate) linker: Linker<GuestState>,
    pub(crate) ticker: Ticker,
    pub(crate) ledger: Ledger,
    pub(crate) bus: Bus,
    pub(crate) home: Home,
    pub(crate) services: Arc<Services>,
    pub(crate) defaults: Limits,
    pub(crate) signatures: Arc<SignatureRules>,
    pub(crate) code: Arc<compiler::Source>,
    /// The runtime that guests run on, away from sockets and the journal.
    pub(crate) guests: tokio::runtime::Handle,
}

/// What happened to a plugin: the last segment of the event's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happening {
    Loaded,
    Swapped,
    Unloaded,
    Rejected,
    Faulted,
    Quarantined,
    Recovered,
    NeedsGrant,
}

impl Happening {
    fn event_type(self) -> &'static str {
        match self {
            Self::Loaded => "plugin.loaded",
            Self::Swapped => "plugin.swapped",
            Self::Unloaded => "plugin.unloaded",
            Self::Rejected => "plugin.rejected",
            Self::Faulted => "plugin.faulted",
            Self::Quarantined => "plugin.quarantined",
            Self::Recovered => "plugin.recovered",
            Self::NeedsGrant => "plugin.needs_grant",
        }
    }
}

/// A `plugin.*` event in the making.
pub(crate) struct Announcement {
    happening: Happening,
    plugin: Arc<str>,
    payload: Map<String, Value>,
    cause: Option<Cause>,
}

impl Announcement {
    pub(crate) fn new(happening: Happening, plugin: &Arc<str>) -> Self {
        let mut payload = Map::new();
        payload.insert("plugin".into(), Value::from(&**plugin));
        Self { happening, plugin: Arc::clone(plugin), payload, cause: None }
    }

    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.payload.insert(key.into(), value.into());
        self
    }

    /// The event whose handling led to it: bounds a plugin that faults on the news of its own faults.
    pub(crate) fn caused_by(mut self, cause: Option<Cause>) -> Self {
        self.cause = cause;
        self
    }
}

impl Context {
    /// Records what happened to a plugin. A bus that refuses is a matter for the host's log, not for the plugin.
    pub(crate) async fn announce(&self, announcement: Announcement) {
        let Announcement { happening, plugin, payload, cause } = announcement;
        let event_type = match EventType::parse(happening.event_type()) {
            Ok(event_type) => event_type,
            Err(error) => return tracing::error!(%error, "plugin.announce"),
        };
        let draft = Draft {
            entity: Some(Entity { kind: Arc::from("plugin"), id: Arc::clone(&plugin) }),
            cause,
            ..Draft::new(event_type, "core", Value::Object(payload).to_string())
        };
        if let Err(error) = self.bus.emit(draft).await {
            tracing::warn!(%plugin, ?happening, %error, "plugin.announce");
        }
    }
}
