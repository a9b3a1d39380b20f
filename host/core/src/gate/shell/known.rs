//! Expansions of which the text itself tells enough: substitutions of programs that print names, the home and the folder.
//!
//! Pure text.

use crate::gate::call::base_name;

/// Programs that print a new name of their own, or settings for the shell that asked.
const KNOWN: [&str; 18] = [
    "mktemp",
    "ssh-agent",
    "keychain",
    "direnv",
    "brew",
    "pyenv",
    "rbenv",
    "nodenv",
    "goenv",
    "jenv",
    "fnm",
    "mise",
    "opam",
    "starship",
    "zoxide",
    "dircolors",
    "minikube",
    "luarocks",
];

/// The program of a substitution that is nothing but one of the known ones with plain words.
pub(super) fn known(inner: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || " -_./=,+".contains(c);
    let name = inner.split_whitespace().next().filter(|_| inner.chars().all(plain))?;
    KNOWN.into_iter().find(|known| *known == base_name(name))
}

/// Whether a substitution prints the folder that the line is in, or the project's: an agent's line begins there.
pub(super) fn is_folder(inner: &str) -> bool {
    matches!(inner.trim(), "pwd" | "pwd -P" | "pwd -L" | "git rev-parse --show-toplevel")
}

/// Whether a word is what one of them prints for the shell.
pub(super) fn is_settings(text: &str) -> bool {
    text.strip_prefix("$(")
        .and_then(|text| text.strip_suffix(')'))
        .is_some_and(|name| name != "mktemp" && KNOWN.contains(&name))
}

/// The variable whose value stands there as it is, or without a last slash: `${x}`, `${x%/}`; of everyone's home also
/// whatever else is to stand in for it: `${HOME:?why}`.
pub(super) fn plain_name(inner: &str) -> Option<&str> {
    let end = inner.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inner.len());
    let (name, operator) = inner.split_at(end);
    let home = name == "HOME" && operator.trim_start_matches(':').starts_with(['-', '=', '?']);
    (is_name(name) && (home || matches!(operator, "" | "%/" | "%%/"))).then_some(name)
}

/// Where an operator leads that takes something from the home's or the working folder's name: `${PWD%/*}` is above it, and
/// what is not found in a name takes nothing. Of any variable, what `${x/*/text}` puts in the place of all of it.
pub(super) fn place_of(inner: &str) -> Option<String> {
    let end = inner.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inner.len());
    let (name, operator) = inner.split_at(end);
    if let Some(text) = operator.strip_prefix("/*/").or_else(|| operator.strip_prefix("//*/")) {
        return (is_name(name) && !text.contains(['$', '`', '\'', '"', '\\'])).then(|| text.to_owned());
    }
    if !matches!(name, "HOME" | "PWD") || operator.contains(['$', '`']) {
        return None;
    }
    let chooses = operator.contains(['*', '?', '[']);
    match operator.chars().next()? {
        '%' if operator == "%%/*" => Some(String::new()),
        '%' if chooses => Some(format!("${name}/..")),
        // Both begin with a slash.
        ':' if operator.trim_start_matches([':', ' ']).starts_with("0:1") && operator.ends_with(":1") => {
            Some("/".to_owned())
        }
        // Other letters, or all of them: the same folder at the worst.
        ':' if operator.trim_start_matches([':', ' ']) == "0" => Some(format!("${name}")),
        '^' | ',' | '@' => Some(format!("${name}")),
        '%' | '#' | '/' if name == "HOME" && !chooses => Some(format!("${name}")),
        _ => None,
    }
}

fn is_name(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
