//! Small merges that are easy to get wrong, in many languages, each way round: what stands in `hostile.txt` and nothing
//! else. What a person would have to decide is left.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up has failed")]

use super::*;

/// One merge of the file: the path after `@`, its versions by lines that each begin with `|`, what is to come of it.
struct Case {
    path: String,
    base: String,
    ours: String,
    theirs: String,
    /// None where a conflict is left.
    merged: Option<String>,
}

fn cases() -> Vec<Case> {
    let text = include_str!("hostile.txt");
    let case = |text: &str| {
        let (path, texts) = text.split_once('\n').unwrap();
        let (texts, merged) = texts.split_once("\n= left").map_or((texts, None), |(texts, _)| (texts, Some(None)));
        let lines = |text: &str| {
            text.lines().filter_map(|line| line.strip_prefix('|')).fold(String::new(), |made, line| made + line + "\n")
        };
        let mut parts = texts.split("\n= ").map(lines);
        let mut next = || parts.next().unwrap_or_else(|| panic!("a version is missing: {text}"));
        let (base, ours, theirs) = (next(), next(), next());
        Case { path: path.to_owned(), base, ours, theirs, merged: merged.unwrap_or_else(|| Some(next())) }
    };
    text.split("\n@ ").skip(1).map(case).collect()
}

/// The lines of a text, in no order.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn what_would_be_wrong_is_left() {
    let (mut wrong, cases) = (String::new(), cases());
    for Case { path, base, ours: one, theirs: other, merged } in &cases {
        for (ours, theirs) in [(one, other), (other, one)] {
            let made =
                merge(&Versions { path, base, ours, theirs }, By::Rarest, &Labels { ours: "HEAD", theirs: "x" }, false);
            let made = made.unwrap_or_else(|why| panic!("{path}: {why}: {base}"));
            let found = (made.remaining() == 0).then_some(made.text.as_str());
            // Where both sides put something at one place, ours stands first.
            let same = if ours == one {
                found == merged.as_deref()
            } else {
                found.map(sorted) == merged.as_deref().map(sorted)
            };
            if !same {
                wrong += &format!(
                    "{path}, {} first, expected {merged:?}:\n{}\n",
                    if ours == one { "ours" } else { "theirs" },
                    made.text
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(
        cases.len() > 100 && cases.iter().filter(|case| case.merged.is_some()).count() > 10,
        "{} cases",
        cases.len()
    );
}
