//! How often a client may ask for something of the host: joins, leaves, histories.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// So many, …
pub(crate) const JOINS: usize = 20;
/// … within so long: a page that opens joins a screenful of rooms at once, and then waits for people.
pub(crate) const WITHIN: Duration = Duration::from_secs(5);

/// When the last of them came.
#[derive(Debug, Default)]
pub(crate) struct Joins(VecDeque<Instant>);

impl Joins {
    /// Whether one more may come now; it counts then.
    pub(crate) fn take(&mut self) -> bool {
        let now = Instant::now();
        while self.0.front().is_some_and(|oldest| now.duration_since(*oldest) >= WITHIN) {
            self.0.pop_front();
        }
        let may = self.0.len() < JOINS;
        if may {
            self.0.push_back(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn so_many_may_come_within_the_time_and_no_more() {
        let mut joins = Joins::default();
        for _ in 0..JOINS {
            assert!(joins.take());
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        assert!(!joins.take());
        tokio::time::advance(WITHIN - Duration::from_millis(200)).await;
        assert!(joins.take(), "the first is long enough ago");
        assert!(!joins.take(), "the second is not");
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!((0..2 * JOINS).filter(|_| joins.take()).count(), JOINS, "a pause saves nothing up");
    }
}
