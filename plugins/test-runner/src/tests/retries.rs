//! What a retry tells: the same events with the same ordinals, and nothing after them that would take the id of
//! one that was committed.

use super::*;
use crate::ledger::{Ledger, MAX_LEDGER_BYTES, MAX_RUNS, Role};
use crate::report::{Failures, MAX_TOLD_BYTES, Outcome, Said, Status};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use tollgate_sdk::{DataError, Draft};

const TWO: &[(&str, &str)] = &[("a/go.mod", ""), ("b/go.mod", "")];

/// Plays passing Go suites, and dies (as a host that is killed does) when the run number `dies_at` begins.
fn dying(dies_at: usize) -> Rc<Cell<usize>> {
    let runs = Rc::new(Cell::new(0));
    let counted = Rc::clone(&runs);
    mock::with(|host| {
        host.programs = Programs::played_by(move |_| {
            counted.set(counted.get() + 1);
            assert!(counted.get() != dies_at, "killed");
            Ok(Finished::new(0, &fixture("go-1.27-passed.stdout"), b""))
        });
    });
    runs
}

/// Begins to handle the event, is killed, and returns what was emitted until then.
fn killed(dies_at: usize) -> Vec<(String, Value)> {
    dying(dies_at);
    mock::with(|host| host.emits.clear());
    assert!(catch_unwind(AssertUnwindSafe(|| handle(&command(&json!(""))))).is_err());
    emitted()
}

#[test]
fn a_retry_repeats_what_was_told_and_runs_what_had_not_ended() {
    mock::reset();
    let folder = workspace(TWO);
    let first = killed(2);
    assert_eq!(types(&first), ["test.started", "test_run.started", "test_run.finished", "test_run.started"]);
    // Meanwhile the workspace has changed: the plan has not.
    fs::remove_dir_all(folder.path().join("a")).unwrap();
    fs::write(folder.path().join("Cargo.toml"), "").unwrap();
    let runs = dying(0);
    mock::with(|host| host.emits.clear());
    handle(&command(&json!(""))).unwrap();
    let second = emitted();
    assert_eq!(second.get(..first.len()), Some(first.as_slice()), "the same ordinals, the same events");
    assert_eq!(
        types(&second).get(first.len()..),
        Some(["test_run.finished", "test.completed", "message.out"].as_slice())
    );
    assert_eq!(runs.get(), 1, "the suite that had ended is not run again");
    assert_eq!(last(&second, "test.completed").get("passed"), Some(&json!(4)));
}

#[test]
fn a_request_that_is_stopped_too_often_says_so_and_ends() {
    mock::reset();
    let _folder = workspace(TWO);
    let mut before = Vec::new();
    for _ in 0..MAX_RUNS {
        let emitted = killed(1);
        assert!(emitted.starts_with(&before));
        before = emitted;
    }
    let runs = dying(1);
    mock::with(|host| host.emits.clear());
    handle(&command(&json!(""))).unwrap();
    let emitted = emitted();
    assert_eq!(runs.get(), 0);
    assert!(emitted.starts_with(&before));
    assert_eq!(last(&emitted, "test.completed").get("status"), Some(&json!("interrupted")));
    assert!(
        message(&emitted).contains("go in folder `a`: interrupted: stopped in the middle 2 times"),
        "{}",
        message(&emitted)
    );
}

#[test]
fn a_torn_line_is_cut_and_another_events_ledger_is_not_taken() {
    mock::reset();
    let _folder = workspace(TWO);
    let first = killed(2);
    let name = mock::with(|host| host.data.keys().next().unwrap().clone());
    mock::with(|host| host.data.get_mut(&name).unwrap().extend_from_slice(b"{\"told\":[\"prog"));
    dying(0);
    mock::with(|host| host.emits.clear());
    handle(&command(&json!(""))).unwrap();
    assert!(emitted().starts_with(&first));

    // The same seq in another journal is another event.
    mock::with(|host| host.emits.clear());
    let runs = dying(0);
    let event = Event { id: "00000000-0000-7000-8000-000000000002".into(), ..command(&json!("")) };
    handle(&event).unwrap();
    assert_eq!((runs.get(), types(&emitted()).len()), (2, 7));
}

