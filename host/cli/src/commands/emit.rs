//! `tollgate emit`: one event by flags, or one a line from standard input.

use super::{parse, read_stdin};
use crate::args::EmitArgs;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tollgate_core::home::Home;

/// The longest words about one plugin, in characters.
const MAX_SENTENCE: usize = 500;

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
    let path =
        args.wait.map_or_else(|| "/api/events".to_owned(), |wait| format!("/api/events?wait_ms={}", wait.as_millis()));
    let answer = Client::of(home).post(&path, body.as_bytes())?;
    let value = parse(&answer)?;
    let outcomes = value.get("outcomes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let of = |outcome: &Value, key: &str| outcome.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let all_handled = outcomes.iter().all(|outcome| of(outcome, "outcome") == "handled");
    let exit = if all_handled { Exit::Done } else { Exit::Failed };
    if args.json {
        output::line(&answer)?;
        return Ok(exit);
    }
    for receipt in value.get("events").and_then(Value::as_array).into_iter().flatten() {
        let id = receipt.get("id").and_then(Value::as_str).unwrap_or("");
        let again = if receipt.get("duplicate") == Some(&Value::Bool(true)) { "  (recorded before)" } else { "" };
        output::line(format_args!("{}  {id}{again}", receipt.get("seq").unwrap_or(&Value::Null)))?;
    }
    for outcome in outcomes {
        let message = of(outcome, "message");
        let why = if message.is_empty() { String::new() } else { format!(": {message}") };
        let line = format!("{}: {}{why}", of(outcome, "plugin"), of(outcome, "outcome").replace('_', " "));
        output::line(output::tame(&line, MAX_SENTENCE))?;
    }
    if args.wait.is_some() && outcomes.is_empty() {
        output::line("no plugin wants it, or it was recorded before")?;
    }
    Ok(exit)
}
