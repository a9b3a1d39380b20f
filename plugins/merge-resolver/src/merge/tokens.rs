//! A line as tokens, coarse on purpose: what might belong together is one token, so that a version, a path or a
//! string is taken from one side whole.

/// Most tokens of a line that is looked into.
const MAX_TOKENS: usize = 1_000;

/// The tokens of `line`: runs of blanks, strings in quotes, single brackets, commas and semicolons, and runs of
/// everything else. None where there are more than a thousand.
#[must_use]
pub fn tokens(line: &str) -> Option<Vec<&str>> {
    let (mut found, mut rest) = (Vec::new(), line);
    while !rest.is_empty() {
        if found.len() == MAX_TOKENS {
            return None;
        }
        let (token, after) = rest.split_at(length(rest));
        found.push(token);
        rest = after;
    }
    Some(found)
}

/// Bytes of the first token; at least one character.
fn length(text: &str) -> usize {
    let mut characters = text.chars();
    let Some(first) = characters.next() else { return 0 };
    let run = |ends: fn(char) -> bool| text.find(ends).unwrap_or(text.len());
    match first {
        _ if first.is_whitespace() => run(|it| !it.is_whitespace()),
        '"' | '\'' | '`' => quoted(text, first),
        _ if is_single(first) => first.len_utf8(),
        _ => run(|it| it.is_whitespace() || is_single(it) || matches!(it, '"' | '\'' | '`')),
    }
}

/// A string with its quotes; to the end of the line where it is not closed there.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if character == quote && !escaped {
            return at + character.len_utf8();
        }
        escaped = character == '\\' && !escaped;
    }
    text.len()
}

fn is_single(character: char) -> bool {
    matches!(character, '(' | ')' | '[' | ']' | '{' | '}' | ',' | ';')
}

/// Whether the token is more than blanks.
#[must_use]
pub fn is_solid(token: &&str) -> bool {
    !token.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_belongs_together_is_one_token() {
        for (line, expected) in [
            ("", vec![]),
            ("a = \"b c\";\n", vec!["a", " ", "=", " ", "\"b c\"", ";", "\n"]),
            ("f(x, 1.2.3)", vec!["f", "(", "x", ",", " ", "1.2.3", ")"]),
            ("say(\"a \\\" b\", 'c')", vec!["say", "(", "\"a \\\" b\"", ",", " ", "'c'", ")"]),
            ("don't stop, now", vec!["don", "'t stop, now"]),
            ("  ü-1/ä\t", vec!["  ", "ü-1/ä", "\t"]),
        ] {
            assert_eq!(tokens(line), Some(expected), "{line:?}");
        }
    }

    #[test]
    fn a_line_of_too_many_tokens_is_not_looked_into() {
        assert!(tokens(&";".repeat(MAX_TOKENS)).is_some());
        assert!(tokens(&";".repeat(MAX_TOKENS + 1)).is_none());
    }

    proptest! {
        #[test]
        fn tokens_make_the_line_again(line in "\\PC{0,80}") {
            prop_assert_eq!(tokens(&line).unwrap_or_default().concat(), line);
        }
    }
}
