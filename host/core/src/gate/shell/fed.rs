//! `xargs` and `parallel`: programs that are given what another prints, or what stands behind `:::`.

use super::input::Input;
use super::wrappers::Runs;
use crate::gate::call::Word;
use crate::gate::options::{Item, given, readings, scan, valued_letter, values};

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
        let options = args.get(..args.len() - rest.len()).unwrap_or_default();
        let items = scan(options, &valued);
        let placeholder = placeholder(options);
        let own_way = given(&items, &["-0", "-d", "-E", "-e", "--null", "--delimiter", "--eof"]);
        let lines = known(input, placeholder.is_some()).filter(|_| !given(&items, &["-a", "--arg-file"]));
        if let Some(lines) = lines {
            let filled = |text: String| Word { text, literal: !own_way };
            match &placeholder {
                Some(placeholder) => lines.into_iter().flatten().for_each(|line| {
                    let mut argv = rest.to_vec();
                    for word in argv.iter_mut().filter(|word| word.text.contains(placeholder)) {
                        *word = Word { text: word.text.replace(placeholder, &line), literal: word.literal && !own_way };
                    }
                    runs.argv(&argv);
                }),
                None => portions(lines, &items).into_iter().for_each(|words| {
                    runs.argv(&rest.iter().cloned().chain(words.into_iter().map(filled)).collect::<Vec<_>>());
                }),
            }
            // Parted in a way of its own, these are only likely to be the words.
            if !own_way {
                continue;
            }
        }
        let mut argv = rest.to_vec();
        match placeholder {
            Some(placeholder) => argv.iter_mut().filter(|word| word.text.contains(&placeholder)).for_each(|word| {
                *word = Word { text: word.text.replace(&placeholder, "{}"), literal: false };
            }),
            None => argv.push(filled_in()),
        }
        runs.argv(&argv);
    }
}

/// The words that xargs reads, line by line, where the text says them all and they are few. Where it fills in whole
/// lines, each is a word.
fn known(input: &Input<'_>, whole_lines: bool) -> Option<Vec<Vec<String>>> {
    let read = input.code();
    let says_all = input.is_fed() && read.sure && !read.texts.is_empty();
    if !says_all || !read.texts.iter().all(|word| word.literal && !word.text.is_empty()) {
        return None;
    }
    let mut lines = Vec::new();
    for text in &read.texts {
        lines.extend(parted(&text.text, whole_lines)?);
    }
    (lines.iter().map(Vec::len).sum::<usize>() <= MAX_KNOWN).then_some(lines)
}

