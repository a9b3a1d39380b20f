//! Chats over the real binary: messages in their order, and the commands that the bundled plugins carry out on real
//! projects, with the grants that they come with.

use crate::support::repository::Repository;
use crate::support::{Daemon, Home, stderr, stdout, wait_for};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Says `text` in `chat`; the answer.
fn say(daemon: &Daemon, chat: &str, text: &str) -> Value {
    let body = json!({"chat_id": chat, "text": text, "user_id": "ann"}).to_string();
    let (status, answer) = daemon.post("/api/messages", &body).expect("the daemon answers");
    assert_eq!(status, 200, "{chat}, {text}: {answer}");
    answer
}

fn run(chat: &str, text: &str) -> Value {
    json!({"outcome": "run", "message": {"user_id": "ann", "chat_id": chat, "text": text}})
}

fn queued(before: u64) -> Value {
    json!({"outcome": "queued", "before": before})
}

/// The next message of `chat` after its execution ended.
fn finished(daemon: &Daemon, chat: &str) -> Value {
    let (status, answer) = daemon.post(&format!("/api/messages/{chat}/finished"), "").expect("the daemon answers");
    assert_eq!(status, 200, "{answer}");
    answer["next"]["text"].clone()
}

/// Types and texts of a chat's events, in order.
fn told(daemon: &Daemon, chat: &str) -> Vec<String> {
    let of = |event: &Value| {
        format!("{} {}", event["type"].as_str().unwrap(), event["payload"]["text"].as_str().unwrap_or_default())
    };
    daemon.events("message.*").iter().filter(|event| event["payload"]["chat_id"] == chat).map(of).collect()
}

/// A folder of the workspace with `files`, a repository's root.
fn project(home: &Home, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = home.workspace().join(name);
    fs::create_dir_all(folder.join(".git")).expect("a folder");
    for (path, text) in files {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, text).expect("a file");
    }
    folder
}

/// Says a command in `folder`, as a person does, and waits for the event `done` of its chat.
fn command(home: &Home, daemon: &Daemon, folder: &Path, chat: &str, text: &str, done: &str) -> Value {
    let count = || daemon.events(done).iter().filter(|event| event["payload"]["chat_id"] == chat).count();
    let before = count();
    let output = home.tollgate_in(folder, ["message", text, "--chat", chat]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("tollgate tail"), "{}", stdout(&output));
    wait_for(format!("{done}; {}", daemon.log()), || (count() > before).then_some(()));
    let events = daemon.events(done);
    events.into_iter().rfind(|event| event["payload"]["chat_id"] == chat).unwrap()["payload"].clone()
}

#[test]
fn a_chat_takes_one_message_at_a_time_and_keeps_the_rest_over_kill_9() {
    let home = Home::without_plugins();
    let daemon = home.start();
    assert_eq!(say(&daemon, "a", "one"), run("a", "one"));
    assert_eq!(say(&daemon, "a", "two"), queued(0));
    assert_eq!(say(&daemon, "a", "three"), queued(1));
    assert_eq!(say(&daemon, "b", "other"), run("b", "other"), "another chat goes at once");
    assert_eq!(told(&daemon, "a"), ["message.in one", "message.queued two", "message.queued three"]);
    assert_eq!(told(&daemon, "b"), ["message.in other"]);
    assert_eq!(finished(&daemon, "a"), "two");
    assert_eq!(say(&daemon, "a", "four"), queued(1), "two runs now");
    daemon.kill();

    let daemon = home.start();
    assert_eq!(say(&daemon, "a", "five"), run("a", "three"), "what waited goes first");
    assert_eq!((finished(&daemon, "a"), finished(&daemon, "a")), (json!("four"), json!("five")));
    assert_eq!(finished(&daemon, "a"), Value::Null);
    assert_eq!(say(&daemon, "a", "six"), run("a", "six"));
    let all = told(&daemon, "a");
    let of = |kind: &str| -> Vec<String> {
        all.iter().filter_map(|line| line.strip_prefix(kind)).map(str::to_owned).collect()
    };
    assert_eq!(of("message.in "), ["one", "two", "three", "four", "five", "six"]);
    assert_eq!(of("message.queued "), ["two", "three", "four", "five"]);

    for (text, code) in [
        ("", "bad_message"),
        ("  ", "bad_message"),
        ("/git merge", "bad_message"),
        ("/git merge --abort", "bad_message"),
    ] {
        let body = json!({"chat_id": "a", "text": text}).to_string();
        let (status, answer) = daemon.post("/api/messages", &body).expect("the daemon answers");
        assert_eq!((status, &answer["error"]["code"]), (400, &json!(code)), "{text:?}: {answer}");
    }
    assert_eq!(told(&daemon, "a"), all, "what is refused is not told");
    assert_eq!(daemon.events("command.*").len(), 0);
}

