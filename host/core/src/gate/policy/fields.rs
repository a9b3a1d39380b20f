//! Tables of a file, read key by key: what is unknown, missing or of the wrong kind is a problem with its place.
//!
//! Owns how problems are gathered and worded. Knows no key of a policy file.

use super::yaml::{Key, Kind, Node};
use super::{At, PolicyError};
use crate::nearest::nearest;
use std::ops::RangeInclusive;

/// Most problems said of one file: who has more mends these first.
pub(super) const MAX_PROBLEMS: usize = 100;

/// The problems of one file so far.
#[derive(Debug)]
pub(super) struct Problems<'a> {
    file: &'a str,
    found: Vec<PolicyError>,
}

impl<'a> Problems<'a> {
    pub fn of(file: &'a str) -> Self {
        Self { file, found: Vec::new() }
    }

    pub fn at(&mut self, at: At, message: impl Into<String>) {
        if self.found.len() < MAX_PROBLEMS {
            let (file, message) = (self.file.to_owned(), message.into());
            self.found.push(PolicyError::File { file, line: at.line, column: at.column, message });
        }
    }

    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// The problems in the order of their places; those of one place in the order they were found.
    pub fn into_sorted(mut self) -> Vec<PolicyError> {
        self.found.sort_by_key(PolicyError::place);
        self.found
    }
}

/// A table whose keys are known ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'n> {
    pub at: At,
    entries: &'n [(Key, Node)],
}

impl<'n> Fields<'n> {
    /// The entries of `node`, which has to be a table with no other keys than `known`.
    pub fn of(node: &'n Node, what: &str, known: &[&str], problems: &mut Problems<'_>) -> Option<Self> {
        let Kind::Table(entries) = &node.kind else {
            problems.at(
                node.at,
                format!("{what} must be a table ({}), and this is {}", known.join(", "), node.kind_name()),
            );
            return None;
        };
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.name.as_str())) {
            problems.at(key.at, format!("{what} has no key `{}`{}", shown(&key.name), mend(&key.name, known)));
        }
        Some(Self { at: node.at, entries })
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries.iter().find(|(known, _)| known.name == key).map(|(_, value)| value)
    }

    /// A key's value that is text.
    pub fn text(&self, key: &str, problems: &mut Problems<'_>) -> Option<&'n str> {
        self.get(key).and_then(|node| text(node, key, problems))
    }

    /// As [`Fields::text`]; its absence is a problem.
    pub fn required_text(&self, key: &str, what: &str, problems: &mut Problems<'_>) -> Option<&'n str> {
        if self.get(key).is_none() {
            problems.at(self.at, format!("{what} needs a `{key}`"));
        }
        self.text(key, problems).filter(|text| {
            if text.is_empty() {
                problems.at(self.get(key).map_or(self.at, |node| node.at), format!("`{key}` is empty"));
            }
            !text.is_empty()
        })
    }

    /// A key's value that is one of `choices`.
    pub fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)], problems: &mut Problems<'_>) -> Option<T> {
        let node = self.get(key)?;
        let word = text(node, key, problems)?;
        let found = choices.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            problems.at(node.at, format!("`{key}` cannot be `{}`{}", shown(word), mend(word, &names)));
        }
        found
    }

    /// A key's value that is a whole number within `range`.
    pub fn number(&self, key: &str, range: RangeInclusive<u64>, problems: &mut Problems<'_>) -> Option<u64> {
        let node = self.get(key)?;
        let found = text(node, key, problems)?.parse().ok().filter(|number| range.contains(number));
        if found.is_none() {
            let (least, most) = range.into_inner();
            problems.at(node.at, format!("`{key}` must be a whole number from {least} to {most}"));
        }
        found
    }

    /// The items of a key that holds one value or a list of them. An empty list is a problem: it would say that
    /// nothing is asked of a call, and read as if nothing matched.
    pub fn items(&self, key: &str, problems: &mut Problems<'_>) -> &'n [Node] {
        match self.get(key) {
            None => &[],
            Some(Node { kind: Kind::List(items), at }) => {
                if items.is_empty() {
                    problems.at(*at, format!("`{key}` is an empty list; leave it out, or say what it is about"));
                }
                items
            }
            Some(node) => std::slice::from_ref(node),
        }
    }

    /// The items of a key, each of them text, with their places.
    pub fn texts(&self, key: &str, problems: &mut Problems<'_>) -> Vec<(At, &'n str)> {
        let items = self.items(key, problems).iter();
        items.filter_map(|item| text(item, key, problems).map(|text| (item.at, text))).collect()
    }
}

/// A value that is text.
pub(super) fn text<'n>(node: &'n Node, key: &str, problems: &mut Problems<'_>) -> Option<&'n str> {
    match &node.kind {
        Kind::Text(text) => Some(text),
        Kind::Null => {
            problems.at(node.at, format!("`{key}` holds nothing here; `~` alone means nothing in YAML, quote it: '~'"));
            None
        }
        Kind::List(_) | Kind::Table(_) => {
            problems.at(node.at, format!("`{key}` must be text here, and this is {}", node.kind_name()));
            None
        }
    }
}

/// The end of a sentence about a wrong name.
pub(super) fn mend(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => format!("; known are {}", known.join(", ")),
    }
}

/// A file's own words in a sentence: not too many of them.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 120;
    let mut shown = String::new();
    for c in text.chars().take(MOST) {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}
