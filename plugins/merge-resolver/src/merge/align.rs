//! The lines of a hunk told apart: what became of each line of the base on each side, and from that one text, where no
//! line was changed by one side and removed by the other, and no two insertions stand at one place.
//!
//! What cannot be told apart without a doubt is not merged: a line that could have become either of two, a stretch that
//! was written anew, lines that only together open and close a block, a name that one side replaced and the other uses.

use super::blocks::{Blocks, is_bare_header};
use super::diff::{By, Change, changes_by};
use super::doubts;
use super::words::merge_line;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Most lines of one version of a hunk whose lines are told apart: each is compared with each.
pub const MAX_LINES: usize = 40;

/// Fewest words of a line that says something: shorter ones, such as `return nil`, are all over a file.
const MIN_WORDS: usize = 3;

/// A line's words in order, so that what two have in common is counted by going through both once.
type Bag<'t> = Vec<&'t str>;

fn bags<'t>(lines: &[&'t str]) -> Vec<Bag<'t>> {
    let bag = |line: &&'t str| {
        let mut words: Vec<&str> = words(line).collect();
        words.sort_unstable();
        words
    };
    lines.iter().map(bag).collect()
}

/// What became of a line on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate<'t> {
    Kept,
    Became(&'t str),
    Gone,
}

/// One side of a hunk, by the base's lines.
#[derive(Debug)]
struct Side<'t> {
    fates: Vec<Fate<'t>>,
    /// What was put before each line, and at the end.
    put: Vec<Vec<&'t str>>,
}

/// Both sides' changes in one text; `true` where words within a line were put together. None where they cannot be
/// told apart, or are not apart. `above` is the line before the hunk.
#[must_use]
pub fn merge(
    (blocks, above): (Blocks, Option<&str>),
    base: &[&str],
    ours: &[&str],
    theirs: &[&str],
) -> Option<(Vec<String>, bool)> {
    if [base, ours, theirs].iter().any(|lines| lines.len() > MAX_LINES) {
        return None;
    }
    let bags_of_base = bags(base);
    let (our_lines, their_lines) = (ours, theirs);
    let (ours, theirs) = (Side::of(&bags_of_base, base, ours)?, Side::of(&bags_of_base, base, theirs)?);
    let is_put_or_gone =
        |side: &Side<'_>| side.put.iter().any(|lines| !lines.is_empty()) || side.fates.contains(&Fate::Gone);
    let lines = above.iter().chain([base, our_lines, their_lines].into_iter().flatten());
    let bare = { lines }.any(|line| is_bare_header(line));
    if bare && (is_put_or_gone(&ours) || is_put_or_gone(&theirs)) {
        return None;
    }
    let apart = |side: &Side<'_>, other| side.keeps_blocks(blocks, base, other) && side.stands_beside(other);
    if !(apart(&ours, &theirs) && apart(&theirs, &ours)) || ours.says_elsewhere(&theirs) {
        return None;
    }
    let (mut made, mut in_words) = (Vec::new(), false);
    for at in 0..=base.len() {
        let (our, their) = (ours.put.get(at)?, theirs.put.get(at)?);
        let put = if our.is_empty() { their } else { our };
        if !(our.is_empty() || their.is_empty() || our == their) {
            return None;
        }
        made.extend(put.iter().map(|line| (*line).to_owned()));
        let Some(line) = base.get(at) else { break };
        match (ours.fates.get(at)?, theirs.fates.get(at)?) {
            (Fate::Kept, Fate::Kept) => made.push((*line).to_owned()),
            (Fate::Gone, Fate::Gone | Fate::Kept) | (Fate::Kept, Fate::Gone) => {}
            (Fate::Kept, Fate::Became(text)) | (Fate::Became(text), Fate::Kept) => made.push((*text).to_owned()),
            (Fate::Became(our), Fate::Became(their)) if our == their => made.push((*our).to_owned()),
            (Fate::Became(our), Fate::Became(their)) => {
                made.push(merge_line(line, our, their)?);
                in_words = true;
            }
            (Fate::Became(_), Fate::Gone) | (Fate::Gone, Fate::Became(_)) => return None,
        }
    }
    let replaced: BTreeSet<&str> = ours.replaced(base).chain(theirs.replaced(base)).collect();
    let uses = made.iter().flat_map(|line| doubts::used(line)).any(|word| replaced.contains(word));
    (!uses).then_some((made, in_words))
}

