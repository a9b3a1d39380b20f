//! Hooks that go missing while their agent works. A `git stash` takes the settings of a project away, the agent reads
//! them anew, and from then on asks nobody and tells nobody: only the files show it.
//!
//! Owns which settings are looked at and when. Must not know what a call is: it hears of agents by the events of
//! their hooks, and tells people by an alert.

use super::file::SettingsFile;
use super::known::{AGENTS, Agent};
use super::{Scope, settings, settings_path};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::bus::{Bus, Delivery, Overflow};
use tollgate_core::event::{Draft, Event};
use tollgate_core::events::PatternSet;
use tollgate_core::hooks;

/// Most agents in folders that are watched; the one that was heard of first goes.
const MAX_WATCHED: usize = 128;
/// How often their settings are read.
const LOOK: Duration = Duration::from_secs(2);
/// So many looks in a row have to find nothing: whoever writes a file anew may take it away first.
const LOOKS: u32 = 2;

/// What every event of a hook says of where it came from.
const PREFIX: &str = "hook:";

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
}

/// An agent that was heard of.
#[derive(Debug, PartialEq, Eq)]
struct Heard {
    /// Its position in [`AGENTS`].
    agent: usize,
    cwd: PathBuf,
    session: Arc<str>,
}

/// An agent that works in a project.
#[derive(Debug)]
struct Watched {
    agent: &'static Agent,
    /// Where its hooks may stand: the project's settings, the user's.
    files: Vec<PathBuf>,
    /// The session that was heard of last.
    session: Arc<str>,
    /// Looks in a row that found no hook that gates; none before the first that found one.
    missed: Option<u32>,
}

/// The agents that are watched.
#[derive(Debug, Default)]
struct Watch {
    user: User,
    /// Since the last look.
    heard: VecDeque<Heard>,
    /// The one that was heard of first in front.
    watched: VecDeque<Watched>,
}

