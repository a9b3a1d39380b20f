//! Whole sessions on a real bus: real shells in real terminals, and a clock that the test moves.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed unwrap is the test's failure"
)]

mod approvals;
mod bounds;
mod outside;
mod own;
mod restarts;

use crate::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tollgate_core::bus::{Bus, BusOptions};
use tollgate_core::event::Draft;
use tollgate_core::events::{EventType, PatternSet};
use tollgate_core::interactions::Interactions;
use tollgate_core::journal::{Durability, JournalOptions, Query};
use tollgate_core::session::Sessions;
use tollgate_core::time::{Clock, Timestamp};

const START: Timestamp = Timestamp(1_769_508_000_000);
const DEADLINE: Duration = Duration::from_secs(30);

/// A host with a runner, and a workspace of its own.
struct World {
    bus: Bus,
    sessions: Arc<Sessions>,
    interactions: Interactions,
    runner: Runner,
    clock: Clock,
    home: tempfile::TempDir,
}

/// A home without a host.
struct Down {
    clock: Clock,
    home: tempfile::TempDir,
}

/// Providers that run these scripts.
fn providers(scripts: &[(&str, &str)]) -> RunnerOptions {
    let provider = |script: &str| Provider {
        program: "sh".to_owned(),
        args: vec!["-c".to_owned(), script.to_owned()],
        env: Vec::new(),
        version: Some("1.2".to_owned()),
    };
    RunnerOptions { providers: scripts.iter().map(|(name, script)| ((*name).to_owned(), provider(script))).collect() }
}

async fn world(script: &str) -> World {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("work")).unwrap();
    Down { clock: Clock::fixed(START), home }.start(providers(&[("script", script)]), None).await
}

impl Down {
    async fn start(self, options: RunnerOptions, filter: Option<&[&str]>) -> World {
        let Self { clock, home } = self;
        let journal = JournalOptions { path: home.path().join("journal.db"), durability: Durability::Normal };
        let filter = filter.map(|types| PatternSet::parse(types.iter().copied()).unwrap());
        let bus = Bus::open(BusOptions { journal, filter, clock: clock.clone() }).unwrap();
        let allow = home.path().join("work").canonicalize().unwrap();
        let sessions = Arc::new(Sessions::open(&bus, vec![allow]).unwrap());
        let interactions = Interactions::open(&bus, Arc::clone(&sessions));
        let runner = Runner::open(&bus, Arc::clone(&sessions), interactions.clone(), options).await.unwrap();
        World { bus, sessions, interactions, runner, clock, home }
    }
}

impl World {
    fn work(&self) -> PathBuf {
        self.home.path().join("work").canonicalize().unwrap()
    }

    fn wish(&self) -> Wish {
        Wish { provider: Some("script".to_owned()), workspace: Some(self.work()), ..Wish::default() }
    }

    /// Starts the script.
    async fn start(&self) -> Arc<str> {
        Arc::clone(&self.runner.start(self.wish()).await.unwrap().identity.id)
    }

    /// Starts a session whose events come from outside.
    async fn outside(&self, id: &str) -> Arc<str> {
        let wish = Wish { id: Some(id.to_owned()), ..Wish::default() };
        Arc::clone(&self.runner.start(wish).await.unwrap().identity.id)
    }

    /// The same, and it has said that it started.
    async fn outside_started(&self, id: &str) -> Arc<str> {
        let id = self.outside(id).await;
        let started = json!({"type": "session.started", "payload": {"providerId": "p", "providerVersion": "1",
            "workspacePath": "/w", "roomPath": "r"}});
        self.runner.take(&id, vec![outside::draft(&started.to_string())], false).await.unwrap();
        id
    }

    /// From now on the journal takes nothing more.
    async fn fill_disk(&self) {
        self.bus.limit_pages(1).await.unwrap();
        for size in [4_000, 400, 1] {
            let payload = json!({"fill": "x".repeat(size)}).to_string();
            let fill = || Draft::new(EventType::parse("disk.filled").unwrap(), "core", payload.clone());
            while self.bus.emit(fill()).await.is_ok() {}
        }
    }

    fn status(&self, id: &str) -> Arc<Status> {
        self.runner.get(id).unwrap()
    }

