//! `xargs` and `parallel`: programs that are given what another prints, or what stands behind `:::`.

mod portions;

use super::input::Input;
use super::programs;
use super::wrappers::Runs;
use crate::gate::call::Word;
use crate::gate::options::{given, is_long, readings, scan, valued_letter};
use portions::{Line, Parting, parted, parting, portions};

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
        let read = Read {
            input: Some(input).filter(|_| !given(&items, &["-a", "--arg-file"])),
            own_way: given(&items, &["-0", "-d", "-E", "-e", "--null", "--delimiter", "--eof"]),
            parting: parting(&items),
        };
        let placeholder = placeholder(options);
        if let Some(placeholder) = &placeholder {
            read.replacing(rest, placeholder, runs);
        }
        if placeholder.is_none() || read.parting == Parting::Unsure {
            read.behind(rest, runs);
        }
    }
}

/// What xargs reads, and how it takes it.
struct Read<'a> {
    /// None where it reads a file.
    input: Option<&'a Input<'a>>,
    /// Parted in a way of its own, what we take for the words is only likely to be them.
    own_way: bool,
    parting: Parting,
}

impl Read<'_> {
    /// Each line takes the place of `placeholder` in `rest`.
    fn replacing(&self, rest: &[Word], placeholder: &str, runs: &mut Runs) {
        let mut run = |text: &str, literal: bool| {
            let mut argv = rest.to_vec();
            for word in argv.iter_mut().filter(|word| word.text.contains(placeholder)) {
                *word = Word { text: word.text.replace(placeholder, text), literal: word.literal && literal };
            }
            runs.argv(&argv);
        };
        let lines = self.input.and_then(|input| known(input, true));
        let known = lines.is_some();
        for line in lines.into_iter().flatten().flat_map(|line| line.words) {
            run(&line, !self.own_way);
        }
        if !known || self.own_way || self.parting == Parting::Unsure {
            run("{}", false);
        }
    }

    /// The words stand behind `rest`.
    fn behind(&self, rest: &[Word], runs: &mut Runs) {
        let mut run = |words: Vec<Word>| runs.argv(&rest.iter().cloned().chain(words).collect::<Vec<_>>());
        let Some(lines) = self.input.and_then(|input| known(input, false)) else {
            let found = self.input.and_then(found_by_name);
            return run(found.unwrap_or_else(|| vec![filled_in()]));
        };
        let parted = portions(&lines, self.parting);
        let word = |text: String| Word { text, literal: !self.own_way };
        for words in parted.runs {
            run(words.into_iter().map(word).collect());
        }
        if self.own_way || !parted.sure {
            run(vec![filled_in()]);
        }
        runs.unknown |= !parted.whole;
    }
}

/// What one `find` prints that looks for a name: as little as its own `-exec` would be given.
fn found_by_name(input: &Input<'_>) -> Option<Vec<Word>> {
    let at = input.sources.iter().flat_map(|span| span.clone()).map(usize::try_from);
    let mut commands = at.map(|at| input.commands.get(at.ok()?)).collect::<Option<Vec<_>>>()?.into_iter();
    let (Some(find), None) = (commands.next().filter(|command| command.name() == "find"), commands.next()) else {
        return None;
    };
    let places = programs::found_by_name(&find.args)?.into_iter();
    Some(places.map(|text| Word { text, literal: false }).collect())
}

/// The words that xargs reads, line by line, where the text says them all and they are few. Where it fills in whole
/// lines, each is a word.
fn known(input: &Input<'_>, whole_lines: bool) -> Option<Vec<Line>> {
    let read = input.code();
    let says_all = input.is_fed() && read.sure && !read.texts.is_empty();
    if !says_all || !read.texts.iter().all(|word| word.literal && !word.text.is_empty()) {
        return None;
    }
    let mut lines = Vec::new();
    for text in &read.texts {
        lines.extend(parted(&text.text, whole_lines)?);
    }
    (lines.iter().map(|line| line.words.len()).sum::<usize>() <= MAX_KNOWN).then_some(lines)
}

/// What xargs replaces by each line that it reads, where it is told to.
fn placeholder(options: &[Word]) -> Option<String> {
    let mut found = None;
    for (at, option) in options.iter().enumerate() {
        let text = option.text.as_str();
        let next = || options.get(at + 1).map(|word| word.text.clone());
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let long = is_long(name, "--replace").then_some(value);
        let given = match (long, valued_letter(text, |letter| "InPLdsEai".contains(letter))) {
            (Some(value), _) => Some(value.unwrap_or("{}").to_owned()),
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
                // Of a pattern each name is one word, whatever it holds.
                let told = value.literal || !value.text.contains(['$', '`', '(']);
                runs.code.push(Word { text, literal: told && literal });
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
    use super::portions::MAX_PARTED;

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
        check_all("printf 'a\nb' | xargs -i rm {}", &["rm a", "rm b"]);
        check_all("find . -name '*.o' | xargs rm", &["rm ./{}"]);
        check_all("find a b -type d -iname dist -print0 | xargs -0 rm -r", &["rm -r a/{} b/{}"]);
        for line in [
            "find . | xargs rm",
            "find . -name '*' | xargs rm",
            "find . -name '.g*' | xargs rm",
            "find . ! -name x | xargs rm",
            "find . -name x -o -type f | xargs rm",
            "find . -name \"$x\" | xargs rm",
            "find . -name x | sed s/x/y/ | xargs rm",
            "(find . -name x; ls) | xargs rm",
        ] {
            check_all(line, &["rm {}"]);
        }
        check_all("echo a b c | xargs -n 2 rm", &["rm a b", "rm c"]);
        check_all("echo a b c | xargs --max-args=1 rm", &["rm a", "rm b", "rm c"]);
        check_all("printf 'a b\nc\nd' | xargs -L2 rm", &["rm a b c", "rm d"]);
        for line in ["printf '\n' | xargs -n1 rm a", "printf ' ' | xargs -L1 rm a", "printf ' ' | xargs rm a"] {
            check_all(line, &["rm a"]);
        }
        check_all("printf '\n' | xargs -I% rm a", &[]);
        let many = "x\n".repeat(super::MAX_KNOWN);
        check_all(&format!("printf '{many}' | xargs -I% rm %"), &["rm x"; super::MAX_KNOWN]);
        check_all(&format!("printf '{many}y' | xargs -I% rm %"), &["rm {}"]);
    }

    #[test]
    fn where_the_portions_are_not_certain_each_reading_is_a_run() {
        let every = ["rm a b", "rm a", "rm b", "rm {}"];
        for options in ["-n5 -L1", "-L1 -n5", "-L0", "-n x", "-n $N", "-s 30", "-l", "-l2", "--max-lines=1"] {
            check_all(&format!("printf 'a\nb' | xargs {options} rm"), &every);
        }
        check_all("printf 'a \nb' | xargs -L1 rm", &every);
        check_all("printf 'a' | xargs -I% -n5 rm x%", &["rm xa", "rm x{}", "rm x% a", "rm x% {}"]);
        check_all("ls | xargs -n5 --repl=% rm %", &["rm {}", "rm % {}"]);
        let many = |words: usize| parse_blocking(&format!("echo {}| xargs -n $N ls", "x ".repeat(words)));
        assert!(many(MAX_PARTED).problem.is_none());
        assert!(many(MAX_PARTED + 1).problem.is_some());
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
