//! What came of a suite: counts, failures and a status that never hides a run that told nothing. Owns the rule
//! that judges a reading by how the program ended; knows no framework.

use crate::parse::{Counted, Reading};
use crate::text;
use serde::{Deserialize, Serialize};
use tollgate_sdk::process::Exit;

/// Most failures of one suite whose names and messages are kept; the others are counted.
pub const MAX_FAILURES: usize = 50;
/// Most failures that an event tells of, and most bytes of their texts: a reader sees what is wrong, and the event
/// stays far below the 256 KiB of a payload.
pub const MAX_TOLD: usize = 20;
pub const MAX_TOLD_BYTES: usize = 16 * 1024;
/// Longest name of a test that is kept, in bytes.
pub const MAX_NAME_BYTES: usize = 300;
/// Longest reason for a suite without a result, in bytes: a sentence and the last lines of an output.
pub const MAX_DETAIL_BYTES: usize = 4 * 1024;

/// Signals that end a program: by them a shell's exit code above 128 is told from another program's own 255.
const SIGNALS: std::ops::RangeInclusive<i32> = 1..=31;

/// How many tests ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Did what they should.
    pub passed: u64,
    /// Did not, or could not be begun.
    pub failed: u64,
    /// Skipped, ignored, pending, planned, or expected to fail and failed.
    pub skipped: u64,
}

impl Counts {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            passed: self.passed.saturating_add(other.passed),
            failed: self.failed.saturating_add(other.failed),
            skipped: self.skipped.saturating_add(other.skipped),
        }
    }
}

/// One test that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// As the framework names it.
    pub name: String,
    /// Where it failed, or where the test stands, as the framework writes it: `src/lib.rs:26:9`.
    pub place: Option<String>,
    /// The first lines of what it says; may be empty.
    pub message: String,
}

impl Failure {
    /// What it says of itself.
    #[must_use]
    pub fn said(&self) -> Said {
        Said { text: self.message.clone(), place: self.place.clone() }
    }
}

/// What a failing test says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// The first lines; may be empty.
    pub text: String,
    /// Where it failed.
    pub place: Option<String>,
}

impl From<String> for Said {
    fn from(text: String) -> Self {
        Self { text, place: None }
    }
}

/// The failures of a suite, as many as are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures(Vec<Failure>);

impl Failures {
    /// Adds one where there is room.
    pub fn push(&mut self, name: &str, said: impl Into<Said>) {
        if self.0.len() < MAX_FAILURES {
            let Said { text: message, place } = said.into();
            self.0.push(Failure { name: text::cut(name, MAX_NAME_BYTES).into_owned(), place, message });
        }
    }

    /// Those that an event tells of: the first ones, as many as its bounds let in.
    #[must_use]
    pub fn told(&self) -> &[Failure] {
        let size = |failure: &Failure| {
            failure.name.len() + failure.place.as_ref().map_or(0, String::len) + failure.message.len()
        };
        let mut bytes = 0;
        let fits = |failure: &&Failure| {
            bytes += size(failure);
            bytes <= MAX_TOLD_BYTES
        };
        let number = self.0.iter().take(MAX_TOLD).take_while(fits).count();
        self.0.get(..number).unwrap_or_default()
    }

    /// Those kept, in the order found.
    #[must_use]
    pub fn kept(&self) -> &[Failure] {
        &self.0
    }
}

/// How a suite ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every test that ran passed.
    Passed,
    /// The framework itself says that there was nothing to run.
    NoTests,
    /// Tests failed.
    Failed,
    /// The tests could not be begun: not granted, no such program, not built, bad arguments.
    NotStarted,
    /// Stopped at its time limit.
    TimedOut,
    /// Stopped at the limit of output.
    OutputLimit,
    /// No test failed, yet the program did: killed, crashed, or ended with an error of its own.
    ProgramFailed,
    /// It ended, and what it wrote could not be read.
    NotUnderstood,
    /// The host or this plugin was stopped in the middle, too often to try again.
    Interrupted,
}

impl Status {
    /// As events carry it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::NoTests => "no_tests",
            Self::Failed => "failed",
            Self::NotStarted => "not_started",
            Self::TimedOut => "timed_out",
            Self::OutputLimit => "output_limit",
            Self::ProgramFailed => "program_failed",
            Self::NotUnderstood => "not_understood",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether the framework told how its tests went, all of them.
    #[must_use]
    pub fn is_result(self) -> bool {
        matches!(self, Self::Passed | Self::NoTests | Self::Failed)
    }
}

/// What came of one suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// What was counted; of a suite without a result, what was seen before it ended.
    pub counts: Counts,
    /// As the framework says, else as measured, in milliseconds.
    pub duration_ms: u64,
    /// The program's exit code; none where it did not end by itself.
    pub exit_code: Option<i32>,
    /// Why there is no result, or what else there is to say; for a person.
    pub detail: Option<String>,
    /// The failures, as many as are kept.
    pub failures: Failures,
}

impl Outcome {
    /// An outcome without a run.
    #[must_use]
    pub fn without_run(status: Status, detail: impl Into<String>) -> Self {
        Self {
            status,
            counts: Counts::default(),
            duration_ms: 0,
            exit_code: None,
            detail: Some(text::cut(&detail.into(), MAX_DETAIL_BYTES).into_owned()),
            failures: Failures::default(),
        }
    }

