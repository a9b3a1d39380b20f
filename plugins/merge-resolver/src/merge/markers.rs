//! Conflict markers: telling a conflict that git left from one that somebody has touched since, and writing our
//! own in git's `zdiff3` form.

use super::diff3::Hunk;

/// A marker's length, git's default; a file with another one is left alone.
const LENGTH: usize = 7;

/// Names of the sides, as the markers show them.
#[derive(Debug, Clone, Copy)]
pub struct Labels<'t> {
    /// After `<<<<<<<`.
    pub ours: &'t str,
    /// After `>>>>>>>`.
    pub theirs: &'t str,
}

fn marker(line: &str) -> Option<char> {
    let line = line.trim_end_matches(['\n', '\r']);
    let first = line.chars().next().filter(|it| matches!(it, '<' | '|' | '=' | '>'))?;
    let rest = line.get(LENGTH..).filter(|_| line.chars().take(LENGTH).all(|it| it == first))?;
    (rest.is_empty() || rest.starts_with(' ')).then_some(first)
}

/// Whether a line of the text looks like a marker, so that its own lines and git's could not be told apart.
#[must_use]
pub fn has_markers(text: &str) -> bool {
    text.lines().any(|line| marker(line).is_some())
}

/// The text with our side, and with theirs, in each conflict; none where there is no conflict, or the markers
/// are not git's.
#[must_use]
pub fn sides(text: &str) -> Option<(String, String)> {
    let (mut ours, mut theirs, mut inside, mut conflicts) = (String::new(), String::new(), None, 0);
    for line in text.split_inclusive('\n') {
        let next = match (inside, marker(line)) {
            (None, Some('<')) => Some('<'),
            (Some('<'), Some('|')) => Some('|'),
            (Some('<' | '|'), Some('=')) => Some('='),
            (Some('='), Some('>')) => {
                conflicts += 1;
                inside = None;
                continue;
            }
            (_, Some(_)) => return None,
            (_, None) => {
                if matches!(inside, None | Some('<')) {
                    ours.push_str(line);
                }
                if matches!(inside, None | Some('=')) {
                    theirs.push_str(line);
                }
                continue;
            }
        };
        inside = next;
    }
    (inside.is_none() && conflicts > 0).then_some((ours, theirs))
}

/// Writes a hunk with markers; what both sides share at its start and end stands outside, the base whole.
/// Returns the lines before the opening marker.
pub fn write(text: &mut String, hunk: &Hunk<'_, &str>, labels: &Labels<'_>) -> usize {
    let head = hunk.ours.iter().zip(hunk.theirs).take_while(|(our, their)| our == their).count();
    let (before, ours) = hunk.ours.split_at(head);
    let theirs = hunk.theirs.get(head..).unwrap_or_default();
    text.extend(before.iter().copied());
    let tail = ours.iter().rev().zip(theirs.iter().rev()).take_while(|(our, their)| our == their).count();
    let (ours, shared) = ours.split_at(ours.len() - tail);
    let theirs = theirs.get(..theirs.len() - tail).unwrap_or_default();
    let returns = hunk.ours.iter().chain(hunk.theirs).chain(hunk.base).all(|line| line.ends_with("\r\n"));
    let end = if returns { "\r\n" } else { "\n" };
    let mut opening = |sign: char, label: &str, lines: &[&str]| {
        let blank = if label.is_empty() { "" } else { " " };
        text.push_str(&format!("{}{blank}{label}{end}", sign.to_string().repeat(LENGTH)));
        text.extend(lines.iter().copied());
    };
    opening('<', labels.ours, ours);
    opening('|', "base", hunk.base);
    opening('=', "", theirs);
    opening('>', labels.theirs, shared);
    head
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use proptest::prelude::*;

    const GIT: &str = "a\n<<<<<<< HEAD\nb\n||||||| 1234567\nold\n=======\nc\n>>>>>>> x\nd\n";

    #[test]
    fn the_sides_of_a_conflict() {
        let both = Some(("a\nb\nd\n".to_owned(), "a\nc\nd\n".to_owned()));
        assert_eq!(sides(GIT), both);
        assert_eq!(sides(&GIT.replace("||||||| 1234567\nold\n", "")), both);
        for broken in [
            "a\n",
            "<<<<<<< x\n",
            "<<<<<<< x\n=======\n",
            "=======\n",
            "<<<<<<< x\n<<<<<<< x\n=======\n>>>>>>> y\n",
            "<<<<<<< x\n=======\n||||||| z\n>>>>>>> y\n",
            ">>>>>>> y\n",
        ] {
            assert_eq!(sides(broken), None, "{broken}");
        }
    }

    #[test]
    fn lines_that_look_like_markers() {
        for (line, expected) in [
            ("=======", true),
            ("<<<<<<< HEAD", true),
            ("=======\r", true),
            ("========", false),
            ("======", false),
            ("<<<<<<<HEAD", false),
            (" =======", false),
        ] {
            assert_eq!(has_markers(&format!("a\n{line}\n")), expected, "{line}");
        }
    }

    #[test]
    fn what_both_share_stands_outside() {
        let hunk = Hunk { base: &["o\n"], ours: &["s\n", "a\n", "t\n"], theirs: &["s\n", "b\n", "t\n"] };
        let mut text = String::new();
        assert_eq!(write(&mut text, &hunk, &Labels { ours: "HEAD", theirs: "x" }), 1);
        let expected = "s\n<<<<<<< HEAD\na\n||||||| base\no\n=======\nb\n>>>>>>> x\nt\n";
        assert_eq!(text, expected);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            base in prop::collection::vec("[a-c]{1,2}\n", 0..4),
            ours in prop::collection::vec("[a-c]{1,2}\n", 0..4),
            theirs in prop::collection::vec("[a-c]{1,2}\n", 0..4),
        ) {
            let views = [&base, &ours, &theirs].map(|lines| lines.iter().map(String::as_str).collect::<Vec<_>>());
            let [base, our, their] = &views;
            let mut text = String::new();
            let hunk = Hunk { base, ours: our, theirs: their };
            write(&mut text, &hunk, &Labels { ours: "HEAD", theirs: "x" });
            prop_assert_eq!(sides(&text).unwrap(), (ours.concat(), theirs.concat()));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[<=>|\n\r a]{0,120}") {
            let _ = (sides(&text), has_markers(&text));
        }
    }
}
