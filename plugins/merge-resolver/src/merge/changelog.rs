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
/// one side's are neither all newer nor all older than the other's.
#[must_use]
pub fn sections<'t>(ours: &[&'t str], theirs: &[&'t str]) -> Option<Vec<&'t str>> {
    let (our, their) = (versions(ours)?, versions(theirs)?);
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

/// The versions of the sections that the lines are, newest first; none where they are anything else.
fn versions(lines: &[&str]) -> Option<Vec<Version>> {
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
    (!found.is_empty()).then_some(found)
}

/// What makes a line a heading: how many `#` begin it, or the sign that underlines it.
fn sign(line: &str, next: Option<&str>) -> Option<(usize, char)> {
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

/// `## [1.2.0] - 2026-01-02`, `Version 1.2`, `4.21.1 / 2024-10-08`, `Unreleased`.
fn version(heading: &str) -> Option<Version> {
    let text = heading.trim_start_matches('#').trim().to_ascii_lowercase();
    let mut words = text.split_whitespace();
    let word = words.find(|word| !matches!(*word, "version" | "release" | "gin"))?;
    let word = word.trim_matches(['[', ']', '(', ')', '*', ':', ',']);
    if matches!(word, "unreleased" | "next" | "dev" | "master") {
        return Some(Version::Unreleased);
    }
    let numbers = word.strip_prefix('v').unwrap_or(word).split('.').map(|part| part.parse().ok());
    let numbers: Vec<u64> = numbers.collect::<Option<_>>()?;
    (numbers.len() > 1).then_some(Version::Numbers(numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<&str> {
        text.split_inclusive('\n').collect()
    }

    fn check(ours: &str, theirs: &str, expected: Option<String>) {
        for (ours, theirs) in [(ours, theirs), (theirs, ours)] {
            let made = sections(&lines(ours), &lines(theirs));
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
        ] {
            check(ours, theirs, None);
        }
    }
}
