//! What makes a merged text doubtful though every hunk of it is safe: a name that one side did away with and the
//! other's new lines use, a definition that stands twice, lines of Python that belong to no block. Such a text would be
//! wrong without a conflict to see.

use super::definitions;
use super::diff::Change;
use super::indentation;
use super::kind::Language;
use std::collections::{BTreeMap, BTreeSet};

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

/// What became of a file: the same text four times where no hunk is left.
#[derive(Debug, Clone, Copy)]
pub struct Merged<'t> {
    /// Without the hunks that are left.
    pub decided: &'t str,
    /// With our side in them, and with theirs.
    pub either: [&'t str; 2],
}

/// Why the merged text is doubtful, where it is; of a file that is no code, as far as its words tell.
#[must_use]
pub fn doubt(language: Option<Language>, changed: &Changed<'_>, merged: &Merged<'_>) -> Option<String> {
    let Changed { base, ours, theirs } = *changed;
    let mut gone: BTreeSet<&str> = gone(base, ours);
    gone.extend(self::gone(base, theirs));
    // The side that has it no more did not put it there. What a hunk that is left uses, its reader sees.
    if let Some(word) = used(merged.decided).find(|word| gone.contains(word)) {
        return Some(format!("one side did away with the name `{word}`, and the other's changes use it"));
    }
    let language = language?;
    let versions = [ours.0, theirs.0].map(|text| definitions::names(language, text));
    let [first, second] = merged.either;
    let texts = [Some(first), (second != first).then_some(second)];
    texts.into_iter().flatten().find_map(|text| {
        if language == Language::Python && !indentation::still_fits(ours.0, theirs.0, text) {
            return Some("merged, a line would be indented as if it were of another block".to_owned());
        }
        let name = defined_twice(language, base, &versions, text)?;
        Some(format!("merged, `{name}` would be defined twice"))
    })
}

/// A name that is defined more often than in any version.
fn defined_twice(
    language: Language,
    base: &[&str],
    versions: &[BTreeMap<String, usize>; 2],
    text: &str,
) -> Option<String> {
    let of = |names: &BTreeMap<String, usize>, name: &str| names.get(name).copied().unwrap_or(0);
    let made = definitions::names(language, text);
    let more: Vec<(&String, &usize)> =
        made.iter().filter(|(name, count)| versions.iter().all(|names| **count > of(names, name))).collect();
    if more.is_empty() {
        return None;
    }
    let before = definitions::names(language, &base.concat());
    let twice = more.into_iter().find(|(name, count)| **count > of(&before, name).max(1))?;
    Some(twice.0.split_once(' ').map_or("", |it| it.1).to_owned())
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
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|it: char| !(it.is_alphanumeric() || it == '_' || it == '$'));
    words.filter(|word| word.chars().next().is_some_and(|it| !it.is_ascii_digit()))
}

/// The names that a text uses: `$a` may be a use of `a`.
pub fn used(text: &str) -> impl Iterator<Item = &str> {
    words(text).flat_map(|word| [word, word.trim_start_matches('$')])
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
            let merged = Merged { decided: merged, either: [merged, merged] };
            let found = doubt(Some(Language::Rust), &changed, &merged);
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
    fn what_is_left_is_put_in_either_way() {
        let base = ["fn a() {}\n"];
        let (ours, theirs) = ("fn a() {}\nfn b() {}\nlet x = 1;\n", "fn b() {}\nfn a() {}\nlet x = 2;\n");
        let from: Vec<&str> = base.to_vec();
        let [our, their] = [ours, theirs].map(|text| text.split_inclusive('\n').collect::<Vec<_>>());
        let (by_us, by_them) = (changes(&from, &our).unwrap(), changes(&from, &their).unwrap());
        let changed = Changed { base: &from, ours: (ours, &by_us), theirs: (theirs, &by_them) };
        // Twice with theirs alone.
        let either = ["fn a() {}\nfn b() {}\n", "fn a() {}\nfn b() {}\nfn b() {}\n"];
        let found = |either| doubt(Some(Language::Rust), &changed, &Merged { decided: "fn a() {}\n", either });
        assert_eq!(found(either).as_deref(), Some("merged, `b` would be defined twice"));
        assert_eq!(found([either[0]; 2]), None);
    }

    #[test]
    fn names_in_a_file_that_is_no_code() {
        let (from, ours, theirs) = (["a=1\n", "echo hi\n"], "b=1\necho hi\n", "a=1\necho hi $a\n");
        let [our, their] = [ours, theirs].map(|text| text.split_inclusive('\n').collect::<Vec<_>>());
        let (by_us, by_them) = (changes(&from, &our).unwrap(), changes(&from, &their).unwrap());
        let changed = Changed { base: &from, ours: (ours, &by_us), theirs: (theirs, &by_them) };
        let made = "b=1\necho hi $a\n";
        let why = doubt(None, &changed, &Merged { decided: made, either: [made; 2] });
        assert_eq!(why.as_deref(), Some("one side did away with the name `a`, and the other's changes use it"));
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
