//! Which files a call would touch: what file tools name, and what shell commands write.
//!
//! Owns the knowledge of tools' path fields and of programs' file arguments. Decides nothing.

use super::call::{NormalisedCall, RedirectKind, ShellCommand, Word};
use serde_json::{Map, Value};

/// What a call would do to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read it or list it.
    Read,
    /// Make, change or delete it.
    Write,
}

/// The fields in which tools name a path.
const PATH_FIELDS: [&str; 7] = ["file_path", "path", "notebook_path", "absolute_path", "dir_path", "target_file", "filename"];

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
    for field in PATH_FIELDS {
        match input.get(field) {
            None | Some(Value::Null) => {}
            Some(Value::String(path)) => found.push(Some(path.clone())),
            Some(_) => found.push(None),
        }
    }
    for field in ["patch", "input", "command"] {
        if let Some(Value::String(patch)) = input.get(field) {
            found.extend(patch_paths(patch).map(Some));
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

/// The files that a patch in the `*** Begin Patch` format touches.
fn patch_paths(patch: &str) -> impl Iterator<Item = String> {
    let marks = ["*** Add File: ", "*** Update File: ", "*** Delete File: ", "*** Move to: "];
    patch.lines().filter_map(move |line| marks.iter().find_map(|mark| line.strip_prefix(mark))).map(|path| path.trim().to_owned())
}

/// The folder in front of the first pattern character or expansion.
fn fixed_part(pattern: &str) -> String {
    let end = pattern.find(['*', '?', '[', '{', '$', '`']).unwrap_or(pattern.len());
    let fixed = pattern.get(..end).unwrap_or_default();
    if end == pattern.len() {
        return fixed.to_owned();
    }
    fixed.rfind('/').map_or(String::new(), |slash| fixed.get(..=slash).unwrap_or_default().to_owned())
}

/// The part of a word that is known before it runs; none where nothing of it is.
#[must_use]
pub fn known_path(word: &Word) -> Option<String> {
    if word.literal {
        return (!word.text.is_empty()).then(|| word.text.clone());
    }
    let text = match word.text.strip_prefix("$HOME") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("~{rest}"),
        _ => word.text.clone(),
    };
    let fixed = fixed_part(&text);
    (!fixed.is_empty()).then_some(fixed)
}

/// Whether a command runs on another machine or in a container, where our paths mean nothing.
#[must_use]
pub fn runs_elsewhere(command: &ShellCommand) -> bool {
    let elsewhere = ["ssh", "docker", "podman", "nerdctl", "kubectl", "oc", "chroot"];
    command.wrappers.iter().any(|wrapper| elsewhere.contains(&wrapper.as_str()))
}

/// The files that a command would make, change or delete, as far as its text says.
#[must_use]
pub fn written(command: &ShellCommand) -> Vec<&Word> {
    let mut found: Vec<&Word> = Vec::new();
    for redirect in &command.redirects {
        if matches!(redirect.kind, RedirectKind::Output | RedirectKind::Append) {
            found.push(&redirect.target);
        }
    }
    let program = command.program.text.rsplit('/').next().unwrap_or_default();
    match program {
        "rm" | "rmdir" | "unlink" | "shred" | "touch" | "mkdir" | "mkfifo" | "mknod" | "tee" | "mv" | "srm" | "trash" => {
            found.extend(positional(&command.args, &["-m", "-n", "-s", "--mode"]));
        }
        "truncate" | "fallocate" => found.extend(positional(&command.args, &["-s", "-r", "-l", "-o", "--size", "--length"])),
        "chmod" | "chown" | "chgrp" | "setfacl" | "chattr" => found.extend(positional(&command.args, &["-m", "-x"]).into_iter().skip(1)),
        "cp" | "ln" | "install" | "rsync" | "scp" => {
            let words = positional(&command.args, &["-t", "-m", "-o", "-g", "-e", "-P", "-i", "-F", "-S", "--target-directory", "--exclude"]);
            // `host:path` is elsewhere.
            found.extend(words.last().copied().filter(|word| words.len() > 1 && !is_remote(&word.text)));
        }
        "sed" | "gsed" | "perl" if command.args.iter().any(|arg| is_in_place(&arg.text)) => {
            let words = positional(&command.args, &["-e", "-f", "--expression", "--file"]);
            let scripted = command.args.iter().any(|arg| arg.text.starts_with("-e") || arg.text.contains("expression") || arg.text.ends_with('e'));
            found.extend(words.into_iter().skip(usize::from(!scripted)));
        }
        "dd" => {}
        _ => {}
    }
    found.extend(option_values(program, &command.args));
    found
}

fn is_remote(text: &str) -> bool {
    text.split_once(':').is_some_and(|(host, _)| !host.contains('/'))
}

fn is_in_place(text: &str) -> bool {
    text.starts_with("--in-place") || text.strip_prefix('-').is_some_and(|cluster| {
        !cluster.starts_with('-') && cluster.chars().take_while(char::is_ascii_alphabetic).any(|c| c == 'i')
    })
}

/// Values of options that name a file to write.
fn option_values<'a>(program: &str, args: &'a [Word]) -> Vec<&'a Word> {
    let options: &[&str] = match program {
        "curl" => &["-o", "--output", "--output-dir", "-D", "--dump-header", "-c", "--cookie-jar", "--trace", "--trace-ascii"],
        "wget" => &["-O", "--output-document", "-P", "--directory-prefix", "-o", "--output-file"],
        "sort" | "gcc" | "cc" | "clang" | "g++" | "ld" | "go" => &["-o", "--output"],
        "tar" | "unzip" => &["-C", "-d", "--directory"],
        "cp" | "mv" | "ln" | "install" => &["-t", "--target-directory"],
        _ => return Vec::new(),
    };
    args.windows(2).filter(|pair| pair.first().is_some_and(|option| options.contains(&option.text.as_str()))).filter_map(|pair| pair.get(1)).collect()
}

