//! `sed` and `awk` scripts: what they run and write.
//!
//! Both are languages of their own; only the parts that leave them for the shell or a file are read.

use super::interpreters;
use super::wrappers::Runs;
use crate::gate::call::Word;
use regex::Regex;
use std::sync::LazyLock;

pub(super) fn runs(name: &str, args: &[Word], runs: &mut Runs) {
    match name {
        "sed" | "gsed" => {
            for script in expressions(args, &["-e", "--expression"], &["-f", "--file"], &["-l", "-E"]) {
                sed(script, runs);
            }
        }
        "awk" | "gawk" | "mawk" | "nawk" => {
            for script in expressions(args, &["-e", "--source"], &["-f", "--file"], &["-F", "-v"]) {
                awk(script, runs);
            }
        }
        _ => {}
    }
}

/// The scripts among the arguments: those of the options, else the first word.
fn expressions<'a>(args: &'a [Word], given: &[&str], files: &[&str], valued: &[&str]) -> Vec<&'a Word> {
    let mut found = Vec::new();
    let mut first = None;
    let mut from_file = false;
    let mut rest = args;
    while let Some((word, tail)) = rest.split_first() {
        let text = word.text.as_str();
        rest = tail;
        // `-ne SCRIPT`: the last option of a cluster takes the value.
        let cluster_end = text.starts_with('-') && !text.starts_with("--") && given.iter().any(|option| text.ends_with(option.trim_start_matches('-')) && option.len() == 2);
        if given.contains(&text) || cluster_end {
            found.extend(tail.first());
            rest = tail.get(1..).unwrap_or_default();
        } else if files.contains(&text) {
            from_file = true;
            rest = tail.get(1..).unwrap_or_default();
        } else if valued.contains(&text) && text != "-E" {
            rest = tail.get(1..).unwrap_or_default();
        } else if let Some((option, _)) = text.split_once('=')
            && given.contains(&option)
        {
            found.push(word);
        } else if !text.starts_with('-') && first.is_none() {
            first = Some(word);
        }
    }
    if found.is_empty() && !from_file {
        found.extend(first);
    }
    found
}

/// The `e` and `w` commands, and the flags of that name of `s///`.
fn sed(script: &Word, runs: &mut Runs) {
    static COMMAND: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?m)(?:^|[;{}])\s*(?:[0-9$,~+!\s]|/(?:[^/\\]|\\.)*/)*([ewW])(?:[ \t]+([^\n;]*)|\s*$)").ok());
    static FLAG: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let delimiters = [("/", "[^/\\\\]"), ("\\|", "[^|\\\\]"), ("#", "[^#\\\\]"), (",", "[^,\\\\]"), ("@", "[^@\\\\]"), ("!", "[^!\\\\]"), (":", "[^:\\\\]"), ("%", "[^%\\\\]"), ("~", "[^~\\\\]"), ("_", "[^_\\\\]")];
        let one = |(d, other): &(&str, &str)| format!(r"s{d}(?:{other}|\\.)*{d}(?:{other}|\\.)*{d}([gpiImM0-9]*[ew][^;\n}}]*)");
        Regex::new(&delimiters.iter().map(one).collect::<Vec<_>>().join("|")).ok()
    });
    let text = &script.text;
    for found in COMMAND.iter().flat_map(|regex| regex.captures_iter(text)) {
        let argument = found.get(2).map_or("", |argument| argument.as_str().trim());
        match found.get(1).map(|command| command.as_str()) {
            Some("e") if argument.is_empty() => runs.unknown = true,
            Some("e") => runs.code.push(Word { text: argument.to_owned(), literal: script.literal }),
            _ if !argument.is_empty() => runs.writes.push(Word { text: argument.to_owned(), literal: script.literal }),
            _ => {}
        }
    }
    for found in FLAG.iter().flat_map(|regex| regex.captures_iter(text)) {
        for flags in found.iter().skip(1).flatten() {
            let flags = flags.as_str();
            match flags.split_once('w') {
                Some((before, path)) if !before.contains('e') => {
                    runs.writes.push(Word { text: path.trim().to_owned(), literal: script.literal });
                }
                _ => runs.unknown = true,
            }
        }
    }
}

/// `system("…")`, `"…" | getline`, `print | "…"`, `print > "…"`.
fn awk(script: &Word, runs: &mut Runs) {
    interpreters::calls(&script.text, script.literal, &["system"], runs);
    let mut rest = script.text.as_str();
    while let Some(at) = rest.find('"') {
        let (before, after) = rest.split_at(at);
        let Some((text, used)) = interpreters::literal(after) else { break };
        let tail = after.get(used..).unwrap_or_default();
        let before = before.trim_end();
        if before.ends_with('|') && !before.ends_with("||") || tail.trim_start().starts_with("| getline") || tail.trim_start().starts_with("|& ") || tail.trim_start().starts_with("|getline") {
            runs.code.push(Word { text, literal: script.literal });
        } else if before.ends_with('>') && text.starts_with(['/', '.', '~']) {
            runs.writes.push(Word { text, literal: script.literal });
        }
        rest = tail;
    }
}
