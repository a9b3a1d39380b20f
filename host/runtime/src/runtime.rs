//! The runtime: all plugins of one home, the watcher of their folder, and what people ask of them.

use crate::RuntimeError;
use crate::asker::Asker;
use crate::compiler::{self, Compiler};
use crate::context::Context;
use crate::detail::PluginDetail;
use crate::engine::{Engine, Ticker};
use crate::folder::{self, Entry, Hints};
use crate::gate;
use crate::grant::{Ask, Grant, GrantDifference, difference, with_missing};
use crate::host;
use crate::ledger::{Ledger, Tempo};
use crate::limits::Limits;
use crate::logs::LogLine;
use crate::manager::Managed;
use crate::plugin::PluginStatus;
use crate::services::Services;
use crate::signature::SignatureRules;
use futures_util::future::{BoxFuture, join_all};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tollgate_core::bus::Bus;
use tollgate_core::gate::{GuardAnswer, Guards, NormalisedCall};
use tollgate_core::home::Home;
use tollgate_core::session::Sessions;

/// Threads that guests share: enough that one guest that computes leaves room for the others.
const GUEST_THREADS: usize = 2;
/// A file that nobody said was finished is acted on after it did not change for this long.
const STILLNESS: Duration = Duration::from_millis(200);
/// How long guests get to stop when the host ends.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(10);

/// What a runtime is made of.
pub struct RuntimeOptions {
    /// Its `plugins/` is the folder, its `data/` and `cache/` are used too.
    pub home: Home,
    /// Where events come from and go to.
    pub bus: Bus,
    /// Where an event's session works, for plugins that run programs or touch files.
    pub sessions: Arc<Sessions>,
    /// Has plugins' questions asked. None: each is denied.
    pub asker: Option<Arc<dyn Asker>>,
    /// Limits of plugins whose grant file says nothing else.
    pub defaults: Limits,
    /// Who compiles; for this runtime alone, which stops it at its end.
    pub compiler: Arc<dyn Compiler>,
    /// Which components may run, by who signed them.
    pub signatures: SignatureRules,
    /// Watch the folder; else only [`Runtime::rescan`] looks at it.
    pub watch: bool,
    /// How often the watched folder is looked at without a hint.
    pub rescan: Duration,
}

/// All plugins of one home. Cheap to clone.
#[derive(Clone)]
pub struct Runtime(Arc<Shared>);

struct Shared {
    context: Arc<Context>,
    folder: PathBuf,
    plugins: Mutex<BTreeMap<String, Arc<Managed>>>,
    hints: Arc<Hints>,
    seen: Mutex<BTreeMap<String, Seen>>,
    /// Held while a scan looks, so that what an older look saw is never carried out after a newer one.
    scanning: tokio::sync::Mutex<()>,
    stopping: watch::Sender<bool>,
    watcher: Mutex<Option<notify::RecommendedWatcher>>,
    /// Taken when the runtime is dropped, where it must not be waited for.
    guests: Mutex<Option<tokio::runtime::Runtime>>,
}

/// What the last scans saw of a name.
struct Seen {
    entry: Entry,
    since: Instant,
    /// `entry` was finished or still for long enough, and became `decided`.
    carried_out: bool,
    /// What the plugin is to be.
    decided: Entry,
    /// A task of the watcher's makes it so; the next change waits for its end.
    under_way: bool,
    /// It was refused for a reason that may pass.
    again: Option<Again>,
}

/// Another try of files that did not change.
#[derive(Clone, Copy)]
struct Again {
    at: Instant,
    /// How often they were tried.
    tries: u32,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.context.code.stop();
        self.context.services.programs.stop();
        let guests = self.guests.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(guests) = guests {
            guests.shutdown_background();
        }
    }
}

impl Runtime {
    /// Starts a runtime: when it returns, each plugin in the folder serves, waits or was refused.
    ///
    /// # Errors
    /// When the engine cannot be set up or the folder cannot be made or read.
    pub async fn start(options: RuntimeOptions) -> Result<Self, RuntimeError> {
        Self::start_with(options, Tempo::default()).await
    }

