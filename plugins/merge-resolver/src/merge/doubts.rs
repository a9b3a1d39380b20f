//! What makes a merged text of code doubtful though every hunk of it is safe: a name that one side did away with and the
//! other's new lines use, a definition that stands twice. Such a text would be wrong without a conflict to see.

use super::definitions;
use super::kind::Language;
use std::collections::BTreeMap;

/// Why the merged text is doubtful, where it is.
#[must_use]
pub fn doubt(language: Language, base: &str, ours: &str, theirs: &str, merged: &str) -> Option<String> {
    let [from, our, their, made] = [base, ours, theirs, merged].map(words);
    // A name that is used once more than the side that has it most, and the other has it nowhere any more.
    let gone = |word: &&&str, side: &BTreeMap<&str, usize>| from.contains_key(**word) && !side.contains_key(**word);
    let left = made.keys().find(|word| gone(word, &our) || gone(word, &their));
    if let Some(word) = left {
        return Some(format!("one side did away with the name `{word}`, and the other's changes use it"));
    }
    let [from, our, their, made] = [base, ours, theirs, merged].map(|text| definitions::names(language, text));
    let most =
        |name: &String| [&from, &our, &their].iter().filter_map(|names| names.get(name)).max().copied().unwrap_or(0);
    let twice = made.iter().find(|(name, count)| **count > most(name));
    twice.map(|(name, _)| {
        format!(
            "merged, `{}` would be defined twice",
            name.trim_start_matches(|it: char| it.is_ascii_digit() || it == ' ')
        )
    })
}

/// The names in a text, texts in quotes and comments not told apart, with how often.
fn words(text: &str) -> BTreeMap<&str, usize> {
    let mut found = BTreeMap::new();
    for word in text.split(|it: char| !(it.is_alphanumeric() || it == '_' || it == '$')) {
        if word.chars().next().is_some_and(|it| !it.is_ascii_digit()) {
            *found.entry(word).or_default() += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(base: &str, ours: &str, theirs: &str, merged: &str, expected: Option<&str>) {
        for (ours, theirs) in [(ours, theirs), (theirs, ours)] {
            let found = doubt(Language::Rust, base, ours, theirs, merged);
            match expected {
                None => assert_eq!(found, None),
                Some(part) => assert!(found.as_ref().is_some_and(|why| why.contains(part)), "{found:?}"),
            }
        }
    }

    #[test]
    fn a_name_that_one_side_did_away_with() {
        let base = "let old = 1;\nf(old);\n";
        let renamed = base.replace("old", "new");
        check(base, &renamed, &format!("{base}g(old);\n"), &format!("{renamed}g(old);\n"), Some("`old`"));
        check(base, &renamed, &format!("{base}g(2);\n"), &format!("{renamed}g(2);\n"), None);
        // New on one side alone, and of numbers.
        check(base, &format!("{base}h();\n"), &base.replace('1', "2"), "let old = 2;\nf(old);\nh();\n", None);
    }

    #[test]
    fn what_would_be_defined_twice() {
        let base = "fn a() {}\n";
        let (ours, theirs) = ("fn a() {}\nfn b() { 1 }\n", "fn b() { 2 }\nfn a() {}\n");
        check(base, ours, theirs, "fn b() { 2 }\nfn a() {}\nfn b() { 1 }\n", Some("`b` would be defined twice"));
        // As often as before, and in another block.
        check("fn a() {}\nfn a() {}\n", "fn a() {}\nfn a() {}\n", "fn a() {}\n", "fn a() {}\nfn a() {}\n", None);
        check(
            base,
            "fn a() {}\nfn b() {}\n",
            "fn a() {}\nmod m {\n    fn b() {}\n}\n",
            "fn a() {}\nfn b() {}\nmod m {\n    fn b() {}\n}\n",
            None,
        );
    }
}
