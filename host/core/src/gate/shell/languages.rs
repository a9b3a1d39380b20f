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
    /// Letters whose value is the program's file, attached or the next word.
    file: &'static str,
    /// Letters that take what stands behind a colon: `-d:Trace`, `-dt:Trace`.
    colon: &'static str,
    /// Letters of code that stand together take one value: `-pe code`. Elsewhere the second is the first one's code.
    together: bool,
    /// Subcommands in front of the program's file.
    subcommands: &'static [&'static str],
    /// Long options whose value is the program's file.
    long_file: &'static [&'static str],
    /// Long options whose value is code.
    long_code: &'static [&'static str],
    /// Long options whose value is something else.
    long_valued: &'static [&'static str],
}

const NONE: Language = Language {
    name: "",
    code: "",
    valued: "",
    attached: "",
    program: "",
    file: "",
    colon: "",
    together: false,
    subcommands: &[],
    long_file: &[],
    long_code: &[],
    long_valued: &[],
};

const LANGUAGES: [Language; 41] = [
    Language {
        name: "python",
        code: "c",
        valued: "WXQ",
        program: "m",
        long_valued: &["--check-hash-based-pycs"],
        ..NONE
    },
    Language { name: "pypy", code: "c", valued: "WXQ", program: "m", long_valued: &["--jit"], ..NONE },
    Language { name: "perl", code: "eE", valued: "I", attached: "mMiFxDC", colon: "dV", ..NONE },
    Language {
        name: "ruby",
        code: "e",
        valued: "IrECX",
        attached: "FxKi",
        colon: "W",
        long_valued: &["--encoding", "--external-encoding", "--internal-encoding"],
        ..NONE
    },
    Language {
        name: "node",
        code: "ep",
        valued: "rC",
        together: true,
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
        together: true,
        subcommands: &["run"],
        long_code: &["--eval", "--print"],
        long_valued: &["--preload", "--require", "--import", "--cwd", "--env-file", "--define", "--loader", "--port"],
        ..NONE
    },
    Language { name: "deno", long_code: &["eval"], subcommands: &["run"], ..NONE },
    Language { name: "tsx", code: "ep", together: true, long_code: &["--eval", "--print"], ..NONE },
    Language { name: "ts-node", code: "ep", valued: "rPO", together: true, long_code: &["--eval", "--print"], ..NONE },
    Language {
        name: "php",
        code: "rBRE",
        valued: "dczSt",
        file: "fF",
        long_file: &["--file", "--process-file"],
        long_code: &["--run", "--process-code", "--process-begin", "--process-end"],
        long_valued: &["--define", "--php-ini", "--zend-extension", "--server", "--docroot"],
        ..NONE
    },
    Language { name: "lua", code: "e", valued: "l", ..NONE },
    Language { name: "luajit", code: "e", valued: "ljb", attached: "O", ..NONE },
    Language {
        name: "julia",
        code: "eE",
        valued: "LpJCtH",
        attached: "Og",
        program: "m",
        long_code: &["--eval", "--print"],
        long_valued: &["--load", "--procs", "--threads", "--sysimage", "--cpu-target", "--home", "--machine-file"],
        ..NONE
    },
    Language { name: "tclsh", ..NONE },
    Language { name: "ipython", code: "c", valued: "m", long_valued: &["--profile", "--matplotlib"], ..NONE },
    Language { name: "irb", valued: "rIE", ..NONE },
    Language { name: "Rscript", code: "e", ..NONE },
    Language { name: "R", code: "e", file: "f", long_file: &["--file"], subcommands: &["CMD"], ..NONE },
    Language { name: "octave", valued: "p", long_code: &["--eval"], long_valued: &["--path"], ..NONE },
    Language { name: "octave-cli", valued: "p", long_code: &["--eval"], long_valued: &["--path"], ..NONE },
    Language { name: "gnuplot", code: "e", ..NONE },
    Language { name: "groovy", code: "e", valued: "c", long_valued: &["-cp", "--classpath"], ..NONE },
    Language { name: "scala", code: "e", long_valued: &["-cp", "-classpath"], ..NONE },
    Language { name: "kotlin", code: "e", long_valued: &["-cp", "-classpath"], ..NONE },
    Language { name: "ghc", code: "e", valued: "o", ..NONE },
    Language { name: "elixir", code: "e", valued: "rS", long_code: &["--eval"], ..NONE },
    Language { name: "erl", long_code: &["-eval"], long_valued: &["-pa", "-sname", "-name", "-s"], ..NONE },
    Language { name: "ocaml", code: "e", valued: "Iw", ..NONE },
    Language { name: "guile", code: "c", valued: "Lel", ..NONE },
    Language { name: "sbcl", long_code: &["--eval"], long_file: &["--script", "--load"], ..NONE },
    Language { name: "racket", code: "e", valued: "ltpr", long_code: &["--eval"], ..NONE },
    Language { name: "clojure", code: "e", long_code: &["--eval"], ..NONE },
    Language { name: "clj", code: "e", long_code: &["--eval"], ..NONE },
    Language { name: "swipl", code: "gt", valued: "fslp", ..NONE },
    Language { name: "crystal", long_code: &["eval"], subcommands: &["run"], ..NONE },
    Language { name: "swift", code: "e", subcommands: &["run"], ..NONE },
    Language {
        name: "zx",
        code: "e",
        together: true,
        long_code: &["--eval"],
        long_valued: &["--shell", "--prefix"],
        ..NONE
    },
    Language { name: "jshell", long_valued: &["--class-path", "--execution", "--startup"], ..NONE },
    Language { name: "kotlinc", code: "e", valued: "d", long_valued: &["-cp", "-classpath"], ..NONE },
    Language { name: "nim", long_code: &["--eval"], subcommands: &["e", "r", "c", "compile"], ..NONE },
    Language { name: "osascript", code: "e", valued: "ls", ..NONE },
];

