//! One plugin as everybody sees it: its face, counters, log lines, and where its gate calls go. Survives its
//! versions; knows nothing of files.

use crate::component::{Rejection, World};
use crate::description::Description;
use crate::fault::Fault;
use crate::gate::GateSeat;
use crate::grant::{GateGrant, Mode};
use crate::logs::LogRing;
use crate::stats::{Counters, Meter};
use crate::usage::Usage;
use crate::version::Version;
use arc_swap::ArcSwapOption;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tollgate_core::gate::OnFault;
use tollgate_core::journal::{Journal, Query};
use tollgate_core::time::{Clock, Timestamp};

/// What a plugin is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginState {
    /// Being prepared for the first time.
    Loading,
    /// Handling events.
    Serving,
    /// Waiting for a grant that it needs.
    NeedsGrant,
    /// Kept out after faults.
    Quarantined,
    /// Switched off by the operator.
    Disabled,
    /// Its file was refused and nothing older serves.
    Rejected,
}

impl PluginState {
    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Serving => "serving",
            Self::NeedsGrant => "needs_grant",
            Self::Quarantined => "quarantined",
            Self::Disabled => "disabled",
            Self::Rejected => "rejected",
        }
    }
}

/// The last fault of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastFault {
    /// The fault and its message.
    pub fault: Fault,
    /// When.
    pub at: Timestamp,
}

/// A newer version that waits for a grant, while an older one serves or nothing does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingVersion {
    /// What it calls its version.
    pub version: String,
    /// Hex of the SHA-256 of its bytes.
    pub digest: String,
    /// What it needs and is not granted.
    pub missing: Vec<String>,
}

/// One line of `plugin list`.
#[derive(Debug, Clone)]
pub struct PluginStatus {
    /// The file's stem.
    pub name: String,
    /// What it calls its version; empty while it has not described itself.
    pub version: String,
    /// Hex of the SHA-256 of the bytes that serve, else of those that wait; empty where there are none.
    pub digest: String,
    /// Told by its exports; none while no file of it was understood.
    pub world: Option<World>,
    /// What it is doing.
    pub state: PluginState,
    /// Calls since the start, gate calls included.
    pub calls: u64,
    /// Calls that it answered with an error of its own.
    pub failed: u64,
    /// Calls that ended in a fault.
    pub faults: u64,
    /// Events given up after their last try.
    pub dead_letters: u64,
    /// Host calls refused for want of budget.
    pub over_budget: u64,
    /// Fuel of all calls together.
    pub fuel: u64,
    /// Fuel of the call that took most: an event's or, of a guard, a gate's.
    pub fuel_max: u64,
    /// Fuel a second, since somebody last looked, at least a second before; 0 at the first look.
    pub fuel_per_second: u64,
    /// How often a call waited for the next minute's fuel.
    pub throttles: u64,
    /// How often it was put into quarantine, or its quarantine prolonged.
    pub quarantines: u64,
    /// How many guests handle its events; 0 while nothing of it serves.
    pub instances: usize,
    /// Its events wait because it has used up its fuel of this minute.
    pub throttled: bool,
    /// It is a guard that is asked, and the grant lets none of its verdicts count.
    pub shadow: bool,
    /// Events that are known to wait, the one being handled included; at least 1 while any does.
    pub queue: u64,
    /// How many seqs its newest finished event is behind the journal's head; 0 while nothing waits.
    pub lag: u64,
    /// Bytes of all its guests' memories.
    pub memory_bytes: u64,
    /// Half of its calls took no longer, in microseconds.
    pub p50_us: u64,
    /// 99 of 100 calls took no longer, in microseconds.
    pub p99_us: u64,
    /// Its last fault.
    pub last_fault: Option<LastFault>,
    /// Why its newest file does not serve.
    pub rejected: Option<Rejection>,
    /// Its newest file works and waits for a grant.
    pub waiting: Option<WaitingVersion>,
}

/// What the operator's grant makes of a guard, whether or not it is there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RequiredGuard {
    /// None: it has not said which tools it gates, so it is every tool.
    pub(crate) gates: Option<Vec<String>>,
    pub(crate) grant: GateGrant,
    pub(crate) on_fault: OnFault,
}

impl RequiredGuard {
    pub(crate) fn gates(&self, tool: &str) -> bool {
        self.gates.as_ref().is_none_or(|gates| gates.iter().any(|gate| gate == "*" || gate == tool))
    }
}

/// A version that waits for a grant.
#[derive(Clone)]
pub(crate) struct Waiting {
    pub(crate) digest: Arc<str>,
    pub(crate) world: World,
    pub(crate) description: Arc<Description>,
    /// What it needs and is not granted.
    pub(crate) missing: Vec<String>,
}

/// What changes when a version does.
#[derive(Default)]
pub(crate) struct Face {
    pub(crate) state: Option<PluginState>,
    pub(crate) serving: Option<Arc<Version>>,
    pub(crate) waiting: Option<Waiting>,
    pub(crate) rejected: Option<Rejection>,
    pub(crate) last_fault: Option<LastFault>,
}

