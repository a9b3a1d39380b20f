//! Makes a hook's fields fit into a payload: long texts are cut and the cut is said. The gate sees the whole.

use crate::event::MAX_PAYLOAD_BYTES;
use crate::redact::redact;
use serde_json::{Map, Value};

/// What a cut text ends with.
const CUT: &str = "...[truncated]";
/// Bounds tried one after another, in bytes of one text, until the whole fits.
const TEXT_BYTES: [usize; 4] = [65_536, 8_192, 1_024, 128];
/// Bytes kept free for what the host may add.
const HEADROOM: usize = 1_024;

/// The object as JSON text of at most a payload's size, with `truncated: true` where something was cut.
pub(super) fn fit(mut fields: Map<String, Value>) -> String {
    let limit = MAX_PAYLOAD_BYTES - HEADROOM;
    let fits = |text: &str| text.len() <= limit && redact(text).len() <= limit;
    let text = Value::Object(fields.clone()).to_string();
    if fits(&text) {
        return text;
    }
    fields.insert("truncated".to_owned(), Value::Bool(true));
    for bound in TEXT_BYTES {
        fields.values_mut().for_each(|value| cut(value, bound));
        let text = Value::Object(fields.clone()).to_string();
        if fits(&text) {
            return text;
        }
    }
    // Not long texts but very many of them: keep what identifies the event.
    let keep = |value: &Value| !matches!(value, Value::Array(_) | Value::Object(_));
    fields.retain(|name, value| keep(value) && name.len() <= 128);
    let kept: Map<String, Value> = fields.into_iter().take(100).collect();
    Value::Object(kept).to_string()
}

fn cut(value: &mut Value, bound: usize) {
    match value {
        Value::String(text) if text.len() > bound => {
            let end = text.floor_char_boundary(bound - CUT.len());
            text.truncate(end);
            text.push_str(CUT);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| cut(item, bound)),
        Value::Object(fields) => fields.values_mut().for_each(|field| cut(field, bound)),
        _ => {}
    }
}