/// What is attached to an interpreter's name where it is no version.
const BUILDS: [&str; 4] = ["-dbg", "-debug", "d", "t"];

/// What an interpreter is given to run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Given {
    /// Code among its arguments.
    pub code: Vec<Word>,
    /// It runs code, a file or a module of its own, and its input is only data.
    pub script: bool,
    /// The words that may be its file: the first, and where an option may have taken that, the next.
    pub files: Vec<Word>,
}

/// What `name` is given, where it is an interpreter.
pub(super) fn given(name: &str, args: &[Word]) -> Option<Given> {
    let language = language(name)?;
    let mut given = Given::default();
    let mut rest = match args.split_first() {
        Some((first, rest)) if language.subcommands.contains(&first.text.as_str()) => rest,
        _ => args,
    };
    // An option that is not known may have taken the word that looks like the file.
    let mut doubt = false;
    while let Some((first, tail)) = rest.split_first() {
        let text = first.text.as_str();
        let part = |text: &str| Word { text: text.to_owned(), literal: first.literal };
        let long = text.split_once('=').or_else(|| text.split_once(':').filter(|_| language.name == "nim"));
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
        } else if language.long_file.contains(&text) {
            given.open(tail.first().cloned());
            break;
        } else if let Some((_, file)) = long.filter(|(option, _)| language.long_file.contains(option)) {
            given.open(Some(part(file)));
            break;
        } else if shells::is_stdin(text) {
            break;
        } else if !text.starts_with('-') {
            given.script = true;
            given.files.push(first.clone());
            if !was_doubt {
                break;
            }
        } else if text.starts_with("--") {
            if language.long_valued.contains(&text) {
                rest = tail.get(1..).unwrap_or_default();
            }
            doubt = text.len() > 2 && long.is_none();
        } else if let Some((letter, attached)) = language.letter(text) {
            let is_code = |letter| language.code.contains(letter);
            let together = language.together && is_code(letter) && attached.chars().all(is_code);
            let alone = attached.is_empty() || together;
            if language.program.contains(letter) {
                given.script = true;
                break;
            }
            if language.file.contains(letter) {
                given.open(if alone { tail.first().cloned() } else { Some(part(attached)) });
                break;
            }
            if is_code(letter) {
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

/// Whether a program's name begins with a language's: it may be a build of an interpreter that has another name, or a
/// tool of it that runs code.
pub(super) fn may_be_one(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    LANGUAGES.iter().any(|language| name.starts_with(language.name))
}

impl Given {
    fn run(&mut self, code: Option<Word>) {
        self.script = true;
        self.code.extend(code);
    }

    /// Takes `file` for the program; one that is its input is no script of its own.
    fn open(&mut self, file: Option<Word>) {
        if let Some(file) = file.filter(|file| !shells::is_stdin(&file.text)) {
            self.script = true;
            self.files.push(file);
        }
    }
}

impl Language {
    /// The first letter of a word of short options that takes something, and what is attached to it.
    fn letter<'a>(&self, text: &'a str) -> Option<(char, &'a str)> {
        let lists = [self.code, self.valued, self.attached, self.program, self.file];
        let takes = |letter| lists.iter().any(|letters| letters.contains(letter));
        valued_letter(self.before_colon(text), takes)?;
        valued_letter(text, takes)
    }

    /// A word of short options as far as the letter that takes the rest of it by a colon.
    fn before_colon<'a>(&self, text: &'a str) -> &'a str {
        let Some((before, _)) = text.split_once(':') else { return text };
        let letters = before.strip_suffix('t').filter(|letters| letters.ends_with('d')).unwrap_or(before);
        if letters.ends_with(|letter| self.colon.contains(letter)) { letters } else { text }
    }
}

