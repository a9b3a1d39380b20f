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

    /// Whether brackets are open, each closed one having had its partner.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.broken && !self.open.is_empty()
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

/// What a piece of a text opens for the lines after it, and closes of the lines before: brackets, comments, quotes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shape {
    nesting: Nesting,
    /// Comments opened less closed.
    comments: i64,
    /// Whether quotes of a text are left open, by the kind of quote that may go over several lines.
    quotes: [bool; 3],
}

impl Shape {
    fn of(text: &str) -> Self {
        let count = |mark: &str| i64::try_from(text.matches(mark).count()).unwrap_or(i64::MAX);
        let quotes = ["\"", "'''", "`"].map(|mark| text.matches(mark).count() % 2 == 1);
        Self { nesting: Nesting::of(text), comments: count("/*") - count("*/"), quotes }
    }
}

/// Whether the text neither opens anything for what stands below it nor closes anything of what stands above.
#[must_use]
pub fn stands_alone(text: &str) -> bool {
    Shape::of(text) == Shape::default()
}

/// Whether a line that became another opens and closes what it did.
#[must_use]
pub fn same_shape(old: &str, new: &str) -> bool {
    Shape::of(old) == Shape::of(new)
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

    #[test]
    fn what_a_line_opens_or_closes() {
        for (old, new, same) in [
            ("f(a)", "g(b, [c])", true),
            ("} else {", "} else if (a) {", true),
            ("f(a);", "if (b) { f(a);", false),
            ("f(a);", "f(a); }", false),
            ("f(a);", "/* f(a);", false),
            ("f(a); // it's", "f(b); // its", true),
            ("f(a)", "\"\"\"f(a)", false),
            ("f(a)", "'''f(a)", false),
            ("f(`a`)", "f(`a)", false),
        ] {
            assert_eq!(same_shape(old, new), same, "{new}");
            assert_eq!(stands_alone(new), same && !new.contains("else"), "{new}");
        }
    }
}
