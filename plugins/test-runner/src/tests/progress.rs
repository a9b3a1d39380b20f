//! What a long run tells on its way, by a clock that the test holds.

use super::*;
use crate::pace::MAX_PROGRESS;
use crate::request::handle_by;
use crate::settings::Settings;
use std::cell::Cell;
use tollgate_sdk::process::{Chunk, OutputStream};

/// A Go test's line.
fn passed(test: usize) -> Chunk {
    let line = format!("{{\"Action\":\"pass\",\"Package\":\"demo\",\"Test\":\"T{test}\"}}\n");
    Chunk { source: OutputStream::Stdout, bytes: line.into_bytes() }
}

/// Two Go suites whose programs write `pieces` pieces each, every look at the clock `step_ms` after the one before.
fn long_run(pieces: usize, step_ms: u64) -> Vec<(String, Value)> {
    mock::reset();
    let _folder = workspace(&[("a/go.mod", ""), ("b/go.mod", "")]);
    mock::with(|host| {
        host.programs = Programs::played_by(move |_| {
            let end = b"{\"Action\":\"pass\",\"Package\":\"demo\"}\n".to_vec();
            let mut output: Vec<Chunk> = (0..pieces).map(passed).collect();
            output.push(Chunk { source: OutputStream::Stdout, bytes: end });
            Ok(Finished { output, exit: Exit::Code(0) })
        });
    });
    let now = Cell::new(0);
    let clock = || {
        now.set(now.get() + step_ms);
        now.get()
    };
    handle_by(&command(&json!("")), &Settings::default(), &clock).unwrap();
    emitted()
}

#[test]
fn a_long_run_tells_how_far_it_is_between_its_beginning_and_its_end() {
    let emitted = long_run(9, 1_000);
    let expected = [
        "test.started",
        "test_run.started",
        "task.progress",
        "task.progress",
        "test_run.finished",
        "test_run.started",
        "task.progress",
        "task.progress",
        "test_run.finished",
        "test.completed",
        "message.out",
    ];
    assert_eq!(types(&emitted), expected);
    let told: Vec<&Value> =
        emitted.iter().filter(|(event_type, _)| event_type == "task.progress").map(|(_, payload)| payload).collect();
    let first = json!({"progress": 0.0, "message": "go: 4 passed, 0 failed so far"});
    assert_eq!(told.first(), Some(&&first));
    assert_eq!(told.last().unwrap().get("progress"), Some(&json!(50.0)), "the first of two suites has ended");
    let about = mock::emits().into_iter().filter(|draft| draft.type_ == "task.progress").map(|draft| draft.entity);
    assert!(about.flatten().all(|entity| entity.kind == "task" && entity.id.starts_with("test-")));
}

#[test]
fn a_short_run_tells_no_progress_and_an_endless_one_only_so_much() {
    assert!(!types(&long_run(9, 10)).contains(&"task.progress"));
    let told = types(&long_run(8_000, 300)).iter().filter(|event_type| **event_type == "task.progress").count();
    assert_eq!(told, MAX_PROGRESS);
}