impl<'t> Side<'t> {
    fn of(bags_of_base: &[Bag<'_>], base: &[&str], side: &[&'t str]) -> Option<Self> {
        let common = Common::new(bags_of_base, &bags(side));
        let mut made = Self { fates: vec![Fate::Kept; base.len()], put: vec![Vec::new(); base.len() + 1] };
        for change in changes_by(By::Rarest, base, side)? {
            let (from, to) = (base.get(change.base.clone())?, side.get(change.side.clone())?);
            let pairs = common.pairs(&change)?;
            let (mut old, mut new) = (0, 0);
            for (paired_old, paired_new) in pairs.into_iter().chain([(from.len(), to.len())]) {
                let (gone, put) = (old..paired_old, to.get(new..paired_new)?);
                // Lines in the place of others: written anew, so nothing tells what of them is whose.
                if !gone.is_empty() && !put.is_empty() {
                    return None;
                }
                for at in gone {
                    *made.fates.get_mut(change.base.start + at)? = Fate::Gone;
                }
                made.put.get_mut(change.base.start + paired_old)?.extend(put);
                if let Some(text) = to.get(paired_new) {
                    *made.fates.get_mut(change.base.start + paired_old)? = Fate::Became(text);
                }
                (old, new) = (paired_old + 1, paired_new + 1);
            }
        }
        made.is_apart(base, side, &common).then_some(made)
    }

    /// Whether each line that changed is nearer to what it became than to any other line, and what it became to it.
    fn is_apart(&self, base: &[&str], side: &[&str], common: &Common) -> bool {
        // Of two equal lines, which one was changed cannot be told.
        let once = |lines: &[&str], own: &str| lines.iter().filter(|other| **other == own).count() == 1;
        base.iter().enumerate().zip(&self.fates).all(|((old, from), fate)| {
            let Fate::Became(text) = fate else { return true };
            let Some(new) = side.iter().position(|line| line == text) else { return false };
            let kept = common.of(old, new);
            let nearest = (0..side.len()).all(|other| other == new || common.of(old, other) < kept)
                && (0..base.len()).all(|other| other == old || common.of(other, new) < kept);
            nearest && once(base, from) && once(side, text)
        })
    }

    /// Whether both sides wrote the same line at two places: then one of them moved, or did twice, what the other did.
    fn says_elsewhere(&self, other: &Self) -> bool {
        fn written<'s>(side: &'s Side<'_>) -> impl Iterator<Item = (usize, &'s str)> {
            let put = side.put.iter().enumerate().flat_map(|(at, lines)| lines.iter().map(move |line| (2 * at, *line)));
            let changed = side.fates.iter().enumerate().filter_map(|(at, fate)| match fate {
                Fate::Became(line) => Some((2 * at + 1, *line)),
                Fate::Kept | Fate::Gone => None,
            });
            put.chain(changed).map(|(at, line)| (at, line.trim()))
        }
        written(self).any(|(at, line)| {
            let says = words(line).count() >= MIN_WORDS;
            says && written(other).any(|(there, other)| at != there && line == other)
        })
    }

    /// The names that this side replaced by others in lines that it changed, and has in the hunk no more.
    fn replaced<'b>(&'b self, base: &'b [&'b str]) -> impl Iterator<Item = &'b str> {
        let changed = base.iter().zip(&self.fates).filter(|(_, fate)| matches!(fate, Fate::Became(_)));
        let kept = base.iter().zip(&self.fates).filter_map(|(line, fate)| match fate {
            Fate::Kept => Some(*line),
            Fate::Became(text) => Some(*text),
            Fate::Gone => None,
        });
        let has: BTreeSet<&str> = kept.chain(self.put.iter().flatten().copied()).flat_map(doubts::words).collect();
        changed.flat_map(|(line, _)| doubts::words(line)).filter(move |word| !has.contains(word))
    }

    /// Whether no block of the base has another begin or end on this side, so that what the other side did lies in the
    /// block that it was written for.
    fn keeps_blocks(&self, blocks: Blocks, base: &[&str], other: &Side<'_>) -> bool {
        let put = self.put.iter().zip(&other.put).all(|(put, theirs)| put == theirs || blocks.are_whole_in(put));
        let (mut gone, mut gone_whole) = (Vec::new(), true);
        for ((line, fate), theirs) in base.iter().zip(&self.fates).zip(&other.fates) {
            if *fate == Fate::Gone && theirs != &Fate::Gone {
                gone.push(*line);
            } else {
                gone_whole &= blocks.are_whole_in(&std::mem::take(&mut gone));
            }
        }
        let changed = base.iter().zip(&self.fates).zip(&other.fates).all(|((line, fate), theirs)| match fate {
            Fate::Became(text) if fate != theirs => blocks.are_as_before(line, text),
            Fate::Became(_) | Fate::Kept | Fate::Gone => true,
        });
        put && gone_whole && blocks.are_whole_in(&gone) && changed
    }

    /// Whether what this side put stands beside lines that the other side still has: where they are gone, its place is.
    fn stands_beside(&self, other: &Side<'_>) -> bool {
        let gone_there = |at: usize| other.fates.get(at) == Some(&Fate::Gone);
        let mut put =
            self.put.iter().enumerate().filter(|(at, put)| !put.is_empty() && other.put.get(*at) != Some(put));
        put.all(|(at, _)| !gone_there(at) && at.checked_sub(1).is_none_or(|at| !gone_there(at)))
    }
}

