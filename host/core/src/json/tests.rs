//! The wire names and shapes of the contract, both ways.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::*;
use crate::event::{Draft, Entity, Event};
use crate::gate::{Cause, Decision, Redirect, RedirectKind, ShellCommand, StageTimes, Verdict, Word};
use crate::time::Timestamp;
use proptest::prelude::*;
use serde_json::json;
use tollgate_events::EventType;
use uuid::Uuid;

const CONTEXT: DraftContext<'_> = DraftContext { default_source: "core" };

fn event() -> Event {
    Event {
        seq: 1234,
        id: Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001),
        event_type: EventType::parse("task.progress").unwrap(),
        ts: Timestamp::parse("2026-01-27T10:21:33.123Z").unwrap(),
        source: "core".into(),
        entity: Some(Entity { kind: "task".into(), id: "task_abc123".into() }),
        session: Some("s1".into()),
        root: Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001),
        depth: 0,
        payload: r#"{"progress":42,"message":"Indexing documents"}"#.into(),
    }
}

#[test]
fn an_envelope_has_the_frozen_five_first_and_keeps_the_payload_text() {
    assert_eq!(
        to_json(&event()),
        concat!(
            r#"{"type":"task.progress","ts":"2026-01-27T10:21:33.123Z","source":"core","#,
            r#""entity":{"kind":"task","id":"task_abc123"},"payload":{"progress":42,"message":"Indexing documents"},"#,
            r#""id":"01990000-0000-7000-8000-000000000001","seq":1234,"session":"s1","#,
            r#""root":"01990000-0000-7000-8000-000000000001","depth":0}"#
        )
    );
}

#[test]
fn an_envelope_without_entity_and_session_says_null() {
    let bare = Event { entity: None, session: None, ..event() };
    let value: Value = serde_json::from_str(&to_json(&bare)).unwrap();
    assert_eq!((&value["entity"], &value["session"]), (&Value::Null, &Value::Null));
}

#[test]
fn an_envelope_is_one_line_whatever_the_payload_looks_like() {
    let pretty = Event { payload: "{\r\n  \"a\": 1\n}".into(), ..event() };
    let line = to_json(&pretty);
    assert!(!line.contains(['\n', '\r']), "{line}");
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["payload"], json!({"a": 1}));
}

proptest! {
    #[test]
    fn any_name_survives_the_envelope(kind in ".{0,20}", id in ".{0,20}", session in ".{0,20}", source in ".{0,20}") {
        let entity = Some(Entity { kind: kind.as_str().into(), id: id.as_str().into() });
        let event = Event {
            entity, session: Some(session.as_str().into()), source: source.as_str().into(), ..event()
        };
        let value: Value = serde_json::from_str(&to_json(&event)).unwrap();
        prop_assert_eq!(&value["entity"], &json!({"kind": kind, "id": id}));
        prop_assert_eq!(&value["session"], &json!(session));
        prop_assert_eq!(&value["source"], &json!(source));
    }

    #[test]
    fn no_text_makes_the_readers_panic(text in ".{0,200}") {
        let _ = drafts_from_json(&text, CONTEXT);
        let _ = call_from_json(&text);
    }
}

#[test]
fn an_envelope_reads_back_as_its_draft() {
    let event = event();
    let draft = draft_from_json(&to_json(&event), CONTEXT).unwrap();
    let expected = Draft {
        event_type: event.event_type,
        payload: event.payload,
        source: event.source,
        entity: event.entity,
        session: event.session,
        id: Some(event.id),
        ts: Some(event.ts),
        cause: None,
    };
    assert_eq!(draft, expected);
}

