//! When progress is worth an event: often at first, then ever more rarely, and never more than so often.

/// Most progress events of a request.
pub const MAX_PROGRESS: usize = 24;
/// Least time between two, in milliseconds.
const LEAST_MS: u64 = 5_000;
/// Later ones wait for this part of the time passed: a quarter of it.
const SHARE: u64 = 4;

/// The pace of one request.
#[derive(Debug, Default)]
pub struct Pace {
    told: usize,
    last_ms: u64,
}

impl Pace {
    /// A pace of which `told` events were spent before an interruption.
    #[must_use]
    pub fn after(told: usize) -> Self {
        Self { told, last_ms: 0 }
    }

    /// Whether to tell now, `elapsed_ms` after the beginning. Counts it as told.
    pub fn due(&mut self, elapsed_ms: u64) -> bool {
        let wait = LEAST_MS.max(self.last_ms / SHARE);
        if self.told >= MAX_PROGRESS || elapsed_ms < self.last_ms.saturating_add(wait) {
            return false;
        }
        self.told += 1;
        self.last_ms = elapsed_ms;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_ever_more_rarely_and_never_too_often() {
        let mut pace = Pace::default();
        let told: Vec<u64> = (0..840).filter(|second| pace.due(second * 1_000)).collect();
        assert_eq!(told.iter().take(4).copied().collect::<Vec<_>>(), [5, 10, 15, 20]);
        assert!(told.len() <= MAX_PROGRESS, "{told:?}");
        assert!((0..100_000).filter(|minute| pace.due(minute * 60_000)).count() + told.len() == MAX_PROGRESS);
        assert!(!Pace::after(MAX_PROGRESS).due(u64::MAX));
    }
}
