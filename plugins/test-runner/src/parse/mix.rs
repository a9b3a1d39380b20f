//! `mix test`, on standard output: the count below `Finished in`, and the numbered failures above it.

use super::message::Message;
use super::{Counted, Parse, Reading, tally};
use crate::report::{Counts, Failures};
use crate::text;
use tollgate_sdk::process::OutputStream;

/// What the count may begin with: each is a kind of test.
const TESTS: [&str; 6] = ["test", "tests", "doctest", "doctests", "property", "properties"];

/// The parser. An umbrella's applications each write a count of their own, which are summed.
#[derive(Debug, Default)]
pub struct Mix {
    finished: Option<u64>,
    counts: Option<Counts>,
    ms: u64,
    block: Option<(String, Message)>,
    failures: Failures,
    complaint: Message,
    complaining: bool,
    said_none: bool,
}

impl Parse for Mix {
    fn line(&mut self, from: OutputStream, line: &str) {
        // Newer Elixir complains on standard error; results stand on standard output alone.
        if from == OutputStream::Stderr {
            return self.complain(line);
        }
        let finished = self.finished.take();
        if let (Some(ms), Some(counts)) = (finished, read_counts(line)) {
            self.end_block();
            self.counts = Some(self.counts.unwrap_or_default().and(counts));
            self.ms = self.ms.saturating_add(ms);
        } else if let Some(time) = line.strip_prefix("Finished in ") {
            self.end_block();
            let seconds = time.split_once(" second").map_or(time, |(seconds, _)| seconds);
            self.finished = Some(text::seconds_to_ms(seconds).unwrap_or_default());
        } else if let Some(name) = numbered(line) {
            self.end_block();
            self.block = Some((name.to_owned(), Message::default()));
        } else if let Some((_, message)) = &mut self.block {
            let rest = line.trim_start();
            // First the place, last the stack; between them is what failed.
            let place = message.is_empty() && rest.contains(".exs:") && !rest.contains(' ');
            if rest.starts_with("stacktrace:") || rest.starts_with("The following output was logged:") {
                message.close();
            }
            if place {
                message.look(rest);
            } else {
                message.push(line);
            }
        } else {
            self.said_none |= line == "There are no tests to run";
            self.complain(line);
        }
    }

    fn seen(&self) -> Counts {
        self.counts.unwrap_or_default()
    }

    fn end(&mut self) -> Reading {
        self.end_block();
        let complaint = (!self.complaint.is_empty()).then(|| self.complaint.take());
        let Some(counts) = self.counts else {
            return match complaint {
                Some(complaint) => Reading::NotRun(complaint),
                None if self.said_none => {
                    Reading::Counted(Counted { whole: true, said_none: true, ..Counted::default() })
                }
                None => Reading::Unclear,
            };
        };
        Reading::Counted(Counted {
            counts,
            failures: std::mem::take(&mut self.failures),
            stated_ms: Some(self.ms),
            whole: true,
            said_none: false,
            trouble: complaint,
        })
    }
}

impl Mix {
    fn complain(&mut self, line: &str) {
        let begins = ["== Compilation error", "** (", "error: "].iter().any(|begin| line.starts_with(begin));
        self.complaining = begins || (self.complaining && !line.trim().is_empty());
        if self.complaining {
            self.complaint.push(line);
        }
    }

    fn end_block(&mut self) {
        if let Some((name, mut message)) = self.block.take() {
            self.failures.push(&name, message.said());
        }
    }
}

/// `1 doctest, 4 tests, 2 failures, 1 skipped`; `invalid` tests are those whose setup failed for all.
fn read_counts(line: &str) -> Option<Counts> {
    let pairs = tally::number_word(line, ", ")?;
    if !pairs.first().is_some_and(|(_, word)| TESTS.contains(word)) {
        return None;
    }
    let sum = |words: &[&str]| tally::sum(pairs.iter().copied(), words);
    let (failed, skipped) = (sum(&["failure", "failures", "invalid"]), sum(&["skipped", "excluded"]));
    let passed = sum(&TESTS).checked_sub(failed.checked_add(skipped)?)?;
    Some(Counts { passed, failed, skipped })
}

/// `  1) test deep raises (DemoTest)`.
fn numbered(line: &str) -> Option<&str> {
    let (_, rest) = text::number_and_rest(line.strip_prefix("  ")?.trim_start())?;
    rest.strip_prefix(") ")
}
