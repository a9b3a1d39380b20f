//! The machine's own programs on small generated projects, through the whole plugin. Where one is missing the
//! test says so and passes.

use super::*;
use std::process::Command;

/// Whether `program` answers; says so where it does not.
fn is_there(program: &str, args: &[&str]) -> bool {
    let there = Command::new(program).args(args).output().is_ok_and(|output| output.status.success());
    if !there {
        println!("skipped: `{program} {}` does not answer on this machine", args.join(" "));
    }
    there
}

/// Handles `/test args` in a workspace with `files`, with the machine's own programs.
fn really(files: &[(&str, &str)], args: &str) -> (Vec<(String, Value)>, tempfile::TempDir) {
    mock::reset();
    let folder = workspace(files);
    mock::with(|host| host.programs = Programs::real());
    (ask(&json!(args)), folder)
}

fn check(emitted: &[(String, Value)], status: &str, [passed, failed, skipped]: [u64; 3]) {
    let completed = last(emitted, "test.completed");
    let expected = json!({"passed": passed, "failed": failed, "skipped": skipped, "status": status});
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(completed.get(key), Some(value), "{key} in {}", message(emitted));
    }
}

const MANIFEST: &str = "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n";

/// The project's builds go into the project: the target folder of the build that runs this test is not touched.
const BUILDS: (&str, &str) =
    (".tollgate/test.yaml", "environment: {CARGO_TARGET_DIR: built, RUSTFLAGS: '', CARGO_ENCODED_RUSTFLAGS: ''}\n");

#[test]
fn cargo() {
    if !is_there("cargo", &["--version"]) {
        return;
    }
    let library = "pub fn add(a: i32, b: i32) -> i32 { a + b }\n#[test]\nfn adds() { assert_eq!(add(1, 1), 2); }\n\
        #[test]\nfn adds_wrongly() { assert_eq!(add(1, 1), 3); }\n#[test]\n#[ignore]\nfn skipped() {}\n";
    let files = [("Cargo.toml", MANIFEST), ("src/lib.rs", library), BUILDS];
    let (emitted, _folder) = really(&files, "-f cargo");
    check(&emitted, "failed", [1, 1, 1]);
    assert!(
        message(&emitted).contains(
            "✗ adds_wrongly (src/lib.rs:5:21)\n      assertion `left == right` failed\n        left: 2\n       right: 3"
        ),
        "{}",
        message(&emitted)
    );
    if is_there("cargo", &["nextest", "--version"]) {
        let (emitted, _folder) = really(&files, "");
        check(&emitted, "failed", [1, 1, 1]);
        assert!(
            message(&emitted).contains("✗ demo adds_wrongly (src/lib.rs:5:21)\n      assertion `left == right` failed"),
            "{}",
            message(&emitted)
        );
    }
    let (emitted, _folder) = really(&[("Cargo.toml", MANIFEST), ("src/lib.rs", "fn broken( {}"), BUILDS], "-f cargo");
    check(&emitted, "not_started", [0, 1, 0]);
}

#[test]
fn node() {
    if !is_there("node", &["--version"]) {
        return;
    }
    let test = "const { test } = require('node:test'); const assert = require('node:assert');\n\
        test('adds', () => assert.strictEqual(1 + 1, 2));\ntest('adds wrongly', () => assert.strictEqual(1 + 1, 3));\n\
        test('skipped', { skip: true }, () => {});\n";
    let (emitted, _folder) = really(&[("package.json", "{}"), ("test/sum.test.js", test)], "");
    check(&emitted, "failed", [1, 1, 1]);
    assert!(
        message(&emitted).contains("✗ adds wrongly") && message(&emitted).contains("2 !== 3"),
        "{}",
        message(&emitted)
    );
    let (emitted, _folder) = really(&[("package.json", "{}"), ("test/sum.test.js", test)], "-f node adds$");
    assert!(message(&emitted).contains("the focus is more than a test's name"), "{}", message(&emitted));
    if is_there("npm", &["--version"]) {
        let manifest = r#"{"scripts": {"test": "node --test"}}"#;
        let (emitted, _folder) = really(&[("package.json", manifest), ("test/sum.test.js", test)], "");
        check(&emitted, "failed", [1, 1, 1]);
        let (emitted, _folder) = really(&[("package.json", r#"{"scripts": {"test": "vitest run"}}"#)], "");
        check(&emitted, "not_started", [0, 1, 0]);
    }
}

#[test]
fn python() {
    if !is_there("python3", &["--version"]) {
        return;
    }
    let test = "import unittest\n\nclass Sum(unittest.TestCase):\n    def test_adds(self):\n        self.assertEqual(1 + 1, 2)\n\n    \
        def test_adds_wrongly(self):\n        self.assertEqual(1 + 1, 3)\n\n    @unittest.skip('later')\n    def test_skipped(self):\n        pass\n";
    let (emitted, _folder) = really(&[("tests/test_sum.py", test)], "");
    check(&emitted, "failed", [1, 1, 1]);
    assert!(message(&emitted).contains("AssertionError: 2 != 3"), "{}", message(&emitted));
    let (emitted, _folder) = really(&[("tests/test_sum.py", test)], "test_adds_wrongly");
    check(&emitted, "failed", [0, 1, 0]);
    let crash = "import os\nimport unittest\n\nclass Crash(unittest.TestCase):\n    def test_aborts(self):\n        os.abort()\n";
    let (emitted, _folder) = really(&[("tests/test_crash.py", crash)], "");
    check(&emitted, "program_failed", [0, 1, 0]);
    assert!(message(&emitted).contains("the program was killed by signal 6"), "{}", message(&emitted));
    if is_there("python3", &["-m", "pytest", "--version"]) {
        let (emitted, _folder) = really(&[("tests/test_sum.py", test)], "-f pytest");
        check(&emitted, "failed", [1, 1, 1]);
    } else {
        let (emitted, _folder) = really(&[("tests/test_sum.py", test)], "-f pytest");
        check(&emitted, "not_started", [0, 1, 0]);
        assert!(message(&emitted).contains("pytest is not installed"), "{}", message(&emitted));
    }
}

#[test]
fn go() {
    if !is_there("go", &["version"]) {
        return;
    }
    let test = "package demo\n\nimport \"testing\"\n\nfunc TestAdds(t *testing.T) {}\n\nfunc TestFails(t *testing.T) { t.Fatal(\"off\") }\n";
    let (emitted, _folder) = really(&[("go.mod", "module demo\n\ngo 1.19\n"), ("demo_test.go", test)], "");
    check(&emitted, "failed", [1, 1, 0]);
}
