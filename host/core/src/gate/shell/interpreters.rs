//! Code of other languages: which shell code it runs.
//!
//! Not a parser of those languages. It finds calls of the functions that start processes: one with a literal
//! argument is read as shell code, one with any other argument makes the line not understood.

use super::input::Input;
use super::wrappers::Runs;
use super::{languages, shells};
use crate::gate::call::Word;

/// Functions that start a process, across the languages above.
pub(super) const STARTERS: [&str; 25] = [
    "do shell script",
    "Deno.Command",
    "Bun.spawn",
    "Bun.spawnSync",
    "system",
    "popen",
    "exec",
    "execSync",
    "execFileSync",
    "execFile",
    "spawnSync",
    "spawn",
    "getoutput",
    "getstatusoutput",
    "check_output",
    "check_call",
    "Popen",
    "subprocess.run",
    "subprocess.call",
    "shell_exec",
    "passthru",
    "proc_open",
    "os.execute",
    "io.popen",
    "execvp",
];

pub(super) fn runs(name: &str, args: &[Word], input: &Input<'_>, runs: &mut Runs) {
    let Some(given) = languages::given(name, args) else { return };
    given.code.iter().for_each(|code| source(code, runs));
    // What another command prints as the script is not known.
    let opened = given.files.iter().any(|file| shells::is_opened(&file.text));
    runs.unknown |= opened;
    runs.reads_code |= opened;
    if !given.script {
        runs.reads_code = true;
        let code = input.code();
        runs.unknown |= !code.sure;
        for text in code.texts {
            source(&text, runs);
            runs.says.push(text);
        }
    }
}

fn source(code: &Word, runs: &mut Runs) {
    if !code.literal {
        runs.unknown = true;
    }
    calls(&code.text, code.literal, &STARTERS, runs);
    let imported = imported(&code.text);
    calls(&code.text, code.literal, &imported.iter().map(String::as_str).collect::<Vec<_>>(), runs);
    quoted_commands(code, runs);
    deletions(code, &DELETERS, runs);
    let renamed = renamed(&code.text);
    deletions(code, &renamed.iter().map(String::as_str).collect::<Vec<_>>(), runs);
    if runs.wrapper.starts_with("tclsh") {
        for line in code.text.split(['\n', ';', '[']).map(str::trim_start) {
            let code = line.strip_prefix("exec ").map(|code| code.trim_end_matches(']'));
            runs.foreign.extend(code.map(|text| Word { text: text.to_owned(), literal: false }));
        }
    }
    // The own quotes for shell code of Perl, Ruby, PHP and Julia.
    let mut rest = code.text.as_str();
    while let Some((before, after)) = rest.split_once('`') {
        let Some((inner, tail)) = after.split_once('`') else { break };
        // Of some libraries it is: $`command`.
        if before.ends_with('$') {
            runs.code.push(Word { text: inner.to_owned(), literal: code.literal });
        }
        // In JavaScript these quote a template, which is no command; a template reads as nothing dangerous.
        if ["perl", "ruby", "php", "julia"].iter().any(|name| runs.wrapper.starts_with(name)) {
            runs.code.push(Word { text: inner.to_owned(), literal: code.literal });
        }
        rest = tail;
    }
}

/// Most names that code gives the functions which start processes.
const MAX_IMPORTED: usize = 32;

/// The names by which Python code has them: `from subprocess import run as r`, `import subprocess as sp`.
fn imported(code: &str) -> Vec<String> {
    let functions =
        ["run", "call", "Popen", "check_output", "check_call", "getoutput", "getstatusoutput", "system", "popen"];
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let mut found = Vec::new();
    for statement in code.split(['\n', ';']).map(str::trim) {
        let from =
            ["from subprocess import ", "from os import "].iter().find_map(|start| statement.strip_prefix(start));
        for name in from.into_iter().flat_map(|names| names.trim_matches(['(', ')']).split(',')).map(str::trim) {
            let (function, name) =
                name.split_once(" as ").map_or((name, name), |(own, name)| (own.trim(), name.trim()));
            if function == "*" {
                found.extend(["run", "call"].map(str::to_owned));
            } else if functions.contains(&function) && is_name(name) {
                found.push(name.to_owned());
            }
        }
        if let Some((_, name)) = statement.split_once("import subprocess as ")
            && is_name(name.trim())
        {
            found.extend(["run", "call"].map(|function| format!("{}.{function}", name.trim())));
        }
    }
    // What is a starter by any name is found already.
    found.retain(|name| !STARTERS.contains(&name.as_str()));
    found.truncate(MAX_IMPORTED);
    found
}

