//! The bounds that only hostile or very large workspaces reach. Each test fails without its bound.

use super::*;
use crate::detect::{self, MAX_NAMES, Search};
use crate::report::{MAX_DETAIL_BYTES, MAX_FAILURES, MAX_NAME_BYTES, Status};
use std::fmt::Write as _;

/// What these lines on standard output come to, with exit code 1.
fn read(framework: Framework, lines: impl IntoIterator<Item = String>) -> Outcome {
    let mut text = String::new();
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    played(framework, Exit::Code(1), text.into_bytes(), Vec::new())
}

#[test]
fn failures_names_and_reasons_are_cut() {
    let mut lines = vec!["running 100 tests".to_owned()];
    lines.extend((0..100).map(|number| format!("test t{number} ... FAILED")));
    lines.extend((0..100).map(|number| format!("---- t{number}{} stdout ----", "x".repeat(1_000))));
    let found = read(Framework::Cargo, lines);
    assert_eq!((found.counts.failed, found.failures.kept().len()), (100, MAX_FAILURES));
    assert!(found.failures.kept().iter().all(|failure| failure.name.len() <= MAX_NAME_BYTES));
    let found = read(Framework::Maven, (0..30).map(|_| format!("[ERROR] COMPILATION ERROR {}", "y".repeat(1_000))));
    assert!(found.detail.is_some_and(|detail| detail.len() <= MAX_DETAIL_BYTES));
    assert!(
        Outcome::without_run(Status::NotStarted, "z".repeat(9_000))
            .detail
            .is_some_and(|detail| detail.len() <= MAX_DETAIL_BYTES)
    );
}

#[test]
fn of_output_that_is_not_understood_the_end_is_shown() {
    let found =
        read(Framework::Cargo, (0..100).map(|number| format!("line {number} {}", "x".repeat(100 + number * 5))));
    let detail = found.detail.unwrap();
    assert!(detail.lines().count() == 13 && detail.contains("\nline 88 ") && !detail.contains("line 87 "), "{detail}");
    assert!(detail.lines().skip(1).all(|line| line.len() <= 200), "{detail}");
}

#[test]
fn lists_of_tests_nest_only_so_deep() {
    let lists = (0..20).map(|_| "running 2 tests".to_owned());
    let ends = (0..20).map(|_| {
        "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s".to_owned()
    });
    let found = read(Framework::Cargo, lists.chain(ends));
    assert_eq!((found.status, found.counts.passed), (Status::ProgramFailed, 16));
}

#[test]
fn a_go_package_beyond_the_bound_is_told_as_unknown() {
    let event = |package: usize, action: &str| format!("{{\"Action\":\"{action}\",\"Package\":\"p{package}\"}}");
    let test =
        |package: usize, action: &str| format!("{{\"Action\":\"{action}\",\"Package\":\"p{package}\",\"Test\":\"T\"}}");
    let run = |packages: usize| {
        let all = |line: &dyn Fn(usize) -> String| (0..packages).map(line).collect::<Vec<_>>();
        let lines = [
            all(&|package| event(package, "start")),
            all(&|package| test(package, "pass")),
            all(&|package| event(package, "pass")),
        ];
        let text = lines.concat().join("\n");
        played(Framework::Go, Exit::Code(0), text.into_bytes(), Vec::new())
    };
    assert_eq!(run(1_000).status, Status::Passed);
    assert_eq!(run(1_001).status, Status::ProgramFailed);
}

#[test]
fn a_go_test_beyond_the_bound_has_no_message() {
    let said = |test: usize| {
        format!("{{\"Action\":\"output\",\"Package\":\"p\",\"Test\":\"T{test}\",\"Output\":\"said {test}\\n\"}}")
    };
    let fails = |test: usize| format!("{{\"Action\":\"fail\",\"Package\":\"p\",\"Test\":\"T{test}\"}}");
    let found = read(Framework::Go, (0..1_002).map(said).chain([fails(999), fails(1_000)]));
    let messages: Vec<&str> = found.failures.kept().iter().map(|failure| failure.message.as_str()).collect();
    assert_eq!(messages, ["said 999", ""]);
}

#[test]
fn names_nest_only_so_deep() {
    let indent = |depth: usize| " ".repeat(depth * 4);
    let mut lines = vec!["TAP version 13".to_owned()];
    lines.extend((0..100).map(|depth| format!("{}# Subtest: d{depth}", indent(depth))));
    lines.push(format!("{}not ok 1 - deepest", indent(100)));
    lines.extend(
        ["tests 1", "pass 0", "fail 1", "cancelled 0", "skipped 0", "todo 0", "duration_ms 1"]
            .map(|line| format!("# {line}")),
    );
    let found = read(Framework::Node, lines);
    let name = &found.failures.kept().first().unwrap().name;
    assert!(name.starts_with("d0 > d1 > ") && name.matches(" > ").count() <= 17, "{name}");
    let titles = (0..1_000).map(|depth| format!("       title {depth}"));
    let lines = ["  0 passing (1ms)", "  1 failing", "", "  1) a"].map(str::to_owned);
    let found = read(Framework::Mocha, lines.into_iter().chain(titles));
    assert!(found.failures.kept().first().unwrap().name.ends_with("title 14"), "{found:#?}");
}

