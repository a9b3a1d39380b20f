//! `vitest run`: the summary on standard output, the failures on standard error. A test may print a line like
//! the summary's, so both of its lines must stand together, and the last such pair counts.

use super::message::Message;
use super::{Counted, Parse, Reading, tally};
use crate::report::{Counts, Failures, MAX_FAILURES};
use crate::text;
use tollgate_sdk::process::OutputStream;

/// The parser.
#[derive(Debug, Default)]
pub struct Vitest {
    stdout: Stream,
    stderr: Stream,
    found: Found,
}

/// Where one stream stands: the other one's lines may come between its own.
#[derive(Debug, Default)]
struct Stream {
    /// The line before was the one about files: how many of them failed.
    files: Option<u64>,
    /// The failures whose message is being read.
    block: Option<(Vec<String>, Message)>,
    /// Reading an error outside any test.
    in_error: bool,
}

/// What was found in both.
#[derive(Debug, Default)]
struct Found {
    counts: Option<Counts>,
    /// Whether every test that was found is in the counts: those of a worker that died are not.
    all_ran: bool,
    failed_files: u64,
    /// Test files that could not be loaded: their tests are in no count.
    broken_files: u64,
    ms: Option<u64>,
    errors: u64,
    error: Message,
    said_none: bool,
    seen: Counts,
    failures: Failures,
}

impl Parse for Vitest {
    fn line(&mut self, from: OutputStream, line: &str) {
        let stream = if from == OutputStream::Stdout { &mut self.stdout } else { &mut self.stderr };
        stream.line(line, &mut self.found);
    }

    fn seen(&self) -> Counts {
        self.found.seen
    }

    fn end(&mut self) -> Reading {
        self.stdout.end_block(&mut self.found);
        self.stderr.end_block(&mut self.found);
        let found = &mut self.found;
        let Some(counts) = found.counts else {
            return if found.said_none {
                Reading::Counted(Counted { whole: true, said_none: true, ..Counted::default() })
            } else {
                Reading::Unclear
            };
        };
        let failed = counts.failed.saturating_add(found.broken_files);
        let trouble = (found.errors > 0).then(|| {
            let error = found.error.take();
            format!("{} errors outside any test{}{error}", found.errors, if error.is_empty() { "" } else { ": " })
        });
        Reading::Counted(Counted {
            // A file fails for its tests or by itself; never for nothing.
            counts: Counts { failed: if failed == 0 { found.failed_files } else { failed }, ..counts },
            failures: std::mem::take(&mut found.failures),
            stated_ms: found.ms,
            whole: found.all_ran,
            said_none: false,
            trouble,
        })
    }
}

impl Stream {
    fn line(&mut self, line: &str, found: &mut Found) {
        let rest = line.trim_start();
        let files = std::mem::replace(&mut self.files, rest.strip_prefix("Test Files  ").map(read_failed));
        let counts = rest.strip_prefix("Tests  ").and_then(read_counts);
        if let (Some(failed_files), Some(counts)) = (files, counts) {
            self.end_block(found);
            let (counts, all_ran) = counts;
            (found.counts, found.all_ran, found.failed_files) = (Some(counts), all_ran, failed_files);
        } else if let Some(errors) = rest.strip_prefix("Errors  ").filter(|_| found.counts.is_some()) {
            found.errors = text::number_and_rest(errors).map_or(1, |(number, _)| number);
        } else if let Some(time) = rest.strip_prefix("Duration  ").filter(|_| found.counts.is_some()) {
            found.ms = text::unit_to_ms(time.split(" (").next().unwrap_or(time));
        } else if rest.starts_with("No test files found") {
            found.said_none = true;
        } else if rest.starts_with('⎯') {
            self.rule(rest, found);
        } else if let Some(name) = rest.strip_prefix("FAIL  ") {
            self.failing(name, found);
        } else if let Some((_, message)) = &mut self.block {
            // The place and the source that follow are no part of what failed.
            if rest.starts_with("❯ ") {
                message.look(rest);
                message.close();
            }
            message.push(line);
        } else if self.in_error {
            if rest.starts_with("❯ ") {
                found.error.close();
            }
            found.error.push(line);
        } else {
            match rest.split_once(' ').map(|(mark, _)| mark) {
                Some("✓" | "√") if !rest.contains(" tests)") && !rest.contains(" test)") => found.seen.passed += 1,
                Some("×") => found.seen.failed += 1,
                Some("↓") => found.seen.skipped += 1,
                _ => {}
            }
        }
    }

    /// `⎯⎯ Failed Suites 1 ⎯⎯`, `⎯⎯ Uncaught Exception ⎯⎯`, `⎯⎯[1/2]⎯`.
    fn rule(&mut self, line: &str, found: &mut Found) {
        self.end_block(found);
        let title = line.trim_matches('⎯').trim();
        if let Some(number) = title.strip_prefix("Failed Suites ") {
            found.broken_files = number.parse().unwrap_or(1);
        }
        // The first one is shown.
        let error = ["Uncaught Exception", "Unhandled Rejection", "Unhandled Error"].contains(&title);
        self.in_error = error && found.error.is_empty();
    }

    /// Several failures in a row share the message that follows.
    fn failing(&mut self, name: &str, found: &mut Found) {
        let name = name.split_once(" [ ").map_or(name, |(file, _)| file).to_owned();
        if let Some((names, _)) = self.block.as_mut().filter(|(_, message)| message.is_empty()) {
            if names.len() < MAX_FAILURES {
                names.push(name);
            }
            return;
        }
        self.end_block(found);
        self.block = Some((vec![name], Message::default()));
    }

    fn end_block(&mut self, found: &mut Found) {
        let Some((names, mut message)) = self.block.take() else { return };
        let message = message.said();
        for name in names {
            found.failures.push(&name, message.clone());
        }
    }
}

/// How many failed of `1 failed | 1 passed (2)`.
fn read_failed(text: &str) -> u64 {
    let counted = text.rsplit_once(" (").map_or(text, |(counted, _)| counted);
    tally::sum(tally::number_word(counted, " | ").unwrap_or_default(), &["failed"])
}

/// `2 failed | 3 passed | 1 skipped | 1 todo (7)`, and whether they add up to the total; `no tests`.
fn read_counts(text: &str) -> Option<(Counts, bool)> {
    if text.trim() == "no tests" {
        return Some((Counts::default(), true));
    }
    let (text, total) = text.strip_suffix(')')?.rsplit_once(" (")?;
    let pairs = tally::number_word(text, " | ")?;
    let sum = |words: &[&str]| tally::sum(pairs.iter().copied(), words);
    let counts = Counts {
        passed: sum(&["passed"]),
        failed: sum(&["failed"]),
        skipped: sum(&["skipped", "todo", "expected fail"]),
    };
    let all = counts.passed.checked_add(counts.failed)?.checked_add(counts.skipped)?;
    let total: u64 = total.parse().ok()?;
    (all <= total).then_some((counts, all == total))
}
