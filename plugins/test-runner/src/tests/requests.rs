//! Whole requests against the mock host: events in order, words for people, effects on the session.

use super::*;
use crate::browser::MAX_PROMPT_BYTES;
use crate::detect::MAX_SUITES;
use crate::message::{MAX_MESSAGE_BYTES, MAX_SHOWN, MAX_SHOWN_LINES};
use crate::report::{MAX_TOLD, MAX_TOLD_BYTES};
use crate::request::handle_by;
use crate::settings::Settings;
use tollgate_sdk::mock::Effect;
use tollgate_sdk::process::ProcessError;

const CARGO: &[(&str, &str)] = &[("Cargo.toml", "")];

/// Handles `args` in a workspace with `files`, where every program plays the recording.
fn request(files: &[(&str, &str)], args: &str, recording: &'static str, code: i32) -> Vec<(String, Value)> {
    mock::reset();
    let _folder = workspace(files);
    play(recording, code);
    ask(&json!(args))
}

#[test]
fn a_failing_suite_is_told_in_order_and_in_full() {
    let emitted = request(CARGO, "", "cargo-mixed", 101);
    assert_eq!(
        types(&emitted),
        ["test.started", "test_run.started", "test_run.finished", "test.completed", "message.out"]
    );
    assert_eq!(
        last(&emitted, "test_run.started"),
        &json!({"command": "cargo test --workspace --no-fail-fast", "testFiles": [], "framework": "cargo", "directory": ""})
    );
    let finished = last(&emitted, "test_run.finished");
    for (key, value) in [
        ("exitCode", json!(101)),
        ("passed", json!(4)),
        ("failed", json!(4)),
        ("skipped", json!(1)),
        ("status", json!("failed")),
    ] {
        assert_eq!(finished.get(key), Some(&value), "{key}");
    }
    let failures = finished.get("failures").and_then(Value::as_array).unwrap();
    assert_eq!(failures.len(), 4);
    let first = json!({"name": "tests::adds_wrongly", "place": "src/lib.rs:26:9",
        "message": "assertion `left == right` failed: the sum is off\n  left: 2\n right: 3"});
    assert_eq!(failures.first(), Some(&first));
    assert_eq!(failures.get(2).and_then(|failure| failure.get("place")), Some(&Value::Null), "none is told");
    let completed = last(&emitted, "test.completed");
    for (key, value) in [
        ("chat_id", json!("c1")),
        ("passed", json!(4)),
        ("failed", json!(4)),
        ("skipped", json!(1)),
        ("status", json!("failed")),
    ] {
        assert_eq!(completed.get(key), Some(&value), "{key}");
    }
    let out = last(&emitted, "message.out");
    assert_eq!((out.get("user_id"), out.get("chat_id")), (Some(&json!("u1")), Some(&json!("c1"))));
    let text = message(&emitted);
    for part in [
        "Tests: tests failed (4 passed, 4 failed, 1 skipped).",
        "cargo in the workspace: 4 passed, 4 failed, 1 skipped in ",
        "  ✗ tests::adds_wrongly (src/lib.rs:26:9)\n      assertion `left == right` failed: the sum is off\n        left: 2\n       right: 3\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    let about: Vec<_> =
        mock::emits().iter().map(|draft| draft.entity.as_ref().map(|entity| entity.kind.clone())).collect();
    assert_eq!(about, [Some("chat".to_owned()), None, None, Some("chat".to_owned()), Some("chat".to_owned())]);
}

#[test]
fn a_passing_suite_is_told_shortly() {
    let emitted = request(CARGO, "", "cargo-passed", 0);
    assert_eq!(last(&emitted, "test.completed").get("status"), Some(&json!("passed")));
    assert!(
        message(&emitted)
            .starts_with("Tests: all passed (2 passed, 0 failed).\n\ncargo in the workspace: 2 passed, 0 failed in ")
    );
}

#[test]
fn suites_run_one_after_another_each_with_its_own_end() {
    mock::reset();
    let script = r#"{"scripts":{"test":"vitest run"}}"#;
    let _folder = workspace(&[("Cargo.toml", ""), ("web/package.json", script), ("zoo/go.mod", "")]);
    mock::with(|host| {
        host.programs = Programs::played_by(|command| match command.program.as_str() {
            "npm" => Ok(Finished::new(0, &fixture("vitest-4-passed.stdout"), b"")),
            "go" => Err(ProcessError::NotFound),
            _ if command.args.first().is_some_and(|arg| arg == "nextest") => {
                Ok(Finished::new(101, b"", b"no such command"))
            }
            _ => Ok(Finished { exit: Exit::TimedOut, ..Finished::new(0, b"running 3 tests\ntest a ... ok\n", b"") }),
        });
    });
    handle_by(&command(&json!(null)), &Settings::default(), &|| 0).unwrap();
    let emitted = emitted();
    let pair = ["test_run.started", "test_run.finished"];
    let expected: Vec<&str> = ["test.started"]
        .into_iter()
        .chain(pair)
        .chain(pair)
        .chain(pair)
        .chain(["test.completed", "message.out"])
        .collect();
    assert_eq!(types(&emitted), expected);
    let started: Vec<(String, Option<String>)> =
        mock::with(|host| host.commands.iter().map(|command| (command.program.clone(), command.cwd.clone())).collect());
    assert_eq!(
        started,
        [("cargo", None), ("cargo", None), ("npm", Some("web")), ("go", Some("zoo"))]
            .map(|(program, cwd)| (program.to_owned(), cwd.map(str::to_owned)))
    );
    let text = message(&emitted);
    for part in [
        "Tests: not every suite ended in time (3 passed, 2 of 3 suites without a result).",
        "cargo in the workspace: timed out: stopped after 14 min 0 s (1 passed, 0 failed before)",
        "vitest in folder `web`: 2 passed, 0 failed in 483 ms",
        "go in folder `zoo`: not started: there is no program `go` in the daemon's PATH",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    let completed = last(&emitted, "test.completed");
    assert_eq!((completed.get("status"), completed.get("failed")), (Some(&json!("timed_out")), Some(&json!(2))));
    let finished: Vec<_> = emitted
        .iter()
        .filter(|(event_type, _)| event_type == "test_run.finished")
        .map(|(_, payload)| {
            (
                payload.get("status").unwrap().as_str().unwrap(),
                payload.get("failed").unwrap().as_u64().unwrap(),
                payload.get("exitCode").is_some(),
            )
        })
        .collect();
    assert_eq!(finished, [("timed_out", 1, false), ("passed", 0, true), ("not_started", 1, false)]);
}

#[test]
fn each_way_to_have_no_result_is_said_as_itself() {
    for (ends, status, words) in [
        (
            Err(ProcessError::Denied),
            "not_started",
            "not started: `cargo test --workspace --no-fail-fast` is not granted: `tollgate plugin grant test-runner`",
        ),
        (Err(ProcessError::NoSession), "not_started", "no session with a workspace"),
        (
            Err(ProcessError::Failed("out of memory".into())),
            "not_started",
            "`cargo` could not be started: out of memory",
        ),
        (
            Ok(Finished::new(0, b"hello\n", b"")),
            "not_understood",
            "output not understood: the program ended with exit code 0; its last lines:\nhello",
        ),
        (
            Ok(Finished::new(0, b"", b"")),
            "not_understood",
            "output not understood: the program ended with exit code 0; it wrote nothing",
        ),
        (
            Ok(Finished { exit: Exit::OutputLimit, ..Finished::new(0, b"x", b"") }),
            "output_limit",
            "too much output: stopped",
        ),
        (
            Ok(Finished { exit: Exit::Signal(11), ..Finished::new(0, b"running 1 test\n", b"") }),
            "program_failed",
            "killed by signal 11",
        ),
    ] {
        mock::reset();
        let _folder = workspace(CARGO);
        let mut ends = Some(ends);
        mock::with(|host| {
            host.programs = Programs::played_by(move |command| {
                if command.args.first().is_some_and(|arg| arg == "nextest") {
                    Err(ProcessError::Denied)
                } else {
                    ends.take().unwrap()
                }
            });
        });
        let emitted = ask(&json!(""));
        let completed = last(&emitted, "test.completed");
        assert_eq!(completed.get("status"), Some(&json!(status)), "{words}");
        assert!(completed.get("failed").and_then(Value::as_u64) >= Some(1), "{completed}");
        assert!(message(&emitted).contains(words), "{words:?} is not in:\n{}", message(&emitted));
        assert!(last(&emitted, "test_run.finished").get("failed").and_then(Value::as_u64) >= Some(1));
    }
}

#[test]
fn nothing_to_run_is_no_success() {
    let emitted = request(&[("README.md", "")], "", "cargo-passed", 0);
    assert_eq!(types(&emitted), ["test.started", "test.completed", "message.out"]);
    assert_eq!(last(&emitted, "test.completed").get("status"), Some(&json!("no_tests")));
    assert!(message(&emitted).contains("No test suite was found that I know how to run."));
    let none = request(CARGO, "nothing", "cargo-none", 0);
    assert!(message(&none).starts_with("Tests: there was nothing to run (0 passed, 0 failed)."), "{}", message(&none));
}

#[test]
fn without_a_workspace_it_says_so() {
    mock::reset();
    let emitted = ask(&json!(""));
    assert!(message(&emitted).contains("this chat has no session with a workspace"), "{}", message(&emitted));
    assert_eq!(last(&emitted, "test.completed").get("status"), Some(&json!("not_started")));
}

#[test]
fn arguments_that_cannot_be_taken_are_said() {
    let long = "x".repeat(crate::args::MAX_ARGS_BYTES);
    for (args, words) in [
        (json!({"a": 1}), "args: neither a text nor a list of texts"),
        (json!(["-f", 1]), "args: a list of anything but texts"),
        (json!("-f tape"), "the framework `tape` is not known; known are cargo, nextest, pytest"),
        (json!("-d ../other"), "-d: `../other` leads outside the workspace"),
        (json!("-d /etc"), "is outside the workspace"),
        (json!("-d none"), "there is no folder `none`"),
        (json!(long), "at most 16384 are taken"),
    ] {
        mock::reset();
        let _folder = workspace(CARGO);
        let emitted = ask(&args);
        assert!(message(&emitted).contains(words), "{words:?} is not in:\n{}", message(&emitted));
        assert_eq!(last(&emitted, "test.completed").get("status"), Some(&json!("not_started")));
        assert!(mock::with(|host| host.commands.is_empty()), "{args}");
    }
    mock::reset();
    let payload = json!({"args": ""}).to_string();
    assert!(matches!(handle(&mock::event("command.test", &payload)), Err(Failure::Failed(_))), "no chat, no answer");
}

#[test]
fn options_choose_what_runs() {
    let files: &[(&str, &str)] =
        &[("Cargo.toml", ""), ("api/go.mod", ""), ("web/package.json", r#"{"scripts":{"test":"jest"}}"#)];
    for (args, programs) in [
        (json!("--backend"), vec!["go"]),
        (json!("--no-backend -f jest"), vec!["npm"]),
        (json!(["-d", "api"]), vec!["go"]),
        (json!("--no-unit --no-backend"), vec![]),
    ] {
        mock::reset();
        let _folder = workspace(files);
        play("cargo-passed", 0);
        ask(&args);
        let started: Vec<String> = mock::with(|host| {
            host.commands.iter().map(|command| command.program.clone()).filter(|program| program != "cargo").collect()
        });
        assert_eq!(started, programs, "{args}");
    }
    let emitted = request(CARGO, "the parser", "cargo-passed", 0);
    assert!(message(&emitted).contains("the focus is more than a test's name: all tests were run"));
    request(CARGO, "-f cargo parser", "cargo-passed", 0);
    let args = mock::with(|host| host.commands.last().unwrap().args.clone());
    assert_eq!(args, ["test", "--workspace", "--no-fail-fast", "parser"]);
    request(CARGO, "-f cargo --config=build.rustc-wrapper=evil", "cargo-passed", 0);
    let args = mock::with(|host| host.commands.last().unwrap().args.clone());
    assert_eq!(args, ["test", "--workspace", "--no-fail-fast"], "no option reaches the program");
}

#[test]
fn more_suites_than_it_takes_are_named() {
    let files: Vec<(String, String)> =
        (0..MAX_SUITES + 2).map(|number| (format!("m{number}/go.mod"), String::new())).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let emitted = request(&files, "", "go-1.27-passed", 0);
    let started = types(&emitted).iter().filter(|event_type| **event_type == "test_run.started").count();
    assert_eq!(started, MAX_SUITES);
    assert!(
        message(&emitted)
            .contains("more than 8 suites; not run, name a folder with -d: go in folder `m8`, go in folder `m9`")
    );
}

/// The message about 500 failing tests that each say this.
fn about_500(said: &str) -> String {
    let mut output = String::from("running 500 tests\n");
    for number in 0..500 {
        output.push_str(&format!("test t{number} ... FAILED\n"));
    }
    for number in 0..500 {
        output.push_str(&format!("---- t{number} stdout ----\n{said}\n"));
    }
    output.push_str(
        "test result: FAILED. 0 passed; 500 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n",
    );
    mock::reset();
    let _folder = workspace(CARGO);
    mock::with(|host| host.programs = Programs::played_by(move |_| Ok(Finished::new(101, output.as_bytes(), b""))));
    message(&ask(&json!("-f cargo"))).to_owned()
}

#[test]
fn a_message_stays_readable() {
    let text = about_500(&"line\n".repeat(10));
    assert_eq!(text.matches("✗ ").count(), MAX_SHOWN);
    assert_eq!(text.matches("      line\n").count(), MAX_SHOWN * MAX_SHOWN_LINES);
    assert_eq!(text.matches("      …\n").count(), MAX_SHOWN);
    assert!(text.ends_with("  … and 480 more"), "{text}");
    let text = about_500(&format!("{}\n", "x".repeat(1_000)).repeat(10));
    assert!((MAX_MESSAGE_BYTES - 10..=MAX_MESSAGE_BYTES).contains(&text.len()), "{} bytes", text.len());
}

#[test]
fn an_event_tells_of_so_many_failures() {
    let told = |said: &str| {
        about_500(said);
        let finished = last(&emitted(), "test_run.finished").clone();
        assert_eq!(finished.get("failed"), Some(&json!(500)));
        finished.get("failures").and_then(Value::as_array).unwrap().clone()
    };
    assert_eq!(told("off\n").len(), MAX_TOLD);
    let long = told(&format!("{}\n", "x".repeat(1_000)).repeat(20));
    let bytes: usize = long.iter().map(|failure| failure.to_string().len()).sum();
    assert!(long.len() == 4 && bytes < MAX_TOLD_BYTES + 1_000, "{} failures of {bytes} bytes", long.len());
}

#[test]
fn browser_tests_are_handed_to_the_agent() {
    let file = "preconditions: signed in\nfocus_areas: [cart, login]\nenvironment: {TOKEN: s3cret}\n";
    let emitted = request(
        &[(".tollgate/test.yaml", file), ("Cargo.toml", "")],
        "-u http://localhost:3000 -s 'npm run dev' the checkout",
        "cargo-mixed",
        101,
    );
    let effects = mock::with(|host| host.effects.clone());
    let [Effect::SetMode(mode), Effect::Grant(key), Effect::Prompt(prompt)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!((mode.as_str(), key.as_str()), ("test", "browser"));
    for part in [
        "Address: http://localhost:3000",
        "Look most at: the checkout",
        "start it: npm run dev",
        " -: cart",
        "signed in",
        "Variables: TOKEN (values in .tollgate/test.yaml)",
        "The other tests: tests failed (4 passed, 4 failed, 1 skipped)",
    ] {
        assert!(prompt.contains(part), "{part:?} is not in:\n{prompt}");
    }
    assert!(!prompt.contains("s3cret"));
    assert_eq!(last(&emitted, "test.completed").get("browser"), Some(&json!("handed_over")));
    assert!(message(&emitted).contains("Tests in a browser: handed to the agent"));
}

#[test]
fn browser_tests_are_asked_for_by_address_server_or_framework() {
    let with_url: &[(&str, &str)] = &[(".tollgate/test.yaml", "url: http://a\n"), ("Cargo.toml", "")];
    for (files, args, handed) in [
        (CARGO, "", false),
        (CARGO, "-u http://a", true),
        (CARGO, "-s 'make run'", true),
        (CARGO, "-f playwright", true),
        (CARGO, "-u http://a --no-e2e", false),
        (with_url, "", true),
        (with_url, "--no-e2e", false),
        (with_url, "--unit", false),
        (with_url, "--unit -u http://b", true),
    ] {
        let emitted = request(files, args, "cargo-passed", 0);
        assert_eq!(mock::with(|host| !host.effects.is_empty()), handed, "{args}");
        assert_eq!(last(&emitted, "test.completed").get("browser").is_some(), handed, "{args}");
    }
    let only = request(CARGO, "-f Playwright", "cargo-passed", 0);
    assert_eq!(last(&only, "test.completed").get("status"), Some(&json!("handed_over")));
    assert!(mock::with(|host| host.commands.is_empty()), "an agent's framework is no suite's");
}

#[test]
fn the_operator_says_mode_and_grants_and_the_workspace_does_not() {
    mock::reset();
    let _folder = workspace(&[(".tollgate/test.yaml", "url: http://a\nserver: rm -rf /\n")]);
    runner(r#"{"browser_mode": "", "browser_grants": ["mcp__browser", "Bash(npm run dev)"]}"#)
        .handle(&command(&json!("")))
        .unwrap();
    let effects = mock::with(|host| host.effects.clone());
    let grants: Vec<&Effect> = effects.iter().filter(|effect| !matches!(effect, Effect::Prompt(_))).collect();
    assert_eq!(grants, [&Effect::Grant("mcp__browser".into()), &Effect::Grant("Bash(npm run dev)".into())]);
}

#[test]
fn a_prompt_is_bounded() {
    let areas = format!("url: http://a\nfocus_areas: [{}]\n", vec![format!("'{}'", "x".repeat(4_000)); 10].join(", "));
    request(&[(".tollgate/test.yaml", &areas)], "", "cargo-passed", 0);
    let effects = mock::with(|host| host.effects.clone());
    let Some(Effect::Prompt(prompt)) = effects.last() else { panic!("{effects:?}") };
    assert!(prompt.len() <= MAX_PROMPT_BYTES && prompt.len() > MAX_PROMPT_BYTES - 10);
}
