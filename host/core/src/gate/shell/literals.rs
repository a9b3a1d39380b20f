//! Where the text of another language is only data: in its string literals and its comments.
//!
//! Knows of each language how its quotes go, and no more. Gives up rather than guess, and where the code runs texts
//! (`eval`): then nothing is data.

use std::ops::Range;

/// The parts of a code that are data, in order.
#[derive(Debug, Default)]
pub(super) struct Data(Vec<Range<usize>>);

/// Functions that run a text, where they are no method of something else.
const EVALUATORS: [&str; 12] = [
    "exec",
    "eval",
    "compile",
    "Function",
    "setTimeout",
    "setInterval",
    "assert",
    "create_function",
    "loadstring",
    "load",
    "binding",
    "Worker",
];

/// What runs a text, or leads to what does, wherever it stands in a name.
const LEADS: [&str; 16] = [
    "_eval",
    "timeit",
    "pickle",
    "marshal",
    "runpy",
    ".Worker",
    "runsource",
    "runcode",
    "builtins",
    "runIn",
    "vm.",
    ".constructor",
    "yaml.load",
    "breakpoint",
    "unserialize",
    "import_module",
];

enum Quotes {
    Python,
    Script,
    Php,
    Ruby,
}

impl Data {
    /// The data in code of the language that an interpreter of this name runs; none of one that is not known.
    pub fn of(interpreter: &str, code: &str) -> Self {
        let Some(quotes) = quotes(interpreter) else {
            let only_replaces = interpreter.starts_with("perl") && only_replaces(code);
            return Self(only_replaces.then_some(0..code.len()).into_iter().collect());
        };
        let data = Self(Scan { code, quotes, at: 0, found: Vec::new(), last: None }.run().unwrap_or_default());
        if data.is_run(code) { Self::default() } else { data }
    }

    /// Whether the byte at `at` is data.
    pub fn holds(&self, at: usize) -> bool {
        let before = self.0.partition_point(|range| range.start <= at);
        before.checked_sub(1).and_then(|last| self.0.get(last)).is_some_and(|range| at < range.end)
    }

    /// Whether the code outside may run what is in its texts.
    fn is_run(&self, code: &str) -> bool {
        let outside = |word: &'static str| code.match_indices(word).filter(|(at, _)| !self.holds(*at));
        let calls = |word: &'static str| {
            outside(word).any(|(at, _)| {
                let before = code.get(..at).and_then(|text| text.chars().next_back());
                let after = code.get(at + word.len()..).unwrap_or_default().trim_start();
                !before.is_some_and(|c| c.is_alphanumeric() || "_.$>:".contains(c))
                    && after.starts_with(['(', '"', '\''])
            })
        };
        EVALUATORS.iter().any(|word| calls(word)) || LEADS.iter().any(|word| outside(word).next().is_some())
    }
}

fn quotes(interpreter: &str) -> Option<Quotes> {
    let starts = |names: &[&str]| names.iter().any(|name| interpreter.starts_with(name));
    if starts(&["python", "pypy", "ipython"]) {
        Some(Quotes::Python)
    } else if starts(&["node", "bun", "deno", "tsx", "ts-node"]) {
        Some(Quotes::Script)
    } else if starts(&["php"]) {
        Some(Quotes::Php)
    } else if starts(&["ruby"]) {
        Some(Quotes::Ruby)
    } else {
        None
    }
}

/// Whether code for an interpreter of this name is read so well that its names can be followed.
pub(super) fn is_read(interpreter: &str) -> bool {
    quotes(interpreter).is_some()
}

struct Scan<'a> {
    code: &'a str,
    quotes: Quotes,
    at: usize,
    found: Vec<Range<usize>>,
    /// The last character of code that is no blank.
    last: Option<char>,
}

