//! Logs of ten megabytes: what is read out of them is what was in them, and what is kept stays small. A parser that
//! looked at anything more than a few times would not come to the end of these tests.

use super::*;
use crate::detect::MAX_SUITES;
use crate::ledger::MAX_LEDGER_BYTES;
use crate::lines::MAX_LINE_BYTES;

/// A log of a busy application.
const LARGE_BYTES: usize = 10_000_000;
/// What of it stands before each line of a recording.
const HOSTILE_BYTES: usize = 1_000_000;
/// Like a log line, and like many things that parsers look for.
const NOISE: &str =
    "2026-01-27T10:21:33.123Z INFO demo::server src/server.rs:120:9: answered 200 in 3 ms (12 of 400) - ok\n";

/// What stays of it for an event, a message or a retry.
fn kept(outcome: &Outcome) -> usize {
    serde_json::to_string(outcome).unwrap().len()
}

/// Reads the recording behind ten megabytes of log, and again strewn with lines as long as they are taken.
fn large(framework: Framework, name: &str, code: i32) {
    let plain = outcome(framework, name, Exit::Code(code));
    let (stdout, stderr) = (fixture(&format!("{name}.stdout")), fixture(&format!("{name}.stderr")));
    let log = NOISE.repeat(LARGE_BYTES / NOISE.len() / 2);
    let behind = |recorded: &[u8]| [log.as_bytes(), recorded].concat();
    let found = played(framework, Exit::Code(code), behind(&stdout), behind(&stderr));
    assert_eq!((found.status, found.counts), (plain.status, plain.counts), "{:?}", found.detail);
    assert_eq!(found.failures, plain.failures);

    let long = format!("{}\n", "a.rs:1:".repeat(MAX_LINE_BYTES / 7));
    let lines = stdout.split_inclusive(|byte| *byte == b'\n').chain(stderr.split_inclusive(|byte| *byte == b'\n'));
    let strewn = |recorded: &[u8]| {
        let each = HOSTILE_BYTES / lines.clone().count() / long.len() + 1;
        let lines = recorded.split_inclusive(|byte| *byte == b'\n');
        lines.flat_map(|line| [line, long.repeat(each).as_bytes()].concat()).collect::<Vec<u8>>()
    };
    let found = played(framework, Exit::Code(code), strewn(&stdout), strewn(&stderr));
    assert!(kept(&found) < MAX_LEDGER_BYTES / MAX_SUITES, "{} bytes are kept", kept(&found));
}

#[test]
fn cargo() {
    large(Framework::Cargo, "cargo-mixed", 101);
}

#[test]
fn nextest() {
    large(Framework::Nextest, "nextest-mixed", 100);
}

#[test]
fn pytest() {
    large(Framework::Pytest, "pytest-mixed", 1);
}

#[test]
fn unittest() {
    large(Framework::Unittest, "unittest-mixed", 1);
}

#[test]
fn go() {
    large(Framework::Go, "go-1.27-mixed", 1);
}

#[test]
fn vitest() {
    large(Framework::Vitest, "vitest-4-mixed", 1);
}

#[test]
fn jest() {
    large(Framework::Jest, "jest-mixed", 1);
}

#[test]
fn mocha() {
    large(Framework::Mocha, "mocha-mixed", 2);
}

#[test]
fn node() {
    large(Framework::Node, "node-tap-mixed", 1);
    large(Framework::Node, "node-spec-mixed", 1);
}

#[test]
fn maven() {
    large(Framework::Maven, "maven-mixed", 1);
}

#[test]
fn gradle() {
    large(Framework::Gradle, "gradle-mixed", 1);
}

#[test]
fn dotnet() {
    large(Framework::Dotnet, "dotnet-mixed", 1);
}

#[test]
fn ctest() {
    large(Framework::Ctest, "ctest-mixed", 8);
}

#[test]
fn rspec() {
    large(Framework::Rspec, "rspec-mixed", 1);
}

#[test]
fn phpunit() {
    large(Framework::Phpunit, "phpunit-9-mixed", 2);
}

#[test]
fn mix() {
    large(Framework::Mix, "mix-mixed", 2);
}