/// The answer goes to the user who gave the command.
fn answers_who_asked(command: &Value, answer: &Value) {
    assert!(command["payload"]["user_id"].as_str().is_some_and(|user| !user.is_empty()), "{command}");
    assert_eq!(answer["payload"]["user_id"], command["payload"]["user_id"]);
}

/// Checks what is told of one run of tests: one passed, one failed, and its name.
fn one_of_two(daemon: &Daemon, chat: &str, completed: &Value, frameworks: &[&str]) {
    let expected = json!({"passed": 1, "failed": 1, "skipped": 0, "status": "failed"});
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&completed[key], value, "{key}: {completed}\n{:?}", told(daemon, chat));
    }
    let session = daemon.events("*").into_iter().filter(|event| event["session"] == chat);
    // Beside them stand how far it is, and the same in the words of other systems.
    let events: Vec<Value> =
        session.filter(|event| event["type"] != "task.progress" && event["type"] != "work_stream.event").collect();
    let types: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expected =
        ["command.test", "test.started", "test_run.started", "test_run.finished", "test.completed", "message.out"];
    assert_eq!(types, expected);
    assert_eq!(events[0]["payload"]["args"], "--unit");
    let finished = &events[3]["payload"];
    assert!(frameworks.contains(&finished["framework"].as_str().unwrap()), "{finished}");
    assert_eq!(finished["status"], "failed", "{finished}");
    assert!(finished["exitCode"].as_i64().is_some_and(|code| code != 0), "{finished}");
    answers_who_asked(&events[0], &events[5]);
    let text = events[5]["payload"]["text"].as_str().unwrap();
    for part in ["1 passed, 1 failed", "✗", "adds_wrongly"] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    assert!(!text.contains("adds_rightly"), "only what failed is named: {text}");
}

#[test]
fn the_tests_of_a_real_project_are_run_and_told() {
    let home = Home::new();
    let library = "pub fn add(a: i32, b: i32) -> i32 { a + b }\n\
        #[test]\nfn adds_rightly() { assert_eq!(add(1, 1), 2); }\n#[test]\nfn adds_wrongly() { assert_eq!(add(1, 1), 3); }\n";
    let manifest = "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
    let cargo = project(&home, "cargo", &[("Cargo.toml", manifest), ("src/lib.rs", library)]);
    let test = "const { test } = require('node:test'); const assert = require('node:assert');\n\
        test('adds_rightly', () => assert.strictEqual(1 + 1, 2));\ntest('adds_wrongly', () => assert.strictEqual(1 + 1, 3));\n";
    let node = project(&home, "node", &[("package.json", "{}"), ("test/sum.test.js", test)]);
    let daemon = home.start();
    daemon.serving("test-runner");

    let completed = command(&home, &daemon, &cargo, "cargo", "/test --unit", "test.completed");
    one_of_two(&daemon, "cargo", &completed, &["cargo", "nextest"]);
    if Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success()) {
        let completed = command(&home, &daemon, &node, "node", "/test --unit", "test.completed");
        one_of_two(&daemon, "node", &completed, &["node"]);
    } else {
        println!("skipped: `node --version` does not answer on this machine");
    }
    let nothing = command(&home, &daemon, &project(&home, "bare", &[]), "bare", "/test", "test.completed");
    assert_eq!((&nothing["status"], &nothing["passed"]), (&json!("no_tests"), &json!(0)), "{nothing}");
    assert_eq!(daemon.plugin("test-runner")["faults"], 0);
}

