//! Hooks that go missing while their agent works. A `git stash` takes the settings of a project away, the agent reads
//! them anew, and from then on asks nobody and tells nobody: only the files show it.
//!
//! Owns which settings are looked at and when. Must not know what a call is: it hears of agents by the events of
//! their hooks, and tells people by an alert.

use super::command::HookCommand;
use super::file::SettingsFile;
use super::known::{AGENTS, Agent};
use super::settings::Trouble;
use super::{Scope, settings, settings_path};
use serde::Deserialize;
use serde_json::json;
use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tollgate_core::bus::{Bus, Delivery, Overflow};
use tollgate_core::event::{Draft, Event};
use tollgate_core::events::PatternSet;
use tollgate_core::hooks;

/// Most agents in folders that are watched; the one that was not heard of for longest goes.
const MAX_WATCHED: usize = 128;
/// Most sessions of an agent in one folder; the one that began first is forgotten.
const MAX_SESSIONS: usize = 16;
/// An agent that says nothing for so long works no more, whether it said so or not.
const QUIET: Duration = Duration::from_secs(3_600);
/// How often their settings are read.
const LOOK: Duration = Duration::from_secs(2);
/// So many looks in a row have to find nothing: whoever writes a file anew may take it away first.
const LOOKS: u32 = 2;
/// How long a look may take: files may lie on a disk that keeps still.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many looks that have not come back, each on a thread that nobody has meanwhile, end the watch.
const MAX_STUCK: usize = 4;

/// What every event of a hook says of where it came from.
const PREFIX: &str = "hook:";
/// What an agent says when a session is over.
const SESSION_END: &str = "hook.session_end";

/// Where the user's settings lie, as far as this process can tell.
#[derive(Debug, Clone, Default)]
struct User {
    home: Option<PathBuf>,
    /// The folder that an agent's own variable names, one for each of [`AGENTS`].
    configured: Vec<Option<PathBuf>>,
}

impl User {
    fn of_this_process() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let configured = AGENTS.iter().map(|agent| agent.variable.and_then(variable)).collect();
        Self { home: variable("HOME"), configured }
    }

    /// The settings in which the hooks of the agent at this position, which works in `cwd`, may stand.
    fn files(&self, at: usize, cwd: &Path) -> Vec<PathBuf> {
        let configured = self.configured.get(at).and_then(Option::as_deref);
        let file = |scope| settings_path(AGENTS.get(at)?, scope, cwd, self.home.as_deref(), configured);
        [Scope::Project, Scope::User].into_iter().filter_map(file).collect()
    }
}

/// What is read of a hook's payload.
#[derive(Deserialize)]
struct Where {
    cwd: Option<PathBuf>,
}

/// An agent that works in a folder.
#[derive(Debug)]
struct Watched {
    /// Its position in [`AGENTS`].
    agent: usize,
    cwd: PathBuf,
    /// Where its hooks may stand: the project's settings, the user's. None before the first look.
    files: Vec<PathBuf>,
    /// Those that are not over.
    sessions: VecDeque<Arc<str>>,
    heard: Instant,
    /// Looks in a row that found no hook that gates; none before the first that found one.
    missed: Option<u32>,
}

/// The agents that are watched.
#[derive(Debug, Default)]
struct Watch {
    user: User,
    /// The one that was not heard of for longest in front.
    watched: VecDeque<Watched>,
}

/// Watches the settings of every agent whose hooks are heard of, until the bus closes.
pub async fn watch(bus: Bus) {
    watch_by(bus, PATIENCE, Watch::look).await;
}

