//! A bus, its sessions and interactions, with a clock that stands still until the test moves it.

use crate::bus::{Bus, BusOptions};
use crate::interactions::{Inner, Interactions};
use crate::journal::{Durability, JournalOptions};
use crate::session::Sessions;
use crate::time::{Clock, Timestamp};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tollgate_events::PatternSet;

/// 2026-01-27T10:00:00Z.
pub(crate) const START: Timestamp = Timestamp(1_769_508_000_000);

/// One host and its folder.
pub(crate) struct Host {
    pub(crate) bus: Bus,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) interactions: Interactions,
    pub(crate) clock: Clock,
    pub(crate) folder: Arc<tempfile::TempDir>,
    durability: Durability,
}

impl Host {
    pub(crate) fn new(durability: Durability) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::open(folder, durability, None, Clock::fixed(START), true)
    }

    /// Nothing sweeps.
    pub(crate) fn without_expiry(durability: Durability) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::open(folder, durability, None, Clock::fixed(START), false)
    }

    pub(crate) fn filtered(wanted: &[&str]) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let filter = Some(PatternSet::parse(wanted.iter().copied()).unwrap());
        Self::open(folder, Durability::Normal, filter, Clock::fixed(START), true)
    }

    fn open(
        folder: Arc<tempfile::TempDir>,
        durability: Durability,
        filter: Option<PatternSet>,
        clock: Clock,
        expires: bool,
    ) -> Self {
        let journal = JournalOptions { path: folder.path().join("journal.db"), durability };
        let bus = Bus::open(BusOptions { journal, filter, clock: clock.clone() }).unwrap();
        let root = folder.path().canonicalize().unwrap();
        let sessions = Arc::new(Sessions::open(&bus, vec![root]).unwrap());
        let interactions = if expires {
            Interactions::open(&bus, Arc::clone(&sessions))
        } else {
            let (waiting, asked) = Default::default();
            Interactions(Arc::new(Inner { bus: bus.clone(), sessions: Arc::clone(&sessions), waiting, asked }))
        };
        Self { bus, sessions, interactions, clock, folder, durability }
    }

    /// The same home after a stop, and a time in which nothing ran. What was not on disk is gone.
    pub(crate) async fn restart_after(self, time: Duration) -> Self {
        let Self { bus, sessions, interactions, clock, folder, durability } = self;
        // Its tasks may hold the bus a moment longer; closed, it writes no more.
        bus.close().await;
        drop((bus, sessions, interactions));
        let clock = Clock::fixed(clock.now().after(time));
        Self::open(folder, durability, None, clock, true)
    }

    pub(crate) fn move_on(&self, time: Duration) {
        self.clock.set(self.clock.now().after(time));
    }

    pub(crate) fn journal_path(&self) -> PathBuf {
        self.folder.path().join("journal.db")
    }

    /// The one folder that sessions may work in.
    pub(crate) fn root(&self) -> PathBuf {
        Path::canonicalize(self.folder.path()).unwrap()
    }

    /// Waits until `holds`.
    pub(crate) async fn until(&self, holds: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !holds() {
            assert!(Instant::now() < deadline, "it never came about");
            tokio::task::yield_now().await;
        }
    }
}
