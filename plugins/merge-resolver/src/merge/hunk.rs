//! What may be done about one hunk of a file that is not compared by key: the rules that prove a merge safe from
//! the lines alone, and why the others do not apply.

use super::diff::{Change, changes};
use super::diff3::{Hunk, weave};
use super::kind::Kind;
use super::list::{Added, union};
use super::tokens::{is_solid, tokens};
use super::version::higher_lines;
use super::whitespace::{Blanks, same_to_the_right, same_words};

/// Most lines of one side of a hunk that is looked into: past it, a person has to read it anyway.
pub const MAX_HUNK_LINES: usize = 400;

/// Most lines of a hunk whose lines are told apart: each is compared with each.
pub const MAX_PAIRED_LINES: usize = 40;

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
        let added =
            Added { ours: hunk.ours, theirs: hunk.theirs, before: around.before, order_matters: around.order_matters };
        return union(around.kind, &added).map(|lines| (owned(&lines), How::List));
    }
    // Whose words belong to which sentence is not told by lines.
    if !matches!(around.kind, Kind::Prose | Kind::Changelog) && paired(hunk) {
        if let Some(lines) = weave(hunk.base, hunk.ours, hunk.theirs, None) {
            return Ok((owned(&lines), How::Lines));
        }
        if let Some(lines) = words_apart(hunk) {
            return Ok((lines, How::Words));
        }
    }
    if let Some(lines) = blanks_aside(hunk, around.blanks) {
        return Ok((owned(lines), How::Whitespace));
    }
    if let Some(lines) = higher_lines(hunk).filter(|_| around.higher_version) {
        return Ok((lines, How::Version));
    }
    Err(why_not(hunk, around))
}

/// Whether each side's lines are the base's, some of them edited: line for line, every edited one much the line it
/// was, and more like it than like any other. Else a line may stand in another's place, and edits would be put
/// together that have nothing to do with each other.
fn paired(hunk: &Hunk<'_, &str>) -> bool {
    let sides = [hunk.ours, hunk.theirs];
    let lengths = hunk.base.len() <= MAX_PAIRED_LINES && sides.iter().all(|side| side.len() == hunk.base.len());
    lengths && sides.iter().all(|side| same_lines(hunk.base, side).unwrap_or(false))
}

fn same_lines(base: &[&str], side: &[&str]) -> Option<bool> {
    if changes(base, side)?.iter().any(|change| change.base.len() != change.side.len()) {
        return Some(false);
    }
    for (at, (from, to)) in base.iter().zip(side).enumerate().filter(|(_, (from, to))| from != to) {
        let kept = words_kept(from, to)?;
        let words = tokens(from)?.iter().filter(|token| is_solid(token)).count();
        let others = base.iter().zip(side).enumerate().filter(|(other, _)| *other != at);
        for (_, (other_from, other_to)) in others {
            if words_kept(from, other_to)? >= kept || words_kept(other_from, to)? >= kept {
                return Some(false);
            }
        }
        if words == 0 || 2 * kept < words {
            return Some(false);
        }
    }
    Some(true)
}

/// How many words of `from` are in `to`, in order.
fn words_kept(from: &str, to: &str) -> Option<usize> {
    let (from, to) = (tokens(from)?, tokens(to)?);
    let changes = changes(&from, &to)?;
    let gone = changes.iter().filter_map(|change| from.get(change.base.clone())).flatten();
    Some(from.iter().filter(|token| is_solid(token)).count() - gone.filter(|token| is_solid(token)).count())
}

/// Line for line, both sides' words where they are apart from each other. Asked of [`paired`] lines only.
fn words_apart(hunk: &Hunk<'_, &str>) -> Option<Vec<String>> {
    let lines = hunk.base.iter().zip(hunk.ours).zip(hunk.theirs);
    lines.map(|((base, ours), theirs)| merge_line(base, ours, theirs)).collect()
}