/// The same, by looks that may take so long each.
async fn watch_by(
    bus: Bus,
    patience: Duration,
    look: impl Fn(&mut Watch, Instant) -> Vec<Draft> + Clone + Send + 'static,
) {
    let Ok(patterns) = PatternSet::parse(["hook.*"]) else { return };
    let mut events = bus.subscribe(patterns, Overflow::DropOldest);
    let mut watch = Watch { user: User::of_this_process(), ..Watch::default() };
    let mut stuck: Vec<JoinHandle<_>> = Vec::new();
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            delivery = events.next() => match delivery {
                // Before the agent goes on, which may take them away.
                Some(Delivery::Event(event)) if watch.hears(&event, Instant::now()) => looks.reset_immediately(),
                // Whoever works on is heard of again.
                Some(_) => {}
                None => return,
            },
            _ = looks.tick() => {
                let user = watch.user.clone();
                let look = look.clone();
                let mut look = tokio::task::spawn_blocking(move || {
                    let lost = look(&mut watch, Instant::now());
                    (watch, lost)
                });
                let Ok(looked) = tokio::time::timeout(patience, &mut look).await else {
                    stuck.push(look);
                    stuck.retain(|look| !look.is_finished());
                    if stuck.len() >= MAX_STUCK {
                        return tracing::error!("agents' settings cannot be read in time: their hooks are not watched any more");
                    }
                    tracing::warn!("agents' settings could not be read in time; those that are heard of are watched anew");
                    watch = Watch { user, ..Watch::default() };
                    continue;
                };
                let lost = match looked {
                    Ok((back, lost)) => {
                        watch = back;
                        lost
                    }
                    Err(error) => return tracing::error!(%error, "agents' hooks are not watched any more"),
                };
                for draft in lost {
                    if let Err(error) = bus.emit(draft).await {
                        tracing::error!(%error, "an alert could not be recorded");
                    }
                }
            }
        }
    }
}

impl Watch {
    /// Takes note of an agent; what lies on a disk is looked at later. Whether it is new.
    fn hears(&mut self, event: &Event, now: Instant) -> bool {
        let agent = event.source.strip_prefix(PREFIX);
        let agent = agent.and_then(|name| AGENTS.iter().position(|agent| agent.name() == name));
        let (Some(agent), Some(session)) = (agent, event.session.clone()) else { return false };
        let cwd = serde_json::from_str::<Where>(&event.payload).ok().and_then(|place| place.cwd);
        let Some(cwd) = cwd.filter(|cwd| cwd.is_absolute()) else { return false };
        let at = self.watched.iter().position(|one| one.agent == agent && one.cwd == cwd);
        let known = at.and_then(|at| self.watched.remove(at));
        let new = known.is_none();
        let mut watched = known.unwrap_or_else(|| Watched {
            agent,
            cwd,
            files: Vec::new(),
            sessions: VecDeque::new(),
            heard: now,
            missed: None,
        });
        watched.heard = now;
        watched.sessions.retain(|one| *one != session);
        if event.event_type.as_str() != SESSION_END {
            watched.sessions.push_back(session);
        }
        if watched.sessions.len() > MAX_SESSIONS {
            watched.sessions.pop_front();
        }
        if watched.sessions.is_empty() {
            return false;
        }
        if self.watched.len() >= MAX_WATCHED {
            self.watched.pop_front();
        }
        self.watched.push_back(watched);
        new
    }

    /// Reads every file; the alerts for those whose hooks are gone, one for a project.
    fn look(&mut self, now: Instant) -> Vec<Draft> {
        let (mut lost, mut told) = (Vec::new(), HashSet::new());
        self.watched.retain(|watched| now.duration_since(watched.heard) < QUIET);
        for watched in &mut self.watched {
            let Some(agent) = AGENTS.get(watched.agent) else { continue };
            if watched.files.is_empty() {
                watched.files = self.user.files(watched.agent, &watched.cwd);
            }
            if let Some(file) = watched.files.iter().find(|file| gates(agent, file)) {
                if watched.missed.replace(0).is_none() {
                    tracing::info!(agent = agent.name(), file = %file.display(), "these hooks are watched");
                }
            } else if let Some(missed) = &mut watched.missed {
                *missed = missed.saturating_add(1);
                if *missed == LOOKS && told.insert((watched.agent, watched.files.clone())) {
                    lost.extend(watched.alert(agent));
                }
            }
        }
        lost
    }
}

