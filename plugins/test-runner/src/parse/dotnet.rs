//! `dotnet test` with VSTest, on standard output, in both verbosities: one closing line a test assembly
//! (`Passed!  - Failed: 0, Passed: 3, …`), or one closing block (`Test Run Successful.`, `Total tests: 3`, …).

use super::message::Message;
use super::{Counted, Parse, Reading, tally};
use crate::report::{Counts, Failures};
use crate::text;
use tollgate_sdk::process::OutputStream;

/// The parser.
#[derive(Debug, Default)]
pub struct Dotnet {
    counts: Option<Counts>,
    /// The closing block being read: the total it announced, what was counted since.
    closing: Option<(u64, Counts)>,
    contradicts: bool,
    block: Option<(String, Message)>,
    /// Between `Error Message:` and `Stack Trace:`.
    in_message: bool,
    failures: Failures,
    seen: Counts,
    said_none: bool,
    error: Message,
}

impl Parse for Dotnet {
    fn line(&mut self, from: OutputStream, line: &str) {
        let rest = line.trim_start();
        if from == OutputStream::Stderr {
            return self.error.push(rest);
        }
        if let Some(counts) = read_line(rest) {
            self.end_block();
            self.add(counts);
        } else if let Some(total) = line.strip_prefix("Total tests: ").and_then(|number| number.trim().parse().ok()) {
            self.end_closing();
            self.closing = Some((total, Counts::default()));
        } else if self.closing.is_some() && self.closing_line(rest) {
        } else if let Some(name) = line.strip_prefix("  Failed ").and_then(timed) {
            self.end_block();
            self.seen.failed += 1;
            self.block = Some((name.to_owned(), Message::default()));
        } else if line.strip_prefix("  Passed ").and_then(timed).is_some() {
            self.end_block();
            self.seen.passed += 1;
        } else if line.strip_prefix("  Skipped ").and_then(timed).is_some() {
            self.end_block();
            self.seen.skipped += 1;
        } else if line == "  Error Message:" {
            self.in_message = true;
        } else if line.ends_with("Stack Trace:") || line.ends_with("Standard Output Messages:") {
            self.in_message = false;
        } else if let Some((_, message)) = self.block.as_mut().filter(|_| self.in_message) {
            message.push(line);
        } else if let Some((_, message)) = self.block.as_mut().filter(|_| line.starts_with("     at ")) {
            message.look(rest);
        } else if rest.starts_with("No test is available in ") || rest.starts_with("No test matches the given") {
            self.said_none = true;
        } else if rest.starts_with("MSBUILD : error") || rest.contains(": error ") {
            self.error.push(rest);
        }
    }

    fn seen(&self) -> Counts {
        self.seen
    }

    fn end(&mut self) -> Reading {
        self.end_block();
        self.end_closing();
        let error = (!self.error.is_empty()).then(|| self.error.take());
        match self.counts {
            Some(counts) => Reading::Counted(Counted {
                counts,
                failures: std::mem::take(&mut self.failures),
                stated_ms: None,
                whole: !self.contradicts && self.seen.failed <= counts.failed,
                said_none: false,
                trouble: error,
            }),
            None if error.is_some() => Reading::NotRun(error.unwrap_or_default()),
            None if self.said_none => Reading::Counted(Counted { whole: true, said_none: true, ..Counted::default() }),
            None => Reading::Unclear,
        }
    }
}

impl Dotnet {
    fn add(&mut self, counts: Counts) {
        self.counts = Some(self.counts.unwrap_or_default().and(counts));
    }

    /// `     Passed: 1` and its like, below the total.
    fn closing_line(&mut self, rest: &str) -> bool {
        let Some((_, counts)) = &mut self.closing else { return false };
        let Some((word, number)) = rest.split_once(": ") else { return false };
        let slot = match word {
            "Passed" => &mut counts.passed,
            "Failed" => &mut counts.failed,
            "Skipped" => &mut counts.skipped,
            _ => return false,
        };
        number.trim().parse().map(|number| *slot = number).is_ok()
    }

    fn end_closing(&mut self) {
        if let Some((total, counts)) = self.closing.take() {
            self.contradicts |= counts.passed.saturating_add(counts.failed).saturating_add(counts.skipped) != total;
            self.add(counts);
        }
    }

    fn end_block(&mut self) {
        self.in_message = false;
        if let Some((name, mut message)) = self.block.take() {
            self.failures.push(&name, message.said());
        }
    }
}

/// `Failed!  - Failed:     1, Passed:     2, Skipped:     1, Total:     4, Duration: 20 ms - X.dll (net8.0)`.
fn read_line(line: &str) -> Option<Counts> {
    let (verdict, rest) = line.split_once("!  - ")?;
    if !["Passed", "Failed", "Skipped"].contains(&verdict) {
        return None;
    }
    let pairs = tally::word_number(rest.split(", Duration:").next()?)?;
    let sum = |words: &[&str]| tally::sum(pairs.iter().map(|(word, number)| (*number, *word)), words);
    let counts = Counts { passed: sum(&["Passed"]), failed: sum(&["Failed"]), skipped: sum(&["Skipped"]) };
    let all = counts.passed.checked_add(counts.failed)?.checked_add(counts.skipped)?;
    (sum(&["Total"]) == all).then_some(counts)
}

/// `Calc.Adds [5 ms]` or `Calc.Adds [< 1 ms]` without the time.
fn timed(text: &str) -> Option<&str> {
    let (name, time) = text.strip_suffix(']')?.rsplit_once(" [")?;
    text::unit_to_ms(time.trim_start_matches("< ")).map(|_| name).or_else(|| (time == "< 1 ms").then_some(name))
}
