//! Whole runtimes with real guests, hostile ones included, on a journal in memory.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot set up has failed"
)]

mod bounds;
mod caching;
mod charges;
mod dropping;
mod effects;
mod fairness;
mod faults;
mod guards;
mod instances;
mod programs;
mod reloads;
mod retries;
mod serving;
mod signatures;
pub(crate) mod signing;
mod waiting;
mod workspace;

use crate::ledger::Tempo;
use crate::limits::Limits;
use crate::{Asker, Compiler, InProcess, PluginState, PluginStatus, Runtime, RuntimeOptions, SignatureRules};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tollgate_core::bus::{Bus, BusOptions};
use tollgate_core::event::{Draft, Event};
use tollgate_core::events::{EventType, PatternSet};
use tollgate_core::home::Home;
use tollgate_core::journal::{Durability, JournalOptions, Query};
use tollgate_core::session::{SessionHint, Sessions};
use tollgate_core::time::{Clock, Timestamp};

/// How long a condition may take to come true on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(60);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(2);
/// The session that works in a world's workspace.
const SESSION: &str = "s1";
/// Emits of any test guest.
const EMITS: &str = "[grant]\nemit = [\"test_guest.*\"]\n";

/// A home with a bus and a workspace beside it and, once started, a runtime.
struct World {
    home: Home,
    bus: Bus,
    sessions: Arc<Sessions>,
    asker: Option<Arc<dyn Asker>>,
    compiler: Arc<dyn Compiler>,
    signatures: SignatureRules,
    /// The first root of [`SESSION`].
    workspace: PathBuf,
    tempo: Tempo,
    defaults: Limits,
    watch: bool,
    runtime: Option<Runtime>,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self::on(Durability::Memory)
    }

    fn on(durability: Durability) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (home, workspace) = (Home::at(folder.path().join("home")), folder.path().join("work"));
        std::fs::create_dir_all(home.plugins()).unwrap();
        std::fs::create_dir(&workspace).unwrap();
        let workspace = workspace.canonicalize().unwrap();
        let journal = JournalOptions { path: home.journal(), durability };
        let bus = Bus::open(BusOptions { journal, filter: None, clock: Clock::system() }).unwrap();
        let sessions = Sessions::open(&bus, vec![workspace.clone()]).unwrap();
        sessions.resolve(&SessionHint { id: Some(SESSION), agent: None, cwd: Some(&workspace), roots: &[] });
        let tempo = Tempo {
            backoff_first: Duration::from_millis(1),
            backoff_longest: Duration::from_millis(4),
            faults: 1_000,
            ..Tempo::default()
        };
        Self {
            home,
            bus,
            sessions: Arc::new(sessions),
            asker: None,
            compiler: Arc::new(InProcess),
            signatures: SignatureRules::default(),
            workspace,
            tempo,
            defaults: Limits::default(),
            watch: false,
            runtime: None,
            _folder: folder,
        }
    }

    /// A world whose folder holds one plugin, started.
    async fn with(name: &str, component: &[u8], grant: &str) -> Self {
        let mut world = Self::new();
        world.drop_in(name, component, grant);
        world.start().await;
        world
    }

    fn drop_in(&self, name: &str, component: &[u8], grant: &str) {
        std::fs::write(self.home.plugins().join(format!("{name}.toml")), grant).unwrap();
        self.replace(name, component);
    }

    /// Renames the file into place, as an operator should.
    fn replace(&self, name: &str, component: &[u8]) {
        let temporary = self.home.root().join("incoming");
        std::fs::write(&temporary, component).unwrap();
        std::fs::rename(temporary, self.home.plugins().join(format!("{name}.wasm"))).unwrap();
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.home.plugins().join(format!("{name}.wasm"))).unwrap();
    }

    async fn start(&mut self) {
        let options = RuntimeOptions {
            home: self.home.clone(),
            bus: self.bus.clone(),
            sessions: Arc::clone(&self.sessions),
            asker: self.asker.clone(),
            defaults: self.defaults,
            compiler: Arc::clone(&self.compiler),
            signatures: self.signatures.clone(),
            watch: self.watch,
            rescan: Duration::from_millis(50),
        };
        self.runtime = Some(Runtime::start_with(options, self.tempo).await.unwrap());
    }

    async fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown().await;
        }
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().unwrap()
    }

    fn status(&self, name: &str) -> PluginStatus {
        self.runtime().list().into_iter().find(|status| status.name == name).unwrap()
    }

    fn state(&self, name: &str) -> PluginState {
        self.status(name).state
    }

    fn cursor(&self, name: &str) -> Option<u64> {
        let cursors = self.bus.journal().stats().unwrap().cursors;
        cursors.into_iter().find(|(subscriber, _)| subscriber == name).map(|(_, seq)| seq)
    }

    /// Emits one event; says its seq.
    async fn emit(&self, event_type: &str) -> u64 {
        let draft = Draft::new(EventType::parse(event_type).unwrap(), "webui", "{}");
        self.bus.emit(draft).await.unwrap().seq
    }

    /// Emits one event of long ago; says its seq.
    async fn emit_old(&self, event_type: &str) -> u64 {
        let draft = Draft::new(EventType::parse(event_type).unwrap(), "webui", "{}");
        self.bus.emit(Draft { ts: Some(Timestamp(0)), ..draft }).await.unwrap().seq
    }

    /// Emits a `demo.loop` in `session`; says its seq.
    async fn order(&self, session: Option<&str>, payload: &Value) -> u64 {
        let draft = Draft::new(EventType::parse("demo.loop").unwrap(), "webui", payload.to_string());
        let draft = Draft { session: session.map(Arc::from), ..draft };
        self.bus.emit(draft).await.unwrap().seq
    }

    /// Orders something in [`SESSION`] and says what the guest answered with its next `answer` event.
    async fn ask(&self, order: &Value, answer: &str) -> Value {
        let before = self.events(answer).len();
        self.order(Some(SESSION), order).await;
        payload(&self.wait_for(answer, before + 1).await[before])
    }

    /// Everything recorded that matches.
    fn events(&self, pattern: &str) -> Vec<Arc<Event>> {
        let patterns = Some(PatternSet::parse([pattern]).unwrap());
        self.bus.journal().read(&Query { patterns, limit: 1_000_000, ..Query::default() }).unwrap()
    }

    /// Waits until `count` events match, and says what they are.
    async fn wait_for(&self, pattern: &str, count: usize) -> Vec<Arc<Event>> {
        self.eventually(&format!("{count} of {pattern}"), || self.events(pattern).len() >= count).await;
        self.events(pattern)
    }

    async fn eventually(&self, what: &str, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !condition() {
            if Instant::now() >= deadline {
                panic!("never: {what}\n{}", self.story());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What happened, for a test that failed.
    fn story(&self) -> String {
        let events =
            self.events("plugin.*").into_iter().map(|event| format!("{} {}\n", event.event_type, event.payload));
        let plugins = self.runtime.iter().flat_map(Runtime::list).map(|status| format!("{status:?}\n"));
        events.chain(plugins).collect()
    }
}

fn payload(event: &Event) -> Value {
    serde_json::from_str(&event.payload).unwrap()
}

/// The `field` of each event's payload.
fn fields(events: &[Arc<Event>], field: &str) -> Vec<Value> {
    events.iter().map(|event| payload(event)[field].clone()).collect()
}
