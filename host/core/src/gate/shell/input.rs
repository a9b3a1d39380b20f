//! What a command reads, as far as it may be code: its standard input, and what the commands print that feed it.
//!
//! Knows `echo`, `printf` and `cat`, whose output is their arguments. Knows nothing of shells or rules.

use super::{interpreters, languages, quoting, scripts};
use crate::gate::call::{RedirectKind, ShellCommand, Word};
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

impl Stdin {
    pub fn is_inherited(&self) -> bool {
        matches!(self, Self::Inherited)
    }
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
        self.printed_within(MAX_HANDS)
    }

    /// What the sources print, each through at most so many that hand on what they read.
    fn printed_within(&self, hands: usize) -> Code {
        let mut sources = self.sources.iter().flat_map(|span| span.clone()).filter_map(|at| {
            let at = usize::try_from(at).ok()?;
            Some((self.commands.get(at)?, self.facts.get(at)?))
        });
        let mut leaves = sources.by_ref().filter(|(_, facts)| !facts.wraps);
        // What a group prints is the output of any of its commands.
        let first: Vec<_> = leaves.by_ref().take(MAX_GUESSES).collect();
        let alone = first.len() == 1;
        let (mut texts, mut sure) = (Vec::new(), true);
        for (command, facts) in &first {
            if let Some(text) = printed(command, &facts.stdin) {
                texts.push(text);
            } else if let (Some(certain), Some(hands)) = (hands_on(command), hands.checked_sub(1)) {
                let taken: Vec<Range<u32>> = command.reads.iter().chain(&command.filled).cloned().collect();
                let own = match &facts.stdin {
                    Stdin::Document(text) => Code { texts: vec![text.clone()], sure: true },
                    _ => Input { sources: &taken, ..*self }.printed_within(hands),
                };
                sure &= certain && own.sure;
                texts.extend(own.texts);
            } else {
                texts.extend(quoted_in(command));
                sure = false;
            }
        }
        texts.truncate(MAX_GUESSES);
        if alone && sure && texts.len() == 1 {
            return Code { texts, sure: true };
        }
        let texts = texts.into_iter().map(|text| Word { literal: false, ..text }).collect();
        Code { texts, sure: false }
    }
}

/// Through how many commands a text is followed that hand it on.
const MAX_HANDS: usize = 8;

/// Whether a command writes or prints what it reads, or a file that the line made: as it is (true), or something of it.
fn hands_on(command: &ShellCommand) -> Option<bool> {
    match command.name() {
        "tee" | "sponge" => Some(command.redirects.is_empty()),
        "cat" => Some(false),
        // A group's own redirects.
        "" => command.redirects.iter().any(|redirect| redirect.kind == RedirectKind::Input).then_some(false),
        "sed" if command.args.iter().any(|arg| arg.text.starts_with("-i")) => None,
        "dd" | "cp" | "mv" | "install" | "ln" | "sed" | "tr" | "head" | "tail" | "grep" | "cut" | "sort" | "uniq"
        | "fold" | "fmt" | "tac" | "rev" | "envsubst" | "pv" => Some(false),
        _ => None,
    }
}

/// The texts in the code of a language that it may print; none of other programs.
fn quoted_in(command: &ShellCommand) -> Vec<Word> {
    let name = command.name();
    if !(languages::is_one(name) || scripts::is_awk(name) || matches!(name, "jq" | "yq" | "sed" | "gsed")) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for arg in &command.args {
        let mut rest = arg.text.as_str();
        while let Some(at) = rest.find(['"', '\'']) {
            let Some((text, used)) = rest.get(at..).and_then(interpreters::literal) else { break };
            // A word alone is a name more often than a command.
            if text.contains(' ') && found.len() < MAX_GUESSES {
                found.push(Word { text, literal: false });
            }
            rest = rest.get(at + used..).unwrap_or_default();
        }
    }
    found
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
        "npm" | "pnpm" | "yarn" => return package_scripts(command),
        _ => return None,
    };
    let said = Word::joined(words);
    // One `echo` takes escapes for what they stand for, another does not.
    let read = unescaped(&said.text);
    Some(Word { literal: said.literal && read == said.text, text: read })
}

/// The scripts that a package manager writes into the project's file, as they stand there: `npm pkg set scripts.x=…`.
pub(super) fn package_scripts(command: &ShellCommand) -> Option<Word> {
    let words: Vec<&Word> = command.args.iter().filter(|arg| !arg.text.starts_with('-')).collect();
    let as_text =
        |name: &str, code: &str| format!("\"{name}\": \"{}\"", code.replace('\\', "\\\\").replace('"', "\\\""));
    let entries: Vec<String> = match words.as_slice() {
        [own, name, code] if own.text == "set-script" => vec![as_text(&name.text, &code.text)],
        [pkg, set, rest @ ..] if (pkg.text.as_str(), set.text.as_str()) == ("pkg", "set") => {
            let settings = rest
                .iter()
                .filter_map(|word| word.text.strip_prefix("scripts")?.trim_start_matches(['.', '[']).split_once('='));
            settings.map(|(name, code)| as_text(name.trim_end_matches(']'), code)).collect()
        }
        _ => Vec::new(),
    };
    (!entries.is_empty()).then(|| Word { text: entries.join(",\n"), literal: true })
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

/// What `printf` prints: exactly known of plain text and of words that are put into it as they are, else all words, which
/// shows each to the rules.
pub(super) fn formatted(words: &[Word]) -> Option<Word> {
    let (format, values) = words.split_first()?;
    let literal = format.literal && values.iter().all(|value| value.literal);
    if let Some(text) = filled(&format.text, values) {
        let plain = text.replace("\\n", "\n");
        return Some(Word { literal: literal && !plain.contains('\\'), text: unescaped(&text) });
    }
    Some(Word { literal: false, text: unescaped(&Word::joined(words).text) })
}

/// Most that a format is gone through again for more words; few lines have so many.
const MAX_FORMATTED: usize = 64;

/// A format with nothing but `%s` and its like in it, filled in, as often as there are words; none for any other.
fn filled(format: &str, values: &[Word]) -> Option<String> {
    let mut parts = format.split('%');
    let first = parts.next()?;
    let parts: Vec<&str> = parts.collect();
    if !parts.iter().all(|part| part.starts_with(['s', 'b', 'q', 'd', 'i'])) || values.len() > MAX_FORMATTED {
        return None;
    }
    if parts.is_empty() {
        return values.is_empty().then(|| format.to_owned());
    }
    let mut text = String::new();
    let mut left = values.iter();
    loop {
        text.push_str(first);
        for part in &parts {
            text.push_str(left.next().map_or("", |value| value.text.as_str()));
            text.push_str(part.get(1..).unwrap_or_default());
        }
        if left.len() == 0 {
            return Some(text);
        }
    }
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
