//! The plugin as a whole, against the SDK's mock host.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod chain;

use super::*;
use crate::trail::{Broken, Reason, Summary};
use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_sdk::events::{EventType, PatternSet};
use tollgate_sdk::mock;
use tollgate_sdk::payload;

const DAY: u64 = 86_400_000;
/// When the mock's events happen.
const NOW: u64 = 1_700_000_000_000;

fn event(seq: u64, event_type: &str, payload: &Value) -> Event {
    Event { seq, ..mock::event(event_type, &payload.to_string()) }
}

fn attempt(seq: u64) -> Event {
    let payload = json!({"session_id": "s1", "tool_name": "Bash", "tool_input": {"command": "ls"}, "call_id": "c1"});
    event(seq, "tool.gated", &payload)
}

fn audit(config: &str) -> Audit {
    let mut audit = Audit::default();
    audit.init(&Config::new(config)).unwrap();
    audit
}

fn files() -> Vec<(String, Vec<u8>)> {
    mock::with(|host| host.data.clone()).into_iter().collect()
}

fn lines() -> Vec<Value> {
    let read = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    files().into_iter().flat_map(|(_, bytes)| read(bytes)).collect()
}

fn verify() -> Result<Summary, Broken> {
    trail::verify(files().into_iter().map(|(name, bytes)| (name, std::io::Cursor::new(bytes))))
}

/// The kind and members of the line that `event` becomes.
fn line_of(event: &Event) -> Value {
    mock::reset();
    audit("{}").handle(event).unwrap();
    lines().pop().unwrap()
}

#[test]
fn each_fact_is_one_line_of_a_chain() {
    let mut audit = audit("{}");
    for seq in [3, 4, 9] {
        audit.handle(&attempt(seq)).unwrap();
    }
    let summary = verify().unwrap();
    assert_eq!((summary.files, summary.lines, summary.last_seq, summary.repaired), (1, 3, 9, 0));
    assert_eq!(files().first().unwrap().0, "audit-00000000000000000003.jsonl");
    assert_eq!(lines().first().unwrap().get("prev").unwrap(), trail::START);
}

#[test]
fn the_trail_holds_every_change_of_what_agents_may_do() {
    let patterns = PatternSet::parse(Audit::describe().subscriptions.iter().map(String::as_str)).unwrap();
    let heard = |name: &str| patterns.matches(&EventType::parse(name).unwrap());
    for name in [
        payload::TOOL_GATED,
        payload::TOOL_DENIED,
        payload::TOOL_FINISHED,
        payload::INTERACTION_RESOLVED,
        payload::APPROVAL_RESOLVED,
        payload::COMMAND_MERGE,
        payload::PLUGIN_SWAPPED,
        payload::MESSAGE_IN,
        payload::PROTECTION_PAUSED,
        payload::PROTECTION_RESUMED,
        payload::SESSION_GRANTED,
        payload::SESSION_REVOKED,
        payload::SESSION_MODE_SET,
        payload::SESSION_PROMPTED,
        payload::EXECUTION_INTERRUPTED,
        payload::ALERT_RAISED,
        payload::JOURNAL_RESET,
        payload::JOURNAL_REDACTED,
    ] {
        assert!(heard(name), "{name}");
    }
    for name in [payload::TERMINAL_CHUNK, payload::USAGE_TICK, payload::TASK_PROGRESS, payload::STREAM_GAP] {
        assert!(!heard(name), "{name} is no such thing, and there are many");
    }
    let line = line_of(&event(5, "protection.paused", &json!({"by": "ada", "duration_ms": 60_000})));
    assert_eq!(
        (line.pointer("/event").unwrap(), line.pointer("/details/by").unwrap()),
        (&json!("protection.paused"), &json!("ada"))
    );
    let line = line_of(&event(6, "session.revoked", &json!({"chat_id": "c", "key": "git push", "by": "bob"})));
    assert_eq!(line.pointer("/details/key").unwrap(), "git push");
    let line = line_of(&event(7, "session.prompted", &json!({"chat_id": "c", "text": "between us"})));
    assert!(!line.to_string().contains("between us"), "what is said is left out, unless asked for");
}

