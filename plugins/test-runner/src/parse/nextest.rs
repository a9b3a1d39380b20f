//! `cargo nextest run`: all on standard error. Counts come from the `Summary` line below the closing rule; the
//! final statuses of what failed stand behind it, their output before it.

use super::libtest::{NO_PANIC, panicked};
use super::message::Message;
use super::rustc::Complaint;
use super::{Counted, Parse, Reading, tally};
use crate::report::{Counts, Failures, MAX_FAILURES, Said};
use crate::text;
use tollgate_sdk::process::OutputStream;

/// Statuses of a test that did not fail in the end.
const GOOD: [&str; 6] = ["PASS", "LEAK", "FLAKY", "SKIP", "SLOW", "XFAIL"];

/// The parser.
#[derive(Debug, Default)]
pub struct Nextest {
    total: u64,
    seen: Counts,
    ruled: bool,
    summary: Option<Summary>,
    block: Option<Block>,
    messages: Vec<(String, Said)>,
    failures: Failures,
    complaint: Complaint,
    said_none: bool,
}

#[derive(Debug)]
struct Summary {
    counts: Counts,
    ms: Option<u64>,
    whole: bool,
}

/// What one failing test wrote.
#[derive(Debug)]
struct Block {
    name: String,
    stdout: Message,
    stderr: Message,
    in_stderr: bool,
}

impl Parse for Nextest {
    fn line(&mut self, _from: OutputStream, line: &str) {
        let ruled = std::mem::replace(&mut self.ruled, line.starts_with("────"));
        self.complaint.line(line);
        self.said_none |= line.starts_with("error: no tests to run");
        if let Some(summary) = line.strip_prefix("     Summary [").filter(|_| ruled).and_then(Summary::read) {
            self.end_block();
            self.summary = Some(summary);
        } else if let Some(rest) = line.strip_prefix("    Starting ") {
            self.total = text::number_and_rest(rest).map_or(0, |(number, _)| number);
        } else if let Some((status, name)) = status(line) {
            let good = status.split(' ').next().is_some_and(|word| GOOD.contains(&word)) || status.ends_with("PASS");
            if self.summary.is_some() {
                if !good {
                    let message = self.messages.iter().rfind(|(of, _)| of == name).map(|(_, message)| message.clone());
                    self.failures.push(name, message.unwrap_or_default());
                }
                return;
            }
            self.end_block();
            if status == "SLOW" {
                return;
            }
            if good {
                self.seen.passed += 1;
            } else {
                self.seen.failed += u64::from(!status.starts_with("TRY"));
                self.block = Some(Block {
                    name: name.to_owned(),
                    stdout: Message::default(),
                    stderr: Message::default(),
                    in_stderr: false,
                });
            }
        } else if let Some(block) = &mut self.block {
            if ["  stdout ─", "--- STDOUT:"].iter().any(|header| line.starts_with(header)) {
                block.in_stderr = false;
            } else if ["  stderr ─", "--- STDERR:"].iter().any(|header| line.starts_with(header)) {
                block.in_stderr = true;
            } else if block.in_stderr {
                panicked(&mut block.stderr, line.strip_prefix("    ").unwrap_or(line));
            } else {
                harness_output(&mut block.stdout, line.strip_prefix("    ").unwrap_or(line));
            }
        }
    }

    fn seen(&self) -> Counts {
        self.seen
    }

    fn done(&self) -> Option<f64> {
        let done = self.seen.passed + self.seen.failed;
        #[expect(clippy::cast_precision_loss, reason = "a share, shown in whole hundredths")]
        (self.total > 0).then(|| (done as f64 / self.total as f64).min(1.0))
    }

