//! `python -m unittest -v`, on standard error. Counts come from `Ran N tests` below a rule and the verdict that
//! follows it; messages from the failures' blocks.

use super::message::Message;
use super::{Counted, Parse, Reading, tally};
use crate::report::{Counts, Failures};
use crate::text;
use tollgate_sdk::process::OutputStream;

/// What a failure counts on besides the tests that ran: it is no test itself.
const AROUND: [&str; 4] = ["setUpClass ", "tearDownClass ", "setUpModule ", "tearDownModule "];

/// The parser.
#[derive(Debug, Default)]
pub struct Unittest {
    /// The rule of the line before: `=` or `-`.
    rule: Option<char>,
    block: Option<(String, Message)>,
    in_traceback: bool,
    failures: Failures,
    /// Tests with a failure, and the last one's name: the parts of one test follow each other.
    failing_tests: u64,
    last_failing: String,
    seen: Counts,
    ran: Option<(u64, u64)>,
    verdict: Option<Counted>,
}

impl Parse for Unittest {
    fn line(&mut self, from: OutputStream, line: &str) {
        if from == OutputStream::Stdout {
            return;
        }
        let ruled = self.rule.take();
        if line.len() == 70 && line.bytes().all(|byte| byte == b'=') {
            self.end_block();
            self.rule = Some('=');
        } else if line.len() == 70 && line.bytes().all(|byte| byte == b'-') {
            self.rule = Some('-');
            self.in_traceback = true;
        } else if let (Some('='), Some((word, name))) = (ruled, line.split_once(": ")) {
            if word == "FAIL" || word == "ERROR" {
                self.begin_block(name);
            }
        } else if let (Some('-'), Some(ran)) = (ruled, read_ran(line)) {
            self.end_block();
            self.ran = Some(ran);
        } else if let Some((ran, ms)) = self.ran {
            if let Some(verdict) = self.read_verdict(line, ran, ms) {
                self.verdict = Some(verdict);
                self.ran = None;
            }
        } else if let Some((_, message)) = &mut self.block {
            // Frames and source lines are indented; what was raised is not.
            if self.in_traceback && line.starts_with("  File \"") {
                message.look(line);
            } else if self.in_traceback && !line.starts_with("  ") && !line.starts_with("Traceback (most recent") {
                message.push(line);
            }
        } else if let Some((_, result)) = line.rsplit_once(" ... ") {
            match result {
                "ok" => self.seen.passed += 1,
                "FAIL" | "ERROR" | "unexpected success" => self.seen.failed += 1,
                "expected failure" => self.seen.skipped += 1,
                other if other.starts_with("skipped") => self.seen.skipped += 1,
                _ => {}
            }
        }
    }

    fn seen(&self) -> Counts {
        self.seen
    }

    fn end(&mut self) -> Reading {
        self.end_block();
        let Some(mut verdict) = self.verdict.take() else { return Reading::Unclear };
        verdict.failures = std::mem::take(&mut self.failures);
        Reading::Counted(verdict)
    }
}

impl Unittest {
    fn begin_block(&mut self, name: &str) {
        self.end_block();
        self.in_traceback = false;
        // `test_x (module.Class.test_x) (part=1)`: the part in brackets behind is a part of one test.
        let test = name.match_indices(')').next().and_then(|(at, _)| name.get(..=at)).unwrap_or(name);
        if !AROUND.iter().any(|around| name.starts_with(around)) && test != self.last_failing {
            self.failing_tests += 1;
            test.clone_into(&mut self.last_failing);
        }
        self.block = Some((name.to_owned(), Message::default()));
    }

    fn end_block(&mut self) {
        if let Some((name, mut message)) = self.block.take() {
            self.failures.push(&name, message.said());
        }
    }

    /// `OK`, `OK (skipped=1)`, `FAILED (failures=3, errors=1)`, `NO TESTS RAN`.
    fn read_verdict(&self, line: &str, ran: u64, ms: u64) -> Option<Counted> {
        let (word, rest) = line.split_once(" (").unwrap_or((line, ""));
        if !["OK", "FAILED", "NO TESTS RAN"].contains(&word) {
            return None;
        }
        let rest = rest.strip_suffix(')').unwrap_or(rest).replace('=', ": ");
        let pairs = if rest.is_empty() { Vec::new() } else { tally::word_number(&rest)? };
        let sum = |words: &[&str]| tally::sum(pairs.iter().map(|(word, number)| (*number, *word)), words);
        let unexpected = sum(&["unexpected successes"]);
        let failed = sum(&["failures", "errors"]).checked_add(unexpected)?;
        let skipped = sum(&["skipped", "expected failures"]);
        let not_passed = self.failing_tests.checked_add(unexpected)?.checked_add(skipped)?;
        Some(Counted {
            counts: Counts { passed: ran.saturating_sub(not_passed), failed, skipped },
            failures: Failures::default(),
            stated_ms: Some(ms),
            // A verdict that contradicts its own counts is none.
            whole: (word == "FAILED") == (failed > 0),
            said_none: ran == 0,
            trouble: None,
        })
    }
}

/// `Ran 7 tests in 0.001s` into number and milliseconds.
fn read_ran(line: &str) -> Option<(u64, u64)> {
    let (number, rest) = text::number_and_rest(line.strip_prefix("Ran ")?)?;
    let time = rest.strip_prefix(" tests in ").or_else(|| rest.strip_prefix(" test in "))?;
    Some((number, text::seconds_to_ms(time.strip_suffix('s')?)?))
}
