//! Shells: which of their arguments is code, and when they run what they read.

use super::input::Input;
use super::wrappers::Runs;
use crate::gate::call::Word;
use crate::gate::options::is_cluster_with;

/// The shells that read code from `-c`, a here-document or a pipe.
const SHELLS: [&str; 24] = [
    "bash",
    "sh",
    "zsh",
    "dash",
    "ksh",
    "ash",
    "fish",
    "rbash",
    "csh",
    "tcsh",
    "mksh",
    "oksh",
    "lksh",
    "pdksh",
    "ksh93",
    "rksh",
    "yash",
    "posh",
    "bosh",
    "elvish",
    "nu",
    "xonsh",
    "pwsh",
    "powershell",
];

pub(super) fn is_one(name: &str) -> bool {
    SHELLS.contains(&name)
}

/// The shells that only read with `-n`.
const READERS: [&str; 7] = ["bash", "sh", "zsh", "dash", "ksh", "mksh", "ash"];

/// A file that is the standard input.
pub(super) fn is_stdin(file: &str) -> bool {
    matches!(file, "-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0")
}

/// A file that is what another command prints, or a descriptor that was opened somewhere.
pub(super) fn is_opened(file: &str) -> bool {
    file == "<()" || ["/dev/fd/", "/proc/self/fd/"].iter().any(|folder| file.starts_with(folder))
}

/// Takes what `input` holds as code.
pub(super) fn run_input(input: &Input<'_>, runs: &mut Runs) {
    runs.reads_code = true;
    let code = input.code();
    runs.unknown |= !code.sure;
    runs.code.extend(code.texts);
}

/// How a shell reads its arguments.
#[derive(Default)]
struct Told<'a> {
    /// `-c`: the first word is code.
    code: bool,
    /// `-s`
    from_stdin: bool,
    /// Code of long options that needs no `-c`, or runs before the rest.
    sources: Vec<Word>,
    /// Such code is all that runs.
    given: bool,
    /// A file that it reads first.
    settings: bool,
    /// `-n`: it reads, and runs nothing.
    reads_only: bool,
    words: &'a [Word],
}

fn told<'a>(name: &str, args: &'a [Word]) -> Told<'a> {
    let mut told = Told::default();
    let mut rest = args;
    // One that talks to a person heeds no `-n`, and a later `+n` takes it back.
    let mut heeds = READERS.contains(&name);
    while let Some((first, tail)) = rest.split_first() {
        let text = first.text.as_str();
        if text == "--" || text == "-" {
            rest = tail;
            break;
        }
        if !text.starts_with(['-', '+']) {
            break;
        }
        heeds &= first.literal && !is_cluster_with(text, 'i') && !text.starts_with('+');
        told.reads_only |= is_cluster_with(text, 'n');
        told.code |= is_cluster_with(text, 'c');
        told.from_stdin |= is_cluster_with(text, 's');
        let values = if matches!(text, "--rcfile" | "--init-file") {
            told.settings = true;
            1
        } else if let Some((option, value)) = text.split_once('=').filter(|(option, _)| is_code_option(option)) {
            // `fish --command=…`, which needs no `-c`.
            told.sources.push(Word { text: value.to_owned(), literal: first.literal });
            told.given |= option != "--init-command";
            0
        } else if is_code_option(text) || name == "fish" && matches!(text, "-C") {
            told.sources.extend(tail.first().cloned());
            told.given |= text == "--command" || text == "--commands";
            1
        } else if text.starts_with("--") {
            0
        } else {
            // `-euo pipefail`: each `o` of a cluster takes a word.
            text.chars().filter(|letter| matches!(letter, 'o' | 'O')).count()
        };
        rest = tail.get(values..).unwrap_or_default();
    }
    told.reads_only &= heeds;
    told.words = rest;
    told
}

/// Whether a shell of this name only reads what it is given.
pub(super) fn reads_only(name: &str, args: &[Word]) -> bool {
    told(name, args).reads_only
}

/// The file that a shell runs, where it is given one.
pub(super) fn script<'a>(name: &str, args: &'a [Word]) -> Option<&'a Word> {
    let told = told(name, args);
    told.words.first().filter(|_| !(told.code || told.given || told.from_stdin || told.reads_only))
}

pub(super) fn runs(name: &str, args: &[Word], input: &Input<'_>, runs: &mut Runs) {
    if matches!(name, "pwsh" | "powershell") {
        return powershell(args, input, runs);
    }
    let told = told(name, args);
    if told.reads_only && !told.settings {
        return;
    }
    runs.code.extend(told.sources);
    runs.unknown |= told.settings;
    let file = told.words.first().map(|file| file.text.as_str());
    if told.code {
        match told.words.first() {
            Some(text) => {
                runs.code.push(text.clone());
                runs.arguments.extend_from_slice(told.words.get(1..).unwrap_or_default());
            }
            None => runs.unknown = true,
        }
    } else if told.given {
        // The rest is what the code sees as its arguments.
    } else if told.from_stdin || file.is_none_or(is_stdin) {
        run_input(input, runs);
        if told.from_stdin && !told.words.is_empty() {
            runs.arguments.push(Word { text: name.to_owned(), literal: true });
        }
        runs.arguments.extend_from_slice(told.words);
    } else if file.is_some_and(is_opened) {
        // Its commands are seen, what they print is not.
        runs.reads_code = true;
        runs.unknown = true;
    }
}

/// Long options of shells whose value is code.
fn is_code_option(option: &str) -> bool {
    matches!(option, "--command" | "--commands" | "--init-command")
}

/// Options of one dash and one word, abbreviated and in any case: `-Command`, `-c`, `-File`, `-EncodedCommand`.
fn powershell(args: &[Word], input: &Input<'_>, runs: &mut Runs) {
    let mut rest = args;
    while let Some((first, tail)) = rest.split_first() {
        let Some(option) =
            first.text.strip_prefix(['-', '/']).map(|option| option.trim_start_matches('-').to_lowercase())
        else {
            // A file, or for the older one code.
            return foreign(rest, runs);
        };
        let is = |full: &str| !option.is_empty() && full.starts_with(&option);
        if is("command") {
            return match tail.first() {
                Some(code) if code.text == "-" => run_input(input, runs),
                _ => foreign(tail, runs),
            };
        }
        if is("encodedcommand") || option == "ec" {
            runs.unknown = true;
            return;
        }
        if is("file") {
            if tail.first().is_some_and(|file| is_stdin(&file.text)) {
                run_input(input, runs);
            }
            return;
        }
        let valued = [
            "executionpolicy",
            "workingdirectory",
            "configurationname",
            "windowstyle",
            "outputformat",
            "inputformat",
            "version",
        ];
        rest = if valued.iter().any(|full| is(full)) { tail.get(1..).unwrap_or_default() } else { tail };
    }
    run_input(input, runs);
}

/// Code of a language of its own.
fn foreign(words: &[Word], runs: &mut Runs) {
    runs.foreign.push(Word { literal: false, ..Word::joined(words) });
}
