//! Sections of a changelog, one for each version, that both sides added at its head: the newer version stands above.

use std::cmp::Ordering;

/// Fewest signs of a line that underlines the heading above it.
const MIN_UNDERLINE: usize = 3;

/// A section's version; what is not released yet is newer than all that is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Version {
    Numbers(Vec<u64>),
    Unreleased,
}

/// Both sides' sections, the newer ones first; none where they are not whole sections of versions that each differ, or
/// one side's are neither all newer nor all older than the other's, or what stands below, `after`, goes on with one.
#[must_use]
pub fn sections<'t>(ours: &[&'t str], theirs: &[&'t str], after: &[&str]) -> Option<Vec<&'t str>> {
    let ((our, level), (their, _)) = (versions(ours)?, versions(theirs)?);
    let below = after.iter().position(|line| !line.trim().is_empty());
    let heading = |at: usize| sign(after.get(at)?, after.get(at + 1).copied());
    let ends = |(marks, sign): (usize, char)| if marks > 0 { marks <= level.0 } else { sign == level.1 };
    if !below.is_none_or(|at| heading(at).is_some_and(ends)) {
        return None;
    }
    let order = our.iter().flat_map(|our| their.iter().map(move |their| our.cmp(their)));
    let orders: Vec<Ordering> = order.collect();
    let all = |wanted| orders.iter().all(|order| *order == wanted);
    if all(Ordering::Greater) {
        Some(ours.iter().chain(theirs).copied().collect())
    } else if all(Ordering::Less) {
        Some(theirs.iter().chain(ours).copied().collect())
    } else {
        None
    }
}

/// What makes a heading, as [`sign`] says it.
type Level = (usize, char);

/// The versions of the sections that the lines are, newest first, and the level of their headings; none where they are
/// anything else.
fn versions(lines: &[&str]) -> Option<(Vec<Version>, Level)> {
    let mut found: Vec<Version> = Vec::new();
    let mut at = lines.iter().take_while(|line| line.trim().is_empty()).count();
    let level = lines.get(at).map(|line| sign(line, lines.get(at + 1).copied()))??;
    while let Some(line) = lines.get(at) {
        let next = lines.get(at + 1).copied();
        match sign(line, next) {
            // A heading of another level is of the section; but none above it.
            Some(sign) if sign == level => {
                let version = version(line)?;
                if found.last().is_some_and(|last| *last <= version) {
                    return None;
                }
                found.push(version);
            }
            Some((marks, _)) if marks > 0 && marks < level.0 => return None,
            _ => {}
        }
        at += 1;
    }
    (!found.is_empty()).then_some((found, level))
}

/// What makes a line a heading: how many `#` begin it, or the sign that underlines it.
fn sign(line: &str, next: Option<&str>) -> Option<Level> {
    let marks = line.chars().take_while(|it| *it == '#').count();
    if marks > 0 {
        return line.get(marks..).filter(|rest| rest.starts_with(' ')).map(|_| (marks, '#'));
    }
    let under = next?.trim_end();
    let first = under.chars().next().filter(|it| matches!(it, '=' | '-' | '+' | '~' | '^'))?;
    let underlines = under.len() >= MIN_UNDERLINE && under.chars().all(|it| it == first);
    let says = line.chars().next().is_some_and(|it| it.is_alphanumeric() || it == '[');
    (underlines && says).then_some((0, first))
}

/// `## [1.2.0] - 2026-01-02`, `Version 1.2`, `4.21.1 / 2024-10-08`, `Unreleased`: the first word, or the second where
/// the first is no version and none follows that would make a sentence of it.
fn version(heading: &str) -> Option<Version> {
    let text = heading.trim_start_matches('#').trim().to_ascii_lowercase();
    let mut words = text.split_whitespace();
    let (first, second, third) = (words.next()?, words.next(), words.next());
    let says = |word: Option<&str>| word.is_some_and(|word| word.starts_with(char::is_alphabetic));
    match numbers(first) {
        Some(version) => Some(version),
        None if is_unreleased(first) => (!says(second)).then_some(Version::Unreleased),
        None => second.filter(|_| says(Some(first)) && !says(third)).and_then(numbers),
    }
}

fn bare(word: &str) -> &str {
    word.trim_matches(['[', ']', '(', ')', '*', ':', ','])
}

fn is_unreleased(word: &str) -> bool {
    matches!(bare(word), "unreleased" | "next" | "dev" | "master")
}

/// `[v1.2.0]`, without the zeros at its end: `2.0` and `2.0.0` are one version.
fn numbers(word: &str) -> Option<Version> {
    let word = bare(word);
    let numbers = word.strip_prefix('v').unwrap_or(word).split('.').map(|part| part.parse().ok());
    let mut numbers: Vec<u64> = numbers.collect::<Option<_>>()?;
    if numbers.len() < 2 {
        return None;
    }
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    Some(Version::Numbers(numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<&str> {
        text.split_inclusive('\n').collect()
    }

    fn check(ours: &str, theirs: &str, expected: Option<String>) {
        check_above("", ours, theirs, expected);
    }

    fn check_above(after: &str, ours: &str, theirs: &str, expected: Option<String>) {
        for (ours, theirs) in [(ours, theirs), (theirs, ours)] {
            let made = sections(&lines(ours), &lines(theirs), &lines(after));
            assert_eq!(made.map(|lines| lines.concat()), expected, "{ours}{theirs}");
        }
    }

    #[test]
    fn the_newer_version_stands_above() {
        let (new, old) =
            ("Version 2.3.0\n-------------\n\n-   New.\n\n", "Version 2.2.3\n-------------\n\n-   Old.\n\n");
        check(new, old, Some(format!("{new}{old}")));
        let (new, old) =
            ("unreleased\n==========\n\n * new\n\n", "4.10.1 / 2024-10-08\n===================\n\n * old\n\n");
        check(new, old, Some(format!("{new}{old}")));
        let (new, old) = ("## [1.10.0] - 2026\n### Added\n- new\n\n## 1.9.1\n- x\n\n", "## v1.9.0\n- old\n\n");
        check(new, old, Some(format!("{new}{old}")));
        // The name of what is released, whatever it is.
        let (new, old) = ("## Widget v1.10.0 (2026-01-02)\n- new\n\n", "## Version 1.9.1:\n- old\n\n");
        check(new, old, Some(format!("{new}{old}")));
        // Above a section of theirs, of a heading that stands higher, or at the end.
        for after in ["## 1.0\n- x\n", "\n# End\n", "\n\n"] {
            check_above(after, new, old, Some(format!("{new}{old}")));
        }
        let (new, old) = ("2.0\n===\n- new\n\n", "1.9\n===\n- old\n\n");
        check_above("1.8\n===\n", new, old, Some(format!("{new}{old}")));
    }

    #[test]
    fn what_is_not_of_versions_that_differ_is_left() {
        for (ours, theirs) in [
            ("## 2.0\n- a\n", "## 2.0\n- b\n"),
            ("## Unreleased\n- a\n", "## unreleased\n- b\n"),
            ("## 2.0\n- a\n## 1.0\n- b\n", "## 1.5\n- c\n"),
            ("## 1.0\n- a\n## 2.0\n- b\n", "## 0.5\n- c\n"),
            ("- a\n", "## 0.5\n- c\n"),
            ("## Thanks\n- a\n", "## 0.5\n- c\n"),
            ("### 2.0\n- a\n# End\n", "### 0.5\n- c\n"),
            ("## 2.0-rc.1\n- a\n", "## 0.5\n- c\n"),
            // The same version, and sentences.
            ("## 2.0\n- a\n", "## 2.0.0\n- b\n"),
            ("## Since 2.0 it works\n- a\n", "## 0.5\n- c\n"),
            ("## Dev notes\n- a\n", "## 0.5\n- c\n"),
            ("## The old 2.0\n- a\n", "## 0.5\n- c\n"),
        ] {
            check(ours, theirs, None);
        }
        // Put above what was not released yet, which is of whichever stands last.
        for after in ["- old\n", "### Fixed\n- old\n", "Words\n"] {
            check_above(after, "## 2.0\n\n", "## 1.9\n\n", None);
        }
        check_above("Words\n---\n", "2.0\n===\n\n", "1.9\n===\n\n", None);
    }
}
