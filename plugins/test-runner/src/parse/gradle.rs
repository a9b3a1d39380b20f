//! `gradle cleanTest test`: the console says whether it was built and ended, and counts only what failed; the
//! XML reports that the run wrote hold the counts of everything.

use super::junit_xml::Report;
use super::message::Message;
use super::{Counted, Parse, Reading, tally};
use crate::report::{Counts, Failures};
use crate::text;
use tollgate_sdk::process::OutputStream;

/// The parser.
#[derive(Debug, Default)]
pub struct Gradle {
    completed: Option<Counts>,
    block: Option<(String, Message)>,
    failures: Failures,
    ended: bool,
    no_source: bool,
    said_none: bool,
    wrong: Message,
    in_wrong: bool,
    /// The process that ran the tests died: they had begun.
    died: bool,
    reports: Option<Report>,
    bad_report: bool,
}

impl Parse for Gradle {
    fn line(&mut self, from: OutputStream, line: &str) {
        if from == OutputStream::Stderr {
            return self.other_line(line);
        }
        if let Some((_, message)) = self.block.as_mut().filter(|_| line.starts_with("    ")) {
            if line.trim_start().starts_with("at ") {
                message.close();
            }
            // `java.lang.AssertionError at SumTest.java:13`, then causes.
            message.look(line);
            return message.push(line);
        }
        self.end_block();
        match line.strip_suffix(" FAILED").filter(|name| name.contains(" > ")) {
            Some(name) => self.block = Some((name.to_owned(), Message::default())),
            None => self.other_line(line),
        }
    }

    fn seen(&self) -> Counts {
        self.completed.unwrap_or_default()
    }

    fn wants_reports(&self) -> bool {
        true
    }

    fn report(&mut self, xml: Option<&str>) {
        match xml.and_then(Report::read) {
            Some(report) => {
                let all = self.reports.get_or_insert_default();
                all.counts = all.counts.and(report.counts);
                all.ms = all.ms.saturating_add(report.ms);
                for failure in report.failures.kept() {
                    all.failures.push(&failure.name, failure.said());
                }
            }
            None => self.bad_report = true,
        }
    }

    fn end(&mut self) -> Reading {
        self.end_block();
        let wrong = (!self.wrong.is_empty()).then(|| self.wrong.take());
        let reports = self.reports.take();
        if self.said_none {
            return Reading::Counted(Counted { whole: true, said_none: true, ..Counted::default() });
        }
        let from_console = self.completed.map(|counts| (counts, std::mem::take(&mut self.failures), None));
        let found = reports.map(|report| (report.counts, report.failures, Some(report.ms))).or(from_console);
        match (found, wrong) {
            (Some((counts, failures, stated_ms)), wrong) => Reading::Counted(Counted {
                // What the console saw fail has failed, whatever the reports say.
                counts: Counts { failed: counts.failed.max(self.completed.unwrap_or_default().failed), ..counts },
                failures,
                stated_ms,
                whole: self.ended && !self.bad_report && !self.died,
                said_none: false,
                // Failing tests fail the build: that they did is told already.
                trouble: wrong.filter(|_| counts.failed == 0),
            }),
            (None, Some(wrong)) if self.died => {
                Reading::Counted(Counted { trouble: Some(wrong), ..Counted::default() })
            }
            (None, Some(wrong)) => Reading::NotRun(wrong),
            (None, None) if self.ended && self.no_source && !self.bad_report => {
                Reading::Counted(Counted { whole: true, ..Counted::default() })
            }
            (None, None) => Reading::Unclear,
        }
    }
}

impl Gradle {
    /// What stands on either stream, by Gradle's version.
    fn other_line(&mut self, line: &str) {
        if let Some(counts) = read_completed(line) {
            self.completed = Some(self.completed.unwrap_or_default().and(counts));
        } else if line.starts_with("BUILD SUCCESSFUL") || line.starts_with("BUILD FAILED") {
            self.ended = true;
        } else if line.ends_with(":test NO-SOURCE") {
            self.no_source = true;
        } else if line.starts_with("* What went wrong") {
            self.in_wrong = self.wrong.is_empty();
        } else if line.starts_with("* ") {
            self.in_wrong = false;
        } else if self.in_wrong {
            self.died |= line.starts_with("> Process 'Gradle Test Executor");
            self.said_none |= line.contains("No tests found for given includes");
            self.wrong.push(line);
        }
    }

    fn end_block(&mut self) {
        if let Some((name, mut message)) = self.block.take() {
            self.failures.push(&name, message.said());
        }
    }
}

/// `4 tests completed, 2 failed, 1 skipped`.
fn read_completed(line: &str) -> Option<Counts> {
    let (total, rest) = text::number_and_rest(line)?;
    let rest = rest.strip_prefix(" tests completed, ").or_else(|| rest.strip_prefix(" test completed, "))?;
    let pairs = tally::number_word(rest, ", ")?;
    let sum = |words: &[&str]| tally::sum(pairs.iter().copied(), words);
    let (failed, skipped) = (sum(&["failed"]), sum(&["skipped"]));
    Some(Counts { passed: total.checked_sub(failed.checked_add(skipped)?)?, failed, skipped })
}