/// Parts a text as xargs does: at blanks or only at line ends, but not in quotes or behind a backslash; none where a
/// quote stays open.
fn parted(text: &str, whole_lines: bool) -> Option<Vec<Vec<String>>> {
    let mut lines = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => {
                let rest = chars.as_str();
                let end =
                    rest.find([c, '\n']).filter(|end| rest.get(*end..).is_some_and(|rest| rest.starts_with(c)))?;
                word.get_or_insert_default().push_str(rest.get(..end)?);
                chars = rest.get(end + c.len_utf8()..)?.chars();
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            '\n' => {
                words.extend(word.take());
                lines.push(std::mem::take(&mut words));
            }
            // Blanks in front of a line are none of it.
            c if c.is_whitespace() && (!whole_lines || word.is_none()) => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    lines.push(words);
    lines.retain(|words| !words.is_empty());
    Some(lines)
}

/// The words of each run: all at once, or as many of them or of their lines as an option says.
fn portions(lines: Vec<Vec<String>>, items: &[Item<'_>]) -> Vec<Vec<String>> {
    let said = |options: &[&str]| {
        let number = values(items, options).last().and_then(|word| word.text.parse::<usize>().ok());
        number.filter(|number| *number > 0)
    };
    let all = || lines.concat();
    if let Some(words) = said(&["-n", "--max-args"]) {
        return all().chunks(words).map(<[String]>::to_vec).collect();
    }
    match said(&["-L", "--max-lines"]) {
        Some(number) => lines.chunks(number).map(<[Vec<String>]>::concat).collect(),
        // `-l` takes its number only where that is attached: as few and as many lines as it may take.
        None if given(items, &["-l", "--max-lines"]) => lines.iter().cloned().chain([all()]).collect(),
        None => vec![all()],
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
                let Word { text, literal } = Word::joined(words);
                let text = match text.contains("{}") {
                    true => text.replace("{}", &value.text),
                    false => format!("{text} {}", value.text),
                };
                runs.code.push(Word { text, literal: value.literal && literal });
            }
            continue;
        }
        let mut said = Word::joined(words);
        said.text.push_str(" {}");
        runs.code.push(said);
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_blocking;
    use super::Word;

    fn check(line: &str, expected: &str) {
        let commands = parse_blocking(line).commands;
        let last = commands.last().map(|command| {
            let words = std::iter::once(&command.program).chain(&command.args);
            words.map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(last.as_deref(), Some(expected), "{line}");
    }

    /// All that xargs runs.
    fn check_all(line: &str, expected: &[&str]) {
        let commands = parse_blocking(line).commands;
        let run = commands.iter().filter(|command| command.wrappers.iter().any(|wrapper| wrapper == "xargs"));
        let run =
            run.map(|command| Word::joined(&[std::slice::from_ref(&command.program), &command.args].concat()).text);
        assert_eq!(run.collect::<Vec<_>>(), expected, "{line}");
    }

    #[test]
    fn each_portion_is_a_run() {
        check_all("printf 'a\nb' | xargs -I% touch x/%", &["touch x/a", "touch x/b"]);
        check_all("printf '  a  b\n\n\"c\"' | xargs -I% touch %.x", &["touch a  b.x", "touch c.x"]);
        check_all("printf 'a\nb' | xargs -i -n1 rm {}", &["rm a", "rm b"]);
        check_all("echo a b c | xargs -n 2 rm", &["rm a b", "rm c"]);
        check_all("echo a b c | xargs --max-args=1 rm", &["rm a", "rm b", "rm c"]);
        check_all("printf 'a b\nc\nd' | xargs -L2 rm", &["rm a b c", "rm d"]);
        check_all("printf 'a b\nc' | xargs -l rm", &["rm a b", "rm c", "rm a b c"]);
        check_all("printf 'a b\nc' | xargs -L0 rm", &["rm a b c"]);
        let many = "x\n".repeat(super::MAX_KNOWN);
        check_all(&format!("printf '{many}' | xargs -I% rm %"), &["rm x"; super::MAX_KNOWN]);
        check_all(&format!("printf '{many}y' | xargs -I% rm %"), &["rm {}"]);
    }

    #[test]
    fn known_words_are_filled_in() {
        check("echo / | xargs rm -rf", "rm -rf /");
        check("ls | xargs rm", "rm {}");
        check("echo \"'/'\" '\"a b\"' 'c\\ d' | xargs rm -rf", "rm -rf / a b c d");
        check("echo '-rf /' | xargs rm", "rm -rf /");
        check("echo -ne '-rf /' | xargs rm", "rm -rf /");
        check("echo \"it's\" | xargs rm", "rm {}");
        check("echo a | xargs -a list rm", "rm {}");
        check("echo a | xargs --arg-file=list rm", "rm {}");
        for options in ["-0", "-d ,", "--delimiter=,", "-E x", "--eof=x"] {
            check(&format!("echo a | xargs {options} rm"), "rm {}");
        }
        check("parallel rm -rf ::: /", "rm -rf /");
        check("parallel touch {}.x ::: a b", "touch b.x");
        let many = "x ".repeat(super::MAX_KNOWN);
        check(&format!("echo {many} | xargs ls"), &format!("ls {}", many.trim_end()));
        check(&format!("echo y {many} | xargs ls"), "ls {}");
    }
}
