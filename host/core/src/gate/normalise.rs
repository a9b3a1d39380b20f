//! The first stage: names as one agent or another writes them become the canonical ones.
//!
//! Owns the table of tool names, the bounds on names, and where a shell tool keeps its line. Decides nothing.

use crate::event::MAX_NAME_BYTES;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The agents' names of tools that we know under one name. Compared without regard to case or `_`.
const CANONICAL: [(&str, &str); 88] = [
    ("bash", "Bash"),
    ("shell", "Bash"),
    ("localshell", "Bash"),
    ("runshellcommand", "Bash"),
    ("runterminalcmd", "Bash"),
    ("runterminalcommand", "Bash"),
    ("runinterminal", "Bash"),
    ("execcommand", "Bash"),
    ("executecommand", "Bash"),
    ("executebash", "Bash"),
    ("executeshellcommand", "Bash"),
    ("shellcommand", "Bash"),
    ("shellexec", "Bash"),
    ("runcommand", "Bash"),
    ("runbash", "Bash"),
    ("containerexec", "Bash"),
    ("unifiedexec", "Bash"),
    ("startprocess", "Bash"),
    ("terminal", "Bash"),
    // Claude Code's: a line whose output it is told of as it comes.
    ("monitor", "Bash"),
    ("powershell", "Bash"),
    ("pwsh", "Bash"),
    ("runpowershell", "Bash"),
    ("executepowershell", "Bash"),
    // Codex': what is typed into a shell that runs already.
    ("writestdin", "Bash"),
    ("read", "Read"),
    ("readfile", "Read"),
    ("readmanyfiles", "Read"),
    ("readmultiplefiles", "Read"),
    ("readtextfile", "Read"),
    ("readmediafile", "Read"),
    ("viewfile", "Read"),
    ("viewimage", "Read"),
    ("openfile", "Read"),
    ("getfileinfo", "Read"),
    ("write", "Write"),
    ("writefile", "Write"),
    ("writetofile", "Write"),
    ("savefile", "Write"),
    ("createfile", "Write"),
    ("createnewfile", "Write"),
    ("appendfile", "Write"),
    ("appendtofile", "Write"),
    ("insertcontent", "Write"),
    ("createdirectory", "Write"),
    ("createfolder", "Write"),
    ("makedirectory", "Write"),
    ("movefile", "Write"),
    ("renamefile", "Write"),
    ("copyfile", "Write"),
    ("deletefile", "Write"),
    ("deletedirectory", "Write"),
    ("removefile", "Write"),
    ("delete", "Write"),
    ("edit", "Edit"),
    ("editfile", "Edit"),
    ("editfiles", "Edit"),
    ("editblock", "Edit"),
    ("replace", "Edit"),
    ("replaceinfile", "Edit"),
    ("replacestringinfile", "Edit"),
    ("multireplacestringinfile", "Edit"),
    ("strreplace", "Edit"),
    ("strreplaceeditor", "Edit"),
    ("strreplacebasededittool", "Edit"),
    ("searchreplace", "Edit"),
    ("searchandreplace", "Edit"),
    ("inserteditintofile", "Edit"),
    ("applypatch", "Edit"),
    ("applydiff", "Edit"),
    ("texteditor", "Edit"),
    ("multiedit", "MultiEdit"),
    ("notebookedit", "NotebookEdit"),
    ("editnotebook", "NotebookEdit"),
    ("glob", "Glob"),
    ("findfiles", "Glob"),
    ("ls", "Glob"),
    ("listdirectory", "Glob"),
    ("listdirectorywithsizes", "Glob"),
    ("listdir", "Glob"),
    ("listfiles", "Glob"),
    ("directorytree", "Glob"),
    ("grep", "Grep"),
    ("grepsearch", "Grep"),
    ("searchfilecontent", "Grep"),
    ("searchfiles", "Grep"),
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

/// The canonical name of a tool: `mcp__server__tool` and `MCP:server:tool` are `tool`, `run_shell_command` is `Bash`.
///
/// # Errors
/// When the name is empty, over its bound, or holds control characters.
pub fn tool(original: &str) -> Result<String, BadCall> {
    name("tool_name", original)?;
    let own = original.strip_prefix("mcp__").and_then(|rest| rest.split_once("__")).map_or(original, |(_, tool)| tool);
    let own = own.strip_prefix("MCP:").and_then(|rest| rest.rsplit(':').next()).unwrap_or(own);
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

/// The fields in which shell tools keep what they run, without regard to case, `_` and `-`.
const LINE_FIELDS: [&str; 10] = [
    "command",
    "cmd",
    "script",
    "commandline",
    "shellcommand",
    "bashcommand",
    "commandstring",
    "argv",
    "program",
    "executable",
];

/// The fields in which they keep a program's arguments.
const ARGUMENT_FIELDS: [&str; 2] = ["args", "arguments"];

/// The fields in which they keep the folder it runs in.
const FOLDER_FIELDS: [&str; 7] =
    ["workdir", "workingdirectory", "workingdir", "cwd", "directory", "dirpath", "currentdirectory"];

/// A field's name as the tables here spell it.
pub(super) fn field_key(field: &str) -> String {
    field.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// The values of an input's fields of these names.
fn fields<'a>(input: &'a Map<String, Value>, names: &[&str]) -> impl Iterator<Item = &'a Value> {
    let named = |field: &str| names.contains(&field_key(field).as_str());
    input.iter().filter(move |(field, value)| named(field) && !value.is_null()).map(|(_, value)| value)
}

/// What a shell tool's input runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// Every line it holds; more than one where several fields hold one.
    pub lines: Vec<String>,
    /// False where it is not certain which of them runs, or a field is of a form not known.
    pub sure: bool,
}

