//! What can be said of a line before it is parsed: how deep it may nest, and whether it hides blanks.

use super::MAX_DEPTH;
use super::outline::{self, Part};

/// Most brackets and keywords, closed or not, of a text that is parsed on a caller's stack.
const SMALL_STACK_OPENERS: usize = 48;

/// Deepest brackets outside quotes: past this the parser's backtracking takes exponential time.
const MAX_OPEN_PARENTHESES: usize = MAX_DEPTH;

/// How deep a text can nest, at most.
pub(super) struct Nesting {
    /// Counted without regard to quotes, so never too low: a small stack does not forgive.
    openers: usize,
    deepest_parenthesis: usize,
}

impl Nesting {
    pub fn of(code: &str) -> Self {
        let whole = Self::counted(code);
        if !whole.is_too_deep() {
            return whole;
        }
        // Brackets and `case`s of quoted text are no one's: a script in another language, a terminal's colours.
        let Some(parts) = outline::parts(code) else { return whole };
        let kept = |part: &&(Part, &str)| part.0 != Part::Quoted;
        let unquoted: String = parts.iter().filter(kept).map(|(_, text)| *text).collect();
        Self { openers: whole.openers, ..Self::counted(&unquoted) }
    }

    fn counted(code: &str) -> Self {
        let (mut openers, mut open, mut deepest) = (0_usize, 0_usize, 0_usize);
        let mut cases = 0_usize;
        // Tests chain by recursion.
        let test = code.contains("[[");
        for byte in code.bytes() {
            match byte {
                b'(' | b'[' => {
                    openers += 1;
                    open += 1;
                    deepest = deepest.max(open);
                }
                b')' | b']' => open = open.saturating_sub(1),
                b'{' | b'`' | b'!' => openers += 1,
                b'&' | b'|' if test => openers += 1,
                _ => {}
            }
        }
        if code.len() > SMALL_STACK_OPENERS {
            for word in code.split(|c: char| !c.is_ascii_lowercase()) {
                match word {
                    "if" | "while" | "until" | "for" | "select" | "function" | "coproc" | "elif" => openers += 1,
                    // The parser reads a case's last item twice, so nested cases double the time.
                    "case" => {
                        openers += 1;
                        cases += 1;
                        deepest = deepest.max(cases);
                    }
                    "esac" => cases = cases.saturating_sub(1),
                    _ => {}
                }
            }
        }
        Self { openers, deepest_parenthesis: deepest }
    }

    /// Parsing it would take exponential time, or it is deeper than any line may be.
    pub fn is_too_deep(&self) -> bool {
        self.deepest_parenthesis > MAX_OPEN_PARENTHESES
    }

    /// It can be parsed on a caller's stack.
    pub fn fits_small_stack(&self) -> bool {
        self.openers <= SMALL_STACK_OPENERS
    }
}

/// Whether it has characters that look like blanks outside quotes and here-documents. In text they are nobody's
/// harm: emoji, French, Japanese.
pub(super) fn hides_blanks(code: &str) -> bool {
    let hidden = |text: &str| text.chars().any(is_hidden_blank);
    hidden(code)
        && outline::parts(code)
            .is_none_or(|parts| parts.iter().any(|(part, text)| *part == Part::Plain && hidden(text)))
}

/// A character that looks like a blank, or like nothing, and is no blank to the shell.
pub(super) fn is_hidden_blank(c: char) -> bool {
    let invisible = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}');
    invisible || (c.is_control() && !matches!(c, '\n' | '\t')) || (c.is_whitespace() && !c.is_ascii())
}
