//! What the tables do together, and what they must not do; each row for itself is in `rows`.
#![expect(clippy::unwrap_used, reason = "tests")]

mod rows;

use super::*;
use serde_json::json;
use tollgate_sdk::{events, mock};

fn translation(config: &str) -> Translation {
    let mut made = Translation::default();
    made.init(&Config::new(config)).unwrap();
    made
}

fn send(event_type: &str, payload: &Value) -> Vec<(String, Value)> {
    send_with("{}", event_type, payload)
}

/// Hands one event to the plugin; what it emitted for it.
fn send_with(config: &str, event_type: &str, payload: &Value) -> Vec<(String, Value)> {
    mock::with(|host| host.emits.clear());
    let event = Event { session: Some("s1".into()), ..mock::event(event_type, &payload.to_string()) };
    translation(config).handle(&event).unwrap();
    mock::emits().into_iter().map(|draft| (draft.type_, serde_json::from_str(&draft.payload).unwrap())).collect()
}

/// `payload` of `from` becomes exactly `to`, each of a shape that the bus accepts.
fn check(from: &str, payload: &Value, to: &[(&str, Value)]) {
    let found = send(from, payload);
    let wanted: Vec<(String, Value)> = to.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    assert_eq!(found, wanted, "{from} {payload}");
    for (name, value) in found {
        events::payload::check(&name, &value.to_string()).unwrap();
    }
}

/// The status that a process ends with, after `before`, when it terminates with `more`.
fn ends_as(before: &[(&str, Value)], more: &Value, status: &str) {
    mock::reset();
    for (event_type, payload) in before {
        send(event_type, payload);
    }
    let mut payload = json!({"pid": 1, "state": "TERMINATED"});
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    check("process.state_changed", &payload, &[("orchestrator.completed", json!({"request_id": 1, "status": status}))]);
}

#[test]
fn a_process_ends_as_what_ended_it() {
    let exhausted = ("resource.exhausted", json!({"pid": 1, "resource": "tokens", "usage": 2, "quota": 1}));
    let running = ("process.state_changed", json!({"pid": 1, "state": "running"}));
    ends_as(&[], &json!({}), "completed");
    for (said, status) in [
        ("failed", "failed"),
        ("TIMED_OUT", "failed"),
        ("killed", "failed"),
        ("denied", "cancelled"),
        ("Interrupted", "cancelled"),
        ("out_of_memory", "resource_exhausted"),
        ("done", "completed"),
    ] {
        ends_as(&[], &json!({"status": said}), status);
        ends_as(&[], &json!({"reason": said}), status);
    }
    // What is said and not understood is no success; a reason is free text, and the exit code may say more.
    for said in [json!("half done"), json!(false), json!({"code": "x"})] {
        ends_as(&[], &json!({"status": said, "exit_code": 0}), "failed");
    }
    ends_as(&[], &json!({"reason": "end of the script", "exit_code": 1}), "failed");
    ends_as(&[], &json!({"reason": "end of the script"}), "completed");
    ends_as(std::slice::from_ref(&exhausted), &json!({"reason": "end of the script"}), "resource_exhausted");
    ends_as(&[], &json!({"reason": "quota_exceeded"}), "resource_exhausted");
    ends_as(&[], &json!({"exit_code": 3}), "failed");
    ends_as(&[], &json!({"exit_code": 0}), "completed");
    ends_as(std::slice::from_ref(&exhausted), &json!({}), "resource_exhausted");
    ends_as(&[exhausted, running], &json!({}), "completed");
}

#[test]
fn a_process_has_one_terminal_event_until_it_begins_anew() {
    let terminated = json!({"pid": 1, "state": "terminated"});
    let cancelled = json!({"pid": 1, "reason": "x"});
    assert_eq!(send("process.cancelled", &cancelled).len(), 1);
    assert_eq!(send("process.state_changed", &terminated), []);
    assert_eq!(send("process.cancelled", &cancelled), []);
    assert_eq!(send("process.cancelled", &json!({"pid": 2, "reason": "x"})).len(), 1, "another process");
    send("process.created", &json!({"pid": 1, "request_id": "r"}));
    assert_eq!(send("process.state_changed", &terminated).len(), 1);
}

