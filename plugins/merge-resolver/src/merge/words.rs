//! Words of one line, changed by both sides: put together where they are apart from each other, and neither says
//! something of what the other changed.

use super::diff::{Change, changes};
use super::diff3::weave_of;
use super::tokens::{is_solid, tokens};
use std::ops::Range;

/// What a line begins with that says nothing to a machine, in whatever language.
const OUT: [&str; 8] = ["//", "#", "--", "/*", ";", "%", "<!--", "REM "];

/// A line and both sides' versions of it, by their tokens.
struct Line<'t> {
    from: Vec<&'t str>,
    ours: Vec<&'t str>,
    theirs: Vec<&'t str>,
    by_us: Vec<Change>,
    by_them: Vec<Change>,
}

impl<'t> Line<'t> {
    fn new(from: Vec<&'t str>, ours: Vec<&'t str>, theirs: Vec<&'t str>) -> Option<Self> {
        let (by_us, by_them) = (changes(&from, &ours)?, changes(&from, &theirs)?);
        Some(Self { from, ours, theirs, by_us, by_them })
    }

    fn read(base: &'t str, ours: &'t str, theirs: &'t str) -> Option<Self> {
        Self::new(tokens(base)?, tokens(ours)?, tokens(theirs)?)
    }

    fn turned(&self) -> Option<Self> {
        let turn = |tokens: &[&'t str]| tokens.iter().rev().copied().collect();
        Self::new(turn(&self.from), turn(&self.ours), turn(&self.theirs))
    }

    /// Both sides' changes where a word that neither changed lies between any two of them.
    fn merged(&self) -> Option<Vec<&'t str>> {
        let apart = |our: &Change, their: &Change| {
            let same = our.base == their.base && self.ours.get(our.side.clone()) == self.theirs.get(their.side.clone());
            let (first, second) = if our.base.start <= their.base.start { (our, their) } else { (their, our) };
            let between = self.from.get(first.base.end..second.base.start);
            same || between.is_some_and(|tokens| tokens.iter().any(is_solid))
        };
        let all_apart = self.by_us.iter().all(|our| self.by_them.iter().all(|their| apart(our, their)));
        let both = [self.by_us.as_slice(), &self.by_them];
        all_apart.then(|| weave_of(both, &self.from, &self.ours, &self.theirs, None))?
    }

