//! One shell word: quotes removed, expansions marked, substitutions handed back for parsing.
//!
//! Owns the reading of a raw word as bash reads it, in one linear pass. Knows nothing of commands, rules or
//! paths. The grammar of commands is the parser's; this is its own scanner because a backtracking one takes
//! exponential time on nested substitutions.

use super::NotUnderstood;
use super::braces;
use super::known::{is_folder, known, place_of, plain_name};
use super::quoting;
use crate::gate::call::Word;

/// Deepest nesting of substitutions inside one word; the same bound as for commands.
const MAX_NESTING: usize = super::MAX_DEPTH;

/// A character of a word and whether it is unquoted, so that it may mean a pattern or a brace list.
pub(super) type Marked = (char, bool);

/// What a raw word comes to.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// Its fields: one, unless brace lists or `$IFS` make it more.
    pub words: Vec<Word>,
    /// The code of every command substitution in it, at the first level.
    pub substitutions: Vec<String>,
    /// Of each that stands as `$()` in the text, in order: which of these it is, and whether what it prints is parted.
    pub printed: Vec<(usize, bool)>,
    /// It splits at `$IFS`, which is written only to hide something.
    pub split_by_ifs: bool,
}

impl Scanned {
    /// All its fields as one word, for places that take exactly one (redirects, assignments).
    pub fn single(self) -> Word {
        let mut words = self.words.into_iter();
        let Some(mut first) = words.next() else { return Word { text: String::new(), literal: true } };
        for more in words {
            first.text.push(' ');
            first.text.push_str(&more.text);
            first.literal = false;
        }
        first
    }
}

/// Reads a raw word.
pub(super) fn scan(raw: &str) -> Result<Scanned, NotUnderstood> {
    if raw.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+:,@%=~".contains(&byte)) {
        return Ok(Scanned { words: vec![Word { text: raw.to_owned(), literal: true }], ..Scanned::default() });
    }
    let mut scanner = Scanner::new(raw);
    scanner.unquoted()?;
    Ok(scanner.finish())
}

/// Reads text that bash expands as if in double quotes: an unquoted here-document, an arithmetic expression.
pub(super) fn scan_expanded(raw: &str) -> Result<Scanned, NotUnderstood> {
    let mut scanner = Scanner::new(raw);
    scanner.double_quoted(None, 0)?;
    Ok(scanner.finish())
}

struct Scanner<'a> {
    raw: &'a str,
    at: usize,
    fields: Vec<Vec<Marked>>,
    /// Where in the last field the variable begins that was pushed last, so that letters behind it are none of its name.
    variable: Option<usize>,
    expanded: bool,
    substitutions: Vec<String>,
    printed: Vec<(usize, bool)>,
    split_by_ifs: bool,
}

impl<'a> Scanner<'a> {
    fn new(raw: &'a str) -> Self {
        Self {
            raw,
            at: 0,
            fields: vec![Vec::new()],
            variable: None,
            expanded: false,
            substitutions: Vec::new(),
            printed: Vec::new(),
            split_by_ifs: false,
        }
    }

    fn rest(&self) -> &'a str {
        self.raw.get(self.at..).unwrap_or_default()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn push(&mut self, c: char, active: bool) {
        let before = self.variable.take().filter(|_| c.is_ascii_alphanumeric() || c == '_');
        if let Some(field) = self.fields.last_mut() {
            if let Some(from) = before {
                // `${d}home`, `"$d"home`
                field.insert((from + 1).min(field.len()), ('{', false));
                field.push(('}', false));
            }
            field.push((c, active));
        }
    }

    fn push_variable(&mut self, name: &str) {
        self.variable = None;
        let from = self.fields.last().map(Vec::len);
        self.push('$', false);
        self.push_str(name);
        self.variable = from;
    }

    fn push_str(&mut self, text: &str) {
        for c in text.chars() {
            self.push(c, false);
        }
    }

    fn unquoted(&mut self) -> Result<(), NotUnderstood> {
        while let Some(c) = self.bump() {
            match c {
                '\\' => match self.bump() {
                    Some('\n') | None => {}
                    Some(next) => self.push(next, false),
                },
                '\'' => self.single_quoted()?,
                '"' => self.double_quoted(Some('"'), 0)?,
                '`' => self.backquoted(false)?,
                '$' => self.dollar(false, 0)?,
                other => self.push(other, true),
            }
        }
        Ok(())
    }

    fn single_quoted(&mut self) -> Result<(), NotUnderstood> {
        let rest = self.rest();
        let end = rest.find('\'').ok_or(NotUnderstood::Syntax)?;
        self.push_str(rest.get(..end).unwrap_or_default());
        self.at += end + 1;
        Ok(())
    }

