//! A plugin tried out as a host would run it, with no daemon: the same steps from file to guest, the same limits,
//! grants and sandbox, on a bus and a home of its own. For the author's kit.
//!
//! Nothing that it does is left: the bus is in memory, the home is the caller's to remove, and no session works
//! anywhere, so that no program runs and no file of a workspace is reached.

mod call;

#[cfg(test)]
mod tests;

pub use call::{Account, TrialOutcome};

use crate::asker::{AskRefusal, Asker, PluginQuestion};
use crate::compiler::{self, Compiler};
use crate::component::{Rejection, Stage, World};
use crate::context::Context;
use crate::description::{MAX_NAME_BYTES, NAME_RULE, is_plugin_name};
use crate::engine::{Engine, Ticker};
use crate::folder;
use crate::grant::{Ask, Grant, difference, with_missing};
use crate::guest::Guest;
use crate::ledger::{Ledger, Tempo};
use crate::limits::Limits;
use crate::logs::{LogLine, LogRing};
use crate::services::Services;
use crate::signature::SignatureRules;
use crate::usage::Usage;
use crate::version::{self, Compiled, Described, Prepared, Version};
use crate::{RuntimeError, component, host};
use futures_util::future::{BoxFuture, FutureExt as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tollgate_core::bus::{Bus, BusOptions, Start};
use tollgate_core::home::Home;
use tollgate_core::journal::{Durability, JournalOptions};
use tollgate_core::session::Sessions;
use tollgate_core::time::Clock;

/// The name under which a component of unknown name is asked for it.
const NAMELESS: &str = "nameless";

/// Where plugins are tried: an engine, a bus in memory and a home that nobody else uses.
pub struct TrialGround {
    context: Arc<Context>,
    questions: Arc<Questions>,
}

/// A component as a host sees it before it serves.
#[derive(Debug, Clone)]
pub struct Portrait {
    /// What it calls itself.
    pub name: String,
    /// What it calls its version.
    pub version: String,
    /// One line for an operator.
    pub summary: String,
    /// Observer or guard.
    pub world: World,
    /// The version of the interface that it was built against.
    pub interface: &'static str,
    /// Hex of its SHA-256.
    pub digest: String,
    /// Its file, in bytes.
    pub bytes: usize,
    /// Interfaces that it imports.
    pub imports: Vec<String>,
    /// Interfaces that it exports.
    pub exports: Vec<String>,
    /// Patterns of the events that it handles.
    pub subscriptions: Vec<String>,
    /// Canonical tools that it gates; `*` for all.
    pub gates: Vec<String>,
    /// What it cannot do without.
    pub needs: Vec<String>,
    /// What it can use.
    pub wants: Vec<String>,
    /// JSON Schema of its `[config]`.
    pub config_schema: Option<String>,
    /// A grant file that gives it all that it asks for.
    pub proposed_grant: String,
    /// How long compiling it took, or taking up its code where that was kept.
    pub compiled_in: Duration,
}

/// A component that was read, compiled and has said what it is.
pub struct Examined {
    /// What it is.
    pub portrait: Portrait,
    described: Described,
}

impl Examined {
    /// The grant file `text`, with everything granted besides that it asks for.
    ///
    /// # Errors
    /// When a host would not take `text`.
    pub fn granting_all(&self, text: &str) -> Result<String, crate::GrantError> {
        let (_, missing) = difference(self.described.description.asks(), &Grant::parse(text)?);
        with_missing(text, &missing)
    }
}

/// Why a plugin does not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrialRefusal {
    /// A host would refuse it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// A host would have it wait until this is granted.
    #[error("it needs what the grant does not give: {}", .0.join(", "))]
    NeedsGrant(Vec<String>),
    /// The trial itself failed.
    #[error("the trial's own journal: {0}")]
    Host(String),
}

