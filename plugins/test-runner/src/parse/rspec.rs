//! `rspec`, on standard output: the count below `Finished in`, and the numbered failures above it.

use super::message::Message;
use super::{Counted, Parse, Reading, tally};
use crate::report::{Counts, Failures};
use crate::text;
use tollgate_sdk::process::OutputStream;

/// The parser.
#[derive(Debug, Default)]
pub struct Rspec {
    finished: Option<Option<u64>>,
    summary: Option<Summary>,
    in_failures: bool,
    block: Option<(String, Message)>,
    failures: Failures,
    outside: Message,
    in_outside: bool,
    trouble: Message,
}

#[derive(Debug)]
struct Summary {
    counts: Counts,
    outside: u64,
    ms: Option<u64>,
}

impl Parse for Rspec {
    fn line(&mut self, from: OutputStream, line: &str) {
        if from == OutputStream::Stderr {
            return self.trouble.push(line);
        }
        let finished = self.finished.take();
        if let Some(summary) = finished.and_then(|ms| Summary::read(line, ms)) {
            self.end_block();
            self.summary = Some(summary);
        } else if let Some(time) = line.strip_prefix("Finished in ") {
            self.end_block();
            (self.in_failures, self.in_outside) = (false, false);
            self.finished = Some(time.split_once(" second").and_then(|(seconds, _)| text::seconds_to_ms(seconds)));
        } else if line == "Failures:" {
            self.in_failures = true;
        } else if line.starts_with("An error occurred ") {
            self.in_outside = true;
            self.outside.push(line);
        } else if let Some(name) = self.in_failures.then(|| numbered(line)).flatten() {
            self.end_block();
            self.block = Some((name.to_owned(), Message::default()));
        } else if let Some((_, message)) = &mut self.block {
            let rest = line.trim_start();
            if rest.starts_with("# ") {
                message.look(rest);
                message.close();
            }
            message.push(line);
        } else if self.in_outside {
            self.in_outside = !line.starts_with("# ");
            if self.in_outside {
                self.outside.push(line);
            }
        }
    }

    fn seen(&self) -> Counts {
        self.summary.as_ref().map(|summary| summary.counts).unwrap_or_default()
    }

    fn end(&mut self) -> Reading {
        self.end_block();
        let outside = (!self.outside.is_empty()).then(|| self.outside.take());
        let trouble = (!self.trouble.is_empty()).then(|| self.trouble.take());
        let Some(Summary { counts, outside: errors, ms }) = self.summary.take() else {
            return outside.or(trouble).map_or(Reading::Unclear, Reading::NotRun);
        };
        if errors > 0 && counts == Counts::default() {
            return Reading::NotRun(outside.unwrap_or_else(|| format!("{errors} errors outside of examples")));
        }
        Reading::Counted(Counted {
            counts: Counts { failed: counts.failed.saturating_add(errors), ..counts },
            failures: std::mem::take(&mut self.failures),
            stated_ms: ms,
            whole: true,
            said_none: false,
            trouble: outside,
        })
    }
}

impl Rspec {
    fn end_block(&mut self) {
        if let Some((name, mut message)) = self.block.take() {
            self.failures.push(&name, message.said());
        }
    }
}

impl Summary {
    /// `5 examples, 2 failures, 2 pending, 1 error occurred outside of examples`.
    fn read(line: &str, ms: Option<u64>) -> Option<Self> {
        let pairs = tally::number_word(line, ", ")?;
        if !pairs.first().is_some_and(|(_, word)| word.starts_with("example")) {
            return None;
        }
        let sum = |words: &[&str]| tally::sum(pairs.iter().copied(), words);
        let (failed, skipped) = (sum(&["failure", "failures"]), sum(&["pending"]));
        let passed = sum(&["example", "examples"]).checked_sub(failed.checked_add(skipped)?)?;
        let outside = sum(&["error occurred outside of examples", "errors occurred outside of examples"]);
        Some(Self { counts: Counts { passed, failed, skipped }, outside, ms })
    }
}

/// `  1) sum adds wrongly`.
fn numbered(line: &str) -> Option<&str> {
    let (_, rest) = text::number_and_rest(line.strip_prefix("  ")?)?;
    rest.strip_prefix(") ")
}
