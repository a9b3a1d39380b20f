//! `grep` and its like, and the programs whose first word is a script: which of their options take a word, which give
//! the pattern, which do neither.
//!
//! The one list of them. Knows no files and no rules.

use super::call::Word;
use super::options::{Item, Name, is_long, scan, values, words};

/// A program that looks for something, or runs a script, that is its first word unless an option gives it.
pub(super) struct Searcher {
    names: &'static [&'static str],
    /// Options that take a word.
    valued: &'static [&'static str],
    /// Those that give the pattern, or do without one, so that no word is it.
    patterns: &'static [&'static str],
    /// Letters that take none.
    flags: &'static str,
    /// Long options that take none.
    long_flags: &'static [&'static str],
    /// It takes each option back by `--no-…`, which takes no word.
    negates: bool,
}

const NONE: Searcher = Searcher {
    names: &[],
    valued: &["-e", "-f"],
    patterns: &["-e", "-f", "--regexp", "--file"],
    flags: "",
    long_flags: &[],
    negates: false,
};

const SEARCHERS: [Searcher; 6] = [
    Searcher {
        names: &["grep", "egrep", "fgrep", "zgrep"],
        valued: &[
            "-e",
            "-f",
            "-A",
            "-B",
            "-C",
            "-m",
            "-d",
            "-D",
            "--regexp",
            "--file",
            "--after-context",
            "--before-context",
            "--context",
            "--max-count",
            "--directories",
            "--devices",
            "--binary-files",
            "--group-separator",
            "--label",
            "--include",
            "--exclude",
            "--exclude-dir",
            "--exclude-from",
        ],
        flags: "EFGPivwxcLloqsbHhnTUuzZaIRryV0123456789",
        long_flags: &[
            "--extended-regexp",
            "--fixed-strings",
            "--basic-regexp",
            "--perl-regexp",
            "--ignore-case",
            "--no-ignore-case",
            "--invert-match",
            "--word-regexp",
            "--line-regexp",
            "--count",
            "--color",
            "--colour",
            "--files-with-matches",
            "--files-without-match",
            "--only-matching",
            "--quiet",
            "--silent",
            "--no-messages",
            "--byte-offset",
            "--with-filename",
            "--no-filename",
            "--line-number",
            "--line-buffered",
            "--initial-tab",
            "--null",
            "--null-data",
            "--text",
            "--recursive",
            "--dereference-recursive",
            "--no-group-separator",
        ],
        ..NONE
    },
    Searcher {
        names: &["rg"],
        valued: &[
            "-e",
            "-f",
            "-A",
            "-B",
            "-C",
            "-m",
            "-d",
            "-g",
            "-t",
            "-T",
            "-r",
            "-j",
            "-E",
            "-M",
            "--regexp",
            "--file",
            "--after-context",
            "--before-context",
            "--context",
            "--context-separator",
            "--field-context-separator",
            "--field-match-separator",
            "--max-count",
            "--max-depth",
            "--max-columns",
            "--max-filesize",
            "--glob",
            "--iglob",
            "--ignore-file",
            "--type",
            "--type-not",
            "--type-add",
            "--type-clear",
            "--replace",
            "--threads",
            "--encoding",
            "--engine",
            "--sort",
            "--sortr",
            "--color",
            "--colors",
            "--path-separator",
            "--pre",
            "--pre-glob",
            "--dfa-size-limit",
            "--regex-size-limit",
            "--hostname-bin",
            "--hyperlink-format",
            "--generate",
        ],
        flags: "abcFHiIlLnNopPqsSuUvVwxz0.h",
        long_flags: &[
            "--fixed-strings",
            "--ignore-case",
            "--smart-case",
            "--case-sensitive",
            "--invert-match",
            "--word-regexp",
            "--line-regexp",
            "--count",
            "--count-matches",
            "--column",
            "--files",
            "--files-with-matches",
            "--files-without-match",
            "--only-matching",
            "--quiet",
            "--byte-offset",
            "--with-filename",
            "--line-number",
            "--line-buffered",
            "--heading",
            "--hidden",
            "--follow",
            "--json",
            "--multiline",
            "--multiline-dotall",
            "--null",
            "--null-data",
            "--passthru",
            "--pcre2",
            "--pretty",
            "--search-zip",
            "--stats",
            "--text",
            "--trim",
            "--unrestricted",
            "--vimgrep",
        ],
        patterns: &["-e", "-f", "--regexp", "--file", "--files", "--type-list"],
        negates: true,
    },
    // Of these only the most common: another option leaves in doubt which word is which.
    Searcher {
        names: &["ag", "ack", "ugrep"],
        valued: &["-A", "-B", "-C", "-m"],
        flags: "ivwcloLsrRHh",
        long_flags: &["--ignore-case", "--word-regexp", "--count", "--hidden", "--files-with-matches"],
        ..NONE
    },
    Searcher {
        names: &["sed", "gsed"],
        patterns: &["-e", "-f", "--expression", "--file"],
        flags: "nirEsuz",
        long_flags: &["--quiet", "--silent", "--regexp-extended", "--null-data"],
        ..NONE
    },
    Searcher { names: &["awk", "gawk", "mawk", "nawk"], valued: &["-f", "-F", "-v"], ..NONE },
    Searcher {
        names: &["jq"],
        valued: &["-f", "-L"],
        patterns: &["-f", "--from-file"],
        flags: "nrcsSRajCM",
        long_flags: &["--raw-output", "--null-input", "--compact-output", "--slurp", "--sort-keys", "--raw-input"],
        ..NONE
    },
];