#[test]
fn a_branch_is_merged_what_is_safe_is_staged_and_the_rest_stays_a_conflict() {
    let home = Home::new();
    let gap = "// 1\n// 2\n// 3\n// 4\n// 5\n// 6\n";
    let mixed = [
        format!("f(a, b);\n{gap}c = g(1);\n"),
        format!("h(a, b);\n{gap}c = g(2);\n"),
        format!("f(a, d);\n{gap}c = g(3);\n"),
    ];
    let repository = Repository::new(
        &home,
        &[
            ("blanks.rs", ["fn f() {\nwork(1);\n}\n", "fn f() {\n    work(1);\n}\n", "fn f() {\nplay(2, 3)?;\n}\n"]),
            ("lines.py", ["a = f(1)\nb = g(1)\n", "a = f(2)\nb = g(1)\n", "a = f(1)\nb = g(2)\n"]),
            ("mixed.rs", mixed.each_ref().map(String::as_str)),
            ("other.rs", ["fn o() {}\n", "fn o() {}\n", "fn o() {}\nfn p() {}\n"]),
            ("true.rs", ["a = f(b);\n", "a = f(c);\n", "a = f(d);\n"]),
        ],
    );
    let head = repository.git(&["rev-parse", "HEAD"]);
    let daemon = home.start();
    daemon.serving("merge-resolver");
    let folder = home.workspace();
    let completed = command(&home, &daemon, &folder, "merge", "/git merge none", "merge.completed");
    assert_eq!(completed["status"], "no_branch", "{completed}");
    assert_eq!(repository.git(&["status", "--porcelain"]), "", "nothing was touched");

    let completed = command(&home, &daemon, &folder, "merge", "/git merge feature", "merge.completed");
    assert_eq!(
        (&completed["status"], &completed["resolved"], &completed["remaining"], &completed["committed"]),
        (&json!("conflicts"), &json!(3), &json!(2), &json!(false)),
        "{completed}"
    );
    let files = completed["files"].as_array().unwrap().iter();
    let files: Vec<_> = files.map(|file| (file["path"].as_str().unwrap(), file["status"].as_str().unwrap())).collect();
    let expected = [("blanks.rs", "resolved"), ("lines.py", "resolved"), ("mixed.rs", "partly"), ("true.rs", "left")];
    assert_eq!(files, expected);
    assert_eq!(
        repository.git(&["status", "--porcelain"]),
        "M  blanks.rs\nM  lines.py\nUU mixed.rs\nM  other.rs\nUU true.rs\n"
    );
    for (path, text) in [("blanks.rs", "fn f() {\nplay(2, 3)?;\n}\n"), ("lines.py", "a = f(2)\nb = g(2)\n")] {
        assert_eq!(repository.read(path), text, "{path}");
        assert_eq!(repository.git(&["show", &format!(":0:{path}")]), text, "{path} is staged as it stands");
    }
    let conflict = |[base, ours, theirs]: [&str; 3]| {
        format!("<<<<<<< HEAD\n{ours}||||||| base\n{base}=======\n{theirs}>>>>>>> feature\n")
    };
    assert_eq!(repository.read("true.rs"), conflict(["a = f(b);\n", "a = f(c);\n", "a = f(d);\n"]));
    let left = conflict(["c = g(1);\n", "c = g(2);\n", "c = g(3);\n"]);
    assert_eq!(repository.read("mixed.rs"), format!("h(a, d);\n{gap}{left}"));
    assert_eq!(repository.git(&["rev-parse", "HEAD"]), head, "nothing is committed");

    let message = daemon.events("message.out").pop().expect("a message");
    answers_who_asked(&daemon.events("command.merge")[1], &message);
    let text = message["payload"]["text"].as_str().unwrap();
    for part in ["Merged `feature` into `main`: 3 conflicts resolved, 2 left.", "`true.rs`", "git merge --abort"] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    let prompted = daemon.events("session.prompted").pop().expect("the agent is asked to do the rest");
    assert!(prompted["payload"]["text"].as_str().is_some_and(|text| text.contains("true.rs")), "{prompted}");
    // What it says undoes it does.
    assert_eq!(completed["undo"], "git merge --abort");
    repository.git(&["merge", "--abort"]);
    assert_eq!(
        (repository.git(&["status", "--porcelain"]), repository.read("true.rs")),
        (String::new(), "a = f(c);\n".into())
    );
    assert_eq!(daemon.plugin("merge-resolver")["faults"], 0);
}
