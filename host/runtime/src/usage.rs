//! What a plugin has used of budgets that outlive its guests: a guest that faults, and the second one of a guard,
//! get no fresh share.

use crate::limits::MAX_PROGRAMS_PER_PLUGIN;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What `emits_per_minute` counts over.
const MINUTE: Duration = Duration::from_secs(60);

/// Shared by all guests of one plugin.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    emits: Mutex<Emits>,
    data: Mutex<Data>,
    programs: AtomicUsize,
}

/// One program that a guest holds; given back when dropped.
pub(crate) struct ProgramShare(Arc<Usage>);

impl Drop for ProgramShare {
    fn drop(&mut self) {
        self.0.programs.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is known of the plugin's own files; held while one of them grows.
#[derive(Debug, Default)]
pub(crate) struct Data {
    /// None where they must be measured.
    pub(crate) used: Option<DataUsed>,
    /// Changes whenever a name may mean another file than before: what is open by name is to be opened anew.
    pub(crate) generation: u64,
}

impl Data {
    /// A file was cut, renamed or removed, or nobody knows how much of a write is there.
    pub(crate) fn forget(&mut self) {
        self.used = None;
        self.generation = self.generation.wrapping_add(1);
    }
}

#[derive(Debug, Default)]
struct Emits {
    since: Option<Instant>,
    count: u32,
}

/// What the plugin's own files take.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DataUsed {
    pub(crate) bytes: u64,
    pub(crate) files: usize,
}

impl Usage {
    /// Counts one emit; false where the minute has no room for it (`per_minute` 0: it always has).
    pub(crate) fn take_emit(&self, per_minute: u32, now: Instant) -> bool {
        let mut emits = self.emits.lock().unwrap_or_else(PoisonError::into_inner);
        if emits.since.is_none_or(|since| now.duration_since(since) >= MINUTE) {
            *emits = Emits { since: Some(now), count: 0 };
        }
        if per_minute > 0 && emits.count >= per_minute {
            return false;
        }
        emits.count = emits.count.saturating_add(1);
        true
    }

    /// Counts one program; none where the plugin holds as many as it may.
    pub(crate) fn take_program(self: &Arc<Self>) -> Option<ProgramShare> {
        let room = |held| (held < MAX_PROGRAMS_PER_PLUGIN).then_some(held + 1);
        self.programs.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).ok()?;
        Some(ProgramShare(Arc::clone(self)))
    }

    /// What is known of the files.
    pub(crate) fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_holds_a_bounded_number_of_programs() {
        let usage = Arc::new(Usage::default());
        let mut held: Vec<_> = (0..MAX_PROGRAMS_PER_PLUGIN).filter_map(|_| usage.take_program()).collect();
        assert_eq!(held.len(), MAX_PROGRAMS_PER_PLUGIN);
        assert!(usage.take_program().is_none());
        held.pop();
        assert!(usage.take_program().is_some(), "one was given back");
    }

    #[test]
    fn a_minute_has_room_for_its_emits_and_the_next_one_again() {
        let (usage, now) = (Usage::default(), Instant::now());
        let taken = (0..5).filter(|_| usage.take_emit(3, now)).count();
        assert_eq!(taken, 3);
        assert!(!usage.take_emit(3, now + MINUTE / 2) && usage.take_emit(3, now + MINUTE));
        assert!((0..1_000).all(|_| usage.take_emit(0, now + MINUTE)));
    }
}
