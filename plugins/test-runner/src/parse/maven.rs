//! `mvn test` with surefire, on standard output: the total below each module's `Results:`.

use super::message::{Message, is_own_frame};
use super::{Counted, Parse, Reading, tally};
use crate::report::{Counts, Failures};
use tollgate_sdk::process::OutputStream;

/// The parser.
#[derive(Debug, Default)]
pub struct Maven {
    /// Inside a module's `Results:`, up to its total.
    in_results: bool,
    counts: Option<Counts>,
    seen: Counts,
    block: Option<(String, Message)>,
    failures: Failures,
    ended: bool,
    no_tests: bool,
    error: Message,
    in_error: bool,
}

impl Parse for Maven {
    fn line(&mut self, from: OutputStream, line: &str) {
        if from == OutputStream::Stderr {
            return;
        }
        let Some((level, rest)) = line.strip_prefix('[').and_then(|line| line.split_once("] ")) else {
            // What a failing test threw stands without a prefix, down to its stack.
            if let Some((name, message)) = &mut self.block {
                if line.trim_start().starts_with("at ") {
                    // Above the test's own frame may stand those of an assertion library.
                    if is_own_frame(line, name) {
                        message.look(line);
                    }
                    message.close();
                }
                message.push(line);
                if line.is_empty() {
                    self.end_block();
                }
            }
            return;
        };
        self.end_block();
        if rest.starts_with("Tests run: ") {
            self.tests_run(rest);
        } else if let Some(name) = failing(rest).filter(|_| level == "ERROR" && !self.in_results) {
            self.block = Some((name, Message::default()));
        } else if rest == "Results:" {
            self.in_results = true;
        } else if rest.starts_with("No tests to run") {
            self.no_tests = true;
        } else if rest.starts_with("BUILD SUCCESS") || rest.starts_with("BUILD FAILURE") {
            self.ended = true;
        } else if level == "ERROR"
            && (rest.starts_with("COMPILATION ERROR")
                || rest.starts_with("Failed to execute goal")
                // What stopped the build before any goal: a plugin that cannot be fetched.
                || (self.ended && self.error.is_empty()))
        {
            self.in_error = self.error.is_empty();
            if self.in_error && !rest.starts_with("COMPILATION") {
                self.error.push(rest);
            }
        } else if self.in_error && level == "ERROR" && !rest.starts_with("-> [Help") {
            self.error.push(rest);
        } else if level == "INFO" && !rest.starts_with("---") {
            self.in_error = false;
        }
    }

    fn seen(&self) -> Counts {
        self.seen
    }

    fn end(&mut self) -> Reading {
        self.end_block();
        let error = (!self.error.is_empty()).then(|| self.error.take());
        match self.counts {
            Some(counts) => Reading::Counted(Counted {
                counts,
                failures: std::mem::take(&mut self.failures),
                stated_ms: None,
                whole: self.ended,
                said_none: false,
                // Failing tests fail the build: that they did is told already.
                trouble: error.filter(|_| counts.failed == 0),
            }),
            None if error.is_some() => Reading::NotRun(error.unwrap_or_default()),
            None if self.no_tests && self.ended => {
                Reading::Counted(Counted { whole: true, said_none: true, ..Counted::default() })
            }
            None => Reading::Unclear,
        }
    }
}

impl Maven {
    /// `Tests run: 4, Failures: 1, Errors: 1, Skipped: 1`, with more behind it where it is about one class.
    fn tests_run(&mut self, text: &str) {
        let (totals, class) = text.split_once(", Time elapsed").map_or((text, false), |(totals, _)| (totals, true));
        let Some(pairs) = tally::word_number(totals) else { return };
        let sum = |words: &[&str]| tally::sum(pairs.iter().map(|(word, number)| (*number, *word)), words);
        let (failed, skipped) = (sum(&["Failures", "Errors"]), sum(&["Skipped"]));
        let passed = sum(&["Tests run"]).saturating_sub(failed.saturating_add(skipped));
        let counts = Counts { passed, failed, skipped };
        if class {
            self.seen = self.seen.and(counts);
        } else if std::mem::take(&mut self.in_results) {
            self.counts = Some(self.counts.unwrap_or_default().and(counts));
        }
    }

    fn end_block(&mut self) {
        if let Some((name, mut message)) = self.block.take() {
            self.failures.push(&name, message.said());
        }
    }
}

/// `addsWrongly(demo.SumTest)  Time elapsed: 0.004 s  <<< FAILURE!`, or since surefire 3
/// `demo.SumTest.addsWrongly -- Time elapsed: 0.004 s <<< FAILURE!`.
fn failing(rest: &str) -> Option<String> {
    if !rest.ends_with("<<< FAILURE!") && !rest.ends_with("<<< ERROR!") {
        return None;
    }
    let name = rest.split("Time elapsed").next()?.trim().trim_end_matches("--").trim();
    let split = name.strip_suffix(')').and_then(|name| name.split_once('('));
    Some(split.map_or_else(|| name.to_owned(), |(test, class)| format!("{class}.{test}")))
}
