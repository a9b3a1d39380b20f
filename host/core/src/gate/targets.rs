//! Which files a call would touch: what file tools name, and what shell commands write.
//!
//! Owns the knowledge of tools' path fields; that of programs' file arguments is `written`'s. Decides nothing.

mod folded;
mod links;
mod listed;
mod outputs;
mod read;
mod written;

pub(super) use folded::folded;
pub use links::{Link, links};
pub(super) use listed::searched_by_fd;
pub use listed::{changes_listed, listed};
pub(super) use read::{read, shows};
pub(super) use written::start_points;
pub use written::{redirected, written};

use super::call::{NormalisedCall, ShellCommand, Word};
use super::normalise::field_key;
use super::patch;
use super::paths::spelled_out;
use super::shell::ELSEWHERE;
use serde_json::{Map, Value};

/// What a call would do to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read it or list it.
    Read,
    /// Make, change or delete it.
    Write,
}

/// The fields in which tools name a path, without regard to case, `_` and `-`.
const PATH_FIELDS: [&str; 21] = [
    "path",
    "filepath",
    "notebookpath",
    "absolutepath",
    "relativepath",
    "relativeworkspacepath",
    "dirpath",
    "directorypath",
    "folderpath",
    "targetpath",
    "sourcepath",
    "destinationpath",
    "oldpath",
    "newpath",
    "file",
    "filename",
    "targetfile",
    "uri",
    "destination",
    "dest",
    "dst",
];

/// As [`PATH_FIELDS`] beside one that says where to; alone they hold a cell's text, or a language.
const SOURCE_FIELDS: [&str; 2] = ["source", "src"];

/// The fields in which tools name several paths, as patterns or plain.
const PATH_LISTS: [&str; 8] =
    ["include", "paths", "filepaths", "files", "filenames", "sources", "directories", "folders"];

/// Deepest that an input's lists and objects are looked through. Agents nest two or three.
const MAX_DEPTH: usize = 16;

/// What a canonical file tool does; none for tools that are about something else.
#[must_use]
pub fn file_access(tool: &str) -> Option<Access> {
    match tool {
        "Read" | "Glob" | "Grep" => Some(Access::Read),
        "Write" | "Edit" | "MultiEdit" | "NotebookEdit" => Some(Access::Write),
        _ => None,
    }
}

/// The paths that a file tool's input names, as given. A field of another type than text comes back as `None`.
#[must_use]
pub fn tool_paths(tool: &str, input: &Map<String, Value>) -> Vec<Option<String>> {
    let mut found = Vec::new();
    paths_in(input, 0, &mut found);
    for field in ["patch", "input", "command", "diff"] {
        if let Some(Value::String(text)) = input.get(field) {
            found.extend(patch::paths(text).into_iter().map(Some));
        }
    }
    if tool == "Glob"
        && let Some(Value::String(pattern)) = input.get("pattern")
        && (pattern.starts_with(['/', '~']) || pattern.contains(".."))
    {
        found.push(Some(fixed_part(pattern)));
    }
    found
}

fn paths_in(input: &Map<String, Value>, depth: usize, found: &mut Vec<Option<String>>) {
    if depth > MAX_DEPTH {
        return found.push(None);
    }
    let moves = input.keys().any(|field| matches!(field_key(field).as_str(), "destination" | "dest" | "dst"));
    for (field, value) in input {
        let name = field_key(field);
        let one = PATH_FIELDS.contains(&name.as_str()) || moves && SOURCE_FIELDS.contains(&name.as_str());
        let named = one || PATH_LISTS.contains(&name.as_str());
        match value {
            Value::Null => {}
            Value::String(path) if one => found.push(Some(without_scheme(path).to_owned())),
            Value::Array(values) => {
                for value in values {
                    match value {
                        Value::Object(inner) => paths_in(inner, depth + 1, found),
                        Value::String(path) if named => found.push(Some(folder_of(fixed_part(without_scheme(path))))),
                        _ if named => found.push(None),
                        _ => {}
                    }
                }
            }
            Value::Object(inner) => paths_in(inner, depth + 1, found),
            Value::String(path) if named => found.push(Some(folder_of(fixed_part(path)))),
            _ if one => found.push(None),
            _ => {}
        }
    }
}

/// Tools whose input may be a sentence that names addresses.
const ASKED_IN_WORDS: &str = "WebFetch";

/// The fields in which tools name an address, without regard to case, `_` and `-`.
const ADDRESS_FIELDS: [&str; 9] = ["url", "urls", "uri", "href", "link", "links", "address", "endpoint", "website"];

/// The addresses that a tool's input names, at whatever depth; where it has no field for one, those in the sentence
/// that it is asked with.
#[must_use]
pub fn addresses(tool: &str, input: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    addresses_in(input, 0, &mut found);
    if found.is_empty() && tool == ASKED_IN_WORDS {
        let texts = input.values().filter_map(Value::as_str);
        let words = texts.flat_map(str::split_whitespace).filter(|word| word.contains("://"));
        found.extend(words.map(str::to_owned));
    }
    found
}

