//! What may be done about one hunk of a file that is not compared by key: the rules that prove a merge safe from
//! the lines alone, and why the others do not apply.

use super::align;
use super::definitions;
use super::diff3::Hunk;
use super::import_sets;
use super::kind::Kind;
use super::list::{Added, union};
use super::version::higher_lines;
use super::whitespace::{Blanks, same_to_the_right, same_words};

/// Most lines of one side of a hunk that is looked into: past it, a person has to read it anyway.
pub const MAX_HUNK_LINES: usize = 400;

/// How a hunk was resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Both sides say the same.
    Identical,
    /// One side left it as it was.
    OneSided,
    /// Lines next to each other, each changed by one side.
    Lines,
    /// Words apart from each other within lines.
    Words,
    /// One side changed blanks that say nothing.
    Whitespace,
    /// Both added to a list whose order does not matter.
    List,
    /// Compared by key.
    Keys,
    /// The higher version.
    Version,
    /// Written by the file's own tool.
    Tool,
}

impl How {
    /// For people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Identical => "both sides say the same",
            Self::OneSided => "one side left it as it was",
            Self::Lines => "each side changed lines of its own",
            Self::Words => "each side changed words of its own",
            Self::Whitespace => "one side changed only blanks",
            Self::List => "both sides added to a list without order",
            Self::Keys => "each side changed keys of its own",
            Self::Version => "the higher version",
            Self::Tool => "written anew by its own tool",
        }
    }
}

/// What the rules may know besides the hunk.
#[derive(Debug, Clone, Copy)]
pub struct Around<'t> {
    /// What the file is.
    pub kind: Kind,
    /// Lines before the hunk.
    pub before: &'t [&'t str],
    /// Lines after it, as far as both sides have them.
    pub after: &'t [&'t str],
    /// Which blanks say nothing.
    pub blanks: Blanks,
    /// Whether a line of either side makes the order of lines matter.
    pub order_matters: bool,
    /// Whether the operator wants the higher of two versions.
    pub higher_version: bool,
}

/// The hunk's lines merged, or why they are not.
///
/// # Errors
/// Words for people.
pub fn resolve(hunk: &Hunk<'_, &str>, around: &Around<'_>) -> Result<(Vec<String>, How), &'static str> {
    let owned = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    if hunk.ours == hunk.theirs {
        return Ok((owned(hunk.ours), How::Identical));
    }
    if hunk.theirs == hunk.base {
        return Ok((owned(hunk.ours), How::OneSided));
    }
    if hunk.ours == hunk.base {
        return Ok((owned(hunk.theirs), How::OneSided));
    }
    if [hunk.base.len(), hunk.ours.len(), hunk.theirs.len()].iter().any(|lines| *lines > MAX_HUNK_LINES) {
        return Err("it is too long to be looked into");
    }
    if hunk.base.is_empty() {
        let Around { before, after, order_matters, .. } = *around;
        let added = Added { ours: hunk.ours, theirs: hunk.theirs, before, after, order_matters };
        if let Kind::Code(language) = around.kind
            && let Some(lines) = definitions::union(language, hunk.ours, hunk.theirs, (before, after))
        {
            return Ok((owned(&lines), How::List));
        }
        return union(around.kind, &added).map(|lines| (owned(&lines), How::List));
    }
    if let Kind::Code(language) = around.kind
        && let Some(lines) = import_sets::merge(language, hunk.base, hunk.ours, hunk.theirs, around.before)
    {
        return Ok((owned(&lines), How::List));
    }
    // Whose words belong to which sentence is not told by lines; nor which patterns another takes back.
    let told = match around.kind {
        Kind::Prose | Kind::Changelog => false,
        Kind::Ignore => !around.order_matters,
        _ => true,
    };
    if told
        && let Some((lines, in_words)) =
            align::merge((around.kind.blocks(), around.before.last().copied()), hunk.base, hunk.ours, hunk.theirs)
    {
        return Ok((lines, if in_words { How::Words } else { How::Lines }));
    }
    if let Some(lines) = blanks_aside(hunk, around.blanks) {
        return Ok((owned(lines), How::Whitespace));
    }
    if let Some(lines) = higher_lines(hunk).filter(|_| around.higher_version) {
        return Ok((lines, How::Version));
    }
    Err(why_not(hunk, around))
}

/// The side that says something new, where the other changed blanks that say nothing.
fn blanks_aside<'t>(hunk: &Hunk<'t, &'t str>, blanks: Blanks) -> Option<&'t [&'t str]> {
    let same: fn(&[&str], &[&str]) -> bool = match blanks {
        Blanks::None => return None,
        Blanks::Trailing => same_to_the_right,
        Blanks::Outer => same_words,
    };
    match (same(hunk.base, hunk.ours), same(hunk.base, hunk.theirs)) {
        (true, false) => Some(hunk.theirs),
        // Both only moved text about: ours stands.
        (false | true, true) => Some(hunk.ours),
        (false, false) => None,
    }
}