/// How many words each line of the base has in common with each of a side.
struct Common {
    counts: Vec<usize>,
    width: usize,
    /// Words of each line of the base.
    words: Vec<usize>,
}

impl Common {
    fn new(base: &[Bag<'_>], side: &[Bag<'_>]) -> Self {
        let counts = base.iter().flat_map(|from| side.iter().map(move |to| in_common(from, to))).collect();
        Self { counts, width: side.len(), words: base.iter().map(|from| from.len()).collect() }
    }

    fn of(&self, old: usize, new: usize) -> usize {
        self.counts.get(old * self.width + new).copied().unwrap_or(0)
    }

    /// The same where at least half of the words are kept, else nothing.
    fn kept(&self, old: usize, new: usize) -> usize {
        let kept = self.of(old, new);
        if 2 * kept >= self.words.get(old).copied().unwrap_or(0) { kept } else { 0 }
    }

    /// Which lines of a stretch became which: in order, each with at least half of its words kept, as many words kept as
    /// can be. Counted from the stretch's begin.
    fn pairs(&self, change: &Change) -> Option<Vec<(usize, usize)>> {
        let (from, to) = (change.base.len(), change.side.len());
        let kept = |old: usize, new: usize| self.kept(change.base.start + old, change.side.start + new);
        // `best[i][j]`: words kept by the lines from `i` and `j` on.
        let mut best = vec![0; (from + 1) * (to + 1)];
        let place = |old: usize, new: usize| old * (to + 1) + new;
        for old in (0..from).rev() {
            for new in (0..to).rev() {
                let at = |old: usize, new: usize| best.get(place(old, new)).copied().unwrap_or(0);
                let pair = kept(old, new);
                let paired = if pair > 0 { pair + at(old + 1, new + 1) } else { 0 };
                *best.get_mut(place(old, new))? = paired.max(at(old + 1, new)).max(at(old, new + 1));
            }
        }
        let at = |old: usize, new: usize| best.get(place(old, new)).copied().unwrap_or(0);
        let (mut old, mut new, mut found) = (0, 0, Vec::new());
        while old < from && new < to {
            let pair = kept(old, new);
            if pair > 0 && at(old, new) == pair + at(old + 1, new + 1) {
                found.push((old, new));
                (old, new) = (old + 1, new + 1);
            } else if at(old, new) == at(old + 1, new) {
                old += 1;
            } else {
                new += 1;
            }
        }
        Some(found)
    }
}

/// How many words two lines have in common, in whatever order.
fn in_common(left: &[&str], right: &[&str]) -> usize {
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    let mut count = 0;
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        match one.cmp(other) {
            Ordering::Less => drop(left.next()),
            Ordering::Greater => drop(right.next()),
            Ordering::Equal => {
                count += 1;
                left.next();
                right.next();
            }
        }
    }
    count
}