#[test]
fn what_is_remembered_is_bounded() {
    for pid in 0..memory::MAX_REMEMBERED + 10 {
        memory::remember(&memory::ended(&format!("{pid}-{}", "x".repeat(300))), b"1").unwrap();
    }
    let (keys, bytes) = mock::with(|host| {
        let bytes = host.store.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
        (host.store.keys().filter(|key| key.starts_with("ended/")).count(), bytes)
    });
    assert_eq!(u64::try_from(keys).unwrap(), memory::MAX_REMEMBERED);
    assert!(bytes < 1 << 19, "{bytes} bytes");
}

#[test]
fn missing_fields_become_null_and_are_counted() {
    for _ in 0..2 {
        let found = send("interrupt.raised", &json!({"pid": 1, "interrupt_type": "clarification"}));
        assert_eq!(found.first().unwrap().1.get("clarification_question"), Some(&Value::Null));
    }
    send("terminal.chunk", &json!({"data": "x"}));
    let stored = |key: &str| store::get(key).unwrap();
    assert_eq!(stored("missing/orchestrator.clarification.clarification_question"), Some(b"2".to_vec()));
    assert_eq!(stored("missing/work_stream.event.payload.stream"), Some(b"1".to_vec()));
    let said: Vec<String> = mock::logs().into_iter().map(|(_, text)| text).collect();
    let once = |field: &str| said.iter().filter(|text| text.contains(field)).count();
    assert_eq!((once("`clarification_question` is null"), once("`payload.stream` is null")), (1, 1), "{said:?}");
}

#[test]
fn an_operator_adds_rows() {
    let config =
        json!({"rows": [{"from": "hook.*", "when": [{"path": "payload.agent", "in": ["codex"]}], "to": "my.hook",
        "fields": {"name": "event.type", "tool": "payload.tool.name", "fixed": {"const": 1},
                   "gone": {"path": "payload.gone", "optional": true}}}]})
        .to_string();
    let found = send_with(&config, "hook.pre_tool", &json!({"agent": "codex", "tool": {"name": "Bash"}}));
    assert_eq!(found, [("my.hook".to_owned(), json!({"fixed": 1, "name": "hook.pre_tool", "tool": "Bash"}))]);
    assert_eq!(send_with(&config, "hook.pre_tool", &json!({"agent": "other"})), []);
}

#[test]
fn the_pages_rows_do_what_the_page_says() {
    let page = include_str!("../../../docs/plugins/translation.md");
    let (_, block) = page.split_once("```toml\n").unwrap();
    let file: toml::Table = block.split_once("```").unwrap().0.parse().unwrap();
    let config = serde_json::to_string(file.get("config").unwrap()).unwrap();
    let alert = json!({"severity": "Critical", "title": "t", "category": "security", "context": {"run": 4}});
    let expected = json!({"title": "t", "team": "platform", "level": 1, "run": 4, "who": "s1",
        "about": {"kind": null, "id": null}});
    assert_eq!(send_with(&config, "alert.raised", &alert), [("pager.called".to_owned(), expected)]);
    assert_eq!(send_with(&config, "alert.raised", &json!({"severity": "low"})), []);
    let granted = file.get("grant").and_then(|grant| grant.get("emit")).and_then(toml::Value::as_array).unwrap();
    assert!(granted.contains(&toml::Value::from("pager.*")));
}