    /// Whether a side changed the name before brackets in which the other put or took a comma, or all that stood there;
    /// or both put or took commas in the same round brackets, so that neither knows which place its own has.
    fn speaks(&self) -> bool {
        let mut open: Vec<usize> = Vec::new();
        for (at, token) in self.from.iter().enumerate() {
            match *token {
                "(" | "[" | "{" => open.push(at),
                ")" | "]" | "}" => {
                    let Some(opened) = open.pop() else { continue };
                    let (ours, theirs) = ((&self.by_us, &self.ours), (&self.by_them, &self.theirs));
                    let counted = |(by, side): (&Vec<Change>, &Vec<&'t str>)| self.counted(by, side, &(opened..at));
                    let (our, their) = (counted(ours), counted(theirs));
                    let named = |by: &[Change], counted: &[_]| !counted.is_empty() && is_named(by, opened);
                    let other = |one: &[_], other: &[_]| one.iter().any(|change| !other.contains(change));
                    let both = *token == ")" && other(&our, &their) && other(&their, &our);
                    if both || named(&self.by_us, &their) || named(&self.by_them, &our) {
                        return true;
                    }
                }
                _ => {}
            }
        }
        false
    }

    /// A side's changes within brackets that put or took a comma, or all that stood there: what of the line, and the
    /// words now there.
    fn counted(&self, by: &[Change], side: &[&'t str], brackets: &Range<usize>) -> Vec<(Range<usize>, Vec<&'t str>)> {
        let inside = by.iter().filter(|it| it.base.start > brackets.start && it.base.end <= brackets.end);
        let counted = inside.filter_map(|change| {
            let (from, to) = (self.from.get(change.base.clone())?, side.get(change.side.clone())?);
            let all = change.base == (brackets.start + 1..brackets.end);
            (all || from.contains(&",") || to.contains(&",")).then(|| (change.base.clone(), to.to_vec()))
        });
        counted.collect()
    }
}

/// Whether the word before the bracket at `opened` was changed.
fn is_named(by: &[Change], opened: usize) -> bool {
    by.iter().any(|it| it.base.end == opened || opened.checked_sub(1).is_some_and(|name| it.base.contains(&name)))
}

/// Both sides' words where they are apart from each other.
#[must_use]
pub fn merge_line(base: &str, ours: &str, theirs: &str) -> Option<String> {
    let line = Line::read(base, ours, theirs)?;
    let made = line.merged()?;
    // Where repeated words let a change stand in two places, the other direction finds the other place.
    let again = line.turned()?.merged()?;
    let speaks = line.speaks() || comments_on_changed(base, ours, theirs);
    (again.iter().rev().eq(&made) && !speaks).then(|| made.concat())
}

/// Whether one side's words say something of what the other side changed: a comment at the end of the line whose words
/// are others now, a name before brackets that hold another number of things now.
#[must_use]
pub fn speaks_of_the_other(base: &str, ours: &str, theirs: &str) -> bool {
    Line::read(base, ours, theirs).is_some_and(|line| line.speaks()) || comments_on_changed(base, ours, theirs)
}

fn comments_on_changed(base: &str, ours: &str, theirs: &str) -> bool {
    let is_out = |line: &str| OUT.iter().any(|sign| line.trim_start().starts_with(sign));
    let by_one = [ours, theirs].into_iter().any(|side| is_out(side) != is_out(base));
    // Two people's words in one sentence.
    let [from, our, their] = [base, ours, theirs].map(|line| split_comment(line).1);
    let both = our != from && their != from && our != their;
    by_one || both || comment_of_changed(base, ours, theirs) || comment_of_changed(base, theirs, ours)
}

/// Whether `one` changed the comment at the line's end, and `other` what stands before it.
fn comment_of_changed(base: &str, one: &str, other: &str) -> bool {
    let [from, one, other] = [base, one, other].map(split_comment);
    from.0 != other.0 && from.1 != one.1
}

/// Whether a comment to the line's end begins here, which an attribute of Rust is none of.
fn is_comment(text: &str) -> bool {
    ["//", "#", "/*", "-- "].iter().any(|sign| text.starts_with(sign)) && !text.starts_with("#[")
}

/// What a line says, and the comment after it.
fn split_comment(line: &str) -> (&str, &str) {
    let mut quote = None;
    let mut before = ' ';
    for (at, it) in line.char_indices() {
        let rest = line.get(at..).unwrap_or_default();
        match quote {
            Some(open) if it == open && before != '\\' => quote = None,
            Some(_) => {}
            None if matches!(it, '"' | '\'' | '`') => quote = Some(it),
            None if before.is_whitespace() && is_comment(rest) => {
                let (says, comment) = line.split_at(at);
                return (says.trim(), comment.trim());
            }
            None => {}
        }
        before = it;
    }
    (line.trim(), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_apart_in_a_line() {
        for (base, ours, theirs, expected) in [
            ("f(a, b);\n", "f(x, b);\n", "f(a, y);\n", Some("f(x, y);\n")),
            ("let a = f(b);\n", "let mut a = f(b);\n", "let a = f(b, c);\n", Some("let mut a = f(b, c);\n")),
            ("f(a, b);\n", "g(a, b);\n", "f(a, b)?;\n", Some("g(a, b)?;\n")),
            ("f(a, b);\n", "g(a, b);\n", "f(a, c);\n", Some("g(a, c);\n")),
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
        ] {
            assert_eq!(merge_line(base, ours, theirs).as_deref(), expected, "{base}");
        }
    }

    #[test]
    fn what_one_side_says_of_the_others_words() {
        for (base, ours, theirs, expected) in [
            // A comment that tells of what stands before it.
            ("uses: a@1\n", "uses: a@2\n", "uses: a@1 # v1\n", true),
            ("a = 1 // one\n", "a = 2 // one\n", "a = 1 // one, or none\n", true),
            ("a = 1 // one\n", "a = 2 // one\n", "b = 1 // one\n", false),
            ("a = \"# b\"\n", "a = \"# c\"\n", "x = \"# b\"\n", false),
            // Another thing is called, and with another number of things.
            ("is(f(a), b)\n", "is(f(a))\n", "equal(f(a), b)\n", true),
            ("f(a)\n", "f()\n", "g(a)\n", true),
            ("f(a)(b)\n", "f(a)(b, c)\n", "g(a)(b)\n", false),
            ("f(a, b)\n", "f(a, c)\n", "g(a, b)\n", false),
            // Both put something in, so that the others have other places; or the same.
            ("f(a)\n", "f(a, b)\n", "f(c, a)\n", true),
            ("f(a)\n", "g(f(a), b)\n", "f(c, a)\n", false),
            ("f(a, b)\n", "f(a, b, c)\n", "f(x, b, c)\n", false),
            ("use a::{b};\n", "use a::{b, c};\n", "use a::{d, b};\n", false),
            // Taken out by one side, in whatever language.
            ("f(a)\n", "#f(a)\n", "f(b)\n", true),
            ("f(a)\n", "-- f(a)\n", "f(b)\n", true),
            ("// f(a)\n", "f(a)\n", "// f(b)\n", true),
            ("f(a)\n", "f(a) #why\n", "f(b)\n", true),
            (";f(a)\n", "f(a)\n", "f(b)\n", true),
            // A sentence that both changed.
            ("// we like red cats\n", "// we love red cats\n", "// we like red dogs\n", true),
            ("f(a) # we like red cats\n", "f(a) # we love red cats\n", "f(a) # we like red dogs\n", true),
            ("#[a(b, c)]\n", "#[d(b, c)]\n", "#[a(b, e)]\n", false),
        ] {
            assert_eq!(speaks_of_the_other(base, ours, theirs), expected, "{base}");
            assert_eq!(speaks_of_the_other(base, theirs, ours), expected, "{base}");
        }
    }
}