/// Runs of letters, digits and `_`, and every other character but blanks: of texts in quotes too, so that two lines
/// that differ in such a text alone are told apart by it.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let is_word = |it: char| it.is_alphanumeric() || it == '_';
    let mut rest = line;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let end = if is_word(first) { rest.find(|it| !is_word(it)).unwrap_or(rest.len()) } else { first.len_utf8() };
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<&str> {
        text.split_inclusive('\n').collect()
    }

    /// The same whichever side is ours.
    fn check_in(blocks: Blocks, base: &str, ours: &str, theirs: &str, expected: Option<&str>) {
        for (ours, theirs) in [(ours, theirs), (theirs, ours)] {
            let made =
                merge((blocks, None), &lines(base), &lines(ours), &lines(theirs)).map(|(lines, _)| lines.concat());
            assert_eq!(made.as_deref(), expected, "{base}{ours}{theirs}");
        }
    }

    fn check(base: &str, ours: &str, theirs: &str, expected: Option<&str>) {
        check_in(Blocks::Brackets, base, ours, theirs, expected);
    }

    #[test]
    fn lines_of_each_side() {
        let base = "let a = f(0);\nlet b = g(0);\n";
        // Changed, put before, after and between, taken away.
        check(
            base,
            "let a = f(1);\nlet b = g(0);\n",
            "let a = f(0);\nlet b = g(2);\n",
            Some("let a = f(1);\nlet b = g(2);\n"),
        );
        check(
            base,
            "x();\nlet a = f(0);\nlet b = g(0);\n",
            "let a = f(1);\nlet b = g(0);\n",
            Some("x();\nlet a = f(1);\nlet b = g(0);\n"),
        );
        check(
            base,
            "let a = f(0);\nx();\nlet b = g(0);\n",
            "let a = f(1);\nlet b = g(2);\n",
            Some("let a = f(1);\nx();\nlet b = g(2);\n"),
        );
        check(base, "let b = g(0);\n", "let a = f(0);\nlet b = g(2);\n", Some("let b = g(2);\n"));
        // Both did the same, and one more.
        check(base, "let a = f(1);\nx();\n", "let a = f(1);\nx();\ny();\n", None);
        check(base, "let b = g(1);\n", "let b = g(0);\n", Some("let b = g(1);\n"));
        check(
            base,
            "x();\nlet a = f(0);\nlet b = g(0);\n",
            "x();\nlet a = f(0);\nlet b = g(2);\n",
            Some("x();\nlet a = f(0);\nlet b = g(2);\n"),
        );
        // Words of one line, beside a line of one side.
        check("f(a, b);\n", "f(x, b);\n", "f(a, y);\nmore();\n", Some("f(x, y);\nmore();\n"));
    }

    #[test]
    fn what_is_not_apart_is_left() {
        // The same line twice over, one taken away that the other changed, two put at one place.
        check("f(a, b);\n", "f(x, b);\n", "f(y, b);\n", None);
        check("f(a, b);\ng(c);\n", "g(c);\n", "f(x, b);\ng(c);\n", None);
        check("f(a, b);\n", "f(a, b);\nx();\n", "f(a, b);\ny();\n", None);
        // Put beside a line that is gone on the other side.
        check("f(a, b);\ng(c);\n", "f(a, b);\nx();\ng(c);\n", "f(a, b);\n", None);
        // Written anew, so that nothing tells whose a line is.
        check("let a = f(0);\nb();\n", "while x {\nb();\n", "let a = f(0);\nb(1);\n", None);
    }

    #[test]
    fn a_block_is_opened_and_closed_by_one_side_alone() {
        check("if a {\nb(0);\n", "b(0);\n", "if a {\nb(1);\n", None);
        check("b(0);\n", "if a {\nb(0);\n}\n", "b(1);\n", None);
        check("b(0);\n", "if a { c(); }\nb(0);\n", "b(1);\n", Some("if a { c(); }\nb(1);\n"));
    }

    #[test]
    fn a_block_without_brackets_is_left() {
        // By how far its lines are indented: opened, closed, and made longer.
        for blocks in [Blocks::Indentation, Blocks::Unknown] {
            check_in(blocks, "b(0)\nc(0)\n", "if a:\n    b(0)\n    c(0)\n", "b(0)\nlog(1)\nc(0)\n", None);
            let (base, ours) = ("if a:\n    b(i)\n    c(i)\n", "b(i)\nc(i)\n");
            check_in(blocks, base, ours, "if a:\n    b(i)\n    log(1)\n    c(i)\n", None);
            check_in(blocks, base, ours, "if a:\n    b(i)\n    c(i, 1)\n", None);
            check_in(blocks, "    b(i)\nc(i)\n", "    b(i)\n    c(i)\n", "    b(i)\nc(i, 1)\n", None);
            // Both moved it.
            let expected = (blocks == Blocks::Indentation).then_some("b(i)\nlog(1)\nc(i)\n");
            check_in(blocks, base, ours, "b(i)\nlog(1)\nc(i)\n", expected);
        }
        check("    b(i)\nc(i)\n", "    b(i)\n    c(i)\n", "    b(i)\nc(i, 1)\n", Some("    b(i)\n    c(i, 1)\n"));
        // By words that nobody knows here, by a directive, a tag, a comment, a text.
        let (base, theirs) = ("b 0\n", "b 1\n");
        check_in(Blocks::Unknown, base, "if a; then\nb 0\nfi\n", theirs, None);
        check_in(Blocks::Unknown, "b 0 x\nc 0 y\n", "b 1 x\nc 0 y\n", "b 0 x\nc 2 y\n", Some("b 1 x\nc 2 y\n"));
        for (opens, closes) in [("# if A", "#endif"), ("<p>", "</p>"), ("/*", "*/"), ("'''", "'''"), ("`", "`")] {
            check(base, &format!("{opens}\n{base}{closes}\n"), theirs, None);
        }
        check(base, &format!("<p/>\n{base}"), theirs, Some(&format!("<p/>\n{theirs}")));
    }

    #[test]
    fn a_line_that_opens_what_another_closes_is_left() {
        let base = "b(0);\nc(0);\n";
        for ours in ["if (a) { b(0);\nc(0); }\n", "/* b(0);\nc(0); */\n"] {
            check(base, ours, "b(0);\nlog(1);\nc(0);\n", None);
        }
    }

    #[test]
    fn the_one_line_below_a_header_is_left() {
        let merged = |above| {
            let (base, ours, theirs) = (lines("    b(0);\nc(0);\n"), lines("    b(0);\n"), lines("c(0);\n"));
            merge((Blocks::Brackets, above), &base, &ours, &theirs).is_some()
        };
        for above in ["if (a)\n", "} else\n", "while (f(a) == b)\n"] {
            assert!(!merged(Some(above)), "{above}");
        }
        assert!(merged(None) && merged(Some("if (a) {\n")) && merged(Some("f(a)\n")));
        check("if (a)\nb(0);\nc(0);\n", "if (a)\nb(0);\nlog();\nc(0);\n", "if (a)\nb(1);\nc(0);\n", None);
    }

    #[test]
    fn a_name_that_one_side_replaced_is_not_used() {
        let base = "let old = 1;\nf(old);\n";
        check(base, &base.replace("old", "new"), &format!("{base}more(old);\n"), None);
        check(base, &base.replace("old", "new"), &format!("{base}more($old);\n"), None);
        let expected = format!("{}more(one);\n", base.replace("old", "new"));
        check(base, &base.replace("old", "new"), &format!("{base}more(one);\n"), Some(&expected));
        // It has it still.
        let (ours, theirs) = ("let old = 1;\nf(own, old);\n", format!("{base}more(old);\n"));
        check(base, ours, &theirs, Some(&format!("{ours}more(old);\n")));
    }

    #[test]
    fn lines_that_could_be_either_are_left() {
        let base = "let x = 1;\nlet y = 1;\n";
        // By index, theirs would be put into ours' other line.
        check(base, "let y = 1;\nlet x = 1;\n", "let x = 1;\nlet y = 2;\n", None);
        check(base, "let y = 3;\nlet x = 3;\n", "let x = 1;\nlet y = 2;\n", None);
        // Which of two like lines was edited cannot be told.
        check("f(1);\nf(1);\n", "f(2);\nf(1);\n", "f(1);\nf(3);\n", None);
        // Texts in quotes tell lines apart.
        let base = "say('one two')\nsay('three four')\n";
        check(base, &base.replace('\'', "\""), &base.replace("two", "six"), None);
        check(base, &base.replace("say", "tell"), &base.replace(')', ", x)"), None);
        let base = "assert 'one two' in str(e)\nassert 'three four' in str(e)\n";
        let (ours, theirs) = (base.replace('\'', "\""), base.replace("(e)", "(e.value)"));
        check(base, &ours, &theirs, Some(&ours.replace("(e)", "(e.value)")));
    }

    #[test]
    fn a_line_that_both_wrote_at_two_places_is_left() {
        let base = "from a import x as y\nb = 1\n";
        check(base, "from a import z as y\nb = 1\n", "from a import x as y\nfrom a import z as y\nb = 1\n", None);
    }

    #[test]
    fn lines_are_told_apart_in_small_hunks() {
        let text = |count: usize, first: &str, last: &str| {
            let middle: String = (2..count).map(|at| format!("let l{at} = g({first}{last}, \"{at}\");\n")).collect();
            format!("let a = f({first});\n{middle}let z = h({last});\n")
        };
        for (count, merges) in [(MAX_LINES, true), (MAX_LINES + 1, false)] {
            let base = text(count, "0", "0");
            let theirs = |base: &str| base.replace("g(00,", "g(22,").replace("h(0)", "h(2)");
            let ours = base.replace("f(0)", "f(1)");
            let expected = theirs(&ours);
            check(&base, &ours, &theirs(&base), merges.then_some(expected.as_str()));
        }
    }
}
