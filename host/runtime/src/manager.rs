//! What the folder says about one plugin, carried out: load, swap, unload, disable. One change at a time for
//! each plugin; a change that does not work leaves what serves as it is.

use crate::component::{self, Rejection, Stage, World};
use crate::context::{Announcement, Context, Happening};
use crate::description::{NAME_RULE, is_plugin_name};
use crate::folder::{self, Entry};
use crate::gate::{GateSeat, news};
use crate::grant::{GateGrant, Grant, withdraws};
use crate::lane::{self, LaneHandle};
use crate::last_good;
use crate::plugin::{Plugin, PluginState, RequiredGuard, Waiting};
use crate::retry::{Again, RetryOutcome, RetryRefusal};
use crate::signature::Verified;
use crate::version::{Candidate, Prepared, Source, prepare};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Mutex;
use tollgate_core::gate::OnFault;

/// One plugin with what is needed to change it.
pub(crate) struct Managed {
    pub(crate) plugin: Arc<Plugin>,
    work: Mutex<Work>,
    /// Held while a dead letter of it is tried: one at a time, so that nobody fills the lane with them.
    retrying: Mutex<()>,
    /// Somebody asks for it to be loaded anew, whatever was carried out.
    renew: AtomicBool,
}

#[derive(Default)]
struct Work {
    /// What the folder said when it was last carried out.
    applied: Option<Entry>,
    lane: Option<LaneHandle>,
    /// The host ends: nothing is loaded any more.
    stopped: bool,
}

impl Managed {
    pub(crate) fn new(context: &Context, name: &str) -> Self {
        let plugin = Arc::new(Plugin::new(Arc::from(name), context.bus.clock().clone()));
        Self { plugin, work: Mutex::default(), retrying: Mutex::default(), renew: AtomicBool::new(false) }
    }

    /// Has the next [`Managed::apply`] load it anew.
    pub(crate) fn renew(&self) {
        self.renew.store(true, Ordering::SeqCst);
    }

    /// Makes the plugin what `decided` says when its turn comes, so that an older word is never carried out after
    /// a newer one. Says which it was where nothing of the plugin is left.
    pub(crate) async fn apply(&self, context: &Arc<Context>, decided: impl Fn() -> Entry) -> Option<Entry> {
        let mut work = self.work.lock().await;
        let entry = decided();
        let renewed = self.renew.swap(false, Ordering::SeqCst);
        if work.stopped || (work.applied == Some(entry) && !renewed) {
            return None;
        }
        work.applied = Some(entry);
        // Before the grant file is looked at, so that disabling lifts what a broken one requires.
        if entry.disabled {
            self.plugin.required.store(None);
            self.unload(context, &mut work, PluginState::Disabled).await;
            return None;
        }
        let grant = self.read_grant(context, entry);
        self.require(&grant);
        if entry.component.is_none() {
            self.unload(context, &mut work, PluginState::Rejected).await;
            self.forget_last_good(context);
            return (!self.stays_required()).then_some(entry);
        }
        let loaded = self.load(context, &mut work, grant.clone(), renewed).await;
        let passing = matches!(&loaded, Err(rejection) if rejection.passing);
        if let Err(rejection) = loaded {
            self.reject(context, rejection).await;
        }
        if let Ok(grant) = grant {
            self.hold_to(context, &mut work, grant).await;
        }
        // It was refused or waits for a grant, and nothing older serves.
        if work.lane.is_none() {
            self.load_last_good(context, &mut work).await;
        }
        if passing {
            // The same files are carried out again, when the runtime says so.
            work.applied = None;
        }
        None
    }

    /// Whether its files were refused for a reason that may pass.
    pub(crate) fn may_fare_better(&self) -> bool {
        self.plugin.face().rejected.as_ref().is_some_and(|rejection| rejection.passing)
    }

    /// Has its lane give it an event once more. A change of the plugin does not wait for this, but for the lane.
    pub(crate) async fn retry(&self, what: Again) -> Result<RetryOutcome, RetryRefusal> {
        let name = || self.plugin.name.to_string();
        let Ok(_one_at_a_time) = self.retrying.try_lock() else { return Err(RetryRefusal::Busy(name())) };
        let retrier = self.work.lock().await.lane.as_ref().map(LaneHandle::retrier);
        let Some(retrier) = retrier else { return Err(RetryRefusal::Ended(name())) };
        retrier.retry(what).await.unwrap_or_else(|| Err(RetryRefusal::Ended(name())))
    }

