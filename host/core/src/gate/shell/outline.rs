//! What of a line stands outside quotes and here-documents, found before the line is parsed.
//!
//! One linear pass that gives up rather than guess; a line that it gives up on counts as all unquoted.

use super::quoting;

/// How the shell reads a stretch of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// As code.
    Plain,
    /// As text, though no quotes say so: comments, escaped characters.
    Muted,
    /// As text in which substitutions are code.
    Expanded,
    /// As text.
    Quoted,
}

/// The stretches of `code` in order; none where their ends cannot be told.
pub(super) fn parts(code: &str) -> Option<Vec<(Part, &str)>> {
    let (parts, documents) = (Vec::new(), Vec::new());
    let mut outline = Outline { code, at: 0, plain_from: 0, arithmetic_until: 0, groups_until: 0, parts, documents };
    outline.read()?;
    Some(outline.parts)
}

/// A here-document announced on the line that is being read.
pub(super) struct Document {
    end: String,
    part: Part,
    tabs: bool,
}

impl Document {
    /// The document that the `<<` announces with which `text` begins, and how many bytes that takes.
    pub(super) fn announced(text: &str) -> Option<(Self, usize)> {
        let word = text.strip_prefix("<<")?;
        let tabs = word.starts_with('-');
        let word = word.strip_prefix('-').unwrap_or(word).trim_start_matches([' ', '\t']);
        let before = text.len() - word.len();
        let word =
            word.get(..word.find(|c: char| c.is_ascii_whitespace() || ";|&<>()".contains(c)).unwrap_or(word.len()))?;
        let quoted = word.contains(['\'', '"', '\\']);
        let end: String = word.chars().filter(|c| !matches!(c, '\'' | '"' | '\\')).collect();
        let part = if quoted { Part::Quoted } else { Part::Expanded };
        (!end.is_empty()).then_some((Self { end, part, tabs }, before + word.len()))
    }

    /// How many bytes its body takes, which `text` begins with; none where it does not end.
    pub(super) fn body(&self, text: &str) -> Option<usize> {
        let mut len = 0;
        for line in text.split_inclusive('\n') {
            len += line.len();
            let line = line.trim_end_matches('\n');
            let line = if self.tabs { line.trim_start_matches('\t') } else { line };
            if line == self.end {
                return Some(len);
            }
        }
        None
    }
}

struct Outline<'a> {
    code: &'a str,
    at: usize,
    /// Where the plain text that is being read began.
    plain_from: usize,
    /// Where the `((…))` ends that is being read: no comments and no here-documents before that.
    arithmetic_until: usize,
    /// Up to where patterns such as `@(…)` are known to hold no quotes.
    groups_until: usize,
    parts: Vec<(Part, &'a str)>,
    documents: Vec<Document>,
}

impl<'a> Outline<'a> {
    fn rest(&self) -> &'a str {
        self.code.get(self.at..).unwrap_or_default()
    }

    /// Takes the next `len` bytes as `part`, and what was read before them as plain.
    fn take(&mut self, part: Part, len: usize) -> Option<()> {
        self.parts.push((Part::Plain, self.code.get(self.plain_from..self.at)?));
        self.parts.push((part, self.rest().get(..len)?));
        self.at += len;
        self.plain_from = self.at;
        Some(())
    }

    fn read(&mut self) -> Option<()> {
        let mut before = '\n';
        while let Some(c) = self.rest().chars().next() {
            let rest = self.rest();
            let arithmetic = self.at < self.arithmetic_until;
            let starts_word = before.is_ascii_whitespace() || ";|&(".contains(before);
            match c {
                '\\' => {
                    let escaped = rest.chars().nth(1).map_or(0, char::len_utf8);
                    self.take(Part::Muted, 1 + escaped)?;
                }
                '\'' => {
                    let end = rest.get(1..)?.find('\'')?;
                    self.take(Part::Quoted, end + 2)?;
                }
                '"' => {
                    let end = double_quoted(rest)?;
                    let part = if rest.get(..end)?.contains(['$', '`']) { Part::Expanded } else { Part::Quoted };
                    self.take(part, end)?;
                }
                '$' if rest.starts_with("$'") => {
                    let (_, used) = quoting::ansi_c(rest.get(2..)?)?;
                    self.take(Part::Quoted, used + 2)?;
                }
                '$' if rest.starts_with("${") => {
                    let end = quoting::partner(rest.get(1..)?, '{', '}')?;
                    self.take(Part::Expanded, end + 2)?;
                }
                // Arithmetic shifts look like here-documents.
                '$' if rest.starts_with("$[") => return None,
                '(' if rest.starts_with("((") && !arithmetic => {
                    self.arithmetic_until = self.at + quoting::partner(rest, '(', ')')?;
                    self.at += 2;
                }
                // `((` may as well be two groups, which have comments; and after `)` a word may go on or begin.
                '#' if arithmetic && starts_word || ")<>".contains(before) => return None,
                '#' if starts_word => {
                    // An apostrophe in a comment opens nothing.
                    self.take(Part::Muted, rest.find('\n').unwrap_or(rest.len()))?;
                }
                // The parser knows no quotes in a pattern such as `@(…)`.
                '@' | '!' | '?' | '+' | '*' if self.at >= self.groups_until && rest.get(1..)?.starts_with('(') => {
                    self.groups_until = self.at + plain_group(rest.get(1..)?)?;
                    self.at += 1;
                }
                '<' if rest.starts_with("<<<") => self.at += 3,
                '<' if rest.starts_with("<<") && !arithmetic => self.document()?,
                '\n' => {
                    self.at += 1;
                    self.bodies()?;
                }
                c => self.at += c.len_utf8(),
            }
            before = c;
        }
        self.take(Part::Plain, 0)
    }

    fn document(&mut self) -> Option<()> {
        let (document, used) = Document::announced(self.rest())?;
        self.at += used;
        self.documents.push(document);
        Some(())
    }

    /// The bodies of the documents announced, which begin here.
    fn bodies(&mut self) -> Option<()> {
        for document in std::mem::take(&mut self.documents) {
            let len = document.body(self.rest())?;
            self.take(document.part, len)?;
        }
        Some(())
    }
}

