//! The ledger of faults: who is in quarantine, and for how long. Belongs to a name and a digest, so that
//! loading the same file again does not forget.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most name-and-digest pairs that are remembered, those that plugins hold besides; the one without a fault for
/// longest goes first, whatever its quarantine.
const MAX_RECORDS: usize = 1_000;

/// When to look again while a probe is under way elsewhere: it takes no longer than a call.
const PROBE_LOOK: Duration = Duration::from_millis(100);

/// How long faults and their consequences last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tempo {
    /// Wait before the first retry; doubles with each further one.
    pub(crate) backoff_first: Duration,
    /// Longest wait between tries.
    pub(crate) backoff_longest: Duration,
    /// How often an event is tried before it goes to the dead letters.
    pub(crate) tries: u32,
    /// This many faults …
    pub(crate) faults: usize,
    /// … within this long put a plugin into quarantine.
    pub(crate) window: Duration,
    /// First quarantine; doubles with each probe that faults.
    pub(crate) cooldown_first: Duration,
    /// Longest quarantine.
    pub(crate) cooldown_longest: Duration,
    /// What `fuel_per_minute` counts over.
    pub(crate) fuel_minute: Duration,
}

impl Default for Tempo {
    fn default() -> Self {
        Self {
            backoff_first: Duration::from_millis(100),
            backoff_longest: Duration::from_secs(30),
            tries: 3,
            faults: 5,
            window: Duration::from_secs(60),
            cooldown_first: Duration::from_secs(30),
            cooldown_longest: Duration::from_secs(3_600),
            fuel_minute: Duration::from_secs(60),
        }
    }
}

impl Tempo {
    /// The wait before try number `tries + 1`; `noise` (0..=255) spreads plugins that fault together over the
    /// upper half of it.
    pub(crate) fn backoff(&self, tries: u32, noise: u8) -> Duration {
        let doubled = self.backoff_first.saturating_mul(1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX));
        let half = doubled.min(self.backoff_longest) / 2;
        half + half.mul_f64(f64::from(noise) / 255.0)
    }
}

/// What a fault leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consequence {
    /// Try again after the backoff.
    Retry,
    /// Kept out for this long.
    Quarantine(Duration),
}

/// Faults of one name and digest.
pub(crate) struct Record {
    tempo: Tempo,
    state: Mutex<State>,
    /// Whether `state` holds a quarantine: what every event asks, without the lock.
    quarantined: AtomicBool,
}

#[derive(Default)]
struct State {
    recent: VecDeque<Instant>,
    last: Option<Instant>,
    quarantine: Option<Quarantine>,
}

#[derive(Clone, Copy)]
struct Quarantine {
    until: Instant,
    cooldown: Duration,
    probing: bool,
}

/// Whether a plugin may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It may.
    Open,
    /// It is in quarantine, and this one call is the probe.
    Probe,
    /// It is in quarantine: ask again after as long.
    Closed(Duration),
}

impl Record {
    fn new(tempo: Tempo) -> Self {
        Self { tempo, state: Mutex::default(), quarantined: AtomicBool::new(false) }
    }

    /// Whether the next call may be made now. Who is told [`Admission::Probe`] reports back with
    /// [`Record::fault`] or [`Record::fine`].
    pub(crate) fn admit(&self, now: Instant) -> Admission {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut state.quarantine {
            None => Admission::Open,
            Some(quarantine) if now < quarantine.until => {
                let left = quarantine.until - now;
                Admission::Closed(if quarantine.probing { left.min(PROBE_LOOK) } else { left })
            }
            Some(quarantine) => {
                quarantine.probing = true;
                // A probe that never reports back is followed by another one.
                quarantine.until = now + quarantine.cooldown;
                Admission::Probe
            }
        }
    }

    /// Whether it is in quarantine, a probe under way included.
    pub(crate) fn quarantined(&self) -> bool {
        self.quarantined.load(Ordering::Acquire)
    }

    /// Records a fault.
    pub(crate) fn fault(&self, now: Instant) -> Consequence {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.last = Some(now);
        if let Some(quarantine) = &mut state.quarantine {
            // Of a call that was under way when the quarantine began: it is no word on the plugin since.
            if !quarantine.probing {
                return Consequence::Retry;
            }
            quarantine.cooldown = quarantine.cooldown.saturating_mul(2).min(self.tempo.cooldown_longest);
            quarantine.until = now + quarantine.cooldown;
            quarantine.probing = false;
            return Consequence::Quarantine(quarantine.cooldown);
        }
        state.recent.push_back(now);
        while state.recent.len() > self.tempo.faults
            || state.recent.front().is_some_and(|oldest| now.duration_since(*oldest) > self.tempo.window)
        {
            state.recent.pop_front();
        }
        if state.recent.len() < self.tempo.faults {
            return Consequence::Retry;
        }
        let cooldown = self.tempo.cooldown_first;
        state.recent.clear();
        self.quarantined.store(true, Ordering::Release);
        state.quarantine = Some(Quarantine { until: now + cooldown, cooldown, probing: false });
        Consequence::Quarantine(cooldown)
    }

    fn last_fault(&self) -> Option<Instant> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).last
    }

    /// Forgets every fault: somebody says that it is mended. Says whether that ends a quarantine.
    pub(crate) fn forgive(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).recent.clear();
        self.fine()
    }

    /// Records that a probe went well; the quarantine is over. Says whether there was one.
    pub(crate) fn fine(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.quarantined.store(false, Ordering::Release);
        state.quarantine.take().is_some()
    }
}

