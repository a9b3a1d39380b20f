//! One version of a plugin: its component, what it said of itself, what it is granted; and how a file becomes
//! one. A candidate runs `describe` with nothing granted and `init` with everything read-only; until both went
//! well it serves nothing.

use crate::bindings::exports::tollgate::plugin::lifecycle;
use crate::capability::Capabilities;
use crate::compiler::CompileError;
use crate::component::{self, Interface, Loaded, Rejection, Stage, World};
use crate::context::Context;
use crate::description::Description;
use crate::fault::{Fault, FaultCause};
use crate::grant::{Ask, Grant, difference};
use crate::guest::Guest;
use crate::host::StateParts;
use crate::ledger::Record;
use crate::limits::Limits;
use crate::logs::LogRing;
use crate::signature::Verified;
use crate::usage::Usage;
use std::sync::Arc;

/// A plugin's component and everything that decides what it may do. Immutable: a change makes a new one.
pub(crate) struct Version {
    pub(crate) plugin: Arc<str>,
    pub(crate) digest: Arc<str>,
    pub(crate) interface: Arc<Interface>,
    pub(crate) loaded: Loaded,
    pub(crate) description: Arc<Description>,
    pub(crate) grant: Grant,
    pub(crate) capabilities: Arc<Capabilities>,
    pub(crate) limits: Limits,
    pub(crate) record: Arc<Record>,
    ring: Arc<LogRing>,
    usage: Arc<Usage>,
}

impl Version {
    pub(crate) fn world(&self) -> World {
        self.interface.world
    }

    /// Whether it is a guard of which the grant lets no verdict count.
    pub(crate) fn in_shadow(&self) -> bool {
        self.world() == World::Guard && !self.grant.gate.counts()
    }

    /// Whether it gates calls of this canonical tool.
    pub(crate) fn gates(&self, tool: &str) -> bool {
        self.world() == World::Guard && self.description.gates.iter().any(|gate| gate == "*" || gate == tool)
    }

    /// An instance that has been initialised; an `init` that refuses is a fault.
    pub(crate) async fn fresh_guest(&self, context: &Context) -> Result<Guest, Fault> {
        let _running = context.ticker.running();
        let mut guest = Guest::instantiate(&self.loaded, self.parts(context)).await?;
        match guest.init(self.grant.config()).await? {
            Ok(()) => Ok(guest),
            Err(message) => Err(Fault::new(FaultCause::InitFailed, message)),
        }
    }

    /// As [`prepare`], of the same component with another grant.
    pub(crate) async fn regranted(&self, context: &Context, grant: Grant) -> Result<Prepared, Rejection> {
        let described = Described {
            digest: Arc::clone(&self.digest),
            interface: Arc::clone(&self.interface),
            loaded: self.loaded.clone(),
            description: Arc::clone(&self.description),
        };
        described.granted(context, &self.plugin, grant, &self.ring, &self.usage).await
    }

    fn parts(&self, context: &Context) -> StateParts {
        StateParts {
            plugin: Arc::clone(&self.plugin),
            bus: context.bus.clone(),
            limits: self.limits,
            capabilities: Arc::clone(&self.capabilities),
            ring: Arc::clone(&self.ring),
            usage: Arc::clone(&self.usage),
            services: Arc::clone(&context.services),
            data: context.home.data(&self.plugin),
        }
    }
}

/// What became of a file that was neither refused nor broken.
pub(crate) enum Prepared {
    /// It can serve; both guests are initialised.
    Ready(Box<Candidate>),
    /// It waits for the operator.
    NeedsGrant { digest: Arc<str>, world: World, description: Arc<Description>, missing: Vec<String> },
}

/// A version that can serve, with its guests.
pub(crate) struct Candidate {
    pub(crate) version: Arc<Version>,
    pub(crate) guest: Guest,
    /// Guards answer gate calls in a guest of their own, so that no call waits behind a long event.
    pub(crate) gate: Option<Guest>,
}

/// What a version is made from.
pub(crate) struct Source<'a> {
    pub(crate) plugin: &'a Arc<str>,
    pub(crate) component: Verified,
    pub(crate) grant: Grant,
    pub(crate) ring: &'a Arc<LogRing>,
    pub(crate) usage: &'a Arc<Usage>,
    /// The version that serves now: the same bytes need not be compiled again.
    pub(crate) serving: Option<Arc<Version>>,
}

/// Takes a file through every step up to `init`. Runs guests: call it on their runtime.
pub(crate) async fn prepare(context: &Arc<Context>, source: Source<'_>) -> Result<Prepared, Rejection> {
    let Source { plugin, component, grant, ring, usage, serving } = source;
    let digest = Arc::clone(component.digest());
    let limits = grant.limits(context.defaults);
    let known = serving.filter(|serving| serving.digest == digest);
    let described = match known {
        Some(known) => Described {
            digest,
            interface: Arc::clone(&known.interface),
            loaded: known.loaded.clone(),
            description: Arc::clone(&known.description),
        },
        None => {
            let compiled = Compiled::of(context, component).await?;
            let said = compiled.said(context, plugin, limits, ring, usage).await?;
            compiled.described(said, plugin)?
        }
    };
    described.granted(context, plugin, grant, ring, usage).await
}

