//! How often and how many at a time: requests of a token in a second, its live connections, and its end.
//!
//! Knows neither whose it is nor what is asked.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

/// Requests a second of a token that says nothing else: more than a board or an engine asks, and no flood.
pub(crate) const DEFAULT_PER_SECOND: u32 = 1_000;
/// The same of the home's own tokens, which several programs share.
pub(crate) const HOME_PER_SECOND: u32 = 10_000;
/// The most that a token may be given.
pub(crate) const MAX_PER_SECOND: u32 = 100_000;

/// What one token has left. Requests may come at once as often as they may in a second.
#[derive(Debug)]
pub(crate) struct Allowance {
    per_second: u32,
    bucket: Mutex<Bucket>,
    live: Arc<Semaphore>,
    /// True once it is taken back.
    ended: watch::Sender<bool>,
}

#[derive(Debug)]
struct Bucket {
    /// Requests that it holds, in thousandths.
    thousandths: u64,
    filled_at: Instant,
}

impl Allowance {
    pub(crate) fn new(per_second: u32, live: usize) -> Self {
        let bucket = Bucket { thousandths: u64::from(per_second) * 1_000, filled_at: Instant::now() };
        Self {
            per_second,
            bucket: Mutex::new(bucket),
            live: Arc::new(Semaphore::new(live)),
            ended: watch::Sender::new(false),
        }
    }

    /// Takes one request, or says how long to wait for the next.
    pub(crate) fn take(&self) -> Result<(), Duration> {
        let per_second = u64::from(self.per_second.max(1));
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let passed = now.duration_since(bucket.filled_at);
        // In thousandths, a rate per second is one per millisecond; what is less than one waits for the next time.
        let millis = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        bucket.thousandths =
            bucket.thousandths.saturating_add(millis.saturating_mul(per_second)).min(per_second * 1_000);
        bucket.filled_at += Duration::from_millis(millis);
        match bucket.thousandths.checked_sub(1_000) {
            Some(left) => {
                bucket.thousandths = left;
                Ok(())
            }
            None => Err(Duration::from_millis((1_000 - bucket.thousandths).div_ceil(per_second))),
        }
    }

    /// A place for a live connection, as long as it is held.
    pub(crate) fn live(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.live).try_acquire_owned().ok()
    }

    /// Takes it back: what is live ends.
    pub(crate) fn end(&self) {
        self.ended.send_replace(true);
    }

    pub(crate) fn ended(&self) -> watch::Receiver<bool> {
        self.ended.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_second_has_room_for_so_many_and_no_more() {
        let allowance = Allowance::new(3, 1);
        for _ in 0..3 {
            assert_eq!(allowance.take(), Ok(()));
        }
        assert_eq!(allowance.take(), Err(Duration::from_millis(334)));
        tokio::time::advance(Duration::from_millis(200)).await;
        assert_eq!(allowance.take(), Err(Duration::from_millis(134)));
        tokio::time::advance(Duration::from_millis(134)).await;
        assert_eq!(allowance.take(), Ok(()));
        tokio::time::advance(Duration::from_secs(3_600)).await;
        for _ in 0..3 {
            assert_eq!(allowance.take(), Ok(()), "a pause saves up no more than a second");
        }
        assert!(allowance.take().is_err());
    }

    #[tokio::test]
    async fn a_place_comes_back() {
        let allowance = Allowance::new(1, 1);
        let place = allowance.live();
        assert!(place.is_some() && allowance.live().is_none());
        drop(place);
        assert!(allowance.live().is_some());
    }
}
