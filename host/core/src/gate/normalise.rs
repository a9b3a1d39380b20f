//! The first stage: names as one agent or another writes them become the canonical ones.
//!
//! Owns the table of tool names, the bounds on names, and where a shell tool keeps its line. Decides nothing.

use crate::event::MAX_NAME_BYTES;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The agents' names of tools that we know under one name. Compared without regard to case or `_`.
const CANONICAL: [(&str, &str); 41] = [
    ("bash", "Bash"),
    ("shell", "Bash"),
    ("localshell", "Bash"),
    ("runshellcommand", "Bash"),
    ("runterminalcmd", "Bash"),
    ("runterminalcommand", "Bash"),
    ("execcommand", "Bash"),
    ("executecommand", "Bash"),
    ("shellcommand", "Bash"),
    ("runcommand", "Bash"),
    ("containerexec", "Bash"),
    ("unifiedexec", "Bash"),
    ("terminal", "Bash"),
    ("read", "Read"),
    ("readfile", "Read"),
    ("readmanyfiles", "Read"),
    ("viewfile", "Read"),
    ("viewimage", "Read"),
    ("write", "Write"),
    ("writefile", "Write"),
    ("createfile", "Write"),
    ("deletefile", "Write"),
    ("delete", "Write"),
    ("edit", "Edit"),
    ("editfile", "Edit"),
    ("replace", "Edit"),
    ("strreplace", "Edit"),
    ("searchreplace", "Edit"),
    ("applypatch", "Edit"),
    ("multiedit", "MultiEdit"),
    ("notebookedit", "NotebookEdit"),
    ("glob", "Glob"),
    ("findfiles", "Glob"),
    ("ls", "Glob"),
    ("listdirectory", "Glob"),
    ("listdir", "Glob"),
    ("grep", "Grep"),
    ("grepsearch", "Grep"),
    ("searchfilecontent", "Grep"),
    ("webfetch", "WebFetch"),
    ("websearch", "WebSearch"),
];

/// Why a call is refused before anyone looks at what it does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCall {
    /// A name is empty where it may not be.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// A name is over its bound.
    #[error("{0} has more than {MAX_NAME_BYTES} bytes")]
    TooLong(&'static str),
    /// A name holds control characters.
    #[error("{0} holds control characters")]
    Control(&'static str),
}

/// Checks one of a call's names.
///
/// # Errors
/// When it is over its bound or holds control characters.
pub fn name(field: &'static str, text: &str) -> Result<(), BadCall> {
    if text.len() > MAX_NAME_BYTES {
        return Err(BadCall::TooLong(field));
    }
    if text.chars().any(char::is_control) {
        return Err(BadCall::Control(field));
    }
    Ok(())
}

/// The canonical name of a tool: `mcp__server__tool` is `tool`, `run_shell_command` is `Bash`.
///
/// # Errors
/// When the name is empty, over its bound, or holds control characters.
pub fn tool(original: &str) -> Result<String, BadCall> {
    name("tool_name", original)?;
    let own = original.strip_prefix("mcp__").and_then(|rest| rest.split_once("__")).map_or(original, |(_, tool)| tool);
    if own.trim().is_empty() {
        return Err(BadCall::Empty("tool_name"));
    }
    let own = own.trim();
    let key: String =
        own.chars().filter(|c| !matches!(c, '_' | '-' | '.' | ' ')).flat_map(char::to_lowercase).collect();
    Ok(CANONICAL
        .iter()
        .find(|(alias, _)| *alias == key)
        .map_or_else(|| own.to_owned(), |(_, canonical)| (*canonical).to_owned()))
}

/// The line that a shell tool's input runs; none where there is none to be read.
#[must_use]
pub fn shell_line(input: &Map<String, Value>) -> Option<String> {
    let value =
        ["command", "cmd", "script", "commandLine", "command_line"].iter().find_map(|field| input.get(*field))?;
    match value {
        Value::String(line) => Some(line.clone()),
        Value::Array(argv) => {
            let words: Option<Vec<String>> = argv.iter().map(|word| word.as_str().map(quoted)).collect();
            words.filter(|words| !words.is_empty()).map(|words| words.join(" "))
        }
        _ => None,
    }
}

/// A word as a shell would have to be told it.
pub(super) fn quoted(word: &str) -> String {
    let plain =
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+:,@%=".contains(&byte));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// The folder that the call works in: what its input says, below the call's own, else the first root.
#[must_use]
pub fn working_folder(input: &Map<String, Value>, cwd: Option<&Path>, roots: &[PathBuf]) -> PathBuf {
    let base = match cwd {
        Some(cwd) if cwd.is_absolute() => cwd.to_owned(),
        _ => roots.first().cloned().unwrap_or_else(|| PathBuf::from("/")),
    };
    let given =
        ["workdir", "working_directory", "cwd", "directory"].iter().find_map(|field| input.get(*field)?.as_str());
    given.filter(|given| !given.contains('\0')).map_or_else(|| base.clone(), |given| base.join(given))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;
    use serde_json::json;

    #[test]
    fn names_become_canonical() {
        for (original, canonical) in [
            ("Bash", "Bash"),
            ("run_shell_command", "Bash"),
            ("Shell", "Bash"),
            ("shell", "Bash"),
            ("local_shell", "Bash"),
            ("write_file", "Write"),
            ("replace", "Edit"),
            ("edit_file", "Edit"),
            ("read_file", "Read"),
            ("apply_patch", "Edit"),
            ("mcp__fs__write_file", "Write"),
            ("mcp__db__query", "query"),
            ("mcp__a__b__c", "b__c"),
            ("Task", "Task"),
        ] {
            assert_eq!(tool(original).unwrap(), canonical, "{original}");
        }
    }

    #[test]
    fn bad_names_are_refused() {
        assert_eq!(tool(""), Err(BadCall::Empty("tool_name")));
        assert_eq!(tool("mcp__a__"), Err(BadCall::Empty("tool_name")));
        assert_eq!(tool("a\nb"), Err(BadCall::Control("tool_name")));
        assert!(tool(&"a".repeat(MAX_NAME_BYTES)).is_ok());
        assert_eq!(tool(&"a".repeat(MAX_NAME_BYTES + 1)), Err(BadCall::TooLong("tool_name")));
    }

    #[test]
    fn lines_are_found() {
        let line = |value: Value| shell_line(value.as_object().unwrap());
        assert_eq!(line(json!({"command": "a b"})), Some("a b".to_owned()));
        assert_eq!(line(json!({"command": ["bash", "-lc", "it's"]})), Some(r"bash -lc 'it'\''s'".to_owned()));
        assert_eq!(line(json!({"command": 1})), None);
        assert_eq!(line(json!({"command": [1]})), None);
        assert_eq!(line(json!({})), None);
    }

    #[test]
    fn folders_are_the_calls_own() {
        let folder = |value: Value, cwd: Option<&str>| {
            working_folder(value.as_object().unwrap(), cwd.map(Path::new), &[PathBuf::from("/root1")])
        };
        assert_eq!(folder(json!({}), Some("/a")), Path::new("/a"));
        assert_eq!(folder(json!({"workdir": "b"}), Some("/a")), Path::new("/a/b"));
        assert_eq!(folder(json!({}), None), Path::new("/root1"));
        assert_eq!(folder(json!({}), Some("relative")), Path::new("/root1"));
    }
}
