//! `tollgate deadletter`: events that plugins gave up.

use super::{MAX_CALL, confirmed, encode, parse, rows};
use crate::args::{DeadletterCommand, RetryArgs};
use crate::client::{Client, ClientError};
use crate::exit::{Exit, Failure};
use crate::output;
use serde_json::{Value, json};
use std::io::Write as _;
use tollgate_core::home::Home;

/// The longest words about one letter, in characters.
const MAX_SENTENCE: usize = 500;

/// Shows them, has them tried again, or lets one go.
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
        DeadletterCommand::Retry(args) => retry(home, args),
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
    Ok(Client::of(home).get(&format!("/api/deadletters?limit={PAGE}{query}"))?)
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

/// Most letters that are listed, or tried, at once: what the server gives in one answer.
const PAGE: usize = 10_000;

/// Which letter: its plugin and its event's seq.
type Letter = (String, u64);

fn retry(home: &Home, args: &RetryArgs) -> Result<Exit, Failure> {
    let wanted = wanted(home, args)?;
    let client = Client::approver_of(home).patient(MAX_CALL);
    if args.dry_run {
        let results = wanted.iter().map(|letter| tried(&client, letter, true)).collect::<Result<Vec<_>, _>>()?;
        report(&results, args.json)?;
        return Ok(Exit::Done);
    }
    if args.letter.is_empty() && !args.yes && !wanted.is_empty() {
        if args.json {
            return Err(Failure::Usage("with --json nobody is asked: say --dry-run, or --yes".to_owned()));
        }
        let results = wanted.iter().map(|letter| tried(&client, letter, true)).collect::<Result<Vec<_>, _>>()?;
        report(&results, false)?;
        if !confirmed("Try these again?", "say `--yes`, or see with `--dry-run` what would be tried")? {
            output::line("nothing was tried")?;
            return Ok(Exit::Failed);
        }
    }
    let mut results = Vec::new();
    for letter in &wanted {
        let result = match tried(&client, letter, false) {
            Ok(result) => result,
            Err(error) => {
                // What was tried is done, and is told.
                if args.json {
                    report(&results, true)?;
                }
                return Err(error);
            }
        };
        if !args.json {
            output::line(sentence(&result))?;
        }
        results.push(result);
    }
    if args.json || results.is_empty() {
        report(&results, args.json)?;
    }
    let all_handled = results.iter().all(|result| text(result, "outcome") == "handled");
    if wanted.len() >= PAGE {
        // A reader of standard error that went away misses this and nothing else.
        let _ = writeln!(std::io::stderr(), "tollgate: the {PAGE} oldest were tried; say it again for the rest");
    }
    Ok(if all_handled && wanted.len() < PAGE { Exit::Done } else { Exit::Failed })
}

fn wanted(home: &Home, args: &RetryArgs) -> Result<Vec<Letter>, Failure> {
    if let [plugin, seq] = args.letter.as_slice() {
        let seq = seq.parse().map_err(|_| {
            Failure::Usage(format!("`{seq}` is no seq: `tollgate deadletter list {plugin}` shows those of its letters"))
        })?;
        return Ok(vec![(plugin.clone(), seq)]);
    }
    let found = parse(&letters(home, args.plugin.as_deref())?)?;
    let letters = found.get("dead_letters").and_then(Value::as_array).into_iter().flatten();
    Ok(letters.filter_map(|letter| Some((text(letter, "plugin"), letter.get("seq")?.as_u64()?))).collect())
}

/// What came of one, or would: the daemon's answer, or its refusal as one.
fn tried(client: &Client, (plugin, seq): &Letter, dry_run: bool) -> Result<Value, Failure> {
    let path = format!("/api/deadletters/{}/{seq}/retry?dry_run={dry_run}", encode(plugin));
    match client.post(&path, b"") {
        Ok(answer) => parse(&answer),
        // Who asks is refused, not this letter: so would be all others.
        Err(ClientError::Refused { status: status @ (401 | 403), message }) => {
            Err(ClientError::Refused { status, message }.into())
        }
        Err(ClientError::Refused { message, .. }) => {
            Ok(json!({"plugin": plugin, "seq": seq, "outcome": "refused", "message": message}))
        }
        Err(error) => Err(error.into()),
    }
}

fn report(results: &[Value], json: bool) -> Result<(), Failure> {
    if json {
        return output::line(json!({ "dead_letters": results }));
    }
    if results.is_empty() {
        return output::line("no dead letters");
    }
    results.iter().try_for_each(|result| output::line(sentence(result)))
}

/// A result for people.
fn sentence(result: &Value) -> String {
    let seq = result.get("seq").and_then(Value::as_u64).unwrap_or_default();
    let what = match text(result, "outcome").as_str() {
        "handled" => "handled; the letter is gone".to_owned(),
        "would_retry" => "would be tried again".to_owned(),
        "left" => {
            let tries = result.get("tries").and_then(Value::as_u64).unwrap_or_default();
            let (cause, message) = (text(result, "cause"), text(result, "message"));
            output::tame(&format!("stays after {tries} tries: {cause}: {message}"), MAX_SENTENCE)
        }
        _ => output::tame(&format!("not tried: {}", text(result, "message")), MAX_SENTENCE),
    };
    format!("{}: event {seq}: {what}", text(result, "plugin"))
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}