/// A plugin that runs.
pub struct Trial {
    context: Arc<Context>,
    questions: Arc<Questions>,
    version: Arc<Version>,
    ring: Arc<LogRing>,
    guest: Option<Guest>,
    gate: Option<Guest>,
    /// The seq of the last event that it was given.
    given: u64,
    /// The seq of the last one of which something was committed.
    committed: u64,
    /// Commits that wrote to its store.
    commits: u64,
    started_in: Duration,
    logs: Vec<LogLine>,
}

impl TrialGround {
    /// Sets up an engine; `home` is a folder that nobody else uses, and `compiler` compiles as a host's would, what is
    /// not in the cache of `code`: that home's, where it is another. Wants a tokio runtime around it.
    ///
    /// # Errors
    /// When the engine or the bus cannot be set up.
    pub fn new(home: Home, code: &Home, compiler: Arc<dyn Compiler>, defaults: Limits) -> Result<Self, RuntimeError> {
        let engine = Engine::new()?;
        let failed = |error: String| RuntimeError::Engine(error);
        let linker = host::linker(&engine).map_err(|error| failed(format!("{error:#}")))?;
        let journal = JournalOptions { path: home.journal(), durability: Durability::Memory };
        let bus = Bus::open(BusOptions { journal, filter: None, clock: Clock::system() });
        let bus = bus.map_err(|error| failed(error.to_string()))?;
        let sessions = Sessions::open(&bus, Vec::new()).map_err(|error| failed(error.to_string()))?;
        let questions = Arc::new(Questions::default());
        let asker: Arc<dyn Asker> = Arc::<Questions>::clone(&questions);
        let context = Context {
            ticker: Ticker::start(&engine)?,
            code: Arc::new(compiler::Source::new(code, &engine, compiler)),
            linker,
            ledger: Ledger::new(Tempo::default()),
            bus,
            services: Arc::new(Services::new(&home, Arc::new(sessions), Some(asker))),
            home,
            defaults,
            signatures: Arc::new(SignatureRules::default()),
            guests: tokio::runtime::Handle::current(),
        };
        Ok(Self { context: Arc::new(context), questions })
    }

