//! What holds of any input: no panic, no success without a summary, the same reading however output arrives.

use super::recorded::failing;
use super::*;
use crate::args::Options;
use crate::file::TestFile;
use crate::parse::{self, Parse, Reading};
use crate::report::Status;
use proptest::prelude::*;
use tollgate_sdk::process::OutputStream;

fn frameworks() -> Vec<Framework> {
    Framework::all_names().split(", ").filter_map(Framework::named).collect()
}

/// The lines of a recording with their streams.
fn lines(name: &str) -> Vec<(OutputStream, String)> {
    let of = |stream, end: &str| {
        let text = String::from_utf8_lossy(&fixture(&format!("{name}.{end}"))).into_owned();
        text.lines().map(|line| (stream, line.to_owned())).collect::<Vec<_>>()
    };
    let mut lines = of(OutputStream::Stdout, "stdout");
    lines.extend(of(OutputStream::Stderr, "stderr"));
    lines
}

fn read(framework: Framework, lines: &[(OutputStream, String)]) -> Reading {
    let mut parser: Box<dyn Parse> = parse::parser(framework);
    lines.iter().for_each(|(stream, line)| parser.line(*stream, line));
    let _ = (parser.seen(), parser.done());
    parser.end()
}

/// What a program that ended with 0 and wrote these lines comes to.
fn status(framework: Framework, lines: &[(OutputStream, String)]) -> Status {
    let of = |stream| -> Vec<u8> {
        lines
            .iter()
            .filter(|(from, _)| *from == stream)
            .flat_map(|(_, line)| format!("{line}\n").into_bytes())
            .collect()
    };
    played(framework, Exit::Code(0), of(OutputStream::Stdout), of(OutputStream::Stderr)).status
}

#[test]
fn output_that_breaks_off_is_never_a_success() {
    for (name, framework) in failing() {
        let lines = lines(name);
        for end in 0..lines.len() {
            let found = status(framework, &lines[..end]);
            assert!(found != Status::Passed, "{name} cut before line {end} is {found:?}");
        }
    }
}

#[test]
fn a_failing_run_that_loses_a_line_is_never_a_success() {
    for (name, framework) in failing() {
        let lines = lines(name);
        for lost in 0..lines.len() {
            let mut left = lines.clone();
            let (_, line) = left.remove(lost);
            let found = status(framework, &left);
            assert!(found != Status::Passed, "{name} without {line:?} is {found:?}");
        }
    }
}

#[test]
fn silence_is_no_success_in_any_framework() {
    for framework in frameworks() {
        for text in ["", "\n\n", "ok\n", "PASS\n", "all tests passed\n", "0 failed\n", "100%\n"] {
            let found = played(framework, Exit::Code(0), text.into(), text.into());
            assert_eq!(found.status, Status::NotUnderstood, "{framework:?} {text:?} {found:?}");
        }
    }
}

/// Pieces of what frameworks write, so that random text comes near them.
const PIECES: [&str; 40] = [
    "running 2 tests",
    "running 1 test",
    "test a ... ok",
    "test a ... FAILED",
    "test result: ok. ",
    "test result: FAILED. ",
    "1 passed; ",
    "2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
    "failures:",
    "---- a stdout ----",
    "     Summary [   0.1s] ",
    "────",
    "2 tests run: 2 passed, 0 skipped",
    "=== 2 passed in 0.1s ===",
    "== FAILURES ==",
    "E   x",
    "FAILED a - b",
    "Ran 2 tests in 0.1s",
    "OK",
    "----------------------------------------------------------------------",
    "# tests 2",
    "# pass 2",
    "# fail 0",
    "TAP version 13",
    "not ok 1 - a",
    " Test Files  1 passed (1)",
    "      Tests  2 passed (2)",
    "Test Suites: 1 passed, 1 total",
    "Tests:       2 passed, 2 total",
    "  2 passing (1ms)",
    "  1) a",
    "  1 failing",
    "[INFO] Results:",
    "[INFO] Tests run: 2, Failures: 0, Errors: 0, Skipped: 0",
    "BUILD SUCCESSFUL in 1s",
    "100% tests passed, 0 tests failed out of 2",
    "Finished in 0.1 seconds",
    "2 examples, 0 failures",
    "OK (2 tests, 2 assertions)",
    "\u{1b}[31m",
];

