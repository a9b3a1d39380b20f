//! A plugin's counters and its latency histogram: written on every call, so cheap before exact.

use crate::host::GuestState;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Buckets a power of two is cut into: a percentile is at most 1/8 too high.
const SUB_BUCKETS: usize = 8;
/// Powers of two of nanoseconds, which reaches past an hour.
const POWERS: usize = 42;

/// Looks that are closer than this say the same: a shorter time would measure single calls.
const METER_WINDOW: Duration = Duration::from_secs(1);

/// Counters since the runtime started.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) calls: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) faults: AtomicU64,
    pub(crate) fuel: AtomicU64,
    /// Of the call that took most.
    pub(crate) fuel_max: AtomicU64,
    pub(crate) dead_letters: AtomicU64,
    pub(crate) over_budget: AtomicU64,
    /// Waits for the next minute's fuel.
    pub(crate) throttles: AtomicU64,
    pub(crate) quarantines: AtomicU64,
    pub(crate) latency: Histogram,
}

impl Counters {
    pub(crate) fn call(&self, took: Duration, fuel: u64) {
        self.calls.fetch_add(1, Relaxed);
        self.fuel.fetch_add(fuel, Relaxed);
        if fuel > self.fuel_max.load(Relaxed) {
            self.fuel_max.fetch_max(fuel, Relaxed);
        }
        self.latency.record(took);
    }
}

impl Counters {
    /// Takes what a guest's calls left to count.
    pub(crate) fn take_from(&self, state: &mut GuestState) {
        state.memory.set(state.limiter.memory_bytes() as u64);
        let refused = std::mem::take(&mut state.over_budget) + state.log.take_dropped();
        if refused > 0 {
            self.over_budget.fetch_add(refused, Relaxed);
        }
    }
}

/// How fast a counter grows, seen from one look to the next.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<Option<Seen>>);

#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Instant,
    count: u64,
    per_second: u64,
}

impl Meter {
    /// What was added a second since a look that is [`METER_WINDOW`] or more ago; 0 at the first look.
    pub(crate) fn per_second(&self, count: u64, now: Instant) -> u64 {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = seen.get_or_insert(Seen { at: now, count, per_second: 0 });
        let passed = now.saturating_duration_since(last.at);
        if passed >= METER_WINDOW {
            let millis = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
            let per_second = count.saturating_sub(last.count).saturating_mul(1_000) / millis;
            *last = Seen { at: now, count, per_second };
        }
        last.per_second
    }
}

/// Latencies in buckets that grow with their size.
#[derive(Debug)]
pub(crate) struct Histogram(Box<[AtomicU64]>);

impl Default for Histogram {
    fn default() -> Self {
        Self((0..POWERS * SUB_BUCKETS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Histogram {
    pub(crate) fn record(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.0.get(bucket_of(nanos)).or(self.0.last()) {
            bucket.fetch_add(1, Relaxed);
        }
    }

    /// An upper bound of the `per_mille`-th latency, in microseconds; 0 where nothing was recorded.
    pub(crate) fn percentile_us(&self, per_mille: u64) -> u64 {
        let counts: Vec<u64> = self.0.iter().map(|bucket| bucket.load(Relaxed)).collect();
        let wanted = counts.iter().sum::<u64>().saturating_mul(per_mille).div_ceil(1_000);
        if wanted == 0 {
            return 0;
        }
        let mut seen = 0;
        for (bucket, count) in counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper_bound_of(bucket).div_ceil(1_000);
            }
        }
        0
    }
}

fn bucket_of(nanos: u64) -> usize {
    let nanos = nanos.max(SUB_BUCKETS as u64);
    let power = nanos.ilog2();
    // The three bits below the highest one.
    let sub = (nanos >> (power - 3)) & 7;
    (power as usize - 3) * SUB_BUCKETS + usize::try_from(sub).unwrap_or(0)
}

fn upper_bound_of(bucket: usize) -> u64 {
    let power = bucket / SUB_BUCKETS;
    let sub = (bucket % SUB_BUCKETS) as u64;
    (SUB_BUCKETS as u64 + sub + 1) << power
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_fuel_of_the_dearest_call_stays() {
        let counters = Counters::default();
        for fuel in [5, 70, 6] {
            counters.call(Duration::ZERO, fuel);
        }
        assert_eq!((counters.fuel.into_inner(), counters.fuel_max.into_inner()), (81, 70));
    }

    #[test]
    fn percentiles_are_close() {
        let histogram = Histogram::default();
        for micros in 1..=1_000 {
            histogram.record(Duration::from_micros(micros));
        }
        let (p50, p99) = (histogram.percentile_us(500), histogram.percentile_us(990));
        assert!((500..=563).contains(&p50), "{p50}");
        assert!((990..=1_114).contains(&p99), "{p99}");
        assert_eq!(Histogram::default().percentile_us(500), 0);
    }

    #[test]
    fn a_meter_says_how_much_was_added_a_second() {
        let (meter, start) = (Meter::default(), Instant::now());
        assert_eq!(meter.per_second(500, start), 0);
        assert_eq!(meter.per_second(900, start + METER_WINDOW / 2), 0, "too soon");
        assert_eq!(meter.per_second(4_500, start + 2 * METER_WINDOW), 2_000);
        assert_eq!(meter.per_second(9_999, start + 2 * METER_WINDOW), 2_000);
        assert_eq!(meter.per_second(4_500, start + 9 * METER_WINDOW), 0);
    }

    proptest! {
        #[test]
        fn a_bucket_holds_what_is_put_in_it(nanos in 8_u64..1 << 44) {
            let bound = upper_bound_of(bucket_of(nanos));
            prop_assert!(nanos < bound);
            prop_assert!(bound - nanos <= nanos / 8 + 1);
        }
    }
}