/// Watches the settings of every agent whose hooks are heard of, until the bus closes.
pub async fn watch(bus: Bus) {
    let Ok(patterns) = PatternSet::parse(["hook.*"]) else { return };
    let mut events = bus.subscribe(patterns, Overflow::DropOldest);
    let mut watch = Watch { user: User::of_this_process(), ..Watch::default() };
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            delivery = events.next() => match delivery {
                Some(Delivery::Event(event)) => watch.hears(&event),
                // Whoever works on is heard of again.
                Some(_) => {}
                None => return,
            },
            _ = looks.tick() => {
                // Files may lie on a disk that keeps still.
                let looked = tokio::task::spawn_blocking(move || {
                    let lost = watch.look();
                    (watch, lost)
                });
                let Ok((back, lost)) = looked.await else { return };
                watch = back;
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
    /// Takes note of an agent; what lies on a disk is looked at later.
    fn hears(&mut self, event: &Event) {
        let agent = event.source.strip_prefix(PREFIX);
        let agent = agent.and_then(|name| AGENTS.iter().position(|agent| agent.name() == name));
        let payload = serde_json::from_str::<Value>(&event.payload).unwrap_or_default();
        let cwd = payload.get("cwd").and_then(Value::as_str).map(PathBuf::from).filter(|cwd| cwd.is_absolute());
        let (Some(agent), Some(cwd), Some(session)) = (agent, cwd, event.session.clone()) else { return };
        let heard = Heard { agent, cwd, session };
        if self.heard.contains(&heard) {
            return;
        }
        if self.heard.len() >= MAX_WATCHED {
            self.heard.pop_front();
        }
        self.heard.push_back(heard);
    }

    /// Watches the project that the agent works in.
    fn add(&mut self, Heard { agent: at, cwd, session }: Heard) {
        let Some(agent) = AGENTS.get(at) else { return };
        let configured = self.user.configured.get(at).and_then(Option::as_deref);
        let home = self.user.home.as_deref();
        let files: Vec<PathBuf> = [Scope::Project, Scope::User]
            .into_iter()
            .filter_map(|scope| settings_path(agent, scope, &cwd, home, configured))
            .collect();
        let known = self.watched.iter_mut().find(|one| std::ptr::eq(one.agent, agent) && one.files == files);
        if let Some(known) = known {
            known.session = session;
            return;
        }
        if self.watched.len() >= MAX_WATCHED {
            self.watched.pop_front();
        }
        self.watched.push_back(Watched { agent, files, session, missed: None });
    }

    /// Reads every file; the alerts for those whose hooks are gone.
    fn look(&mut self) -> Vec<Draft> {
        for heard in std::mem::take(&mut self.heard) {
            self.add(heard);
        }
        let mut lost = Vec::new();
        for watched in &mut self.watched {
            if let Some(file) = watched.files.iter().find(|file| gates(watched.agent, file)) {
                if watched.missed.replace(0).is_none() {
                    tracing::info!(agent = watched.agent.name(), file = %file.display(), "these hooks are watched");
                }
            } else if let Some(missed) = &mut watched.missed {
                *missed = missed.saturating_add(1);
                if *missed == LOOKS {
                    lost.extend(watched.alert());
                }
            }
        }
        lost
    }
}

/// Whether no tool runs without a question, as far as this file shows it. A broken one is no hook to its agent either.
fn gates(agent: &Agent, file: &Path) -> bool {
    let settings = SettingsFile::read(file).map(|file| file.settings).unwrap_or_default();
    let found = settings::find(agent, &settings);
    found.switched_off.is_none() && !found.lets_past(agent)
}

impl Watched {
    fn alert(&self) -> Option<Draft> {
        let name = self.agent.name();
        let files: Vec<_> = self.files.iter().map(|file| file.to_string_lossy()).collect();
        let description = format!(
            "{name} works in this folder, and the hooks that asked Tollgate are in none of {}: it may run tools that \
             nobody is asked about. Put them back with `tollgate hooks install {name}`, with `--user` where no `git \
             stash` or `git switch` takes them away",
            files.join(", ")
        );
        let context = json!({"session_id": self.session, "agent": name, "files": files});
        hooks::alert(None, &self.session, "the hooks of an agent are gone", &description, &context)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use super::super::command::HookCommand;
    use super::*;
    use std::fs;
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
            let mut settings = serde_json::Map::new();
            let command = HookCommand::new(agent, "/opt/tollgate", None).unwrap();
            settings::install(agent, &mut settings, &command, 9_000).unwrap();
            fs::create_dir_all(self.file(agent).parent().unwrap()).unwrap();
            fs::write(self.file(agent), serde_json::to_string(&settings).unwrap()).unwrap();
        }

        async fn heard(&self, agent: &Agent, folder: &str) -> Arc<Event> {
            let payload = json!({"cwd": self.folder.path().join(folder), "session_id": "s1"});
            let source = format!("{PREFIX}{}", agent.name());
            let mut events = self.bus.subscribe(PatternSet::parse(["hook.*"]).unwrap(), Overflow::DropOldest);
            let draft = Draft::new(EventType::parse("hook.stop").unwrap(), source, payload.to_string());
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
            watch.hears(&*projects.heard(agent, agent.name()).await);
            let mut looks = |number: usize| (0..number).map(|_| watch.look().len()).collect::<Vec<_>>();
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
        }
    }

    #[tokio::test]
    async fn what_had_no_hooks_in_its_settings_is_never_told_of() {
        let projects = Projects::new();
        let agent = &AGENTS[0];
        let mut watch = Watch::default();
        watch.hears(&*projects.heard(agent, agent.name()).await);
        assert!((0..4).all(|_| watch.look().is_empty()), "they stand somewhere else");
    }

    #[tokio::test]
    async fn the_user_s_hooks_stand_in_for_the_project_s() {
        let projects = Projects::new();
        let agent = &AGENTS[0];
        projects.install(agent);
        let configured = vec![Some(projects.file(agent).parent().unwrap().to_owned()); AGENTS.len()];
        let mut watch = Watch { user: User { home: None, configured }, ..Watch::default() };
        watch.hears(&*projects.heard(agent, "elsewhere").await);
        assert!((0..3).all(|_| watch.look().is_empty()));
        fs::remove_file(projects.file(agent)).unwrap();
        let lost: Vec<Draft> = (0..3).flat_map(|_| watch.look()).collect();
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
            watch.hears(&event);
            watch.hears(&event);
        }
        assert_eq!(watch.heard.len(), MAX_WATCHED);
        watch.look();
        event.payload = json!({"cwd": "/nowhere/more"}).to_string().into();
        watch.hears(&event);
        watch.look();
        assert_eq!(watch.watched.len(), MAX_WATCHED);
        assert!(watch.watched[0].files[0].starts_with("/nowhere/2"));
    }
}
