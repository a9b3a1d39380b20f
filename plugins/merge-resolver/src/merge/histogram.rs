//! What changed from one sequence to another, by the rarest items that both have: git merges by it. What is all over
//! both, such as a closing bracket, is paired last, so a change keeps to what it belongs to.
//!
//! Knows nothing of lines or words. It is git's rule to the letter, ties included: where the two differ, a conflict
//! that git wrote could not be told from one that somebody edited.

use super::diff::{Edits, shortest};
use std::ops::Range;

/// How often an item may stand in a stretch and still pair it: git's own bound.
const MAX_OCCURRENCES: usize = 64;
/// Most items that are looked at in all stretches together: one that is cut again and again is counted again and
/// again, and texts that need more have little left to merge.
pub const MAX_LOOKED_AT: usize = 20_000_000;

/// What is deleted and inserted between `base` and `side`; none where they are too far apart: past
/// [`MAX_LOOKED_AT`], or in a stretch in which nothing is rare for [`shortest`].
#[must_use]
pub fn edits(base: &[usize], side: &[usize]) -> Option<Edits> {
    let mut edits = Edits::default();
    // Each stretch is smaller than the one that it was cut from; those on the left come first.
    let mut stretches = vec![(0..base.len(), 0..side.len())];
    let mut places = Places::new(base.iter().chain(side).max().map_or(0, |item| item + 1));
    while let Some((old, new)) = stretches.pop() {
        let texts = (base.get(old.clone())?, side.get(new.clone())?);
        if old.is_empty() || new.is_empty() {
            edits.deleted.extend(old);
            edits.inserted.extend(new);
            continue;
        }
        match places.rarest(texts.0, texts.1)? {
            Pairing::Stretch(pair) => {
                stretches.push((old.start + pair.old.end..old.end, new.start + pair.new.end..new.end));
                stretches.push((old.start..old.start + pair.old.start, new.start..new.start + pair.new.start));
            }
            Pairing::Nothing => {
                edits.deleted.extend(old);
                edits.inserted.extend(new);
            }
            Pairing::TooMany => {
                let inner = trimmed(texts.0, texts.1)?;
                edits.deleted.extend(inner.deleted.into_iter().map(|at| old.start + at));
                edits.inserted.extend(inner.inserted.into_iter().map(|at| new.start + at));
            }
        }
    }
    Some(edits)
}

/// The shortest edits between two texts, what they share at the ends aside.
pub fn trimmed(base: &[usize], side: &[usize]) -> Option<Edits> {
    let head = base.iter().zip(side).take_while(|(left, right)| left == right).count();
    let (base_rest, side_rest) = (base.get(head..)?, side.get(head..)?);
    let tail = base_rest.iter().rev().zip(side_rest.iter().rev()).take_while(|(left, right)| left == right).count();
    let mut edits = shortest(base_rest.get(..base_rest.len() - tail)?, side_rest.get(..side_rest.len() - tail)?)?;
    edits.deleted.iter_mut().chain(&mut edits.inserted).for_each(|at| *at += head);
    Some(edits)
}

/// What is paired in two texts.
enum Pairing {
    /// The longest stretch with the rarest item.
    Stretch(Pair),
    /// Nothing: they have nothing in common.
    Nothing,
    /// All that they have in common stands too often.
    TooMany,
}

struct Pair {
    old: Range<usize>,
    new: Range<usize>,
}

/// Where an item stands in a stretch: the first place, and how often.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    first: usize,
    count: usize,
}

/// The places of all items, kept from stretch to stretch.
struct Places {
    /// By item; empty between two stretches.
    found: Vec<Found>,
    /// By place in the stretch, the next place of the same item; none is 0, which is never a next one.
    next: Vec<usize>,
    /// How many items may still be looked at.
    room: usize,
}

impl Places {
    fn new(items: usize) -> Self {
        Self { found: vec![Found::default(); items], next: Vec::new(), room: MAX_LOOKED_AT }
    }

    fn of(&self, item: usize) -> Found {
        self.found.get(item).copied().unwrap_or_default()
    }

    /// Takes up a stretch's items.
    fn take_up(&mut self, old: &[usize]) {
        self.next.clear();
        self.next.resize(old.len(), 0);
        for (at, item) in old.iter().enumerate().rev() {
            let (Some(found), Some(next)) = (self.found.get_mut(*item), self.next.get_mut(at)) else { continue };
            *next = if found.count > 0 { found.first } else { 0 };
            *found = Found { first: at, count: found.count + 1 };
        }
    }

    fn forget(&mut self, old: &[usize]) {
        for item in old {
            if let Some(found) = self.found.get_mut(*item) {
                *found = Found::default();
            }
        }
    }

    /// Looks for the stretch that both have whose rarest item is rarest in `old`; of two such, for the longer, then for
    /// the first that is found. None where too much would be looked at.
    fn rarest(&mut self, old: &[usize], new: &[usize]) -> Option<Pairing> {
        self.room = self.room.checked_sub(old.len() + new.len())?;
        self.take_up(old);
        let pairing = self.look(old, new);
        self.forget(old);
        pairing
    }

