//! How xargs parts what it reads into runs: by words, by lines, or in a way that is not known for certain.
//!
//! Knows its options and its quotes, not what it runs.

use crate::gate::call::Word;
use crate::gate::options::Item;

/// Most words of which every run of neighbours is looked at where nobody can tell how they are parted: these make 55
/// runs. Of more, only those that begin a line or end the text are looked at, and the line is not understood.
pub(super) const MAX_PARTED: usize = 10;

/// How the words come to runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parting {
    /// All at once.
    All,
    /// So many words.
    Words(usize),
    /// So many lines.
    Lines(usize),
    /// Each line takes the place of a word.
    Replaced,
    /// Two ways are asked for, or one whose number or measure is not known.
    Unsure,
}

/// What the options say. Of two ways one xargs takes the last and another the first, so that both count.
pub(super) fn parting(items: &[Item<'_>]) -> Parting {
    let mut found = Parting::All;
    for item in items {
        let Item::Option(name, value) = item else { continue };
        let way = if name.is(&["-n", "--max-args"]) {
            number(value.as_ref()).map_or(Parting::Unsure, Parting::Words)
        } else if name.is(&["-L"]) {
            number(value.as_ref()).map_or(Parting::Unsure, Parting::Lines)
        } else if name.is(&["-I", "-i", "--replace"]) {
            match value {
                Some(value) if !value.literal => Parting::Unsure,
                _ => Parting::Replaced,
            }
        } else if name.is(&["-l", "-s", "--max-lines", "--max-chars"]) {
            // `-l` takes a number only where that is attached, and letters count by their bytes.
            Parting::Unsure
        } else {
            continue;
        };
        found = match (found, way) {
            (Parting::All, way) => way,
            (Parting::Words(_), Parting::Words(_))
            | (Parting::Lines(_), Parting::Lines(_))
            | (Parting::Replaced, Parting::Replaced) => way,
            _ => Parting::Unsure,
        };
    }
    found
}

fn number(value: Option<&Word>) -> Option<usize> {
    value.filter(|word| word.literal)?.text.parse().ok().filter(|number| *number > 0)
}

/// The runs of a text's words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Portions {
    /// The words of each run.
    pub runs: Vec<Vec<String>>,
    /// There is no other.
    pub sure: bool,
    /// Every run is among them, whether or not all of them are.
    pub whole: bool,
}

/// Parts lines of words. Without any, there is one run without any.
pub(super) fn portions(lines: &[Line], parting: Parting) -> Portions {
    let words: Vec<String> = lines.iter().flat_map(|line| line.words.iter().cloned()).collect();
    let sure = |runs| Portions { runs, sure: true, whole: true };
    if words.is_empty() {
        return sure(vec![Vec::new()]);
    }
    match parting {
        Parting::All => sure(vec![words]),
        Parting::Words(number) => sure(words.chunks(number).map(<[String]>::to_vec).collect()),
        // A line that ends in a blank goes on in the next, but not for every xargs.
        Parting::Lines(number) if !lines.iter().any(|line| line.goes_on) => {
            let run = |lines: &[Line]| lines.iter().flat_map(|line| line.words.iter().cloned()).collect();
            sure(lines.chunks(number).map(run).collect())
        }
        _ if words.len() <= MAX_PARTED => {
            let from = (0..words.len()).filter_map(|from| words.get(from..));
            let runs = from.flat_map(|rest| (1..=rest.len()).rev().filter_map(|len| rest.get(..len)));
            Portions { runs: runs.map(<[String]>::to_vec).collect(), sure: false, whole: true }
        }
        _ => {
            let ends = (0..words.len()).filter_map(|from| words.get(from..)).map(<[String]>::to_vec);
            let runs = lines.iter().map(|line| line.words.clone()).chain(ends).collect();
            Portions { runs, sure: false, whole: false }
        }
    }
}

/// A line of the input.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// Its words.
    pub words: Vec<String>,
    /// A blank stands before its end.
    pub goes_on: bool,
}

