//! Makes a hook's fields fit into a payload: long texts are cut and the cut is said. The gate sees the whole.
//!
//! Fields are many times their text in memory: none is copied here, and no more is written than may be kept.

use crate::event::MAX_PAYLOAD_BYTES;
use crate::redact::redact;
use crate::text::cut_texts;
use serde_json::{Map, Value};
use std::io::{Error, Write};

/// Bounds tried one after another, in bytes of one text, until the whole fits.
const TEXT_BYTES: [usize; 4] = [65_536, 8_192, 1_024, 128];
/// Bytes kept free for what the host may add.
const HEADROOM: usize = 1_024;
/// What is kept where not one text is long but very many are: at most so many fields with no others in them.
const KEPT_FIELDS: usize = 100;
/// The longest name of a field that is kept then, in bytes.
const KEPT_NAME_BYTES: usize = 128;

/// The object as JSON text of at most a payload's size, with `truncated: true` where something was cut.
pub(super) fn fit(mut fields: Map<String, Value>) -> String {
    if let Some(text) = written(&fields) {
        return text;
    }
    fields.insert("truncated".to_owned(), Value::Bool(true));
    for bound in TEXT_BYTES {
        let cut = fields.values_mut().fold(false, |cut, value| cut_texts(value, bound) | cut);
        if let Some(text) = cut.then(|| written(&fields)).flatten() {
            return text;
        }
    }
    // What identifies the event.
    fields.retain(|name, value| name.len() <= KEPT_NAME_BYTES && !value.is_array() && !value.is_object());
    let truncated = ("truncated".to_owned(), Value::Bool(true));
    let kept: Map<String, Value> = std::iter::once(truncated).chain(fields.into_iter().take(KEPT_FIELDS)).collect();
    Value::Object(kept).to_string()
}

/// The fields as JSON text, where that fits into a payload, also with its secrets replaced.
fn written(fields: &Map<String, Value>) -> Option<String> {
    let mut text = Bounded { bytes: Vec::new(), left: MAX_PAYLOAD_BYTES - HEADROOM };
    serde_json::to_writer(&mut text, fields).ok()?;
    let text = String::from_utf8(text.bytes).ok()?;
    (redact(&text).len() <= MAX_PAYLOAD_BYTES - HEADROOM).then_some(text)
}

/// Takes so many bytes and no more.
struct Bounded {
    bytes: Vec<u8>,
    left: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        self.left = self.left.checked_sub(bytes.len()).ok_or_else(|| Error::other("over its bound"))?;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;
    use serde_json::json;

    #[test]
    fn no_more_is_written_than_may_be_kept() {
        let many = json!({ "a": vec![Value::Array(Vec::new()); MAX_PAYLOAD_BYTES] });
        let mut text = Bounded { bytes: Vec::new(), left: 1_000 };
        assert!(serde_json::to_writer(&mut text, &many).is_err());
        assert!(text.bytes.len() <= 1_000 && text.bytes.capacity() <= 2_000);
        assert!(text.bytes.len() > 900, "{}", text.bytes.len());
    }

    #[test]
    fn what_identifies_the_event_stays_and_its_number_is_bounded() {
        let mut fields: Map<String, Value> = (0..200).map(|field| (format!("f{field:03}"), json!("x"))).collect();
        fields.insert("n".repeat(KEPT_NAME_BYTES + 1), json!(1));
        fields.insert("a".to_owned(), json!(vec!["x"; MAX_PAYLOAD_BYTES]));
        let kept: Map<String, Value> = serde_json::from_str(&fit(fields)).unwrap();
        assert_eq!(kept.len(), KEPT_FIELDS + 1);
        assert!(kept.contains_key("truncated") && kept.contains_key("f000") && kept.contains_key("f099"));
    }
}
