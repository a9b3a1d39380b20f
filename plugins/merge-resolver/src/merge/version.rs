//! Version numbers, for the operator who wants the higher of two: `1.2.3`, `^1.2`, `"=0.4.1"`, `v2.0.0,`.
//!
//! Pre-releases and build numbers are no versions here: which of two is higher is then a matter of taste.

use super::diff3::Hunk;
use super::tokens::tokens;
use std::cmp::Ordering;

/// A token that holds one version number and nothing else that means anything.
#[derive(Debug, PartialEq, Eq)]
struct Version<'t> {
    /// Quote and operator before the number.
    before: &'t str,
    numbers: Vec<u64>,
    after: &'t str,
}

impl<'t> Version<'t> {
    fn parse(token: &'t str) -> Option<Self> {
        let (before, rest) = token.split_at(token.find(|it: char| it.is_ascii_digit())?);
        let number = |it: char| it.is_ascii_digit() || it == '.';
        let (text, after) = rest.split_at(rest.find(|it| !number(it)).unwrap_or(rest.len()));
        let numbers = text.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>()?;
        // Two bare numbers are as often a price or a ratio.
        let written = (2..=4).contains(&numbers.len()) && (numbers.len() > 2 || !before.is_empty());
        let quoted = |text: &str| text.chars().all(|it| matches!(it, '"' | '\'' | '`'));
        let before_fits = before.trim_start_matches(['"', '\'', '`']);
        let plain = quoted(after) && ["", "v", "=", "==", "^", "~", ">=", "~>", "~="].contains(&before_fits);
        (written && plain).then_some(Self { before, numbers, after })
    }

    fn compare(&self, other: &Self) -> Ordering {
        let length = self.numbers.len().max(other.numbers.len());
        let padded =
            |version: &Self| version.numbers.iter().copied().chain(std::iter::repeat(0)).take(length).collect();
        let (left, right): (Vec<u64>, Vec<u64>) = (padded(self), padded(other));
        left.cmp(&right)
    }
}

/// The higher of two versions where both sides raised `base` and wrote it alike; none otherwise.
#[must_use]
pub fn higher<'t>(base: &str, ours: &'t str, theirs: &'t str) -> Option<&'t str> {
    let (from, our, their) = (Version::parse(base)?, Version::parse(ours)?, Version::parse(theirs)?);
    let alike = |version: &Version<'_>| version.before == from.before && version.after == from.after;
    let raised = |version: &Version<'_>| version.compare(&from) == Ordering::Greater;
    if !(alike(&our) && alike(&their) && raised(&our) && raised(&their)) {
        return None;
    }
    match our.compare(&their) {
        Ordering::Greater => Some(ours),
        Ordering::Less => Some(theirs),
        Ordering::Equal => None,
    }
}

/// The hunk with the higher version in each line, where the sides differ in nothing but versions that both raised.
#[must_use]
pub fn higher_lines(hunk: &Hunk<'_, &str>) -> Option<Vec<String>> {
    if hunk.base.len() != hunk.ours.len() || hunk.base.len() != hunk.theirs.len() {
        return None;
    }
    let lines = hunk.base.iter().zip(hunk.ours).zip(hunk.theirs);
    lines.map(|((base, ours), theirs)| higher_line(base, ours, theirs)).collect()
}

fn higher_line(base: &str, ours: &str, theirs: &str) -> Option<String> {
    if ours == theirs {
        return Some(ours.to_owned());
    }
    let (from, our, their) = (tokens(base)?, tokens(ours)?, tokens(theirs)?);
    if from.len() != our.len() || from.len() != their.len() {
        return None;
    }
    let pick = |((from, our), their): ((&&str, &&str), &&str)| {
        if our == their { Some((*our).to_owned()) } else { higher(from, our, their).map(str::to_owned) }
    };
    from.iter().zip(&our).zip(&their).map(pick).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_higher_of_two_raised_versions() {
        for (base, ours, theirs, expected) in [
            ("1.2.3", "1.2.4", "1.3.0", Some("1.3.0")),
            ("\"1.9.0\"", "\"1.10.0\"", "\"1.9.9\"", Some("\"1.10.0\"")),
            ("\"^1.0\"", "\"^1.1\"", "\"^2.0\"", Some("\"^2.0\"")),
            ("v1.0.0", "v1.0.1", "v1.0.2", Some("v1.0.2")),
            // One went down, wrote it otherwise, or says more than a number.
            ("1.2.3", "1.2.2", "1.3.0", None),
            ("\"^1.0.0\"", "\"~1.1.0\"", "\"^1.2.0\"", None),
            ("1.0.0", "1.1.0-rc.1", "1.1.0", None),
            ("1.0.0", "1.1.0", "1.1", None),
            ("1.5", "1.6", "1.7", None),
            ("12", "13", "14", None),
            ("x1.0.0", "x1.1.0", "x1.2.0", None),
        ] {
            assert_eq!(higher(base, ours, theirs), expected, "{base} {ours} {theirs}");
        }
    }

    #[test]
    fn lines_may_differ_in_versions_alone() {
        let check = |base: &[&str], ours: &[&str], theirs: &[&str], expected: Option<&str>| {
            let made = higher_lines(&Hunk { base, ours, theirs }).map(|lines| lines.concat());
            assert_eq!(made.as_deref(), expected);
        };
        check(&["v = 1.0.0\n"], &["v = 1.0.1\n"], &["v = 1.1.0\n"], Some("v = 1.1.0\n"));
        check(&["a 1.0.0\n", "b\n"], &["a 1.0.1\n", "c\n"], &["a 1.0.2\n", "c\n"], Some("a 1.0.2\nc\n"));
        check(&["a 1.0.0\n", "b\n"], &["a 1.0.1\n", "b\n"], &["a 1.0.2\n", "c\n"], None);
        check(&["v = 1.0.0\n"], &["w = 1.0.1\n"], &["v = 1.1.0\n"], None);
        check(&["v = 1.0.0\n"], &["v = 1.0.1\n", "x\n"], &["v = 1.1.0\n"], None);
    }
}
