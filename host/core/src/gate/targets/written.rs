//! What shell commands write: programs' file arguments and the options that name a file.
//!
//! Owns the knowledge of programs. Knows nothing of tools' inputs, folders or rules.

use crate::gate::call::{RedirectKind, ShellCommand, Word};
use crate::gate::options::{takes_next, valued_letter};

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
        "rm" | "rmdir" | "unlink" | "shred" | "touch" | "mkdir" | "mkfifo" | "mknod" | "tee" | "mv" | "srm"
        | "trash" | "sponge" | "ed" => {
            let valued: &[&str] = match program {
                "mkdir" | "mkfifo" | "mknod" => &["-m", "--mode"],
                "shred" => &["-n", "-s", "--iterations", "--size"],
                "touch" => &["-d", "-t", "-r", "--date", "--reference"],
                "mv" => &["-S", "--suffix"],
                "ed" => &["-p"],
                _ => &[],
            };
            found.extend(positional(&command.args, valued));
        }
        "truncate" | "fallocate" => {
            found.extend(positional(&command.args, &["-s", "-r", "-l", "-o", "--size", "--length"]))
        }
        "chattr" => {
            let words = positional(&command.args, &["-p", "-v"]);
            found.extend(words.into_iter().filter(|word| !word.text.starts_with(['+', '='])));
        }
        "chmod" | "chown" | "chgrp" => found.extend(after_mode(&command.args)),
        "setfacl" => found.extend(positional(&command.args, &["-m", "-x", "-M", "-X", "--modify", "--remove"])),
        "patch" => {
            let options =
                ["-p", "-i", "-d", "-F", "-B", "-V", "-Y", "-z", "-D", "-g", "-o", "-r", "--input", "--directory"];
            found.extend(positional(&command.args, &options).first());
        }
        "sqlite3" => found.extend(positional(&command.args, &["-cmd", "-init", "-separator", "-newline"]).first()),
        "find" if deletes(&command.args) => found.extend(start_points(&command.args)),
        "cp" | "ln" | "install" | "rsync" | "scp" => {
            let valued: &[&str] = match program {
                "install" => &["-t", "-S", "-m", "-o", "-g", "--mode", "--owner", "--group", "--target-directory"],
                "rsync" => &["-e", "-f", "-B", "-M", "-T", "--rsh", "--exclude", "--include", "--filter"],
                "scp" => &["-P", "-i", "-F", "-S", "-o", "-c", "-l", "-J"],
                _ => &["-t", "-S", "--target-directory", "--suffix"],
            };
            let words = positional(&command.args, valued);
            // `host:path` is elsewhere.
            found.extend(words.last().copied().filter(|word| words.len() > 1 && !is_remote(&word.text)));
        }
        "sed" | "gsed" | "perl" if command.args.iter().any(|arg| is_in_place(program, &arg.text)) => {
            found.extend(edited_in_place(program, &command.args));
        }
        _ => {}
    }
    found.extend(option_values(program, &command.args));
    found
}

fn is_remote(text: &str) -> bool {
    text.split_once(':').is_some_and(|(host, _)| !host.contains('/'))
}

/// The letters of `sed`'s or `perl`'s options that take a value, attached or not, and those that give the script.
/// `-i` takes what is attached, so that a letter after it is a suffix; `-M` too, so that `-MList` edits nothing.
fn editor_letters(program: &str) -> (&'static str, &'static str) {
    if program == "perl" { ("eEIMmiFxD", "eE") } else { ("efil", "ef") }
}

fn is_in_place(program: &str, text: &str) -> bool {
    let (valued, _) = editor_letters(program);
    text.starts_with("--in-place") || matches!(valued_letter(text, |letter| valued.contains(letter)), Some(('i', _)))
}