/// Whether no tool runs without a question, as far as this file shows it: the hooks are in it, run Tollgate and nothing
/// else, and it is there. A broken file is no hook to its agent either.
fn gates(agent: &Agent, file: &Path) -> bool {
    let settings = SettingsFile::read(file).map(|file| file.settings).unwrap_or_default();
    let found = settings::find(agent, &settings);
    let dead = matches!(found.trouble(agent), Some(Trouble::SwitchedOff(_) | Trouble::Gone(_)));
    found.command.as_ref().is_some_and(HookCommand::is_plain) && !dead && !found.lets_past(agent)
}

impl Watched {
    fn alert(&self, agent: &Agent) -> Option<Draft> {
        let name = agent.name();
        let session = self.sessions.back()?;
        let files: Vec<_> = self.files.iter().map(|file| file.to_string_lossy()).collect();
        let description = format!(
            "{name} works in this folder, and hooks that ask Tollgate and can run are in none of {}: it may run tools \
             that nobody is asked about. Put them back with `tollgate hooks install {name}`, with `--user` where no \
             `git stash` or `git switch` takes them away",
            files.join(", ")
        );
        let context = json!({"session_id": session, "agent": name, "files": files});
        hooks::alert(None, session, "the hooks of an agent are gone", &description, &context)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use super::*;
    use std::fs;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Condvar, Mutex};
    use tollgate_core::bus::BusOptions;
    use tollgate_core::events::EventType;
    use tollgate_core::journal::{Durability, JournalOptions};
    use tollgate_core::time::Clock;

    /// A folder of projects, one for each agent, and its events.
    struct Projects {
        folder: tempfile::TempDir,
        bus: Bus,
    }

    impl Projects {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let journal = JournalOptions { path: folder.path().join("journal.db"), durability: Durability::Memory };
            let bus = Bus::open(BusOptions { journal, filter: None, clock: Clock::system() }).unwrap();
            Self { folder, bus }
        }

        fn file(&self, agent: &Agent) -> PathBuf {
            self.folder.path().join(agent.name()).join(agent.folder).join(agent.file)
        }

        /// The agent's hooks in its project, as `hooks install` writes them.
        fn install(&self, agent: &Agent) {
            let program = self.folder.path().join("tollgate");
            fs::write(&program, "").unwrap();
            self.install_with(agent, program.to_str().unwrap());
        }

        fn install_with(&self, agent: &Agent, program: &str) {
            let mut settings = serde_json::Map::new();
            let command = HookCommand::new(agent, program, None).unwrap();
            settings::install(agent, &mut settings, &command, 9_000).unwrap();
            fs::create_dir_all(self.file(agent).parent().unwrap()).unwrap();
            fs::write(self.file(agent), serde_json::to_string(&settings).unwrap()).unwrap();
        }

        async fn heard(&self, agent: &Agent, folder: &str) -> Arc<Event> {
            self.says(agent, folder, "hook.stop").await
        }

