//! What both sides added at one place, moved to where it begins: a diff may begin an added function with the end of the
//! one before, whose lines are the same.

/// Most lines by which it is moved: the ends and heads of blocks that are alike are shorter.
pub const MAX_MOVED: usize = 8;

/// Both sides' lines as they are, then moved down and up in the file, a line at a time, as long as the file stays the
/// same by it. Whichever is taken: one side's lines after the other's, unmoved, are the same file.
#[must_use]
pub fn moves<'t>(
    ours: &[&'t str],
    theirs: &[&'t str],
    before: &[&str],
    after: &[&str],
) -> Vec<(Vec<&'t str>, Vec<&'t str>)> {
    let mut found = vec![(ours.to_vec(), theirs.to_vec())];
    let (mut our, mut their) = (ours.to_vec(), theirs.to_vec());
    for next in after.iter().take(MAX_MOVED) {
        if our.first() != Some(next) || their.first() != Some(next) {
            break;
        }
        our.rotate_left(1);
        their.rotate_left(1);
        found.push((our.clone(), their.clone()));
    }
    (our, their) = (ours.to_vec(), theirs.to_vec());
    for last in before.iter().rev().take(MAX_MOVED) {
        if our.last() != Some(last) || their.last() != Some(last) {
            break;
        }
        our.rotate_right(1);
        their.rotate_right(1);
        found.push((our.clone(), their.clone()));
    }
    found
}
