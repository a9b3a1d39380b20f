//! What changed from one sequence to another: by the rarest items (`histogram`) or Myers' shortest edits, then the
//! sliding that git does.
//!
//! Knows nothing of lines or words: anything that can be compared.

use super::histogram;
use std::collections::BTreeMap;
use std::ops::Range;

/// Most insertions and deletions of one comparison. The search keeps one number for each step and diagonal,
/// so this is 16 MB of a guest's memory at most; texts further apart than this have little left to merge.
pub const MAX_EDITS: usize = 2_000;

/// One place where `side` differs from `base`; either range may be empty, never both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What was replaced.
    pub base: Range<usize>,
    /// What it was replaced by.
    pub side: Range<usize>,
}

/// How two sequences are laid side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// By what is rarest in both, as git merges.
    Rarest,
    /// With the fewest insertions and deletions, as git merges where `diff.algorithm` says so.
    Fewest,
}

/// The changes from `base` to `side` with the fewest edits, in order, none touching the next; none where they are more
/// than [`MAX_EDITS`] apart.
#[must_use]
pub fn changes<T: Ord>(base: &[T], side: &[T]) -> Option<Vec<Change>> {
    changes_by(By::Fewest, base, side)
}

/// The changes from `base` to `side`, in order, none touching the next; none where they are too far apart.
#[must_use]
pub fn changes_by<T: Ord>(by: By, base: &[T], side: &[T]) -> Option<Vec<Change>> {
    let (base, side) = interned(base, side);
    let edits = match by {
        By::Rarest => histogram::edits(&base, &side)?,
        By::Fewest => histogram::trimmed(&base, &side)?,
    };
    let mut old = Marks::new(&base, &edits.deleted);
    let mut new = Marks::new(&side, &edits.inserted);
    slide(&mut old, &mut new);
    slide(&mut new, &mut old);
    Some(script(&old, &new))
}

/// Both sequences as numbers, equal where the items are.
pub fn interned<'t, T: Ord>(base: &'t [T], side: &'t [T]) -> (Vec<usize>, Vec<usize>) {
    let mut numbers = BTreeMap::new();
    let mut number = |item: &'t T| {
        let next = numbers.len();
        *numbers.entry(item).or_insert(next)
    };
    let base = base.iter().map(&mut number).collect();
    (base, side.iter().map(&mut number).collect())
}

/// What differs between two sequences, in no order.
#[derive(Debug, Default)]
pub struct Edits {
    /// What of the first is not in the second.
    pub deleted: Vec<usize>,
    /// What of the second is not in the first.
    pub inserted: Vec<usize>,
}

/// Myers' greedy search. Row `d` holds how far each diagonal reaches with `d` edits: diagonal `2i - d` at `i`.
pub fn shortest(old: &[usize], new: &[usize]) -> Option<Edits> {
    let mut rows: Vec<Vec<Option<usize>>> = Vec::new();
    for d in 0..=(old.len() + new.len()).min(MAX_EDITS) {
        let mut row = Vec::with_capacity(d + 1);
        for i in 0..=d {
            let reached = step(rows.last(), d, i, old.len(), new.len()).map(|(x, _)| {
                let y = (x + d).saturating_sub(2 * i);
                let same = |at: usize| old.get(x + at).is_some_and(|item| new.get(y + at) == Some(item));
                x + (0..).take_while(|at| same(*at)).count()
            });
            row.push(reached);
            if reached == Some(old.len()) && old.len() + d == new.len() + 2 * i {
                rows.push(row);
                return Some(back(&rows, d, i, old.len(), new.len()));
            }
        }
        rows.push(row);
    }
    None
}

