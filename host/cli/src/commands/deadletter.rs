//! `tollgate deadletter`: events that plugins gave up.

use super::{encode, parse, rows};
use crate::args::DeadletterCommand;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output;
use serde_json::Value;
use tollgate_core::home::Home;

/// Shows them or lets one go.
///
/// # Errors
/// When no daemon answers, there is no such letter, or the approver token is not its.
pub fn run(home: &Home, command: &DeadletterCommand) -> Result<Exit, Failure> {
    match command {
        DeadletterCommand::List { plugin, json } => list(home, plugin.as_deref(), *json),
        DeadletterCommand::Show { plugin, seq } => {
            show(&find(home, plugin, *seq)?)?;
            let events = Client::of(home).get(&format!("/api/events?since={}&limit=1", seq.saturating_sub(1)))?;
            match parse(&events)?.pointer("/events/0") {
                Some(event) if event.get("seq").and_then(Value::as_u64) == Some(*seq) => show(event)?,
                _ => output::line("the journal has its event no more")?,
            }
            Ok(Exit::Done)
        }
        DeadletterCommand::Drop { plugin, seq } => {
            find(home, plugin, *seq)?;
            Client::approver_of(home).post(&format!("/api/deadletters/{}/{seq}/drop", encode(plugin)), b"")?;
            output::line(format_args!("{plugin}: event {seq} is dropped"))?;
            Ok(Exit::Done)
        }
    }
}

fn show(value: &Value) -> Result<(), Failure> {
    output::line(serde_json::to_string_pretty(value).map_err(|error| Failure::at("the answer", error))?)
}

fn letters(home: &Home, plugin: Option<&str>) -> Result<String, Failure> {
    let query = plugin.map_or_else(String::new, |plugin| format!("&plugin={}", encode(plugin)));
    Ok(Client::of(home).get(&format!("/api/deadletters?limit=10000{query}"))?)
}

fn find(home: &Home, plugin: &str, seq: u64) -> Result<Value, Failure> {
    let found = parse(&letters(home, Some(plugin))?)?;
    let mut letters = found.get("dead_letters").and_then(Value::as_array).into_iter().flatten();
    let letter = letters.find(|letter| letter.get("seq").and_then(Value::as_u64) == Some(seq));
    letter.cloned().ok_or_else(|| {
        Failure::Failed(format!("{plugin} has no dead letter {seq}; `tollgate deadletter list {plugin}` shows them"))
    })
}

fn list(home: &Home, plugin: Option<&str>, json: bool) -> Result<Exit, Failure> {
    let text = letters(home, plugin)?;
    if json {
        output::line(text)?;
        return Ok(Exit::Done);
    }
    let keys = ["plugin", "seq", "cause", "tries", "at", "message"];
    let rows = rows(&parse(&text)?, "dead_letters", &keys);
    if rows.is_empty() {
        output::line("no dead letters")?;
    } else {
        output::write(&output::table(&["PLUGIN", "SEQ", "CAUSE", "TRIES", "AT", "MESSAGE"], &rows))?;
    }
    Ok(Exit::Done)
}