    /// Returns when no change is under way.
    pub(crate) async fn settled(&self) {
        drop(self.work.lock().await);
    }

    /// Ends what runs, for the host's own end.
    pub(crate) async fn stop(&self) {
        let mut work = self.work.lock().await;
        work.stopped = true;
        self.plugin.seat.store(None);
        if let Some(lane) = work.lane.take() {
            lane.stop().await;
        }
    }

    fn read_grant(&self, context: &Context, entry: Entry) -> Result<Grant, Rejection> {
        if entry.grant.is_none() {
            return Ok(Grant::default());
        }
        let path = folder::grant_path(&context.home.plugins(), &self.plugin.name);
        let grant = folder::read_grant(&path).and_then(|text| {
            Grant::parse(&text)
                .map_err(|error| Rejection::new(Stage::Config, format!("{}.toml, {error}", self.plugin.name)))
        });
        grant.inspect_err(|_| self.require_unknown())
    }

    /// Its grant file is there and cannot be understood, so it may speak of a gate: where nothing is known of
    /// it, it counts as a guard of every tool, since a guard that fails waves nothing through.
    fn require_unknown(&self) {
        if self.plugin.required.load().is_none() && self.plugin.face().serving.is_none() {
            let grant = GateGrant { deny: true, ..GateGrant::default() };
            let required = RequiredGuard { gates: None, grant, on_fault: OnFault::default() };
            self.plugin.required.store(Some(Arc::new(required)));
        }
    }

    /// Notes whether the operator counts on this guard. A grant file that cannot be read changes nothing here.
    fn require(&self, grant: &Result<Grant, Rejection>) {
        let Ok(grant) = grant else { return };
        if !grant.gate.counts() {
            return self.plugin.required.store(None);
        }
        let gates = self.known_gates();
        let required = RequiredGuard { gates, grant: grant.gate, on_fault: grant.delivery.on_fault };
        self.plugin.required.store(Some(Arc::new(required)));
    }

    fn known_gates(&self) -> Option<Vec<String>> {
        let face = self.plugin.face();
        let serving = face.serving.as_ref().map(|version| version.description.gates.clone());
        let waiting = face.waiting.as_ref().map(|waiting| waiting.description.gates.clone());
        serving.or(waiting).or_else(|| self.plugin.required.load().as_ref().and_then(|required| required.gates.clone()))
    }

    fn stays_required(&self) -> bool {
        self.plugin.required.load().is_some()
    }

    async fn load(
        &self,
        context: &Arc<Context>,
        work: &mut Work,
        grant: Result<Grant, Rejection>,
        renewed: bool,
    ) -> Result<(), Rejection> {
        let name = &self.plugin.name;
        if !is_plugin_name(name) {
            return Err(Rejection::new(Stage::Name, format!("{NAME_RULE}: rename the file")));
        }
        let component = self.read(context, context.home.plugins()).await?;
        if grant.is_err()
            && component::inspect(component.bytes()).is_ok_and(|interface| interface.world == World::Observer)
        {
            // Whatever its grant file says, it exports no gate.
            self.gates_are(Vec::new());
        }
        self.serve(context, work, component, grant?, renewed).await
    }

    /// Reads its component in `folder` once, with what signs it, and lets it pass or not.
    async fn read(&self, context: &Arc<Context>, folder: PathBuf) -> Result<Verified, Rejection> {
        let (rules, name) = (Arc::clone(&context.signatures), Arc::clone(&self.plugin.name));
        let reading = move || {
            let bytes = folder::read_component(&folder::component_path(&folder, &name))?;
            let signed = rules.are_set().then(|| folder::read_signature(&folder::signature_path(&folder, &name)));
            rules.verify(&name, bytes, signed.transpose()?.flatten())
        };
        self.blocking(reading).await
    }