    fn move_on(&self, time: Duration) {
        self.clock.set(self.clock.now().after(time));
    }

    /// What was recorded of a session: type and payload.
    fn told(&self, id: &str) -> Vec<(String, Value)> {
        let query = Query { session: Some(id.into()), limit: 100_000, ..Query::default() };
        let events = self.bus.journal().read(&query).unwrap();
        let shown = |event: &Arc<tollgate_core::event::Event>| {
            (event.event_type.as_str().to_owned(), serde_json::from_str(&event.payload).unwrap())
        };
        events.iter().map(shown).filter(|(event_type, _)| !event_type.starts_with("interaction.")).collect()
    }

    fn of_type(&self, id: &str, event_type: &str) -> Vec<Value> {
        self.told(id).into_iter().filter(|(told, _)| told == event_type).map(|(_, payload)| payload).collect()
    }

    /// The states of a session, one after the other.
    fn states(&self, id: &str) -> Vec<String> {
        let moves = self.of_type(id, "session.state_changed");
        for (one, next) in moves.iter().zip(moves.iter().skip(1)) {
            let (one, next) = (one["newState"].as_str().unwrap(), next["previousState"].as_str().unwrap());
            assert!(one.eq_ignore_ascii_case(next), "{moves:?}");
        }
        moves.iter().map(|moved| moved["newState"].as_str().unwrap().to_owned()).collect()
    }

    fn output(&self, id: &str) -> String {
        self.of_type(id, "terminal.chunk").iter().map(|chunk| chunk["data"].as_str().unwrap().to_owned()).collect()
    }

    async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !holds() {
            assert!(Instant::now() < deadline, "never: {what}");
            tokio::task::yield_now().await;
        }
    }

    async fn until_state(&self, id: &str, state: State) {
        let reached = async {
            let mut status = self.runner.watch(id).unwrap();
            status.wait_for(|status| status.state == state).await.map(|_| ())
        };
        match tokio::time::timeout(DEADLINE, reached).await {
            Ok(Ok(())) => {}
            _ => panic!("never {state}, but {:?}: {:?}", self.status(id), self.told(id)),
        }
    }

    /// Waits until the session wrote `text`.
    async fn until_written(&self, id: &str, text: &str) {
        self.until(text, || self.output(id).contains(text)).await;
    }

    /// Waits for its end and looks at how it was told.
    async fn ended(&self, id: &str) -> Value {
        let over = async {
            let mut status = self.runner.watch(id).unwrap();
            status.wait_for(|status| status.ended_at.is_some()).await.map(|_| ())
        };
        if tokio::time::timeout(DEADLINE, over).await.is_err() {
            panic!("it never ended: {:?}", self.told(id));
        }
        let told = self.told(id);
        let ends: Vec<_> = told.iter().filter(|(event_type, _)| event_type == "session.ended").collect();
        assert_eq!(ends.len(), 1, "told once: {told:?}");
        assert_eq!(told.last().unwrap().0, "session.ended", "and last");
        assert_eq!(told.first().unwrap().0, "session.started", "after its start");
        let ended = ends[0].1.clone();
        let status = self.status(id);
        assert_eq!(self.states(id).last().map(String::as_str), Some(status.state.as_str()));
        assert!(ended["finalState"].as_str().unwrap().eq_ignore_ascii_case(status.state.as_str()), "{ended}");
        assert!(status.approvals.iter().all(|approval| !approval.open));
        ended
    }

    /// The host goes, at once, as far as a host can that is still a process here.
    async fn down(self) -> Down {
        let Self { bus, sessions, interactions, runner, clock, home } = self;
        bus.close().await;
        drop((runner, interactions, sessions, bus));
        Down { clock, home }
    }
}

/// Whether there is such a process, that has not ended.
fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

/// The number that a script wrote into a file of its workspace.
fn pid_in(work: &Path, file: &str) -> i32 {
    std::fs::read_to_string(work.join(file)).unwrap().trim().parse().unwrap()
}

fn git(work: &Path, args: &[&str]) {
    assert!(std::process::Command::new("git").arg("-C").arg(work).args(args).status().unwrap().success(), "{args:?}");
}
