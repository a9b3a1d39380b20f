//! `sed` and `awk` scripts: what they run and write.
//!
//! Both are languages of their own; only the parts that leave them for the shell or a file are read.

use super::wrappers::Runs;
use super::{fetched, interpreters, sed, shells};
use crate::gate::call::{Word, base_name};
use crate::gate::options::{Item, given, scan, scan_letters, values, words};

pub(super) fn runs(name: &str, args: &[Word], runs: &mut Runs) {
    match name {
        "sed" | "gsed" => {
            let valued = ["-e", "-f", "-l", "--expression", "--file", "--line-length"];
            let files = values(&scan_letters(args, "efl", &valued), &["-f", "--file"]);
            runs.reads_code |= files.iter().any(|file| shells::is_stdin(&file.text));
            let read = |letters| {
                let items = scan_letters(args, letters, &valued);
                scripts(&items, &["-e", "--expression"], &["-f", "--file"])
            };
            // BSD's `-i` takes the next word, GNU's what is attached: where nothing is, either may run.
            let bare = args.iter().any(|arg| {
                arg.text.strip_prefix('-').is_some_and(|letters| !letters.starts_with('-') && letters.ends_with('i'))
            });
            let bsd = read("efli");
            let gnu = if bare { read("efl") } else { bsd.clone() };
            runs.unknown |= gnu.iter().any(is_printed);
            if gnu != bsd {
                sed(&gnu, runs);
            }
            sed(&bsd, runs);
        }
        _ if is_awk(name) => {
            let valued = [
                "-F",
                "-v",
                "-f",
                "-e",
                "-i",
                "-E",
                "-l",
                "--field-separator",
                "--assign",
                "--file",
                "--source",
                "--include",
                "--exec",
                "--load",
            ];
            let files = values(&scan(args, &valued), &["-f", "-E", "--file", "--exec"]);
            runs.reads_code |= files.iter().any(|file| shells::is_stdin(&file.text));
            runs.unknown |= files.iter().any(|file| shells::is_opened(&file.text));
            for script in scripts(&scan(args, &valued), &["-e", "--source"], &["-f", "-E", "--file", "--exec"]) {
                awk(&script, runs);
            }
        }
        _ => {}
    }
}

/// Whether a program of this name is an awk.
pub(super) fn is_awk(name: &str) -> bool {
    matches!(name, "awk" | "gawk" | "mawk" | "nawk")
}

/// The scripts among the arguments: those of the options, else the first word.
fn scripts(items: &[Item<'_>], given_by: &[&str], files: &[&str]) -> Vec<Word> {
    let found = values(items, given_by);
    if !found.is_empty() || given(items, files) {
        return found;
    }
    words(items).first().map(|first| (*first).clone()).into_iter().collect()
}

/// Whether a script is all that another program prints.
fn is_printed(script: &Word) -> bool {
    !script.literal && script.text.trim() == "$()"
}

/// Expressions are lines of one script.
fn sed(expressions: &[Word], runs: &mut Runs) {
    let text = expressions.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join("\n");
    let literal = expressions.iter().all(|word| word.literal);
    let found = sed::read(&text);
    let word = |text: String, literal: bool| Word { text, literal };
    runs.unknown |= found.runs_input || !found.guesses.is_empty();
    runs.code.extend(found.code.into_iter().map(|code| word(code, literal)));
    runs.code.extend(found.guesses.into_iter().map(|code| word(code, false)));
    runs.writes.extend(found.writes.into_iter().map(|file| word(file, literal)));
}

/// What stands behind a variable of the environment of which awk makes the name of a file that it writes.
fn of_environment(before: &str, after: &str) -> Option<String> {
    let to = before.strip_suffix("ENVIRON[")?.trim_end().trim_end_matches('(').trim_end();
    let (file, _) = interpreters::literal(after.strip_prefix(']')?.trim_start())?;
    to.ends_with('>').then_some(file)
}

/// `system("…")`, `"…" | getline`, `print | "…"`, `print > "…"`.
fn awk(script: &Word, runs: &mut Runs) {
    interpreters::calls(&script.text, script.literal, &["system"], runs);
    runs.unknown |= is_printed(script);
    let mut rest = script.text.as_str();
    while let Some(at) = rest.find('"') {
        let (before, after) = rest.split_at(at);
        let Some((text, used)) = interpreters::literal(after) else { break };
        let tail = after.get(used..).unwrap_or_default();
        let before = before.trim_end();
        if before.ends_with('|') && !before.ends_with("||")
            || tail.trim_start().starts_with("| getline")
            || tail.trim_start().starts_with("|& ")
            || tail.trim_start().starts_with("|getline")
        {
            // `print x | "sh"`: what it prints is code, and not known.
            runs.unknown |= fetched::is_interpreter(base_name(text.split_whitespace().next().unwrap_or_default()));
            runs.code.push(Word { text, literal: script.literal });
        } else if before.ends_with('>') && text.contains(['/', '.', '~']) && !text.contains(' ') {
            runs.writes.push(Word { text, literal: script.literal });
        } else if let Some(file) = of_environment(before, tail) {
            // `print > ENVIRON["HOME"] "/x"`.
            runs.writes.push(Word { text: format!("${text}{file}"), literal: false });
        }
        rest = tail;
    }
}
