//! The plugin as a whole and against recorded output; units are tested where they are.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod arguments;
mod bounds;
mod described;
mod detection;
mod large;
mod named;
mod progress;
mod properties;
mod real;
mod recorded;
mod requests;
mod retries;
mod test_file;

use crate::detect::Suite;
use crate::framework::Framework;
use crate::report::Outcome;
use crate::{TestRunner, run};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tollgate_sdk::mock::{self, Finished, Programs};
use tollgate_sdk::process::Exit;
use tollgate_sdk::{Config, Event, Failure, Plugin, payload};

/// A recorded stream; empty where the program wrote nothing to it.
fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)).unwrap_or_default()
}

/// A workspace with these files; a path that ends in `/` is a folder.
fn workspace(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(&path)).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    let root = folder.path().to_owned();
    mock::with(|host| host.workspace = Some(root));
    folder
}

/// What the recorded output `name` comes to, as if its program had just run and ended so.
fn outcome(framework: Framework, name: &str, exit: Exit) -> Outcome {
    let (stdout, stderr) = (fixture(&format!("{name}.stdout")), fixture(&format!("{name}.stderr")));
    assert!(!stdout.is_empty() || !stderr.is_empty(), "no recording {name}");
    played(framework, exit, stdout, stderr)
}

/// What this output comes to.
fn played(framework: Framework, exit: Exit, stdout: Vec<u8>, stderr: Vec<u8>) -> Outcome {
    mock::with(|host| {
        host.programs = Programs::played_by(move |_| Ok(Finished { exit, ..Finished::new(0, &stdout, &stderr) }));
    });
    run::run(&Suite::new(framework, "", None), &[], 60_000, |_| {})
}

/// A plugin with this configuration.
fn runner(config: &str) -> TestRunner {
    let mut runner = TestRunner::default();
    runner.init(&Config::new(config)).expect("initialised");
    runner
}

/// The event that asks for tests.
fn command(args: &Value) -> Event {
    let payload = json!({"chat_id": "c1", "user_id": "u1", "args": args}).to_string();
    Event { session: Some("s1".into()), ..mock::event(payload::COMMAND_TEST, &payload) }
}

/// Handles `/test args` and returns what was emitted, each checked against its type's shape.
fn ask(args: &Value) -> Vec<(String, Value)> {
    handle(&command(args)).expect("handled");
    emitted()
}

fn handle(event: &Event) -> Result<(), Failure> {
    runner("{}").handle(event)
}

fn emitted() -> Vec<(String, Value)> {
    let check = |draft: tollgate_sdk::Draft| {
        payload::check(&draft.type_, &draft.payload).unwrap_or_else(|error| panic!("{error}"));
        (draft.type_, serde_json::from_str(&draft.payload).expect("JSON"))
    };
    mock::emits().into_iter().map(check).collect()
}

fn types(emitted: &[(String, Value)]) -> Vec<&str> {
    emitted.iter().map(|(event_type, _)| event_type.as_str()).collect()
}

/// The payload of the last event of this type.
fn last<'a>(emitted: &'a [(String, Value)], event_type: &str) -> &'a Value {
    let found = emitted.iter().rfind(|(found, _)| found == event_type);
    &found.unwrap_or_else(|| panic!("no {event_type} in {emitted:#?}")).1
}

/// The message that a person gets.
fn message(emitted: &[(String, Value)]) -> &str {
    last(emitted, payload::MESSAGE_OUT).get("text").and_then(Value::as_str).expect("a text")
}

/// Plays the recording `name` for every program that is started.
fn play(name: &'static str, code: i32) {
    mock::with(|host| {
        host.programs = Programs::played_by(move |command| match command.args.first().map(String::as_str) {
            Some("nextest") => Err(tollgate_sdk::process::ProcessError::Denied),
            _ => Ok(Finished::new(code, &fixture(&format!("{name}.stdout")), &fixture(&format!("{name}.stderr")))),
        });
    });
}

fn fixtures_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}
