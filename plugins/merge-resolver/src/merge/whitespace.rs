//! Whether a side changed nothing but blanks at the start and end of lines, in a file where those say nothing.

use super::kind::{Kind, Language};

/// What may begin a text that goes over several lines, in any language known here: then blanks may be of it.
const LONG_TEXTS: [&str; 9] = ["`", "\"\"\"", "'''", "r#\"", "R\"(", "@\"", "#\"", "\\\n", "\\\r\n"];

/// Whether `side` is `base` but for indentation and line ends.
#[must_use]
pub fn same_words(base: &[&str], side: &[&str]) -> bool {
    base.len() == side.len() && base.iter().zip(side).all(|(base, side)| base.trim() == side.trim())
}

/// Whether `side` is `base` but for the ends of lines.
#[must_use]
pub fn same_to_the_right(base: &[&str], side: &[&str]) -> bool {
    base.len() == side.len() && base.iter().zip(side).all(|(base, side)| base.trim_end() == side.trim_end())
}

/// Which blanks say nothing in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blanks {
    /// All may matter.
    None,
    /// Those at the ends of lines.
    Trailing,
    /// Those at the starts and ends of lines.
    Outer,
}

/// Which blanks say nothing in a file of this kind with these versions. Where any of them may have a text that
/// goes over several lines, all blanks may matter: a hunk does not show whether it lies in one.
#[must_use]
pub fn idle(kind: Kind, versions: [&str; 3]) -> Blanks {
    let Kind::Code(language) = kind else { return Blanks::None };
    let long = |text: &str| LONG_TEXTS.iter().any(|opening| text.contains(opening));
    let open = |text: &str| text.lines().any(|line| line.matches('"').count() % 2 == 1);
    if versions.iter().any(|text| long(text) || open(text)) {
        return Blanks::None;
    }
    match language {
        Language::Python => Blanks::Trailing,
        Language::C
        | Language::CSharp
        | Language::Go
        | Language::Java
        | Language::JavaScript
        | Language::Rust
        | Language::Swift => Blanks::Outer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_say_nothing_only_where_no_text_may_hold_them() {
        let rust = Kind::Code(Language::Rust);
        for (kind, text, expected) in [
            (rust, "fn f() {}\n", Blanks::Outer),
            (rust, "let a = \"x\";\n", Blanks::Outer),
            (rust, "let a = \"x\n  y\";\n", Blanks::None),
            (rust, "let a = r#\"x\"#;\n", Blanks::None),
            (rust, "let a = \"\\\n\";\n", Blanks::None),
            (Kind::Code(Language::JavaScript), "f(`a`)\n", Blanks::None),
            (Kind::Code(Language::Python), "f(x)\n", Blanks::Trailing),
            (Kind::Code(Language::Python), "\"\"\"doc\"\"\"\n", Blanks::None),
            (Kind::Other, "x\n", Blanks::None),
            (Kind::Prose, "x\n", Blanks::None),
        ] {
            assert_eq!(idle(kind, ["", text, ""]), expected, "{text}");
        }
    }
}
