//! What shell commands write: programs' file arguments and the options that name a file.
//!
//! Owns the knowledge of programs. Knows nothing of tools' inputs, folders or rules.

use super::outputs;
use crate::gate::call::{RedirectKind, ShellCommand, Word, base_name};
use crate::gate::options::{given, positional, scan, valued_letter, words};
use crate::gate::tar;

/// The files that a command's redirects make or change.
pub fn redirected(command: &ShellCommand) -> impl Iterator<Item = &Word> {
    let written = |kind| matches!(kind, RedirectKind::Output | RedirectKind::Append);
    command.redirects.iter().filter(move |redirect| written(redirect.kind)).map(|redirect| &redirect.target)
}

/// The files that a command's arguments would make it make, change or delete, as far as its text says.
#[must_use]
pub fn written(command: &ShellCommand) -> Vec<Word> {
    let program = command.name();
    let args = command.args.as_slice();
    let all = |valued: &[&str]| -> Vec<Word> { positional(args, valued).into_iter().cloned().collect() };
    let first = |valued: &[&str]| -> Vec<Word> { positional(args, valued).into_iter().take(1).cloned().collect() };
    let mut found = match program {
        "rm" | "rmdir" | "unlink" | "tee" | "srm" | "trash" | "sponge" => all(&[]),
        "mkdir" | "mkfifo" | "mknod" => all(&["-m", "--mode"]),
        "shred" => all(&["-n", "-s", "--iterations", "--size"]),
        "touch" => all(&["-d", "-t", "-r", "--date", "--reference"]),
        "mv" => all(&["-S", "-t", "--suffix", "--target-directory"]),
        "uniq" => all(&["-f", "-s", "-w", "-D"]).into_iter().skip(1).collect(),
        "ed" => all(&["-p"]),
        "truncate" | "fallocate" => all(&["-s", "-r", "-l", "-o", "--size", "--length"]),
        "chattr" => all(&["-p", "-v"]).into_iter().filter(|word| !word.text.starts_with(['+', '='])).collect(),
        "chmod" | "chown" | "chgrp" => after_mode(args).into_iter().cloned().collect(),
        "setfacl" => all(&["-m", "-x", "-M", "-X", "--modify", "--remove"]),
        "patch" => {
            first(&["-p", "-i", "-d", "-F", "-B", "-V", "-Y", "-z", "-D", "-g", "-o", "-r", "--input", "--directory"])
        }
        "sqlite3" => first(&["-cmd", "-init", "-separator", "-newline"]),
        "zip" => first(&["-b", "-i", "-n", "-t", "-tt", "-x"]),
        "dd" => args.iter().filter_map(|arg| part(arg, arg.text.strip_prefix("of=")?)).collect(),
        "find" if deletes(args) => start_points(args).into_iter().cloned().collect(),
        "rsync" if only_tries(args) => Vec::new(),
        "cp" | "ln" | "install" | "rsync" | "scp" => copied_to(program, args),
        "sed" | "gsed" | "perl" | "ruby" | "yq" if args.iter().any(|arg| is_in_place(program, &arg.text)) => {
            edited_in_place(program, args).into_iter().cloned().collect()
        }
        _ if tar::is_one(program) => tar::written(&tar::items(args)),
        _ => Vec::new(),
    };
    found.extend(outputs::by_option(program, args));
    found.extend(outputs::by_place(command));
    found.retain(|word| !word.text.is_empty());
    found
}

fn part(of: &Word, text: &str) -> Option<Word> {
    Some(Word { text: text.to_owned(), literal: of.literal })
}

/// Where copies go: the last word, unless an option says where.
fn copied_to(program: &str, args: &[Word]) -> Vec<Word> {
    let valued: &[&str] = match program {
        "install" => &["-t", "-S", "-m", "-o", "-g", "--mode", "--owner", "--group", "--target-directory", "--suffix"],
        "rsync" => &["-e", "-f", "-B", "-M", "-T", "--rsh", "--exclude", "--include", "--filter"],
        "scp" => &["-P", "-i", "-F", "-S", "-o", "-c", "-l", "-J", "-D", "-X"],
        _ => &["-t", "-S", "--target-directory", "--suffix"],
    };
    let items = scan(args, valued);
    let words = words(&items);
    if program == "install" && given(&items, &["-d", "--directory"]) {
        return words.into_iter().cloned().collect();
    }
    let by_option = !matches!(program, "rsync" | "scp") && given(&items, &["-t", "--target-directory"]);
    // `host:path` is elsewhere, for the programs that go there.
    let remote = |word: &Word| matches!(program, "rsync" | "scp") && is_remote(&word.text);
    let last = words.last().filter(|word| words.len() > 1 && !by_option && !remote(word));
    last.into_iter().map(|word| (*word).clone()).collect()
}

/// Whether rsync is told for certain to change nothing: `-n` among letters that take no value, not behind an option
/// that may have taken it.
fn only_tries(args: &[Word]) -> bool {
    const LETTERS: &str = "avzrlptgoDhPxnqcuiHAXSWRbdJ";
    const LONG: [&str; 12] = [
        "--archive",
        "--verbose",
        "--compress",
        "--recursive",
        "--delete",
        "--delete-after",
        "--delete-excluded",
        "--checksum",
        "--itemize-changes",
        "--progress",
        "--stats",
        "--update",
    ];
    let mut may_take = false;
    for arg in args.iter().take_while(|arg| arg.text != "--") {
        let text = arg.text.as_str();
        let letters = text.strip_prefix('-').filter(|letters| !letters.is_empty() && !letters.starts_with('-'));
        let plain = |letters: &str| letters.chars().all(|letter| LETTERS.contains(letter));
        let tries = letters.and_then(|letters| letters.split_once('n')).is_some_and(|(front, _)| plain(front));
        if arg.literal && !may_take && (tries || text == "--dry-run") {
            return true;
        }
        may_take = match letters {
            Some(letters) => !plain(letters),
            None => text.starts_with("--") && !text.contains('=') && !LONG.contains(&text),
        };
    }
    false
}