/// A plugin's name and the digest of its bytes.
type Key = (Arc<str>, String);

/// All records of a runtime.
pub(crate) struct Ledger {
    tempo: Tempo,
    records: Mutex<HashMap<Key, Arc<Record>>>,
}

impl Ledger {
    pub(crate) fn new(tempo: Tempo) -> Self {
        Self { tempo, records: Mutex::default() }
    }

    pub(crate) fn tempo(&self) -> &Tempo {
        &self.tempo
    }

    /// The record of this plugin and these bytes.
    pub(crate) fn record(&self, plugin: &Arc<str>, digest: &str) -> Arc<Record> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() >= MAX_RECORDS {
            // Records that no plugin holds and that say nothing are as good as new ones.
            records.retain(|_, record| Arc::strong_count(record) > 1 || record.quarantined());
        }
        if records.len() >= MAX_RECORDS {
            let free = records.iter().filter(|(_, record)| Arc::strong_count(record) == 1);
            let oldest = free.min_by_key(|(_, record)| record.last_fault()).map(|(key, _)| key.clone());
            oldest.map(|oldest| records.remove(&oldest));
        }
        let key = (Arc::clone(plugin), digest.to_owned());
        Arc::clone(records.entry(key).or_insert_with(|| Arc::new(Record::new(self.tempo))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> (Record, Instant) {
        (Record::new(Tempo::default()), Instant::now())
    }

    #[test]
    fn five_faults_within_a_minute_are_a_quarantine_and_a_probe_ends_or_doubles_it() {
        let (record, start) = record();
        for second in 0..4 {
            assert_eq!(record.fault(start + Duration::from_secs(second)), Consequence::Retry);
        }
        let now = start + Duration::from_secs(4);
        assert_eq!(record.fault(now), Consequence::Quarantine(Duration::from_secs(30)));
        assert_eq!(record.admit(now), Admission::Closed(Duration::from_secs(30)));
        let later = now + Duration::from_secs(30);
        assert_eq!(record.admit(later), Admission::Probe);
        assert_eq!(record.admit(later), Admission::Closed(PROBE_LOOK), "one probe at a time, and its end is seen soon");
        assert_eq!(record.fault(later), Consequence::Quarantine(Duration::from_secs(60)));
        assert_eq!(record.admit(later + Duration::from_secs(60)), Admission::Probe);
        assert_eq!(record.admit(later + Duration::from_secs(120)), Admission::Probe, "the last one was lost");
        assert!(record.fine());
        assert_eq!(record.admit(later + Duration::from_secs(60)), Admission::Open);
    }

    #[test]
    fn who_is_forgiven_begins_with_no_fault() {
        let (record, now) = record();
        assert!((0..4).all(|_| record.fault(now) == Consequence::Retry));
        assert!(!record.forgive(), "it was in no quarantine");
        assert!((0..4).all(|_| record.fault(now) == Consequence::Retry));
        assert_eq!(record.fault(now), Consequence::Quarantine(Duration::from_secs(30)));
        assert!(record.forgive());
        assert_eq!(record.admit(now), Admission::Open);
    }

    #[test]
    fn faults_that_are_further_apart_are_not() {
        let (record, start) = record();
        for minute in 0..20 {
            assert_eq!(record.fault(start + Duration::from_secs(16 * minute)), Consequence::Retry);
        }
    }

    #[test]
    fn the_same_bytes_keep_their_record_and_others_do_not() {
        let ledger = Ledger::new(Tempo::default());
        let (name, now) = (Arc::from("p"), Instant::now());
        for _ in 0..5 {
            ledger.record(&name, "a").fault(now);
        }
        assert!(ledger.record(&name, "a").quarantined());
        assert!(!ledger.record(&name, "b").quarantined());
    }

    #[test]
    fn the_ledger_is_bounded_though_all_of_it_is_in_quarantine() {
        let ledger = Ledger::new(Tempo::default());
        let (name, start) = (Arc::from("p"), Instant::now());
        let held = ledger.record(&name, "held");
        for number in 0..MAX_RECORDS + 10 {
            let record = ledger.record(&name, &number.to_string());
            let at = start + Duration::from_secs(number as u64);
            assert!((0..5).any(|_| record.fault(at) != Consequence::Retry));
        }
        let records = ledger.records.lock().unwrap_or_else(PoisonError::into_inner).len();
        assert_eq!(records, MAX_RECORDS);
        assert!(ledger.record(&name, &(MAX_RECORDS + 9).to_string()).quarantined(), "the newest is remembered");
        assert!(!ledger.record(&name, "0").quarantined(), "the one without a fault for longest is not");
        assert!(Arc::ptr_eq(&held, &ledger.record(&name, "held")), "nor is one forgotten that a plugin holds");
    }

    #[test]
    fn a_fault_of_a_call_that_was_under_way_lengthens_no_quarantine() {
        let (record, now) = record();
        assert!((0..5).any(|_| record.fault(now) != Consequence::Retry));
        assert_eq!(record.fault(now), Consequence::Retry);
        assert_eq!(record.admit(now), Admission::Closed(Duration::from_secs(30)));
    }

    #[test]
    fn backoff_doubles_up_to_its_bound() {
        let tempo = Tempo::default();
        assert_eq!(tempo.backoff(1, 255), Duration::from_millis(100));
        assert_eq!(tempo.backoff(1, 0), Duration::from_millis(50));
        assert_eq!(tempo.backoff(2, 255), Duration::from_millis(200));
        assert_eq!(tempo.backoff(40, 255), Duration::from_secs(30));
    }
}