/// Arguments that are neither options nor their values.
fn positional<'a>(args: &'a [Word], valued: &[&str]) -> Vec<&'a Word> {
    let mut words = Vec::new();
    let mut rest = args.iter();
    let mut only_words = false;
    while let Some(word) = rest.next() {
        let text = word.text.as_str();
        if only_words || !text.starts_with('-') || text == "-" {
            words.push(word);
        } else if text == "--" {
            only_words = true;
        } else if valued.contains(&text) {
            rest.next();
        }
    }
    words
}

/// Files named inside one argument: `of=path` of `dd`, `--output=path`.
#[must_use]
pub fn written_inside(command: &ShellCommand) -> Vec<Word> {
    let program = command.program.text.rsplit('/').next().unwrap_or_default();
    let prefixes: &[&str] = match program {
        "dd" => &["of="],
        "curl" => &["--output=", "--output-dir="],
        "wget" => &["--output-document=", "--directory-prefix=", "--output-file=", "-O", "-P"],
        "sort" => &["--output="],
        "tar" => &["--directory="],
        "cp" | "mv" | "ln" | "install" => &["--target-directory="],
        _ => return Vec::new(),
    };
    let value = |arg: &Word| {
        let text = prefixes.iter().find_map(|prefix| arg.text.strip_prefix(prefix)).filter(|text| !text.is_empty())?;
        Some(Word { text: text.to_owned(), literal: arg.literal })
    };
    command.args.iter().filter_map(value).collect()
}

/// All that a call of any tool would write, with the command that would; file tools have no command.
#[must_use]
pub fn writes(call: &NormalisedCall) -> Vec<(Option<usize>, String)> {
    let mut found = Vec::new();
    if file_access(&call.tool) == Some(Access::Write) {
        found.extend(tool_paths(&call.tool, &call.input).into_iter().flatten().map(|path| (None, path)));
    }
    for (index, command) in call.commands.iter().enumerate().filter(|(_, command)| !runs_elsewhere(command)) {
        let inside = written_inside(command);
        let words = written(command).into_iter().chain(&inside);
        found.extend(words.filter_map(known_path).map(|path| (Some(index), path)));
    }
    found
}
