//! Lists of numbered words, as most summaries are: `2 passed, 1 failed`, `Tests run: 4, Failures: 1`.

use crate::text;

/// `3 failed, 2 passed` into pairs; none where any part is no number with a word behind.
pub fn number_word<'a>(text: &'a str, separator: &str) -> Option<Vec<(u64, &'a str)>> {
    text.split(separator)
        .map(|part| {
            let (number, word) = text::number_and_rest(part.trim())?;
            let word = word.trim();
            (!word.is_empty()).then_some((number, word))
        })
        .collect()
}

/// `Tests run: 4, Failures: 1` into pairs; none where any part is no word with a number behind.
pub fn word_number(text: &str) -> Option<Vec<(&str, u64)>> {
    text.split(", ")
        .map(|part| {
            let (word, number) = part.split_once(':')?;
            Some((word.trim(), number.trim().parse().ok()?))
        })
        .collect()
}

/// The sum of what stands with any of `words`.
pub fn sum<'a>(pairs: impl IntoIterator<Item = (u64, &'a str)>, words: &[&str]) -> u64 {
    pairs.into_iter().filter(|(_, word)| words.contains(word)).fold(0, |sum, (number, _)| sum.saturating_add(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_whole_or_not_at_all() {
        assert_eq!(number_word("3 failed, 2 passed", ", "), Some(vec![(3, "failed"), (2, "passed")]));
        assert_eq!(number_word("3 failed, none", ", "), None);
        assert_eq!(number_word("3 failed, 4", ", "), None);
        assert_eq!(word_number("Tests run: 4, Failures: 1"), Some(vec![("Tests run", 4), ("Failures", 1)]));
        assert_eq!(word_number("Tests run: 4, Time elapsed: 0.1 s"), None);
        assert_eq!(sum([(3, "a"), (u64::MAX, "b"), (1, "b")], &["b"]), u64::MAX);
    }
}