impl Scan<'_> {
    /// The data; none where it is not certain where a text ends.
    fn run(mut self) -> Option<Vec<Range<usize>>> {
        while let Some(c) = self.rest().chars().next() {
            let rest = self.rest();
            match (&self.quotes, c) {
                (_, '\'' | '"') => self.text(c)?,
                (Quotes::Script, '`') => self.template()?,
                (Quotes::Php | Quotes::Ruby, '`') => {
                    // A shell's code.
                    self.at += 1 + rest.get(1..)?.find('`')? + 1;
                    self.last = Some('`');
                }
                (Quotes::Python | Quotes::Php | Quotes::Ruby, '#') => self.comment("\n"),
                (Quotes::Script | Quotes::Php, '/') if rest.starts_with("//") => self.comment("\n"),
                (Quotes::Script | Quotes::Php, '/') if rest.starts_with("/*") => self.comment("*/"),
                (Quotes::Script, '/') => self.slash()?,
                (Quotes::Php, '<') if rest.starts_with("<<<") => return None,
                // Other ways to quote.
                (Quotes::Ruby, '/' | '%') => return None,
                (Quotes::Ruby, '<' | '?') if rest.starts_with("<<") || rest.starts_with(['?']) => return None,
                _ => {
                    if !c.is_whitespace() {
                        self.last = Some(c);
                    }
                    self.at += c.len_utf8();
                }
            }
        }
        Some(self.found)
    }

    fn rest(&self) -> &str {
        self.code.get(self.at..).unwrap_or_default()
    }

    fn comment(&mut self, end: &str) {
        let rest = self.rest();
        let length = rest.find(end).map_or(rest.len(), |at| at + end.len());
        self.found.push(self.at..self.at + length);
        self.at += length;
    }

    fn text(&mut self, quote: char) -> Option<()> {
        let triple: String = [quote; 3].iter().collect();
        let is_triple = matches!(self.quotes, Quotes::Python) && self.rest().starts_with(&triple);
        let delimiter = if is_triple { triple } else { quote.to_string() };
        let lines = is_triple || matches!(self.quotes, Quotes::Php | Quotes::Ruby);
        let start = self.at + delimiter.len();
        let end = start + closing(self.code.get(start..)?, &delimiter, lines)?;
        let inner = self.code.get(start..end)?;
        let runs = match self.quotes {
            Quotes::Python => {
                let before = self.code.get(..self.at)?;
                let prefix = before.len() - before.trim_end_matches(|c: char| "rRbBuUfF".contains(c)).len();
                before.get(before.len() - prefix..)?.contains(['f', 'F']) && inner.contains('{')
            }
            Quotes::Php => quote == '"' && (inner.contains("${") || inner.contains("{$")),
            Quotes::Ruby => quote == '"' && inner.contains("#{"),
            Quotes::Script => false,
        };
        if !runs {
            self.found.push(start..end);
        }
        self.at = end + delimiter.len();
        self.last = Some(quote);
        Some(())
    }

    fn template(&mut self) -> Option<()> {
        let start = self.at + 1;
        let end = start + closing(self.code.get(start..)?, "`", true)?;
        let inner = self.code.get(start..end)?;
        if inner.contains("${") {
            // One template within another ends elsewhere.
            let (opened, closed) = (inner.matches('{').count(), inner.matches('}').count());
            (opened == closed).then_some(())?;
        } else {
            self.found.push(start..end);
        }
        self.at = end + 1;
        self.last = Some('`');
        Some(())
    }

    /// A division, or a regular expression: in doubt nobody knows where the next text begins.
    fn slash(&mut self) -> Option<()> {
        let rest = self.rest().get(1..)?;
        let line = rest.split('\n').next().unwrap_or_default();
        let before = self.code.get(..self.at)?.trim_end();
        let word = ["return", "typeof", "case", "of", "in", "void"].iter().any(|word| before.ends_with(word));
        let begins = word || self.last.is_none_or(|last| "(,=:[!&|?{};+-*%~^<>".contains(last));
        if begins {
            let mut class = false;
            let mut chars = line.char_indices();
            while let Some((at, c)) = chars.next() {
                match c {
                    '\\' => {
                        chars.next();
                    }
                    '[' => class = true,
                    ']' => class = false,
                    '/' if !class => {
                        self.found.push(self.at..self.at + 1 + at);
                        self.at += at + 2;
                        self.last = Some('/');
                        return Some(());
                    }
                    _ => {}
                }
            }
            return None;
        }
        let again = line.find('/').and_then(|at| line.get(..at));
        if again.is_some_and(|between| between.contains(['"', '\'', '`'])) {
            return None;
        }
        self.at += 1;
        self.last = Some('/');
        Some(())
    }
}