/// One plugin; shared by its tasks, the runtime and whoever asks.
pub(crate) struct Plugin {
    pub(crate) name: Arc<str>,
    pub(crate) ring: Arc<LogRing>,
    pub(crate) counters: Counters,
    meter: Meter,
    pub(crate) usage: Arc<Usage>,
    pub(crate) queue: AtomicU64,
    /// Newest seq that it finished.
    pub(crate) finished: AtomicU64,
    /// How many of its lanes wait for the next minute's fuel.
    pub(crate) throttled: AtomicUsize,
    /// Where gate calls go while a guard serves.
    pub(crate) seat: ArcSwapOption<GateSeat>,
    /// Set while the operator's grant makes this guard's answer count.
    pub(crate) required: ArcSwapOption<RequiredGuard>,
    clock: Clock,
    face: Mutex<Face>,
}

impl Plugin {
    pub(crate) fn new(name: Arc<str>, clock: Clock) -> Self {
        Self {
            name,
            ring: Arc::new(LogRing::new(clock.clone())),
            counters: Counters::default(),
            meter: Meter::default(),
            usage: Arc::default(),
            queue: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            throttled: AtomicUsize::new(0),
            seat: ArcSwapOption::empty(),
            required: ArcSwapOption::empty(),
            clock,
            face: Mutex::default(),
        }
    }

    /// What it shows; held for moments, never across an await.
    pub(crate) fn face(&self) -> MutexGuard<'_, Face> {
        self.face.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a state that came of `version`'s calls, unless other bytes serve meanwhile, or none.
    pub(crate) fn set_state_of(&self, version: &Version, state: PluginState) {
        let mut face = self.face();
        if face.serving.as_ref().is_some_and(|serving| Arc::ptr_eq(&serving.record, &version.record)) {
            face.state = Some(state);
        }
    }

    pub(crate) fn note_fault(&self, fault: &Fault) {
        self.counters.faults.fetch_add(1, Relaxed);
        let at = self.clock.now();
        self.face().last_fault = Some(LastFault { fault: fault.clone(), at });
        let backtrace = fault.backtrace.as_deref().map(|text| format!("\n{text}")).unwrap_or_default();
        let spent = format!("{} fuel, {:.1} ms", fault.fuel, fault.took.as_secs_f64() * 1e3);
        self.ring.push(crate::logs::LogLevel::Error, &format!("fault: {fault} ({spent}){backtrace}"));
    }

    /// Events that are known to wait, and how far it is behind. What its lane does not hold yet is in the journal.
    fn behind(&self, journal: &Journal) -> (u64, u64) {
        let serving = self.face().serving.clone();
        let Some(serving) = serving.filter(|version| !version.description.subscriptions.is_empty()) else {
            return (0, 0);
        };
        // In this order: what is finished later is less behind than said, never more.
        let finished = self.finished.load(Relaxed);
        let (queue, lag) = (self.queue.load(Relaxed), journal.head().saturating_sub(finished));
        if queue > 0 || lag == 0 || serving.grant.delivery.mode == Mode::Live {
            return (queue, if queue > 0 { lag } else { 0 });
        }
        let patterns = Some(serving.description.subscriptions.clone());
        let next = journal.read(&Query { after: finished, patterns, limit: 1, ..Query::default() });
        // A journal that cannot be read shows nothing to be done.
        let waits = next.map_or(true, |events| !events.is_empty());
        if waits { (1, lag) } else { (0, 0) }
    }

    /// Reads the journal where only it knows whether something waits.
    pub(crate) fn status(&self, journal: &Journal) -> PluginStatus {
        let (queue, lag) = self.behind(journal);
        let face = self.face();
        let (version, digest, world) = match (&face.serving, &face.waiting) {
            (Some(serving), _) => {
                (serving.description.version.clone(), serving.digest.to_string(), Some(serving.world()))
            }
            (None, Some(waiting)) => {
                (waiting.description.version.clone(), waiting.digest.to_string(), Some(waiting.world))
            }
            (None, None) => (String::new(), String::new(), None),
        };
        let counters = &self.counters;
        PluginStatus {
            name: self.name.to_string(),
            version,
            digest,
            world,
            state: face.state.unwrap_or(PluginState::Loading),
            calls: counters.calls.load(Relaxed),
            failed: counters.failed.load(Relaxed),
            faults: counters.faults.load(Relaxed),
            dead_letters: counters.dead_letters.load(Relaxed),
            over_budget: counters.over_budget.load(Relaxed),
            fuel: counters.fuel.load(Relaxed),
            fuel_max: counters.fuel_max.load(Relaxed),
            fuel_per_second: self.meter.per_second(counters.fuel.load(Relaxed), Instant::now()),
            throttles: counters.throttles.load(Relaxed),
            quarantines: counters.quarantines.load(Relaxed),
            instances: face.serving.as_ref().map_or(0, |version| version.grant.delivery.instances()),
            throttled: self.throttled.load(Relaxed) > 0,
            shadow: face.serving.as_ref().is_some_and(|version| version.in_shadow()),
            queue,
            lag,
            memory_bytes: self.usage.memory_bytes(),
            p50_us: counters.latency.percentile_us(500),
            p99_us: counters.latency.percentile_us(990),
            last_fault: face.last_fault.clone(),
            rejected: face.rejected.clone(),
            // Of a version that was refused since, only what it asked for is still of use.
            waiting: face.waiting.as_ref().filter(|_| face.rejected.is_none()).map(|waiting| WaitingVersion {
                version: waiting.description.version.clone(),
                digest: waiting.digest.to_string(),
                missing: waiting.missing.clone(),
            }),
        }
    }
}