    pub(crate) async fn start_with(options: RuntimeOptions, tempo: Tempo) -> Result<Self, RuntimeError> {
        let RuntimeOptions { home, bus, sessions, asker, defaults, compiler, signatures, watch, rescan } = options;
        let folder = home.plugins();
        std::fs::create_dir_all(&folder).map_err(|error| at(&folder, &error))?;
        let engine = Engine::new()?;
        let linker = host::linker(&engine).map_err(|error| RuntimeError::Engine(format!("{error:#}")))?;
        let guests = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(GUEST_THREADS)
            .thread_name("tollgate-guest")
            .enable_all()
            .build()
            .map_err(|error| RuntimeError::Engine(format!("threads for guests: {error}")))?;
        let context = Context {
            ticker: Ticker::start(&engine)?,
            code: Arc::new(compiler::Source::new(&home, &engine, compiler)),
            linker,
            ledger: Ledger::new(tempo),
            bus,
            services: Arc::new(Services::new(&home, sessions, asker)),
            home,
            defaults,
            signatures: Arc::new(signatures),
            guests: guests.handle().clone(),
        };
        let shared = Shared {
            context: Arc::new(context),
            folder,
            plugins: Mutex::default(),
            hints: Arc::default(),
            seen: Mutex::default(),
            scanning: tokio::sync::Mutex::default(),
            stopping: watch::Sender::new(false),
            watcher: Mutex::default(),
            guests: Mutex::new(Some(guests)),
        };
        let runtime = Self(Arc::new(shared));
        if watch {
            // Before the first scan, so that nothing falls between the two.
            runtime.watch();
        }
        runtime.scan().await?;
        if watch {
            let weak = Arc::downgrade(&runtime.0);
            let (hints, stopping) = (Arc::clone(&runtime.0.hints), runtime.0.stopping.subscribe());
            tokio::spawn(follow(weak, hints, stopping, rescan));
        }
        Ok(runtime)
    }

    /// Every plugin, in name order.
    #[must_use]
    pub fn list(&self) -> Vec<PluginStatus> {
        let journal = self.0.context.bus.journal();
        let plugins: Vec<_> = self.plugins().values().cloned().collect();
        plugins.iter().map(|managed| managed.plugin.status(journal)).collect()
    }

    /// Everything about one plugin.
    #[must_use]
    pub fn inspect(&self, name: &str) -> Option<PluginDetail> {
        let managed = self.find(name)?;
        let status = managed.plugin.status(self.0.context.bus.journal());
        Some(PluginDetail::of(&managed.plugin, status, self.proposed_grant(name).ok(), self.0.context.defaults))
    }

    /// The newest `last` log lines of one plugin, oldest first.
    #[must_use]
    pub fn logs(&self, name: &str, last: usize) -> Option<Vec<LogLine>> {
        Some(self.find(name)?.plugin.ring.last(last))
    }

