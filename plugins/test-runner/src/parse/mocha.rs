//! `mocha`, on standard output: the closing counts of its reporters, and the numbered failures behind them.

use super::message::Message;
use super::{Counted, Parse, Reading};
use crate::report::{Counts, Failures};
use crate::text;
use tollgate_sdk::process::OutputStream;

/// Deepest nesting of a failure's titles that is kept.
const MAX_TITLES: usize = 16;

/// The parser.
#[derive(Debug, Default)]
pub struct Mocha {
    summary: Option<Summary>,
    /// Number of the failure that comes next; 0 before the first.
    listed: u64,
    /// A failure was listed that was not counted.
    uncounted: bool,
    block: Option<Block>,
    failures: Failures,
    seen: Counts,
    not_run: Option<String>,
}

#[derive(Debug, Default)]
struct Summary {
    counts: Counts,
    ms: Option<u64>,
    /// Whether lines of it may still follow.
    open: bool,
}

#[derive(Debug, Default)]
struct Block {
    titles: Vec<String>,
    named: bool,
    message: Message,
}

impl Parse for Mocha {
    fn line(&mut self, from: OutputStream, line: &str) {
        let start = line.trim_start();
        if start.starts_with("Exception during run: ") || start.starts_with("Error: No test files found") {
            let reason = start.strip_prefix("Exception during run: ").unwrap_or(start);
            self.not_run.get_or_insert_with(|| reason.to_owned());
        }
        if from == OutputStream::Stderr {
            return;
        }
        if self.listed == 0 && self.summary_line(line) {
            return;
        }
        if self.numbered(line) {
            return;
        }
        if let Some(block) = &mut self.block {
            return block.line(line);
        }
        let done = start.split_once(' ').map(|(mark, _)| mark);
        match done {
            Some("✔" | "✓") => self.seen.passed += 1,
            Some("-") => self.seen.skipped += 1,
            // Numbered as they happen, so that a line like it counts only as the next one.
            Some(mark)
                if mark.strip_suffix(')').and_then(|number| number.parse().ok()) == Some(self.seen.failed + 1) =>
            {
                self.seen.failed += 1;
            }
            _ => {}
        }
    }

    fn seen(&self) -> Counts {
        self.seen
    }

    fn end(&mut self) -> Reading {
        self.end_block();
        let Some(summary) = self.summary.take() else {
            return self.not_run.take().map_or(Reading::Unclear, Reading::NotRun);
        };
        Reading::Counted(Counted {
            counts: summary.counts,
            failures: std::mem::take(&mut self.failures),
            stated_ms: summary.ms,
            whole: !self.uncounted && self.seen.failed <= summary.counts.failed,
            said_none: false,
            trouble: self.not_run.take(),
        })
    }
}

impl Mocha {
    /// `  2 passing (62ms)`, then `  2 pending` and `  2 failing`; the last such group counts.
    fn summary_line(&mut self, line: &str) -> bool {
        let read = line.strip_prefix("  ").and_then(text::number_and_rest);
        match (read, &mut self.summary) {
            (Some((number, rest)), _) if rest.starts_with(" passing (") => {
                let time = rest.strip_prefix(" passing (").and_then(|time| time.strip_suffix(')'));
                let counts = Counts { passed: number, ..Counts::default() };
                self.summary = Some(Summary { counts, ms: time.and_then(text::unit_to_ms), open: true });
            }
            (Some((number, " pending")), Some(summary)) if summary.open => summary.counts.skipped = number,
            (Some((number, " failing")), Some(summary)) if summary.open => summary.counts.failed = number,
            (_, Some(summary)) => {
                summary.open = summary.open && line.trim().is_empty();
                return false;
            }
            _ => return false,
        }
        true
    }

    /// `  1) sum`, where it is the next of as many as were counted.
    fn numbered(&mut self, line: &str) -> bool {
        let counted = self.summary.as_ref().map_or(0, |summary| summary.counts.failed);
        let Some((number, rest)) = line.strip_prefix("  ").and_then(text::number_and_rest) else { return false };
        let Some(title) = rest.strip_prefix(") ").filter(|_| number == self.listed + 1) else { return false };
        if number > counted {
            self.uncounted |= self.summary.is_some();
            return false;
        }
        self.end_block();
        self.listed = number;
        let mut block = Block::default();
        block.title(title);
        self.block = Some(block);
        true
    }

    fn end_block(&mut self) {
        if let Some(mut block) = self.block.take() {
            self.failures.push(&block.titles.join(" > "), block.message.said());
        }
    }
}

impl Block {
    fn title(&mut self, line: &str) {
        self.named = line.ends_with(':') || self.titles.len() + 1 >= MAX_TITLES;
        self.titles.push(line.trim_end_matches(':').trim().to_owned());
    }

    fn line(&mut self, line: &str) {
        // Titles nest deeper line by line, up to one with a colon.
        if !self.named && line.starts_with("     ") {
            return self.title(line.trim());
        }
        self.named = true;
        if line.trim_start().starts_with("at ") {
            self.message.look(line);
            self.message.close();
        }
        self.message.push(line);
    }
}
