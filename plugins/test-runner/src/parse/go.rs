//! `go test -json`: one event a line. A package that began must end; one that fails without a failing test of
//! its own (not built, a panic outside any test) is a failure by itself.

use super::message::Message;
use super::{Counted, Parse, Reading};
use crate::report::{Counts, Failures};
use serde::Deserialize;
use std::collections::BTreeMap;
use tollgate_sdk::process::OutputStream;

/// Most packages under way at a time, and most tests of all of them whose output is kept: Go runs as many at a
/// time as the machine has cores. Of a package beyond, nothing is known; of a test beyond, no message.
const MAX_UNDER_WAY: usize = 1_000;

/// What Go writes of itself into a test's output.
const FRAMES: [&str; 4] = ["=== ", "--- FAIL", "--- PASS", "--- SKIP"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    action: String,
    #[serde(default)]
    package: Option<String>,
    #[serde(default)]
    test: Option<String>,
    #[serde(default)]
    output: Option<String>,
    /// `error` where the test says what is wrong; only since Go 1.25.
    #[serde(default)]
    output_type: Option<String>,
    #[serde(default)]
    import_path: Option<String>,
    #[serde(default)]
    failed_build: Option<String>,
}

/// A package under way.
#[derive(Debug, Default)]
struct Package {
    tests: BTreeMap<String, Message>,
    output: Message,
    failed: u64,
}

/// The parser.
#[derive(Debug, Default)]
pub struct Go {
    counts: Counts,
    failures: Failures,
    open: BTreeMap<String, Package>,
    /// Tests of the open packages whose output is kept.
    kept: usize,
    lost: bool,
    ended: u64,
    /// Failed packages that no test of theirs explains, and how many of them were not built.
    broken: u64,
    unbuilt: u64,
    build: BTreeMap<String, Message>,
    plain: Message,
}

impl Parse for Go {
    fn line(&mut self, from: OutputStream, line: &str) {
        let event =
            (from == OutputStream::Stdout && line.starts_with('{')).then(|| serde_json::from_str::<Event>(line));
        match event {
            Some(Ok(event)) => self.event(event),
            _ => self.plain_line(line),
        }
    }

    fn seen(&self) -> Counts {
        self.counts
    }

    fn end(&mut self) -> Reading {
        let plain = (!self.plain.is_empty()).then(|| self.plain.take());
        if self.ended == 0 && self.broken == 0 && self.open.is_empty() {
            return plain.map_or(Reading::Unclear, Reading::NotRun);
        }
        if self.counts == Counts::default() && self.unbuilt > 0 && self.unbuilt == self.broken && self.open.is_empty() {
            let said = self.failures.kept().first().map(|failure| failure.message.clone());
            return Reading::NotRun(said.filter(|said| !said.is_empty()).or(plain).unwrap_or_default());
        }
        let counts = Counts { failed: self.counts.failed.saturating_add(self.broken), ..self.counts };
        Reading::Counted(Counted {
            counts,
            failures: std::mem::take(&mut self.failures),
            stated_ms: None,
            whole: self.open.is_empty() && !self.lost,
            said_none: false,
            trouble: plain,
        })
    }
}

impl Go {
    /// Before Go 1.24, what was not built is told in plain lines.
    fn plain_line(&mut self, line: &str) {
        let failed = line.strip_prefix("FAIL\t").and_then(|rest| rest.split_once(" ["));
        if let Some((package, why)) = failed.filter(|(_, why)| *why == "build failed]" || *why == "setup failed]") {
            self.broken += 1;
            self.unbuilt += 1;
            self.failures.push(package, why.trim_end_matches(']').to_owned());
        } else {
            self.plain.push(line);
        }
    }

