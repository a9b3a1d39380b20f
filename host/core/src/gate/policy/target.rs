//! A path that a file tool names, with all the ways in which a rule may read it.

use crate::gate::paths::lexical;

/// A path that a file tool names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// As the call writes it.
    written: String,
    /// The same without its dots.
    normal: String,
    /// Where it really leads, where that is known.
    real: Option<String>,
    /// Where it really leads, below the session's root that it lies in.
    below_root: Option<String>,
}

impl Target {
    /// A path as written, and where it really leads in a session of these roots.
    #[must_use]
    pub fn new(written: &str, real: Option<&str>, roots: &[String]) -> Self {
        let below = |root: &String| {
            let rest = real?.strip_prefix(root.trim_end_matches('/'))?.strip_prefix('/')?;
            Some(rest.to_owned())
        };
        // The innermost root: what is left is the shortest.
        let below_root = roots.iter().filter_map(below).min_by_key(String::len);
        Self { written: written.to_owned(), normal: lexical(written), real: real.map(str::to_owned), below_root }
    }

    /// As [`Target::new`], of a path that is where its text says: one in an example or a test.
    pub(super) fn of_text(written: &str, cwd: &str, roots: &[String]) -> Self {
        let rooted = written.starts_with(['/', '~']);
        let real = if rooted { lexical(written) } else { lexical(&format!("{cwd}/{written}")) };
        Self::new(written, Some(&real), roots)
    }

    /// Every way to read it.
    pub(super) fn readings(&self) -> impl Iterator<Item = &str> {
        [Some(&self.written), Some(&self.normal), self.real.as_ref(), self.below_root.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
    }

    /// Where it really leads: absolute, and below its root. Nowhere where that is not known.
    pub(super) fn places(&self) -> impl Iterator<Item = &str> {
        [self.real.as_ref(), self.below_root.as_ref()].into_iter().flatten().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_as_written_and_where_it_leads() {
        let roots = ["/p".to_owned(), "/p/sub".to_owned(), "/other".to_owned()];
        let target = Target::new("./a/../x", Some("/p/sub/x"), &roots);
        assert_eq!(target.readings().collect::<Vec<_>>(), ["./a/../x", "x", "/p/sub/x", "x"]);
        assert_eq!(target.places().collect::<Vec<_>>(), ["/p/sub/x", "x"]);
        let outside = Target::new("x", Some("/p2/x"), &roots);
        assert_eq!(outside.places().collect::<Vec<_>>(), ["/p2/x"]);
        assert_eq!(Target::new("x", None, &roots).places().count(), 0);
    }
}
