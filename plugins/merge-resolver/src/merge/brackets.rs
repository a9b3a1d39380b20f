//! Whether brackets still fit after a merge, compared with the sides: texts and comments hold brackets too, so a
//! side that does not nest is no fault; a result that nests worse than both sides is.

/// The brackets of a text read so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nesting {
    open: Vec<u8>,
    /// One was closed that was not open.
    broken: bool,
    /// Open less closed, of `()`, `[]` and `{}`.
    surplus: [i64; 3],
}

impl Nesting {
    /// Reads on.
    pub fn read(&mut self, text: &str) {
        for byte in text.bytes() {
            let (at, opens) = match byte {
                b'(' => (0, true),
                b'[' => (1, true),
                b'{' => (2, true),
                b')' => (0, false),
                b']' => (1, false),
                b'}' => (2, false),
                _ => continue,
            };
            if let Some(count) = self.surplus.get_mut(usize::from(at)) {
                *count += if opens { 1 } else { -1 };
            }
            if opens {
                self.open.push(at);
            } else {
                self.broken |= self.open.pop() != Some(at);
            }
        }
    }

    /// Whether every bracket has its partner, in order.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.broken && self.open.is_empty()
    }

    fn of(text: &str) -> Self {
        let mut nesting = Self::default();
        nesting.read(text);
        nesting
    }
}

/// Whether the result's brackets are no worse than the sides': it nests where both do, and where one does not,
/// its surplus is that of both.
#[must_use]
pub fn still_fit(ours: &str, theirs: &str, result: &str) -> bool {
    let [our, their, made] = [ours, theirs, result].map(Nesting::of);
    if our.is_whole() && their.is_whole() {
        made.is_whole()
    } else {
        our.surplus == their.surplus && made.surplus == our.surplus
    }
}

/// Whether every bracket of the text has its partner in it.
#[must_use]
pub fn nests(text: &str) -> bool {
    Nesting::of(text).is_whole()
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