#[test]
fn kinds_are_the_documented_ones() {
    let gated = |command: &str| {
        let input = json!({"command": command});
        event(1, "tool.gated", &json!({"session_id": "s", "tool_name": "Bash", "tool_input": input, "call_id": "c"}))
    };
    let check = |event: &Event, kind: &str| assert_eq!(line_of(event).get("event").unwrap(), kind);
    check(&gated("ls"), "tool_attempt");
    check(&gated("echo git"), "tool_attempt");
    check(&gated("cd x && /usr/bin/git push"), "git_operation");
    check(&gated("GIT_DIR=x git status"), "git_operation");
    check(&event(1, "tool.finished", &json!({})), "tool.finished");
    check(&event(1, "approval.requested", &json!({"approval": {}})), "approval");
    check(&event(1, "interaction.resolved", &json!({"kind": "approval"})), "approval");
    check(&event(1, "interaction.resolved", &json!({"kind": "question"})), "interaction.resolved");
    check(&event(1, "command.merge", &json!({"chat_id": "c", "branch": "b"})), "git_operation");
    check(&event(1, "plugin.loaded", &json!({"plugin": "audit"})), "plugin.loaded");
}

#[test]
fn a_violation_is_one_line_with_its_members() {
    let denied = json!({"session_id": "s1", "tool_name": "Bash", "reason": "no", "violation_type": "policy",
        "cause": "rule", "call_id": "c1", "decided_by": "guardrails/rm-root", "more": 1});
    let line = line_of(&event(7, "tool.denied", &denied));
    for (member, value) in [
        ("event", json!("security_violation")),
        ("session_id", json!("s1")),
        ("decision", json!("deny")),
        ("matched_rule", json!("guardrails/rm-root")),
        ("cause", json!("rule")),
        ("seq", json!(7)),
        ("timestamp", json!("2023-11-14T22:13:20.000Z")),
        ("details", json!({"more": 1})),
    ] {
        assert_eq!(line.get(member), Some(&value), "{member}");
    }
    assert_eq!(lines().len(), 1);
}

