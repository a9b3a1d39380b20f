//! Whether brackets still fit after a merge, compared with the sides: texts and comments hold brackets too, so a
//! side that does not nest is no fault; a result that nests worse than both sides is.

/// How a text's brackets stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    /// Every bracket has its partner, in order.
    nests: bool,
    /// Open less closed, of `()`, `[]` and `{}`.
    surplus: [i64; 3],
}

/// Whether the result's brackets are no worse than the sides': it nests where both do, and where one does not,
/// its surplus is that of both.
#[must_use]
pub fn still_fit(ours: &str, theirs: &str, result: &str) -> bool {
    let [our, their, made] = [ours, theirs, result].map(standing);
    if our.nests && their.nests { made.nests } else { our.surplus == their.surplus && made.surplus == our.surplus }
}

/// Whether every bracket of the text has its partner in it.
#[must_use]
pub fn nests(text: &str) -> bool {
    standing(text).nests
}

fn standing(text: &str) -> Standing {
    let (mut open, mut nests, mut surplus) = (Vec::new(), true, [0, 0, 0]);
    for character in text.chars() {
        let Some((at, opens)) = "([{".find(character).map(|at| (at, true)).or_else(|| {
            let at = ")]}".find(character)?;
            Some((at, false))
        }) else {
            continue;
        };
        if let Some(count) = surplus.get_mut(at) {
            *count += if opens { 1 } else { -1 };
        }
        if opens {
            open.push(at);
        } else {
            nests &= open.pop() == Some(at);
        }
    }
    Standing { nests: nests && open.is_empty(), surplus }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_nests_where_both_sides_do() {
        for (ours, theirs, result, expected) in [
            ("f(a)", "f(b)", "f(a, b)", true),
            ("f(a)", "f(b)", "f(a", false),
            ("f(a)", "f[b]", "f(]", false),
            ("f(a)", "f(b)", "f)a(", false),
            // A smiley in a comment, on both sides.
            ("x // :)", "y // :)", "z // :)", true),
            ("x // :)", "y // :)", "z", false),
            ("x // :)", "y", "z", false),
        ] {
            assert_eq!(still_fit(ours, theirs, result), expected, "{result}");
        }
    }
}