/// What a program of that name knows.
pub(super) fn of(program: &str) -> Option<&'static Searcher> {
    SEARCHERS.iter().find(|searcher| searcher.names.contains(&program))
}

/// What a search is told.
pub(super) struct Search<'a> {
    /// What may be the pattern.
    pub patterns: Vec<Word>,
    /// The words that are neither options nor their values, nor the pattern: what is searched.
    pub places: Vec<&'a Word>,
    /// Every option is known; otherwise any of them may have taken the word behind it.
    pub certain: bool,
    /// It says what the pattern does not match, for certain.
    pub inverted: bool,
}

impl Searcher {
    /// Reads the arguments.
    pub fn read<'a>(&self, args: &'a [Word]) -> Search<'a> {
        let items = scan(args, self.valued);
        let certain = items.iter().all(|item| self.is_known(item));
        let given = items.iter().any(|item| matches!(item, Item::Option(name, _) if name.is(self.patterns)));
        let inverted = |item: &Item<'_>| matches!(item, Item::Option(name, _) if name.is(&["-v", "--invert-match"]));
        let mut places = words(&items);
        let mut patterns = values(&items, &["-e", "--regexp"]);
        if !certain {
            patterns.extend(args.iter().filter(|arg| !arg.text.starts_with('-')).cloned());
        }
        if !given && !places.is_empty() {
            patterns.push(places.remove(0).clone());
        }
        Search { patterns, places, certain, inverted: certain && items.iter().any(inverted) }
    }

    /// The position of the pattern among the arguments; none where an option may have given it, or taken that word.
    pub fn pattern_at(&self, args: &[Word]) -> Option<usize> {
        let at = args.iter().position(|arg| !arg.text.starts_with('-'))?;
        let gives = |name: &str| self.patterns.iter().any(|pattern| is_long(name, pattern));
        let harmless = |option: &str| match option.split_once('=') {
            Some((name, _)) if name.starts_with("--") => !gives(name),
            _ if option.starts_with("--") => self.is_long_flag(option) && !gives(option),
            _ => option.chars().skip(1).all(|letter| self.flags.contains(letter)),
        };
        let mut options = args.iter().filter(|arg| arg.text.starts_with('-'));
        options.all(|option| harmless(&option.text)).then_some(at)
    }

    fn is_known(&self, item: &Item<'_>) -> bool {
        match item {
            Item::Word(_) => true,
            Item::Option(Name::Short(letter), value) => value.is_some() || self.flags.contains(*letter),
            Item::Option(Name::Long(name), value) => {
                self.valued.contains(name) || self.is_long_flag(name) || value.is_some() && !self.may_take(name)
            }
        }
    }

    /// Whether a long option is one of those that take no word, or short for one and for no other.
    fn is_long_flag(&self, name: &str) -> bool {
        let negated = self.negates && name.starts_with("--no-") && name != "--no-invert-match";
        let flag = self.long_flags.iter().any(|flag| is_long(name, flag));
        (negated || flag) && !self.may_take(name)
    }

    /// Whether it is, or is short for, an option that takes a word.
    fn may_take(&self, name: &str) -> bool {
        self.valued.iter().any(|option| is_long(name, option))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;

    fn args(text: &str) -> Vec<Word> {
        text.split(' ').map(|word| Word { text: word.to_owned(), literal: true }).collect()
    }

    #[test]
    fn a_search_is_read_as_far_as_its_options_are_known() {
        for (line, patterns, places, certain) in [
            ("grep -n toll x", "toll", "x", true),
            ("grep -rm 5 toll", "toll", "", true),
            ("grep --max-count 5 toll", "toll", "", true),
            ("grep -5 toll x", "toll", "x", true),
            ("grep --group-separator -v toll", "toll", "", true),
            ("grep --color=auto --invert toll", "toll", "", true),
            ("grep -e a -e b x", "a b", "x", true),
            ("grep --file=list x", "", "x", true),
            ("grep --new -v toll", "toll toll", "", false),
            ("grep --new a toll", "a toll a", "toll", false),
            // A flag that looks like the beginning of an option with a word.
            ("grep --binary toll x", "toll x x", "", false),
            ("grep -k toll", "toll toll", "", false),
            ("rg -uu -j 4 token", "token", "", true),
            ("rg --colors match:fg:red toll src", "toll", "src", true),
            ("rg --no-heading --no-ignore-vcs toll", "toll", "", true),
            ("rg -v --no-invert-match toll", "toll toll", "", false),
            ("rg --files src", "", "src", true),
            ("ag -il toll src", "toll", "src", true),
            ("ag --depth 3 toll", "3 toll 3", "toll", false),
        ] {
            let words = args(line);
            let (program, rest) = words.split_first().unwrap();
            let search = of(&program.text).unwrap().read(rest);
            let joined = |words: Vec<&Word>| words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
            assert_eq!(joined(search.patterns.iter().collect()), patterns, "{line}");
            assert_eq!((joined(search.places).as_str(), search.certain), (places, certain), "{line}");
        }
    }

    #[test]
    fn inverted_is_only_what_certainly_is() {
        for (line, inverted) in [
            ("-v toll", true),
            ("-nv toll", true),
            ("--invert-match toll", true),
            ("--invert toll", true),
            ("-e -v toll", false),
            ("--group-separator -v toll", false),
            ("--new -v toll", false),
            ("--new=1 -v toll", true),
        ] {
            assert_eq!(of("grep").unwrap().read(&args(line)).inverted, inverted, "{line}");
        }
    }

    #[test]
    fn the_pattern_is_told_only_where_no_option_may_be_it() {
        for (line, at) in [
            ("grep -rn a/b x", Some(1)),
            ("grep --include=*.rs a/b x", Some(1)),
            ("grep --reg=x a/b", None),
            ("grep -m 1 a/b", None),
            ("grep --new a/b", None),
            ("rg -r x a/b", None),
            ("rg --files a/b", None),
            ("sed -n 1p x", Some(1)),
            ("sed -f x y", None),
            ("jq -f x y", None),
            ("awk {print} x", Some(0)),
        ] {
            let words = args(line);
            let (program, rest) = words.split_first().unwrap();
            assert_eq!(of(&program.text).unwrap().pattern_at(rest), at, "{line}");
        }
    }
}