fn addresses_in(input: &Map<String, Value>, depth: usize, found: &mut Vec<String>) {
    if depth > MAX_DEPTH {
        return;
    }
    for (field, value) in input {
        let named = ADDRESS_FIELDS.contains(&field_key(field).as_str());
        match value {
            Value::String(address) if named => found.push(address.clone()),
            Value::Array(values) => {
                for value in values {
                    match value {
                        Value::String(address) if named => found.push(address.clone()),
                        Value::Object(inner) => addresses_in(inner, depth + 1, found),
                        _ => {}
                    }
                }
            }
            Value::Object(inner) => addresses_in(inner, depth + 1, found),
            _ => {}
        }
    }
}

/// Every text in an input that may be a path, at whatever depth; none where it is deeper than anyone writes.
#[must_use]
pub fn texts(input: &Map<String, Value>) -> Option<Vec<&str>> {
    let mut found = Vec::new();
    let mut open: Vec<(&Value, usize)> = input.values().map(|value| (value, 0)).collect();
    while let Some((value, depth)) = open.pop() {
        if depth > MAX_DEPTH {
            return None;
        }
        match value {
            Value::String(text) => found.push(without_scheme(text)),
            Value::Array(values) => open.extend(values.iter().map(|value| (value, depth + 1))),
            Value::Object(values) => open.extend(values.values().map(|value| (value, depth + 1))),
            _ => {}
        }
    }
    Some(found)
}

/// The file that an address names: `file:///x` and `file://localhost/x` are `/x`, whatever the case; some clients say
/// `fileb:`.
#[must_use]
pub fn file_of(address: &str) -> Option<&str> {
    let (scheme, rest) = address.trim_start().split_once(':')?;
    let rest = rest.strip_prefix("//localhost").or_else(|| rest.strip_prefix("//")).unwrap_or(rest);
    ["file", "fileb"].into_iter().any(|own| scheme.eq_ignore_ascii_case(own)).then_some(rest)
}

/// `file:///x` is `/x`; what has no slash is a file of that name.
fn without_scheme(path: &str) -> &str {
    file_of(path).filter(|_| path.contains("://")).unwrap_or(path)
}

/// The folder in front of the first pattern character or expansion, as far up as a `..` behind them leads.
fn fixed_part(pattern: &str) -> String {
    let pattern = folded(pattern).into_iter().next().unwrap_or_default();
    let end = first_unknown(&pattern).unwrap_or(pattern.len());
    let fixed = pattern.get(..end).unwrap_or_default();
    if end == pattern.len() {
        return fixed.to_owned();
    }
    fixed.rfind('/').map_or(String::new(), |slash| fixed.get(..=slash).unwrap_or_default().to_owned())
}

/// A pattern that begins with a pattern character begins in the working folder.
fn folder_of(fixed: String) -> String {
    if fixed.is_empty() { ".".to_owned() } else { fixed }
}

/// Whether a shell chooses among the names that there are: by `*`, `?`, `[…]`, `{…}` or a group such as `@(…)`.
pub(super) fn chooses(text: &str) -> bool {
    first_choice(text).is_some()
}

/// Where in a text a shell begins to choose or to fill in.
pub(super) fn first_unknown(text: &str) -> Option<usize> {
    first_choice(text).into_iter().chain(text.find(['$', '`'])).min()
}

fn first_choice(text: &str) -> Option<usize> {
    let group = ["@(", "+(", "!("].into_iter().filter_map(|group| text.find(group));
    text.find(['*', '?', '[', '{']).into_iter().chain(group).min()
}

/// The part of a word that is known before it runs; none where nothing of it is.
#[must_use]
pub fn known_path(word: &Word) -> Option<String> {
    if word.literal {
        return (!word.text.is_empty()).then(|| word.text.clone());
    }
    let fixed = fixed_part(&spelled_out(&word.text));
    (!fixed.is_empty()).then_some(fixed)
}

/// As [`known_path`]; of a pattern of which nothing is known the folder that it chooses in.
#[must_use]
pub fn known_place(word: &Word) -> Option<String> {
    let chosen = || {
        let text = folded(&spelled_out(&word.text)).into_iter().next()?;
        (first_unknown(&text) == first_choice(&text) && chooses(&text)).then(|| ".".to_owned())
    };
    known_path(word).or_else(|| if word.literal { None } else { chosen() })
}

/// Whether a command runs on another machine or in a container, where our paths mean nothing.
#[must_use]
pub fn runs_elsewhere(command: &ShellCommand) -> bool {
    command.wrappers.iter().any(|wrapper| ELSEWHERE.contains(&wrapper.as_str()))
}

/// All that a call of any tool would write, with the command that would; file tools have no command.
#[must_use]
pub fn writes(call: &NormalisedCall) -> Vec<(Option<usize>, String)> {
    let mut found = Vec::new();
    if file_access(&call.tool) == Some(Access::Write) {
        found.extend(tool_paths(&call.tool, &call.input).into_iter().flatten().map(|path| (None, path)));
    }
    for (index, command) in call.commands.iter().enumerate().filter(|(_, command)| !runs_elsewhere(command)) {
        let words = redirected(command).cloned().chain(written(command));
        found.extend(words.filter_map(|word| known_path(&word)).map(|path| (Some(index), path)));
    }
    found
}
