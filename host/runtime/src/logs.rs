//! A plugin's log lines: a bounded ring that people read, and the budget of one call.
//!
//! Lines come from the `log` interface, standard output and standard error, and from the host itself.

use crate::fault::{MAX_MESSAGE_BYTES, cut, start_of};
use crate::limits::MAX_LOG_BYTES_PER_EVENT;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tollgate_core::redact::redact;
use tollgate_core::time::{Clock, Timestamp};

/// Most lines that are kept of one plugin.
pub const MAX_LOG_LINES: usize = 1_000;
/// Most bytes of one line; the rest is cut.
pub const MAX_LOG_LINE_BYTES: usize = 4 * 1_024;
/// What a guest's SDK puts before a panic's message.
const PANIC_PREFIX: &str = "panic: ";

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Of interest to the plugin's author alone.
    Trace,
    /// For finding faults.
    Debug,
    /// Worth knowing.
    Info,
    /// Odd.
    Warn,
    /// Wrong.
    Error,
}

impl LogLevel {
    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One line, redacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written.
    pub at: Timestamp,
    /// How much it matters.
    pub level: LogLevel,
    /// The text.
    pub text: String,
}

/// The last [`MAX_LOG_LINES`] lines of one plugin; survives its guests.
pub(crate) struct LogRing {
    clock: Clock,
    lines: Mutex<VecDeque<LogLine>>,
}

impl LogRing {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, lines: Mutex::default() }
    }

    pub(crate) fn push(&self, level: LogLevel, text: &str) {
        // Cut first, so that redacting costs no more than a line; and again, since it can make it longer.
        let text = cut(redact(start_of(text, MAX_LOG_LINE_BYTES)).into_owned(), MAX_LOG_LINE_BYTES);
        let line = LogLine { at: self.clock.now(), level, text };
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == MAX_LOG_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// All lines, oldest first, which it forgets.
    pub(crate) fn take(&self) -> Vec<LogLine> {
        std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }

    /// The newest `last` lines, oldest first.
    pub(crate) fn last(&self, last: usize) -> Vec<LogLine> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().skip(lines.len().saturating_sub(last)).cloned().collect()
    }
}

/// Where one guest's lines go, within the budget of the call under way.
pub(crate) struct GuestLog {
    ring: Arc<LogRing>,
    spent: AtomicUsize,
    cut: AtomicBool,
    /// Lines dropped since they were last counted.
    dropped: AtomicU64,
    panicked: AtomicBool,
    panic: Mutex<Option<String>>,
}

impl GuestLog {
    pub(crate) fn new(ring: Arc<LogRing>) -> Self {
        Self {
            ring,
            spent: AtomicUsize::new(0),
            cut: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            panicked: AtomicBool::new(false),
            panic: Mutex::new(None),
        }
    }

