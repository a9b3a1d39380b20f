//! `tollgate emit`: one event by flags, or one a line from standard input.

use super::{parse, read_stdin};
use crate::args::EmitArgs;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tollgate_core::home::Home;

/// Records it and shows its seq and id.
///
/// # Errors
/// When it is refused; nothing of it is recorded then.
pub fn run(home: &Home, args: EmitArgs) -> Result<Exit, Failure> {
    let body = match &args.event_type {
        None => read_stdin()?,
        Some(event_type) => {
            let entity = args.entity.as_ref().map(|(kind, id)| json!({"kind": kind, "id": id}));
            let text = match args.payload.as_deref() {
                None => "{}".to_owned(),
                Some("-") => read_stdin()?,
                Some(text) => text.to_owned(),
            };
            let payload: Box<RawValue> = serde_json::from_str(&text).map_err(|error| {
                Failure::Failed(format!(
                    "the payload is not JSON: {error}; it is an object such as {{\"text\":\"hi\"}}"
                ))
            })?;
            let (entity, session) = (json!(entity), json!(args.session));
            format!(r#"{{"type":"{event_type}","entity":{entity},"session":{session},"payload":{payload}}}"#)
        }
    };
    let answer = Client::of(home).post("/api/events", body.as_bytes())?;
    let value = parse(&answer)?;
    if args.json {
        output::line(&answer)?;
        return Ok(Exit::Done);
    }
    for receipt in value.get("events").and_then(Value::as_array).into_iter().flatten() {
        let id = receipt.get("id").and_then(Value::as_str).unwrap_or("");
        let again = if receipt.get("duplicate") == Some(&Value::Bool(true)) { "  (recorded before)" } else { "" };
        output::line(format_args!("{}  {id}{again}", receipt.get("seq").unwrap_or(&Value::Null)))?;
    }
    Ok(Exit::Done)
}