/// The lines that a shell tool's input may run.
#[must_use]
pub fn shell_lines(input: &Map<String, Value>) -> Lines {
    let mut found = Lines { lines: Vec::new(), sure: true };
    for value in fields(input, &LINE_FIELDS) {
        match value {
            Value::String(line) if !found.lines.contains(line) => found.lines.push(line.clone()),
            Value::String(_) => {}
            value => match joined(value) {
                Some(line) => found.lines.push(line),
                None => found.sure = false,
            },
        }
    }
    // An empty field beside another says nothing.
    if found.lines.iter().any(|line| !line.trim().is_empty()) {
        found.lines.retain(|line| !line.trim().is_empty());
    }
    for value in fields(input, &ARGUMENT_FIELDS) {
        let arguments = match value {
            Value::String(arguments) => Some(arguments.clone()),
            Value::Array(arguments) if arguments.is_empty() => Some(String::new()),
            value => joined(value),
        };
        match arguments.filter(|_| !found.lines.is_empty()) {
            Some(arguments) if arguments.is_empty() => {}
            Some(arguments) => found.lines.iter_mut().for_each(|line| *line = format!("{line} {arguments}")),
            None => found.sure = false,
        }
    }
    found.sure &= found.lines.len() == 1;
    found
}

/// The lines that a call of a shell tool of this name may run: a tool of another shell says so, and what is typed into a
/// running shell stands in a field of its own.
#[must_use]
pub fn lines_of(original: &str, input: &Map<String, Value>) -> Lines {
    let key = field_key(original.rsplit("__").next().unwrap_or(original));
    if key == "writestdin" {
        let typed = fields(input, &["chars", "data", "text", "input"]).map(Value::as_str);
        let typed: Option<Vec<&str>> = typed.collect();
        // Keys such as Ctrl-C are no text.
        let plain =
            |text: &&str| text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect::<String>();
        let lines: Vec<String> = typed.iter().flatten().map(plain).collect();
        let lines = if lines.is_empty() { vec![String::new()] } else { lines };
        return Lines { sure: typed.is_some() && lines.len() == 1, lines };
    }
    let mut found = shell_lines(input);
    if ["powershell", "pwsh"].iter().any(|name| key.contains(name)) {
        found.lines.iter_mut().for_each(|line| *line = format!("pwsh -Command {}", quoted(line)));
    }
    found
}

/// A list of words as one line.
fn joined(value: &Value) -> Option<String> {
    let words: Option<Vec<String>> = value.as_array()?.iter().map(|word| word.as_str().map(quoted)).collect();
    words.filter(|words| !words.is_empty()).map(|words| words.join(" "))
}

