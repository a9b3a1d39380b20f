//! Lines of the audit trail for people, and how many there are of each kind. As they stand: verifying is another's.

use crate::args::{AuditFilter, AuditShow};
use crate::exit::{Exit, Failure};
use crate::output::{self, Colour, colours, paint, tame};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use tollgate_core::time::Timestamp;
use tollgate_plugin_audit::trail;

/// Lines shown where nothing else is said.
const DEFAULT_LINES: usize = 20;
/// Columns of what a line is about, shown to a person.
const ABOUT_WIDTH: usize = 100;
/// Names of one kind that are shown; those with fewer lines are counted together.
const MAX_NAMES: usize = 10;
/// Most names of one kind that are told apart while counting: what comes after them is counted together.
const MAX_COUNTED: usize = 10_000;

/// Shows the lines that are wanted, the oldest first.
pub fn show(folder: &Path, args: &AuditShow) -> Result<Exit, Failure> {
    let most = match (args.lines, args.wanted.since) {
        (Some(lines), _) => lines,
        (None, Some(_)) => usize::MAX,
        (None, None) => DEFAULT_LINES,
    };
    let colours = colours();
    let mut kept: VecDeque<Vec<u8>> = VecDeque::new();
    let mut shown = Ok(());
    let foreign = each(folder, &args.wanted, |text, line| {
        if most == usize::MAX {
            // All of them: as they come, however many.
            shown = std::mem::replace(&mut shown, Ok(())).and_then(|()| say(text, line, args.json, colours));
            return;
        }
        if kept.len() == most {
            kept.pop_front();
        }
        if most > 0 {
            kept.push_back(text.to_vec());
        }
    })?;
    shown?;
    for text in &kept {
        let line: Map<String, Value> = serde_json::from_slice(text).unwrap_or_default();
        say(text, &line, args.json, colours)?;
    }
    ended(folder, foreign)
}

/// Counts the lines that are wanted.
pub fn stats(folder: &Path, wanted: &AuditFilter, as_json: bool) -> Result<Exit, Failure> {
    let mut counts = Counts::default();
    let foreign = each(folder, wanted, |_, line| counts.take(line))?;
    if as_json {
        output::line(counts.to_json())?;
    } else {
        output::write(&counts.to_text())?;
    }
    ended(folder, foreign)
}

/// After what can be read was shown: lines that cannot.
fn ended(folder: &Path, foreign: u64) -> Result<Exit, Failure> {
    if foreign == 0 {
        return Ok(Exit::Done);
    }
    let reason = format!("{foreign} lines are none of a trail; `tollgate audit verify` names the first");
    Err(Failure::at(format!("the audit trail in {}", folder.display()), reason))
}

/// Hands over every wanted line, as text and read; how many there are that cannot be.
fn each(folder: &Path, wanted: &AuditFilter, mut take: impl FnMut(&[u8], &Map<String, Value>)) -> Result<u64, Failure> {
    let mut foreign = 0_u64;
    let read = trail::each_line(folder, |text| match serde_json::from_slice::<Map<String, Value>>(text) {
        Ok(line) if fits(&line, wanted) => take(text, &line),
        Ok(_) => {}
        Err(_) => foreign += 1,
    });
    read.map_err(|broken| Failure::at(format!("the audit trail in {}", folder.display()), broken))?;
    Ok(foreign)
}

fn fits(line: &Map<String, Value>, wanted: &AuditFilter) -> bool {
    let is =
        |key: &str, wanted: &Option<String>| wanted.as_deref().is_none_or(|wanted| text(line, key) == Some(wanted));
    let in_time = if wanted.since.is_none() && wanted.until.is_none() {
        true
    } else {
        let at = text(line, "timestamp").and_then(|at| Timestamp::parse(at).ok());
        at.is_some_and(|at| wanted.since.is_none_or(|since| at >= since) && wanted.until.is_none_or(|until| at < until))
    };
    in_time
        && is("session_id", &wanted.session)
        && is("tool_name", &wanted.tool)
        && is("decision", &wanted.decision)
        && is("event", &wanted.event)
}

fn text<'a>(line: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    line.get(key).and_then(Value::as_str)
}