    /// The counts as events carry them: a suite without a result counts at least one failure, so that who reads
    /// nothing but numbers never takes it for a success.
    #[must_use]
    pub fn told_counts(&self) -> Counts {
        let least = u64::from(!self.status.is_result());
        Counts { failed: self.counts.failed.max(least), ..self.counts }
    }
}

/// What a run left to judge by.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// How the program ended.
    pub exit: Exit,
    /// What the parser made of the output.
    pub reading: Reading,
    /// What was counted on the way.
    pub seen: Counts,
    /// The last lines of the output.
    pub tail: &'a str,
    /// How long it ran, in milliseconds.
    pub measured_ms: u64,
    /// How long it was given, in milliseconds.
    pub limit_ms: u32,
}

/// Says what came of a run. A success needs a reading that is whole, with tests that ran and none that failed,
/// and an exit code of 0.
#[must_use]
pub fn judge(evidence: Evidence<'_>) -> Outcome {
    let Evidence { exit, reading, seen, tail, measured_ms, limit_ms } = evidence;
    let mut outcome = Outcome {
        status: Status::NotUnderstood,
        counts: seen,
        duration_ms: measured_ms,
        exit_code: if let Exit::Code(code) = exit { Some(code) } else { None },
        detail: None,
        failures: Failures::default(),
    };
    let (status, detail) = match (exit, reading) {
        (Exit::TimedOut, reading) => {
            keep(&mut outcome, reading);
            (Status::TimedOut, Some(format!("stopped after {}", text::duration(u64::from(limit_ms)))))
        }
        (Exit::OutputLimit, reading) => {
            keep(&mut outcome, reading);
            (Status::OutputLimit, Some("stopped: it wrote more than the host takes (16 MiB)".to_owned()))
        }
        // What did not begin is an error to its program too.
        (exit, Reading::NotRun(reason)) if exit != Exit::Code(0) => (Status::NotStarted, Some(reason)),
        (exit, Reading::Unclear | Reading::NotRun(_)) => {
            let said = if tail.is_empty() { "it wrote nothing".to_owned() } else { format!("its last lines:\n{tail}") };
            let status = if killed_by(exit).is_some() { Status::ProgramFailed } else { Status::NotUnderstood };
            (status, Some(format!("{}; {said}", ending(exit))))
        }
        (exit, Reading::Counted(counted)) => {
            let (trouble, said_none) = (counted.trouble.clone(), counted.said_none);
            let whole = counted.whole;
            if let Some(stated) = counted.stated_ms {
                outcome.duration_ms = stated;
            }
            keep(&mut outcome, Reading::Counted(counted));
            let ran = outcome.counts.passed.saturating_add(outcome.counts.failed);
            match exit {
                _ if outcome.counts.failed > 0 => (Status::Failed, trouble),
                Exit::Code(0) if whole && ran > 0 => (Status::Passed, trouble),
                Exit::Code(code) if whole && ran == 0 && (code == 0 || said_none) => (Status::NoTests, trouble),
                exit => {
                    let what = if whole { "no test failed, but" } else { "not every test came to its end:" };
                    let words = trouble.or_else(|| (!tail.is_empty()).then(|| format!("its last lines:\n{tail}")));
                    let words = words.map_or(String::new(), |words| format!("; {words}"));
                    (Status::ProgramFailed, Some(format!("{what} {}{words}", ending(exit))))
                }
            }
        }
    };
    outcome.status = status;
    outcome.detail = detail.map(|detail| text::cut(&detail, MAX_DETAIL_BYTES).into_owned());
    outcome
}

/// Takes over what a reading counted.
fn keep(outcome: &mut Outcome, reading: Reading) {
    if let Reading::Counted(Counted { counts, failures, .. }) = reading {
        outcome.counts = counts;
        outcome.failures = failures;
    }
}

/// The signal that ended the program: its own, or as a shell or npm between tells of it, by 128 and the number.
fn killed_by(exit: Exit) -> Option<i32> {
    match exit {
        Exit::Signal(signal) => Some(signal),
        Exit::Code(code) => code.checked_sub(128).filter(|signal| SIGNALS.contains(signal)),
        Exit::TimedOut | Exit::OutputLimit => None,
    }
}

fn ending(exit: Exit) -> String {
    if let Some(signal) = killed_by(exit) {
        return format!("the program was killed by signal {signal}");
    }
    match exit {
        Exit::Code(code) => format!("the program ended with exit code {code}"),
        Exit::Signal(signal) => format!("the program was killed by signal {signal}"),
        Exit::TimedOut => "the program was stopped at its time limit".to_owned(),
        Exit::OutputLimit => "the program was stopped at the limit of output".to_owned(),
    }
}

/// The status of all suites together: failed tests first, then the first suite without a result.
#[must_use]
pub fn overall<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Status {
    let (mut without, mut passed) = (None, false);
    for outcome in outcomes {
        match outcome.status {
            Status::Failed => return Status::Failed,
            Status::Passed => passed = true,
            Status::NoTests => {}
            other => without = without.or(Some(other)),
        }
    }
    without.unwrap_or(if passed { Status::Passed } else { Status::NoTests })
}