fn merge_line(base: &str, ours: &str, theirs: &str) -> Option<String> {
    let (from, our, their) = (tokens(base)?, tokens(ours)?, tokens(theirs)?);
    let made = merge_words(&from, &our, &their)?;
    // Where repeated words let a change stand in two places, the other direction finds the other place.
    let turned = |tokens: &[&'_ str]| tokens.iter().rev().map(|token| (*token).to_owned()).collect::<Vec<_>>();
    let (from, our, their) = (turned(&from), turned(&our), turned(&their));
    let mut again = merge_words(&from, &our, &their)?;
    again.reverse();
    (again == made).then(|| made.concat())
}

/// Both sides' changes where a word that neither changed lies between any two of them.
fn merge_words<T: AsRef<str> + Ord + Clone>(from: &[T], ours: &[T], theirs: &[T]) -> Option<Vec<String>> {
    let (by_us, by_them) = (changes(from, ours)?, changes(from, theirs)?);
    let apart = |our: &Change, their: &Change| {
        let same = our.base == their.base && ours.get(our.side.clone()) == theirs.get(their.side.clone());
        let (first, second) = if our.base.start <= their.base.start { (our, their) } else { (their, our) };
        let between = from.get(first.base.end..second.base.start);
        same || between.is_some_and(|tokens| tokens.iter().any(|token| is_solid(&token.as_ref())))
    };
    let all_apart = by_us.iter().all(|our| by_them.iter().all(|their| apart(our, their)));
    let made = weave(from, ours, theirs, None).filter(|_| all_apart)?;
    Some(made.iter().map(|token| token.as_ref().to_owned()).collect())
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
        // A line of its own in place of another, a removed one, an added one: who knows what belongs to what.
        check(&RUST, "let a = f(0);\nb();\n", "while x {\nb();\n", "let a = f(0);\nb(1);\n", None);
        check(&RUST, "if a {\nb(0);\n", "b(0);\n", "if a {\nb(1);\n", None);
        check(&RUST, "if a {\nb(0);\n", "if a {\nc();\nb(0);\n", "if a {\nb(1);\n", None);
    }

    #[test]
    fn lines_that_changed_places() {
        let base = "let x = 1;\nlet y = 1;\n";
        // By index, theirs would be put into ours' other line.
        check(&RUST, base, "let y = 1;\nlet x = 1;\n", "let x = 1;\nlet y = 2;\n", None);
        check(&RUST, base, "let y = 3;\nlet x = 3;\n", "let x = 1;\nlet y = 2;\n", None);
        // Which of two like lines was edited cannot be told.
        check(&RUST, "f(1);\nf(1);\n", "f(2);\nf(1);\n", "f(1);\nf(3);\n", None);
    }

    #[test]
    fn lines_are_told_apart_in_small_hunks() {
        let lines = |count: usize, first: &str, last: &str| {
            let middle: String = (2..count).map(|at| format!("let l{at} = g({first}{last}, \"{at}\");\n")).collect();
            format!("let a = f({first});\n{middle}let z = h({last});\n")
        };
        let (most, more) = (MAX_PAIRED_LINES, MAX_PAIRED_LINES + 1);
        let texts = |count| (lines(count, "0", "0"), lines(count, "0", "0").replace("f(0)", "f(1)"));
        let theirs = |base: &str| base.replace("g(00,", "g(22,").replace("h(0)", "h(2)");
        let (base, ours) = texts(most);
        check(&RUST, &base, &ours, &theirs(&base), Some((&theirs(&ours), How::Lines)));
        let (base, ours) = texts(more);
        check(&RUST, &base, &ours, &theirs(&base), None);
    }

    #[test]
    fn words_apart_in_a_line() {
        for (base, ours, theirs, expected) in [
            ("f(a, b);\n", "f(x, b);\n", "f(a, y);\n", Some("f(x, y);\n")),
            ("let a = f(b);\n", "let mut a = f(b);\n", "let a = f(b, c);\n", Some("let mut a = f(b, c);\n")),
            ("f(a, b);\n", "g(a, b);\n", "f(a, b)?;\n", Some("g(a, b)?;\n")),
            // The same change on both sides, and one more.
            ("f(a, b, c);\n", "f(x, b, c);\n", "f(x, b, z);\n", Some("f(x, b, z);\n")),
            // The same word, words next to each other, two places for one change, a string, a version.
            ("f(a, b);\n", "f(x, b);\n", "f(y, b);\n", None),
            ("a b c d e\n", "a x c d e\n", "a b y d e\n", None),
            ("f(a, a, a);\n", "f(a, a);\n", "f(a, a, a, b);\n", None),
            ("f(a, a, a);\n", "f(a, a);\n", "f(b, a, a, a);\n", None),
            ("f(a, a, a, a);\n", "f(a, a, a);\n", "f(a, a, b, a, a);\n", None),
            ("say(\"a b\", x);\n", "say(\"c b\", x);\n", "say(\"a d\", x);\n", None),
            ("tag v = 1.2.3;\n", "tag v = 1.3.3;\n", "tag v = 1.2.4;\n", None),
            // Little of the line is left.
            ("f(a, b);\n", "f(x, b);\n", "match q { a => z }\n", None),
        ] {
            check(&RUST, base, ours, theirs, expected.map(|text| (text, How::Words)));
        }
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