    /// Up to `end`, or to the end of the text where there is none.
    fn double_quoted(&mut self, end: Option<char>, depth: usize) -> Result<(), NotUnderstood> {
        loop {
            match self.bump() {
                None => return if end.is_none() { Ok(()) } else { Err(NotUnderstood::Syntax) },
                Some(c) if Some(c) == end => return Ok(()),
                Some('\\') => match self.bump() {
                    Some('\n') => {}
                    Some(next @ ('$' | '`' | '"' | '\\')) => self.push(next, false),
                    Some(next) => {
                        self.push('\\', false);
                        self.push(next, false);
                    }
                    None => self.push('\\', false),
                },
                Some('`') => self.backquoted(true)?,
                Some('$') => self.dollar(true, depth)?,
                Some(c) => self.push(c, false),
            }
        }
    }

    fn backquoted(&mut self, quoted: bool) -> Result<(), NotUnderstood> {
        self.expanded = true;
        let mut code = String::new();
        loop {
            match self.bump().ok_or(NotUnderstood::Syntax)? {
                '`' => break,
                '\\' => match self.bump().ok_or(NotUnderstood::Syntax)? {
                    next @ ('$' | '`' | '\\') => code.push(next),
                    next => {
                        code.push('\\');
                        code.push(next);
                    }
                },
                c => code.push(c),
            }
        }
        self.push_str("$()");
        self.printed.push((self.substitutions.len(), !quoted));
        self.substitutions.push(code);
        Ok(())
    }

    /// What follows a `$`.
    fn dollar(&mut self, quoted: bool, depth: usize) -> Result<(), NotUnderstood> {
        if depth > MAX_NESTING {
            return Err(NotUnderstood::TooDeep);
        }
        let rest = self.rest();
        match rest.chars().next() {
            Some('\'') if !quoted => {
                self.at += 1;
                let (text, used) = quoting::ansi_c(self.rest()).ok_or(NotUnderstood::Syntax)?;
                self.push_str(&text);
                self.at += used;
            }
            Some('"') if !quoted => {
                self.at += 1;
                self.double_quoted(Some('"'), depth)?;
            }
            Some('(') => {
                let inner = self.enclosed('(', ')')?;
                self.expanded = true;
                match inner.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
                    Some(arithmetic) if quoting::closes_at_end(inner) => {
                        self.push_str("$(())");
                        self.nested(arithmetic, depth)?;
                    }
                    _ => {
                        // The same place, by its variable.
                        if is_folder(inner) {
                            self.push_str("$PWD");
                            self.substitutions.push(inner.to_owned());
                            return Ok(());
                        }
                        match known(inner) {
                            Some(name) => self.push_str(&format!("$({name})")),
                            None => {
                                self.push_str("$()");
                                self.printed.push((self.substitutions.len(), !quoted));
                            }
                        }
                        self.substitutions.push(inner.to_owned());
                    }
                }
            }
            Some('[') => {
                let inner = self.enclosed('[', ']')?;
                self.expanded = true;
                self.push_str("$(())");
                self.nested(inner, depth)?;
            }
            Some('{') => {
                let inner = self.enclosed('{', '}')?;
                self.expanded = true;
                if inner == "IFS" && !quoted {
                    self.split();
                } else if let Some(name) = plain_name(inner) {
                    self.push_variable(name);
                } else if let Some(text) = place_of(inner) {
                    self.push_str(&text);
                } else {
                    self.push_str("${");
                    self.push_str(inner);
                    self.push('}', false);
                    self.nested(inner, depth)?;
                }
            }
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let len = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
                let name = rest.get(..len).unwrap_or_default();
                self.at += len;
                self.expanded = true;
                if name == "IFS" && !quoted {
                    self.split();
                } else {
                    self.push_variable(name);
                }
            }
            Some(c) if c.is_ascii_digit() => {
                self.at += 1;
                self.expanded = true;
                self.push_variable(c.encode_utf8(&mut [0; 4]));
            }
            Some(c) if "@*#?-!$".contains(c) => {
                self.at += 1;
                self.expanded = true;
                self.push('$', false);
                self.push(c, false);
            }
            _ => self.push('$', false),
        }
        Ok(())
    }

    /// The substitutions inside an arithmetic or parameter expansion; what it expands to is unknown anyway.
    fn nested(&mut self, inner: &str, depth: usize) -> Result<(), NotUnderstood> {
        if !inner.contains(['$', '`']) {
            return Ok(());
        }
        let mut scanner = Scanner::new(inner);
        scanner.double_quoted(None, depth + 1)?;
        self.substitutions.append(&mut scanner.substitutions);
        Ok(())
    }

    /// The text between `open`, which is next, and its partner.
    fn enclosed(&mut self, open: char, close: char) -> Result<&'a str, NotUnderstood> {
        let rest = self.rest();
        let end = quoting::partner(rest, open, close).ok_or(NotUnderstood::Syntax)?;
        self.at += end + 1;
        rest.get(1..end).ok_or(NotUnderstood::Syntax)
    }

    fn split(&mut self) {
        self.split_by_ifs = true;
        self.variable = None;
        if self.fields.last().is_some_and(|field| !field.is_empty()) {
            self.fields.push(Vec::new());
        }
    }

    fn finish(mut self) -> Scanned {
        if self.split_by_ifs && self.fields.len() > 1 && self.fields.last().is_some_and(Vec::is_empty) {
            self.fields.pop();
        }
        let mut words = Vec::with_capacity(self.fields.len());
        for field in self.fields {
            let (alternatives, exact) = braces::expand(field);
            for marked in alternatives {
                let pattern = has_pattern(&marked);
                words.push(Word {
                    text: marked.into_iter().map(|(c, _)| c).collect(),
                    literal: exact && !pattern && (!self.expanded || self.split_by_ifs),
                });
            }
        }
        Scanned { words, substitutions: self.substitutions, printed: self.printed, split_by_ifs: self.split_by_ifs }
    }
}