/// Values of options that name a file to write.
fn option_values<'a>(program: &str, args: &'a [Word]) -> Vec<&'a Word> {
    let options: &[&str] = match program {
        "curl" => {
            &["-o", "--output", "--output-dir", "-D", "--dump-header", "-c", "--cookie-jar", "--trace", "--trace-ascii"]
        }
        "wget" => &["-O", "--output-document", "-P", "--directory-prefix", "-o", "--output-file"],
        "sort" | "gcc" | "cc" | "clang" | "g++" | "ld" | "go" => &["-o", "--output"],
        "tar" | "unzip" => &["-C", "-d", "--directory"],
        "patch" => &["-o", "-d", "-r", "--output", "--directory", "--reject-file"],
        "cp" | "mv" | "ln" | "install" => &["-t", "--target-directory"],
        _ => return Vec::new(),
    };
    args.windows(2)
        .filter(|pair| pair.first().is_some_and(|option| takes_output(program, &option.text, options)))
        .filter_map(|pair| pair.get(1))
        .collect()
}

/// The letters of short options that take a value, and those of them whose value is a file to write.
fn output_letters(program: &str) -> Option<(&'static str, &'static str)> {
    Some(match program {
        "curl" => ("AbcCdDeEFhHKmoPQrtTuUwxXyYz", "oDc"),
        "wget" => ("oaeiBtOTwQPUlADIRX", "oOaP"),
        "sort" => ("koStT", "o"),
        "patch" => ("pidFBVYzDgor", "odr"),
        _ => return None,
    })
}

/// Whether the word after `text` is a file to write.
fn takes_output(program: &str, text: &str, options: &[&str]) -> bool {
    if options.contains(&text) {
        return true;
    }
    let Some((valued, outputs)) = output_letters(program) else { return false };
    matches!(valued_letter(text, |letter| valued.contains(letter)), Some((letter, "")) if outputs.contains(letter))
}

/// `-sSLo/path`, `-O/path`.
fn attached_output<'a>(program: &str, text: &'a str) -> Option<&'a str> {
    let (valued, outputs) = output_letters(program)?;
    let (letter, value) = valued_letter(text, |letter| valued.contains(letter))?;
    outputs.contains(letter).then_some(value)
}

/// What `chmod` and its like change: all words after the mode or owner. `-x` is a mode, `-R` an option.
fn after_mode(args: &[Word]) -> Vec<&Word> {
    let mode = |text: &str| text.len() > 1 && text.bytes().skip(1).all(|byte| b"rwxXstugoa,+=-".contains(&byte));
    let minus = args.iter().any(|arg| arg.text.starts_with('-') && mode(&arg.text) && arg.text != "--");
    let like = args.iter().any(|arg| arg.text.starts_with("--reference"));
    positional(args, &[]).into_iter().skip(usize::from(!minus && !like)).collect()
}

/// The files that `sed -i` and `perl -pi` change: the words after the script.
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
                    if value.is_empty() && "eEfIl".contains(letter) {
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

/// Whether `find` deletes what it finds, or runs a program that might.
fn deletes(args: &[Word]) -> bool {
    let removes = |word: &Word| {
        matches!(word.text.rsplit('/').next(), Some("rm" | "rmdir" | "unlink" | "shred" | "mv" | "truncate" | "tee"))
    };
    args.iter().enumerate().any(|(at, arg)| match arg.text.as_str() {
        "-delete" => true,
        "-exec" | "-execdir" | "-ok" | "-okdir" => args.get(at + 1).is_some_and(removes),
        _ => false,
    })
}

/// Where `find` starts: the words before its first test.
fn start_points(args: &[Word]) -> Vec<&Word> {
    let options = args.iter().skip_while(|arg| matches!(arg.text.as_str(), "-H" | "-L" | "-P"));
    options.take_while(|arg| !arg.text.starts_with(['-', '(', '!'])).collect()
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
        } else if takes_next(text, valued) {
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
        "wget" => &["--output-document=", "--directory-prefix=", "--output-file="],
        "patch" => &["--output=", "--directory=", "--reject-file="],
        "sort" => &["--output="],
        "tar" => &["--directory="],
        "cp" | "mv" | "ln" | "install" => &["--target-directory="],
        _ => &[],
    };
    let value = |arg: &Word| {
        let long = prefixes.iter().find_map(|prefix| arg.text.strip_prefix(prefix));
        let text = long.or_else(|| attached_output(program, &arg.text)).filter(|text| !text.is_empty())?;
        Some(Word { text: text.to_owned(), literal: arg.literal })
    };
    command.args.iter().filter_map(value).collect()
}
