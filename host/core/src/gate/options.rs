//! How programs read their short options: several letters in one word, a value attached or in the next word.
//!
//! Pure text; knows no program.

/// The first letter of a word of short options that takes a value, and what is attached to it.
pub(super) fn valued_letter(text: &str, takes_value: impl Fn(char) -> bool) -> Option<(char, &str)> {
    let letters = text.strip_prefix('-').filter(|letters| !letters.starts_with('-'))?;
    let (at, letter) = letters.char_indices().find(|(_, letter)| takes_value(*letter))?;
    Some((letter, letters.get(at + letter.len_utf8()..).unwrap_or_default()))
}

/// Whether the word after `text` is its value: `-u`, `-nu`, `--user`, where `-u` and `--user` take one.
pub(super) fn takes_next(text: &str, valued: &[&str]) -> bool {
    if valued.contains(&text) {
        return true;
    }
    let short = |letter: char| valued.iter().any(|option| is_short(option, letter));
    matches!(valued_letter(text, short), Some((_, "")))
}

/// `-c`, `-lc`, `-ec`: a cluster of short options with `flag` in it.
pub(super) fn is_cluster_with(text: &str, flag: char) -> bool {
    text.strip_prefix('-').is_some_and(|cluster| {
        !cluster.starts_with('-') && cluster.chars().all(|c| c.is_ascii_alphanumeric()) && cluster.contains(flag)
    })
}

fn is_short(option: &str, letter: char) -> bool {
    option.strip_prefix('-').is_some_and(|name| {
        let mut letters = name.chars();
        letters.next() == Some(letter) && letters.next().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_valued_letter_counts() {
        let valued = ["-u", "-t", "--user"];
        for (text, expected) in [
            ("-u", true),
            ("-nu", true),
            ("--user", true),
            ("-uroot", false),
            ("-n", false),
            ("--user=root", false),
            ("-", false),
            ("--", false),
            ("root", false),
        ] {
            assert_eq!(takes_next(text, &valued), expected, "{text}");
        }
        assert_eq!(valued_letter("-sSLo/x", |letter| letter == 'o'), Some(('o', "/x")));
    }
}
