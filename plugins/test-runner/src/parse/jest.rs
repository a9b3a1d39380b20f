//! `jest`, on standard error. A test may print a line like the summary's, so both of its lines must stand
//! together, and the last such pair counts.

use super::message::Message;
use super::{Counted, Parse, Reading, tally};
use crate::report::{Counts, Failures};
use crate::text;
use tollgate_sdk::process::OutputStream;

/// The parser.
#[derive(Debug, Default)]
pub struct Jest {
    /// The line before was the one about test files: how many of them failed.
    suites: Option<u64>,
    failed_files: u64,
    counts: Option<Counts>,
    ms: Option<u64>,
    said_none: bool,
    file: String,
    /// Test files that could not be loaded: their tests are in no count.
    broken_files: u64,
    block: Option<(String, Message)>,
    /// The failures come again at the end of a long run.
    repeating: bool,
    seen: Counts,
    failures: Failures,
}

impl Parse for Jest {
    fn line(&mut self, from: OutputStream, line: &str) {
        if line.starts_with("No tests found, exiting with code") {
            self.said_none = true;
        }
        if from == OutputStream::Stdout {
            return;
        }
        let suites = std::mem::replace(&mut self.suites, line.strip_prefix("Test Suites: ").map(read_failed));
        if self.suites.is_some() {
            return self.end_block();
        }
        let counts = line.strip_prefix("Tests:  ").and_then(read_counts);
        if let (Some(failed_files), Some(counts)) = (suites, counts) {
            (self.counts, self.failed_files) = (Some(counts), failed_files);
        } else if let Some(time) = line.strip_prefix("Time:  ").filter(|_| self.counts.is_some()) {
            self.ms = text::unit_to_ms(time.split(',').next().unwrap_or(time));
        } else if line.starts_with("Summary of all failing tests") {
            self.end_block();
            self.repeating = true;
        } else if let Some(file) = line.strip_prefix("FAIL ").or_else(|| line.strip_prefix("PASS ")) {
            self.end_block();
            file.split(" (").next().unwrap_or(file).clone_into(&mut self.file);
        } else if let Some(name) = line.strip_prefix("  ● ").filter(|_| !self.repeating) {
            self.begin_block(name);
        } else if let Some((_, message)) = &mut self.block {
            let rest = line.trim_start();
            let listing = rest.trim_start_matches("> ").trim_start_matches(|one: char| one.is_ascii_digit());
            if rest.starts_with("at ") {
                message.look(rest);
            }
            if listing.starts_with(" | ") || listing == " |" || rest.starts_with("at ") {
                message.close();
            }
            message.push(line);
        } else {
            match line.trim_start().split_once(' ').map(|(mark, _)| mark) {
                Some("✓") => self.seen.passed += 1,
                Some("✕") => self.seen.failed += 1,
                Some("○" | "✎") => self.seen.skipped += 1,
                _ => {}
            }
        }
    }

    fn seen(&self) -> Counts {
        self.seen
    }

    fn end(&mut self) -> Reading {
        self.end_block();
        let Some(counts) = self.counts else {
            return if self.said_none {
                Reading::Counted(Counted { whole: true, said_none: true, ..Counted::default() })
            } else {
                Reading::Unclear
            };
        };
        let failed = counts.failed.saturating_add(self.broken_files);
        Reading::Counted(Counted {
            // A file fails for its tests or by itself; never for nothing.
            counts: Counts { failed: if failed == 0 { self.failed_files } else { failed }, ..counts },
            failures: std::mem::take(&mut self.failures),
            stated_ms: self.ms,
            whole: true,
            said_none: self.said_none,
            trouble: None,
        })
    }
}

impl Jest {
    fn begin_block(&mut self, name: &str) {
        self.end_block();
        match name {
            // What the tests of a file printed.
            "Console" => {}
            "Test suite failed to run" => {
                self.broken_files += 1;
                self.block = Some((self.file.clone(), Message::default()));
            }
            name => self.block = Some((name.to_owned(), Message::default())),
        }
    }

    fn end_block(&mut self) {
        if let Some((name, mut message)) = self.block.take() {
            self.failures.push(&name, message.said());
        }
    }
}

/// How many failed of `2 failed, 1 passed, 2 of 3 total`.
fn read_failed(text: &str) -> u64 {
    let parts = text.split(", ").filter_map(|part| text::number_and_rest(part.trim()));
    tally::sum(parts.map(|(number, word)| (number, word.trim())), &["failed"])
}

/// `     1 failed, 1 skipped, 3 passed, 5 total`.
fn read_counts(text: &str) -> Option<Counts> {
    let pairs = tally::number_word(text.trim(), ", ")?;
    let sum = |words: &[&str]| tally::sum(pairs.iter().copied(), words);
    let counts =
        Counts { passed: sum(&["passed"]), failed: sum(&["failed"]), skipped: sum(&["skipped", "todo", "pending"]) };
    let all = counts.passed.checked_add(counts.failed)?.checked_add(counts.skipped)?;
    (sum(&["total"]) == all).then_some(counts)
}
