//! What a plugin has used of budgets that outlive its guests: a guest that faults, and the second one of a guard,
//! get no fresh share.

use crate::limits::MAX_PROGRAMS_PER_PLUGIN;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What `emits_per_minute` counts over.
const MINUTE: Duration = Duration::from_secs(60);

/// How far behind its rate a plugin may catch up without pause: timers are late by milliseconds, and turns that
/// nobody wanted are not saved.
const MAX_CATCH_UP: Duration = Duration::from_millis(100);

/// Shared by all guests of one plugin.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    emits: Mutex<Emits>,
    data: Mutex<Data>,
    programs: AtomicUsize,
    fuel: Mutex<Fuel>,
    /// When the next event is due at the earliest, where a rate is kept.
    next_turn: Mutex<Option<Instant>>,
    /// Of its lanes, which share the store.
    instances: AtomicUsize,
    /// Counts commits with writes to its store.
    store_commits: AtomicU64,
    /// Of all its guests' memories together.
    memory_bytes: AtomicU64,
}

#[derive(Debug, Default)]
struct Fuel {
    since: Option<Instant>,
    used: u64,
}

/// What one guest's memories hold of the plugin's sum; given back when dropped.
pub(crate) struct MemoryShare(Arc<Usage>, u64);

impl MemoryShare {
    pub(crate) fn new(usage: Arc<Usage>) -> Self {
        Self(usage, 0)
    }

    /// The guest's memories hold as much now.
    pub(crate) fn set(&mut self, bytes: u64) {
        if bytes != self.1 {
            // In two's complement, so that shrinking is adding as well.
            self.0.memory_bytes.fetch_add(bytes.wrapping_sub(self.1), Ordering::Relaxed);
            self.1 = bytes;
        }
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        self.set(0);
    }
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

    /// Takes `fuel` from the minute's `budget` (0: there is none); says how long to wait for the next minute, where
    /// nothing is left of this one.
    pub(crate) fn spend_fuel(&self, fuel: u64, budget: u64, minute: Duration, now: Instant) -> Duration {
        if budget == 0 {
            return Duration::ZERO;
        }
        let mut spent = self.fuel.lock().unwrap_or_else(PoisonError::into_inner);
        let since = *spent.since.get_or_insert(now);
        let passed = now.saturating_duration_since(since);
        if passed >= minute {
            *spent = Fuel { since: Some(now), used: fuel };
        } else {
            spent.used = spent.used.saturating_add(fuel);
        }
        if spent.used < budget {
            Duration::ZERO
        } else {
            minute.saturating_sub(if passed >= minute { Duration::ZERO } else { passed })
        }
    }

    /// Takes the turn of one more event, `rate` of which may begin in a second; says how long to wait for it.
    pub(crate) fn take_turn(&self, rate: NonZeroU32, now: Instant) -> Duration {
        let mut next = self.next_turn.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(MAX_CATCH_UP).unwrap_or(now);
        let turn = next.map_or(now, |next| next.max(earliest));
        *next = Some(turn + Duration::from_secs(1) / rate.get());
        turn.saturating_duration_since(now)
    }

    pub(crate) fn set_instances(&self, instances: usize) {
        self.instances.store(instances, Ordering::Relaxed);
    }

    /// Counts a commit that wrote to the store.
    pub(crate) fn store_committed(&self) {
        self.store_commits.fetch_add(1, Ordering::Release);
    }

    /// How many commits wrote to the store; none where one guest alone writes to it, which knows what it wrote.
    pub(crate) fn store_commits(&self) -> Option<u64> {
        let shared = self.instances.load(Ordering::Relaxed) > 1;
        shared.then(|| self.store_commits.load(Ordering::Acquire))
    }

    /// Bytes of all its guests' memories.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory_bytes.load(Ordering::Relaxed)
    }

    /// What is known of the files.
    pub(crate) fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
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
    fn fuel_is_counted_over_a_minute_by_all_who_spend_it() {
        let (usage, now) = (Usage::default(), Instant::now());
        assert_eq!(usage.spend_fuel(u64::MAX, 0, MINUTE, now), Duration::ZERO, "no budget");
        assert_eq!(usage.spend_fuel(6, 10, MINUTE, now), Duration::ZERO);
        assert_eq!(usage.spend_fuel(6, 10, MINUTE, now + MINUTE / 4), MINUTE * 3 / 4);
        assert_eq!(usage.spend_fuel(0, 10, MINUTE, now + MINUTE / 2), MINUTE / 2, "asking costs nothing");
        assert_eq!(usage.spend_fuel(6, 10, MINUTE, now + MINUTE), Duration::ZERO);
        assert_eq!(usage.spend_fuel(6, 10, MINUTE, now + MINUTE), MINUTE);
    }

    #[test]
    fn turns_are_spread_over_the_second_and_few_are_saved() {
        let (usage, now, rate) = (Usage::default(), Instant::now(), NonZeroU32::new(100).unwrap());
        let wait = |at: Duration| usage.take_turn(rate, now + at);
        assert_eq!((wait(Duration::ZERO), wait(Duration::ZERO)), (Duration::ZERO, Duration::from_millis(10)));
        assert_eq!(wait(Duration::from_millis(10)), Duration::from_millis(10));
        // Nobody came for an hour: a tenth of a second's turns are there, and no more.
        let hour = Duration::from_secs(3_600);
        let at_once = (0..100).take_while(|_| wait(hour).is_zero()).count();
        assert_eq!(at_once, 11);
    }

    #[test]
    fn memory_is_summed_over_guests_and_given_back() {
        let usage = Arc::new(Usage::default());
        let (mut one, mut other) = (MemoryShare::new(Arc::clone(&usage)), MemoryShare::new(Arc::clone(&usage)));
        one.set(100);
        other.set(10);
        one.set(40);
        assert_eq!(usage.memory_bytes(), 50);
        drop(one);
        assert_eq!(usage.memory_bytes(), 10);
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