    fn end(&mut self) -> Reading {
        let complaint = self.complaint.take();
        let Some(summary) = self.summary.take() else {
            // Without a summary the run was cut off; its complaint is about the build only where no test began.
            return match complaint {
                Some(complaint) if self.total == 0 => Reading::NotRun(complaint),
                _ if self.seen != Counts::default() => {
                    Reading::Counted(Counted { counts: self.seen, trouble: complaint, ..Counted::default() })
                }
                _ => Reading::Unclear,
            };
        };
        Reading::Counted(Counted {
            counts: summary.counts,
            failures: std::mem::take(&mut self.failures),
            stated_ms: summary.ms,
            whole: summary.whole,
            said_none: self.said_none,
            trouble: complaint,
        })
    }
}

impl Nextest {
    fn end_block(&mut self) {
        let Some(mut block) = self.block.take() else { return };
        let message = if block.stderr.is_empty() { block.stdout.said() } else { block.stderr.said() };
        if self.messages.len() < MAX_FAILURES {
            self.messages.push((block.name, message));
        }
    }
}

impl Summary {
    /// What follows `     Summary [`: `   0.540s] 6 tests run: 3 passed (1 slow), 3 failed, 1 skipped`.
    fn read(text: &str) -> Option<Self> {
        let (time, rest) = text.split_once("] ")?;
        let (run, rest) = rest.split_once(" run: ")?;
        let run = run.strip_suffix(" tests").or_else(|| run.strip_suffix(" test"))?;
        // `2/6` where it was cancelled.
        let (ran, planned) = run.split_once('/').unwrap_or((run, run));
        let (ran, planned): (u64, u64) = (ran.parse().ok()?, planned.parse().ok()?);
        let pairs = tally::number_word(&without_brackets(rest), ", ")?
            .into_iter()
            .map(|(number, word)| (number, word.to_owned()))
            .collect::<Vec<_>>();
        let sum = |words: &[&str]| tally::sum(pairs.iter().map(|(number, word)| (*number, word.as_str())), words);
        let counts = Counts {
            passed: sum(&["passed"]),
            failed: sum(&["failed", "timed out", "exec failed"]),
            skipped: sum(&["skipped"]),
        };
        let whole = ran == planned && counts.passed.checked_add(counts.failed) == Some(ran);
        Some(Self { counts, ms: text::seconds_to_ms(time.trim().strip_suffix('s')?), whole })
    }
}

/// `3 passed (1 slow, 1 flaky), 1 failed` without what stands in brackets.
fn without_brackets(text: &str) -> String {
    let mut depth = 0_u32;
    let kept = text.chars().filter(|one| {
        match one {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => return depth == 0,
        }
        false
    });
    kept.collect()
}

/// `        FAIL [   0.018s] (2/6) demo tests::x` into status and name.
fn status(line: &str) -> Option<(&str, &str)> {
    let (status, rest) = line.split_once(" [")?;
    // Right-aligned in 12 columns, so that the words end where a test's indented output may not.
    let width = status.chars().count();
    let aligned = width == 12 || (width > 12 && !status.starts_with(' '));
    let status = status.trim_start();
    let upper = |one: char| one.is_ascii_uppercase() || one.is_ascii_digit() || " /+-".contains(one);
    if !aligned || !status.starts_with(|one: char| one.is_ascii_uppercase()) || !status.chars().all(upper) {
        return None;
    }
    let (time, name) = rest.split_once("] ")?;
    text::seconds_to_ms(time.trim().trim_start_matches('>').strip_suffix('s')?)?;
    let counter = name.trim_start().strip_prefix('(').and_then(|rest| rest.split_once(") "));
    let name = counter.filter(|(counter, _)| counter.contains('/')).map_or(name, |(_, name)| name);
    Some((status, name.trim()))
}

/// Adds a line of the harness's output for one test, without what it says of itself.
fn harness_output(message: &mut Message, line: &str) {
    let noise = ["running ", "test ", "failures:", "---- ", "test result:"];
    let name_list = line.starts_with("    ") && !line.trim().contains(' ');
    if !noise.iter().any(|noise| line.starts_with(noise)) && !name_list {
        if line.starts_with(NO_PANIC) {
            message.look(line);
        }
        message.push(line);
    }
}