    async fn serve(
        &self,
        context: &Arc<Context>,
        work: &mut Work,
        component: Verified,
        grant: Grant,
        renewed: bool,
    ) -> Result<(), Rejection> {
        let (theirs, plugin, kept) = (Arc::clone(context), Arc::clone(&self.plugin), component.clone());
        let serving = plugin.face().serving.clone();
        let preparing = context.guests.spawn(async move {
            let (name, ring, usage) = (&plugin.name, &plugin.ring, &plugin.usage);
            prepare(&theirs, Source { plugin: name, component, grant, ring, usage, serving }).await
        });
        let prepared =
            preparing.await.unwrap_or_else(|_| Err(Rejection::new(Stage::Init, "the host is shutting down")))?;
        match prepared {
            Prepared::Ready(candidate) => {
                let version = Arc::clone(&candidate.version);
                // Before it takes over: a lane that waits for the quarantine's end looks at it then.
                let recovered = renewed && version.record.forgive();
                self.take_over(context, work, *candidate).await?;
                if recovered {
                    context.announce(news(Happening::Recovered, &version)).await;
                }
                self.keep_last_good(context, kept).await;
            }
            Prepared::NeedsGrant { digest, world, description, missing } => {
                let announcement = Announcement::new(Happening::NeedsGrant, &self.plugin.name)
                    .with("version", description.version.as_str())
                    .with("digest", &*digest)
                    .with("missing", missing.clone());
                let gates = description.gates.clone();
                // The same bytes with less granted: what was withdrawn must not go on.
                if self.plugin.face().serving.as_ref().is_some_and(|serving| serving.digest == digest) {
                    self.unload(context, work, PluginState::NeedsGrant).await;
                }
                {
                    let mut face = self.plugin.face();
                    face.waiting = Some(Waiting { digest, world, description, missing });
                    face.rejected = None;
                    if face.serving.is_none() {
                        face.state = Some(PluginState::NeedsGrant);
                    }
                }
                self.gates_are(gates);
                context.announce(announcement).await;
            }
        }
        Ok(())
    }

    /// An older file that serves because the newest does not is held to the newest grant all the same.
    async fn hold_to(&self, context: &Arc<Context>, work: &mut Work, grant: Grant) {
        let Some(serving) = self.plugin.face().serving.clone().filter(|serving| serving.grant != grant) else { return };
        let withdrawn = withdraws(&grant, &serving.grant);
        let theirs = Arc::clone(context);
        let preparing = context.guests.spawn(async move { serving.regranted(&theirs, grant).await });
        let (rejected, waiting) = self.trouble();
        let held = match preparing.await {
            Ok(Ok(Prepared::Ready(candidate))) => self.take_over(context, work, *candidate).await,
            Ok(Ok(Prepared::NeedsGrant { missing, .. })) => {
                Err(Rejection::new(Stage::Needs, format!("not granted any more: {}", missing.join(", "))))
            }
            Ok(Err(rejection)) => Err(rejection),
            // The host is ending.
            Err(_) => return,
        };
        if let Err(rejection) = held {
            let text = format!("the version that serves does not work with the newest grant: {rejection}");
            self.plugin.ring.push(crate::logs::LogLevel::Error, &text);
            if withdrawn {
                self.unload(context, work, PluginState::NeedsGrant).await;
            }
        }
        self.show_trouble(rejected, waiting);
    }

    /// Why the newest file does not serve: to be shown still when an older one was put in its place.
    fn trouble(&self) -> (Option<Rejection>, Option<Waiting>) {
        let face = self.plugin.face();
        (face.rejected.clone(), face.waiting.clone())
    }

    fn show_trouble(&self, rejected: Option<Rejection>, waiting: Option<Waiting>) {
        let mut face = self.plugin.face();
        if face.serving.is_none() && rejected.is_some() {
            face.state = Some(PluginState::Rejected);
        }
        face.rejected = rejected;
        face.waiting = waiting.or(face.waiting.take());
    }

    /// Puts a candidate that works into service: a lane if there is none, else a swap between two events.
    async fn take_over(&self, context: &Arc<Context>, work: &mut Work, candidate: Candidate) -> Result<(), Rejection> {
        let Candidate { version, guest, gate } = candidate;
        let old = self.plugin.face().serving.clone();
        let seat = gate.map(|gate| Arc::new(GateSeat::new(context, &self.plugin, &version, gate)));
        // Gate calls first: a guard's stricter new version counts from here on.
        let old_seat = self.plugin.seat.swap(seat);
        match &mut work.lane {
            Some(lane) => {
                // It has shown that it works; the one that serves is made when the old one is done.
                drop(guest);
                if let Err(rejection) = lane.swap(Arc::clone(&version)).await {
                    self.plugin.seat.store(old_seat);
                    return Err(rejection);
                }
            }
            None => work.lane = Some(lane::start(context, &self.plugin, Arc::clone(&version), guest).await?),
        }
        {
            let mut face = self.plugin.face();
            face.serving = Some(Arc::clone(&version));
            face.waiting = None;
            face.rejected = None;
            let quarantined = version.record.quarantined();
            face.state = Some(if quarantined { PluginState::Quarantined } else { PluginState::Serving });
        }
        self.gates_are(version.description.gates.clone());
        let announcement = match old {
            Some(old) => news(Happening::Swapped, &version).with("replaced", &*old.digest),
            None => news(Happening::Loaded, &version),
        };
        context.announce(announcement).await;
        Ok(())
    }