/// What a person will want to know.
fn why_not(hunk: &Hunk<'_, &str>, around: &Around<'_>) -> &'static str {
    if hunk.ours.is_empty() || hunk.theirs.is_empty() {
        return "one side removed what the other changed";
    }
    if higher_lines(hunk).is_some() && !around.higher_version {
        return "both sides raised the same version, and no rule says which one counts";
    }
    let words = |lines: &[&str]| lines.iter().map(|line| line.trim()).collect::<String>();
    if [hunk.ours, hunk.theirs].iter().any(|side| words(side) == words(hunk.base)) {
        return "one side changed only blanks, which may mean something here";
    }
    "both sides changed the same lines in different ways"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::kind::Language;

    fn lines(text: &str) -> Vec<&str> {
        text.split_inclusive('\n').collect()
    }

    fn check(around: &Around<'_>, base: &str, ours: &str, theirs: &str, expected: Option<(&str, How)>) {
        let (base, ours, theirs) = (lines(base), lines(ours), lines(theirs));
        let made = resolve(&Hunk { base: &base, ours: &ours, theirs: &theirs }, around);
        let made = made.map(|(lines, how)| (lines.concat(), how));
        assert_eq!(made.as_ref().ok().map(|(text, how)| (text.as_str(), *how)), expected, "{base:?}: {made:?}");
    }

    const RUST: Around<'_> = Around {
        kind: Kind::Code(Language::Rust),
        before: &[],
        after: &[],
        blanks: Blanks::Outer,
        order_matters: false,
        higher_version: false,
    };

    #[test]
    fn lines_next_to_each_other() {
        let both = Some(("let a = f(1);\nlet b = g(2);\n", How::Lines));
        check(
            &RUST,
            "let a = f(0);\nlet b = g(0);\n",
            "let a = f(1);\nlet b = g(0);\n",
            "let a = f(0);\nlet b = g(2);\n",
            both,
        );
        // A line of its own in place of another: who knows what belongs to what.
        check(&RUST, "let a = f(0);\nb();\n", "while x {\nb();\n", "let a = f(0);\nb(1);\n", None);
    }

    #[test]
    fn words_of_sentences_are_left() {
        check(&RUST, "f(a, b);\n", "f(x, b);\n", "f(a, y);\n", Some(("f(x, y);\n", How::Words)));
        let prose = Around { kind: Kind::Prose, ..RUST };
        check(&prose, "we like red cats a lot\n", "we love red cats a lot\n", "we like red cats\n", None);
        check(&prose, "a b c\nd e f\n", "a b x\nd e f\n", "a b c\nd e x\n", None);
    }

    #[test]
    fn blanks_where_they_say_nothing() {
        let (base, ours, theirs) = ("f(a);\n", "    f(a);\n", "while b {}\n");
        check(&RUST, base, ours, theirs, Some((theirs, How::Whitespace)));
        check(&RUST, base, theirs, ours, Some((theirs, How::Whitespace)));
        check(&Around { blanks: Blanks::Trailing, ..RUST }, base, ours, theirs, None);
        check(&Around { blanks: Blanks::Trailing, ..RUST }, base, "f(a);  \n", "q\n", Some(("q\n", How::Whitespace)));
        check(&Around { blanks: Blanks::None, ..RUST }, base, "f(a);  \n", "q\n", None);
        check(&RUST, base, "\tf(a);\n", "  f(a);\n", Some(("\tf(a);\n", How::Whitespace)));
    }

    #[test]
    fn versions_only_where_wanted() {
        let (base, ours, theirs) = ("V = \"1.0.0\"\n", "V = \"1.0.1\"\n", "V = \"1.1.0\"\n");
        check(&RUST, base, ours, theirs, None);
        check(&Around { higher_version: true, ..RUST }, base, ours, theirs, Some((theirs, How::Version)));
    }

    #[test]
    fn what_is_too_long_is_left() {
        let (base, ours) = ("a\n".repeat(MAX_HUNK_LINES), "b\n".repeat(MAX_HUNK_LINES));
        check(&RUST, &base, &ours, &ours, Some((&ours, How::Identical)));
        let spaced = |text: &str| text.replace("a\n", "  a\n");
        let theirs = "c\n".repeat(MAX_HUNK_LINES);
        check(&RUST, &base, &spaced(&base), &theirs, Some((&theirs, How::Whitespace)));
        let (base, theirs) = (format!("a\n{base}"), format!("c\n{theirs}"));
        check(&RUST, &base, &spaced(&base), &theirs, None);
    }
}
