//! Interpreters of other languages: how each reads its arguments, as far as to find its code.
//!
//! Knows nothing of what that code says.

use super::shells;
use crate::gate::call::Word;
use crate::gate::options::valued_letter;

struct Language {
    name: &'static str,
    /// Letters of short options whose value is code, attached or the next word.
    code: &'static str,
    /// Letters whose value is something else, attached or the next word.
    valued: &'static str,
    /// Letters that take what is attached, never the next word.
    attached: &'static str,
    /// Letters whose value is the program, so that all behind it is the program's own.
    program: &'static str,
    /// Long options whose value is code.
    long_code: &'static [&'static str],
    /// Long options whose value is something else.
    long_valued: &'static [&'static str],
}

const NONE: Language =
    Language { name: "", code: "", valued: "", attached: "", program: "", long_code: &[], long_valued: &[] };

const LANGUAGES: [Language; 10] = [
    Language {
        name: "python",
        code: "c",
        valued: "WXQ",
        program: "m",
        long_valued: &["--check-hash-based-pycs"],
        ..NONE
    },
    Language { name: "pypy", code: "c", valued: "WXQ", program: "m", long_valued: &["--jit"], ..NONE },
    Language { name: "perl", code: "eE", valued: "I", attached: "mMiFxDC", ..NONE },
    Language {
        name: "ruby",
        code: "e",
        valued: "IrECX",
        attached: "FxKWTi",
        long_valued: &["--encoding", "--external-encoding", "--internal-encoding"],
        ..NONE
    },
    Language {
        name: "node",
        code: "ep",
        valued: "rC",
        long_code: &["--eval", "--print"],
        long_valued: &[
            "--require",
            "--import",
            "--conditions",
            "--loader",
            "--experimental-loader",
            "--input-type",
            "--env-file",
            "--env-file-if-exists",
            "--icu-data-dir",
            "--title",
            "--openssl-config",
            "--unhandled-rejections",
            "--dns-result-order",
            "--redirect-warnings",
            "--test-name-pattern",
            "--test-reporter",
            "--test-reporter-destination",
            "--watch-path",
        ],
        ..NONE
    },
    Language {
        name: "bun",
        code: "ep",
        valued: "rdl",
        long_code: &["--eval", "--print"],
        long_valued: &["--preload", "--require", "--import", "--cwd", "--env-file", "--define", "--loader", "--port"],
        ..NONE
    },
    Language { name: "deno", long_code: &["eval"], ..NONE },
    Language { name: "php", code: "rBRE", valued: "dczSt", program: "fF", long_code: &["--run"], ..NONE },
    Language { name: "lua", code: "e", valued: "l", ..NONE },
    Language { name: "osascript", code: "e", valued: "ls", ..NONE },
];

/// What an interpreter is given to run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Given<'a> {
    /// Code among its arguments.
    pub code: Vec<Word>,
    /// It runs code, a file or a module of its own, and its input is only data.
    pub script: bool,
    /// The words that may be its file: the first, and where an option may have taken that, the next.
    pub files: Vec<&'a Word>,
}