pub(super) fn is_remote(text: &str) -> bool {
    text.split_once(':').is_some_and(|(host, _)| !host.contains('/'))
}

/// The letters of an editor's options that take a value, attached or not, and those that give the script.
/// `-i` takes what is attached, so that a letter after it is a suffix; `-M` too, so that `-MList` edits nothing.
fn editor_letters(program: &str) -> (&'static str, &'static str) {
    match program {
        "perl" => ("eEIMmiFxD", "eE"),
        "ruby" => ("eIriFxEKT", "e"),
        "yq" => ("iopI", ""),
        _ => ("efil", "ef"),
    }
}

fn is_in_place(program: &str, text: &str) -> bool {
    let (valued, _) = editor_letters(program);
    ["--in-place", "--inplace"].iter().any(|long| text.starts_with(long))
        || matches!(valued_letter(text, |letter| valued.contains(letter)), Some(('i', _)))
}

/// What `chmod` and its like change: all words after the mode or owner. `-x` is a mode, `-R` an option.
fn after_mode(args: &[Word]) -> Vec<&Word> {
    let mode = |text: &str| text.len() > 1 && text.bytes().skip(1).all(|byte| b"rwxXstugoa,+=-".contains(&byte));
    let minus = args.iter().any(|arg| arg.text.starts_with('-') && mode(&arg.text) && arg.text != "--");
    let like = args.iter().any(|arg| arg.text.starts_with("--reference"));
    positional(args, &[]).into_iter().skip(usize::from(!minus && !like)).collect()
}

/// The files that `sed -i`, `perl -pi` and their like change: the words after the script.
fn edited_in_place<'a>(program: &str, args: &'a [Word]) -> Vec<&'a Word> {
    let (valued, scripts) = editor_letters(program);
    let mut scripted = false;
    let mut words = Vec::new();
    let mut rest = args.iter();
    while let Some(word) = rest.next() {
        let text = word.text.as_str();
        match text.strip_prefix("--") {
            Some("") => {
                words.extend(rest.by_ref());
            }
            Some(long) => {
                if ["expression", "file"].contains(&long) {
                    rest.next();
                }
                scripted |= ["expression", "file"].iter().any(|name| long.starts_with(name));
            }
            None if text.starts_with('-') && text.len() > 1 => {
                if let Some((letter, value)) = valued_letter(text, |letter| valued.contains(letter)) {
                    scripted |= scripts.contains(letter);
                    if value.is_empty() && "eEfIlrop".contains(letter) {
                        rest.next();
                    }
                }
            }
            // BSD's `-i ''`.
            None if text.is_empty() => {}
            None => words.push(word),
        }
    }
    words.into_iter().skip(usize::from(!scripted)).collect()
}

/// Whether a program reads as well what it writes: the old text of a file that is edited in place, of one that is moved.
pub(super) fn keeps_what_it_read(program: &str) -> bool {
    matches!(
        program,
        "mv" | "sed"
            | "gsed"
            | "perl"
            | "ruby"
            | "awk"
            | "gawk"
            | "yq"
            | "sqlite3"
            | "patch"
            | "find"
            | "ed"
            | "ex"
            | "vi"
            | "vim"
            | "nvim"
            | "view"
    )
}

/// Whether `find` deletes what it finds, or runs a program that might.
fn deletes(args: &[Word]) -> bool {
    let removes =
        |word: &Word| matches!(base_name(&word.text), "rm" | "rmdir" | "unlink" | "shred" | "mv" | "truncate" | "tee");
    args.iter().enumerate().any(|(at, arg)| match arg.text.as_str() {
        "-delete" => true,
        "-exec" | "-execdir" | "-ok" | "-okdir" => args.get(at + 1).is_some_and(removes),
        _ => false,
    })
}

/// Where `find` starts: the words before its first test.
pub(in crate::gate) fn start_points(args: &[Word]) -> Vec<&Word> {
    let mut rest = args;
    while let Some((first, tail)) = rest.split_first() {
        rest = match first.text.as_str() {
            "-H" | "-L" | "-P" | "--" => tail,
            "-D" => tail.get(1..).unwrap_or_default(),
            text if text.starts_with("-O") => tail,
            _ => break,
        };
    }
    rest.iter().take_while(|arg| !arg.text.starts_with(['-', '(', '!', ','])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_is_only_tried_writes_nothing() {
        for (line, tried) in [
            ("-n a b", true),
            ("-avn --delete a b", true),
            ("-a --delete --dry-run a b", true),
            ("-a a b", false),
            ("-a -- -n a b", false),
            ("-e -n a b", false),
            ("-en a b", false),
            ("--rsync-path --dry-run a b", false),
            ("--log-file=x --dry-run a b", true),
            ("--no-dry-run a b", false),
        ] {
            let args: Vec<Word> = line.split(' ').map(|word| Word { text: word.to_owned(), literal: true }).collect();
            assert_eq!(only_tries(&args), tried, "{line}");
        }
    }
}
