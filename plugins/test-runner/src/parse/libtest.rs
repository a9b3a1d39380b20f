//! `cargo test`: the standard harness, on standard output; cargo and the compiler, on standard error.
//!
//! A test's own output may hold lines of another `cargo test`, so a result line counts only where it fits the
//! list that it closes: as many tests as were announced, as many failures as were shown.

use super::message::Message;
use super::rustc::Complaint;
use super::{Counted, Parse, Reading};
use crate::report::{Counts, Failures};
use crate::text;
use tollgate_sdk::process::OutputStream;

/// How deep lists may lie within lists: a test that runs cargo whose tests run cargo. More is no list of ours.
const MAX_NESTED: usize = 8;

/// What the harness says of a test that should have panicked; its place stands behind.
pub(super) const NO_PANIC: &str = "note: test did not panic as expected";

/// A list of tests under way.
#[derive(Debug, Default)]
struct List {
    announced: u64,
    shown: Counts,
}

impl List {
    /// Whether every test of it has shown its result, so that only failures and the result line follow.
    fn is_run(&self) -> bool {
        let Counts { passed, failed, skipped } = self.shown;
        self.announced > 0 && passed + failed + skipped >= self.announced
    }
}

/// The parser.
#[derive(Debug, Default)]
pub struct Libtest {
    lists: Vec<List>,
    results: u64,
    counts: Counts,
    failures: Failures,
    stated_ms: u64,
    block: Option<(String, Message)>,
    lost: bool,
    complaint: Complaint,
}

impl Parse for Libtest {
    fn line(&mut self, from: OutputStream, line: &str) {
        if from == OutputStream::Stderr {
            return self.complaint.line(line);
        }
        if let Some(result) = line.strip_prefix("test result: ").and_then(ResultLine::read) {
            if self.close(&result) {
                return;
            }
            // Among the failures it is a test's own output; elsewhere it ends a list whose beginning is lost.
            self.lost |= !self.lists.last().is_some_and(List::is_run);
        }
        if self.lists.last().is_some_and(List::is_run) {
            return self.epilogue(line);
        }
        if let Some(announced) = announced(line) {
            if self.lists.len() >= MAX_NESTED {
                self.lost = true;
                return;
            }
            self.lists.push(List { announced, shown: Counts::default() });
        } else if let (Some(list), Some(rest)) = (self.lists.last_mut(), line.strip_prefix("test ")) {
            // A name may hold ` ... ` itself; the result is what stands last.
            match rest.rsplit_once(" ... ").map(|(_, result)| result) {
                Some(result) if result == "ok" || result.starts_with("ok ") || result.starts_with("bench:") => {
                    list.shown.passed += 1;
                }
                Some(result) if result.starts_with("FAILED") => list.shown.failed += 1,
                Some(result) if result.starts_with("ignored") => list.shown.skipped += 1,
                _ => {}
            }
        }
    }

    fn seen(&self) -> Counts {
        self.lists.iter().fold(self.counts, |counts, list| counts.and(list.shown))
    }

    fn end(&mut self) -> Reading {
        self.end_block();
        let complaint = self.complaint.take();
        let begun = self.results > 0 || !self.lists.is_empty();
        if !begun {
            return complaint.map_or(Reading::Unclear, Reading::NotRun);
        }
        Reading::Counted(Counted {
            counts: self.seen(),
            failures: std::mem::take(&mut self.failures),
            stated_ms: Some(self.stated_ms),
            whole: self.lists.is_empty() && !self.lost,
            said_none: false,
            trouble: complaint,
        })
    }
}

impl Libtest {
    /// Ends the innermost list that `result` fits, with those inside it; false where it fits none.
    fn close(&mut self, result: &ResultLine) -> bool {
        let fits = |list: &List| {
            list.announced == result.total && (!list.is_run() || list.shown.failed == result.counts.failed)
        };
        let Some(at) = self.lists.iter().rposition(fits) else { return false };
        // Below a list that has run, a result of another can only be a test's own output.
        if self.lists.iter().skip(at + 1).any(List::is_run) {
            return false;
        }
        self.lists.truncate(at);
        self.end_block();
        self.results += 1;
        self.counts = self.counts.and(result.counts);
        self.stated_ms = self.stated_ms.saturating_add(result.ms);
        true
    }

    /// A line between a list's last test and its result: the failures' own output.
    fn epilogue(&mut self, line: &str) {
        let header = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" ----"));
        if let Some(name) =
            header.and_then(|rest| rest.strip_suffix(" stdout").or_else(|| rest.strip_suffix(" stderr")))
        {
            self.end_block();
            self.block = Some((name.to_owned(), Message::default()));
        } else if line == "failures:" || line == "successes:" {
            self.end_block();
        } else if let Some((_, message)) = &mut self.block {
            panicked(message, line);
        }
    }

    fn end_block(&mut self) {
        if let Some((name, mut message)) = self.block.take() {
            self.failures.push(&name, message.said());
        }
    }
}

/// Adds a line of what a failing test wrote: what it printed is forgotten once it panics, the backtrace is left out.
pub(super) fn panicked(message: &mut Message, line: &str) {
    let start = line.trim_start();
    if start.starts_with("thread '") && start.contains(" panicked at ") {
        message.restart();
        message.look(start);
    } else if start.starts_with("stack backtrace:") || start.starts_with("note: run with `RUST_BACKTRACE") {
        message.close();
    } else {
        if start.starts_with(NO_PANIC) {
            message.look(start);
        }
        message.push(line);
    }
}

/// `running 3 tests`.
fn announced(line: &str) -> Option<u64> {
    let (number, word) = text::number_and_rest(line.strip_prefix("running ")?)?;
    (word == " tests" || word == " test").then_some(number)
}

/// What follows `test result: `.
struct ResultLine {
    counts: Counts,
    total: u64,
    ms: u64,
}

impl ResultLine {
    fn read(text: &str) -> Option<Self> {
        let (word, rest) = text.split_once(". ")?;
        if word != "ok" && word != "FAILED" {
            return None;
        }
        let (mut counts, mut ms) = (Counts::default(), 0);
        for part in rest.split("; ") {
            if let Some(time) = part.strip_prefix("finished in ") {
                ms = text::seconds_to_ms(time.strip_suffix('s')?)?;
                continue;
            }
            let (number, word) = text::number_and_rest(part)?;
            match word.trim() {
                "passed" | "measured" => counts.passed = counts.passed.checked_add(number)?,
                "failed" => counts.failed = number,
                "ignored" => counts.skipped = number,
                "filtered out" => {}
                _ => return None,
            }
        }
        let total = counts.passed.checked_add(counts.failed)?.checked_add(counts.skipped)?;
        Some(Self { counts, total, ms })
    }
}
