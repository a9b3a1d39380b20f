//! Cutting a text that is shown to people.

/// The text's first bytes, at most `max`, and a sign where some are missing.
#[must_use]
pub fn cut(text: &str, max: usize) -> String {
    let ends = text.char_indices().map(|(at, it)| at + it.len_utf8());
    let end = ends.take_while(|end| *end <= max).last().unwrap_or(0);
    if text.len() <= max { text.to_owned() } else { format!("{}…", text.get(..end).unwrap_or_default()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_is_cut_in_two() {
        for (text, max, expected) in [("abc", 3, "abc"), ("abc", 2, "ab…"), ("aü", 2, "a…"), ("ü", 0, "…"), ("", 0, "")]
        {
            assert_eq!(cut(text, max), expected);
        }
    }
}
