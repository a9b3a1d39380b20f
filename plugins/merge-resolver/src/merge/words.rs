//! Words of one line, changed by both sides: put together where they are apart from each other, and neither says
//! something of what the other changed.

use super::diff::{Change, changes};
use super::diff3::weave;
use super::tokens::{is_solid, tokens};

/// Both sides' words where they are apart from each other.
#[must_use]
pub fn merge_line(base: &str, ours: &str, theirs: &str) -> Option<String> {
    let (from, our, their) = (tokens(base)?, tokens(ours)?, tokens(theirs)?);
    let made = merge_words(&from, &our, &their)?;
    // Where repeated words let a change stand in two places, the other direction finds the other place.
    let turned = |tokens: &[&'_ str]| tokens.iter().rev().map(|token| (*token).to_owned()).collect::<Vec<_>>();
    let (from, our, their) = (turned(&from), turned(&our), turned(&their));
    let mut again = merge_words(&from, &our, &their)?;
    again.reverse();
    (again == made && !speaks_of_the_other(base, ours, theirs)).then(|| made.concat())
}

/// Both sides' changes where a word that neither changed lies between any two of them.
fn merge_words<T: AsRef<str> + Ord + Clone>(from: &[T], ours: &[T], theirs: &[T]) -> Option<Vec<String>> {
    let (by_us, by_them) = (changes(from, ours)?, changes(from, theirs)?);
    let apart = |our: &Change, their: &Change| {
        let same = our.base == their.base && ours.get(our.side.clone()) == theirs.get(their.side.clone());
        let (first, second) = if our.base.start <= their.base.start { (our, their) } else { (their, our) };
        let between = from.get(first.base.end..second.base.start);
        same || between.is_some_and(|tokens| tokens.iter().any(|token| is_solid(&token.as_ref())))
    };
    let all_apart = by_us.iter().all(|our| by_them.iter().all(|their| apart(our, their)));
    let made = weave(from, ours, theirs, None).filter(|_| all_apart)?;
    Some(made.iter().map(|token| token.as_ref().to_owned()).collect())
}

/// Whether one side's words say something of what the other side changed: a comment at the end of the line whose words
/// are others now, a name before brackets that hold another number of things now.
#[must_use]
pub fn speaks_of_the_other(base: &str, ours: &str, theirs: &str) -> bool {
    let half = |one: &str, other: &str| {
        comment_of_changed(base, one, other) || name_of_counted(base, one, other) == Some(true)
    };
    half(ours, theirs) || half(theirs, ours)
}

/// Whether `one` changed the comment at the line's end, and `other` what stands before it.
fn comment_of_changed(base: &str, one: &str, other: &str) -> bool {
    let [from, one, other] = [base, one, other].map(split_comment);
    from.0 != other.0 && from.1 != one.1
}

/// What a line says, and the comment after it.
fn split_comment(line: &str) -> (&str, &str) {
    let mut quote = None;
    let mut before = ' ';
    for (at, it) in line.char_indices() {
        let rest = line.get(at..).unwrap_or_default();
        match quote {
            Some(open) if it == open && before != '\\' => quote = None,
            Some(_) => {}
            None if matches!(it, '"' | '\'' | '`') => quote = Some(it),
            None if before.is_whitespace() && ["//", "# ", "/*"].iter().any(|sign| rest.starts_with(sign)) => {
                let (says, comment) = line.split_at(at);
                return (says.trim(), comment.trim());
            }
            None => {}
        }
        before = it;
    }
    (line.trim(), "")
}

/// Whether `one` changed the word before a bracket in which `other` put or took a comma, or all that stood there.
fn name_of_counted(base: &str, one: &str, other: &str) -> Option<bool> {
    let from = tokens(base)?;
    let (by_one, by_other) = (changes(&from, &tokens(one)?)?, changes(&from, &tokens(other)?)?);
    let other = tokens(other)?;
    let mut open: Vec<usize> = Vec::new();
    for (at, token) in from.iter().enumerate() {
        match *token {
            "(" | "[" | "{" => open.push(at),
            ")" | "]" | "}" => {
                let Some(opened) = open.pop() else { continue };
                let named = by_one.iter().any(|change| {
                    change.base.end == opened || change.base.contains(&opened.checked_sub(1).unwrap_or(opened))
                });
                let inside = by_other.iter().filter(|change| change.base.start > opened && change.base.end <= at);
                let counts = |tokens: Option<&[&str]>| tokens.is_some_and(|tokens| tokens.contains(&","));
                let counted = { inside }.any(|change| {
                    let emptied = change.base.start == opened + 1 && change.base.end == at;
                    emptied || counts(from.get(change.base.clone())) || counts(other.get(change.side.clone()))
                });
                if named && counted {
                    return Some(true);
                }
            }
            _ => {}
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_apart_in_a_line() {
        for (base, ours, theirs, expected) in [
            ("f(a, b);\n", "f(x, b);\n", "f(a, y);\n", Some("f(x, y);\n")),
            ("let a = f(b);\n", "let mut a = f(b);\n", "let a = f(b, c);\n", Some("let mut a = f(b, c);\n")),
            ("f(a, b);\n", "g(a, b);\n", "f(a, b)?;\n", Some("g(a, b)?;\n")),
            ("f(a, b);\n", "g(a, b);\n", "f(a, c);\n", Some("g(a, c);\n")),
            // The same change on both sides, and one more.
            ("f(a, b, c);\n", "f(x, b, c);\n", "f(x, b, z);\n", Some("f(x, b, z);\n")),
            // The same word, words next to each other, two places for one change, a string, a version.
            ("f(a, b);\n", "f(x, b);\n", "f(y, b);\n", None),
            ("a b c d e\n", "a x c d e\n", "a b y d e\n", None),
            ("f(a, a, a);\n", "f(a, a);\n", "f(a, a, a, b);\n", None),
            ("f(a, a, a);\n", "f(a, a);\n", "f(b, a, a, a);\n", None),
            ("f(a, a, a, a);\n", "f(a, a, a);\n", "f(a, a, b, a, a);\n", None),
            ("say(\"a b\", x);\n", "say(\"c b\", x);\n", "say(\"a d\", x);\n", None),
            ("tag v = 1.2.3;\n", "tag v = 1.3.3;\n", "tag v = 1.2.4;\n", None),
        ] {
            assert_eq!(merge_line(base, ours, theirs).as_deref(), expected, "{base}");
        }
    }

    #[test]
    fn what_one_side_says_of_the_others_words() {
        for (base, ours, theirs, expected) in [
            // A comment that tells of what stands before it.
            ("uses: a@1\n", "uses: a@2\n", "uses: a@1 # v1\n", true),
            ("a = 1 // one\n", "a = 2 // one\n", "a = 1 // one, or none\n", true),
            ("a = 1 // one\n", "a = 2 // one\n", "b = 1 // one\n", false),
            ("a = \"# b\"\n", "a = \"# c\"\n", "x = \"# b\"\n", false),
            // Another thing is called, and with another number of things.
            ("is(f(a), b)\n", "is(f(a))\n", "equal(f(a), b)\n", true),
            ("f(a)\n", "f()\n", "g(a)\n", true),
            ("f(a)(b)\n", "f(a)(b, c)\n", "g(a)(b)\n", false),
            ("f(a, b)\n", "f(a, c)\n", "g(a, b)\n", false),
        ] {
            assert_eq!(speaks_of_the_other(base, ours, theirs), expected, "{base}");
            assert_eq!(speaks_of_the_other(base, theirs, ours), expected, "{base}");
        }
    }
}
