//! `tollgate tail`: the newest events, and what comes after them, over every break of the connection.

use super::{encode, parse};
use crate::args::TailArgs;
use crate::client::{Body, Client, ClientError};
use crate::exit::{Exit, Failure};
use crate::output::{self, Colour, colours, paint, tame};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::time::Duration;
use tollgate_core::home::Home;

/// Events shown before the live ones where nothing else is said.
const DEFAULT_LINES: usize = 10;
/// Columns of a payload shown to a person.
const PAYLOAD_WIDTH: usize = 120;
/// The longest line of a stream: an envelope with the largest payload, and its frame.
const MAX_LINE_BYTES: u64 = 1024 * 1024;
/// The first and the longest pause before the connection is tried again.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Shows events until the end, or until it is stopped.
///
/// # Errors
/// When no daemon answers at the start, or it refuses what is asked.
pub fn run(home: &Home, args: &TailArgs) -> Result<Exit, Failure> {
    let client = Client::of(home);
    let show = Show { json: args.json, colours: colours() };
    let filter = filter(args);
    let cursor = match (&args.since, args.no_follow) {
        (Some(since), true) => return all_since(&client, &filter, since, &show),
        (Some(since), false) => Resume::Since(since.clone()),
        (None, no_follow) => {
            let after = newest(&client, &filter, args.lines.unwrap_or(DEFAULT_LINES), &show)?;
            if no_follow {
                return Ok(Exit::Done);
            }
            Resume::Cursor(after)
        }
    };
    follow(&client, &filter, cursor, &show)
}

/// The query's part that every request carries.
fn filter(args: &TailArgs) -> String {
    let patterns: Vec<&str> = args.patterns.iter().chain(&args.types).map(|pattern| pattern.as_str()).collect();
    let mut query = String::new();
    if !patterns.is_empty() {
        query.push_str(&format!("&type={}", encode(&patterns.join(","))));
    }
    if let Some(session) = &args.session {
        query.push_str(&format!("&session={}", encode(session)));
    }
    query
}

/// Shows the last `lines` events; returns the cursor that the stream goes on from.
fn newest(client: &Client, filter: &str, lines: usize, show: &Show) -> Result<String, Failure> {
    // The head is taken before the events are read: what comes between is shown by the stream, and what both
    // hold is left out by its cursor.
    let health = parse(&client.get("/healthz")?)?;
    let epoch = health.get("epoch").and_then(Value::as_str).unwrap_or("").to_owned();
    let mut head = health.get("head").and_then(Value::as_u64).unwrap_or(0);
    if lines > 0 {
        let answer = parse(&client.get(&format!("/api/events?newest=true&limit={lines}{filter}"))?)?;
        for event in answer.get("events").and_then(Value::as_array).into_iter().flatten() {
            show.event(event)?;
            head = head.max(event.get("seq").and_then(Value::as_u64).unwrap_or(0));
        }
        // Of another daemon's making: it cut its answer short, and the stream goes on from there.
        if let Some(next) = answer.get("next").and_then(Value::as_str) {
            return Ok(next.to_owned());
        }
    }
    Ok(format!("{epoch}.{head}"))
}

/// Shows everything since then, page by page.
fn all_since(client: &Client, filter: &str, since: &str, show: &Show) -> Result<Exit, Failure> {
    let mut since = since.to_owned();
    loop {
        let answer = parse(&client.get(&format!("/api/events?limit=1000&since={}{filter}", encode(&since)))?)?;
        for event in answer.get("events").and_then(Value::as_array).into_iter().flatten() {
            show.event(event)?;
        }
        match answer.get("next").and_then(Value::as_str) {
            Some(next) => since = next.to_owned(),
            None => return Ok(Exit::Done),
        }
    }
}

/// Where the stream begins, and after a break goes on.
enum Resume {
    Since(String),
    Cursor(String),
}