    fn look(&mut self, old: &[usize], new: &[usize]) -> Option<Pairing> {
        let (mut best, mut rarity, mut in_common) = (None::<Pair>, MAX_OCCURRENCES + 1, false);
        let mut at = 0;
        while let Some(item) = new.get(at) {
            let mut next = at + 1;
            let found = self.of(*item);
            in_common |= found.count > 0;
            let mut place = (found.count > 0 && found.count <= rarity).then_some(found.first);
            while let Some(start) = place {
                let (pair, lowest) = self.grown(old, new, (start, at), found.count);
                self.room = self.room.checked_sub(pair.old.len())?;
                next = next.max(pair.new.end);
                // One that lies in this stretch is of it.
                place = self.after(start);
                while place.is_some_and(|place| place < pair.old.end) {
                    place = place.and_then(|place| self.after(place));
                }
                if best.as_ref().is_none_or(|best| best.old.len() < pair.old.len()) || lowest < rarity {
                    best = Some(pair);
                    rarity = lowest;
                }
            }
            at = next;
        }
        Some(match best {
            _ if in_common && rarity > MAX_OCCURRENCES => Pairing::TooMany,
            Some(best) => Pairing::Stretch(best),
            None => Pairing::Nothing,
        })
    }

    /// The next place of the item at `place`.
    fn after(&self, place: usize) -> Option<usize> {
        self.next.get(place).copied().filter(|next| *next > 0)
    }

    /// The stretch around two equal items, and how often its rarest stands in `old`.
    fn grown(&self, old: &[usize], new: &[usize], (left, right): (usize, usize), count: usize) -> (Pair, usize) {
        let same = |left: usize, right: usize| old.get(left).is_some_and(|item| new.get(right) == Some(item));
        let rarer = |lowest: usize, at: usize| match old.get(at) {
            Some(item) if lowest > 1 => lowest.min(self.of(*item).count),
            _ => lowest,
        };
        let (mut pair, mut lowest) = (Pair { old: left..left + 1, new: right..right + 1 }, count);
        while pair.old.start > 0 && pair.new.start > 0 && same(pair.old.start - 1, pair.new.start - 1) {
            (pair.old.start, pair.new.start) = (pair.old.start - 1, pair.new.start - 1);
            lowest = rarer(lowest, pair.old.start);
        }
        while same(pair.old.end, pair.new.end) {
            lowest = rarer(lowest, pair.old.end);
            (pair.old.end, pair.new.end) = (pair.old.end + 1, pair.new.end + 1);
        }
        (pair, lowest)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use crate::merge::diff::interned;

    /// Both texts with what is deleted and inserted in brackets.
    fn shown(base: &str, side: &str) -> (String, String) {
        let (old, new) = interned(&base.chars().collect::<Vec<_>>(), &side.chars().collect::<Vec<_>>());
        let edits = edits(&old, &new).unwrap();
        let mark = |text: &str, at: &[usize]| {
            let marked = text
                .chars()
                .enumerate()
                .map(|(place, it)| if at.contains(&place) { format!("[{it}]") } else { it.to_string() });
            marked.collect::<String>()
        };
        (mark(base, &edits.deleted), mark(side, &edits.inserted))
    }

    #[test]
    fn what_is_rare_is_paired_first() {
        for (base, side, old, new) in [
            ("", "a", "", "[a]"),
            ("a", "", "[a]", ""),
            ("abc", "abc", "abc", "abc"),
            ("ab", "cd", "[a][b]", "[c][d]"),
            // By the shortest edits, the brackets would be paired and `x` be new.
            ("x}}}", "}}}x", "x[}][}][}]", "[}][}][}]x"),
            // Of two as rare, the longer stretch.
            ("aBCd", "BCxa", "[a]BC[d]", "BC[x][a]"),
            // Of two as rare and as long, the first.
            ("ab", "ba", "[a]b", "b[a]"),
        ] {
            assert_eq!(shown(base, side), (old.to_owned(), new.to_owned()), "{base} {side}");
        }
    }

    #[test]
    fn where_nothing_is_rare_the_shortest_edits_are_taken() {
        let many = "ab".repeat(MAX_OCCURRENCES + 1);
        let (old, new) = shown(&many, &format!("{many}ab"));
        assert_eq!((old.matches('[').count(), new.matches('[').count()), (0, 2));
        // With what is rare a stretch is cut from its rest all the same.
        let (old, new) = shown(&format!("{many}x{many}"), &format!("{many}a{many}x"));
        assert!(old.contains("bx") && new.ends_with('x'), "{old} {new}");
    }

    #[test]
    fn what_would_be_looked_at_too_often_is_not_compared() {
        let apart = |count: usize| {
            let old: Vec<usize> = (0..count).flat_map(|at| [2 * at, 2 * at + 1]).collect();
            let new: Vec<usize> = (0..count).flat_map(|at| [2 * at, 1_000_000 + at]).collect();
            edits(&old, &new).map(|edits| edits.deleted.len())
        };
        assert_eq!(apart(1_000), Some(1_000));
        assert_eq!(apart(10_000), None);
    }
}
