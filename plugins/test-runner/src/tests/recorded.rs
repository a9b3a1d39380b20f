//! Every framework's real output, as recorded from small projects, against what it has to come to. (The one
//! exception is dotnet, whose text follows its documentation: no machine at hand runs it.)

use super::*;
use crate::report::{Counts, Status};
use std::fmt::Write as _;

/// Recording, framework, exit code, status, passed, failed, skipped.
const RECORDED: &[(&str, Framework, i32, Status, [u64; 3])] = &[
    ("cargo-mixed", Framework::Cargo, 101, Status::Failed, [4, 4, 1]),
    ("cargo-passed", Framework::Cargo, 0, Status::Passed, [2, 0, 0]),
    ("cargo-filtered", Framework::Cargo, 101, Status::Failed, [1, 1, 0]),
    ("cargo-compile", Framework::Cargo, 101, Status::NotStarted, [0, 0, 0]),
    ("cargo-no-manifest", Framework::Cargo, 101, Status::NotStarted, [0, 0, 0]),
    ("cargo-abort", Framework::Cargo, 101, Status::ProgramFailed, [1, 0, 0]),
    ("cargo-none", Framework::Cargo, 0, Status::NoTests, [0, 0, 0]),
    ("nextest-mixed", Framework::Nextest, 100, Status::Failed, [3, 3, 1]),
    ("nextest-passed", Framework::Nextest, 0, Status::Passed, [2, 0, 0]),
    ("nextest-abort", Framework::Nextest, 100, Status::Failed, [2, 1, 0]),
    ("nextest-compile", Framework::Nextest, 101, Status::NotStarted, [0, 0, 0]),
    ("nextest-none", Framework::Nextest, 4, Status::NoTests, [0, 0, 0]),
    ("pytest-mixed", Framework::Pytest, 1, Status::Failed, [2, 4, 2]),
    ("pytest-7-mixed", Framework::Pytest, 1, Status::Failed, [1, 3, 1]),
    ("pytest-quiet", Framework::Pytest, 1, Status::Failed, [2, 4, 2]),
    ("pytest-xdist", Framework::Pytest, 1, Status::Failed, [2, 4, 2]),
    ("pytest-filtered", Framework::Pytest, 1, Status::Failed, [1, 1, 0]),
    ("pytest-import", Framework::Pytest, 2, Status::Failed, [0, 1, 0]),
    ("pytest-passed", Framework::Pytest, 0, Status::Passed, [2, 0, 0]),
    ("pytest-none", Framework::Pytest, 5, Status::NoTests, [0, 0, 0]),
    ("pytest-usage", Framework::Pytest, 4, Status::NotStarted, [0, 0, 0]),
    ("pytest-crash", Framework::Pytest, 134, Status::ProgramFailed, [0, 0, 0]),
    ("pytest-xdist-crash", Framework::Pytest, 1, Status::Failed, [2, 1, 0]),
    ("pytest-skipped", Framework::Pytest, 0, Status::NoTests, [0, 0, 1]),
    ("pytest-missing", Framework::Pytest, 1, Status::NotStarted, [0, 0, 0]),
    ("unittest-mixed", Framework::Unittest, 1, Status::Failed, [1, 6, 2]),
    ("unittest-3.13-mixed", Framework::Unittest, 1, Status::Failed, [1, 6, 2]),
    ("unittest-3.8-mixed", Framework::Unittest, 1, Status::Failed, [1, 3, 1]),
    ("unittest-passed", Framework::Unittest, 0, Status::Passed, [2, 0, 0]),
    ("unittest-crash", Framework::Unittest, 134, Status::ProgramFailed, [1, 0, 0]),
    ("unittest-none", Framework::Unittest, 0, Status::NoTests, [0, 0, 0]),
    ("unittest-3.13-none", Framework::Unittest, 5, Status::NoTests, [0, 0, 0]),
    ("go-1.19-mixed", Framework::Go, 2, Status::Failed, [2, 4, 1]),
    ("go-1.27-mixed", Framework::Go, 1, Status::Failed, [2, 4, 1]),
    ("go-1.27-passed", Framework::Go, 0, Status::Passed, [2, 0, 0]),
    ("go-1.27-filtered", Framework::Go, 0, Status::NoTests, [0, 0, 0]),
    ("go-1.19-panic", Framework::Go, 1, Status::Failed, [1, 1, 0]),
    ("go-1.27-panic", Framework::Go, 1, Status::Failed, [1, 1, 0]),
    ("go-1.27-exit", Framework::Go, 1, Status::Failed, [1, 1, 0]),
    ("go-1.27-empty", Framework::Go, 0, Status::NoTests, [0, 0, 0]),
    ("go-1.19-none", Framework::Go, 1, Status::NotStarted, [0, 0, 0]),
    ("go-1.27-none", Framework::Go, 1, Status::NotStarted, [0, 0, 0]),
    ("vitest-4-mixed", Framework::Vitest, 1, Status::Failed, [3, 2, 2]),
    ("vitest-1-mixed", Framework::Vitest, 1, Status::Failed, [3, 2, 2]),
    ("vitest-3-mixed", Framework::Vitest, 1, Status::Failed, [1, 2, 2]),
    ("vitest-4-filtered", Framework::Vitest, 1, Status::Failed, [1, 1, 5]),
    ("vitest-4-passed", Framework::Vitest, 0, Status::Passed, [2, 0, 0]),
    ("vitest-4-import", Framework::Vitest, 1, Status::Failed, [2, 1, 0]),
    ("vitest-4-unhandled", Framework::Vitest, 1, Status::ProgramFailed, [2, 0, 0]),
    ("vitest-4-crash", Framework::Vitest, 1, Status::ProgramFailed, [1, 0, 0]),
    ("vitest-4-none", Framework::Vitest, 1, Status::NoTests, [0, 0, 0]),
    ("npm-missing-tool", Framework::Vitest, 127, Status::NotStarted, [0, 0, 0]),
    ("jest-mixed", Framework::Jest, 1, Status::Failed, [3, 2, 2]),
    ("jest-29-mixed", Framework::Jest, 1, Status::Failed, [1, 2, 2]),
    ("jest-filtered", Framework::Jest, 1, Status::Failed, [2, 1, 4]),
    ("jest-passed", Framework::Jest, 0, Status::Passed, [2, 0, 0]),
    ("jest-crash", Framework::Jest, 134, Status::ProgramFailed, [0, 0, 0]),
    ("jest-none", Framework::Jest, 1, Status::NoTests, [0, 0, 0]),
    ("mocha-mixed", Framework::Mocha, 2, Status::Failed, [2, 2, 2]),
    ("mocha-10-mixed", Framework::Mocha, 2, Status::Failed, [1, 2, 1]),
    ("mocha-passed", Framework::Mocha, 0, Status::Passed, [2, 0, 0]),
    ("mocha-crash", Framework::Mocha, 134, Status::ProgramFailed, [1, 0, 0]),
    ("mocha-none", Framework::Mocha, 0, Status::NoTests, [0, 0, 0]),
    ("mocha-import", Framework::Mocha, 1, Status::NotStarted, [0, 0, 0]),
    ("node-tap-mixed", Framework::Node, 1, Status::Failed, [2, 4, 2]),
    ("node-spec-mixed", Framework::Node, 1, Status::Failed, [2, 4, 2]),
    ("node-tap-passed", Framework::Node, 0, Status::Passed, [2, 0, 0]),
    ("node-spec-passed", Framework::Node, 0, Status::Passed, [2, 0, 0]),
    ("node-tap-import", Framework::Node, 1, Status::Failed, [0, 1, 0]),
    ("node-spec-import", Framework::Node, 1, Status::Failed, [0, 1, 0]),
    ("node-tap-crash", Framework::Node, 1, Status::Failed, [1, 1, 0]),
    ("node-spec-crash", Framework::Node, 1, Status::Failed, [1, 1, 0]),
    ("node-tap-none", Framework::Node, 0, Status::NoTests, [0, 0, 0]),
    ("node-spec-none", Framework::Node, 0, Status::NoTests, [0, 0, 0]),
    ("maven-mixed", Framework::Maven, 1, Status::Failed, [1, 2, 1]),
    ("maven-passed", Framework::Maven, 0, Status::Passed, [2, 0, 0]),
    ("maven-crash", Framework::Maven, 1, Status::ProgramFailed, [0, 0, 0]),
    ("maven-none", Framework::Maven, 0, Status::NoTests, [0, 0, 0]),
    ("maven-no-plugin", Framework::Maven, 1, Status::NotStarted, [0, 0, 0]),
    ("maven-compile", Framework::Maven, 1, Status::NotStarted, [0, 0, 0]),
    ("gradle-mixed", Framework::Gradle, 1, Status::Failed, [1, 2, 1]),
    ("gradle-passed", Framework::Gradle, 0, Status::NotUnderstood, [0, 0, 0]),
    ("gradle-crash", Framework::Gradle, 1, Status::ProgramFailed, [0, 0, 0]),
    ("gradle-compile", Framework::Gradle, 1, Status::NotStarted, [0, 0, 0]),
    ("gradle-none", Framework::Gradle, 0, Status::NoTests, [0, 0, 0]),
    ("dotnet-mixed", Framework::Dotnet, 1, Status::Failed, [3, 2, 1]),
    ("dotnet-normal", Framework::Dotnet, 1, Status::Failed, [1, 1, 1]),
    ("dotnet-passed", Framework::Dotnet, 0, Status::Passed, [3, 0, 0]),
    ("dotnet-compile", Framework::Dotnet, 1, Status::NotStarted, [0, 0, 0]),
    ("ctest-mixed", Framework::Ctest, 8, Status::Failed, [1, 4, 2]),
    ("ctest-passed", Framework::Ctest, 0, Status::Passed, [2, 0, 0]),
    ("ctest-none", Framework::Ctest, 0, Status::NoTests, [0, 0, 0]),
    ("rspec-mixed", Framework::Rspec, 1, Status::Failed, [1, 2, 2]),
    ("rspec-passed", Framework::Rspec, 0, Status::Passed, [2, 0, 0]),
    ("rspec-load", Framework::Rspec, 1, Status::NotStarted, [0, 0, 0]),
    ("rspec-crash", Framework::Rspec, 137, Status::ProgramFailed, [0, 0, 0]),
    ("rspec-none", Framework::Rspec, 0, Status::NoTests, [0, 0, 0]),
    ("phpunit-9-mixed", Framework::Phpunit, 2, Status::Failed, [2, 2, 2]),
    ("phpunit-9-passed", Framework::Phpunit, 0, Status::Passed, [2, 0, 0]),
    ("phpunit-9-crash", Framework::Phpunit, 255, Status::ProgramFailed, [1, 0, 0]),
    ("phpunit-9-none", Framework::Phpunit, 0, Status::NoTests, [0, 0, 0]),
    ("mix-mixed", Framework::Mix, 2, Status::Failed, [2, 2, 1]),
    ("mix-passed", Framework::Mix, 0, Status::Passed, [2, 0, 0]),
    ("mix-crash", Framework::Mix, 3, Status::NotUnderstood, [0, 0, 0]),
    ("mix-none", Framework::Mix, 0, Status::NoTests, [0, 0, 0]),
    ("mix-compile", Framework::Mix, 1, Status::NotStarted, [0, 0, 0]),
];