        async fn says(&self, agent: &Agent, folder: &str, event_type: &str) -> Arc<Event> {
            let payload = json!({"cwd": self.folder.path().join(folder), "session_id": "s1"});
            let source = format!("{PREFIX}{}", agent.name());
            let mut events = self.bus.subscribe(PatternSet::parse(["hook.*"]).unwrap(), Overflow::DropOldest);
            let draft = Draft::new(EventType::parse(event_type).unwrap(), source, payload.to_string());
            self.bus.emit(draft.in_session("s1")).await.unwrap();
            match events.next().await {
                Some(Delivery::Event(event)) => event,
                other => unreachable!("{other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn hooks_that_are_gone_raise_one_alert_until_they_are_back() {
        let projects = Projects::new();
        for agent in &AGENTS {
            projects.install(agent);
            let mut watch = Watch::default();
            assert!(watch.hears(&*projects.heard(agent, agent.name()).await, Instant::now()));
            let mut looks = |number: usize| (0..number).map(|_| watch.look(Instant::now()).len()).collect::<Vec<_>>();
            assert_eq!(looks(3), [0, 0, 0], "{}", agent.name());
            fs::remove_file(projects.file(agent)).unwrap();
            assert_eq!(looks(4), [0, 1, 0, 0], "{}: told once", agent.name());
            projects.install(agent);
            assert_eq!(looks(1), [0]);
            // Written anew in two steps.
            fs::write(projects.file(agent), "").unwrap();
            assert_eq!(looks(1), [0]);
            projects.install(agent);
            assert_eq!(looks(2), [0, 0]);
            fs::write(projects.file(agent), "{\"hooks\":{}}").unwrap();
            assert_eq!(looks(2), [0, 1], "{}", agent.name());
            projects.install(agent);
            assert_eq!(looks(1), [0]);
            // They run what is not there.
            projects.install_with(agent, "/nowhere/tollgate");
            assert_eq!(looks(2), [0, 1], "{}", agent.name());
        }
    }

    #[tokio::test]
    async fn an_agent_that_works_no_more_is_not_told_of() {
        let projects = Projects::new();
        let agent = &AGENTS[0];
        projects.install(agent);
        let mut watch = Watch::default();
        let begun = Instant::now();
        let event = projects.heard(agent, agent.name()).await;
        assert!(watch.hears(&event, begun) && !watch.hears(&event, begun), "new once");
        assert!(watch.look(begun).is_empty());
        watch.hears(&*projects.says(agent, agent.name(), SESSION_END).await, begun);
        assert!(watch.watched.is_empty(), "its session is over");
        watch.hears(&event, begun);
        watch.look(begun + QUIET);
        assert!(watch.watched.is_empty(), "nothing was heard of it");
        // Another session of the same is still under way.
        watch.hears(&event, begun);
        let mut other = (*event).clone();
        other.session = Some("s2".into());
        watch.hears(&other, begun);
        watch.hears(&*projects.says(agent, agent.name(), SESSION_END).await, begun);
        assert_eq!(watch.watched[0].sessions, ["s2".into()]);
        for number in 0..=MAX_SESSIONS {
            other.session = Some(number.to_string().into());
            watch.hears(&other, begun);
        }
        assert_eq!(watch.watched[0].sessions.len(), MAX_SESSIONS);
    }

    #[tokio::test]
    async fn one_project_is_told_of_once_from_however_many_folders() {
        let projects = Projects::new();
        let agent = &AGENTS[0];
        projects.install(agent);
        fs::create_dir_all(projects.folder.path().join(agent.name()).join(".git")).unwrap();
        let mut watch = Watch::default();
        for folder in [agent.name().to_owned(), format!("{}/src", agent.name())] {
            watch.hears(&*projects.heard(agent, &folder).await, Instant::now());
        }
        assert!(watch.look(Instant::now()).is_empty());
        fs::remove_file(projects.file(agent)).unwrap();
        let lost: Vec<_> = (0..3).map(|_| watch.look(Instant::now()).len()).collect();
        assert_eq!(lost, [0, 1, 0]);
    }

    #[tokio::test]
    async fn what_had_no_hooks_in_its_settings_is_never_told_of() {
        let projects = Projects::new();
        let agent = &AGENTS[0];
        let mut watch = Watch::default();
        assert!(watch.hears(&*projects.heard(agent, agent.name()).await, Instant::now()));
        assert!((0..4).all(|_| watch.look(Instant::now()).is_empty()), "they stand somewhere else");
    }

    #[tokio::test]
    async fn the_user_s_hooks_stand_in_for_the_project_s() {
        let projects = Projects::new();
        let agent = &AGENTS[0];
        projects.install(agent);
        let configured = vec![Some(projects.file(agent).parent().unwrap().to_owned()); AGENTS.len()];
        let mut watch = Watch { user: User { home: None, configured }, ..Watch::default() };
        watch.hears(&*projects.heard(agent, "elsewhere").await, Instant::now());
        assert!((0..3).all(|_| watch.look(Instant::now()).is_empty()));
        fs::remove_file(projects.file(agent)).unwrap();
        let lost: Vec<Draft> = (0..3).flat_map(|_| watch.look(Instant::now())).collect();
        assert_eq!(lost.len(), 1);
        assert!(lost[0].payload.contains("elsewhere"), "{}", lost[0].payload);
    }

    #[tokio::test]
    async fn a_bounded_number_is_watched_and_each_once() {
        let projects = Projects::new();
        let mut watch = Watch::default();
        let mut event = (*projects.heard(&AGENTS[0], "0").await).clone();
        for number in 0..=MAX_WATCHED {
            event.payload = json!({"cwd": format!("/nowhere/{number}")}).to_string().into();
            watch.hears(&event, Instant::now());
            watch.hears(&event, Instant::now());
        }
        assert_eq!(watch.watched.len(), MAX_WATCHED);
        assert_eq!(watch.watched[0].cwd, Path::new("/nowhere/1"));
    }

    /// Looks that are held while they are told to be, counted. While one is held, a paused clock stands still.
    #[derive(Clone, Default)]
    struct Held {
        begun: Arc<AtomicUsize>,
        ended: Arc<AtomicUsize>,
        holds: Arc<Mutex<bool>>,
        let_go: Arc<Condvar>,
    }

    impl Held {
        fn look(&self) -> Vec<Draft> {
            self.begun.fetch_add(1, Ordering::SeqCst);
            drop(self.let_go.wait_while(self.holds.lock().unwrap(), |holds| *holds).unwrap());
            self.ended.fetch_add(1, Ordering::SeqCst);
            Vec::new()
        }

        fn hold(&self, holds: bool) {
            *self.holds.lock().unwrap() = holds;
            self.let_go.notify_all();
        }
    }

    /// Held looks would keep a test that fails from ending.
    struct LetGo<'a>(&'a Held);

    impl Drop for LetGo<'_> {
        fn drop(&mut self) {
            self.0.hold(false);
        }
    }

