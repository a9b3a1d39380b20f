//! Where blocks begin and end, as far as single lines tell it without a parser: so that a line that one side wrote is not
//! put into a block that the other side opens, or out of one that it closes. Knows nothing of changes.

use super::brackets::{same_shape, stands_alone};

/// What shows in the lines of a file where a block begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocks {
    /// Brackets, or there are no blocks.
    Brackets,
    /// How far lines are indented.
    Indentation,
    /// Words or anything else: `if` and `fi`, tags.
    Unknown,
}

impl Blocks {
    /// Whether every block that these lines open or close is one of theirs alone.
    #[must_use]
    pub fn are_whole_in(self, lines: &[&str]) -> bool {
        let whole = || stands_alone(&lines.concat()) && !lines.iter().any(|line| is_mark(line));
        lines.is_empty() || self != Self::Unknown && whole()
    }

    /// Whether a line that became another opens and closes what it did, and stands in the block that it did.
    #[must_use]
    pub fn are_as_before(self, old: &str, new: &str) -> bool {
        same_shape(old, new) && (self == Self::Brackets || indent(old) == indent(new))
    }
}

/// Whether a line begins a statement that the line after it is all of.
#[must_use]
pub fn is_bare_header(line: &str) -> bool {
    let line = line.trim();
    let after = |word: &str| line.strip_prefix(word).is_some_and(|rest| rest.trim_start().starts_with('('));
    let begins = ["if", "for", "foreach", "while", "else if", "} else if"].into_iter().any(after);
    begins && line.ends_with(')') || matches!(line, "else" | "} else" | "do")
}

/// Whether a line may open or close a block though its brackets fit: a directive of a compiler, a tag.
fn is_mark(line: &str) -> bool {
    const DIRECTIVES: [&str; 8] = ["if", "el", "end", "region", "pragma", "define", "undef", "nullable"];
    let line = line.trim();
    let tag = line.starts_with('<') && !line.ends_with("/>") && (line.starts_with("</") || !line.contains("</"));
    let directive = line.strip_prefix('#').map(str::trim_start);
    tag || directive.is_some_and(|rest| DIRECTIVES.iter().any(|word| rest.starts_with(word)))
}

/// The blanks that a line begins with.
fn indent(line: &str) -> &str {
    line.get(..line.len() - line.trim_start().len()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_their_own_blocks() {
        for (lines, whole) in [
            (&["if (a) {\n", "}\n"][..], true),
            (&["if (a) {\n"], false),
            (&["#[cfg(a)]\n"], true),
            (&["#  endif\n"], false),
            (&["<a>b</a>\n"], true),
            (&["<a/>\n"], true),
            (&["<a>\n"], false),
            (&["</a>\n"], false),
        ] {
            assert_eq!(Blocks::Brackets.are_whole_in(lines), whole, "{lines:?}");
            assert_eq!(Blocks::Indentation.are_whole_in(lines), whole, "{lines:?}");
            assert!(!Blocks::Unknown.are_whole_in(lines) && Blocks::Unknown.are_whole_in(&[]), "{lines:?}");
        }
    }

    #[test]
    fn a_line_that_became_another() {
        for (new, in_brackets, elsewhere) in [
            ("    g(b)\n", true, true),
            ("  f(a)\n", true, false),
            ("\tf(a)\n", true, false),
            ("    f(a) {\n", false, false),
        ] {
            assert_eq!(Blocks::Brackets.are_as_before("    f(a)\n", new), in_brackets, "{new}");
            assert_eq!(Blocks::Indentation.are_as_before("    f(a)\n", new), elsewhere, "{new}");
            assert_eq!(Blocks::Unknown.are_as_before("    f(a)\n", new), elsewhere, "{new}");
        }
    }
}