#[test]
fn long_strings_are_cut_and_message_text_is_optional() {
    let message = event(1, "message.in", &json!({"user_id": "u", "chat_id": "c", "text": "ü".repeat(501)}));
    assert!(line_of(&message).pointer("/details/text").is_none());
    mock::reset();
    audit(r#"{"message_text":true}"#).handle(&message).unwrap();
    let line = lines().pop().unwrap();
    let text = line.pointer("/details/text").unwrap().as_str().unwrap();
    assert_eq!(text, format!("{}...[truncated]", "ü".repeat(500)));
}

#[test]
fn a_payload_too_deep_to_read_is_recorded_as_text() {
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let line = line_of(&mock::event("tool.gated", &deep));
    assert!(line.pointer("/details/payload_text").unwrap().as_str().unwrap().starts_with(r#"{"a":[["#));
    assert!(verify().is_ok());
}

#[test]
fn redelivery_writes_nothing_twice_and_reads_nothing_again() {
    let mut first = audit("{}");
    first.handle(&attempt(1)).unwrap();
    first.handle(&attempt(2)).unwrap();
    first.handle(&attempt(2)).unwrap();
    let reads = mock::with(|host| host.data_reads);
    first.handle(&attempt(3)).unwrap();
    assert_eq!(mock::with(|host| host.data_reads), reads, "the tail is remembered");
    let mut restarted = audit("{}");
    restarted.handle(&attempt(3)).unwrap();
    restarted.handle(&attempt(4)).unwrap();
    assert_eq!(verify().unwrap().lines, 4);
}

#[test]
fn what_is_passed_over_is_said_once() {
    audit("{}").handle(&attempt(9)).unwrap();
    let mut restarted = audit("{}");
    // As after a crash, or with a journal that begins anew.
    restarted.handle(&attempt(1)).unwrap();
    restarted.handle(&attempt(2)).unwrap();
    let said = mock::logs().iter().filter(|(_, text)| text.contains("the trail reaches to 9")).count();
    assert_eq!(said, 1);
}

#[test]
fn rotation_by_size_and_day_keeps_the_chain() {
    let mut audit = audit(r#"{"max_file_bytes":4096}"#);
    for seq in 1..=30 {
        audit.record(&attempt(seq), NOW).unwrap();
    }
    let by_size = files().len();
    assert!(by_size > 1, "{by_size} files");
    let tomorrow = NOW + DAY;
    audit.record(&Event { time: tomorrow, ..attempt(31) }, tomorrow).unwrap();
    assert_eq!(files().len(), by_size + 1);
    let mut restarted = super::tests::audit(r#"{"max_file_bytes":4096}"#);
    restarted.record(&Event { time: tomorrow, ..attempt(32) }, tomorrow).unwrap();
    assert_eq!(files().len(), by_size + 1, "a restart goes on in the same file");
    assert_eq!(verify().unwrap().lines, 32);
}

#[test]
fn times_that_emitters_choose_make_no_files() {
    let mut audit = audit("{}");
    for seq in 1..=1_200 {
        let time = if seq % 2 == 0 { NOW + seq * DAY } else { seq };
        audit.record(&Event { time, ..attempt(seq) }, NOW).unwrap();
    }
    assert_eq!(files().len(), 1);
    // Nor does a clock that was set back, or a last line from the future or the past.
    audit.record(&attempt(1_201), NOW - DAY).unwrap();
    assert_eq!(files().len(), 1);
    for (seq, time, expected) in [(1_202, NOW + 9 * DAY, 1), (1_203, 5, 1), (1_204, NOW, 2), (1_205, NOW, 2)] {
        super::tests::audit("{}").record(&Event { time, ..attempt(seq) }, NOW).unwrap();
        assert_eq!(files().len(), expected, "at {seq}");
    }
    assert_eq!(verify().unwrap().lines, 1_205);
}

#[test]
fn what_was_given_up_is_said_before_the_next_fact() {
    let refuse = |error| mock::with(|host| host.data_error = error);
    let mut audit = audit(r#"{"max_file_bytes":4096}"#);
    audit.handle(&attempt(1)).unwrap();
    refuse(Some(tollgate_sdk::DataError::OverQuota));
    for seq in [2, 2, 2, 5, 5, 5, 9] {
        assert!(matches!(audit.handle(&attempt(seq)), Err(Failure::Retry(_))));
    }
    refuse(None);
    // Tried again before it was given up: it is there.
    audit.handle(&attempt(9)).unwrap();
    let summary = verify().unwrap();
    assert_eq!((summary.lines, summary.missing, summary.last_seq), (3, 2, 9));
    let gap = lines().remove(1);
    assert_eq!((gap.get("event"), gap.get("seq")), (Some(&json!(trail::GAP)), Some(&json!(1))));
    let details = json!({"missing": 2, "first_seq": 2, "last_seq": 5,
        "reason": "the audit trail cannot be written: its data quota is used up"});
    assert_eq!(gap.get("details"), Some(&details));
    // Once, however full its file is, and in a chain that a new start goes on with.
    for seq in 10..=40 {
        audit.handle(&attempt(seq)).unwrap();
        refuse(Some(tollgate_sdk::DataError::Denied));
        let _ = audit.handle(&attempt(seq * 100));
        refuse(None);
    }
    super::tests::audit("{}").handle(&attempt(5_000)).unwrap();
    let summary = verify().unwrap();
    assert_eq!((summary.lines, summary.missing), (3 + 31 + 30 + 1, 2 + 30));
}

#[test]
fn a_gap_that_does_not_say_how_much_is_missing_is_no_line_of_the_trail() {
    let note = record::note(trail::GAP, NOW, json!({"missing": "some"}));
    let (line, _) = trail::seal(note, 0, trail::START);
    assert_eq!(trail::verify([("x".to_owned(), line.as_bytes())]).unwrap_err().reason, Reason::Foreign);
}

#[test]
fn a_torn_line_is_repaired_and_said() {
    // Every place that a write can stop at, the missing newline included.
    mock::reset();
    audit("{}").handle(&attempt(1)).unwrap();
    let whole = files().pop().unwrap().1;
    audit("{}").handle(&attempt(2)).unwrap();
    let (name, both) = files().pop().unwrap();
    for length in whole.len() + 1..both.len() {
        mock::with(|host| host.data.get_mut(&name).unwrap().clone_from(&both));
        mock::with(|host| host.data.get_mut(&name).unwrap().truncate(length));
        assert_eq!(verify().unwrap_err().reason, Reason::Torn);
        audit("{}").handle(&attempt(2)).unwrap();
        let summary = verify().unwrap_or_else(|broken| panic!("torn at {length}: {broken}"));
        assert_eq!(summary.last_seq, 2);
        assert_eq!(summary.repaired, u64::from(length < both.len() - 1), "torn at {length}");
    }
}

#[test]
fn a_torn_first_line_of_a_file_is_repaired() {
    audit("{}").handle(&attempt(1)).unwrap();
    mock::with(|host| host.data.insert(trail::file_name(2), b"{\"times".to_vec()));
    audit("{}").handle(&attempt(2)).unwrap();
    let summary = verify().unwrap();
    assert_eq!((summary.lines, summary.repaired, summary.files), (3, 1, 2));
}

#[test]
fn a_failed_write_is_tried_again_and_leaves_no_gap() {
    let mut audit = audit("{}");
    audit.handle(&attempt(1)).unwrap();
    mock::with(|host| host.data_error = Some(tollgate_sdk::DataError::OverQuota));
    assert!(matches!(audit.handle(&attempt(2)), Err(Failure::Retry(_))));
    mock::with(|host| host.data_error = None);
    audit.handle(&attempt(2)).unwrap();
    assert_eq!(verify().unwrap().lines, 2);
}

#[test]
fn initialising_neither_reads_nor_writes() {
    mock::with(|host| host.read_only = true);
    let _ = audit("{}");
    assert_eq!(mock::with(|host| host.data_reads), 0);
}

#[test]
fn an_altered_last_line_does_not_stop_the_recording() {
    audit("{}").handle(&attempt(1)).unwrap();
    let (name, mut bytes) = files().pop().unwrap();
    *bytes.get_mut(20).unwrap() = b'9';
    mock::with(|host| host.data.insert(name.clone(), bytes));
    audit("{}").handle(&attempt(2)).unwrap();
    let broken = verify().unwrap_err();
    assert_eq!((broken.file, broken.line, broken.reason), (name, 1, Reason::Altered));
    assert_eq!(lines().last().unwrap().get("seq").unwrap(), 2);
}

#[test]
fn its_own_faults_are_left_to_the_journal() {
    audit("{}").handle(&event(1, "plugin.faulted", &json!({"plugin": "audit"}))).unwrap();
    assert!(files().is_empty());
    audit("{}").handle(&event(1, "plugin.faulted", &json!({"plugin": "other"}))).unwrap();
    assert_eq!(lines().len(), 1);
}

#[test]
fn a_bad_configuration_is_refused() {
    for config in [r#"{"max_file_bytes":1}"#, r#"{"unknown":1}"#, r#"{"message_text":"yes"}"#] {
        assert!(Audit::default().init(&Config::new(config)).is_err(), "{config}");
    }
}

/// Lines of a trail of five, changed by `change`; verification must name line `line`.
fn changed(change: impl FnOnce(&mut Vec<String>), line: u64) {
    mock::reset();
    let mut audit = audit("{}");
    (1..=5).for_each(|seq| audit.handle(&attempt(seq)).unwrap());
    let (name, bytes) = files().pop().unwrap();
    let mut lines: Vec<String> = String::from_utf8(bytes).unwrap().lines().map(|line| format!("{line}\n")).collect();
    change(&mut lines);
    let found = trail::verify([(name, std::io::Cursor::new(lines.concat()))]).unwrap_err();
    assert_eq!(found.line, line, "{found}");
}

#[test]
fn verification_names_the_first_bad_line() {
    changed(|lines| drop(lines.remove(1)), 2);
    changed(|lines| drop(lines.remove(0)), 1);
    changed(|lines| lines.swap(1, 2), 2);
    changed(|lines| lines.insert(2, lines.get(1).unwrap().clone()), 3);
    changed(|lines| lines.insert(2, "{}\n".to_owned()), 3);
    changed(|lines| *lines.get_mut(3).unwrap() = lines.get(3).unwrap().replace("ls", "rm"), 4);
}

#[test]
fn a_folder_is_verified_in_name_order() {
    let mut audit = audit(r#"{"max_file_bytes":4096}"#);
    (1..=30).for_each(|seq| audit.handle(&attempt(seq)).unwrap());
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files() {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    std::fs::write(folder.path().join("notes.txt"), "not of the trail").unwrap();
    assert_eq!(trail::verify_folder(folder.path()).unwrap(), verify().unwrap());
    assert!(matches!(trail::verify_folder(&folder.path().join("none")).unwrap_err().reason, Reason::Unreadable(_)));
}

/// Read by a process that may have fewer files open than the trail has: this test's own, started again.
#[test]
fn a_trail_may_have_more_files_than_may_be_open() {
    const FOLDER: &str = "TOLLGATE_AUDIT_TEST_TRAIL";
    const FILES: usize = 100;
    if let Some(folder) = std::env::var_os(FOLDER) {
        let folder = std::path::Path::new(&folder);
        assert_eq!(trail::verify_folder(folder).unwrap().files, FILES);
        let mut lines = 0;
        trail::each_line(folder, |_| lines += 1).unwrap();
        assert_eq!(lines, FILES);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut head = trail::START.to_owned();
    for seq in 1..=u64::try_from(FILES).unwrap() {
        let (line, hash) = trail::seal(record::body(&attempt(seq), &Settings::default()), seq, &head);
        std::fs::write(folder.path().join(trail::file_name(seq)), line).unwrap();
        head = hash;
    }
    let mut child = std::process::Command::new("sh");
    child.args(["-c", "ulimit -n 64 && exec \"$@\"", "sh"]).arg(std::env::current_exe().unwrap());
    child.args(["--exact", "tests::a_trail_may_have_more_files_than_may_be_open"]).env(FOLDER, folder.path());
    let output = child.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// The order of files is the order of their names, and nothing else is read from a name.
#[test]
fn a_file_of_another_name_is_out_of_order_or_as_good_as_before() {
    let mut audit = audit(r#"{"max_file_bytes":4096}"#);
    (1..=30).for_each(|seq| audit.handle(&attempt(seq)).unwrap());
    let whole = verify().unwrap();
    assert!(whole.files > 2, "{} files", whole.files);
    let renamed = |at: usize, name: String| {
        let mut files = files();
        files.get_mut(at).unwrap().0 = name;
        files.sort();
        trail::verify(files.into_iter().map(|(name, bytes)| (name, std::io::Cursor::new(bytes))))
    };
    assert_eq!(renamed(0, trail::file_name(0)), Ok(whole.clone()));
    assert_eq!(renamed(whole.files - 1, trail::file_name(1_000)), Ok(whole));
    for (at, name) in [(0, 1_000), (1, 0), (1, 1_000)] {
        assert_eq!(renamed(at, trail::file_name(name)).unwrap_err().reason, Reason::Unchained);
    }
}

/// The lines that the page shows.
fn shown() -> Vec<&'static str> {
    let page = include_str!("../../../docs/plugins/audit.md");
    let (_, block) = page.split_once("```jsonl\n").unwrap();
    block.split_once("```").unwrap().0.lines().collect()
}

#[test]
fn the_page_shows_what_is_written() {
    let gated =
        json!({"session_id": "s1", "tool_name": "Bash", "tool_input": {"command": "rm -rf /"}, "call_id": "c1"});
    let denied = json!({"session_id": "s1", "tool_name": "Bash", "reason": "removes the root folder",
        "violation_type": "policy", "cause": "rule", "call_id": "c1", "decided_by": "guardrails/rm-root"});
    let mut audit = audit("{}");
    for (seq, name, payload) in [(41, "tool.gated", gated), (42, "tool.denied", denied)] {
        let (session, source) = (Some("s1".into()), "hook:claude-code".into());
        audit.handle(&Event { session, source, time: 1_769_509_293_123, ..event(seq, name, &payload) }).unwrap();
    }
    let (name, bytes) = files().pop().unwrap();
    assert_eq!(name, "audit-00000000000000000041.jsonl");
    assert_eq!(String::from_utf8(bytes).unwrap().lines().collect::<Vec<_>>(), shown());
}

/// As the page says it, and by nothing else of this package: what is before `,"hash":"` is hashed, `prev` is the
/// hash before.
#[test]
fn a_verifier_can_be_written_from_the_page() {
    use sha2::{Digest, Sha256};
    let mut before = "0".repeat(64);
    for line in shown() {
        let (body, hash) = line.rsplit_once(",\"hash\":\"").unwrap();
        let hash = hash.strip_suffix("\"}").unwrap();
        let digest: String = Sha256::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, hash);
        let members: Value = serde_json::from_str(line).unwrap();
        assert_eq!(members.get("prev").and_then(Value::as_str), Some(before.as_str()));
        before = digest;
    }
}

proptest! {
    #[test]
    fn any_changed_byte_shows(at in any::<prop::sample::Index>(), byte: u8) {
        mock::reset();
        let mut audit = audit("{}");
        (1..=3).for_each(|seq| audit.handle(&attempt(seq)).unwrap());
        let (name, mut bytes) = files().pop().unwrap();
        let place = at.get_mut(&mut bytes);
        prop_assume!(*place != byte);
        *place = byte;
        prop_assert!(trail::verify([(name, std::io::Cursor::new(bytes))]).is_err());
    }

    #[test]
    fn verifying_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = trail::verify([("x".to_owned(), std::io::Cursor::new(bytes))]);
    }
}
