//! What a client of a socket may say: `{"op":"subscribe"|"unsubscribe"|"ack", …}`. Knows no socket.

use crate::query::{MAX_PATTERNS_BYTES, cursor};
use serde_json::Value;
use tollgate_core::events::PatternSet;

/// One thing that a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Follow these too.
    Subscribe(PatternSet),
    /// Follow these no more; each as it was written.
    Unsubscribe(PatternSet),
    /// Done with everything up to this seq.
    Acknowledge(u64),
}

impl Operation {
    /// Reads one; none where the text is nothing that is meant for us, which is ignored.
    pub(crate) fn read(text: &str, epoch: u64) -> Option<Result<Self, String>> {
        let value: Value = serde_json::from_str(text).ok()?;
        let op = value.get("op")?;
        Some(match op.as_str() {
            Some("subscribe") => filter(&value).map(Self::Subscribe),
            Some("unsubscribe") => filter(&value).map(Self::Unsubscribe),
            Some("ack") => acknowledged(&value, epoch).map(Self::Acknowledge),
            _ => Err("`op`: known are subscribe, unsubscribe and ack".to_owned()),
        })
    }

    /// What a client follows after this, where it followed `now` before.
    ///
    /// # Errors
    /// When these are more than `most`.
    pub(crate) fn patterns(&self, now: &PatternSet, most: usize) -> Result<PatternSet, String> {
        let now: Vec<&str> = now.iter().map(|pattern| pattern.as_str()).collect();
        let texts: Vec<&str> = match self {
            Self::Subscribe(more) => {
                let new = more.iter().map(|pattern| pattern.as_str()).filter(|text| !now.contains(text));
                now.iter().copied().chain(new).collect()
            }
            Self::Unsubscribe(gone) => {
                let gone: Vec<&str> = gone.iter().map(|pattern| pattern.as_str()).collect();
                now.into_iter().filter(|text| !gone.contains(text)).collect()
            }
            Self::Acknowledge(_) => now,
        };
        if texts.len() > most {
            return Err(format!("`filter`: at most {most} patterns, these would be {}", texts.len()));
        }
        PatternSet::parse(texts).map_err(|error| format!("`filter`: {error}"))
    }
}

/// Patterns as a list, or joined by commas.
fn filter(value: &Value) -> Result<PatternSet, String> {
    let given = match value.get("filter") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(texts)) => {
            let texts: Option<Vec<&str>> = texts.iter().map(Value::as_str).collect();
            texts.ok_or_else(|| "`filter`: a list of patterns holds texts".to_owned())?.join(",")
        }
        _ => return Err("`filter`: must be patterns such as `task.*,tool.denied`, or a list of them".to_owned()),
    };
    if given.len() > MAX_PATTERNS_BYTES {
        return Err(format!("`filter`: more than {MAX_PATTERNS_BYTES} bytes of patterns"));
    }
    PatternSet::parse(given.split(',').map(str::trim)).map_err(|error| format!("`filter`: {error}"))
}

fn acknowledged(value: &Value, epoch: u64) -> Result<u64, String> {
    if let Some(seq) = value.get("seq").and_then(Value::as_u64) {
        return Ok(seq);
    }
    let cursor = value.get("cursor").and_then(Value::as_str).and_then(cursor);
    match cursor {
        Some(cursor) if cursor.epoch == epoch => Ok(cursor.seq),
        Some(_) => Err("`cursor`: is of another journal".to_owned()),
        None => Err("an ack has the `seq` of an event, or a `cursor`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        #[test]
        fn nothing_that_is_said_is_more_than_refused(text in ".{0,64}", op in "subscribe|unsubscribe|ack|.{0,8}", epoch: u64) {
            let _ = Operation::read(&text, epoch);
            let said = json!({"op": op, "filter": text, "cursor": text}).to_string();
            if let Some(Ok(operation)) = Operation::read(&said, epoch) {
                let patterns = operation.patterns(&set(&["a.b"]), 3);
                prop_assert!(patterns.map_or(true, |patterns| patterns.iter().count() <= 3));
            }
        }
    }

    fn set(texts: &[&str]) -> PatternSet {
        PatternSet::parse(texts).unwrap()
    }

    #[test]
    fn operations_are_read_and_other_words_ignored() {
        let check =
            |text: &str, expected: Operation| assert_eq!(Operation::read(text, 1), Some(Ok(expected)), "{text}");
        check(r#"{"op":"subscribe","filter":"a.b, c.*"}"#, Operation::Subscribe(set(&["a.b", "c.*"])));
        check(r#"{"op":"unsubscribe","filter":["a.b"]}"#, Operation::Unsubscribe(set(&["a.b"])));
        check(r#"{"op":"ack","seq":7}"#, Operation::Acknowledge(7));
        check(r#"{"op":"ack","cursor":"0000000000000001.9"}"#, Operation::Acknowledge(9));
        for ignored in ["", "hello", "{}", "[1]", "7", r#"{"type":"ping"}"#] {
            assert_eq!(Operation::read(ignored, 1), None, "{ignored}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |value: Value, says: &str| {
            let reason = Operation::read(&value.to_string(), 1).unwrap().unwrap_err();
            assert!(reason.contains(says), "{value} said {reason}");
        };
        check(json!({"op": "drop"}), "known are subscribe");
        check(json!({"op": 7}), "known are subscribe");
        check(json!({"op": "subscribe"}), "`filter`: must be patterns");
        check(json!({"op": "subscribe", "filter": "A"}), "`filter`: `A`");
        check(json!({"op": "subscribe", "filter": ""}), "`filter`: ");
        check(json!({"op": "subscribe", "filter": ["a.b", 7]}), "holds texts");
        check(json!({"op": "subscribe", "filter": "a.b,".repeat(MAX_PATTERNS_BYTES)}), "more than 16384 bytes");
        check(json!({"op": "ack"}), "the `seq` of an event");
        check(json!({"op": "ack", "cursor": "0000000000000002.9"}), "of another journal");
    }

    #[test]
    fn patterns_are_added_and_taken_away_and_bounded() {
        let now = set(&["a.b", "c.*"]);
        let check = |operation: Operation, expected: &[&str]| {
            assert_eq!(operation.patterns(&now, 3).unwrap(), set(expected));
        };
        check(Operation::Subscribe(set(&["c.*", "d.e"])), &["a.b", "c.*", "d.e"]);
        check(Operation::Unsubscribe(set(&["c.*", "x.y"])), &["a.b"]);
        check(Operation::Unsubscribe(set(&["a.b", "c.*"])), &[]);
        let reason = Operation::Subscribe(set(&["d.e", "f.g"])).patterns(&now, 3).unwrap_err();
        assert!(reason.contains("at most 3 patterns"), "{reason}");
    }
}