    fn event(&mut self, event: Event) {
        let Event { action, package, test, output, output_type, import_path, failed_build } = event;
        if let (Some(path), Some(output)) = (import_path, output.as_ref().filter(|_| action == "build-output")) {
            if self.build.len() < MAX_UNDER_WAY || self.build.contains_key(&path) {
                let message = self.build.entry(path).or_default();
                if !output.starts_with("# ") {
                    message.look(output);
                    message.push(output.trim_end_matches('\n'));
                }
            }
            return;
        }
        let Some(name) = package else { return };
        if self.open.len() >= MAX_UNDER_WAY && !self.open.contains_key(&name) {
            self.lost = true;
            return;
        }
        let package = self.open.entry(name.clone()).or_default();
        let Some(test) = test else {
            match action.as_str() {
                "output" => package.note(output.as_deref()),
                "pass" | "skip" | "fail" => self.end_package(&name, action == "fail", failed_build.as_deref()),
                _ => {}
            }
            return;
        };
        match action.as_str() {
            "output" => {
                let output = output.unwrap_or_default();
                let known = package.tests.contains_key(&test);
                let frame = FRAMES.iter().any(|frame| output.trim_start().starts_with(frame));
                if !frame && (known || self.kept < MAX_UNDER_WAY) {
                    self.kept += usize::from(!known);
                    let message = package.tests.entry(test).or_default();
                    // The first error's place counts before that of a line that was logged on the way to it.
                    if output_type.as_deref() == Some("error") {
                        message.look_at_error(&output);
                    } else {
                        message.look(&output);
                    }
                    message.push(output.trim_end_matches('\n'));
                }
            }
            "pass" | "skip" => {
                self.kept -= usize::from(package.tests.remove(&test).is_some());
                let count = if action == "pass" { &mut self.counts.passed } else { &mut self.counts.skipped };
                *count += 1;
            }
            "fail" => {
                let message = package.tests.remove(&test);
                self.kept -= usize::from(message.is_some());
                let message = message.map(|mut message| message.said()).unwrap_or_default();
                package.failed += 1;
                self.counts.failed += 1;
                // A test that fails for its parts says nothing that they have not said.
                let (full, parts) = (format!("{name}.{test}"), format!("{name}.{test}/"));
                let told = self.failures.kept().iter().any(|failure| failure.name.starts_with(&parts));
                if !message.text.is_empty() || !told {
                    self.failures.push(&full, message);
                }
            }
            _ => {}
        }
    }

    fn end_package(&mut self, name: &str, failed: bool, failed_build: Option<&str>) {
        self.ended += 1;
        let Some(mut package) = self.open.remove(name) else { return };
        self.kept -= package.tests.len();
        if failed && package.failed == 0 {
            self.broken += 1;
            let built = failed_build.and_then(|path| self.build.get(path).cloned());
            self.unbuilt += u64::from(failed_build.is_some());
            let message = built.map(|mut message| message.said()).unwrap_or_else(|| package.output.said());
            self.failures.push(name, message);
        }
    }
}

impl Package {
    fn note(&mut self, output: Option<&str>) {
        let output = output.unwrap_or_default().trim_end_matches('\n');
        if !["PASS", "FAIL", "ok  \t", "?   \t"].iter().any(|frame| output.starts_with(frame)) {
            self.output.look(output);
            self.output.push(output);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text and place of the one test that fails after this output: type and text of each line.
    fn said(lines: &[(&str, &str)]) -> Option<(String, Option<String>)> {
        let mut go = Go::default();
        let event = |line: serde_json::Value, go: &mut Go| go.line(OutputStream::Stdout, &line.to_string());
        for (kind, text) in lines {
            let output = serde_json::json!({"Action": "output", "Package": "p", "Test": "TestA", "Output": text,
                "OutputType": kind});
            event(output, &mut go);
        }
        event(serde_json::json!({"Action": "fail", "Package": "p", "Test": "TestA"}), &mut go);
        go.failures.kept().first().map(|failure| (failure.message.clone(), failure.place.clone()))
    }

    #[test]
    fn the_place_is_the_first_errors() {
        let first = ("error", "    a_test.go:5: first\n");
        let second = ("error", "    a_test.go:9: second\n");
        let logged = ("", "    a_test.go:4: on the way\n");
        let at = |line: u8| Some(format!("a_test.go:{line}"));
        assert_eq!(said(&[first, second]), Some(("a_test.go:5: first\na_test.go:9: second".into(), at(5))));
        assert_eq!(said(&[logged, first, second]).and_then(|it| it.1), at(5));
        assert_eq!(said(&[first, logged, second]).and_then(|it| it.1), at(5));
        assert_eq!(said(&[logged]).and_then(|it| it.1), at(4));
    }
}