#[test]
fn only_the_type_is_required() {
    let draft = draft_from_json(r#"{"type":"a.b"}"#, DraftContext { default_source: "webui" }).unwrap();
    assert_eq!(draft, Draft::new(EventType::parse("a.b").unwrap(), "webui", "{}"));
}

#[test]
fn one_object_an_array_and_lines_are_read() {
    let check = |text: &str, count: usize| {
        assert_eq!(drafts_from_json(text, CONTEXT).map(|drafts| drafts.len()), Ok(count), "{text}");
    };
    check(r#"{"type":"a.b"}"#, 1);
    check("{\n \"type\": \"a.b\"\n}\n", 1);
    check(r#"[{"type":"a.b"},{"type":"a.c"}]"#, 2);
    check("{\"type\":\"a.b\"}\n\n{\"type\":\"a.c\"}\r\n{\"type\":\"a.d\"}\n", 3);
}

#[test]
fn bad_drafts_are_named_by_index_and_path() {
    let check = |text: &str, says: &str| {
        let error = match drafts_from_json(text, CONTEXT) {
            Ok(drafts) => panic!("{text} was read as {drafts:?}"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(says), "{text}\n  said: {error}\n  not:  {says}");
    };
    check("", "empty");
    check("[]", "an empty array");
    check("7", "an event is an object, this is a number");
    check("{\"type\":", "not JSON");
    check("{\"type\":\"a.b\"}\nnonsense", "event 1: not JSON");
    check(r#"{"payload":{}}"#, "`type`: missing");
    check(r#"{"type":7}"#, "`type`: must be a string, is a number");
    check(r#"{"type":"Oops"}"#, "bad segment");
    check(r#"{"type":"oops"}"#, "one segment");
    check(r#"[{"type":"a.b"},{"type":"a.b","payload":[]}]"#, "event 1: `payload`: must be an object, is an array");
    check(r#"{"type":"a.b","entity":"x"}"#, "`entity`: must be an object");
    check(r#"{"type":"a.b","entity":{"kind":"x"}}"#, "`entity.id`: missing");
    check(r#"{"type":"a.b","entity":{"kind":1,"id":"x"}}"#, "`entity.kind`: must be a string");
    check(r#"{"type":"a.b","id":"x"}"#, "`id`: not a UUID");
    check(r#"{"type":"a.b","id":"01990000-0000-8000-8000-000000000001"}"#, "`id`: version 8 is for");
    check(r#"{"type":"a.b","ts":"yesterday"}"#, "`ts`: `yesterday` is not an RFC 3339 time");
    check(r#"{"type":"a.b","source":"plugin:audit"}"#, "`source`: `plugin:` is for plugins");
    check(r#"{"type":"a.b","session":7}"#, "`session`: must be a string");
    check(r#"{"type":"NO_SUCH_THING"}"#, "no runner event");
    check(r#"{"event_type":"process.created"}"#, "`pid`: missing");
    check(r#"{"event_type":"created","pid":"1"}"#, "`event_type`:");
    check(r#"{"type":"a.b","ts":"-000001-01-01T00:00:00Z"}"#, "`ts`: `-000001-01-01T00:00:00Z` is not an RFC 3339");
    for ts in ["9223372036854775807", "253402207200001", "-62167219200001", "1.5", "1e3"] {
        let record = format!("{{\"type\":\"USAGE_TICK\",\"sessionId\":\"s\",\"ts\":{ts}}}");
        check(&record, "`ts`: must be a time of the years 0000 to 9999");
    }
    check(r#"{"specversion":"1.0","type":"a.b","data":"x"}"#, "`data`: must be an object");
    check(r#"{"specversion":"1.0","type":"a.b","data_base64":"AAAA"}"#, "`data_base64`: binary data is not taken");
}

#[test]
fn a_batch_is_bounded() {
    let line = |count: usize| "{\"type\":\"a.b\"}\n".repeat(count);
    assert_eq!(drafts_from_json(&line(MAX_DRAFTS), CONTEXT).unwrap().len(), MAX_DRAFTS);
    assert!(drafts_from_json(&line(MAX_DRAFTS + 1), CONTEXT).unwrap_err().reason.contains("at most 1000"));
}

#[test]
fn foreign_records_become_events() {
    let check = |text: &str, event_type: &str, entity: Option<(&str, &str)>, session: Option<&str>, payload: Value| {
        let draft = draft_from_json(text, CONTEXT).unwrap();
        assert_eq!(draft.event_type.as_str(), event_type);
        assert_eq!(draft.entity, entity.map(|(kind, id)| Entity { kind: kind.into(), id: id.into() }));
        assert_eq!(draft.session.as_deref(), session);
        assert_eq!(serde_json::from_str::<Value>(&draft.payload).unwrap(), payload);
    };
    check(
        r#"{"event_type":"process.created","pid":"p1","data":{"request_id":"r1"}}"#,
        "process.created",
        Some(("process", "p1")),
        None,
        json!({"request_id": "r1", "pid": "p1"}),
    );
    check(
        r#"{"type":"SESSION_STARTED","sessionId":"s9","ts":1700000000000,"seq":3,"providerId":"x"}"#,
        "session.started",
        Some(("session", "s9")),
        Some("s9"),
        json!({"providerId": "x", "source_seq": 3}),
    );
    check(
        r#"{"specversion":"1.0","type":"task.started","source":"webui","id":"not a uuid","subject":"task/t1","data":{}}"#,
        "task.started",
        Some(("task", "t1")),
        None,
        json!({}),
    );
}

#[test]
fn a_cloud_event_twice_has_one_id() {
    let read = |id: &str| {
        let text = json!({"specversion": "1.0", "type": "a.b", "source": "webui", "id": id}).to_string();
        draft_from_json(&text, CONTEXT).unwrap().id
    };
    assert_eq!(read("x"), read("x"));
    assert_ne!(read("x"), read("y"));
    let derived = "01990000-0000-8000-8000-000000000001";
    assert_ne!(read(derived).unwrap().to_string(), derived, "no one names an id that the host derives");
}

#[test]
fn a_call_is_read_whole() {
    let text = r#"{"session_id":"s1","tool_name":"Bash","tool_input":{"command":"cargo test"},"cwd":"/home/dev/project",
        "agent":"claude-code","call_id":"toolu_01","roots":["/home/dev/project"],"can_ask":true,"wait_ms":8000,"more":1}"#;
    let call = call_from_json(text).unwrap();
    assert_eq!(call.session_id.as_deref(), Some("s1"));
    assert_eq!(call.tool_name, "Bash");
    assert_eq!(call.tool_input["command"], "cargo test");
    assert_eq!(call.cwd.as_deref(), Some(std::path::Path::new("/home/dev/project")));
    assert_eq!(call.agent.as_deref(), Some("claude-code"));
    assert_eq!(call.call_id.as_deref(), Some("toolu_01"));
    assert_eq!(call.roots, [std::path::PathBuf::from("/home/dev/project")]);
    assert!(call.can_ask);
    assert_eq!(call.wait_ms, Some(8_000));
}

#[test]
fn a_bad_call_is_named_by_path() {
    let check = |text: &str, says: &str| {
        let error = call_from_json(text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}\n  said: {error}\n  not:  {says}");
    };
    check("[]", "a call is an object, this is an array");
    check("{", "not JSON");
    check(r#"{"tool_input":{}}"#, "`tool_name`: missing");
    check(r#"{"tool_name":"","tool_input":{}}"#, "`tool_name`: is empty");
    check(r#"{"tool_name":"Bash"}"#, "`tool_input`: missing");
    check(r#"{"tool_name":"Bash","tool_input":"ls"}"#, "`tool_input`: must be an object, is a string");
    check(r#"{"tool_name":"Bash","tool_input":{},"cwd":"src"}"#, "`cwd`: must be an absolute path");
    let long = format!("/{}", "d".repeat(crate::session::MAX_PATH_BYTES));
    for (key, value, path) in [("cwd", json!(long), "`cwd`"), ("roots", json!(["/a", long]), "`roots[1]`")] {
        let text = json!({"tool_name": "Bash", "tool_input": {}, key: value}).to_string();
        check(&text, &format!("{path}: has 4097 bytes, a path has at most 4096"));
    }
    let roots = |count: usize| json!({"tool_name": "Bash", "tool_input": {}, "roots": vec!["/a"; count]}).to_string();
    assert!(call_from_json(&roots(32)).is_ok());
    check(&roots(33), "`roots`: a session has at most 32, these are 33");
    check(r#"{"tool_name":"Bash","tool_input":{},"roots":["/a",7]}"#, "`roots[1]`: must be a string");
    check(r#"{"tool_name":"Bash","tool_input":{},"roots":"/a"}"#, "`roots`: must be an array");
    check(r#"{"tool_name":"Bash","tool_input":{},"can_ask":"yes"}"#, "`can_ask`: must be true or false");
    check(r#"{"tool_name":"Bash","tool_input":{},"wait_ms":-1}"#, "`wait_ms`: must be whole milliseconds");
    check(r#"{"tool_name":"Bash","tool_input":{},"wait_ms":3600001}"#, "`wait_ms`: must be whole milliseconds");
}

#[test]
fn a_verdict_has_the_contract_s_keys_in_order() {
    let command = ShellCommand {
        program: Word { text: "rm".to_owned(), literal: true },
        args: vec![Word { text: "$X".to_owned(), literal: false }],
        assignments: vec![("A".to_owned(), Word { text: "1".to_owned(), literal: true })],
        redirects: vec![Redirect {
            kind: RedirectKind::HereDocument,
            target: Word { text: "x".to_owned(), literal: true },
        }],
        wrappers: vec!["sudo".to_owned()],
        ..ShellCommand::default()
    };
    let verdict = Verdict {
        decision: Decision::Deny,
        reason: "no".to_owned(),
        cause: Some(Cause::Rule),
        via: None,
        decided_by: Some("guardrails/rm-root".to_owned()),
        rewritten_input: None,
        commands: vec![command],
        understood: true,
        approval_id: None,
        seq: vec![41, 42],
        call_id: "c1".to_owned(),
        stages_us: StageTimes { parse: 4, sandbox: 6, rules: 9, guards: 31, commit: 1400 },
    };
    assert_eq!(
        verdict_to_value(&verdict).to_string(),
        concat!(
            r#"{"decision":"deny","reason":"no","cause":"rule","decided_by":"guardrails/rm-root","#,
            r#""rewritten_input":null,"commands":[{"program":{"text":"rm","literal":true},"#,
            r#""args":[{"text":"$X","literal":false}],"assignments":[["A",{"text":"1","literal":true}]],"#,
            r#""redirects":[{"kind":"here_document","target":{"text":"x","literal":true}}],"wrappers":["sudo"],"#,
            r#""piped_from":null}],"understood":true,"approval_id":null,"seq":[41,42],"#,
            r#""stages_us":{"parse":4,"sandbox":6,"rules":9,"guards":31,"commit":1400}}"#
        )
    );
}

#[test]
fn a_cloud_event_goes_out_as_it_came_in() {
    let text = to_cloud_event(&event());
    assert!(
        text.starts_with(r#"{"specversion":"1.0","id":"01990000-0000-7000-8000-000000000001","type":"task.progress""#)
    );
    let draft = draft_from_json(&text, CONTEXT).unwrap();
    let Event { id, event_type, ts, source, entity, session, payload, .. } = event();
    let expected = Draft { id: Some(id), ts: Some(ts), entity, session, ..Draft::new(event_type, source, payload) };
    assert_eq!(draft, expected);
    let bare = Event { entity: None, session: None, payload: "{\n}".into(), ..event() };
    let value: serde_json::Value = serde_json::from_str(&to_cloud_event(&bare)).unwrap();
    assert_eq!((value.get("subject"), value.get("session"), &value["data"]), (None, None, &json!({})));
    assert!(!to_cloud_event(&bare).contains('\n'));
}

#[test]
fn a_cloud_event_of_another_version_is_refused() {
    for version in [json!("0.3"), json!(1.0), json!("")] {
        let text = json!({"specversion": version, "type": "a.b", "source": "x", "id": "1"}).to_string();
        let error = draft_from_json(&text, CONTEXT).unwrap_err();
        assert_eq!(error.path, "specversion", "{version}: {error}");
    }
}