#[test]
fn without_a_data_folder_everything_is_staged() {
    for error in [DataError::Denied, DataError::OverQuota] {
        mock::reset();
        let _folder = workspace(TWO);
        dying(0);
        mock::with(|host| host.data_error = Some(error));
        handle(&command(&json!(""))).unwrap();
        let expected = [
            "test.started",
            "test_run.started",
            "test_run.finished",
            "test_run.started",
            "test_run.finished",
            "test.completed",
            "message.out",
        ];
        assert_eq!(types(&emitted()), expected);
        assert!(mock::logs().iter().any(|(_, line)| line.contains("told when all is done")));
    }
}

#[test]
fn old_ledgers_are_removed_but_the_last() {
    mock::reset();
    let _folder = workspace(TWO);
    for seq in 1..=4 {
        dying(0);
        handle(&Event { seq, ..command(&json!("")) }).unwrap();
    }
    let names: Vec<String> = mock::with(|host| host.data.keys().cloned().collect());
    assert_eq!(names, ["run-00000000000000000003.jsonl", "run-00000000000000000004.jsonl"]);
}

#[test]
fn a_full_ledger_stages_the_rest() {
    mock::reset();
    let event = command(&json!(""));
    let mut ledger = Ledger::open(&event).unwrap();
    let outcome = Outcome::without_run(Status::NotStarted, "x".repeat(2_000));
    let kept = Outcome { failures: Failures::default(), ..outcome };
    for _ in 0..MAX_LEDGER_BYTES / 2_000 + 2 {
        ledger.keep_outcome(&kept);
    }
    let bytes = mock::with(|host| host.data.values().map(Vec::len).sum::<usize>());
    assert!(bytes <= MAX_LEDGER_BYTES, "{bytes}");
    let draft = Draft::new("task.progress", &json!({"progress": 1, "message": "m"})).unwrap();
    ledger.tell(Role::Progress, &draft).unwrap();
    assert!(mock::emits().is_empty(), "progress that cannot be kept is not told");
    ledger.tell(Role::SuiteFinished, &draft).unwrap();
    assert_eq!(mock::emits().len(), 1);
}

#[test]
fn the_largest_request_fits_its_ledger() {
    let mut failures = Failures::default();
    for _ in 0..crate::report::MAX_FAILURES {
        let line = "é".repeat(crate::parse::MAX_MESSAGE_LINE_BYTES / 2);
        let said = Said {
            text: vec![line; crate::parse::MAX_MESSAGE_LINES].join("\n"),
            place: Some("é".repeat(crate::parse::MAX_PLACE_BYTES / 2)),
        };
        failures.push(&"é".repeat(crate::report::MAX_NAME_BYTES), said);
    }
    let outcome = Outcome { failures, ..Outcome::without_run(Status::Failed, "x".repeat(4_000)) };
    let bytes = serde_json::to_string(&outcome).unwrap().len();
    // The outcome, and a second time its detail and the first failures in the event.
    assert!((bytes + 8_000 + MAX_TOLD_BYTES) * crate::detect::MAX_SUITES < MAX_LEDGER_BYTES, "{bytes} bytes a suite");
}

#[test]
fn a_draft_that_was_refused_is_not_repeated() {
    mock::reset();
    let event = command(&json!(""));
    let draft = |number: u64| Draft::new("task.progress", &json!({"progress": number, "message": "m"})).unwrap();
    let mut ledger = Ledger::open(&event).unwrap();
    ledger.tell(Role::Progress, &draft(1)).unwrap();
    // As the ledger notes where the host did not take the draft before.
    mock::with(|host| host.data.values_mut().for_each(|file| file.extend_from_slice(b"\"refused\"\n")));
    ledger.tell(Role::Progress, &draft(2)).unwrap();
    mock::with(|host| host.emits.clear());
    let again = Ledger::open(&event).unwrap();
    assert_eq!((mock::emits(), again.told(Role::Progress), again.runs()), (vec![draft(2)], 1, 2));
}
