//! The regexes of a rule, searched for together: one search says whether one of them is in a text.
//!
//! Pure. Every rule is asked about every command, and a search costs most by being begun.

use regex::{RegexSet, RegexSetBuilder};

/// Regexes of which one is enough.
#[derive(Debug, Clone, Default)]
pub(super) struct Patterns {
    /// One, or one for each regex where they are too large together.
    sets: Vec<RegexSet>,
    len: usize,
}

impl Patterns {
    /// Those of `texts`, each of which compiles to no more than `most` bytes by itself.
    ///
    /// # Errors
    /// Of the first that does not compile.
    pub fn of(texts: &[&str], most: usize) -> Result<Self, regex::Error> {
        let set = |texts: &[&str]| RegexSetBuilder::new(texts).size_limit(most).build();
        let sets = match set(texts) {
            _ if texts.is_empty() => Vec::new(),
            Ok(all) => vec![all],
            Err(_) => texts.iter().map(|text| set(&[text])).collect::<Result<_, _>>()?,
        };
        Ok(Self { sets, len: texts.len() })
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether one of them is found in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        self.sets.iter().any(|set| set.is_match(text))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;

    #[test]
    fn one_of_them_is_enough_together_or_apart() {
        let texts = ["^(?i)a{400}$", "(?x) b{400} # x"];
        // The least that is enough for each of them, and not for both.
        let fits = |most: &usize| texts.iter().all(|text| Patterns::of(&[text], *most).is_ok());
        let most = (1..1_000).map(|thousands| thousands * 1_000).find(fits).unwrap();
        for (most, sets) in [(usize::MAX, 1), (most, texts.len())] {
            let patterns = Patterns::of(&texts, most).unwrap();
            assert_eq!((patterns.sets.len(), patterns.len()), (sets, texts.len()));
            for (text, found) in [("A".repeat(400), true), ("b".repeat(500), true), ("a".repeat(401), false)] {
                assert_eq!(patterns.is_match(&text), found, "{text}");
            }
        }
        assert!(Patterns::of(&texts, 1_000).is_err() && Patterns::of(&["a", "("], usize::MAX).is_err());
        let none = Patterns::of(&[], 0).unwrap();
        assert!(none.is_empty() && !none.is_match(""));
    }
}
