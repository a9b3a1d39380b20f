//! What a command reads, as far as it may be code: its standard input, and what the commands print that feed it.
//!
//! Knows `echo`, `printf` and `cat`, whose output is their arguments. Knows nothing of shells or rules.

use super::quoting;
use crate::gate::call::{ShellCommand, Word};
use crate::gate::options::after_options;
use std::ops::Range;

/// Most texts that are read as code where it is not certain which of them runs. A group rarely prints more.
pub(in crate::gate) const MAX_GUESSES: usize = 16;

/// Where a command's standard input comes from.
#[derive(Debug, Clone, Default)]
pub(super) enum Stdin {
    /// The caller's.
    #[default]
    Inherited,
    /// Other commands of the line.
    Piped,
    /// A here-document or here-string.
    Document(Word),
    /// A file, or a descriptor that was opened somewhere.
    File,
    /// Nothing at all.
    Empty,
}

/// What is known of a command besides what others see of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// It runs another command, which is in the list too.
    pub wraps: bool,
    pub stdin: Stdin,
}

/// A command's input, and the commands so far that it may come from.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    pub stdin: &'a Stdin,
    /// Positions of the commands that feed a pipe.
    pub sources: &'a [Range<u32>],
    pub commands: &'a [ShellCommand],
    pub facts: &'a [Facts],
}

impl Input<'static> {
    /// Nothing is known to feed it.
    pub const fn inherited() -> Self {
        Self { stdin: &Stdin::Inherited, sources: &[], commands: &[], facts: &[] }
    }
}

/// The code that an input holds.
pub(super) struct Code {
    /// Every text that may be it.
    pub texts: Vec<Word>,
    /// There is no other.
    pub sure: bool,
}

impl Input<'_> {
    /// Whether the line says where it comes from, so that a shell without a script of its own runs it.
    pub fn is_fed(&self) -> bool {
        !matches!(self.stdin, Stdin::Inherited)
    }

    /// What a program that runs its input would run.
    pub fn code(&self) -> Code {
        match self.stdin {
            Stdin::Inherited | Stdin::Empty => Code { texts: Vec::new(), sure: true },
            Stdin::File => Code { texts: Vec::new(), sure: false },
            Stdin::Document(text) => Code { texts: vec![text.clone()], sure: true },
            Stdin::Piped => self.printed(),
        }
    }

    fn printed(&self) -> Code {
        let mut sources = self.sources.iter().flat_map(|span| span.clone()).filter_map(|at| {
            let at = usize::try_from(at).ok()?;
            Some((self.commands.get(at)?, self.facts.get(at)?))
        });
        let mut leaves = sources.by_ref().filter(|(_, facts)| !facts.wraps);
        // What a group prints is the output of any of its commands.
        let first: Vec<_> = leaves.by_ref().take(MAX_GUESSES).collect();
        let alone = first.len() == 1;
        let texts: Vec<Word> = first.iter().filter_map(|(command, facts)| printed(command, &facts.stdin)).collect();
        if alone && texts.len() == 1 {
            return Code { texts, sure: true };
        }
        let texts = texts.into_iter().map(|text| Word { literal: false, ..text }).collect();
        Code { texts, sure: false }
    }
}

/// What a command prints, where that is its arguments or its own document.
fn printed(command: &ShellCommand, stdin: &Stdin) -> Option<Word> {
    let words = match command.name() {
        "cat" if command.args.iter().all(|arg| arg.text == "-") => {
            return match stdin {
                Stdin::Document(text) => Some(text.clone()),
                _ => None,
            };
        }
        "echo" => after_echo_options(&command.args),
        "printf" => return formatted(after_options(&command.args, &["-v"])),
        _ => return None,
    };
    let said = Word::joined(words);
    // One `echo` takes escapes for what they stand for, another does not.
    let read = unescaped(&said.text);
    Some(Word { literal: said.literal && read == said.text, text: read })
}

/// `-n`, `-ne`: any other word with a dash is printed.
fn after_echo_options(args: &[Word]) -> &[Word] {
    let is_option = |arg: &Word| {
        let letters = arg.text.strip_prefix('-').unwrap_or_default();
        !letters.is_empty() && letters.chars().all(|letter| matches!(letter, 'n' | 'e' | 'E'))
    };
    let from = args.iter().position(|arg| !is_option(arg)).unwrap_or(args.len());
    args.get(from..).unwrap_or_default()
}

/// What `printf` prints: exactly known of one plain text, else all words, which shows each to the rules.
fn formatted(words: &[Word]) -> Option<Word> {
    let (format, values) = words.split_first()?;
    let literal = format.literal && values.is_empty() && !format.text.contains('%');
    let Word { text, .. } = Word::joined(words);
    // Line ends are read alike everywhere; of other escapes this is only the likely reading.
    let plain = text.replace("\\n", "\n");
    Some(Word { literal: literal && !plain.contains('\\'), text: unescaped(&text) })
}

/// The text with its escapes read as `$'…'` reads them.
fn unescaped(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let quoted = format!("{}'", text.replace('\'', "\\'"));
    quoting::ansi_c(&quoted).map_or_else(|| text.to_owned(), |(read, _)| read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read() {
        for (text, read) in [("a", "a"), (r"\162m\n-rf", "rm\n-rf"), (r"it's \x41", "it's A"), (r"a\", r"a\")] {
            assert_eq!(unescaped(text), read);
        }
    }
}
