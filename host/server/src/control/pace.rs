//! How fast a client is told, where the library says no more than that its buffer is full. Knows neither.
//!
//! The buffer takes what a client has not taken yet, and pings too: one that is full when a ping is due ends the
//! connection. So whoever fills it is told less at a time, and later, until it takes what it is told.

use std::time::Duration;
use tokio::time::Instant;

/// What a client is told at once after its buffer was full: a quarter of the buffer.
pub(crate) const ROUND: usize = super::BUFFER / 4;
/// The first wait for a full buffer: a client that keeps up has emptied it long before.
const SHORTEST: Duration = Duration::from_millis(2);
/// The longest: with it, a client that takes four a second has room for a whole round again.
const LONGEST: Duration = Duration::from_secs(8);
/// Rounds that have to go well before the wait is halved.
const GOOD_ROUNDS: u32 = 4;

/// What was learned of a client.
#[derive(Debug)]
pub(crate) struct Pace {
    /// None: it takes all that it is told.
    wait: Option<Duration>,
    /// When the next round may begin.
    next: Instant,
    left: usize,
    good: u32,
    /// When it last took something.
    took: Instant,
}

impl Pace {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self { wait: None, next: now, left: ROUND, good: 0, took: now }
    }

    /// Whether one more may be told now; else when.
    pub(crate) fn may(&mut self) -> Result<(), Instant> {
        let Some(wait) = self.wait else { return Ok(()) };
        let now = Instant::now();
        if now < self.next {
            return Err(self.next);
        }
        if self.left == 0 {
            // A whole round went into the buffer.
            self.good += 1;
            self.left = ROUND;
            if self.good >= GOOD_ROUNDS {
                self.good = 0;
                let shorter = wait / 2;
                self.wait = Some(shorter).filter(|shorter| *shorter >= SHORTEST);
            }
            self.next = now + self.wait.unwrap_or_default();
            return if self.wait.is_none() { Ok(()) } else { Err(self.next) };
        }
        Ok(())
    }

    /// It was told one.
    pub(crate) fn told(&mut self) {
        self.took = Instant::now();
        self.left = self.left.saturating_sub(1);
    }

    /// Its buffer was full; when to try again.
    pub(crate) fn full(&mut self) -> Instant {
        let longer = self.wait.map_or(SHORTEST, |wait| (wait * 2).min(LONGEST));
        self.wait = Some(longer);
        (self.left, self.good) = (ROUND, 0);
        self.next = Instant::now() + longer;
        self.next
    }

    /// Since when it took nothing, while something waits for it.
    pub(crate) fn stuck_since(&self) -> Instant {
        self.took
    }

    /// Nothing waits for it: what comes next is not late yet.
    pub(crate) fn idle(&mut self) {
        self.took = Instant::now();
    }
}