/// A word as a shell would have to be told it.
pub(super) fn quoted(word: &str) -> String {
    let plain =
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+:,@%=".contains(&byte));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// The folders that a call may work in: its own, else the first root; then each that its input names, below that.
/// Whether a tool heeds such a field only the tool knows.
#[must_use]
pub fn working_folders(input: &Map<String, Value>, cwd: Option<&Path>, roots: &[PathBuf]) -> Vec<PathBuf> {
    let base = match cwd {
        Some(cwd) if cwd.is_absolute() => cwd.to_owned(),
        _ => roots.first().cloned().unwrap_or_else(|| PathBuf::from("/")),
    };
    let mut folders = vec![base];
    for given in fields(input, &FOLDER_FIELDS).filter_map(Value::as_str).filter(|given| !given.contains('\0')) {
        // A tool that knows no `~` makes a folder of that name.
        let home = given.starts_with('~').then(|| PathBuf::from(given));
        let below = folders.first().map(|base| base.join(given));
        for folder in home.into_iter().chain(below) {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
    }
    folders
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
            ("Monitor", "Bash"),
            ("write_file", "Write"),
            ("replace", "Edit"),
            ("edit_file", "Edit"),
            ("read_file", "Read"),
            ("apply_patch", "Edit"),
            ("str_replace_based_edit_tool", "Edit"),
            ("mcp__fs__move_file", "Write"),
            ("mcp__fs__read_text_file", "Read"),
            ("mcp__fs__write_file", "Write"),
            ("mcp__db__query", "query"),
            ("MCP:fs:write_file", "Write"),
            ("MCP:query", "query"),
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
        let check = |value: Value, lines: &[&str], sure: bool| {
            let found = shell_lines(value.as_object().unwrap());
            assert_eq!(
                (found.lines.iter().map(String::as_str).collect::<Vec<_>>(), found.sure),
                (lines.to_vec(), sure),
                "{value}"
            );
        };
        check(json!({"command": "a b"}), &["a b"], true);
        check(json!({"command": ["bash", "-lc", "it's"]}), &[r"bash -lc 'it'\''s'"], true);
        check(json!({"command": 1}), &[], false);
        check(json!({"command": [1]}), &[], false);
        check(json!({"command": "a", "cmd": 1}), &["a"], false);
        check(json!({}), &[], false);
        check(json!({"args": ["a"]}), &[], false);
        check(json!({"command": ""}), &[""], true);
        check(json!({"command": "", "cmd": "a"}), &["a"], true);
        check(json!({"command": "a", "cmd": "a"}), &["a"], true);
        check(json!({"command": "a", "cmd": null, "timeout": 1}), &["a"], true);
        check(json!({"command": "a", "CommandLine": "b"}), &["a", "b"], false);
        check(json!({"command": "a", "args": ["-b", "c d"]}), &["a -b 'c d'"], true);
        check(json!({"command": "a", "args": []}), &["a"], true);
        check(json!({"command": "a", "arguments": "b c"}), &["a b c"], true);
        check(json!({"command": "a", "args": {"b": 1}}), &["a"], false);
        check(json!({"command": ["a"], "args": ["b"]}), &["a b"], true);
    }

    #[test]
    fn tools_of_other_shells_say_what_they_run() {
        let check = |tool: &str, value: Value, lines: &[&str], sure: bool| {
            let found = lines_of(tool, value.as_object().unwrap());
            assert_eq!(
                (found.lines, found.sure),
                (lines.iter().map(|line| (*line).to_owned()).collect(), sure),
                "{tool}"
            );
        };
        check("Bash", json!({"command": "a"}), &["a"], true);
        check("PowerShell", json!({"command": "a b"}), &["pwsh -Command 'a b'"], true);
        check("mcp__x__run_powershell", json!({"script": "a"}), &["pwsh -Command a"], true);
        check("write_stdin", json!({"session_id": 1, "chars": "a\n"}), &["a\n"], true);
        check("write_stdin", json!({"session_id": 1, "chars": "\u{3}"}), &[""], true);
        check("write_stdin", json!({"session_id": 1}), &[""], true);
        check("write_stdin", json!({"chars": 1}), &[""], false);
        check("write_stdin", json!({"chars": "a", "data": "b"}), &["a", "b"], false);
    }

    #[test]
    fn folders_are_the_calls_own_and_those_given() {
        let check = |value: Value, cwd: Option<&str>, folders: &[&str]| {
            let found = working_folders(value.as_object().unwrap(), cwd.map(Path::new), &[PathBuf::from("/root1")]);
            assert_eq!(found, folders.iter().map(PathBuf::from).collect::<Vec<_>>(), "{value}");
        };
        check(json!({}), Some("/a"), &["/a"]);
        check(json!({"workdir": "b"}), Some("/a"), &["/a", "/a/b"]);
        check(json!({"workdir": "/a"}), Some("/a"), &["/a"]);
        check(json!({"cwd": "b", "directory": "/c"}), Some("/a"), &["/a", "/a/b", "/c"]);
        check(json!({"workdir": "~/b"}), Some("/a"), &["/a", "~/b", "/a/~/b"]);
        check(json!({"workdir": 1}), None, &["/root1"]);
        check(json!({}), Some("relative"), &["/root1"]);
    }
}