    fn gates_are(&self, gates: Vec<String>) {
        if let Some(required) = self.plugin.required.load_full() {
            let required = RequiredGuard { gates: Some(gates), ..(*required).clone() };
            self.plugin.required.store(Some(Arc::new(required)));
        }
    }

    async fn unload(&self, context: &Context, work: &mut Work, state: PluginState) {
        self.plugin.seat.store(None);
        if let Some(lane) = work.lane.take() {
            lane.stop().await;
        }
        let old = {
            let mut face = self.plugin.face();
            face.state = Some(state);
            face.waiting = None;
            face.rejected = None;
            if state == PluginState::Rejected {
                face.rejected = Some(Rejection::new(Stage::Read, "its file is gone"));
            }
            face.serving.take()
        };
        if let Some(old) = old {
            let cause = match state {
                PluginState::Disabled => "disabled",
                PluginState::NeedsGrant => "grant_withdrawn",
                _ => "removed",
            };
            context.announce(news(Happening::Unloaded, &old).with("cause", cause)).await;
        }
    }

    async fn reject(&self, context: &Context, rejection: Rejection) {
        if rejection.passing && self.plugin.face().rejected.as_ref() == Some(&rejection) {
            // Tried again and nothing new: it has been told.
            return;
        }
        let text = format!("refused at {}: {}", rejection.stage, rejection.cause);
        self.plugin.ring.push(crate::logs::LogLevel::Error, &text);
        let serving = {
            let mut face = self.plugin.face();
            if face.serving.is_none() {
                face.state = Some(PluginState::Rejected);
            }
            face.rejected = Some(rejection.clone());
            face.serving.clone()
        };
        let announcement = Announcement::new(Happening::Rejected, &self.plugin.name)
            .with("stage", rejection.stage.as_str())
            .with("cause", rejection.cause)
            .with("serving", serving.map(|version| version.digest.to_string()));
        context.announce(announcement).await;
    }

    /// A file at the start that is broken or waits: what served last time serves again, and it is said.
    async fn load_last_good(&self, context: &Arc<Context>, work: &mut Work) {
        let kept = last_good::folder(&context.home);
        if !folder::component_path(&kept, &self.plugin.name).exists() {
            return;
        }
        let entry = work.applied.unwrap_or_default();
        let Ok(grant) = self.read_grant(context, entry) else { return };
        let (rejected, waiting) = self.trouble();
        let served = match self.read(context, kept).await {
            // It is what waits.
            Ok(component) if waiting.as_ref().is_some_and(|waiting| waiting.digest == *component.digest()) => return,
            Ok(component) => self.serve(context, work, component, grant, false).await,
            Err(rejection) => Err(rejection),
        };
        self.show_trouble(rejected, waiting);
        match served {
            Ok(()) if work.lane.is_none() => {}
            Ok(()) => {
                self.plugin.ring.push(crate::logs::LogLevel::Warn, "its last good version serves instead of the file");
            }
            Err(error) => {
                self.plugin
                    .ring
                    .push(crate::logs::LogLevel::Error, &format!("nor does its last good version serve: {error}"));
            }
        }
    }

    async fn keep_last_good(&self, context: &Context, component: Verified) {
        let (home, name) = (context.home.clone(), Arc::clone(&self.plugin.name));
        if let Err(error) = self.blocking(move || last_good::keep(&home, &name, &component)).await {
            let text = format!("its last good version could not be kept: {error}");
            self.plugin.ring.push(crate::logs::LogLevel::Warn, &text);
        }
    }

    fn forget_last_good(&self, context: &Context) {
        if let Err(error) = last_good::forget(&context.home, &self.plugin.name) {
            tracing::warn!(plugin = %self.plugin.name, %error, "plugin.forget: its last good version is left");
        }
    }

    async fn blocking<T: Send + 'static>(&self, act: impl FnOnce() -> T + Send + 'static) -> T {
        match tokio::task::spawn_blocking(act).await {
            Ok(value) => value,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // Cancelled: the host is ending, and this task with it.
            Err(_) => std::future::pending().await,
        }
    }
}
