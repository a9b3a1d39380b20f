//! `.tollgate/test.yaml`, good and bad.

use super::*;
use crate::file::{MAX_ENTRIES, MAX_FILE_BYTES, MAX_TEXT_BYTES, TestFile, Text, Texts, Variables};

const WHOLE: &str = "# how to test this\nurl: http://localhost:3000\nserver: npm run dev\nframework: vitest\ndirectory: ./web/\n\
    preconditions:\n  - signed in as ann\nfocus_areas: [login, \"the cart\"]\nenvironment:\n  PORT: 3000\n  DEBUG: true\n  TOKEN: s3cret\n";

#[test]
fn everything_that_a_file_may_say() {
    let text = |text: &str| Some(Text(text.to_owned()));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = TestFile {
        url: text("http://localhost:3000"),
        server: text("npm run dev"),
        framework: text("vitest"),
        directory: text("web"),
        preconditions: Texts(vec!["signed in as ann".to_owned()]),
        focus_areas: Texts(vec!["login".to_owned(), "the cart".to_owned()]),
        environment: Variables(vec![pair("PORT", "3000"), pair("DEBUG", "true"), pair("TOKEN", "s3cret")]),
    };
    assert_eq!(TestFile::parse(WHOLE.as_bytes()), Ok(expected));
    assert_eq!(TestFile::parse(b"# nothing\n"), Ok(TestFile::default()));
    assert_eq!(TestFile::parse(b"focus_areas: login\npreconditions:\n").unwrap().focus_areas.0, ["login"]);
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let long = format!("a: 1\nurl: {}\n", "x".repeat(MAX_TEXT_BYTES + 1)).replace("a: 1", "server: x");
    let many = format!("server: x\nfocus_areas: [{}]", "a, ".repeat(MAX_ENTRIES + 1));
    for (text, line, words) in [
        ("url: http://a\nurll: x\n", 2, "unknown field `urll`"),
        ("server: x\n\nurl: [a]\n", 3, "expected a text"),
        ("url: 3000\n", 1, "expected a text"),
        ("url: a\nurl: b\n", 2, "duplicate"),
        ("server: x\nfocus_areas: 3\n", 2, "expected a text or a list of texts"),
        ("server: x\nfocus_areas:\n  - a\n  - {b: c}\n", 4, "expected a text"),
        ("environment:\n  - PORT\n", 2, "expected names with values"),
        ("environment:\n  A: 1\n  PORT: [1]\n", 3, "expected a text, a number or a truth value"),
        ("environment:\n  A: 1\n  1B: 1\n", 0, "`1B` is no variable's name"),
        ("environment:\n  PATH: /evil\n", 0, "`PATH` is the host's to set"),
        ("environment:\n  A: 1\n  A: 2\n", 0, "`A` is set twice"),
        ("- a list\n", 1, "expected"),
        ("url: a\n  b: [\n", 2, ""),
        ("url: \"a\\0b\"\n", 1, "NUL"),
        (long.as_str(), 2, "at most"),
        (many.as_str(), 2, "entries"),
    ] {
        let error = TestFile::parse(text.as_bytes()).expect_err(text);
        assert!(error.contains(words), "{text}: {error}");
        if line > 0 {
            assert!(error.starts_with(&format!(".tollgate/test.yaml line {line}: ")), "{text}: {error}");
        } else {
            assert!(error.starts_with(".tollgate/test.yaml line "), "{text}: {error}");
        }
    }
    let error = TestFile::parse(b"url: a\nserver: \xff\n").unwrap_err();
    assert_eq!(error, ".tollgate/test.yaml line 2: not UTF-8");
    let error = TestFile::parse(b"directory: ../other\n").unwrap_err();
    assert!(error.contains("directory: `../other` leads outside the workspace"), "{error}");
}

#[test]
fn a_value_is_shown_nowhere() {
    let file = TestFile::parse(WHOLE.as_bytes()).unwrap();
    assert!(format!("{file:?}").contains("TOKEN") && !format!("{file:?}").contains("s3cret"));
    mock::reset();
    let _folder =
        workspace(&[(".tollgate/test.yaml", WHOLE), ("web/package.json", r#"{"scripts":{"test":"vitest run"}}"#)]);
    play("vitest-4-passed", 0);
    let emitted = ask(&json!("--no-e2e"));
    assert!(!format!("{emitted:?}").contains("s3cret"), "{emitted:#?}");
    let config = last(&emitted, "test.started").get("config").unwrap();
    assert_eq!(config.get("environment"), Some(&json!(["PORT", "DEBUG", "TOKEN"])));
    let env = mock::with(|host| host.commands.last().unwrap().env.clone());
    assert!(env.contains(&("TOKEN".into(), "s3cret".into())) && env.contains(&("NO_COLOR".into(), "1".into())));
    let kept: Vec<u8> = mock::with(|host| host.data.values().flatten().copied().collect());
    assert!(!String::from_utf8_lossy(&kept).contains("s3cret"));
}

#[test]
fn the_largest_file_is_taken_and_no_larger_one() {
    let filled = |bytes: usize| format!("url: a\n#{}", "x".repeat(bytes - 8));
    mock::reset();
    let folder = workspace(&[(".tollgate/test.yaml", &filled(MAX_FILE_BYTES))]);
    assert!(TestFile::open().is_ok());
    fs::write(folder.path().join(".tollgate/test.yaml"), filled(MAX_FILE_BYTES + 1)).unwrap();
    assert!(TestFile::open().unwrap_err().contains("more than"));
}

#[test]
fn a_bad_file_stops_the_request_and_says_why() {
    mock::reset();
    let _folder = workspace(&[(".tollgate/test.yaml", "focus: x\n"), ("Cargo.toml", "")]);
    let emitted = ask(&json!(""));
    assert_eq!(types(&emitted), ["test.started", "test.completed", "message.out"]);
    assert!(message(&emitted).contains(".tollgate/test.yaml line 1: unknown field `focus`"), "{}", message(&emitted));
    assert_eq!(last(&emitted, "test.completed").get("status"), Some(&json!("not_started")));
    assert_eq!(last(&emitted, "test.completed").get("failed"), Some(&json!(1)));
    assert!(mock::with(|host| host.commands.is_empty()));
}