fn garbage() -> impl Strategy<Value = Vec<(OutputStream, String)>> {
    let piece = prop_oneof![
        3 => prop::sample::select(&PIECES[..]).prop_map(str::to_owned),
        2 => "\\PC{0,40}",
        1 => "[0-9]{1,25} [a-z]{1,8}(, [0-9]{1,3} [a-z]{1,8}){0,3}",
        1 => "\\{\"Action\":\"(pass|fail|run|output|start)\",\"Package\":\"[ab]\"(,\"Test\":\"[ab]\")?\\}",
    ];
    let line = (any::<bool>(), prop::collection::vec(piece, 1..3).prop_map(|pieces| pieces.concat()));
    let stream = |(first, line)| (if first { OutputStream::Stdout } else { OutputStream::Stderr }, line);
    prop::collection::vec(line.prop_map(stream), 0..40)
}

proptest! {
    #[test]
    fn no_output_makes_a_parser_panic(lines in garbage()) {
        for framework in frameworks() {
            read(framework, &lines);
        }
    }

    #[test]
    fn bytes_without_a_summary_are_not_understood(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for framework in frameworks() {
            let found = played(framework, Exit::Code(0), bytes.clone(), bytes.clone());
            prop_assert!(!found.status.is_result(), "{:?} {:?}", framework, found);
        }
    }

    #[test]
    fn a_reading_does_not_hang_on_how_the_streams_mix(which in any::<prop::sample::Index>(), turns in prop::collection::vec(any::<bool>(), 400)) {
        let recordings: Vec<_> = failing().collect();
        let (name, framework) = *which.get(&recordings);
        let (mut first, mut second): (Vec<_>, Vec<_>) = lines(name).into_iter().partition(|(stream, _)| *stream == OutputStream::Stdout);
        first.reverse();
        second.reverse();
        let mut mixed = Vec::new();
        for turn in turns.into_iter().chain([true, false].into_iter().cycle()) {
            mixed.extend(if turn { first.pop() } else { second.pop() });
            if first.is_empty() && second.is_empty() {
                break;
            }
        }
        prop_assert_eq!(read(framework, &mixed), read(framework, &lines(name)), "{}", name);
    }

    #[test]
    fn a_changed_recording_makes_no_parser_panic(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte: u8) {
        let recordings: Vec<_> = failing().collect();
        let (name, framework) = *which.get(&recordings);
        let (mut stdout, mut stderr) = (fixture(&format!("{name}.stdout")), fixture(&format!("{name}.stderr")));
        let stream = if stdout.is_empty() { &mut stderr } else { &mut stdout };
        *at.get_mut(stream) = byte;
        played(framework, Exit::Code(0), stdout, stderr);
    }

    #[test]
    fn any_arguments_are_taken(line in "\\PC{0,80}", words in prop::collection::vec("(-[usdf]|--[a-z=-]{0,12}|\\PC{0,10})", 0..12)) {
        let options = Options::from_text(&line);
        if let Some(name) = options.name() {
            prop_assert!(!name.starts_with('-') && !name.contains(char::is_whitespace));
        }
        let _ = Options::from_words(words.clone());
        let _ = Options::from_text(&words.join(" "));
    }

    #[test]
    fn quoted_words_come_back(words in prop::collection::vec("[a-z $'\"\\\\;]{1,8}", 0..6)) {
        let line = crate::text::command_line(words.iter().map(String::as_str));
        let focus = Options::from_text(&format!("-- {line}")).focus.unwrap_or_default();
        prop_assert_eq!(focus.trim().to_owned(), words.join(" ").trim().to_owned());
    }

    #[test]
    fn any_file_is_read_or_refused_with_its_line(text in "((url|server|environment|focus_areas|directory|x): ?(\\[?[a-z, ]{0,9}\\]?|[0-9]{1,3}|\\{[a-z:, ]{0,9}\\})\n|\\PC{0,12}\n){0,6}", bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Err(error) = TestFile::parse(text.as_bytes()) {
            prop_assert!(error.starts_with(".tollgate/test.yaml"), "{}", error);
        }
        let _ = TestFile::parse(&bytes);
    }

    #[test]
    fn any_report_is_read_or_is_none(text in "(<[a-z]{1,9}( [a-z]{1,5}=['\"]?[a-z0-9&;<>]{0,5}['\"]?){0,3}/?>|<!--|-->|<!\\[CDATA\\[|\\]\\]>|\\PC{0,5}){0,12}") {
        let _ = crate::parse::JunitReport::read(&text);
    }
}
