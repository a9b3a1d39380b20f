//! How programs read their short options: several letters in one word, a value attached or in the next word.
//!
//! Pure text; knows no program.

use super::call::Word;

/// The first letter of a word of short options that takes a value, and what is attached to it.
pub(super) fn valued_letter(text: &str, takes_value: impl Fn(char) -> bool) -> Option<(char, &str)> {
    let letters = text.strip_prefix('-').filter(|letters| !letters.starts_with('-'))?;
    let (at, letter) = letters.char_indices().find(|(_, letter)| takes_value(*letter))?;
    Some((letter, letters.get(at + letter.len_utf8()..).unwrap_or_default()))
}

/// Whether the word after `text` is its value: `-u`, `-nu`, `--user`, where `-u` and `--user` take one.
pub(super) fn takes_next(text: &str, valued: &[&str]) -> bool {
    if valued.iter().any(|option| is_long(text, option)) || valued.contains(&text) {
        return true;
    }
    let short = |letter: char| valued.iter().any(|option| is_short(option, letter));
    matches!(valued_letter(text, short), Some((_, "")))
}

/// Whether `text` is the long option `full`, or an abbreviation of it.
pub(super) fn is_long(text: &str, full: &str) -> bool {
    /// Shortest abbreviation that counts: one letter and the dashes.
    const MIN_BYTES: usize = 3;
    full.starts_with("--") && (text == full || text.len() >= MIN_BYTES && full.starts_with(text))
}

/// One argument, as a program reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// No option and no option's value.
    Word(&'a Word),
    /// An option and its value, attached or the next word.
    Option(Name<'a>, Option<Word>),
}

/// An option's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name<'a> {
    /// One letter, alone or in a cluster.
    Short(char),
    /// With its dashes.
    Long(&'a str),
}

impl Name<'_> {
    /// Whether it is one of these, written `-x` or `--long`.
    pub fn is(&self, options: &[&str]) -> bool {
        options.iter().any(|option| match self {
            Self::Short(letter) => is_short(option, *letter),
            Self::Long(text) => is_long(text, option),
        })
    }
}

/// Reads arguments of which these options take a value. `--` ends the options.
pub(super) fn scan<'a>(args: &'a [Word], valued: &[&str]) -> Vec<Item<'a>> {
    let letters: String = valued.iter().filter_map(|option| letter_of(option)).collect();
    scan_letters(args, &letters, valued)
}

/// The same, the short ones given as letters.
pub(super) fn scan_letters<'a>(args: &'a [Word], letters: &str, long: &[&str]) -> Vec<Item<'a>> {
    items(args.iter(), letters, long)
}

/// The same, past each `--` that may be the value of a long option that is not listed: for those who look for what
/// options say, not for words.
pub(super) fn scan_past<'a>(args: &'a [Word], letters: &str, long: &[&str]) -> Vec<Item<'a>> {
    let may_take = |text: &str| {
        text.len() > "--".len() && text.starts_with("--") && !text.contains('=') && !takes_next(text, long)
    };
    let before = std::iter::once(None).chain(args.iter().map(Some));
    let is_value = |before: Option<&Word>| before.is_some_and(|before| may_take(&before.text));
    let kept = args.iter().zip(before).filter(|(word, before)| word.text != "--" || !is_value(*before));
    items(kept.map(|(word, _)| word), letters, long)
}

fn items<'a>(mut rest: impl Iterator<Item = &'a Word>, letters: &str, long: &[&str]) -> Vec<Item<'a>> {
    let mut items = Vec::with_capacity(rest.size_hint().1.unwrap_or_default());
    while let Some(word) = rest.next() {
        let text = word.text.as_str();
        let part = |value: &str| Word { text: value.to_owned(), literal: word.literal };
        if text == "--" {
            items.extend(rest.by_ref().map(Item::Word));
        } else if text.starts_with("--") {
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(part(value))),
                None if long.iter().any(|option| is_long(text, option)) => (text, rest.next().cloned()),
                None => (text, None),
            };
            items.push(Item::Option(Name::Long(name), value));
        } else if text.starts_with('-') && text.len() > 1 {
            let valued = valued_letter(text, |letter| letters.contains(letter));
            let flags = text.len() - valued.map_or(0, |(letter, value)| letter.len_utf8() + value.len());
            let flags = text.get(1..flags).unwrap_or_default().chars();
            items.extend(flags.map(|flag| Item::Option(Name::Short(flag), None)));
            if let Some((letter, value)) = valued {
                let value = if value.is_empty() { rest.next().cloned() } else { Some(part(value)) };
                items.push(Item::Option(Name::Short(letter), value));
            }
        } else {
            items.push(Item::Word(word));
        }
    }
    items
}

/// The arguments that are neither options nor their values.
pub(super) fn positional<'a>(args: &'a [Word], valued: &[&str]) -> Vec<&'a Word> {
    words(&scan(args, valued))
}

/// The words among items.
pub(super) fn words<'a>(items: &[Item<'a>]) -> Vec<&'a Word> {
    let word = |item: &Item<'a>| match item {
        Item::Word(word) => Some(*word),
        Item::Option(..) => None,
    };
    items.iter().filter_map(word).collect()
}

/// The values of these options.
pub(super) fn values(items: &[Item<'_>], options: &[&str]) -> Vec<Word> {
    let value = |item: &Item<'_>| match item {
        Item::Option(name, value) if name.is(options) => value.clone(),
        _ => None,
    };
    items.iter().filter_map(value).collect()
}

