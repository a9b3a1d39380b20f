//! Which keys a grant file has, and how an unknown one is named: with its line and the nearest known name.

use super::GrantError;
use crate::limits::LimitsTable;
use toml::de::{DeTable, DeValue};

const TABLES: &[&str] = &["grant", "limits", "delivery", "config"];
const GRANT: &[&str] = &["emit", "process", "env", "workspace", "data", "interactions", "session_effects", "gate"];
const DELIVERY: &[&str] = &["mode", "start", "instances", "drain_ms", "max_age_ms", "max_per_second", "on_fault"];

/// Refuses the first key that no grant file has; `[config]` is the plugin's own.
pub(super) fn check(text: &str) -> Result<(), GrantError> {
    let document = DeTable::parse(text).map_err(|error| GrantError(at_line(text, &error)))?;
    for (table, value) in document.get_ref() {
        let name: &str = table.get_ref();
        let known = match name {
            "grant" => GRANT,
            "limits" => LimitsTable::KEYS,
            "delivery" => DELIVERY,
            "config" => continue,
            _ => {
                let (line, nearest) = (line_at(text, table.span().start), nearest(name, TABLES));
                return Err(GrantError(format!(
                    "line {line}: unknown table or key `{name}`; did you mean `{nearest}`?"
                )));
            }
        };
        let DeValue::Table(keys) = value.get_ref() else {
            let line = line_at(text, table.span().start);
            return Err(GrantError(format!("line {line}: `{name}` is a table: write [{name}]")));
        };
        for key in keys.keys() {
            let key_name: &str = key.get_ref();
            if !known.contains(&key_name) {
                let (line, nearest) = (line_at(text, key.span().start), nearest(key_name, known));
                return Err(GrantError(format!(
                    "line {line}: unknown key `{key_name}` in [{name}]; did you mean `{nearest}`?"
                )));
            }
        }
    }
    Ok(())
}

/// The parser's message, with the line in front.
pub(super) fn at_line(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map_or(1, |span| line_at(text, span.start));
    format!("line {line}: {}", error.message())
}

/// The line where `key` is given a value; 1 where it is not.
pub(super) fn line_of(text: &str, key: &str) -> usize {
    let gives = |line: &str| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
    text.lines().position(gives).map_or(1, |index| index + 1)
}

fn line_at(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}

/// The name among `known` that takes the fewest edits to reach.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> &'a str {
    known.iter().min_by_key(|candidate| edits(name, candidate)).copied().unwrap_or_default()
}

/// Levenshtein's distance, over characters.
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (at, left) in from.chars().enumerate() {
        let mut diagonal = at;
        let mut before = at + 1;
        if let Some(first) = row.first_mut() {
            *first = before;
        }
        for (right, cell) in to.chars().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            *cell = (above + 1).min(before + 1).min(diagonal + usize::from(left != right));
            diagonal = above;
            before = *cell;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance() {
        for (from, to, expected) in [("", "", 0), ("a", "", 1), ("emits", "emit", 1), ("kitten", "sitting", 3)] {
            assert_eq!(edits(from, to), expected, "{from} {to}");
        }
    }
}
