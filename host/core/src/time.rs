//! Wall-clock time as the host writes it: milliseconds since the epoch, RFC 3339 UTC in text.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// The first of the year 0000 and, but for two days, the last of 9999: what RFC 3339 can say and the calendar knows.
const RANGE: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_207_200_000;

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 time such as 2026-01-27T10:21:33.123Z")]
pub struct TimestampError(pub String);

impl Timestamp {
    /// Reads RFC 3339 with any offset; finer than milliseconds is cut.
    ///
    /// # Errors
    /// When `text` is not RFC 3339.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let refuse = || TimestampError(text.chars().take(64).collect());
        let parsed: jiff::Timestamp = text.parse().map_err(|_| refuse())?;
        Self::from_millis(parsed.as_millisecond()).ok_or_else(refuse)
    }

    /// Reads a time as people give it: RFC 3339, or how long before `now`, such as `10m`.
    ///
    /// # Errors
    /// When `text` is neither.
    pub fn parse_when(text: &str, now: Self) -> Result<Self, TimestampError> {
        match duration(text) {
            Some(ago) => Ok(Self(now.0.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)))),
            None => Self::parse(text),
        }
    }

    /// A time from outside in milliseconds since 1970; none where it is not of the years 0000 to 9999.
    #[must_use]
    pub fn from_millis(ms: i64) -> Option<Self> {
        RANGE.contains(&ms).then_some(Self(ms))
    }
}

impl Timestamp {
    /// This much later.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long it is from here until `later`; nothing where that is past.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        Duration::from_millis(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => f.write_str("1970-01-01T00:00:00.000Z"),
        }
    }
}

/// `500ms`, `90s`, `10m`, `2h`, `1d`; none of anything else.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let (count, unit) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit())?)?;
    let unit: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    count.parse::<u64>().ok()?.checked_mul(unit).map(Duration::from_millis)
}

/// Where the host takes the time from; tests inject their own.
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<Fixed>>);

#[derive(Debug)]
struct Fixed {
    now: AtomicI64,
    moved: Notify,
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still until [`Clock::set`].
    #[must_use]
    pub fn fixed(at: Timestamp) -> Self {
        Self(Some(Arc::new(Fixed { now: AtomicI64::new(at.0), moved: Notify::new() })))
    }

    /// Moves a fixed clock; the system's clock is not moved.
    pub fn set(&self, at: Timestamp) {
        if let Some(fixed) = &self.0 {
            fixed.now.store(at.0, Ordering::SeqCst);
            fixed.moved.notify_waiters();
        }
    }

    /// Waits for `time` to pass on this clock; on a fixed one until it is set that far.
    pub async fn sleep(&self, time: Duration) {
        let Some(fixed) = &self.0 else { return tokio::time::sleep(time).await };
        let until = self.now().after(time);
        loop {
            let moved = fixed.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            if self.now() >= until {
                return;
            }
            moved.await;
        }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Some(fixed) => Timestamp(fixed.now.load(Ordering::SeqCst)),
            None => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;

    #[test]
    fn every_time_that_is_taken_reads_back_as_written() {
        for ms in [*RANGE.start(), -1, 0, 1_700_000_000_000, *RANGE.end()] {
            let time = Timestamp::from_millis(ms).unwrap();
            assert_eq!(Timestamp::parse(&time.to_string()), Ok(time), "{time}");
            assert_eq!(time.to_string().len(), "1970-01-01T00:00:00.000Z".len(), "{time}");
        }
        assert_eq!(Timestamp::from_millis(RANGE.start() - 1), None);
        assert_eq!(Timestamp::from_millis(RANGE.end() + 1), None);
        assert!(jiff::Timestamp::from_millisecond(RANGE.end() + 1).is_err(), "no later one can be written");
    }
}