/// Whether one of these options is given.
pub(super) fn given(items: &[Item<'_>], options: &[&str]) -> bool {
    items.iter().any(|item| matches!(item, Item::Option(name, _) if name.is(options)))
}

/// The arguments from the first that is no option and no option's value.
pub(super) fn after_options<'a>(args: &'a [Word], valued: &[&str]) -> &'a [Word] {
    after(args, |text| takes_next(text, valued))
}

/// Where the program may begin that a wrapper runs: after its options; and where one of these is neither in `valued`
/// nor in `flags`, also where it had taken the next word.
pub(super) fn readings<'a>(args: &'a [Word], valued: &[&str], flags: &[&str]) -> Vec<&'a [Word]> {
    let first = after_options(args, valued);
    let is_flag = |text: &str| match text.strip_prefix('-') {
        _ if text.contains('=') => true,
        Some(letters) if !letters.starts_with('-') => {
            // `-10`, or letters that are all known; what follows a valued one is its value.
            let known = |letter: char| letter.is_ascii_digit() || flags.iter().any(|flag| is_short(flag, letter));
            let valued = |letter: char| valued.iter().any(|option| is_short(option, letter));
            letters.chars().take_while(|letter| !valued(*letter)).all(known)
        }
        _ => flags.contains(&text),
    };
    let second = after(args, |text| takes_next(text, valued) || !is_flag(text));
    if second.len() == first.len() || second.is_empty() { vec![first] } else { vec![first, second] }
}

fn after(args: &[Word], takes_next: impl Fn(&str) -> bool) -> &[Word] {
    let mut rest = args;
    while let Some((first, tail)) = rest.split_first() {
        if first.text == "--" {
            return tail;
        }
        if !first.text.starts_with('-') || first.text == "-" {
            return rest;
        }
        rest = if takes_next(&first.text) { tail.get(1..).unwrap_or_default() } else { tail };
    }
    rest
}

/// `-c`, `-lc`, `-ec`: a cluster of short options with `flag` in it.
pub(super) fn is_cluster_with(text: &str, flag: char) -> bool {
    text.strip_prefix('-').is_some_and(|cluster| {
        !cluster.starts_with('-') && cluster.chars().all(|c| c.is_ascii_alphanumeric()) && cluster.contains(flag)
    })
}

fn is_short(option: &str, letter: char) -> bool {
    letter_of(option) == Some(letter)
}

fn letter_of(option: &str) -> Option<char> {
    let mut letters = option.strip_prefix('-')?.chars();
    let letter = letters.next()?;
    letters.next().is_none().then_some(letter)
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
            ("--u", true),
            ("--user=root", false),
            ("-", false),
            ("--", false),
            ("root", false),
        ] {
            assert_eq!(takes_next(text, &valued), expected, "{text}");
        }
        assert_eq!(valued_letter("-sSLo/x", |letter| letter == 'o'), Some(('o', "/x")));
    }

    fn args(text: &str) -> Vec<Word> {
        text.split(' ').map(|word| Word { text: word.to_owned(), literal: true }).collect()
    }

    #[test]
    fn arguments_are_read_as_programs_read_them() {
        let args = args("-nu root -fx --us me --flag --user=you a -- -b");
        let items = scan(&args, &["-u", "--user"]);
        let shown: Vec<String> = items
            .iter()
            .map(|item| match item {
                Item::Word(word) => word.text.clone(),
                Item::Option(name, value) => {
                    format!("{name:?} {}", value.as_ref().map_or("", |value| value.text.as_str()))
                }
            })
            .collect();
        let expected = [
            "Short('n') ",
            "Short('u') root",
            "Short('f') ",
            "Short('x') ",
            "Long(\"--us\") me",
            "Long(\"--flag\") ",
            "Long(\"--user\") you",
            "a",
            "-b",
        ];
        assert_eq!(shown, expected);
        assert_eq!(values(&items, &["-u", "--user"]).len(), 3);
        assert!(given(&items, &["-x"]) && !given(&items, &["-y", "--fla-g"]));
    }

    #[test]
    fn two_dashes_may_be_a_value() {
        for (text, value) in [
            ("--agent -- -o x", Some("x")),
            ("--agent -- y -- -o x", None),
            ("--agent=a -- -o x", None),
            ("-f -- -o x", None),
            ("--out -- -o x", Some("x")),
            ("--a -- --b -- -o x", Some("x")),
        ] {
            let args = args(text);
            let items = scan_past(&args, "o", &["--out"]);
            assert_eq!(values(&items, &["-o"]).first().map(|word| word.text.as_str()), value, "{text}");
            assert!(given(&scan_letters(&args, "o", &["--out"]), &["-o"]) == text.starts_with("--out"), "{text}");
        }
    }

    #[test]
    fn an_unknown_option_has_two_readings() {
        for (text, first, second) in [
            ("-n a b", "a b", None),
            ("-u x a b", "a b", None),
            ("--new x a b", "x a b", Some("a b")),
            ("--new=x a b", "a b", None),
            ("-z x a", "x a", Some("a")),
            ("-nz x a", "x a", Some("a")),
            ("-10 a", "a", None),
            ("-- -z a", "-z a", None),
        ] {
            let args = args(text);
            let found: Vec<String> = readings(&args, &["-u"], &["-n"])
                .into_iter()
                .map(|words| words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "))
                .collect();
            let expected: Vec<&str> = [first].into_iter().chain(second).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
