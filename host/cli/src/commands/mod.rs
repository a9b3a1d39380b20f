//! One file a command. Each reads its arguments, asks the daemon or the files, and shows the answer.

pub mod approvals;
pub mod audit;
mod call;
pub mod config;
pub mod deadletter;
pub mod doctor;
pub mod emit;
pub mod gate;
pub mod hooks;
pub mod journal;
pub mod man;
pub mod message;
pub mod plugin;
pub mod policy;
pub mod replay;
pub mod run;
pub mod tail;
pub mod token;

use crate::exit::Failure;
use serde_json::Value;
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::time::Duration;

/// The largest text that a command reads from standard input: the server's own bound of a batch.
const MAX_INPUT_BYTES: u64 = 16 * 1024 * 1024;

/// How long an answer may take that waits for a call of a plugin: some are granted an hour.
const MAX_CALL: Duration = Duration::from_secs(3_700);

/// Standard input as text.
fn read_stdin() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(MAX_INPUT_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::at("standard input", error))?;
    if bytes.len() as u64 > MAX_INPUT_BYTES {
        return Err(Failure::Failed(format!("standard input has more than {MAX_INPUT_BYTES} bytes; send it in parts")));
    }
    String::from_utf8(bytes).map_err(|error| {
        Failure::Failed(format!("standard input is not UTF-8 (byte {})", error.utf8_error().valid_up_to()))
    })
}

/// A person's word on `question`; without a terminal there is no one to ask, and `mend` says what to do instead.
fn confirmed(question: &str, mend: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(format!("no terminal to ask on; {mend}")));
    }
    let _ = write!(std::io::stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|error| Failure::at("standard input", error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// The daemon's answer as a value.
fn parse(answer: &str) -> Result<Value, Failure> {
    serde_json::from_str(answer)
        .map_err(|error| Failure::at("the daemon's answer is no JSON; is it another version?", error))
}

/// `text` as one part of a path or a query.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The longest cell of a table, in characters.
const CELL: usize = 80;

/// The objects of `answer`'s array `name` as rows of a table; what is not there is a dash.
fn rows(answer: &Value, name: &str, keys: &[&str]) -> Vec<Vec<String>> {
    let objects = answer.get(name).and_then(Value::as_array).into_iter().flatten();
    objects.map(|one| keys.iter().map(|key| crate::output::tame(&cell(one.get(key)), CELL)).collect()).collect()
}

/// A value of an answer for people: a text without its quotes, what is not there as a dash.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
