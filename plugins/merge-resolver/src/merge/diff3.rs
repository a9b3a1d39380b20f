//! Three texts laid side by side: what merges by itself, and the hunks where both sides changed the same place.
//!
//! The rule is git's: changes that overlap or touch are a conflict unless both sides made the same one. What
//! may be done about a hunk is `hunk`'s.

use super::diff::{By, Change, changes, changes_by};
use std::ops::Range;

/// A place where both sides changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hunk<'t, T> {
    /// What both started from.
    pub base: &'t [T],
    /// What our side made of it.
    pub ours: &'t [T],
    /// What their side made of it.
    pub theirs: &'t [T],
}

impl Hunk<'_, &str> {
    /// Whether every line of it ends.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        [self.base, self.ours, self.theirs].iter().all(|lines| lines.last().is_none_or(|line| line.ends_with('\n')))
    }
}

/// A piece of the merged text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region<'t, T> {
    /// Merged by itself.
    Clean(&'t [T]),
    /// In conflict.
    Conflict(Hunk<'t, T>),
}

/// Lays `ours` and `theirs` beside `base`; none where one is too far from it to be compared.
#[must_use]
pub fn regions<'t, T: Ord>(by: By, base: &'t [T], ours: &'t [T], theirs: &'t [T]) -> Option<Vec<Region<'t, T>>> {
    regions_of([&changes_by(by, base, ours)?, &changes_by(by, base, theirs)?], base, ours, theirs)
}

/// The same where both sides' changes are known.
#[must_use]
pub fn regions_of<'t, T: Eq>(
    [mut us, mut them]: [&[Change]; 2],
    base: &'t [T],
    ours: &'t [T],
    theirs: &'t [T],
) -> Option<Vec<Region<'t, T>>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(start) = [us.first(), them.first()].into_iter().flatten().map(|it| it.base.start).min() {
        let mut end = start;
        let (ours_group, theirs_group) = loop {
            let ours_count = us.iter().take_while(|it| it.base.start <= end).count();
            let theirs_count = them.iter().take_while(|it| it.base.start <= end).count();
            let (our, their) = (us.get(..ours_count)?, them.get(..theirs_count)?);
            let reach = [our.last(), their.last()].into_iter().flatten().map(|it| it.base.end).max()?;
            if reach <= end {
                break (our, their);
            }
            end = reach;
        };
        found.push(Region::Clean(base.get(at..start)?));
        let hunk = Hunk {
            base: base.get(start..end)?,
            ours: ours.get(span(ours_group, &(start..end)).unwrap_or_default())?,
            theirs: theirs.get(span(theirs_group, &(start..end)).unwrap_or_default())?,
        };
        found.push(match (ours_group.is_empty(), theirs_group.is_empty()) {
            (_, true) => Region::Clean(hunk.ours),
            (true, _) => Region::Clean(hunk.theirs),
            _ if hunk.ours == hunk.theirs => Region::Clean(hunk.ours),
            _ => Region::Conflict(hunk),
        });
        (us, them, at) = (us.get(ours_group.len()..)?, them.get(theirs_group.len()..)?, end);
    }
    found.push(Region::Clean(base.get(at..)?));
    found.retain(|region| !matches!(region, Region::Clean([])));
    Some(found)
}

/// What the base's `range` became on the side of these changes of it; none where there is no change.
fn span(group: &[Change], range: &Range<usize>) -> Option<Range<usize>> {
    let (first, last) = (group.first()?, group.last()?);
    let before = first.base.start.checked_sub(range.start)?;
    let after = range.end.checked_sub(last.base.end)?;
    Some(first.side.start.checked_sub(before)?..last.side.end + after)
}

/// Which side's insertion stands first where both insert at the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Ours, then theirs.
    OursFirst,
    /// Theirs, then ours.
    TheirsFirst,
}

/// Both sides' changes in one text where they overlap nowhere, though they may touch. Without an order, two
/// insertions at one place are an overlap. What both inserted there alike, at its start or end, stands once.
#[must_use]
pub fn weave<T: Ord + Clone>(base: &[T], ours: &[T], theirs: &[T], order: Option<Order>) -> Option<Vec<T>> {
    weave_of([&changes(base, ours)?, &changes(base, theirs)?], base, ours, theirs, order)
}

