//! What a person reads of a request: one line for all, one for each suite, failures with the first lines of what
//! they say. Bounded; what does not fit is counted.

use crate::detect::{Suite, Unable, place};
use crate::plan::Plan;
use crate::report::{Counts, Failure, Outcome, Status};
use crate::text;
use std::fmt::Write as _;

/// Most failures that are shown: of all suites, as many as an event tells of one.
pub const MAX_SHOWN: usize = crate::report::MAX_TOLD;
/// Most lines of one failure's message.
pub const MAX_SHOWN_LINES: usize = 6;
/// The longest message, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 12 * 1024;

/// `3 passed, 1 failed, 2 skipped`.
#[must_use]
pub fn counts(counts: Counts) -> String {
    let Counts { passed, failed, skipped } = counts;
    let mut line = format!("{passed} passed, {failed} failed");
    if skipped > 0 {
        let _ = write!(line, ", {skipped} skipped");
    }
    line
}

/// All suites in one line, such as an agent is told. What has no result is counted as that, not as failures.
#[must_use]
pub fn headline(status: Status, outcomes: &[Outcome]) -> String {
    let words = match status {
        Status::Passed => "all passed",
        Status::NoTests => "there was nothing to run",
        Status::Failed => "tests failed",
        Status::NotStarted => "not every suite could be begun",
        Status::TimedOut => "not every suite ended in time",
        Status::OutputLimit => "not every suite could be read to its end",
        Status::ProgramFailed => "no test failed, but a program did",
        Status::NotUnderstood => "not every output was understood",
        Status::Interrupted => "the run was interrupted",
    };
    if outcomes.is_empty() {
        return words.to_owned();
    }
    let total = outcomes.iter().fold(Counts::default(), |total, outcome| total.and(outcome.counts));
    let without = outcomes.iter().filter(|outcome| !outcome.status.is_result()).count();
    let mut parts = vec![format!("{} passed", total.passed)];
    if total.failed > 0 || without == 0 {
        parts.push(format!("{} failed", total.failed));
    }
    if total.skipped > 0 {
        parts.push(format!("{} skipped", total.skipped));
    }
    if without > 0 {
        parts.push(format!("{without} of {} suites without a result", outcomes.len()));
    }
    format!("{words} ({})", parts.join(", "))
}

/// The whole message. `browser` says how the hand-over went, where one was asked for.
#[must_use]
pub fn write(plan: &Plan, outcomes: &[Outcome], headline: &str, browser: Option<&str>) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = writeln!(text, "Tests: {headline}.");
    if let Some(reason) = &plan.refused {
        let _ = writeln!(text, "\n{reason}");
    }
    let mut shown = 0;
    for (suite, outcome) in plan.suites.iter().zip(outcomes) {
        text.push('\n');
        one_suite(&mut text, suite, outcome, &mut shown);
    }
    for Unable { framework, directory, reason } in &plan.unable {
        let _ = writeln!(text, "\n{} in {}: not started: {reason}", framework.name(), place(directory));
    }
    if plan.refused.is_none() && plan.suites.is_empty() && plan.unable.is_empty() && browser.is_none() {
        let _ = writeln!(text, "\nNo test suite was found that I know how to run.");
    }
    if let Some(browser) = browser {
        let _ = writeln!(text, "\nTests in a browser: {browser}");
    }
    if !plan.notes.is_empty() {
        text.push('\n');
        plan.notes.iter().for_each(|note| {
            let _ = writeln!(text, "Note: {note}");
        });
    }
    text::cut(text.trim_end(), MAX_MESSAGE_BYTES).into_owned()
}

fn one_suite(text: &mut String, suite: &Suite, outcome: &Outcome, shown: &mut usize) {
    let name = format!("{} in {}", suite.framework.name(), place(&suite.directory));
    let (so_far, time) = (counts(outcome.counts), text::duration(outcome.duration_ms));
    let detail = outcome.detail.as_deref().unwrap_or_default();
    let seen = if outcome.counts == Counts::default() { String::new() } else { format!(" ({so_far} before)") };
    let _ = match outcome.status {
        Status::Passed | Status::Failed => writeln!(text, "{name}: {so_far} in {time}"),
        Status::NoTests => writeln!(text, "{name}: nothing to run ({so_far})"),
        Status::NotStarted => writeln!(text, "{name}: not started: {detail}"),
        Status::TimedOut => writeln!(text, "{name}: timed out: {detail}{seen}"),
        Status::OutputLimit => writeln!(text, "{name}: too much output: {detail}{seen}"),
        Status::ProgramFailed => writeln!(text, "{name}: failed without a failing test ({so_far}): {detail}"),
        Status::NotUnderstood => writeln!(text, "{name}: output not understood: {detail}"),
        Status::Interrupted => writeln!(text, "{name}: interrupted: {detail}"),
    };
    if outcome.status.is_result() && !detail.is_empty() {
        let _ = writeln!(text, "  also: {}", detail.lines().take(MAX_SHOWN_LINES).collect::<Vec<_>>().join("\n  "));
    }
    let mut here = 0_u64;
    for Failure { name, place, message } in outcome.failures.kept() {
        if *shown >= MAX_SHOWN {
            break;
        }
        (*shown, here) = (*shown + 1, here + 1);
        let place = place.as_deref().map(|place| format!(" ({place})")).unwrap_or_default();
        let _ = writeln!(text, "  ✗ {name}{place}");
        let lines = message.lines().count();
        for line in message.lines().take(MAX_SHOWN_LINES) {
            let _ = writeln!(text, "{}", format!("      {line}").trim_end());
        }
        if lines > MAX_SHOWN_LINES {
            let _ = writeln!(text, "      …");
        }
    }
    let more = outcome.counts.failed.saturating_sub(here);
    if more > 0 {
        let _ = writeln!(text, "  … and {more} more");
    }
    if let Some(note) = &suite.note {
        let _ = writeln!(text, "  note: {note}");
    }
}