/// Where a text ends; none where it does not, or where it may not go over a line's end.
fn closing(text: &str, delimiter: &str, lines: bool) -> Option<usize> {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if text.get(at..)?.starts_with(delimiter) {
            return Some(at);
        }
        if c == '\\' {
            chars.next();
        } else if c == '\n' && !lines {
            return None;
        }
    }
    None
}

/// Whether Perl code is nothing but `s/a/b/`, `tr/a/b/` and their like, which run nothing.
fn only_replaces(code: &str) -> bool {
    // Code in patterns and in texts.
    if ["(?{", "(??{", "@{", "${", "`"].iter().any(|mark| *mark != "`" && code.contains(mark)) {
        return false;
    }
    let mut rest = code.trim();
    while !rest.is_empty() {
        let Some(after) = ["tr", "s", "y"].iter().find_map(|word| rest.strip_prefix(word)) else { return false };
        let Some(open) = after.chars().next().filter(char::is_ascii_punctuation) else { return false };
        if "([{<_;,=".contains(open) {
            return false;
        }
        let delimiter = open.to_string();
        let mut tail = after.get(open.len_utf8()..).unwrap_or_default();
        for _ in 0..2 {
            let Some(end) = closing(tail, &delimiter, true) else { return false };
            tail = tail.get(end + delimiter.len()..).unwrap_or_default();
        }
        let flags = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (flags, tail) = tail.split_at(flags);
        if flags.contains('e') || !(tail.trim_start().is_empty() || tail.trim_start().starts_with(';')) {
            return false;
        }
        rest = tail.trim_start().trim_start_matches(';').trim_start();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::Data;

    /// The code with its data as dots.
    fn shown(interpreter: &str, code: &str) -> String {
        let data = Data::of(interpreter, code);
        code.char_indices().map(|(at, c)| if data.holds(at) { '.' } else { c }).collect()
    }

    #[test]
    fn texts_and_comments_are_data() {
        for (interpreter, code, expected) in [
            ("python3", "a('b') # c", "a('.') ..."),
            ("python3", "x = \"\"\"a\n'b\"\"\"; y", "x = \"\"\"....\"\"\"; y"),
            ("python3", "f'{a}' 'b\\'c'", "f'{a}' '....'"),
            ("node", "/'/.exec(a); b('c')", "../.exec(a); b('.')"),
            ("node", "a / b; c('d')\n// e", "a / b; c('.')\n...."),
            ("node", "`a` + `${b}`", "`.` + `${b}`"),
            ("php", "a(\"b\", \"{$c}\"); # d", "a(\".\", \"{$c}\"); ..."),
            ("ruby", "a(\"b\", \"#{c}\")", "a(\".\", \"#{c}\")"),
            ("perl", "s/`a`/b/", "........"),
        ] {
            assert_eq!(shown(interpreter, code), expected);
        }
    }

    #[test]
    fn in_doubt_nothing_is_data() {
        for (interpreter, code) in [
            ("python3", "a('b"),
            ("python3", "exec('a')"),
            ("python3", "import pickle; a('b')"),
            ("node", "if (a) /'/.test(b); c('/')"),
            ("node", "new Function('a')"),
            ("node", "`${`a`}` + 'b'"),
            ("ruby", "a(%q(b'), 'c')"),
            ("php", "eval('a');"),
            ("perl", "s/a/`b`/e"),
            ("perl", "s/a/@{[b]}/"),
            ("perl", "s/a/b/; c('d')"),
            ("lua", "a('b')"),
        ] {
            assert_eq!(shown(interpreter, code), code);
        }
    }
}
