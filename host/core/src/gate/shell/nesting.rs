//! What can be said of a line before it is parsed: how deep it may nest, and whether it hides blanks.

use super::MAX_DEPTH;
use super::outline::{self, Part};

/// Most brackets and keywords, closed or not, of a text that is parsed on a caller's stack.
const SMALL_STACK_OPENERS: usize = 48;

/// Most brackets, closed or not, of a text that is parsed where nobody watches the time: each may double it.
const SMALL_STACK_BRACKETS: usize = 8;

/// The longest text with brackets that is parsed there, in bytes: each doubling reads to its end.
const SMALL_STACK_BYTES: usize = 2 * 1024;

/// Most brackets and `case`s open at once: past this the parser's backtracking takes exponential time.
const MAX_OPEN: usize = MAX_DEPTH;

/// How deep a text can nest, at most.
pub(super) struct Nesting {
    bytes: usize,
    /// Counted without regard to quotes, so never too low: a small stack does not forgive.
    openers: usize,
    brackets: usize,
    cases: usize,
    /// Most open at once. What may be text to the parser closes nothing.
    deepest: usize,
}

impl Nesting {
    pub fn of(code: &str) -> Self {
        let mut nesting =
            Self { bytes: code.len(), openers: openers(code), brackets: 0, cases: cases(code), deepest: 0 };
        nesting.brackets = code.bytes().filter(|byte| matches!(byte, b'(' | b'[')).count();
        nesting.deepest = nesting.brackets + nesting.cases;
        if nesting.is_too_deep()
            && let Some(parts) = outline::parts(code)
        {
            nesting.deepest = deepest(&parts);
        }
        nesting
    }

    /// Parsing it would take exponential time, or it is deeper than any line may be.
    pub fn is_too_deep(&self) -> bool {
        self.deepest > MAX_OPEN
    }

    /// It can be parsed on a caller's stack, in a caller's time.
    pub fn fits_small_stack(&self) -> bool {
        let brackets = if self.bytes <= SMALL_STACK_BYTES { SMALL_STACK_BRACKETS } else { 0 };
        self.openers <= SMALL_STACK_OPENERS && self.brackets <= brackets && self.cases == 0
    }
}

fn openers(code: &str) -> usize {
    // Tests chain by recursion.
    let test = code.contains("[[");
    let signs = code.bytes().filter(|byte| match byte {
        b'(' | b'[' | b'{' | b'`' | b'!' => true,
        b'&' | b'|' => test,
        _ => false,
    });
    let keywords = words(code).filter(|word| {
        matches!(*word, "if" | "while" | "until" | "for" | "select" | "function" | "coproc" | "elif" | "case")
    });
    // Less than that many bytes hold no more keywords.
    signs.count() + if code.len() > SMALL_STACK_OPENERS { keywords.count() } else { 0 }
}

/// The parser reads a case's last item twice, so nested cases double the time. Which `esac` closes one only the
/// parser knows: none counts.
fn cases(code: &str) -> usize {
    words(code).filter(|word| *word == "case").count()
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_ascii_lowercase())
}

/// Most brackets and `case`s open at once. Brackets of quoted text are no one's: a script in another language, a
/// terminal's colours. Those of expanded text are counted, but close nothing outside it.
fn deepest(parts: &[(Part, &str)]) -> usize {
    let (mut open, mut deepest, mut cases_so_far) = (0_usize, 0_usize, 0_usize);
    for (part, text) in parts {
        if matches!(part, Part::Quoted | Part::Muted) {
            continue;
        }
        let before = open;
        for byte in text.bytes() {
            match byte {
                b'(' | b'[' => {
                    open += 1;
                    deepest = deepest.max(open);
                }
                b')' | b']' => open = open.saturating_sub(1),
                _ => {}
            }
        }
        match part {
            Part::Expanded => open = before,
            _ => cases_so_far += cases(text),
        }
    }
    deepest + cases_so_far
}

/// Whether it has characters that look like blanks outside quotes and here-documents. In text they are nobody's
/// harm: emoji, French, Japanese.
pub(super) fn hides_blanks(code: &str) -> bool {
    let hidden = |text: &str| text.chars().any(is_hidden_blank);
    hidden(code)
        && outline::parts(code).is_none_or(|parts| {
            parts.iter().any(|(part, text)| matches!(part, Part::Plain | Part::Muted) && hidden(text))
        })
}

/// A character that looks like a blank, or like nothing, and is no blank to the shell.
pub(super) fn is_hidden_blank(c: char) -> bool {
    let invisible = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}');
    invisible || (c.is_control() && !matches!(c, '\n' | '\t')) || (c.is_whitespace() && !c.is_ascii())
}

/// Whether two brackets of a kind stand with nothing but blanks between them.
pub(super) fn has_brackets_apart(code: &str) -> bool {
    let mut last = None;
    let mut blank = false;
    for c in code.chars() {
        if c.is_whitespace() {
            blank = true;
        } else {
            if blank && last == Some(c) && matches!(c, '(' | ')') {
                return true;
            }
            (last, blank) = (Some(c), false);
        }
    }
    false
}

/// Whether `expr` stands in `code` between `((` and `))`, with blanks inside of them only.
pub(super) fn is_arithmetic(code: &str, expr: &str) -> bool {
    let expr = expr.trim();
    code.match_indices(expr).any(|(at, _)| {
        let (before, after) = (code.get(..at).unwrap_or_default(), code.get(at + expr.len()..).unwrap_or_default());
        before.trim_end().ends_with("((") && after.trim_start().starts_with("))")
    })
}