/// A component of which this host can run every part.
pub(crate) struct Compiled {
    digest: Arc<str>,
    interface: Arc<Interface>,
    loaded: Loaded,
}

impl Compiled {
    /// Looks at what it imports and exports, and compiles it.
    pub(crate) async fn of(context: &Context, component: Verified) -> Result<Self, Rejection> {
        let interface = Arc::new(component::inspect(component.bytes())?);
        let loaded = compile(context, &interface, &component).await?;
        Ok(Self { digest: Arc::clone(component.digest()), interface, loaded })
    }

    /// What it says of itself under the name `plugin`, unchecked, from a guest that is dropped.
    pub(crate) async fn said(
        &self,
        context: &Context,
        plugin: &Arc<str>,
        limits: Limits,
        ring: &Arc<LogRing>,
        usage: &Arc<Usage>,
    ) -> Result<lifecycle::Description, Rejection> {
        let parts = StateParts {
            plugin: Arc::clone(plugin),
            bus: context.bus.clone(),
            limits,
            capabilities: Arc::default(),
            ring: Arc::clone(ring),
            usage: Arc::clone(usage),
            services: Arc::clone(&context.services),
            data: context.home.data(plugin),
        };
        let _running = context.ticker.running();
        let rejection = |fault: Fault| Rejection::new(Stage::Describe, fault.to_string());
        let mut guest = Guest::instantiate(&self.loaded, parts).await.map_err(rejection)?;
        guest.describe().await.map_err(rejection)
    }

    /// Checks what it said, which is to be about `plugin`.
    pub(crate) fn described(self, said: lifecycle::Description, plugin: &str) -> Result<Described, Rejection> {
        let Self { digest, interface, loaded } = self;
        let description = Arc::new(Description::check(said, plugin, interface.world)?);
        Ok(Described { digest, interface, loaded, description })
    }
}

/// A component that has said what it is.
#[derive(Clone)]
pub(crate) struct Described {
    pub(crate) digest: Arc<str>,
    pub(crate) interface: Arc<Interface>,
    loaded: Loaded,
    pub(crate) description: Arc<Description>,
}

impl Described {
    /// The steps that depend on the grant, up to `init`.
    pub(crate) async fn granted(
        self,
        context: &Context,
        plugin: &Arc<str>,
        grant: Grant,
        ring: &Arc<LogRing>,
        usage: &Arc<Usage>,
    ) -> Result<Prepared, Rejection> {
        let Self { digest, interface, loaded, description } = self;
        let (_, missing) = difference(&description.needs, &grant);
        if !missing.is_empty() {
            let missing = missing.into_iter().map(ToString::to_string).collect();
            return Ok(Prepared::NeedsGrant { digest, world: interface.world, description, missing });
        }
        if let Some(schema) = &description.config_schema {
            schema.check(grant.config())?;
        }
        let asks: Vec<Ask> = description.asks().cloned().collect();
        let limits = grant.limits(context.defaults);
        let version = Arc::new(Version {
            plugin: Arc::clone(plugin),
            record: context.ledger.record(plugin, &digest),
            capabilities: Arc::new(Capabilities::new(&asks, &grant)),
            digest,
            interface,
            loaded,
            description,
            grant,
            limits,
            ring: Arc::clone(ring),
            usage: Arc::clone(usage),
        });
        let guest = version.fresh_guest(context).await.map_err(init_failed)?;
        let gate = match version.world() {
            World::Guard => Some(version.fresh_guest(context).await.map_err(init_failed)?),
            World::Observer => None,
        };
        Ok(Prepared::Ready(Box::new(Candidate { version, guest, gate })))
    }
}

/// Why a version whose guest could not be made does not serve.
pub(crate) fn init_failed(fault: Fault) -> Rejection {
    match fault.cause {
        FaultCause::InitFailed => Rejection::new(Stage::Init, fault.message),
        _ => Rejection::new(Stage::Init, fault.to_string()),
    }
}

async fn compile(context: &Context, interface: &Interface, component: &Verified) -> Result<Loaded, Rejection> {
    let code = context.code.of(component).await;
    let code = code.map_err(|error| match error {
        // Such as a host that may start no more processes just now.
        CompileError::Failed(_) => Rejection::passing(Stage::Compile, error.to_string()),
        CompileError::Invalid(_) | CompileError::Limit(_) | CompileError::Stopped => {
            Rejection::new(Stage::Compile, error.to_string())
        }
    })?;
    component::link(&context.linker, interface, &code)
}