/// Functions that delete a folder with all in it.
pub(super) const DELETERS: [&str; 14] = [
    "rmtree",
    "remove_tree",
    "rm_rf",
    "rm_r",
    "rmSync",
    "rmdirSync",
    "removeSync",
    "emptyDirSync",
    "remove_dir_all",
    "fs.rm",
    "fsp.rm",
    "promises.rm",
    "Deno.remove",
    "remove_entry_secure",
];

/// The names by which Python code has them: `from shutil import rmtree as r`.
fn renamed(code: &str) -> Vec<String> {
    let names = code.match_indices("rmtree as ").filter_map(|(at, mark)| {
        let rest = code.get(at + mark.len()..)?.trim_start();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        rest.get(..end).filter(|name| !name.is_empty()).map(str::to_owned)
    });
    names.take(MAX_IMPORTED).collect()
}

/// What calls of `functions` with a literal argument delete, as `rm -r` would.
pub(super) fn deletions(code: &Word, functions: &[&str], runs: &mut Runs) {
    for function in functions {
        for (at, _) in code.text.match_indices(function) {
            let before = code.text.get(..at).and_then(|text| text.chars().next_back());
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let rest = code.text.get(at + function.len()..).unwrap_or_default();
            let rest = rest.strip_prefix("Sync").unwrap_or(rest).trim_start();
            let rest = rest.strip_prefix('(').unwrap_or(rest).trim_start().trim_start_matches('[');
            if let Some((path, _)) = literal(rest) {
                let word = |text: &str| Word { text: text.to_owned(), literal: code.literal };
                runs.argv(&[word("rm"), word("-r"), word(&path)]);
            }
        }
    }
}

/// Perl's `qx(…)` and Ruby's `%x(…)`, with any delimiter.
fn quoted_commands(code: &Word, runs: &mut Runs) {
    let mark = match runs.wrapper.as_str() {
        name if name.starts_with("perl") => "qx",
        name if name.starts_with("ruby") => "%x",
        _ => return,
    };
    let mut rest = code.text.as_str();
    while let Some((before, after)) = rest.split_once(mark) {
        rest = after;
        let word = before.ends_with(|c: char| c.is_alphanumeric() || "_$@%".contains(c));
        let Some(open) =
            after.trim_start().chars().next().filter(|c| !word && !c.is_alphanumeric() && !",;=".contains(*c))
        else {
            continue;
        };
        let inner = after.trim_start().get(open.len_utf8()..).unwrap_or_default();
        let close = match open {
            '(' => ')',
            '[' => ']',
            '{' => '}',
            '<' => '>',
            other => other,
        };
        if let Some((command, after)) = inner.split_once(close) {
            runs.code.push(Word { text: command.to_owned(), literal: code.literal });
            rest = after;
        }
    }
}

