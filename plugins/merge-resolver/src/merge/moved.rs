//! What both sides added at one place, moved to where it begins: a diff may begin an added function with the end of the
//! one before, whose lines are the same.

/// Most lines by which it is moved: the ends and heads of blocks that are alike are shorter.
pub const MAX_MOVED: usize = 8;

/// What both sides added, and between which lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved<'t> {
    /// Our lines.
    pub ours: Vec<&'t str>,
    /// Their lines.
    pub theirs: Vec<&'t str>,
    /// The line before the place.
    pub last: Option<&'t str>,
    /// The first line after the place that is more than blanks.
    pub next: Option<&'t str>,
}

/// Both sides' lines as they are, then moved down and up in the file, a line at a time, as long as the file stays the
/// same by it. Whichever is taken: one side's lines after the other's, unmoved, are the same file.
#[must_use]
pub fn moves<'t>(ours: &[&'t str], theirs: &[&'t str], before: &[&'t str], after: &[&'t str]) -> Vec<Moved<'t>> {
    // As much of what is above as any place among these has to know.
    let above = before.get(before.len().saturating_sub(MAX_MOVED + 1)..).unwrap_or_default();
    let file = || above.iter().chain(after).copied();
    let at = |ours: &[&'t str], theirs: &[&'t str], place: usize| Moved {
        ours: ours.to_vec(),
        theirs: theirs.to_vec(),
        last: place.checked_sub(1).and_then(|at| file().nth(at)),
        next: file().skip(place).find(|line| !line.trim().is_empty()),
    };
    let mut found = vec![at(ours, theirs, above.len())];
    let (mut our, mut their) = (ours.to_vec(), theirs.to_vec());
    for (count, next) in after.iter().take(MAX_MOVED).enumerate() {
        if our.first() != Some(next) || their.first() != Some(next) {
            break;
        }
        our.rotate_left(1);
        their.rotate_left(1);
        found.push(at(&our, &their, above.len() + count + 1));
    }
    (our, their) = (ours.to_vec(), theirs.to_vec());
    for (count, last) in before.iter().rev().take(MAX_MOVED).enumerate() {
        if our.last() != Some(last) || their.last() != Some(last) {
            break;
        }
        our.rotate_right(1);
        their.rotate_right(1);
        found.push(at(&our, &their, above.len() - count - 1));
    }
    found
}
