//! Envelope JSON → events as another journal recorded them, one a line. Must not know the journal.
//!
//! Stricter than drafts: all that the host adds has to be there. And wider: ids and sources are the host's own.

use super::draft::{RawEnvelope, entity_of, event_type_of, object_of, optional_text, text_of, time_of};
use super::{JsonError, syntax};
use crate::bus::check_recorded;
use crate::event::Event;
use serde_json::value::RawValue;
use std::io::{BufRead, Read as _};
use uuid::Uuid;

/// The longest line, in bytes: a payload of the largest size and its envelope have less than half of it.
pub const MAX_LINE_BYTES: u64 = 1024 * 1024;

/// Reads one envelope as a journal wrote it; its `seq` does not count, and is 0. Without `root` and `depth` it came
/// from outside. Secrets are replaced as in any event that comes in.
///
/// # Errors
/// When the text is not JSON, a field is missing or has the wrong shape, or is over its bound; the error names it.
pub fn event_from_json(text: &str) -> Result<Event, JsonError> {
    let raw: RawEnvelope<'_> = serde_json::from_str(text).map_err(|error| syntax(&error))?;
    let needed = |path: &str, raw: Option<&RawValue>| match raw {
        Some(raw) => text_of(path, raw),
        None => Err(JsonError::at(path, "missing; an exported event has type, ts, source, payload and id")),
    };
    if raw.payload.is_none() {
        needed("payload", None)?;
    }
    let id = id_of("id", &needed("id", raw.id)?)?;
    let root = optional_text("root", raw.root)?.map(|root| id_of("root", &root)).transpose()?;
    let depth = match raw.depth {
        None => 0,
        Some(depth) => serde_json::from_str(depth.get())
            .map_err(|_| JsonError::at("depth", "must be a whole number from 0 to 255"))?,
    };
    let event = Event {
        seq: 0,
        id,
        event_type: event_type_of(&needed("type", raw.event_type)?)?,
        ts: time_of("ts", &needed("ts", raw.ts)?)?,
        source: needed("source", raw.source)?.into(),
        entity: raw.entity.filter(|raw| raw.get() != "null").map(entity_of).transpose()?,
        session: optional_text("session", raw.session)?.map(Into::into),
        root: root.unwrap_or(id),
        depth,
        payload: object_of("payload", raw.payload)?,
    };
    check_recorded(event).map_err(|error| JsonError::at("", error.to_string()))
}

fn id_of(path: &str, text: &str) -> Result<Uuid, JsonError> {
    Uuid::parse_str(text).map_err(|_| JsonError::at(path, "not a UUID such as 0199c0de-0000-7000-8000-000000000000"))
}

/// A line that holds no event.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct LineError {
    /// Which line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// The events of a text with one a line, blank lines left out. Ends after the first that is refused.
pub struct EventLines<R> {
    text: R,
    line: u64,
    failed: bool,
}

impl<R: BufRead> EventLines<R> {
    /// Reads `text` to its end, a line at a time.
    pub fn new(text: R) -> Self {
        Self { text, line: 0, failed: false }
    }

    /// The next line that is not blank.
    fn next_line(&mut self) -> Result<Option<String>, LineError> {
        loop {
            self.line += 1;
            let line = self.line;
            let refuse = |reason: String| Err(LineError { line, reason });
            let mut bytes = Vec::new();
            if let Err(error) = (&mut self.text).take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut bytes) {
                return refuse(error.to_string());
            }
            if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_LINE_BYTES {
                return refuse(format!("has more than {MAX_LINE_BYTES} bytes; no exported event is as long"));
            }
            if bytes.is_empty() {
                return Ok(None);
            }
            let Ok(text) = String::from_utf8(bytes) else { return refuse("is not UTF-8".to_owned()) };
            if !text.trim().is_empty() {
                return Ok(Some(text));
            }
        }
    }
}

impl<R: BufRead> Iterator for EventLines<R> {
    type Item = Result<Event, LineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let read = match self.next_line() {
            Ok(None) => return None,
            Ok(Some(text)) => {
                event_from_json(&text).map_err(|error| LineError { line: self.line, reason: error.to_string() })
            }
            Err(error) => Err(error),
        };
        self.failed = read.is_err();
        Some(read)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;
    use crate::json::to_json;

    const LINE: &str = r#"{"type":"task.done","ts":"2026-01-27T10:21:33.123Z","source":"plugin:p","entity":{"kind":"task","id":"t1"},"payload":{"a":1},"id":"01990000-0000-8000-8000-000000000001","seq":7,"session":"s1","root":"01990000-0000-7000-8000-000000000002","depth":3}"#;

    #[test]
    fn what_was_exported_reads_back() {
        let mut event = event_from_json(LINE).unwrap();
        assert_eq!((event.seq, event.depth, &*event.source), (0, 3, "plugin:p"));
        event.seq = 7;
        assert_eq!(to_json(&event), LINE);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (from, to, says) in [
            (r#""type":"task.done","#, "", "`type`: missing"),
            (r#""ts":"2026-01-27T10:21:33.123Z","#, "", "`ts`: missing"),
            (r#""source":"plugin:p","#, "", "`source`: missing"),
            (r#""payload":{"a":1},"#, "", "`payload`: missing"),
            (r#""id":"01990000-0000-8000-8000-000000000001","#, "", "`id`: missing"),
            (r#"{"a":1}"#, "[1]", "`payload`: must be an object"),
            (r#""depth":3"#, r#""depth":-1"#, "`depth`: must be a whole number"),
            (r#""session":"s1""#, r#""session":"""#, "session: is empty"),
            (r#""01990000-0000-7000-8000-000000000002""#, r#""x""#, "`root`: not a UUID"),
            ("task.done", "Task", "`type`"),
        ] {
            let error = event_from_json(&LINE.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(says), "{from} -> {to}: {error}");
        }
    }

    #[test]
    fn a_bad_line_is_named_with_its_number_and_ends_it() {
        let text = format!("{LINE}\n\n{LINE}\nx\n{LINE}\n");
        let mut lines = EventLines::new(text.as_bytes());
        assert!(lines.next().unwrap().is_ok() && lines.next().unwrap().is_ok());
        let error = lines.next().unwrap().unwrap_err();
        assert!(error.to_string().starts_with("line 4: not JSON"), "{error}");
        assert!(lines.next().is_none());
        let mut latin = EventLines::new(&b"\xe4\n"[..]);
        assert_eq!(latin.next().unwrap().unwrap_err().to_string(), "line 1: is not UTF-8");
    }

    #[test]
    fn a_line_without_end_is_refused_unread() {
        let endless = std::io::BufReader::new(std::io::repeat(b'x'));
        let error = EventLines::new(endless).next().unwrap().unwrap_err();
        assert!(error.to_string().contains("line 1: has more than 1048576 bytes"), "{error}");
    }

    #[test]
    fn secrets_do_not_come_in_this_way() {
        let token = format!("ghp_{}", "a1B2".repeat(9));
        let event = event_from_json(&LINE.replacen(r#"{"a":1}"#, &format!(r#"{{"token":"{token}"}}"#), 1)).unwrap();
        assert!(!event.payload.contains(&token), "{}", event.payload);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,60}", cut in 0..LINE.len()) {
            let lines = format!("{text}\n{}\n", LINE.get(..cut).unwrap_or_default());
            proptest::prop_assert!(EventLines::new(lines.as_bytes()).count() <= 2);
        }
    }
}