/// Whether an unquoted `*`, `?`, `[…]` or `@(…)` makes the word a file-name pattern.
fn has_pattern(marked: &[Marked]) -> bool {
    let mut bracket = false;
    let before = std::iter::once(None).chain(marked.iter().map(Some));
    marked.iter().zip(before).any(|((c, active), before)| {
        if !active {
            return false;
        }
        match c {
            '*' | '?' => true,
            // Whether the shell takes groups, a line may say in many ways; where it does not, this is an error.
            '(' => matches!(before, Some(('@' | '+' | '!', true))),
            '[' => {
                bracket = true;
                false
            }
            ']' => bracket,
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;

    fn check(raw: &str, text: &str, literal: bool) {
        let scanned = scan(raw).unwrap();
        assert_eq!(scanned.single(), Word { text: text.to_owned(), literal }, "{raw}");
    }

    #[test]
    fn quotes_are_removed() {
        check("rm", "rm", true);
        check(r"r\m", "rm", true);
        check("'r'm", "rm", true);
        check("\"r\"m", "rm", true);
        check(r"$'\x72m'", "rm", true);
        check(r"$'\162\u006d'", "rm", true);
        check("\"a\\$b\\n\"", "a$b\\n", true);
        check("\"[redacted]*\"", "[redacted]*", true);
    }

    #[test]
    fn what_is_unknown_is_not_literal() {
        check("${x:-rm}", "${x:-rm}", false);
        check("$x", "$x", false);
        check("\"${HOME}/x\"", "$HOME/x", false);
        check("*.rs", "*.rs", false);
        check("/bin/r[m]", "/bin/r[m]", false);
        check("[", "[", true);
        check(".cla@(ude)", ".cla@(ude)", false);
        check("+(toll)gate", "+(toll)gate", false);
        check("!(x)", "!(x)", false);
        check("'@(x)'", "@(x)", true);
        check("\\@\\(x\\)", "@(x)", true);
        check("@'('x')'", "@(x)", true);
        check("a{1..9}", "a{1..9}", false);
        check("$((1+2))", "$(())", false);
        check("${d}home", "${d}home", false);
        check("\"$d\"x", "${d}x", false);
        check("$d'x'", "${d}x", false);
        check("${d}/x", "$d/x", false);
        check("$1a$b-c", "${1}a$b-c", false);
        check("$12", "${1}2", false);
        check("${PWD%/*}/x", "$PWD/../x", false);
        check("${PWD%%/p*}", "$PWD/..", false);
        check("${PWD%/src}", "${PWD%/src}", false);
        check("${HOME%%/*}/x", "/x", false);
        check("${HOME#/no}", "$HOME", false);
        check("${HOME/zzz/}", "$HOME", false);
        check("${HOME,,}", "$HOME", false);
        check("\"${HOME:0}\"", "$HOME", false);
        check("${PWD:0:1}", "/", false);
        check("${PWD:1:1}", "${PWD:1:1}", false);
        check("${HOME##*/}", "${HOME##*/}", false);
        check("${HOME/*/rm}", "rm", false);
    }

    #[test]
    fn brace_lists_and_ifs_make_fields() {
        let words = scan("{rm,-rf,/}").unwrap().words;
        assert_eq!(words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["rm", "-rf", "/"]);
        let scanned = scan("rm${IFS}-rf$IFS/").unwrap();
        assert!(scanned.split_by_ifs);
        assert_eq!(scanned.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["rm", "-rf", "/"]);
    }

    #[test]
    fn substitutions_are_handed_back() {
        let found = |raw: &str| scan(raw).unwrap().substitutions;
        assert_eq!(found("$(rm -rf /)"), ["rm -rf /"]);
        assert_eq!(found("\"a $(b \"$(c)\" ')' ) d\""), ["b \"$(c)\" ')' "]);
        assert_eq!(found("`a \\`b\\``"), ["a `b`"]);
        assert_eq!(found("${x:-$(rm)}"), ["rm"]);
        assert_eq!(found("$(( $(rm) + 1 ))"), ["rm"]);
        assert_eq!(found("'$(rm)'"), Vec::<String>::new());
        assert_eq!(found("\\$(rm)".trim_end_matches("(rm)")), Vec::<String>::new());
    }

    #[test]
    fn an_open_quote_is_not_understood() {
        for raw in ["'a", "\"a", "$(a", "${a", "`a", "$'a"] {
            assert!(scan(raw).is_err(), "{raw}");
        }
    }
}
