//! `sed` scripts: which shell code they run and which files they write.
//!
//! Reads the language as far as its commands can be told apart, with any delimiter. Pure text.

/// What a script does besides editing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Script {
    /// Shell code of the `e` command.
    pub code: Vec<String>,
    /// Text that `s///e` makes of a line and runs: what it is when it runs nobody knows.
    pub guesses: Vec<String>,
    /// It runs lines of its input.
    pub runs_input: bool,
    /// Files of `w` and of `s///w`.
    pub writes: Vec<String>,
}

/// Reads a script; what comes after a mistake is not read, and not run by `sed` either.
pub(super) fn read(script: &str) -> Script {
    let mut found = Script::default();
    let mut reader = Reader { rest: script };
    while reader.command(&mut found).is_some() {}
    found
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = self.rest.get(c.len_utf8()..)?;
        Some(c)
    }

    fn skip(&mut self, what: impl Fn(char) -> bool) {
        self.rest = self.rest.trim_start_matches(what);
    }

    /// Up to the end of the line.
    fn line(&mut self) -> &'a str {
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        line.trim()
    }

    /// Up to the next `delimiter`, which is taken too; an escaped one is text, and so is one in brackets.
    fn delimited(&mut self, delimiter: char, brackets: bool) -> Option<&'a str> {
        let whole = self.rest;
        let mut chars = whole.char_indices();
        while let Some((at, c)) = chars.next() {
            if c == delimiter {
                self.rest = whole.get(at + c.len_utf8()..)?;
                return whole.get(..at);
            }
            match c {
                '\\' => {
                    chars.next();
                }
                // `[/]`: only in expressions, and only where it closes before the line does.
                '[' if brackets && delimiter != ']' => {
                    let inner = whole.get(at + 1..)?;
                    let start = usize::from(inner.starts_with('^'));
                    let start = start + usize::from(inner.get(start..)?.starts_with(']'));
                    let close = inner.get(start..)?.find([']', '\n']).map(|close| close + start);
                    if let Some(close) =
                        close.filter(|close| inner.get(*close..).is_some_and(|end| end.starts_with(']')))
                    {
                        while chars.as_str().len() > inner.len() - close {
                            chars.next();
                        }
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn address(&mut self) -> Option<()> {
        loop {
            self.skip(|c| c.is_whitespace() || ";,!~+$0123456789".contains(c));
            let expression = match self.rest.chars().next()? {
                '/' => {
                    self.next();
                    self.delimited('/', true)
                }
                '\\' => {
                    self.next();
                    let delimiter = self.next()?;
                    self.delimited(delimiter, true)
                }
                _ => return Some(()),
            };
            expression?;
            // `I` and `M` turn what the expression matches.
            self.skip(|c| matches!(c, 'I' | 'M'));
        }
    }

    fn command(&mut self, found: &mut Script) -> Option<()> {
        self.address()?;
        match self.next()? {
            's' => self.substitution(found)?,
            'y' => {
                let delimiter = self.next()?;
                self.delimited(delimiter, false)?;
                self.delimited(delimiter, false)?;
            }
            'e' => match self.line() {
                "" => found.runs_input = true,
                code => found.code.push(code.to_owned()),
            },
            'w' | 'W' => {
                let file = self.line();
                if !file.is_empty() {
                    found.writes.push(file.to_owned());
                }
            }
            'r' | 'R' | '#' => drop(self.line()),
            'a' | 'i' | 'c' => {
                // Text, over several lines where these end in a backslash.
                while self.line().ends_with('\\') && !self.rest.is_empty() {}
            }
            ':' | 'b' | 't' | 'T' | 'q' | 'Q' | 'l' | 'L' | 'v' | 'F' | 'z' => {
                self.skip(|c| !matches!(c, ';' | '\n' | '}'))
            }
            _ => {}
        }
        Some(())
    }

    fn substitution(&mut self, found: &mut Script) -> Option<()> {
        let delimiter = self.next()?;
        self.delimited(delimiter, true)?;
        let replacement = self.delimited(delimiter, false)?;
        while let Some(flag) = self.rest.chars().next() {
            match flag {
                'g' | 'p' | 'i' | 'I' | 'm' | 'M' | '0'..='9' => {}
                'e' => found.guesses.push(replacement.to_owned()),
                'w' => {
                    self.next();
                    let file = self.line();
                    if !file.is_empty() {
                        found.writes.push(file.to_owned());
                    }
                    return Some(());
                }
                _ => return Some(()),
            }
            self.next();
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(script: &str, code: &[&str], guesses: &[&str], writes: &[&str], runs_input: bool) {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let expected = Script { code: owned(code), guesses: owned(guesses), runs_input, writes: owned(writes) };
        assert_eq!(read(script), expected, "{script}");
    }

    #[test]
    fn what_leaves_the_script_is_found() {
        check("1e rm x", &["rm x"], &[], &[], false);
        check("$!e rm x\np", &["rm x"], &[], &[], false);
        check("/a;b/,+2 e rm x", &["rm x"], &[], &[], false);
        check(r"\%x%e rm x", &["rm x"], &[], &[], false);
        check(r"\,a\,b,Ie rm x", &["rm x"], &[], &[], false);
        check("{p;e}", &["}"], &[], &[], false);
        check("p;e\n", &[], &[], &[], true);
        check("s/.*/rm x/e", &[], &["rm x"], &[], false);
        check("sXaXrm xXge", &[], &["rm x"], &[], false);
        check("s\u{1}a\u{1}b\u{1}e", &[], &["b"], &[], false);
        check("s/[/]x/rm/e", &[], &["rm"], &[], false);
        check("s/[^]/]x/rm/e", &[], &["rm"], &[], false);
        check(r"s/a\/b/c/w /etc/x", &[], &[], &["/etc/x"], false);
        check("y/abc/def/;w out", &[], &[], &["out"], false);
        check("/x/{s/a/b/gpw one\nW two\n}", &[], &[], &["one", "two"], false);
        check(":a;N;$!ba;s/\\n/ /e", &[], &[" "], &[], false);
    }

    #[test]
    fn text_is_text() {
        for script in [
            "s/where/elsewhere/g",
            "s/e/w/",
            "/e w/d",
            "a\\\ne rm x\\\nw y",
            "i e rm x",
            "1!G;h;$!d",
            "s,a,b,;s|e|w|",
            "# e rm x",
            "r e",
            "s/a/b",
            "s/[e/w/",
            "",
        ] {
            check(script, &[], &[], &[], false);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(script in "[-se/wa\\[\\]\\\\^{};,\\n1$!~é ]{0,30}") {
            drop(read(&script));
        }
    }
}