fn language(name: &str) -> Option<&'static Language> {
    let name = name.strip_suffix(".exe").unwrap_or(name);
    // `python3`, `perl5.36-x86_64-linux-gnu`, `luajit-2.1.0-beta3`, `python3.13td`, `php-cgi8.2`.
    let is_build = |rest: &str| {
        let version = rest.strip_prefix('-').unwrap_or(rest);
        rest.is_empty() || version.starts_with(|c: char| c.is_ascii_digit() || c == '.') || BUILDS.contains(&rest)
    };
    let is_own =
        |own: &str| name.strip_prefix(own).is_some_and(|rest| is_build(rest.strip_prefix("-cgi").unwrap_or(rest)));
    let known = |language: &&Language| {
        is_own(language.name)
            || match language.name {
                "node" => is_own("nodejs"),
                "python" => is_own("pythonw"),
                _ => false,
            }
    };
    LANGUAGES.iter().find(known)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;

    #[test]
    fn tools_of_a_language_are_no_interpreters_but_may_be() {
        for name in ["node-gyp", "php-cs-fixer", "phpdbg", "bunx", "luac", "rubyfmt", "perltidy", "Python"] {
            assert!(!is_one(name) && may_be_one(name), "{name}");
        }
        assert!(!may_be_one("pip") && !may_be_one("no"));
    }

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
            ("deno run -A -", "", false),
            ("bun run -", "", false),
            ("bun run x.ts", "", true),
            ("tsx -e CODE", "CODE", true),
            ("deno eval --ext=ts CODE", "--ext=ts CODE", true),
            ("php -d a=b -r CODE", "CODE", true),
            ("php -f x.php -r no", "", true),
            ("php -fx.php -r no", "", true),
            ("php --file=x.php", "", true),
            ("php -f /dev/stdin", "", false),
            ("php -f/dev/stdin -r no", "", false),
            ("php -nF -", "", false),
            ("php --process-file /dev/stdin", "", false),
            ("php --define a=b --process-begin CODE -f x.php", "CODE", true),
            ("php --php-ini x --zend-extension y --process-end=CODE", "CODE", true),
            ("php -dr -r CODE", "CODE", true),
            ("python3 -Wc -c CODE", "CODE", true),
            ("perl -Ie -e CODE", "CODE", true),
            ("perl -ee -e CODE", "e CODE", true),
            ("perl -d:Trace -e CODE", "CODE", true),
            ("perl -wdt:Trace -e CODE", "CODE", true),
            ("perl -V:ivsize", "", false),
            ("perl -edt:Trace no", "dt:Trace", true),
            ("ruby -Ie -e CODE", "CODE", true),
            ("ruby -W0e CODE", "CODE", true),
            ("node -rep -e CODE", "CODE", true),
            ("lua5.4 -l x -e CODE", "CODE", true),
            ("luajit -jv -e CODE", "CODE", true),
            ("luajit -O+cse -e CODE", "CODE", true),
            ("luajit -O3 -e CODE", "CODE", true),
            ("luajit-2.1.0-beta3 -O -e CODE", "CODE", true),
            ("perl5.36-x86_64-linux-gnu -e CODE", "CODE", true),
            ("php-cgi8.2 -r CODE", "CODE", true),
            ("python3-dbg -c CODE", "CODE", true),
            ("python3.13td -c CODE", "CODE", true),
            ("python.exe -c CODE", "CODE", true),
            ("pythonw3.11.exe -c CODE", "CODE", true),
            ("nodejs18 -e CODE", "CODE", true),
            ("julia -O2 -t 4 --project=. -e CODE", "CODE", true),
            ("julia -L x.jl", "", false),
            ("julia -m App -e no", "", true),
            ("tclsh -encoding utf-8 x.tcl", "", true),
            ("tclsh", "", false),
            ("python3.13t -c CODE", "CODE", true),
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
