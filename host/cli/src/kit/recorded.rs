//! What a plugin is tried with: events as `tollgate journal export` writes them and calls as the gate takes them, one a
//! line, in any order.

use super::read_text;
use crate::exit::Failure;
use serde_json::Value;
use std::path::Path;
use tollgate_core::event::Event;
use tollgate_core::gate::policy::Policy;
use tollgate_core::gate::{NormalisedCall, explain};
use tollgate_core::json::{MAX_LINE_BYTES, call_from_value, event_from_json};

/// Most lines of one file: what comes of each is kept until all of it is told.
pub const MAX_LINES: usize = 100_000;

/// One line.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Which, from 1.
    pub line: u64,
    /// What it holds.
    pub what: What,
}

/// What a line holds.
#[derive(Debug, Clone)]
pub enum What {
    /// An event, for the handler.
    Event(Box<Event>),
    /// A call, for the guard.
    Call(Box<NormalisedCall>),
}

impl What {
    /// The event's type, or the call's canonical tool.
    pub fn name(&self) -> &str {
        match self {
            Self::Event(event) => event.event_type.as_str(),
            Self::Call(call) => &call.tool,
        }
    }
}

/// The lines of `file`, blank ones left out.
///
/// # Errors
/// When the file cannot be read, is empty, or a line holds neither; names the line.
pub fn read(file: &Path) -> Result<Vec<Recorded>, Failure> {
    let recorded = parse(&read_text(file)?).map_err(|error| Failure::at(file.display(), error))?;
    if recorded.is_empty() {
        return Err(Failure::Failed(format!(
            "{} holds no event and no call: `tollgate journal export --out FILE` writes what was recorded",
            file.display()
        )));
    }
    Ok(recorded)
}

fn parse(text: &str) -> Result<Vec<Recorded>, String> {
    let is_full = |line: &&str| !line.trim().is_empty();
    if text.lines().filter(is_full).nth(MAX_LINES).is_some() {
        return Err(format!("has more than {MAX_LINES} lines: take a part of it"));
    }
    let mut recorded = Vec::new();
    for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        let refused = |reason: String| format!("line {line}: {reason}");
        if text.len() as u64 > MAX_LINE_BYTES {
            return Err(refused(format!("has more than {MAX_LINE_BYTES} bytes; no exported event is as long")));
        }
        recorded.push(Recorded { line, what: what(text).map_err(refused)? });
    }
    Ok(recorded)
}

fn what(text: &str) -> Result<What, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    if value.get("tool_name").is_none() {
        return event_from_json(text).map(|event| What::Event(Box::new(event))).map_err(|error| {
            format!("{error} (an event as `tollgate journal export` writes it, or a call with `tool_name`)")
        });
    }
    call(value).map(|call| What::Call(Box::new(call)))
}

/// A call as the gate shows it to guards.
///
/// # Errors
/// When it is no call, or its names break their bounds.
pub fn call(value: Value) -> Result<NormalisedCall, String> {
    let call = call_from_value(value).map_err(|error| error.to_string())?;
    let explained = explain(&call, &Policy::default(), None, &[]);
    explained.call.ok_or(explained.verdict.reason)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;

    const EVENT: &str = r#"{"type":"task.done","ts":"2026-01-27T10:21:33.123Z","source":"core","payload":{},"id":"01990000-0000-7000-8000-000000000001"}"#;
    const CALL: &str = r#"{"tool_name":"shell","tool_input":{"command":"sudo git push -f | tee x"}}"#;

    #[test]
    fn events_and_calls_stand_side_by_side() {
        let read = parse(&format!("{EVENT}\n\n{CALL}\n")).unwrap();
        let names: Vec<_> = read.iter().map(|one| (one.line, one.what.name())).collect();
        assert_eq!(names, [(1, "task.done"), (3, "Bash")]);
        let What::Call(call) = &read.last().unwrap().what else { unreachable!() };
        assert_eq!(call.commands.iter().map(|command| command.name()).collect::<Vec<_>>(), ["sudo", "git", "tee"]);
    }

    #[test]
    fn a_line_that_holds_neither_is_named() {
        for (text, says) in [
            (format!("{EVENT}\nx"), "line 2: not JSON"),
            (r#"{"type":"task.done"}"#.to_owned(), "line 1: `payload`: missing"),
            (r#"{"tool_name":"Bash"}"#.to_owned(), "line 1: `tool_input`: missing"),
            (r#"{"tool_name":"a\nb","tool_input":{}}"#.to_owned(), "control characters"),
            (format!("\"{}\"", "x".repeat(1024 * 1024)), "line 1: has more than 1048576 bytes"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        let many = format!("{CALL}\n").repeat(3);
        assert_eq!(parse(&many).unwrap().len(), 3);
        let most = "x\n\n".repeat(MAX_LINES);
        assert!(parse(&most).unwrap_err().starts_with("line 1: not JSON"));
        assert!(parse(&format!("{most}x")).unwrap_err().starts_with("has more than 100000 lines"));
    }
}
