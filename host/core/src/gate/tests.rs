//! Tests of the gate as a whole: the stages on a given file system, the guards' merge, the pipeline on a real bus.

mod asked;
mod bound;
mod corpus;
mod granted;
mod guarded;
mod house;
mod paused;
mod piped;
mod placed;
mod protected;
mod recorded;
mod stopped;

use super::call::{Call, NormalisedCall};
use super::stages::{self, Place};
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::sync::Arc;

/// A call of `tool` with `input`, of agent `test`.
pub(super) fn call(tool: &str, input: Value) -> Call {
    let tool_input = match input {
        Value::Object(input) => input,
        _ => Map::new(),
    };
    Call {
        tool_name: tool.to_owned(),
        tool_input,
        session_id: Some("s1".to_owned()),
        call_id: Some("c1".to_owned()),
        ..Call::default()
    }
}

/// The same, normalised, in session `s1` with root `/project`.
#[expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
pub(super) fn normalised(tool: &str, input: Value) -> NormalisedCall {
    let call = call(tool, input);
    let named = stages::names(&call).unwrap();
    let parsed = stages::parse_blocking(&named);
    let place = Place { session: "s1".into(), agent: "".into(), roots: vec![PathBuf::from("/project")] };
    Arc::unwrap_or_clone(stages::ready(&call, named, parsed, place, "c1".into()).call)
}