/// The recordings of runs with failing tests.
pub(super) fn failing() -> impl Iterator<Item = (&'static str, Framework)> {
    RECORDED
        .iter()
        .filter(|(_, _, _, status, _)| *status == Status::Failed)
        .map(|(name, framework, ..)| (*name, *framework))
}

#[test]
fn every_recording_comes_to_what_it_says() {
    let mut wrong = String::new();
    for (name, framework, code, status, [passed, failed, skipped]) in RECORDED {
        let found = outcome(*framework, name, Exit::Code(*code));
        let counts = Counts { passed: *passed, failed: *failed, skipped: *skipped };
        if (found.status, found.counts) != (*status, counts) {
            let _ = writeln!(wrong, "{name}: expected {status:?} {counts:?}, found {found:#?}");
        }
        assert_eq!(found.exit_code, Some(*code));
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_recording_is_in_the_table() {
    for entry in fs::read_dir(fixtures_folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let stem = name.trim_end_matches(".stdout").trim_end_matches(".stderr").trim_end_matches(".xml");
        assert!(RECORDED.iter().any(|(recorded, ..)| *recorded == stem), "{name} is not tested");
    }
}

#[test]
fn the_page_says_of_every_recording_where_it_is_from() {
    let page = include_str!("../../../../docs/plugins/test-runner.md");
    for (name, ..) in RECORDED {
        assert!(page.contains(&format!("`{name}`")), "{name} is not in docs/plugins/test-runner.md");
    }
}

#[test]
fn no_recording_names_the_machine_it_was_made_on() {
    for entry in fs::read_dir(fixtures_folder()).unwrap() {
        let path = entry.unwrap().path();
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        for word in ["/tmp/", "/root/", "/home/", "/Users/"] {
            assert!(!text.contains(word), "{} holds {word}", path.display());
        }
    }
}

#[test]
fn what_did_not_begin_or_crashed_is_said_in_the_frameworks_words() {
    for (framework, name, words) in [
        (Framework::Cargo, "cargo-compile", "error[E0425]: cannot find value `c` in this scope"),
        (Framework::Cargo, "cargo-no-manifest", "could not find `Cargo.toml`"),
        (Framework::Nextest, "nextest-compile", "error[E0425]"),
        (Framework::Pytest, "pytest-missing", "pytest is not installed"),
        (Framework::Pytest, "pytest-usage", "unrecognized arguments: --nonsense"),
        (Framework::Go, "go-1.19-none", "does not contain main module"),
        (Framework::Go, "go-1.27-none", "does not contain main module"),
        (Framework::Vitest, "npm-missing-tool", "vitest: not found"),
        (Framework::Mocha, "mocha-import", "Cannot find module './missing'"),
        (Framework::Maven, "maven-compile", "cannot find symbol"),
        (
            Framework::Maven,
            "maven-no-plugin",
            "maven-resources-plugin:2.6 or one of its dependencies could not be resolved",
        ),
        (Framework::Gradle, "gradle-compile", "Execution failed for task ':compileTestJava'"),
        (Framework::Rspec, "rspec-load", "cannot load such file -- missing_library"),
        (Framework::Mix, "mix-compile", "undefined function missing/1"),
        (Framework::Dotnet, "dotnet-compile", "error CS0103"),
    ] {
        let found = outcome(framework, name, Exit::Code(1));
        let detail = found.detail.unwrap_or_default();
        assert!(found.status == Status::NotStarted && detail.contains(words), "{name}: {detail}");
        assert_eq!(found.counts, Counts::default());
    }
    for (framework, name, exit, words) in [
        (Framework::Unittest, "unittest-crash", Exit::Signal(6), "killed by signal 6; its last lines:\ntest_a_adds"),
        (Framework::Pytest, "pytest-crash", Exit::Signal(6), "killed by signal 6"),
        (Framework::Mocha, "mocha-crash", Exit::Code(134), "killed by signal 6"),
        (Framework::Vitest, "vitest-4-crash", Exit::Code(1), "[vitest-pool]: Worker forks emitted error."),
        (Framework::Maven, "maven-crash", Exit::Code(1), "terminated without properly saying goodbye"),
        (Framework::Gradle, "gradle-crash", Exit::Code(1), "finished with non-zero exit value 3"),
        (Framework::Phpunit, "phpunit-9-crash", Exit::Code(255), "Allowed memory size of 33554432 bytes exhausted"),
    ] {
        let found = outcome(framework, name, exit);
        let detail = found.detail.unwrap_or_default();
        assert!(found.status == Status::ProgramFailed && detail.contains(words), "{name}: {detail}");
    }
    let aborted = outcome(Framework::Cargo, "cargo-abort", Exit::Code(101)).detail.unwrap();
    assert!(aborted.contains("SIGABRT") && aborted.contains("not every test came to its end"), "{aborted}");
    let unhandled = outcome(Framework::Vitest, "vitest-4-unhandled", Exit::Code(1)).detail.unwrap();
    assert!(unhandled.contains("1 errors outside any test: Error: later"), "{unhandled}");
}

#[test]
fn gradle_is_counted_from_its_reports() {
    for (name, code, status, counts) in [
        ("gradle-mixed", 1, Status::Failed, Counts { passed: 1, failed: 2, skipped: 1 }),
        ("gradle-passed", 0, Status::Passed, Counts { passed: 2, failed: 0, skipped: 0 }),
    ] {
        let report = String::from_utf8(fixture(&format!("{name}.xml"))).unwrap();
        let _folder = workspace(&[("sub/build/test-results/test/TEST-a.xml", &report)]);
        let found = outcome(Framework::Gradle, name, Exit::Code(code));
        assert_eq!((found.status, found.counts), (status, counts), "{found:#?}");
    }
    let _folder = workspace(&[
        ("build/test-results/test/TEST-a.xml", std::str::from_utf8(&fixture("gradle-passed.xml")).unwrap()),
        ("build/test-results/test/TEST-b.xml", "<testsuite tests=\"1\""),
    ]);
    let torn = outcome(Framework::Gradle, "gradle-passed", Exit::Code(0));
    assert_eq!(torn.status, Status::ProgramFailed, "a report that cannot be read is no success: {torn:#?}");
}

#[test]
fn a_program_that_was_stopped_is_no_success_whatever_it_wrote() {
    for (exit, status) in [
        (Exit::TimedOut, Status::TimedOut),
        (Exit::OutputLimit, Status::OutputLimit),
        (Exit::Signal(9), Status::ProgramFailed),
        (Exit::Code(3), Status::ProgramFailed),
    ] {
        for (name, framework, _, passed, _) in RECORDED.iter().filter(|(.., status, _)| *status == Status::Passed) {
            let found = outcome(*framework, name, exit);
            assert_eq!(found.status, status, "{name} {passed:?}");
            assert!(found.told_counts().failed >= 1 && found.detail.is_some(), "{name}");
        }
    }
}

#[test]
fn failing_tests_win_over_an_exit_code_of_success() {
    for (name, framework) in failing() {
        assert_eq!(outcome(framework, name, Exit::Code(0)).status, Status::Failed, "{name}");
    }
}

#[test]
fn the_tests_own_time_is_taken_where_the_framework_says_it() {
    for (framework, name, ms) in [
        (Framework::Nextest, "nextest-mixed", None),
        (Framework::Pytest, "pytest-mixed", None),
        (Framework::Vitest, "vitest-4-import", Some(1_070)),
        (Framework::Jest, "jest-filtered", Some(890)),
        (Framework::Mocha, "mocha-mixed", None),
        (Framework::Phpunit, "phpunit-9-mixed", Some(31)),
        (Framework::Mix, "mix-mixed", Some(60)),
        (Framework::Ctest, "ctest-mixed", Some(1_050)),
        (Framework::Rspec, "rspec-mixed", Some(38)),
        (Framework::Gradle, "gradle-mixed", None),
    ] {
        let found = outcome(framework, name, Exit::Code(1)).duration_ms;
        assert!(ms.is_none_or(|ms| ms == found), "{name}: {found}");
    }
}
