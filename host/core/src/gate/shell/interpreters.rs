//! Code of other languages: which shell code it runs.
//!
//! Not a parser of those languages. It finds calls of the functions that start processes: one with a literal
//! argument is read as shell code, one with any other argument makes the line not understood.

use super::calls::{MAX_CALLS, started};
use super::expressions::Code;
use super::input::Input;
use super::wrappers::Runs;
use super::{languages, shells};
use crate::gate::call::Word;

/// Functions that start a process, across the languages above.
pub(super) const STARTERS: [&str; 41] = [
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
    "execv",
    "execlp",
    "posix_spawn",
    "spawnv",
    "spawnl",
    "spawnlp",
    "spawnvp",
    "create_subprocess_shell",
    "create_subprocess_exec",
    "exec.Command",
    "Command::new",
    "os:cmd",
    "Sys.command",
    "run-program",
    "shell/sh",
    "shell",
];

pub(super) fn runs(name: &str, args: &[Word], input: &Input<'_>, runs: &mut Runs) {
    let Some(given) = languages::given(name, args) else { return };
    given.code.iter().for_each(|code| source(code, runs));
    if let [subcommand, code, ..] = args
        && (name, subcommand.text.as_str()) == ("bun", "exec")
    {
        runs.code.push(code.clone());
    }
    // A module that is its own address: `--import data:text/javascript,code`.
    for (_, code) in args.iter().filter_map(|arg| arg.text.split_once("data:text/javascript,")) {
        source(&Word { text: code.to_owned(), literal: true }, runs);
    }
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

/// What code of the language that `runs.wrapper` reads runs.
pub(super) fn source(code: &Word, runs: &mut Runs) {
    if !code.literal {
        runs.unknown = true;
    }
    let own = Code::of(&runs.wrapper, &code.text);
    started(&own, code.literal, &STARTERS, runs);
    let imported = imported(&own);
    started(&own, code.literal, &imported.iter().map(String::as_str).collect::<Vec<_>>(), runs);
    if !own.data.holds(0) {
        quoted_commands(code, runs);
    }
    deleted(&own, code.literal, &DELETERS, &["rm", "-r"], runs);
    deleted(&own, code.literal, &UNLINKERS, &["rm"], runs);
    let renamed = renamed(&code.text);
    deleted(&own, code.literal, &renamed.iter().map(String::as_str).collect::<Vec<_>>(), &["rm", "-r"], runs);
    own_ways(&own, code.literal, runs);
    if runs.wrapper.starts_with("tclsh") {
        for line in code.text.split(['\n', ';', '[']).map(str::trim_start) {
            if let Some(paths) = line.strip_prefix("file delete ") {
                let by = ["rm", "-r"].into_iter().chain(paths.split_whitespace().filter(|path| !path.starts_with('-')));
                runs.argv(&by.map(|text| Word { text: text.to_owned(), literal: code.literal }).collect::<Vec<_>>());
            }
            let code = line.strip_prefix("exec ").map(|code| code.trim_end_matches(']'));
            runs.foreign.extend(code.map(|text| Word { text: text.to_owned(), literal: false }));
        }
    }
    // The own quotes for shell code of Perl, Ruby, PHP and Julia.
    let mut rest = code.text.as_str();
    while let Some((before, after)) = rest.split_once('`') {
        if own.data.holds(code.text.len() - after.len() - 1) {
            rest = after;
            continue;
        }
        let Some((inner, tail)) = after.split_once('`') else { break };
        // Of some libraries it is: $`command`.
        if before.ends_with('$') && !runs.wrapper.starts_with("perl") {
            runs.code.push(Word { text: inner.to_owned(), literal: code.literal });
        }
        // In JavaScript these quote a template, which is no command; a template reads as nothing dangerous.
        if ["perl", "ruby", "php", "julia"].iter().any(|name| runs.wrapper.starts_with(name)) {
            runs.code.push(Word { text: inner.to_owned(), literal: code.literal });
        }
        rest = tail;
    }
}

/// What some languages have besides functions: a method of a text, lines that are a shell's, a function of their own name.
fn own_ways(code: &Code<'_>, literal_code: bool, runs: &mut Runs) {
    let word = |text: &str| Word { text: text.to_owned(), literal: literal_code };
    let is = |names: &[&str]| names.iter().any(|name| runs.wrapper.starts_with(name));
    if is(&["groovy", "scala", "kotlin"]) {
        for (at, _) in [".execute", ".!"].iter().flat_map(|mark| code.text.match_indices(mark)) {
            let before = code.text.get(..at).unwrap_or_default();
            let text = before.strip_suffix(['"', '\'']).and_then(|text| text.rsplit(['"', '\'']).next());
            runs.code.extend(text.map(word));
        }
    } else if is(&["gnuplot"]) {
        let lines = code.text.split(['\n', ';']).filter_map(|line| line.trim_start().strip_prefix('!'));
        runs.code.extend(lines.map(word));
    } else if is(&["julia", "nim"]) {
        deleted(code, literal_code, &["rm"], &["rm", "-r"], runs);
    } else if is(&["rake", "ruby"]) {
        started(code, literal_code, &["sh"], runs);
    } else if is(&["node", "bun", "deno", "tsx", "ts-node"])
        && MODULES_OF_FILES.iter().any(|name| code.text.contains(name))
    {
        // `import { rm } from "fs/promises"`, `const { rm } = require("fs")`.
        deleted(code, literal_code, &["rm", "rmdir", "unlink"], &["rm", "-r"], runs);
    }
}

/// How code names the module that has JavaScript's functions of files, by whose bare names it may have them.
const MODULES_OF_FILES: [&str; 8] = [
    "\"fs\"",
    "'fs'",
    "\"node:fs\"",
    "'node:fs'",
    "\"fs/promises\"",
    "'fs/promises'",
    "\"node:fs/promises\"",
    "'node:fs/promises'",
];

/// Most names that code gives the functions which start processes.
const MAX_IMPORTED: usize = 32;

/// The names by which code has them: `from subprocess import run as r`, `import subprocess as sp`, `s = os.system`,
/// `{ exec: e }`.
fn imported(code: &Code<'_>) -> Vec<String> {
    let functions =
        ["run", "call", "Popen", "check_output", "check_call", "getoutput", "getstatusoutput", "system", "popen"];
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let mut found = Vec::new();
    for statement in code.text.split(['\n', ';']).map(str::trim) {
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
        // Another name for one of them.
        if let Some((name, value)) = statement.split_once('=') {
            let name = name.rsplit([' ', ',']).find(|word| !word.is_empty()).unwrap_or_default();
            let is_starter = STARTERS.iter().any(|starter| value.trim().ends_with(&format!(".{starter}")));
            let value_is_path = value.trim().chars().all(|c| c.is_alphanumeric() || "_.()'\":/".contains(c));
            if is_starter && value_is_path && is_name(name) {
                found.push(name.to_owned());
            }
        }
        for starter in ["exec", "execSync", "spawn", "spawnSync", "execFile", "execFileSync"] {
            for (at, mark) in statement.match_indices(&format!("{starter}:")) {
                let name = statement.get(at + mark.len()..).unwrap_or_default().split([',', '}']).next();
                found.extend(name.map(str::trim).filter(|name| is_name(name)).map(str::to_owned));
            }
        }
    }
    // What is a starter by any name is found already.
    found.retain(|name| !STARTERS.contains(&name.as_str()));
    found.truncate(MAX_IMPORTED);
    found
}

/// Functions that delete a folder with all in it.
pub(super) const DELETERS: [&str; 18] = [
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
    "RemoveAll",
    "removeDir",
    "removeItem",
    "DirectoryDelete",
];

/// Functions that delete files.
const UNLINKERS: [&str; 9] = [
    "rmdir",
    "os.remove",
    "os.unlink",
    "unlink",
    "unlinkSync",
    "File.delete",
    "fs.unlink",
    "fsp.unlink",
    "Deno.removeSync",
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

/// What calls of `functions` delete, as `rm -r` would, where the text tells what that is.
pub(super) fn deletions(code: &Word, functions: &[&str], runs: &mut Runs) {
    let own = Code::unknown(&code.text);
    deleted(&own, code.literal, functions, &["rm", "-r"], runs);
}

fn deleted(code: &Code<'_>, literal_code: bool, functions: &[&str], by: &[&str], runs: &mut Runs) {
    let word = |text: &str| Word { text: text.to_owned(), literal: literal_code };
    for function in functions {
        for (count, (at, _)) in code.text.match_indices(function).enumerate() {
            if count >= MAX_CALLS {
                runs.unknown = true;
                break;
            }
            let before = code.text.get(..at).and_then(|text| text.chars().next_back());
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') || code.data.holds(at) {
                continue;
            }
            let rest = code.text.get(at + function.len()..).unwrap_or_default();
            let rest = rest.strip_prefix("Sync").unwrap_or(rest).trim_start_matches('!').trim_start();
            if rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') && !rest.starts_with("glob ") {
                continue;
            }
            let rest = rest.strip_prefix("glob ").unwrap_or(rest).trim_start();
            let rest = rest.strip_prefix('(').unwrap_or(rest).trim_start().trim_start_matches('[');
            // Of Swift, an argument has a name: `atPath: "x"`.
            let rest = ["atPath:", "at:"].iter().find_map(|name| rest.strip_prefix(name)).unwrap_or(rest).trim_start();
            let (paths, _) = code.value(rest).unwrap_or_default();
            for path in paths {
                let words: Vec<Word> = by.iter().map(|part| word(part)).chain([word(&path)]).collect();
                runs.argv(&words);
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
    started(&Code::unknown(code), literal_code, functions, runs);
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
