//! Tests of the catalogue: every row has a payload that passes, and each required field is missed.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use proptest::prelude::*;

/// One payload for each type, with every required field; `optional` lists keys that may go.
const GOOD: &str = include_str!("../../vectors/payloads.jsonl");

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "type")]
    event_type: String,
    payload: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    optional: Vec<String>,
}

fn rows() -> Vec<Row> {
    GOOD.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text(payload: &serde_json::Map<String, serde_json::Value>) -> String {
    serde_json::to_string(payload).unwrap()
}

#[test]
fn every_type_of_the_catalogue_has_a_row_that_passes() {
    let rows = rows();
    let listed: Vec<&str> = rows.iter().map(|row| row.event_type.as_str()).collect();
    assert_eq!(listed, KNOWN_TYPES);
    for row in rows {
        assert_eq!(check(&row.event_type, &text(&row.payload)), Ok(()));
        let mut more = row.payload.clone();
        more.insert("further".into(), 1.into());
        assert_eq!(check(&row.event_type, &text(&more)), Ok(()), "further keys are kept");
    }
}

#[test]
fn a_required_field_cannot_be_missing_and_an_optional_one_can() {
    for row in rows() {
        for key in row.payload.keys() {
            let mut less = row.payload.clone();
            less.shift_remove(key);
            let found = check(&row.event_type, &text(&less));
            if row.optional.contains(key) {
                assert_eq!(found, Ok(()), "{} without {key}", row.event_type);
            } else {
                let violation = found.unwrap_err();
                assert!(violation.reason.contains(key.as_str()), "{violation}");
            }
        }
    }
}

/// `payload` of `event_type` is refused at `path`, in words that hold `reason`.
fn refused(event_type: &str, payload: &str, path: &str, reason: &str) {
    let violation = check(event_type, payload).unwrap_err();
    assert_eq!(violation.path, path, "{violation}");
    assert!(violation.reason.contains(reason), "{violation}");
}

#[test]
fn refusals_name_path_and_reason() {
    refused("task.progress", r#"{"progress":101,"message":"x"}"#, "payload.progress", "0 to 100");
    refused("task.progress", r#"{"progress":-1,"message":"x"}"#, "payload.progress", "0 to 100");
    refused("task.progress", r#"{"progress":"9","message":"x"}"#, "payload.progress", "string");
    refused("task.progress", r#"[1,"x"]"#, "payload", "object");
    refused("task.progress", r#"{"progress":1"#, "payload", "not JSON");
    refused("tool.gated", r#"{"session_id":1}"#, "payload.session_id", "integer");
    refused("test_run.started", r#"{"command":"x","testFiles":[1]}"#, "payload.testFiles[0]", "integer");
    refused("nobody.knows", "[]", "payload", "object");
    refused("nobody.knows", "{} {}", "payload", "not JSON");
    refused("hook.pre_tool", "1", "payload", "object");
    refused("hook.pre_tool", "", "payload", "not JSON");
}

#[test]
fn unknown_types_and_hooks_take_any_object() {
    assert_eq!(check("nobody.knows", r#" {"a":[{}]}"#), Ok(()));
    assert_eq!(check("hook.pre_tool", r#"{"tool_name":1}"#), Ok(()));
}

#[test]
fn ids_come_as_text_or_number_and_go_as_they_came() {
    for pid in ["7", r#""p7""#] {
        let json = format!(r#"{{"pid":{pid},"state":"running"}}"#);
        let read: ProcessStateChanged = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
    }
    refused("process.state_changed", r#"{"pid":1.5,"state":"x"}"#, "payload.pid", "whole number");
}

/// A value of each kind that JSON has. None past 64 bits: there a schema says `format`, which validators need not know.
#[cfg(feature = "schemas")]
const VALUES: [&str; 9] = ["null", "true", "\"x\"", "0", "-1", "101", "1.5", "[]", "{}"];

#[test]
#[cfg(feature = "schemas")]
fn a_type_and_its_schema_take_and_refuse_the_same_payloads() {
    for row in rows() {
        let schema = schema(&row.event_type).unwrap().to_value();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let agree = |payload: &serde_json::Map<String, serde_json::Value>| {
            let (typed, schema) = (check(&row.event_type, &text(payload)), payload.clone().into());
            let schema = validator.validate(&schema);
            assert_eq!(typed.is_ok(), schema.is_ok(), "{} {}: {typed:?}, {schema:?}", row.event_type, text(payload));
        };
        agree(&row.payload);
        for key in row.payload.keys() {
            let mut other = row.payload.clone();
            other.shift_remove(key);
            agree(&other);
            for value in VALUES {
                other.insert(key.clone(), serde_json::from_str(value).unwrap());
                agree(&other);
            }
        }
    }
}

proptest! {
    #[test]
    fn checking_never_panics(which in 0..KNOWN_TYPES.len(), payload in "[{}\\[\\]\":,a-z0-9. ]{0,60}") {
        let _ = check(KNOWN_TYPES.get(which).unwrap(), &payload);
    }
}
