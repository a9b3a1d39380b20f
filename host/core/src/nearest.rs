//! The name that a wrong one was probably meant to be: for every file that people write by hand.
//!
//! Pure text; knows no file and no key.

/// More differences than this and it was meant to be something else.
const MAX_DISTANCE: usize = 3;
/// Names longer than this are not compared.
const MAX_NAME: usize = 64;

/// The nearest of `known`, when one is near.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > MAX_NAME {
        return None;
    }
    let near = known.into_iter().map(|candidate| (distance(name, candidate), candidate)).min()?;
    (near.0 <= MAX_DISTANCE.min(name.len().div_ceil(2))).then_some(near.1)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (to, above) in b.chars().zip(row.iter_mut().skip(1)) {
            let cost = if from == to { diagonal } else { 1 + diagonal.min(left).min(*above) };
            diagonal = std::mem::replace(above, cost);
            left = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        let check = |name: &str, expected: Option<&str>| {
            assert_eq!(nearest(name, ["journal", "durability", "gate"]), expected, "{name}");
        };
        check("jurnal", Some("journal"));
        check("durabilty", Some("durability"));
        check("gaet", Some("gate"));
        check("x", None);
        check("something_else", None);
    }

    #[test]
    fn distances() {
        let check = |a: &str, b: &str, expected: usize| assert_eq!(distance(a, b), expected, "{a} {b}");
        check("", "abc", 3);
        check("abc", "", 3);
        check("abc", "abc", 0);
        check("kitten", "sitting", 3);
        check("é", "e", 1);
    }
}