    /// Lets a disabled plugin run again; remembered.
    ///
    /// # Errors
    /// When there is no such plugin, or the folder cannot be written.
    pub async fn enable(&self, name: &str) -> Result<(), RuntimeError> {
        self.known(name)?;
        let marker = folder::disabled_path(&self.0.folder, name);
        match std::fs::remove_file(&marker) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(at(&marker, &error)),
            _ => {}
        }
        self.scan().await
    }

    /// Ends a plugin until it is enabled; remembered. Its events wait in the journal.
    ///
    /// # Errors
    /// When there is no such plugin, or the folder cannot be written.
    pub async fn disable(&self, name: &str) -> Result<(), RuntimeError> {
        self.known(name)?;
        let marker = folder::disabled_path(&self.0.folder, name);
        folder::write_whole(&marker, b"").map_err(|error| at(&marker, &error))?;
        self.scan().await
    }

    /// What a plugin asks for, what it has, what is missing, and the grant file that would give it all.
    ///
    /// # Errors
    /// When there is no such plugin, it never described itself, or its grant file cannot be read.
    pub fn proposed_grant(&self, name: &str) -> Result<GrantDifference, RuntimeError> {
        self.known(name)?;
        let managed = self.find(name).ok_or_else(|| RuntimeError::Unknown(name.to_owned()))?;
        let description = {
            let face = managed.plugin.face();
            let waiting = face.waiting.as_ref().map(|waiting| Arc::clone(&waiting.description));
            waiting.or_else(|| face.serving.as_ref().map(|serving| Arc::clone(&serving.description)))
        };
        let description = description.ok_or_else(|| RuntimeError::NotDescribed(name.to_owned()))?;
        let path = folder::grant_path(&self.0.folder, name);
        let text = folder::read_grant(&path)
            .map_err(|rejection| RuntimeError::Folder { path: path.clone(), reason: rejection.cause })?;
        let grant = Grant::parse(&text)?;
        let (granted, missing) = difference(description.asks(), &grant);
        let proposed = with_missing(&text, &missing)?;
        let needed =
            |ask: &&Ask| if description.needs.contains(ask) { format!("{ask} (needed)") } else { ask.to_string() };
        Ok(GrantDifference {
            plugin: name.to_owned(),
            asked: granted.iter().chain(&missing).map(needed).collect(),
            granted: granted.iter().map(needed).collect(),
            missing: missing.iter().map(needed).collect(),
            digest: crate::component::digest(proposed.as_bytes()),
            proposed,
        })
    }

    /// Grants a plugin everything it asks for: writes its grant file, keeping the rest of it, and carries it out.
    /// `shown` is the [`GrantDifference::digest`] of what the operator looked at.
    ///
    /// # Errors
    /// As [`Runtime::proposed_grant`], when that is not what would be written now, or when the file cannot be
    /// written.
    pub async fn grant(&self, name: &str, shown: &str) -> Result<GrantDifference, RuntimeError> {
        let difference = self.proposed_grant(name)?;
        if difference.digest != shown {
            return Err(RuntimeError::GrantChanged(name.to_owned()));
        }
        let path = folder::grant_path(&self.0.folder, name);
        folder::write_whole(&path, difference.proposed.as_bytes()).map_err(|error| at(&path, &error))?;
        self.scan().await?;
        Ok(difference)
    }

    /// Looks at the folder now, and carries out what it says of `name` though it did not change.
    pub(crate) async fn carry_out_again(&self, name: &str) -> Result<(), RuntimeError> {
        let managed = self.find(name).ok_or_else(|| RuntimeError::Unknown(name.to_owned()))?;
        managed.renew();
        if let Some(seen) = self.seen().get_mut(name) {
            seen.carried_out = false;
        }
        self.scan().await
    }

    /// Looks at the folder now and carries out what changed.
    pub async fn rescan(&self) {
        if let Err(error) = self.scan().await {
            tracing::warn!(%error, "plugin.scan");
        }
    }

    /// Stops watching, lets the calls in flight finish, commits, stops every guest.
    pub async fn shutdown(&self) {
        self.0.stopping.send_replace(true);
        self.0.context.code.stop();
        self.0.watcher.lock().unwrap_or_else(PoisonError::into_inner).take();
        let all: Vec<Arc<Managed>> = self.plugins().values().cloned().collect();
        let stopping = join_all(all.iter().map(|managed| managed.stop()));
        if tokio::time::timeout(SHUTDOWN_WAIT, stopping).await.is_err() {
            tracing::warn!("runtime.shutdown: some plugins did not stop in time");
        }
        self.0.context.services.programs.stop();
        let guests = self.0.guests.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(guests) = guests {
            guests.shutdown_background();
        }
    }

    /// Programs of all plugins that are not reaped yet.
    #[cfg(test)]
    pub(crate) fn programs(&self) -> usize {
        self.0.context.services.programs.count()
    }

    #[cfg(test)]
    pub(crate) fn ticker_is_parked(&self) -> bool {
        self.0.context.ticker.is_parked()
    }

    #[cfg(test)]
    pub(crate) fn plugin(&self, name: &str) -> Option<Arc<crate::plugin::Plugin>> {
        self.find(name).map(|managed| Arc::clone(&managed.plugin))
    }

    fn plugins(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Managed>>> {
        self.0.plugins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn bus(&self) -> &Bus {
        &self.0.context.bus
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<Managed>> {
        self.plugins().get(name).cloned()
    }

    fn known(&self, name: &str) -> Result<(), RuntimeError> {
        if self.plugins().contains_key(name) { Ok(()) } else { Err(RuntimeError::Unknown(name.to_owned())) }
    }

    fn watch(&self) {
        match folder::watch(&self.0.folder, &self.0.hints) {
            Ok(watcher) => *self.0.watcher.lock().unwrap_or_else(PoisonError::into_inner) = Some(watcher),
            // The rescan finds changes without it, later.
            Err(error) => tracing::warn!(%error, "plugin.watch"),
        }
    }

    /// Looks at the folder and carries out what changed; returns when all of it is done.
    async fn scan(&self) -> Result<(), RuntimeError> {
        let changes = self.look(true).await?;
        join_all(changes.into_iter().map(|name| self.carry_out(name))).await;
        // What another scan found first is carried out as well when this returns.
        let all: Vec<_> = self.plugins().values().cloned().collect();
        join_all(all.iter().map(|managed| managed.settled())).await;
        Ok(())
    }

    /// As [`Runtime::scan`], of what is finished or has been still for long enough, a task for each name: one
    /// that is slow keeps no other waiting. There are no more of them than names.
    async fn scan_in_tasks(&self) -> Result<(), RuntimeError> {
        for name in self.look(false).await? {
            let runtime = self.clone();
            tokio::spawn(async move { runtime.carry_out(name).await });
        }
        Ok(())
    }

    /// Which names changed: all of them with `at_once`, else those whose change may be carried out now.
    async fn look(&self, at_once: bool) -> Result<Vec<String>, RuntimeError> {
        let _one_at_a_time = self.0.scanning.lock().await;
        let folder = self.0.folder.clone();
        let scanned = tokio::task::spawn_blocking(move || folder::scan(&folder)).await;
        let mut entries = match scanned {
            Ok(entries) => entries.map_err(|error| at(&self.0.folder, &error))?,
            Err(_) => return Ok(Vec::new()),
        };
        if !self.0.context.signatures.are_set() {
            // Nobody looks at them, so that one changes is no change.
            entries.values_mut().for_each(|entry| entry.signature = None);
        }
        let finished = self.0.hints.take();
        Ok(self.changes(&entries, &finished, at_once))
    }

    /// Which names are ready to be carried out, and as what.
    fn changes(&self, entries: &BTreeMap<String, Entry>, finished: &BTreeSet<String>, at_once: bool) -> Vec<String> {
        let now = Instant::now();
        let mut seen = self.seen();
        let gone = seen.keys().filter(|name| !entries.contains_key(*name)).cloned().collect::<Vec<_>>();
        let all = entries.iter().map(|(name, entry)| (name.clone(), *entry));
        let all = all.chain(gone.into_iter().map(|name| (name, Entry::default())));
        let mut changes = Vec::new();
        for (name, entry) in all {
            let seen = seen.entry(name.clone()).or_insert(Seen {
                entry: Entry::default(),
                since: now,
                carried_out: true,
                decided: Entry::default(),
                under_way: false,
                again: None,
            });
            if seen.entry != entry {
                *seen = Seen { entry, since: now, carried_out: false, again: None, ..*seen };
            }
            let still = now.duration_since(seen.since) >= STILLNESS;
            let ready = !seen.under_way && (still || finished.contains(&name));
            let again = seen.carried_out && !seen.under_way && seen.again.is_some_and(|again| again.at <= now);
            if (!seen.carried_out && (at_once || ready)) || again {
                *seen = Seen { carried_out: true, decided: entry, under_way: true, ..*seen };
                changes.push(name);
            }
        }
        changes
    }

    /// Whether a change waits for stillness.
    fn unsettled(&self) -> bool {
        self.seen().values().any(|seen| !seen.carried_out)
    }

    async fn carry_out(&self, name: String) {
        let managed = {
            let mut plugins = self.plugins();
            // A marker or a grant alone is not a plugin, unless the grant makes it a required guard.
            Arc::clone(plugins.entry(name.clone()).or_insert_with(|| Arc::new(Managed::new(&self.0.context, &name))))
        };
        let decided = || self.seen().get(&name).map_or_else(Entry::default, |seen| seen.decided);
        let nothing_left = managed.apply(&self.0.context, decided).await;
        let mut plugins = self.plugins();
        let mut seen = self.seen();
        let Some(known) = seen.get_mut(&name) else { return };
        known.under_way = false;
        known.again = managed.may_fare_better().then(|| {
            let tries = known.again.map_or(1, |again| again.tries.saturating_add(1));
            Again { at: Instant::now() + self.0.context.ledger.tempo().backoff(tries, gate::noise()), tries }
        });
        // Unless it is to be something else meanwhile.
        if nothing_left == Some(known.decided) {
            plugins.remove(&name);
            if known.decided == Entry::default() && known.carried_out {
                seen.remove(&name);
            }
        }
    }

    fn seen(&self) -> MutexGuard<'_, BTreeMap<String, Seen>> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Scans on hints, for stillness, and now and then, until the runtime stops or is gone.
async fn follow(
    runtime: std::sync::Weak<Shared>,
    hints: Arc<Hints>,
    mut stopping: watch::Receiver<bool>,
    rescan: Duration,
) {
    let mut unsettled = false;
    loop {
        let wait = if unsettled { STILLNESS / 2 } else { rescan };
        tokio::select! {
            // An error means that the runtime is gone.
            _ = stopping.changed() => return,
            () = hints.changed.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
        let Some(shared) = runtime.upgrade() else { return };
        let runtime = Runtime(shared);
        if let Err(error) = runtime.scan_in_tasks().await {
            tracing::warn!(%error, "plugin.scan");
        }
        unsettled = runtime.unsettled();
    }
}

fn at(path: &Path, error: &std::io::Error) -> RuntimeError {
    RuntimeError::Folder { path: path.to_owned(), reason: error.to_string() }
}

impl Guards for Runtime {
    fn check<'a>(&'a self, call: &'a Arc<NormalisedCall>) -> BoxFuture<'a, Vec<GuardAnswer>> {
        let plugins: Vec<_> = self.plugins().values().map(|managed| Arc::clone(&managed.plugin)).collect();
        let asked = plugins.into_iter().map(move |plugin| gate::answer(plugin, call));
        Box::pin(async move { join_all(asked).await.into_iter().flatten().collect() })
    }
}