/// How many bytes the group takes that `text` begins with; none where it has a quote or an escape in it.
fn plain_group(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => open += 1,
            ')' => open = open.saturating_sub(1),
            '\'' | '"' | '\\' | '`' => return None,
            _ => {}
        }
        if open == 0 {
            return Some(at + 1);
        }
    }
    Some(text.len())
}

/// How many bytes the double-quoted text takes that `text` begins with.
fn double_quoted(text: &str) -> Option<usize> {
    let mut at = 1;
    loop {
        let rest = text.get(at..)?;
        match rest.chars().next()? {
            '"' => return Some(at + 1),
            '\\' => at += 1 + rest.chars().nth(1)?.len_utf8(),
            '`' => at += 2 + rest.get(1..)?.find('`')?,
            '$' if rest.starts_with("$(") => at += 2 + quoting::partner(rest.get(1..)?, '(', ')')?,
            '$' if rest.starts_with("${") => at += 2 + quoting::partner(rest.get(1..)?, '{', '}')?,
            c => at += c.len_utf8(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;

    fn check(code: &str, plain: &str, quoted: &str) {
        let parts = parts(code).unwrap();
        let all: String = parts.iter().map(|(_, text)| *text).collect();
        assert_eq!(all, code);
        let of = |wanted: Part| -> String {
            parts.iter().filter(|(part, _)| *part == wanted).map(|(_, text)| *text).collect()
        };
        assert_eq!((of(Part::Plain).as_str(), of(Part::Quoted).as_str()), (plain, quoted), "{code}");
    }

    #[test]
    fn quotes_and_documents_are_told_apart() {
        check("a 'b' c", "a  c", "'b'");
        check("a \"b\" \\' c", "a   c", "\"b\"");
        check("a \"$(b \"c\")\" d", "a  d", "");
        check("a $'b\\'c' d", "a  d", "$'b\\'c'");
        check("a # it's\nb 'c'", "a \nb ", "'c'");
        check("a <<'E'; b\nit's\nE\nc", "a <<'E'; b\nc", "it's\nE\n");
        check("a <<-E\nit's\n\tE\nc", "a <<-E\nc", "");
        check("a <<< b\nc", "a <<< b\nc", "");
        check("$((1<<2))\n((3<<4))\n'x'", "$((1<<2))\n((3<<4))\n", "'x'");
        check("a ${b:-'c'} d", "a  d", "");
        check("((echo '))' \\) x))", "((echo   x))", "'))'");
    }

    #[test]
    fn what_has_no_end_is_given_up() {
        for code in ["'a", "\"a", "a <<E\nb", "${a", "((a", "$'a", "$[1<<2]", "((a #))\nb))", "$(a)#'", "x@(')')"] {
            assert_eq!(parts(code), None, "{code}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(code in "[-a '\"$(){}<>#`\\\\\nE]{0,40}") {
            if let Some(parts) = parts(&code) {
                let all: String = parts.iter().map(|(_, text)| *text).collect();
                proptest::prop_assert_eq!(all, code);
            }
        }
    }
}