/// The same where both sides' changes are known.
#[must_use]
pub fn weave_of<T: Eq + Clone>(
    [mut us, mut them]: [&[Change]; 2],
    base: &[T],
    ours: &[T],
    theirs: &[T],
    order: Option<Order>,
) -> Option<Vec<T>> {
    let (mut made, mut at) = (Vec::new(), 0);
    loop {
        let (our, their) = (us.first(), them.first());
        let both = our.zip(their).filter(|(our, their)| our.base == their.base);
        let (range, text) = if let Some((our, their)) = both {
            (us, them) = (us.get(1..)?, them.get(1..)?);
            let (our_text, their_text) = (ours.get(our.side.clone())?, theirs.get(their.side.clone())?);
            let text = match order {
                _ if our_text == their_text => our_text.to_vec(),
                Some(order) if our.base.is_empty() => joined(our_text, their_text, order)?,
                _ => return None,
            };
            (our.base.clone(), text)
        } else if let Some(our) = our.filter(|our| their.is_none_or(|their| comes_before(our, their))) {
            us = us.get(1..)?;
            (our.base.clone(), ours.get(our.side.clone())?.to_vec())
        } else if let Some(their) = their {
            them = them.get(1..)?;
            (their.base.clone(), theirs.get(their.side.clone())?.to_vec())
        } else {
            made.extend_from_slice(base.get(at..)?);
            return Some(made);
        };
        // None where the change begins before the last one ended: an overlap.
        made.extend_from_slice(base.get(at..range.start)?);
        made.extend(text);
        at = range.end;
    }
}

fn comes_before(our: &Change, their: &Change) -> bool {
    (our.base.start, our.base.end) < (their.base.start, their.base.end)
}

/// Both insertions, what they share at their start or end once.
fn joined<T: Eq + Clone>(ours: &[T], theirs: &[T], order: Order) -> Option<Vec<T>> {
    let head = ours.iter().zip(theirs).take_while(|(left, right)| left == right).count();
    let (our_rest, their_rest) = (ours.get(head..)?, theirs.get(head..)?);
    let tail = our_rest.iter().rev().zip(their_rest.iter().rev()).take_while(|(left, right)| left == right).count();
    let (first, second) = match order {
        Order::OursFirst => (our_rest, their_rest),
        Order::TheirsFirst => (their_rest, our_rest),
    };
    let mut made = ours.get(..head)?.to_vec();
    made.extend_from_slice(first.get(..first.len().checked_sub(tail)?)?);
    made.extend_from_slice(second);
    Some(made)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;

    fn letters(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    /// The merged text, hunks as `<ours|base|theirs>`.
    fn merged(base: &str, ours: &str, theirs: &str) -> String {
        let (base, ours, theirs) = (letters(base), letters(ours), letters(theirs));
        let text = |part: &[char]| part.iter().collect::<String>();
        let shown = |region: Region<'_, char>| match region {
            Region::Clean(part) => text(part),
            Region::Conflict(hunk) => format!("<{}|{}|{}>", text(hunk.ours), text(hunk.base), text(hunk.theirs)),
        };
        regions(By::Fewest, &base, &ours, &theirs).unwrap().into_iter().map(shown).collect()
    }

    #[test]
    fn changes_apart_merge_and_changes_that_touch_do_not() {
        for (base, ours, theirs, expected) in [
            ("abcde", "aXcde", "abcdY", "aXcdY"),
            ("abc", "abc", "aXc", "aXc"),
            ("abc", "aXc", "aXc", "aXc"),
            ("abc", "aXc", "aYc", "a<X|b|Y>c"),
            ("abcd", "aXcd", "abYd", "a<Xc|bc|bY>d"),
            ("ab", "aXb", "aYb", "a<X||Y>b"),
            ("ab", "aXb", "aY", "a<Xb|b|Y>"),
            ("", "X", "Y", "<X||Y>"),
            ("abcdefgh", "XbcdefgY", "abcZefgh", "XbcZefgY"),
            ("abcdef", "aXYdef", "abcZef", "a<XYd|bcd|bcZ>ef"),
        ] {
            assert_eq!(merged(base, ours, theirs), expected, "{base} {ours} {theirs}");
        }
    }

    fn woven(base: &str, ours: &str, theirs: &str, order: Option<Order>) -> Option<String> {
        let made = weave(&letters(base), &letters(ours), &letters(theirs), order)?;
        Some(made.into_iter().collect())
    }

    #[test]
    fn weaving_takes_what_touches_and_refuses_what_overlaps() {
        for (base, ours, theirs, expected) in [
            ("abcd", "aXcd", "abYd", Some("aXYd")),
            ("abcd", "aXcd", "abYcd", Some("aXYcd")),
            ("abcd", "aXYd", "abZd", None),
            ("abc", "aXc", "aYc", None),
            ("abc", "aXc", "aXc", Some("aXc")),
            ("ab", "aXb", "aYb", None),
        ] {
            assert_eq!(woven(base, ours, theirs, None).as_deref(), expected, "{base} {ours} {theirs}");
        }
        assert_eq!(woven("ab", "aXb", "aYb", Some(Order::OursFirst)).as_deref(), Some("aXYb"));
        assert_eq!(woven("ab", "aXb", "aYb", Some(Order::TheirsFirst)).as_deref(), Some("aYXb"));
        assert_eq!(woven("ab", "aPXSb", "aPYSb", Some(Order::TheirsFirst)).as_deref(), Some("aPYXSb"));
    }
}
