//! What makes a merged text of code doubtful though every hunk of it is safe: a name that one side did away with and the
//! other's new lines use, a definition that stands twice. Such a text would be wrong without a conflict to see.

use super::definitions;
use super::diff::Change;
use super::kind::Language;
use std::collections::BTreeSet;

/// A file's versions, the base by its lines with what each side changed of them.
#[derive(Debug, Clone, Copy)]
pub struct Changed<'t> {
    /// The base.
    pub base: &'t [&'t str],
    /// Our version, and what it changed.
    pub ours: (&'t str, &'t [Change]),
    /// Theirs.
    pub theirs: (&'t str, &'t [Change]),
}

/// Why the merged text is doubtful, where it is.
#[must_use]
pub fn doubt(language: Language, changed: &Changed<'_>, merged: &str) -> Option<String> {
    let Changed { base, ours, theirs } = *changed;
    let mut gone: BTreeSet<&str> = gone(base, ours);
    gone.extend(self::gone(base, theirs));
    // The side that has it no more did not put it there.
    if let Some(word) = words(merged).find(|word| gone.contains(word)) {
        return Some(format!("one side did away with the name `{word}`, and the other's changes use it"));
    }
    let [our, their, made] = [ours.0, theirs.0, merged].map(|text| definitions::names(language, text));
    let more = |name: &String, count: usize| {
        let most = [&our, &their].iter().filter_map(|names| names.get(name)).max().copied().unwrap_or(0);
        count > most && count > definitions::names(language, &base.concat()).get(name).copied().unwrap_or(0)
    };
    let twice = made.iter().find(|(name, count)| more(name, **count));
    twice.map(|(name, _)| format!("merged, `{}` would be defined twice", name.split_once(' ').map_or("", |it| it.1)))
}

/// The names of lines that a side changed which it has nowhere any more.
fn gone<'t>(base: &[&'t str], (side, changes): (&str, &[Change])) -> BTreeSet<&'t str> {
    let lines = changes.iter().filter_map(|change| base.get(change.base.clone())).flatten();
    let mut gone: BTreeSet<&str> = lines.flat_map(|line| words(line)).collect();
    for word in words(side) {
        if gone.is_empty() {
            break;
        }
        gone.remove(word);
    }
    gone
}

/// The names in a text, texts in quotes and comments not told apart.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|it: char| !(it.is_alphanumeric() || it == '_' || it == '$'));
    words.filter(|word| word.chars().next().is_some_and(|it| !it.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use crate::merge::diff::changes;

    fn check(base: &str, ours: &str, theirs: &str, merged: &str, expected: Option<&str>) {
        for (ours, theirs) in [(ours, theirs), (theirs, ours)] {
            let [from, our, their] = [base, ours, theirs].map(|text| text.split_inclusive('\n').collect::<Vec<_>>());
            let (by_us, by_them) = (changes(&from, &our).unwrap(), changes(&from, &their).unwrap());
            let changed = Changed { base: &from, ours: (ours, &by_us), theirs: (theirs, &by_them) };
            let found = doubt(Language::Rust, &changed, merged);
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