/// Finds calls of `functions` in `code` and hands on what they run.
pub(super) fn calls(code: &str, literal_code: bool, functions: &[&str], runs: &mut Runs) {
    for function in functions {
        let mut from = 0;
        while let Some(found) = code.get(from..).and_then(|rest| rest.find(function)) {
            let start = from + found;
            let end = start + function.len();
            from = end;
            let before = code.get(..start).and_then(|text| text.chars().next_back());
            // `run` alone is a name of many things: after a dot it is another's.
            let others = before == Some('.') && matches!(*function, "run" | "call");
            if others || before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let rest = code.get(end..).unwrap_or_default();
            let trimmed = rest.trim_start();
            // Perl's list of words.
            if let Some(list) = trimmed.trim_start_matches('(').trim_start().strip_prefix("qw") {
                let words = list.trim_start().trim_start_matches(['(', '[', '{', '<', '/']);
                let end = words.find([')', ']', '}', '>', ';']).unwrap_or(words.len());
                let words = words.get(..end).unwrap_or_default().split_whitespace();
                runs.argv(&words.map(|word| Word { text: word.to_owned(), literal: literal_code }).collect::<Vec<_>>());
                continue;
            }
            let called = match trimmed.strip_prefix('(') {
                Some(inner) => inner.trim_start(),
                // Perl and Ruby call without brackets.
                None if rest.starts_with(' ') && trimmed.starts_with(['"', '\'']) => trimmed,
                None => continue,
            };
            if let Some(list) = called.strip_prefix('[') {
                argv(list, literal_code, runs);
            } else if let Some((text, used)) = literal(called) {
                let after = called.get(used..).unwrap_or_default().trim_start();
                let more = after.strip_prefix(',').map(str::trim_start);
                match more {
                    // `spawnSync("rm", ["-rf", "/"])`, `system("rm", "-rf", "/")`.
                    Some(list) if list.starts_with('[') => {
                        argv(&format!("'{text}', {}", list.trim_start_matches('[')), literal_code, runs)
                    }
                    // `new Deno.Command("rm", { args: ["-rf", "/"] })`.
                    Some(options) if options.starts_with('{') && options.contains("args") => {
                        let list = options.split_once('[').map_or("", |(_, list)| list);
                        argv(&format!("'{text}', {list}"), literal_code, runs)
                    }
                    Some(list) if list.starts_with(['"', '\'']) => {
                        argv(&format!("'{text}', {list}"), literal_code, runs)
                    }
                    _ => {
                        runs.unknown |= after.starts_with(['+', '%', '.']);
                        runs.code.push(Word { text, literal: literal_code });
                    }
                }
            } else {
                runs.unknown = true;
            }
        }
    }
}

/// The string literals of a list, as a program and its arguments.
fn argv(list: &str, literal_code: bool, runs: &mut Runs) {
    let mut words = Vec::new();
    let mut rest = list.trim_start();
    loop {
        match literal(rest) {
            Some((text, used)) => {
                words.push(Word { text, literal: literal_code });
                rest = rest.get(used..).unwrap_or_default().trim_start();
            }
            None => {
                if rest.starts_with([']', ')']) {
                    break;
                }
                words.push(Word { text: "{}".to_owned(), literal: false });
                let end = rest.find([',', ']', ')']).unwrap_or(rest.len());
                rest = rest.get(end..).unwrap_or_default();
            }
        }
        match rest.strip_prefix(',') {
            Some(tail) => rest = tail.trim_start(),
            None => break,
        }
    }
    runs.argv(&words);
}

/// A string literal at the start of `text`: what it says, and how many bytes it takes.
pub(super) fn literal(text: &str) -> Option<(String, usize)> {
    let prefix = text.len() - text.trim_start_matches(['f', 'r', 'b', 'u', 'F', 'R', 'B']).len();
    let body = text.get(prefix..)?;
    let quote = body.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let triple: String = [quote; 3].iter().collect();
    let delimiter = if body.starts_with(&triple) { triple } else { quote.to_string() };
    let mut said = String::new();
    let mut rest = body.get(delimiter.len()..)?;
    let mut used = prefix + delimiter.len();
    loop {
        if rest.starts_with(&delimiter) {
            return Some((said, used + delimiter.len()));
        }
        let mut chars = rest.chars();
        let c = chars.next()?;
        let taken = if c == '\\' {
            let escaped = chars.next()?;
            match escaped {
                'n' => said.push('\n'),
                't' => said.push('\t'),
                'x' => {
                    let code = chars.as_str().get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
                    match code {
                        Some(code) => {
                            said.push(char::from(code));
                            chars.next();
                            chars.next();
                        }
                        None => said.push('x'),
                    }
                }
                other => said.push(other),
            }
            rest.len() - chars.as_str().len()
        } else {
            said.push(c);
            c.len_utf8()
        };
        used += taken;
        rest = rest.get(taken..)?;
    }
}