/// Parts a text as xargs does: at blanks or only at line ends, but not in quotes or behind a backslash; none where a
/// quote stays open.
pub(super) fn parted(text: &str, whole_lines: bool) -> Option<Vec<Line>> {
    let mut lines = Vec::new();
    let mut line = Line::default();
    let mut word: Option<String> = None;
    let mut before = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => {
                let rest = chars.as_str();
                let end =
                    rest.find([c, '\n']).filter(|end| rest.get(*end..).is_some_and(|rest| rest.starts_with(c)))?;
                word.get_or_insert_default().push_str(rest.get(..end)?);
                chars = rest.get(end + c.len_utf8()..)?.chars();
                before = Some(c);
                continue;
            }
            '\\' => {
                let escaped = chars.next();
                word.get_or_insert_default().extend(escaped);
                before = escaped;
                continue;
            }
            '\n' => {
                line.words.extend(word.take());
                line.goes_on = before.is_some_and(char::is_whitespace);
                lines.push(std::mem::take(&mut line));
            }
            // Blanks in front of a line are none of it.
            c if c.is_whitespace() && (!whole_lines || word.is_none()) => line.words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
        before = Some(c);
    }
    line.words.extend(word);
    lines.push(line);
    lines.retain(|line| !line.words.is_empty());
    Some(lines)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;
    use crate::gate::options::scan;

    #[test]
    fn two_ways_at_once_are_no_certain_one() {
        for (options, expected) in [
            ("-0 -r", Parting::All),
            ("-n 2", Parting::Words(2)),
            ("-n5 -n1", Parting::Words(1)),
            ("--max-a=3", Parting::Words(3)),
            ("-L2", Parting::Lines(2)),
            ("-I% -I{}", Parting::Replaced),
            ("-i", Parting::Replaced),
            ("--repl=%", Parting::Replaced),
            ("-n5 -L1", Parting::Unsure),
            ("-L1 -n5 -n5", Parting::Unsure),
            ("-I% -n5", Parting::Unsure),
            ("-n 0", Parting::Unsure),
            ("-n x", Parting::Unsure),
            ("-n $N", Parting::Unsure),
            ("-I $N", Parting::Unsure),
            ("-L", Parting::Unsure),
            ("-l", Parting::Unsure),
            ("-s 30", Parting::Unsure),
            ("--max-lines=1", Parting::Unsure),
        ] {
            let word = |word: &str| Word { text: word.to_owned(), literal: !word.contains('$') };
            let words: Vec<Word> = options.split(' ').map(word).collect();
            let items = scan(&words, &["-I", "-n", "-L", "-s", "--max-args", "--max-chars"]);
            assert_eq!(parting(&items), expected, "{options}");
        }
    }

    #[test]
    fn lines_that_may_go_on_are_told() {
        let of = |text: &str| -> Vec<bool> { parted(text, false).unwrap().iter().map(|line| line.goes_on).collect() };
        assert_eq!(of("a\nb \nc\t\n'd '\ne\\ \nf"), [false, true, true, false, true, false]);
        assert_eq!(parted("it's", false), None);
    }

    #[test]
    fn every_run_is_among_few_words_in_an_unsure_parting() {
        let text = |words: usize| "x ".repeat(words);
        let of = |words: usize| portions(&parted(&text(words), false).unwrap(), Parting::Unsure);
        let few = of(MAX_PARTED);
        assert!(few.whole && !few.sure);
        assert_eq!(few.runs.len(), MAX_PARTED * (MAX_PARTED + 1) / 2);
        let more = of(MAX_PARTED + 1);
        assert!(!more.whole && !more.sure);
        assert_eq!(more.runs.len(), 1 + MAX_PARTED + 1);
        let none = Portions { runs: vec![Vec::new()], sure: true, whole: true };
        for parting in [Parting::All, Parting::Words(1), Parting::Lines(1), Parting::Unsure] {
            assert_eq!(portions(&parted(" \n\n", false).unwrap(), parting), none, "{parting:?}");
        }
    }
}
