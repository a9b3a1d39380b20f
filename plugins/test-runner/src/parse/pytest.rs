//! `pytest`, on standard output. Counts come from the last summary line; names from the short summary, messages
//! from the `E` lines of the failures' sections, which stand in the same order.

use super::message::Message;
use super::{Counted, Parse, Reading, tally};
use crate::report::{Counts, Failures, MAX_FAILURES, Said};
use crate::text;
use tollgate_sdk::process::OutputStream;

/// Every word that a summary counts by, so that a line with any other is no summary.
const WORDS: [&str; 13] = [
    "failed",
    "passed",
    "skipped",
    "deselected",
    "xfailed",
    "xpassed",
    "warning",
    "warnings",
    "error",
    "errors",
    "rerun",
    "subtests passed",
    "subtests failed",
];

/// Where in the output a line stands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Section {
    #[default]
    Elsewhere,
    Errors,
    Failures,
    Short,
}

/// The parser.
#[derive(Debug, Default)]
pub struct Pytest {
    section: Section,
    /// Messages of the sections `ERRORS` and `FAILURES`.
    errors: Vec<Said>,
    failed: Vec<Said>,
    block: Option<Message>,
    /// What the short summary names: whether it is an error, the name, what it says behind it.
    named: Vec<(bool, String, String)>,
    summary: Option<(Counts, Option<u64>)>,
    done: Option<f64>,
    trouble: Message,
    not_run: Option<String>,
}

impl Parse for Pytest {
    fn line(&mut self, from: OutputStream, line: &str) {
        if from == OutputStream::Stderr {
            return self.complaint(line);
        }
        let framed = line.starts_with("==").then(|| line.trim_matches('=').trim()).filter(|_| line.ends_with('='));
        // With `-q` the summary has no frame; a line like it among the failures is what a test printed.
        let in_failures = matches!(self.section, Section::Errors | Section::Failures);
        let candidate = framed.or_else(|| (!in_failures).then_some(line));
        if let Some(summary) = candidate.and_then(read_summary) {
            self.end_block();
            self.summary = Some(summary);
            return;
        }
        if let Some(title) = framed {
            self.end_block();
            self.section = match title {
                "ERRORS" => Section::Errors,
                "FAILURES" => Section::Failures,
                "short test summary info" => Section::Short,
                _ => Section::Elsewhere,
            };
            return;
        }
        if line.starts_with("INTERNALERROR>") {
            self.trouble.push(line);
        }
        match self.section {
            Section::Elsewhere => {
                let percent = line.strip_suffix("%]").and_then(|rest| rest.rsplit_once('['));
                if let Some(percent) = percent.and_then(|(_, number)| number.trim().parse::<u8>().ok()) {
                    self.done = Some(f64::from(percent.min(100)) / 100.0);
                }
            }
            Section::Short => self.short(line),
            Section::Errors | Section::Failures => {
                if line.starts_with("_") && line.ends_with("_") && line.contains(' ') {
                    self.end_block();
                    self.block = Some(Message::default());
                } else if let Some(message) = &mut self.block {
                    match line.strip_prefix("E ") {
                        Some(rest) => message.push(rest.strip_prefix("  ").unwrap_or(rest)),
                        // Frames stand at the margin, the test's own first; what it printed comes below all of them.
                        None if line.starts_with("---") => message.close(),
                        None if !line.starts_with(' ') => message.look(line),
                        None => {}
                    }
                }
            }
        }
    }

    fn seen(&self) -> Counts {
        self.summary.map(|(counts, _)| counts).unwrap_or_default()
    }

    fn done(&self) -> Option<f64> {
        self.done
    }

    fn end(&mut self) -> Reading {
        self.end_block();
        let Some((counts, stated_ms)) = self.summary else {
            return match (self.not_run.take(), self.trouble.is_empty()) {
                (Some(reason), _) => Reading::NotRun(reason),
                (None, false) => Reading::NotRun(self.trouble.take()),
                (None, true) => Reading::Unclear,
            };
        };
        let mut failures = Failures::default();
        let mut messages = [std::mem::take(&mut self.failed).into_iter(), std::mem::take(&mut self.errors).into_iter()];
        for (error, name, said) in std::mem::take(&mut self.named) {
            let [of_failures, of_errors] = &mut messages;
            let message = if error { of_errors.next() } else { of_failures.next() };
            let message = message.unwrap_or_default();
            let text = if message.text.is_empty() { said } else { message.text };
            failures.push(&name, Said { text, place: message.place });
        }
        Reading::Counted(Counted {
            counts,
            failures,
            stated_ms,
            whole: true,
            said_none: counts.passed == 0 && counts.failed == 0,
            trouble: (!self.trouble.is_empty()).then(|| self.trouble.take()),
        })
    }
}

impl Pytest {
    fn complaint(&mut self, line: &str) {
        let missing = line.ends_with("No module named pytest") || line.ends_with("No module named 'pytest'");
        if missing && self.not_run.is_none() {
            self.not_run = Some("pytest is not installed for python3 (No module named pytest)".to_owned());
        } else if line.starts_with("ERROR: ") || line.contains(": error: ") {
            // Bad arguments or a bad configuration: nothing runs after it.
            self.trouble.push(line);
        }
    }

    fn short(&mut self, line: &str) {
        let found = line.strip_prefix("FAILED ").map(|rest| (false, rest)).or_else(|| {
            let rest = line.strip_prefix("ERROR ")?;
            Some((true, rest))
        });
        let Some((error, rest)) = found.filter(|_| self.named.len() < MAX_FAILURES) else { return };
        // The name may hold ` - ` within the brackets of its parameters.
        let name_end = rest.find("] - ").map(|at| at + 1).or_else(|| rest.find(" - ")).unwrap_or(rest.len());
        let (name, said) = rest.split_at_checked(name_end).unwrap_or((rest, ""));
        self.named.push((error, name.to_owned(), said.trim_start_matches(" - ").to_owned()));
    }

    fn end_block(&mut self) {
        let Some(mut message) = self.block.take() else { return };
        let messages = if self.section == Section::Errors { &mut self.errors } else { &mut self.failed };
        if messages.len() < MAX_FAILURES {
            messages.push(message.said());
        }
    }
}

/// `3 failed, 2 passed, 1 error in 0.17s (0:00:00)` into counts and milliseconds.
fn read_summary(text: &str) -> Option<(Counts, Option<u64>)> {
    let (counted, time) = text.rsplit_once(" in ")?;
    let seconds = time.split(' ').next()?.strip_suffix('s')?;
    let ms = text::seconds_to_ms(seconds)?;
    if counted == "no tests ran" {
        return Some((Counts::default(), Some(ms)));
    }
    let pairs = tally::number_word(counted, ", ")?;
    if !pairs.iter().all(|(_, word)| WORDS.contains(word)) {
        return None;
    }
    let sum = |words: &[&str]| tally::sum(pairs.iter().copied(), words);
    let counts = Counts {
        passed: sum(&["passed", "xpassed"]),
        failed: sum(&["failed", "error", "errors", "subtests failed"]),
        skipped: sum(&["skipped", "xfailed"]),
    };
    Some((counts, Some(ms)))
}