#[test]
fn failures_that_share_a_message_are_bounded() {
    let names = (0..500).map(|number| format!(" FAIL  a.test.js > t{number}"));
    let summary = [" Test Files  1 failed (1)", "      Tests  500 failed (500)"].map(str::to_owned);
    let found = read(Framework::Vitest, names.chain(summary));
    assert_eq!((found.counts.failed, found.failures.kept().len()), (500, MAX_FAILURES));
}

const REPORT: &str = "<testsuite tests=\"1\" failures=\"0\" errors=\"0\"><testcase name=\"a\"/></testsuite>";

/// What a Gradle run that ended well comes to in this workspace.
fn gradle(folder: &tempfile::TempDir) -> Status {
    let root = folder.path().to_owned();
    mock::with(|host| host.workspace = Some(root));
    played(Framework::Gradle, Exit::Code(0), b"BUILD SUCCESSFUL in 1s\n".to_vec(), Vec::new()).status
}

#[test]
fn reports_past_the_bounds_make_no_success() {
    mock::reset();
    let folder = workspace(&[("build/test-results/test/TEST-a.xml", REPORT)]);
    assert_eq!(gradle(&folder), Status::Passed);
    let padded = |bytes: usize| format!("<!--{}-->{REPORT}", "x".repeat(bytes - REPORT.len() - 7));
    let place = folder.path().join("build/test-results/test");
    fs::write(place.join("TEST-b.xml"), padded(4 << 20)).unwrap();
    assert_eq!(gradle(&folder), Status::Passed);
    fs::write(place.join("TEST-b.xml"), padded((4 << 20) + 1)).unwrap();
    assert_eq!(gradle(&folder), Status::ProgramFailed, "too large");
    fs::remove_file(place.join("TEST-b.xml")).unwrap();
    for number in 0..4_999 {
        fs::write(place.join(format!("TEST-{number}.xml")), REPORT).unwrap();
    }
    assert_eq!(gradle(&folder), Status::Passed);
    fs::write(place.join("TEST-z.xml"), REPORT).unwrap();
    assert_eq!(gradle(&folder), Status::ProgramFailed, "too many");
}

#[test]
fn projects_past_the_bounds_make_no_success() {
    mock::reset();
    let folder = workspace(&[("a/b/c/build/test-results/test/TEST-a.xml", REPORT)]);
    assert_eq!(gradle(&folder), Status::Passed);
    fs::create_dir_all(folder.path().join("a/b/c/d")).unwrap();
    fs::rename(folder.path().join("a/b/c/build"), folder.path().join("a/b/c/d/build")).unwrap();
    assert_eq!(gradle(&folder), Status::NotUnderstood, "too deep");
    fs::rename(folder.path().join("a/b/c/d/build"), folder.path().join("build")).unwrap();
    for number in 0..400 {
        fs::create_dir(folder.path().join(format!("f{number}"))).unwrap();
    }
    assert_eq!(gradle(&folder), Status::ProgramFailed, "too many");
}

#[test]
fn the_walk_looks_at_so_many_names() {
    mock::reset();
    let folder = workspace(&[("z/go.mod", "")]);
    for number in 0..=MAX_NAMES {
        fs::write(folder.path().join(format!("a{number:05}")), "").unwrap();
    }
    let found = detect::find(Search::default()).unwrap();
    assert!(found.suites.is_empty() && found.notes.len() == 1, "{found:?}");
}

#[test]
fn files_are_looked_into_so_far_and_so_many() {
    let late = format!("{}pytest", "x".repeat(256 * 1024));
    let plain = "import unittest";
    let find = |files: &[(&str, &str)]| {
        mock::reset();
        let _folder = workspace(files);
        detect::find(Search::default()).unwrap().suites.first().map(|suite| suite.framework)
    };
    assert_eq!(find(&[("requirements.txt", late.as_str())]), None);
    assert_eq!(find(&[("requirements.txt", late.get(1..).unwrap()), ("x", "")]), None);
    assert_eq!(find(&[("requirements.txt", late.get(6..).unwrap())]), Some(Framework::Pytest));
    let files: Vec<(String, &str)> =
        (0..6).map(|number| (format!("test_{number}.py"), if number == 5 { "import pytest" } else { plain })).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    assert_eq!(find(&files), Some(Framework::Unittest), "the sixth is not looked into");
    assert_eq!(find(files.get(1..).unwrap()), Some(Framework::Pytest));
}

#[test]
fn the_question_for_nextest_has_a_time_limit() {
    mock::reset();
    let _folder = workspace(&[("Cargo.toml", "")]);
    play("cargo-passed", 0);
    ask(&json!(""));
    let limits: Vec<u32> = mock::with(|host| host.commands.iter().map(|command| command.timeout_ms).collect());
    assert!(matches!(limits.as_slice(), [20_000, 830_000..=840_000]), "{limits:?}");
}