    /// Reads the component at `path` and has it say what it is; its name has to be the file's stem, as a host wants it.
    ///
    /// # Errors
    /// What a host would refuse it for.
    pub async fn examine(&self, path: &Path) -> Result<Examined, Rejection> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !is_plugin_name(&name) {
            return Err(Rejection::new(Stage::Name, format!("the file is `{name}.wasm`, and {NAME_RULE}: rename it")));
        }
        self.examined(path, Some(&name)).await
    }

    /// As [`TrialGround::examine`], whatever the file is called: for one that a compiler named.
    ///
    /// # Errors
    /// As [`TrialGround::examine`]; a name that no plugin can have.
    pub async fn examine_unnamed(&self, path: &Path) -> Result<Examined, Rejection> {
        self.examined(path, None).await
    }

    fn ring(&self) -> Arc<LogRing> {
        Arc::new(LogRing::new(self.context.bus.clock().clone()))
    }

    async fn examined(&self, path: &Path, name: Option<&str>) -> Result<Examined, Rejection> {
        let bytes = folder::read_component(path)?;
        let component = self.context.signatures.verify(name.unwrap_or(NAMELESS), bytes, None)?;
        let size = component.bytes().len();
        let begun = Instant::now();
        let compiled = Compiled::of(&self.context, component).await?;
        let compiled_in = begun.elapsed();
        let (ring, usage) = (self.ring(), Arc::default());
        let said = compiled
            .said(&self.context, &name.unwrap_or(NAMELESS).into(), self.context.defaults, &ring, &usage)
            .await?;
        let called = said.name.clone();
        if name.is_none() && !is_plugin_name(&called) {
            let cause = format!("it calls itself `{}`, and {NAME_RULE}", crate::fault::cut(called, MAX_NAME_BYTES));
            return Err(Rejection::new(Stage::Name, cause));
        }
        let described = compiled.described(said, name.unwrap_or(&called))?;
        let (description, interface) = (&described.description, &described.interface);
        let asks: Vec<&Ask> = description.asks().collect();
        let proposed_grant =
            with_missing("", &asks).map_err(|error| Rejection::new(Stage::Needs, error.to_string()))?;
        let texts = |asks: &[Ask]| asks.iter().map(ToString::to_string).collect();
        let portrait = Portrait {
            name: called,
            version: description.version.clone(),
            summary: description.summary.clone(),
            world: interface.world,
            interface: component::INTERFACE_VERSION,
            digest: described.digest.to_string(),
            bytes: size,
            imports: interface.imports.clone(),
            exports: interface.exports.clone(),
            subscriptions: description.subscriptions.iter().map(ToString::to_string).collect(),
            gates: description.gates.clone(),
            needs: texts(&description.needs),
            wants: texts(&description.wants),
            config_schema: description.config_schema.as_ref().map(|schema| schema.text().to_owned()),
            proposed_grant,
            compiled_in,
        };
        Ok(Examined { portrait, described })
    }

    /// Starts `examined` under the grant file `grant`, its text; none is an absent file.
    ///
    /// # Errors
    /// What a host would refuse it for, or have it wait for.
    pub async fn start(&self, examined: &Examined, grant: Option<&str>) -> Result<Trial, TrialRefusal> {
        let config = |error: crate::GrantError| Rejection::new(Stage::Config, error.to_string());
        let grant = Grant::parse(grant.unwrap_or_default()).map_err(config)?;
        let name: Arc<str> = examined.portrait.name.as_str().into();
        let ring = self.ring();
        let usage = Arc::<Usage>::default();
        usage.set_instances(1);
        let candidate = match examined.described.clone().granted(&self.context, &name, grant, &ring, &usage).await? {
            Prepared::Ready(candidate) => *candidate,
            Prepared::NeedsGrant { missing, .. } => return Err(TrialRefusal::NeedsGrant(missing)),
        };
        let seq = self.context.bus.cursor(Arc::clone(&name), Start::Head).await;
        let seq = seq.map_err(|error| TrialRefusal::Host(error.to_string()))?;
        // Another one, since the first had the component's code to take up; what it logs is told, once.
        drop(ring.take());
        let begun = Instant::now();
        let again = candidate.version.fresh_guest(&self.context).await.map_err(version::init_failed)?;
        let started_in = begun.elapsed();
        drop(again);
        let logs = ring.take();
        Ok(Trial {
            context: Arc::clone(&self.context),
            questions: Arc::clone(&self.questions),
            version: candidate.version,
            ring,
            guest: Some(candidate.guest),
            gate: candidate.gate,
            given: seq,
            committed: seq,
            commits: 0,
            started_in,
            logs,
        })
    }
}

impl Trial {
    /// How long a fresh guest takes, from nothing to the end of its `init`.
    #[must_use]
    pub fn started_in(&self) -> Duration {
        self.started_in
    }

    /// What a guest logs before its first event or call.
    #[must_use]
    pub fn first_logs(&self) -> &[LogLine] {
        &self.logs
    }

    /// Bytes of all memories of the guest that handles events; 0 after a fault.
    #[must_use]
    pub fn memory_bytes(&mut self) -> usize {
        self.guest.as_mut().map_or(0, |guest| guest.state().limiter.memory_bytes())
    }

    /// Whether it is a guard of which its grant lets no verdict count.
    #[must_use]
    pub fn in_shadow(&self) -> bool {
        self.version.in_shadow()
    }

    /// The limits that its grant gives it.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.version.limits
    }
}

/// Writes down what plugins ask people, and lets them believe that it was asked.
#[derive(Default)]
struct Questions(Mutex<Vec<PluginQuestion>>);

impl Questions {
    fn take(&self) -> Vec<PluginQuestion> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Asker for Questions {
    fn ask(&self, question: PluginQuestion) -> BoxFuture<'_, Result<String, AskRefusal>> {
        let id = question.id.to_string();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(question);
        async move { Ok(id) }.boxed()
    }
}
