//! `ctest --output-on-failure`: one numbered line a test on standard output, and the closing count, with which
//! those lines must agree.

use super::message::Message;
use super::{Counted, Parse, Reading};
use crate::report::{Counts, Failures};
use crate::text;
use tollgate_sdk::process::OutputStream;

/// The parser.
#[derive(Debug, Default)]
pub struct Ctest {
    shown: Counts,
    disabled: u64,
    total: u64,
    said: Option<(u64, u64)>,
    ms: Option<u64>,
    block: Option<(String, Message)>,
    failures: Failures,
    said_none: bool,
    trouble: Message,
}

impl Parse for Ctest {
    fn line(&mut self, from: OutputStream, line: &str) {
        self.said_none |= line == "No tests were found!!!";
        if from == OutputStream::Stderr {
            if line != "Errors while running CTest" && !self.said_none {
                self.trouble.push(line);
            }
            return;
        }
        if let Some((total, name, result)) = read_test(line) {
            self.end_block();
            self.total = total;
            self.test(name, result);
        } else if line.starts_with("    Start ") {
            self.end_block();
        } else if let Some(said) = read_closing(line) {
            self.end_block();
            self.said = Some(said);
        } else if let Some(time) = line.strip_prefix("Total Test time (real) = ") {
            self.ms = time.trim().strip_suffix(" sec").and_then(text::seconds_to_ms);
        } else if let Some((_, message)) = &mut self.block {
            message.push(line);
        }
    }

    fn seen(&self) -> Counts {
        self.shown
    }

    fn done(&self) -> Option<f64> {
        let Counts { passed, failed, skipped } = self.shown;
        #[expect(clippy::cast_precision_loss, reason = "a share, shown in whole hundredths")]
        (self.total > 0).then(|| ((passed + failed + skipped) as f64 / self.total as f64).min(1.0))
    }

    fn end(&mut self) -> Reading {
        self.end_block();
        let trouble = (!self.trouble.is_empty()).then(|| self.trouble.take());
        let Some((failed, of)) = self.said else {
            if self.said_none {
                return Reading::Counted(Counted { whole: true, said_none: true, ..Counted::default() });
            }
            let begun = self.shown != Counts::default();
            return match trouble {
                Some(trouble) if !begun => Reading::NotRun(trouble),
                trouble if begun => Reading::Counted(Counted { counts: self.shown, trouble, ..Counted::default() }),
                _ => Reading::Unclear,
            };
        };
        let ran = self.shown.passed + self.shown.failed + self.shown.skipped - self.disabled;
        Reading::Counted(Counted {
            counts: Counts { failed: failed.max(self.shown.failed), ..self.shown },
            failures: std::mem::take(&mut self.failures),
            stated_ms: self.ms,
            whole: failed == self.shown.failed && of == ran,
            said_none: false,
            trouble,
        })
    }
}

impl Ctest {
    fn test(&mut self, name: &str, result: &str) {
        // `   Passed`, `***Failed`, `***Not Run (Disabled)`, then the time.
        let word = result.trim_start().trim_start_matches('*');
        if word.starts_with("Passed") {
            self.shown.passed += 1;
        } else if word.starts_with("Skipped") {
            self.shown.skipped += 1;
        } else if word.starts_with("Not Run (Disabled)") {
            self.shown.skipped += 1;
            self.disabled += 1;
        } else {
            self.shown.failed += 1;
            let why = word.split("  ").next().unwrap_or(word).trim();
            let mut message = Message::default();
            if !why.starts_with("Failed") {
                message.push(why);
            }
            self.block = Some((name.to_owned(), message));
        }
    }

    fn end_block(&mut self) {
        if let Some((name, mut message)) = self.block.take() {
            self.failures.push(&name, message.said());
        }
    }
}

/// `2/7 Test #2: fails ....***Failed    0.00 sec` into total, name and result.
fn read_test(line: &str) -> Option<(u64, &str, &str)> {
    if !line.ends_with(" sec") {
        return None;
    }
    let (place, rest) = line.trim_start().split_once(" Test ")?;
    let (number, total) = place.split_once('/')?;
    let total = total.trim().parse().ok()?;
    let _: u64 = number.parse().ok()?;
    let (number, rest) = rest.trim_start().strip_prefix('#')?.split_once(": ")?;
    let _: u64 = number.parse().ok()?;
    let (name, result) = rest.split_once(' ')?;
    Some((total, name, result.trim_start_matches(['.', ' '])))
}

/// `33% tests passed, 4 tests failed out of 6` into failed and total.
fn read_closing(line: &str) -> Option<(u64, u64)> {
    let (percent, rest) = line.split_once("% tests passed, ")?;
    let _: u64 = percent.parse().ok()?;
    let (failed, rest) = text::number_and_rest(rest)?;
    let of = rest.strip_prefix(" tests failed out of ").or_else(|| rest.strip_prefix(" test failed out of "))?;
    Some((failed, of.parse().ok()?))
}