fn follow(client: &Client, filter: &str, mut from: Resume, show: &Show) -> Result<Exit, Failure> {
    let mut pause = RETRY.0;
    let mut connected = false;
    // Said once a break, however long it takes.
    let mut told = false;
    loop {
        let opened = match &from {
            Resume::Since(since) => client.open(&format!("/api/events/stream?since={}{filter}", encode(since)), None),
            Resume::Cursor(cursor) => {
                client.open(&format!("/api/events/stream?{}", filter.trim_start_matches('&')), Some(cursor))
            }
        };
        match opened {
            Ok(body) => {
                connected = true;
                if frames(body, show, &mut from)? {
                    (pause, told) = (RETRY.0, false);
                }
            }
            Err(error @ ClientError::Refused { .. }) => return Err(error.into()),
            Err(error) if !connected => return Err(error.into()),
            Err(_) => {}
        }
        if !std::mem::replace(&mut told, true) {
            let _ = writeln!(std::io::stderr(), "tollgate: the stream ended; connecting again until it is back");
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(RETRY.1);
    }
}

/// Shows the frames of one connection until it breaks; whether it held, be it for a word that it lives.
fn frames(body: Body, show: &Show, from: &mut Resume) -> Result<bool, Failure> {
    let mut reader = BufReader::new(body);
    let mut any = false;
    let mut id = None;
    let mut data = String::new();
    loop {
        let mut line = String::new();
        match (&mut reader).take(MAX_LINE_BYTES).read_line(&mut line) {
            Ok(0) | Err(_) => return Ok(any),
            Ok(_) if !line.ends_with('\n') => return Ok(any),
            Ok(_) => any = true,
        }
        let line = line.trim_end_matches(['\n', '\r']);
        if let Some(value) = line.strip_prefix("data:") {
            data.push_str(value.trim_start());
        } else if let Some(value) = line.strip_prefix("id:") {
            id = Some(value.trim().to_owned());
        } else if line.is_empty() && !data.is_empty() {
            show.event(&parse(&data)?)?;
            data.clear();
            if let Some(id) = id.take() {
                *from = Resume::Cursor(id);
            }
        }
    }
}

struct Show {
    json: bool,
    colours: bool,
}

impl Show {
    fn event(&self, event: &Value) -> Result<(), Failure> {
        if self.json { output::line(event) } else { output::line(self.human(event)) }
    }

    /// `10:21:33.123  12  task.progress  core  task/t1  {…}`
    fn human(&self, event: &Value) -> String {
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or("");
        let time = text("ts").get(11..23).unwrap_or(text("ts"));
        let seq = event.get("seq").and_then(Value::as_u64).map_or_else(|| "-".to_owned(), |seq| seq.to_string());
        let event_type = text("type");
        let colour = match event_type {
            "tool.denied" | "task.failed" | "plugin.rejected" | "plugin.faulted" | "plugin.quarantined" => Colour::Bad,
            "stream.gap" | "journal.reset" | "plugin.needs_grant" | "tool.deferred" => Colour::Warn,
            "tool.allowed" => Colour::Good,
            _ => Colour::Name,
        };
        let about = event
            .get("entity")
            .and_then(|entity| Some(format!("{}/{}  ", entity.get("kind")?.as_str()?, entity.get("id")?.as_str()?)));
        let payload = event.get("payload").map(Value::to_string).unwrap_or_default();
        let payload = if payload == "{}" { String::new() } else { tame(&payload, PAYLOAD_WIDTH) };
        format!(
            "{}  {seq:>6}  {}  {}  {}{payload}",
            paint(self.colours, Colour::Faint, time),
            paint(self.colours, colour, format!("{event_type:<22}")),
            tame(text("source"), 24),
            tame(&about.unwrap_or_default(), 60),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_one_readable_line() {
        let event = json!({"type": "task.progress", "ts": "2026-01-27T10:21:33.123Z", "source": "core", "seq": 12,
            "entity": {"kind": "task", "id": "t1"}, "payload": {"progress": 42, "message": "a\u{1b}[2J"}});
        let line = Show { json: false, colours: false }.human(&event);
        assert_eq!(
            line,
            "10:21:33.123      12  task.progress           core  task/t1  {\"progress\":42,\"message\":\"a\\u001b[2J\"}"
        );
    }

    #[test]
    fn a_notice_of_the_stream_has_no_seq() {
        let event = json!({"type": "stream.gap", "ts": "2026-01-27T10:21:33.123Z", "source": "core", "entity": null,
            "payload": {}});
        let line = Show { json: false, colours: false }.human(&event);
        assert_eq!(line, "10:21:33.123       -  stream.gap              core  ");
    }
}