/// Where diagonal `i` of row `d` starts, and whether by an insertion; none where it would leave the texts.
fn step(before: Option<&Vec<Option<usize>>>, d: usize, i: usize, old: usize, new: usize) -> Option<(usize, bool)> {
    let Some(before) = before else { return Some((0, false)) };
    let insert = before.get(i).copied().flatten().filter(|x| x + d <= new + 2 * i);
    let delete = i.checked_sub(1).and_then(|i| before.get(i).copied().flatten()).map(|x| x + 1).filter(|x| *x <= old);
    match (insert, delete) {
        (Some(insert), Some(delete)) if insert >= delete => Some((insert, true)),
        (Some(insert), None) => Some((insert, true)),
        (_, delete) => delete.map(|x| (x, false)),
    }
}

/// Walks the rows back from the end.
fn back(rows: &[Vec<Option<usize>>], d: usize, i: usize, old: usize, new: usize) -> Edits {
    let (mut d, mut i, mut edits) = (d, i, Edits::default());
    while let Some(above) = d.checked_sub(1) {
        let Some((x, inserted)) = step(rows.get(above), d, i, old, new) else { break };
        if inserted {
            edits.inserted.extend((x + d).checked_sub(2 * i + 1));
        } else {
            edits.deleted.extend(x.checked_sub(1));
            i = i.saturating_sub(1);
        }
        d = above;
    }
    edits
}

/// A sequence and which of its items are changed. Items between two unchanged ones are a group, maybe empty.
struct Marks<'t> {
    items: &'t [usize],
    changed: Vec<bool>,
}

impl<'t> Marks<'t> {
    fn new(items: &'t [usize], edits: &[usize]) -> Self {
        let mut changed = vec![false; items.len()];
        for at in edits {
            if let Some(mark) = changed.get_mut(*at) {
                *mark = true;
            }
        }
        Self { items, changed }
    }

    fn is(&self, at: usize) -> bool {
        self.changed.get(at).copied().unwrap_or(false)
    }

    fn set(&mut self, at: usize, to: bool) {
        if let Some(mark) = self.changed.get_mut(at) {
            *mark = to;
        }
    }

    fn same(&self, left: usize, right: usize) -> bool {
        self.items.get(left).is_some_and(|item| self.items.get(right) == Some(item))
    }

    fn end_of(&self, start: usize) -> usize {
        start + (start..).take_while(|at| self.is(*at)).count()
    }

    fn start_of(&self, end: usize) -> usize {
        end - (0..end).rev().take_while(|at| self.is(*at)).count()
    }

    fn first(&self) -> Range<usize> {
        0..self.end_of(0)
    }

    fn next(&self, group: &Range<usize>) -> Option<Range<usize>> {
        let start = group.end + 1;
        (group.end < self.items.len()).then(|| start..self.end_of(start))
    }

    fn previous(&self, group: &Range<usize>) -> Option<Range<usize>> {
        let end = group.start.checked_sub(1)?;
        Some(self.start_of(end)..end)
    }

    /// The same change one item later, joined with the group that it then meets.
    fn down(&mut self, group: &mut Range<usize>) -> bool {
        let can = group.end < self.items.len() && self.same(group.start, group.end);
        if can {
            self.set(group.start, false);
            self.set(group.end, true);
            *group = group.start + 1..self.end_of(group.end);
        }
        can
    }

    /// The same change one item earlier.
    fn up(&mut self, group: &mut Range<usize>) -> bool {
        let Some(before) = group.start.checked_sub(1) else { return false };
        let can = self.same(before, group.end - 1);
        if can {
            self.set(before, true);
            self.set(group.end - 1, false);
            *group = self.start_of(before)..group.end - 1;
        }
        can
    }
}

/// Moves each change of `marks` as late as it may stand, or to where `other` has one too.
fn slide(marks: &mut Marks<'_>, other: &mut Marks<'_>) {
    let (mut group, mut beside) = (marks.first(), other.first());
    loop {
        if !group.is_empty() {
            let mut meets;
            let mut earliest;
            loop {
                let length = group.len();
                while marks.up(&mut group) {
                    beside = other.previous(&beside).unwrap_or(beside);
                }
                earliest = group.end;
                meets = !beside.is_empty();
                while marks.down(&mut group) {
                    beside = other.next(&beside).unwrap_or(beside);
                    meets |= !beside.is_empty();
                }
                if group.len() == length {
                    break;
                }
            }
            while meets && group.end > earliest && beside.is_empty() && marks.up(&mut group) {
                beside = other.previous(&beside).unwrap_or(beside);
            }
        }
        match (marks.next(&group), other.next(&beside)) {
            (Some(next), Some(next_beside)) => (group, beside) = (next, next_beside),
            _ => return,
        }
    }
}