fn say(text: &[u8], line: &Map<String, Value>, as_json: bool, colours: bool) -> Result<(), Failure> {
    if as_json { output::line(String::from_utf8_lossy(text)) } else { output::line(human(line, colours)) }
}

/// `2026-01-27 10:21:33     41  security_violation  s1  deny  Bash  removes the root folder`
fn human(line: &Map<String, Value>, colours: bool) -> String {
    let at = text(line, "timestamp").unwrap_or_default();
    let time = format!("{} {}", at.get(..10).unwrap_or_default(), at.get(11..19).unwrap_or_default());
    let seq = line.get("seq").map(Value::to_string).unwrap_or_default();
    let (event, decision) = (text(line, "event").unwrap_or_default(), text(line, "decision").unwrap_or("-"));
    let colour = match (event, decision) {
        ("security_violation" | "trail_broken" | "trail_gap", _) | (_, "deny" | "reject") => Colour::Bad,
        ("approval" | "trail_repaired" | "alert.raised", _) | (_, "defer") => Colour::Warn,
        (_, "allow" | "approve") => Colour::Good,
        _ => Colour::Name,
    };
    let input = line.get("tool_input");
    let command = input.and_then(|input| input.get("command")).and_then(Value::as_str).map(str::to_owned);
    let reason = text(line, "reason").map(str::to_owned);
    let rest = || input.or_else(|| line.get("details")).map(Value::to_string);
    let about = reason.or(command).or_else(rest).unwrap_or_default();
    let (session, tool) = (text(line, "session_id").unwrap_or("-"), text(line, "tool_name").unwrap_or("-"));
    format!(
        "{}  {seq:>6}  {}  {}  {:<6}  {}  {}",
        paint(colours, Colour::Faint, tame(&time, 24)),
        paint(colours, colour, format!("{:<22}", tame(event, 48))),
        tame(session, 24),
        tame(decision, 12),
        tame(tool, 24),
        tame(&about, ABOUT_WIDTH),
    )
}

#[derive(Default)]
struct Counts {
    lines: u64,
    first: Option<String>,
    last: Option<String>,
    by: BTreeMap<&'static str, BTreeMap<String, u64>>,
}

/// What is counted: its name, and the member of a line.
const KINDS: [(&str, &str); 5] = [
    ("events", "event"),
    ("decisions", "decision"),
    ("tools", "tool_name"),
    ("rules", "matched_rule"),
    ("sessions", "session_id"),
];

impl Counts {
    fn take(&mut self, line: &Map<String, Value>) {
        self.lines += 1;
        let at = text(line, "timestamp").map(str::to_owned);
        self.last.clone_from(&at);
        self.first = self.first.take().or(at);
        for (kind, member) in KINDS {
            let Some(name) = text(line, member) else { continue };
            let names = self.by.entry(kind).or_default();
            let name = if names.len() < MAX_COUNTED || names.contains_key(name) { name } else { "(others)" };
            *names.entry(name.to_owned()).or_default() += 1;
        }
    }

    fn to_json(&self) -> Value {
        let span = [("lines", json!(self.lines)), ("first", json!(self.first)), ("last", json!(self.last))];
        let counted = KINDS.map(|(kind, _)| (kind, json!(self.by.get(kind).cloned().unwrap_or_default())));
        span.into_iter().chain(counted).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn to_text(&self) -> String {
        let span = match (&self.first, &self.last) {
            (Some(first), Some(last)) => format!(", {first} to {last}"),
            _ => String::new(),
        };
        let mut told = format!("{} lines{span}\n", self.lines);
        for (kind, _) in KINDS {
            let Some(names) = self.by.get(kind) else { continue };
            let mut names: Vec<_> = names.iter().collect();
            names.sort_by(|one, other| other.1.cmp(one.1).then(one.0.cmp(other.0)));
            told.push_str(&format!("\n{kind}\n"));
            for (name, count) in names.iter().take(MAX_NAMES) {
                told.push_str(&format!("{count:>8}  {}\n", tame(name, ABOUT_WIDTH)));
            }
            let others: u64 = names.iter().skip(MAX_NAMES).map(|(_, count)| **count).sum();
            if others > 0 {
                told.push_str(&format!("{others:>8}  of {} more\n", names.len() - MAX_NAMES));
            }
        }
        told
    }
}