/// What `name` is given, where it is an interpreter.
pub(super) fn given<'a>(name: &str, args: &'a [Word]) -> Option<Given<'a>> {
    let language = language(name)?;
    let mut given = Given::default();
    let mut rest = args;
    // An option that is not known may have taken the word that looks like the file.
    let mut doubt = false;
    while let Some((first, tail)) = rest.split_first() {
        let text = first.text.as_str();
        let part = |text: &str| Word { text: text.to_owned(), literal: first.literal };
        let long = text.split_once('=');
        rest = tail;
        let was_doubt = std::mem::take(&mut doubt);
        if text == "eval" && language.long_code.contains(&text) {
            // A subcommand, with options of its own.
            given.script = true;
            given.code.extend(tail.iter().cloned());
            break;
        }
        if language.long_code.contains(&text) {
            given.run(tail.first().cloned());
            rest = tail.get(1..).unwrap_or_default();
        } else if let Some((_, code)) = long.filter(|(option, _)| language.long_code.contains(option)) {
            given.run(Some(part(code)));
        } else if shells::is_stdin(text) {
            break;
        } else if !text.starts_with('-') {
            given.script = true;
            given.files.push(first);
            if !was_doubt {
                break;
            }
        } else if text.starts_with("--") {
            if language.long_valued.contains(&text) {
                rest = tail.get(1..).unwrap_or_default();
            }
            doubt = text.len() > 2 && long.is_none();
        } else if let Some((letter, attached)) = language.letter(text) {
            // `-pe code`: letters that all take code take it once.
            let alone = attached.is_empty() || attached.chars().all(|letter| language.code.contains(letter));
            if language.program.contains(letter) {
                given.script = true;
                break;
            }
            if language.code.contains(letter) {
                given.run(if alone { tail.first().cloned() } else { Some(part(attached)) });
            }
            if alone && !language.attached.contains(letter) {
                rest = tail.get(1..).unwrap_or_default();
            }
        }
    }
    Some(given)
}

/// Whether a program of this name is an interpreter.
pub(super) fn is_one(name: &str) -> bool {
    language(name).is_some()
}

impl Given<'_> {
    fn run(&mut self, code: Option<Word>) {
        self.script = true;
        self.code.extend(code);
    }
}

impl Language {
    /// The first letter of a word of short options that takes something, and what is attached to it.
    fn letter<'a>(&self, text: &'a str) -> Option<(char, &'a str)> {
        let takes = |letter| {
            [self.code, self.valued, self.attached, self.program].iter().any(|letters| letters.contains(letter))
        };
        valued_letter(text, takes)
    }
}

fn language(name: &str) -> Option<&'static Language> {
    // `python3`, `python3.12`, `perl5.36`, `lua5.4`.
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    LANGUAGES.iter().find(|language| language.name == stem || (stem == "nodejs" && language.name == "node"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;

    #[test]
    fn code_is_found_behind_the_values_of_options() {
        for (line, code, script) in [
            ("python3", "", false),
            ("python3 -", "", false),
            ("python3 -W ignore", "", false),
            ("python3 -uW ignore -X dev x.py -c no", "", true),
            ("python3 -W ignore -c CODE", "CODE", true),
            ("python3 -Wonce -c CODE", "CODE", true),
            ("python3 -uc CODE no", "CODE", true),
            ("python3 -cCODE", "CODE", true),
            ("python3 -m http.server -c no", "", true),
            ("python3 -mjson.tool", "", true),
            ("perl -I lib -e CODE", "CODE", true),
            ("perl -Ilib -Mre -we CODE -e MORE", "CODE MORE", true),
            ("perl -i.bak -pe CODE f", "CODE", true),
            ("perl -lane CODE", "CODE", true),
            ("perl -I lib", "", false),
            ("ruby -I lib -rset -W:no-deprecated -e CODE", "CODE", true),
            ("node -r x -e CODE", "CODE", true),
            ("node -pe CODE", "CODE", true),
            ("node --title x --eval=CODE", "CODE", true),
            ("node --unknown x -e CODE", "CODE", true),
            ("node --inspect x.js", "", true),
            ("node --require x", "", false),
            ("nodejs --eval CODE", "CODE", true),
            ("deno eval CODE", "CODE", true),
            ("deno eval --ext=ts CODE", "--ext=ts CODE", true),
            ("php -d a=b -r CODE", "CODE", true),
            ("php -f x.php -r no", "", true),
            ("lua5.4 -l x -e CODE", "CODE", true),
            ("osascript -l JavaScript -e CODE", "CODE", true),
        ] {
            let words: Vec<Word> = line.split(' ').map(|word| Word { text: word.to_owned(), literal: true }).collect();
            let (program, args) = words.split_first().unwrap();
            let given = given(&program.text, args).unwrap();
            let found: Vec<&str> = given.code.iter().map(|word| word.text.as_str()).collect();
            assert_eq!((found.join(" ").as_str(), given.script), (code, script), "{line}");
        }
    }
}
