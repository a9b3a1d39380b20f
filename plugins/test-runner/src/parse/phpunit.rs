//! PHPUnit, on standard output: the verdict at the end, and the numbered errors and failures above it.

use super::message::Message;
use super::{Counted, Parse, Reading, tally};
use crate::report::{Counts, Failures};
use crate::text;
use tollgate_sdk::process::OutputStream;

/// What an issue may be that fails no test: the verdict's words for what did not pass without failing.
const SKIPPED: [&str; 2] = ["Skipped", "Incomplete"];

/// The parser.
#[derive(Debug, Default)]
pub struct Phpunit {
    /// Whether the numbered list being read is one of errors or failures.
    in_failures: bool,
    block: Option<(String, Message)>,
    failures: Failures,
    /// The word of the verdict line before: `FAILURES!`, `OK, but …`.
    verdict: bool,
    counts: Option<Counts>,
    /// Whether it has said who it is: before that, marks are no tests.
    begun: bool,
    /// What the marks of the tests that ended say.
    seen: Counts,
    said_none: bool,
    ms: Option<u64>,
    done: Option<f64>,
    trouble: Message,
}

impl Parse for Phpunit {
    fn line(&mut self, from: OutputStream, line: &str) {
        if from == OutputStream::Stderr {
            return self.trouble.push(line);
        }
        let verdict = std::mem::take(&mut self.verdict);
        if let Some(counts) = verdict.then(|| read_counts(line)).flatten().or_else(|| read_ok(line)) {
            self.end_block();
            self.counts = Some(counts);
        } else if ["ERRORS!", "FAILURES!", "WARNINGS!"].contains(&line) || line.starts_with("OK, but ") {
            self.end_block();
            self.verdict = true;
        } else if line.starts_with("PHPUnit ") && line.contains(" by Sebastian Bergmann") {
            self.begun = true;
        } else if line == "No tests executed!" {
            self.said_none = true;
        } else if line.starts_with("There w") && line.ends_with(':') {
            self.end_block();
            self.in_failures = ["error", "errors", "failure", "failures"]
                .iter()
                .any(|word| line.trim_end_matches(':').ends_with(&format!(" {word}")));
        } else if line == "--" {
            self.end_block();
            self.in_failures = false;
        } else if let Some(name) = self.in_failures.then(|| numbered(line)).flatten() {
            self.end_block();
            self.block = Some((name.to_owned(), Message::default()));
        } else if let Some(time) = line.strip_prefix("Time: ") {
            self.ms = time.split(", ").next().and_then(read_time);
        } else if let Some((_, message)) = &mut self.block {
            if !line.contains(' ') {
                message.look(line);
            }
            message.push(line);
        } else if let Some(marks) = read_marks(line).filter(|_| self.begun && self.counts.is_none()) {
            self.seen = self.seen.and(marks);
            self.done = read_share(line).or(self.done);
        } else if line.starts_with("PHP Fatal error") || line.starts_with("Fatal error:") {
            self.trouble.push(line);
        }
    }

    fn seen(&self) -> Counts {
        self.counts.unwrap_or(self.seen)
    }

    fn done(&self) -> Option<f64> {
        self.done
    }

    fn end(&mut self) -> Reading {
        self.end_block();
        let trouble = (!self.trouble.is_empty()).then(|| self.trouble.take());
        match self.counts {
            Some(counts) => Reading::Counted(Counted {
                counts,
                failures: std::mem::take(&mut self.failures),
                stated_ms: self.ms,
                whole: true,
                said_none: false,
                trouble,
            }),
            None if self.said_none => Reading::Counted(Counted { whole: true, said_none: true, ..Counted::default() }),
            // PHP itself ended it in the middle.
            None if self.seen != Counts::default() => {
                Reading::Counted(Counted { counts: self.seen, trouble, ..Counted::default() })
            }
            None => trouble.map_or(Reading::Unclear, Reading::NotRun),
        }
    }
}

impl Phpunit {
    fn end_block(&mut self) {
        if let Some((name, mut message)) = self.block.take() {
            self.failures.push(&name, message.said());
        }
    }
}

/// `.FESIR                 6 / 6 (100%)`, where only the last line of marks may lack what stands behind them.
fn read_marks(line: &str) -> Option<Counts> {
    let (marks, behind) = line.split_once(' ').unwrap_or((line, ""));
    if !(behind.is_empty() || behind.ends_with("%)")) || marks.is_empty() {
        return None;
    }
    marks.chars().try_fold(Counts::default(), |mut counts, mark| {
        match mark {
            '.' | 'R' | 'W' | 'N' | 'D' => counts.passed += 1,
            'F' | 'E' => counts.failed += 1,
            'S' | 'I' => counts.skipped += 1,
            _ => return None,
        }
        Some(counts)
    })
}

/// How much is done, of `6 / 6 (100%)`.
fn read_share(line: &str) -> Option<f64> {
    let (_, percent) = line.strip_suffix("%)")?.rsplit_once('(')?;
    percent.trim().parse::<u8>().ok().map(|percent| f64::from(percent.min(100)) / 100.0)
}

/// `OK (2 tests, 2 assertions)`.
fn read_ok(line: &str) -> Option<Counts> {
    let (number, rest) = text::number_and_rest(line.strip_prefix("OK (")?)?;
    (rest.starts_with(" test") && rest.ends_with(')')).then_some(Counts { passed: number, ..Counts::default() })
}

/// `Tests: 6, Assertions: 2, Errors: 1, Failures: 1, Skipped: 1.`
fn read_counts(line: &str) -> Option<Counts> {
    let pairs = tally::word_number(line.strip_suffix('.')?)?;
    if pairs.first().is_none_or(|(word, _)| *word != "Tests") {
        return None;
    }
    let sum = |words: &[&str]| tally::sum(pairs.iter().map(|(word, number)| (*number, *word)), words);
    let (failed, skipped) = (sum(&["Errors", "Failures"]), sum(&SKIPPED));
    let passed = sum(&["Tests"]).checked_sub(failed.checked_add(skipped)?)?;
    Some(Counts { passed, failed, skipped })
}

/// `00:00.014`, `01:02:03.500`.
fn read_time(text: &str) -> Option<u64> {
    let mut parts = text.rsplit(':');
    let mut ms = text::seconds_to_ms(parts.next()?)?;
    for (part, unit) in parts.zip([60_000_u64, 3_600_000]) {
        ms = ms.checked_add(part.parse::<u64>().ok()?.checked_mul(unit)?)?;
    }
    Some(ms)
}

/// `1) SumTest::testThrows`.
fn numbered(line: &str) -> Option<&str> {
    let (_, rest) = text::number_and_rest(line)?;
    rest.strip_prefix(") ")
}
