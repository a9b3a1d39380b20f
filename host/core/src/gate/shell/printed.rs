//! The walk's part about what substitutions print into a command's words: `rm $(echo -rf x)` is also `rm -rf x`.
//!
//! Only ever a further reading, for what stops.

use super::context::Context;
use super::input::{Input, Stdin};
use super::walk::Walk;
use super::word::Scanned;
use super::{MAX_WORDS, values};
use crate::gate::call::{Redirect, Word};
use std::ops::Range;

/// The longest text of a substitution that is put into a word, in bytes: more is no list of words that a person wrote.
const MAX_TEXT_BYTES: usize = 4 * 1024;

/// A command's words before substitutions are put into them.
#[derive(Debug, Default, Clone)]
pub(super) struct Words {
    pub argv: Vec<Word>,
    pub assignments: Vec<(String, Word)>,
    pub redirects: Vec<Redirect>,
}

/// Where substitutions stand in a command.
#[derive(Debug, Default)]
pub(super) struct Slots {
    found: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    at: Place,
    /// Which of the command's substitutions, and whether what each prints is parted.
    printed: Vec<(usize, bool)>,
}

/// A word of a command, by its position.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Arg(usize),
    Assignment(usize),
    Redirect(usize),
}

impl Slots {
    /// Notes those of a word, in front of which so many are known.
    pub fn note(&mut self, at: Place, before: usize, scanned: &Scanned) {
        if let [only] = scanned.words.as_slice()
            && !scanned.printed.is_empty()
            && only.text.matches(values::PRINTED).count() == scanned.printed.len()
        {
            let printed = scanned.printed.iter().map(|(at, parted)| (at + before, *parted)).collect();
            self.found.push(Slot { at, printed });
        }
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

impl Walk {
    /// What the commands at `span` print, where the line tells all of it.
    pub(super) fn printed_at(&self, span: &Range<u32>) -> Option<String> {
        let sources = [span.clone()];
        let input = Input { stdin: &Stdin::Piped, sources: &sources, commands: &self.commands, facts: &self.facts };
        let texts = input.code().texts;
        let looked_up = self.looked_up(span).into_iter().map(|text| Word { text, literal: true });
        let text = Word::joined(&texts.into_iter().chain(looked_up).collect::<Vec<_>>()).text;
        (!text.is_empty() && text.len() <= MAX_TEXT_BYTES).then_some(text)
    }

    /// Reads a command once more, with what its substitutions print, which stand at `spans`.
    pub(super) fn with_printed(
        &mut self,
        mut words: Words,
        slots: &Slots,
        spans: &[Range<u32>],
        context: &Context,
        fed: &[Range<u32>],
    ) {
        // From the back, so that the places in front stay what they are.
        let mut changed = false;
        for slot in slots.found.iter().rev() {
            let place = match slot.at {
                Place::Arg(at) => words.argv.get(at),
                Place::Assignment(at) => words.assignments.get(at).map(|(_, word)| word),
                Place::Redirect(at) => words.redirects.get(at).map(|redirect| &redirect.target),
            };
            let Some(found) = place.and_then(|word| self.put_in(word, slot, spans)) else { continue };
            changed = true;
            match slot.at {
                Place::Arg(at) => {
                    words.argv.splice(at..=at, found);
                }
                Place::Assignment(at) => {
                    if let Some((_, word)) = words.assignments.get_mut(at) {
                        *word = Word::joined(&found);
                    }
                }
                Place::Redirect(at) => {
                    if let (Some(redirect), Some(first)) = (words.redirects.get_mut(at), found.into_iter().next()) {
                        redirect.target = first;
                    }
                }
            }
        }
        if !changed || words.argv.len() > MAX_WORDS {
            return;
        }
        let (problem, last) = (self.problem, self.last);
        self.emit(words.argv, words.assignments, words.redirects, &Context { maybe: true, ..context.deeper() }, fed);
        self.forget(problem);
        self.last = last;
    }

    /// A word with what its substitutions print; none where that is not known.
    fn put_in(&self, word: &Word, slot: &Slot, spans: &[Range<u32>]) -> Option<Vec<Word>> {
        let mut parts = word.text.split(values::PRINTED);
        let mut found = vec![parts.next()?.to_owned()];
        for ((at, parted), part) in slot.printed.iter().zip(parts) {
            let text = self.printed_at(spans.get(*at)?)?;
            let mut texts: Vec<&str> = if *parted { text.split_whitespace().collect() } else { vec![text.trim_end()] };
            let first = if texts.is_empty() { "" } else { texts.remove(0) };
            found.last_mut()?.push_str(first);
            found.extend(texts.into_iter().map(str::to_owned));
            found.last_mut()?.push_str(part);
        }
        let literal = |text: &str| !text.contains(['$', '`', '*', '?', '[']);
        Some(found.into_iter().map(|text| Word { literal: literal(&text), text }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_blocking;
    use super::MAX_TEXT_BYTES;

    fn runs(line: &str, expected: &str) -> bool {
        parse_blocking(line).commands.iter().any(|command| {
            let targets = command.redirects.iter().map(|redirect| &redirect.target);
            let words = std::iter::once(&command.program).chain(&command.args).chain(targets);
            words.map(|word| word.text.as_str()).collect::<Vec<_>>().join("|") == expected
        })
    }

    #[test]
    fn what_is_printed_into_words_is_read() {
        for (line, expected) in [
            ("rm $(echo -rf x)", "rm|-rf|x"),
            ("rm `echo -rf x`", "rm|-rf|x"),
            ("$(echo rm) x", "rm|x"),
            ("$(which rm) x", "rm|x"),
            ("rm a$(printf %s b)c", "rm|abc"),
            ("rm \"$(echo a b)\"", "rm|a b"),
            ("git $(echo push) $(echo -f)", "git|push|-f"),
            ("echo x >> $(echo y)", "echo|x|y"),
            ("rm $(cat <<E\na b\nE\n)", "rm|a|b"),
            ("sudo rm $(echo x)", "sudo|rm|x"),
        ] {
            assert!(runs(line, expected), "{line}: {:?}", parse_blocking(line).commands);
        }
        assert!(!runs("git commit -m \"$(echo rm -rf x)\"", "git|commit|-m|rm|-rf|x"));
        assert!(!runs("rm \"$(echo $X)\"; rm $(x)", "rm|"));
        let long =
            |length: usize| runs(&format!("rm $(echo {})", "a".repeat(length)), &format!("rm|{}", "a".repeat(length)));
        assert!(long(MAX_TEXT_BYTES));
        assert!(!long(MAX_TEXT_BYTES + 1));
    }
}
