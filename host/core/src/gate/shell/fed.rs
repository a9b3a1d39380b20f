//! `xargs` and `parallel`: programs that are given what another prints, or what stands behind `:::`.

use super::input::Input;
use super::wrappers::Runs;
use crate::gate::call::Word;
use crate::gate::options::{readings, valued_letter};

/// Most words that are filled in where they are known; more are as good as unknown.
const MAX_KNOWN: usize = 64;

/// What the wrapper fills in from its input.
fn filled_in() -> Word {
    Word { text: "{}".to_owned(), literal: false }
}

/// `xargs program`: with what it is known to read, else with a word that no one knows.
pub(super) fn xargs(args: &[Word], input: &Input<'_>, runs: &mut Runs) {
    let valued = [
        "-I",
        "-n",
        "-P",
        "-L",
        "-d",
        "-s",
        "-E",
        "-a",
        "--max-args",
        "--max-procs",
        "--delimiter",
        "--arg-file",
        "--max-chars",
        "--process-slot-var",
    ];
    let flags = [
        "-0",
        "-r",
        "-t",
        "-p",
        "-x",
        "-o",
        "-i",
        "-e",
        "-l",
        "--null",
        "--no-run-if-empty",
        "--verbose",
        "--interactive",
        "--exit",
        "--open-tty",
        "--show-limits",
        "--replace",
        "--eof",
        "--max-lines",
    ];
    for rest in readings(args, &valued, &flags) {
        if rest.is_empty() {
            continue;
        }
        let mut argv = rest.to_vec();
        let read = input.code();
        let known = input.is_fed() && read.sure && !read.texts.is_empty();
        let words: Vec<&str> = read.texts.iter().flat_map(|word| word.text.split_whitespace()).collect();
        if known && words.len() <= MAX_KNOWN && read.texts.iter().all(|word| word.literal && !word.text.is_empty()) {
            let word = |text: &str| Word { text: text.to_owned(), literal: true };
            match placeholder(args.get(..args.len() - rest.len()).unwrap_or_default()) {
                Some(placeholder) => {
                    let line = words.join(" ");
                    argv.iter_mut().for_each(|word| word.text = word.text.replace(&placeholder, &line));
                }
                None => argv.extend(words.into_iter().map(word)),
            }
            runs.argv(&argv);
            continue;
        }
        match placeholder(args.get(..args.len() - rest.len()).unwrap_or_default()) {
            Some(placeholder) => argv.iter_mut().filter(|word| word.text.contains(&placeholder)).for_each(|word| {
                *word = Word { text: word.text.replace(&placeholder, "{}"), literal: false };
            }),
            None => argv.push(filled_in()),
        }
        runs.argv(&argv);
    }
}

/// What xargs replaces by each line that it reads, where it is told to.
fn placeholder(options: &[Word]) -> Option<String> {
    let mut found = None;
    for (at, option) in options.iter().enumerate() {
        let text = option.text.as_str();
        let next = || options.get(at + 1).map(|word| word.text.clone());
        let given = match (text.strip_prefix("--replace"), valued_letter(text, |letter| "InPLdsEai".contains(letter))) {
            (Some(""), _) => Some("{}".to_owned()),
            (Some(value), _) => value.strip_prefix('=').map(str::to_owned),
            (None, Some(('I', ""))) => next(),
            // `-i` takes a value only where it is attached.
            (None, Some(('i', ""))) => Some("{}".to_owned()),
            (None, Some(('I' | 'i', value))) => Some(value.to_owned()),
            _ => None,
        };
        found = given.filter(|given| !given.is_empty()).or(found);
    }
    found
}

