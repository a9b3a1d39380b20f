//! Texts cut to a bound, at the border of a character, and said to be cut.

use serde_json::Value;

/// What a text ends with that was cut in the middle of a record.
const CUT: &str = "...[truncated]";

/// The longest beginning of `text` that has at most `most` bytes.
pub(crate) fn start(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

/// Cuts every text in `value` that has more than `most` bytes to at most that many, and says whether there was one.
pub(crate) fn cut_texts(value: &mut Value, most: usize) -> bool {
    match value {
        Value::String(text) if text.len() > most => {
            text.truncate(start(text, most.saturating_sub(CUT.len())).len());
            text.push_str(CUT);
            true
        }
        Value::Array(values) => values.iter_mut().fold(false, |cut, value| cut_texts(value, most) | cut),
        Value::Object(values) => values.values_mut().fold(false, |cut, value| cut_texts(value, most) | cut),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_are_cut_wherever_they_are_and_never_within_a_character() {
        let mut value = json!({"a": ["x".repeat(40), "é".repeat(20), 1], "b": {"c": "x".repeat(41)}});
        assert!(cut_texts(&mut value, 40));
        let cut = format!("{}{CUT}", "x".repeat(26));
        assert_eq!(value, json!({"a": ["x".repeat(40), "é".repeat(20), 1], "b": {"c": cut}}));
        assert!(!cut_texts(&mut value, 40));
        assert!(cut_texts(&mut value, 39));
        assert_eq!(
            value,
            json!({"a": [format!("{}{CUT}", "x".repeat(25)), format!("{}{CUT}", "é".repeat(12)), 1],
            "b": {"c": format!("{}{CUT}", "x".repeat(25))}})
        );
        assert_eq!((start("aé", 2), start("aé", 3), start("aé", 9)), ("a", "aé", "aé"));
    }
}