    async fn reaches(counter: &AtomicUsize, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while counter.load(Ordering::SeqCst) < count {
            assert!(Instant::now() < deadline, "{count}");
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn looks_that_come_back_late_do_not_end_the_watch_and_as_many_that_never_do_end_it() {
        let (projects, held) = (Projects::new(), Held::default());
        let _at_the_end = LetGo(&held);
        held.hold(true);
        let look = held.clone();
        let watching = tokio::spawn(watch_by(projects.bus.clone(), PATIENCE, move |_, _| look.look()));
        let mut looks = 1;
        reaches(&held.begun, looks).await;
        for _ in 1..=3 {
            for _ in 1..MAX_STUCK {
                // The next is long due when this one is given up.
                tokio::time::advance(PATIENCE).await;
                looks += 1;
                reaches(&held.begun, looks).await;
            }
            held.hold(false);
            reaches(&held.ended, looks).await;
            held.hold(true);
            tokio::time::advance(LOOK).await;
            looks += 1;
            reaches(&held.begun, looks).await;
        }
        for stuck in 1..=MAX_STUCK {
            assert!(!watching.is_finished(), "{stuck}");
            tokio::time::advance(PATIENCE).await;
            if stuck < MAX_STUCK {
                reaches(&held.begun, looks + stuck).await;
            }
        }
        watching.await.unwrap();
        assert_eq!(held.begun.load(Ordering::SeqCst), looks + MAX_STUCK - 1);
    }
}