    /// Begins the next call's budget.
    pub(crate) fn reset(&self) {
        self.spent.store(0, Ordering::Relaxed);
        self.cut.store(false, Ordering::Relaxed);
        if self.panicked.swap(false, Ordering::Relaxed) {
            *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Keeps a line if the budget has room for it; says once when it has not. A panic's message is always kept.
    pub(crate) fn write(&self, level: LogLevel, text: &str) {
        let text = start_of(text, MAX_LOG_LINE_BYTES);
        if let Some(panic) = panic_message(text) {
            self.note_panic(panic);
        }
        // Only the guest's own calls write here, one at a time.
        let spent = self.spent.load(Ordering::Relaxed) + text.len().max(1);
        if spent <= MAX_LOG_BYTES_PER_EVENT {
            self.spent.store(spent, Ordering::Relaxed);
            self.ring.push(level, text);
        } else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            if !self.cut.swap(true, Ordering::Relaxed) {
                self.ring.push(LogLevel::Warn, "over the log budget of one event: further lines are dropped");
            }
        }
    }

    /// Keeps a line that the host says of the guest: the guest's budget is its own.
    pub(crate) fn note(&self, level: LogLevel, text: &str) {
        self.ring.push(level, text);
    }

    /// How many lines were dropped since it was last asked.
    pub(crate) fn take_dropped(&self) -> u64 {
        if self.dropped.load(Ordering::Relaxed) == 0 { 0 } else { self.dropped.swap(0, Ordering::Relaxed) }
    }

    /// The panic's message, where the guest wrote one during the call.
    pub(crate) fn panic(&self) -> Option<String> {
        self.panic.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_panic(&self, message: &str) {
        self.panicked.store(true, Ordering::Relaxed);
        let mut panic = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
        let message = redact(start_of(message, MAX_MESSAGE_BYTES));
        let text = match panic.take() {
            Some(first) if goes_on(&first) => format!("{first} {message}"),
            Some(first) => first,
            None => message.into_owned(),
        };
        *panic = Some(cut(text, MAX_MESSAGE_BYTES));
    }

    /// A line of standard error, which may be a further line of a panic.
    pub(crate) fn standard_error(&self, text: &str) {
        if self.panicked.load(Ordering::Relaxed) && self.panic().is_some_and(|panic| goes_on(&panic)) {
            self.note_panic(text);
        }
        self.write(LogLevel::Warn, text);
    }
}

/// Without the SDK's hook, standard error has the place on one line and the message on the next; and a message that
/// shows a value begins on that line what the next ones hold.
fn goes_on(panic: &str) -> bool {
    panic.ends_with([':', '(', '{', '['])
}

fn panic_message(text: &str) -> Option<&str> {
    text.strip_prefix(PANIC_PREFIX).or_else(|| {
        let at = text.find("panicked at ")?;
        text.get(at..)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest() -> (Arc<LogRing>, GuestLog) {
        let ring = Arc::new(LogRing::new(Clock::fixed(Timestamp(7))));
        (Arc::clone(&ring), GuestLog::new(ring))
    }

    #[test]
    fn the_ring_forgets_the_oldest() {
        let (ring, _) = guest();
        for line in 0..MAX_LOG_LINES + 3 {
            ring.push(LogLevel::Info, &line.to_string());
        }
        let all = ring.last(usize::MAX);
        assert_eq!(all.len(), MAX_LOG_LINES);
        assert_eq!(all.first().map(|line| line.text.as_str()), Some("3"));
        assert_eq!(ring.last(1).first().map(|line| line.text.clone()), Some((MAX_LOG_LINES + 2).to_string()));
    }

    #[test]
    fn a_call_writes_no_more_than_its_budget() {
        let (ring, log) = guest();
        let line = "x".repeat(1_024);
        for _ in 0..1_000 {
            log.write(LogLevel::Info, &line);
        }
        assert_eq!(ring.last(usize::MAX).len(), MAX_LOG_BYTES_PER_EVENT / 1_024 + 1);
        assert_eq!((log.take_dropped(), log.take_dropped()), (1_000 - MAX_LOG_BYTES_PER_EVENT as u64 / 1_024, 0));
        log.reset();
        log.write(LogLevel::Info, "again");
        assert_eq!(ring.last(1).first().map(|line| line.text.clone()), Some("again".to_owned()));
    }

    #[test]
    fn a_line_that_does_not_fit_the_budget_is_not_begun_and_a_long_one_is_cut() {
        let (ring, log) = guest();
        log.write(LogLevel::Info, &"é".repeat(MAX_LOG_LINE_BYTES));
        assert_eq!(ring.last(1).first().map(|line| line.text.len()), Some(MAX_LOG_LINE_BYTES));
        for _ in 0..MAX_LOG_BYTES_PER_EVENT / MAX_LOG_LINE_BYTES - 2 {
            log.write(LogLevel::Info, &"x".repeat(MAX_LOG_LINE_BYTES));
        }
        log.write(LogLevel::Info, "short");
        assert_eq!(
            ring.last(1).first().map(|line| line.text.clone()),
            Some("short".to_owned()),
            "what was cut is free"
        );
        log.write(LogLevel::Info, &"x".repeat(MAX_LOG_LINE_BYTES));
        assert!(ring.last(1).iter().all(|line| line.text.contains("log budget")));
        log.write(LogLevel::Error, &format!("panic: {}", "x".repeat(1 << 20)));
        assert!(log.panic().is_some_and(|panic| panic.capacity() <= 2 * MAX_MESSAGE_BYTES));
    }

    #[test]
    fn a_line_that_redaction_makes_longer_is_cut_again() {
        let (ring, log) = guest();
        let line = "{\"pwd\":\"x\"} ".repeat(MAX_LOG_LINE_BYTES / 12);
        assert!(redact(&line).len() > MAX_LOG_LINE_BYTES + '…'.len_utf8(), "or this shows nothing");
        log.write(LogLevel::Info, &line);
        assert!(ring.last(1).iter().all(|line| line.text.len() <= MAX_LOG_LINE_BYTES + '…'.len_utf8()));
    }

    #[test]
    fn a_panic_is_noted_from_the_sdk_and_from_standard_error() {
        let (_, log) = guest();
        log.write(LogLevel::Error, "panic: out of cheese at src/lib.rs:3:1");
        assert_eq!(log.panic().as_deref(), Some("out of cheese at src/lib.rs:3:1"));
        log.reset();
        assert_eq!(log.panic(), None);
        log.standard_error("thread '<unnamed>' panicked at src/lib.rs:3:1:");
        log.standard_error("out of cheese");
        assert_eq!(log.panic().as_deref(), Some("panicked at src/lib.rs:3:1: out of cheese"));
    }

    #[test]
    fn a_value_that_a_panic_shows_over_several_lines_is_read_to_where_it_says_something() {
        let (_, log) = guest();
        for line in ["panicked at a.rs:1:2:", "no call: Value(", "Exception { message: \"gone\" })", ")", "note: x"] {
            log.standard_error(line);
        }
        let said = "panicked at a.rs:1:2: no call: Value( Exception { message: \"gone\" })";
        assert_eq!(log.panic().as_deref(), Some(said));
    }
}
