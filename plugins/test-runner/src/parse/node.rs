//! `node --test`, in both reporters that it picks by itself: TAP and spec. Counts come from its closing lines,
//! which must stand together and add up.

use super::message::Message;
use super::{Counted, Parse, Reading};
use crate::report::{Counts, Failures};
use crate::text;
use tollgate_sdk::process::OutputStream;

/// The closing lines, in their order; `suites` is younger than the others.
const CLOSING: [&str; 8] = ["tests", "suites", "pass", "fail", "cancelled", "skipped", "todo", "duration_ms"];
/// Deepest nesting of tests whose names are kept.
const MAX_DEPTH: usize = 16;

/// The parser.
#[derive(Debug, Default)]
pub struct Node {
    /// The closing lines so far: the position in [`CLOSING`] of the next one, and their numbers.
    next: usize,
    numbers: [u64; CLOSING.len()],
    summary: Option<(Counts, u64)>,
    seen: Counts,
    failures: Failures,
    tap: Tap,
    spec: Spec,
}

/// TAP: names by depth, and the failure whose diagnostics are being read.
#[derive(Debug, Default)]
struct Tap {
    /// Whether the header was there: without it, such lines are a test's own output.
    on: bool,
    names: Vec<String>,
    failing: Option<(usize, String)>,
    kind: String,
    message: Message,
    /// Indentation of the text block under `error: |-`.
    in_error: Option<usize>,
}

/// Spec: whether the list of failures has begun, and the failure being read.
#[derive(Debug, Default)]
struct Spec {
    in_failures: bool,
    place: String,
    failing: Option<(String, Message)>,
}

impl Parse for Node {
    fn line(&mut self, from: OutputStream, line: &str) {
        if from == OutputStream::Stderr {
            return;
        }
        if self.closing(line) {
            return;
        }
        if self.tap.on {
            self.tap_line(line);
        } else if line.starts_with("TAP version ") {
            self.tap.on = true;
        } else {
            self.spec_line(line);
        }
    }

    fn seen(&self) -> Counts {
        self.seen
    }

    fn end(&mut self) -> Reading {
        self.end_tap();
        self.end_spec();
        let Some((counts, ms)) = self.summary else { return Reading::Unclear };
        Reading::Counted(Counted {
            counts,
            failures: std::mem::take(&mut self.failures),
            stated_ms: Some(ms),
            whole: true,
            said_none: false,
            trouble: None,
        })
    }
}

impl Node {
    /// Whether `line` is the next of the closing lines.
    fn closing(&mut self, line: &str) -> bool {
        let words = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")).and_then(|rest| rest.split_once(' '));
        let place = words.and_then(|(word, _)| CLOSING.iter().position(|closing| *closing == word));
        let (Some(place), Some((_, number))) = (place, words) else {
            self.next = 0;
            return false;
        };
        let (Some(ms), whole) = (text::seconds_to_ms(number), number.parse().ok()) else { return false };
        if place == 0 {
            self.numbers = Default::default();
        } else if place != self.next && !(self.next == 1 && place == 2) {
            self.next = 0;
            return false;
        }
        self.next = place + 1;
        if let Some(slot) = self.numbers.get_mut(place) {
            *slot = whole.unwrap_or(ms / 1_000);
        }
        if self.next == CLOSING.len() {
            let [tests, _, pass, fail, cancelled, skipped, todo, ms] = self.numbers;
            let counts =
                Counts { passed: pass, failed: fail.saturating_add(cancelled), skipped: skipped.saturating_add(todo) };
            let Counts { passed, failed, skipped } = counts;
            if passed.checked_add(failed).and_then(|sum| sum.checked_add(skipped)) == Some(tests) {
                self.summary = Some((counts, ms));
            }
            self.next = 0;
        }
        true
    }

    fn tap_line(&mut self, line: &str) {
        let rest = line.trim_start_matches(' ');
        let indent = line.len() - rest.len();
        if let Some(error) = self.tap.in_error {
            if rest.is_empty() || indent >= error {
                self.tap.message.push(line.get(error..).unwrap_or_default());
                return;
            }
            self.tap.in_error = None;
        }
        if let Some(name) = rest.strip_prefix("# Subtest: ") {
            let depth = (indent / 4).min(MAX_DEPTH);
            self.tap.names.truncate(depth);
            self.tap.names.resize(depth, String::new());
            self.tap.names.push(name.to_owned());
        } else if let Some(result) = rest.strip_prefix("not ok ") {
            self.end_tap();
            let name = result.split_once(" - ").map_or(result, |(_, name)| name);
            if name.contains(" # TODO") || name.contains(" # SKIP") {
                self.seen.skipped += 1;
                return;
            }
            self.seen.failed += 1;
            let above = self.tap.names.iter().take(indent / 4).filter(|name| !name.is_empty()).map(String::as_str);
            self.tap.failing = Some((indent, above.chain([name]).collect::<Vec<_>>().join(" > ")));
        } else if rest.starts_with("ok ") && rest.contains(" - ") {
            self.end_tap();
            let skipped = rest.contains(" # SKIP") || rest.contains(" # TODO");
            let count = if skipped { &mut self.seen.skipped } else { &mut self.seen.passed };
            *count += 1;
        } else if let Some((of, _)) = self.tap.failing {
            match rest.split_once(": ") {
                Some(("location", place)) if indent == of + 2 => self.tap.message.look(place),
                Some(("failureType", kind)) if indent == of + 2 => {
                    kind.trim_matches('\'').clone_into(&mut self.tap.kind)
                }
                Some(("error", text)) if indent == of + 2 => {
                    if text.starts_with('|') {
                        self.tap.in_error = Some(of + 4);
                    } else {
                        self.tap.message.push(text.trim_matches('\''));
                    }
                }
                _ if rest == "..." => self.end_tap(),
                _ => {}
            }
        }
    }

    fn end_tap(&mut self) {
        self.tap.in_error = None;
        let (message, kind) = (self.tap.message.said(), std::mem::take(&mut self.tap.kind));
        if let Some((_, name)) = self.tap.failing.take() {
            // A test that fails for its parts says nothing that they have not said.
            if kind != "subtestsFailed" {
                self.failures.push(&name, message);
            }
        }
    }

    fn spec_line(&mut self, line: &str) {
        let rest = line.trim_start_matches(' ');
        if line == "✖ failing tests:" {
            self.spec.in_failures = true;
        } else if !self.spec.in_failures {
            match rest.split_once(' ') {
                Some(("✔", _)) => self.seen.passed += 1,
                Some(("✖", _)) => self.seen.failed += 1,
                Some(("﹣", _)) => self.seen.skipped += 1,
                _ => {}
            }
        } else if let Some(place) = line.strip_prefix("test at ") {
            self.end_spec();
            place.clone_into(&mut self.spec.place);
        } else if let Some(name) = line.strip_prefix("✖ ") {
            self.end_spec();
            let name = name.rsplit_once(" (").filter(|(_, time)| time.ends_with("ms)")).map_or(name, |(name, _)| name);
            let place = std::mem::take(&mut self.spec.place);
            let mut message = Message::default();
            message.look(&place);
            self.spec.failing = Some((name.to_owned(), message));
        } else if let Some((_, message)) = &mut self.spec.failing {
            if rest.starts_with("at ") {
                message.close();
            }
            message.push(line);
        }
    }

    fn end_spec(&mut self) {
        if let Some((name, mut message)) = self.spec.failing.take() {
            self.failures.push(&name, message.said());
        }
    }
}