/// `parallel 'code {}' ::: words`.
pub(super) fn parallel(args: &[Word], runs: &mut Runs) {
    let valued = [
        "-j",
        "-P",
        "-N",
        "-n",
        "-L",
        "-s",
        "-I",
        "-a",
        "-C",
        "-S",
        "-d",
        "-E",
        "-M",
        "--jobs",
        "--max-procs",
        "--max-args",
        "--max-replace-args",
        "--max-lines",
        "--max-chars",
        "--arg-file",
        "--colsep",
        "--sshlogin",
        "--sshloginfile",
        "--slf",
        "--joblog",
        "--results",
        "--delay",
        "--timeout",
        "--retries",
        "--load",
        "--memfree",
        "--tmpdir",
        "--workdir",
        "--wd",
        "--env",
        "--basefile",
        "--return",
        "--tagstring",
        "--tag-string",
        "--halt",
        "--nice",
        "--block",
        "--recstart",
        "--recend",
        "--delimiter",
        "--arg-sep",
        "--rpl",
        "--profile",
        "--termseq",
        "--trc",
        "--limit",
    ];
    let flags = [
        "-k",
        "-u",
        "-v",
        "-q",
        "-X",
        "-m",
        "-r",
        "-x",
        "-0",
        "-t",
        "--keep-order",
        "--ungroup",
        "--verbose",
        "--quote",
        "--xargs",
        "--no-run-if-empty",
        "--bar",
        "--eta",
        "--progress",
        "--dry-run",
        "--dryrun",
        "--line-buffer",
        "--lb",
        "--tag",
        "--null",
        "--pipe",
        "--pipe-part",
        "--resume",
        "--resume-failed",
        "--will-cite",
        "--plus",
        "--link",
        "--linebuffer",
        "--no-notice",
        "--shuf",
        "--fg",
        "--semaphore",
        "--round-robin",
        "--group",
    ];
    for rest in readings(args, &valued, &flags) {
        let end = rest.iter().position(|word| word.text.starts_with(":::")).unwrap_or(rest.len());
        let words = rest.get(..end).unwrap_or_default();
        if words.is_empty() {
            // Without a command, each input line is one.
            match rest.get(end + 1..) {
                Some(inputs) if end < rest.len() => runs.code.extend(inputs.iter().cloned()),
                _ => runs.unknown = true,
            }
            continue;
        }
        if words.iter().any(|word| word.text.contains(char::is_whitespace)) {
            // `--quote`, and the other program of this name, keep the words apart.
            let argv: Vec<Word> = words.iter().cloned().chain([filled_in()]).collect();
            runs.argv(&argv);
        }
        let given = rest.get(end + 1..).unwrap_or_default();
        if !given.is_empty() && given.len() <= MAX_KNOWN && given.iter().all(|word| !word.text.starts_with(":::")) {
            for value in given {
                let text = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
                let text = match text.contains("{}") {
                    true => text.replace("{}", &value.text),
                    false => format!("{text} {}", value.text),
                };
                runs.code.push(Word { text, literal: value.literal && words.iter().all(|word| word.literal) });
            }
            continue;
        }
        let mut text = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        text.push_str(" {}");
        runs.code.push(Word { text, literal: words.iter().all(|word| word.literal) });
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_blocking;

    fn check(line: &str, expected: &str) {
        let commands = parse_blocking(line).commands;
        let last = commands.last().map(|command| {
            let words = std::iter::once(&command.program).chain(&command.args);
            words.map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(last.as_deref(), Some(expected), "{line}");
    }

    #[test]
    fn known_words_are_filled_in() {
        check("echo / | xargs rm -rf", "rm -rf /");
        check("printf 'a\nb' | xargs -I% touch x/%", "touch x/a b");
        check("ls | xargs rm", "rm {}");
        check("parallel rm -rf ::: /", "rm -rf /");
        check("parallel touch {}.x ::: a b", "touch b.x");
        let many = "x ".repeat(super::MAX_KNOWN);
        check(&format!("echo {many} | xargs ls"), &format!("ls {}", many.trim_end()));
        check(&format!("echo y {many} | xargs ls"), "ls {}");
    }
}