#[test]
fn an_operators_map_takes_any_case_and_says_what_it_does_not_know() {
    let config = json!({"rows": [{"from": "alert.raised", "to": "my.alert", "fields": {
        "level": {"path": "payload.severity", "map": {"Critical": 1, "warning": 2}, "else": 3},
        "kind": {"path": "payload.category", "map": {"policy": "rules"}}}}]})
    .to_string();
    for (severity, category, level, kind) in [
        (json!("CRITICAL"), json!("Policy"), json!(1), json!("rules")),
        (json!("Warning"), json!("other"), json!(2), Value::Null),
        (json!("odd"), Value::Null, json!(3), Value::Null),
        (json!([1]), json!("policy"), json!(3), json!("rules")),
        (Value::Null, json!("policy"), Value::Null, json!("rules")),
    ] {
        let found = send_with(&config, "alert.raised", &json!({"severity": severity, "category": category}));
        assert_eq!(found, [("my.alert".to_owned(), json!({"level": level, "kind": kind}))], "{severity} {category}");
    }
}

#[test]
fn what_it_made_itself_is_not_translated_again() {
    let payload = json!({"pid": 1, "request_id": "r"}).to_string();
    let event = Event { source: "plugin:translation".into(), ..mock::event("process.created", &payload) };
    translation("{}").handle(&event).unwrap();
    assert_eq!(mock::emits().len(), 0);
}

#[test]
fn a_bad_row_is_refused_with_its_place() {
    for (rows, word) in [
        (json!([{"from": "A.*"}]), "rows[0]: from"),
        (json!([{"from": "a.b"}, {"from": "a.b", "to": "one"}]), "rows[1]: to"),
        (json!([{"from": "a.b", "fields": {"x": "nowhere.y"}}]), "must begin with"),
        (json!([{"from": "a.b", "ends": "pid"}]), "must begin with"),
        (json!([{"from": "a.b", "unknown": 1}]), "unknown"),
        (Value::Array(vec![json!({"from": "a.b"}); 257]), "at most 256"),
        (json!([{"from": "a.b", "fields": {"x".repeat(129): "payload.y"}}]), "rows[0]: a field's path of 129 bytes"),
        (nested(1_024), "1025 fields in all, at most 1024"),
        (either(1_025), "1025 fields in all, at most 1024"),
    ] {
        let config = Config::new(json!({"rows": rows}).to_string());
        let error = Translation::default().init(&config).unwrap_err();
        assert!(error.contains(word), "{error}");
    }
    let fits = json!([{"from": "a.b", "fields": {"x".repeat(128): "payload.y"}}]);
    for rows in [nested(1_023), either(1_024), fits] {
        translation(&json!({"rows": rows}).to_string());
    }
}

/// A row of one field that holds so many.
fn nested(fields: usize) -> Value {
    let inner: Map<String, Value> = (0..fields).map(|at| (format!("f{at}"), json!("payload.y"))).collect();
    json!([{"from": "a.b", "fields": {"x": {"object": inner}}}])
}

/// A row of so many fields, each the first of three that is there.
fn either(fields: usize) -> Value {
    let source = json!({"first_of": ["payload.a", "payload.b", {"const": 1}]});
    let fields: Map<String, Value> = (0..fields).map(|at| (format!("f{at}"), source.clone())).collect();
    json!([{"from": "a.b", "fields": fields}])
}

#[test]
fn a_process_that_lived_twice_is_remembered_by_its_second_life() {
    mock::reset();
    // The first life of process 1 takes the ring's first place.
    send("process.created", &json!({"pid": 1, "request_id": "r"}));
    send("process.state_changed", &json!({"pid": 1, "state": "terminated"}));
    for pid in 2..memory::MAX_REMEMBERED {
        memory::remember(&memory::ended(&format!("{pid}")), b"1").unwrap();
    }
    // Its second life takes the last place, and the next process the first one again.
    send("process.created", &json!({"pid": 1, "request_id": "r"}));
    let ended = send("process.state_changed", &json!({"pid": 1, "state": "terminated"})).len();
    send("process.cancelled", &json!({"pid": "other", "reason": "x"}));
    let again = send("process.cancelled", &json!({"pid": 1, "reason": "x"})).len();
    assert_eq!((ended, again), (1, 0), "a process ends once");
}