/// The groups of both, side by side.
fn script(old: &Marks<'_>, new: &Marks<'_>) -> Vec<Change> {
    let mut found = Vec::new();
    let (mut base, mut side) = (old.first(), new.first());
    loop {
        if !base.is_empty() || !side.is_empty() {
            found.push(Change { base: base.clone(), side: side.clone() });
        }
        match (old.next(&base), new.next(&side)) {
            (Some(next), Some(next_side)) => (base, side) = (next, next_side),
            _ => return found,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use proptest::prelude::*;

    fn shown(base: &str, side: &str) -> Vec<(Range<usize>, String)> {
        let (base, side): (Vec<_>, Vec<_>) = (base.chars().collect(), side.chars().collect());
        let found = changes(&base, &side).unwrap();
        found.into_iter().map(|it| (it.base, side.get(it.side).unwrap().iter().collect())).collect()
    }

    #[test]
    fn what_changed_is_found() {
        for (base, side, expected) in [
            ("", "", vec![]),
            ("abc", "abc", vec![]),
            ("", "ab", vec![(0..0, "ab")]),
            ("ab", "", vec![(0..2, "")]),
            ("abc", "axc", vec![(1..2, "x")]),
            ("abcdef", "axcdyf", vec![(1..2, "x"), (4..5, "y")]),
            // As late as it may stand.
            ("aab", "aaab", vec![(2..2, "a")]),
            ("abab", "ab", vec![(2..4, "")]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(range, text)| (range, text.to_owned())).collect();
            assert_eq!(shown(base, side), expected, "{base} {side}");
        }
    }

    #[test]
    fn what_is_too_far_apart_is_not_compared() {
        let base: Vec<usize> = (0..MAX_EDITS).collect();
        assert!(changes(&base, &[]).is_some());
        let base: Vec<usize> = (0..=MAX_EDITS).collect();
        assert!(changes(&base, &[]).is_none());
    }

    /// Length of the longest common subsequence, the slow way.
    fn common(left: &[u8], right: &[u8]) -> usize {
        let mut row = vec![0; right.len() + 1];
        for item in left {
            let mut diagonal = 0;
            for (at, other) in right.iter().enumerate() {
                let above = *row.get(at + 1).unwrap();
                let best = if item == other { diagonal + 1 } else { above.max(*row.get(at).unwrap()) };
                *row.get_mut(at + 1).unwrap() = best;
                diagonal = above;
            }
        }
        *row.last().unwrap()
    }

    proptest! {
        #[test]
        fn the_edits_are_shortest_and_lead_from_one_to_the_other(
            base in prop::collection::vec(0u8..4, 0..24),
            side in prop::collection::vec(0u8..4, 0..24),
        ) {
            let found = changes(&base, &side).unwrap();
            let (mut made, mut at, mut cost, mut last) = (Vec::new(), 0, 0, None);
            for change in &found {
                prop_assert!(last.is_none_or(|end| end < change.base.start), "two changes touch");
                made.extend_from_slice(base.get(at..change.base.start).unwrap());
                made.extend_from_slice(side.get(change.side.clone()).unwrap());
                at = change.base.end;
                last = Some(at);
                cost += change.base.len() + change.side.len();
            }
            made.extend_from_slice(base.get(at..).unwrap());
            prop_assert_eq!(&made, &side);
            prop_assert_eq!(cost, base.len() + side.len() - 2 * common(&base, &side));
        }
    }
}
