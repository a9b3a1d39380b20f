//! A command in its line as rules look at it: its program, its words as paths, what it is rendered as.
//!
//! Pure. What takes time is worked out once per command, when a rule first asks.

use super::statements;
use crate::gate::call::{Reached, RedirectKind, ShellCommand, Word, reached};
use crate::gate::paths::{lexical, spelled_out};
use std::cell::OnceCell;

/// Where a line runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground<'a> {
    /// All commands of the line.
    pub all: &'a [ShellCommand],
    /// The session's roots.
    pub roots: &'a [String],
    /// What every session may touch besides.
    pub extras: &'a [String],
}

/// A command in its line.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub command: &'a ShellCommand,
    /// Its position in the line.
    pub index: usize,
    pub ground: Ground<'a>,
    /// Folders it may run in: the call's, and where a `cd` before it went.
    pub folders: &'a [String],
    rendered: OnceCell<String>,
    words: OnceCell<Vec<Vec<PathReading>>>,
    reached: &'a OnceCell<Reached>,
}

/// One way to read a word as a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathReading {
    pub text: String,
    /// It lies in the session's own folders, so that a pattern about a system folder is not about it: a project
    /// may live in `/app` or below `/usr/src`. The folder itself counts only where it is not named outright.
    pub own: bool,
}

impl<'a> Seen<'a> {
    /// The commands that its output reaches: the same however it is read.
    pub fn reached(&self) -> &Reached {
        self.reached.get_or_init(|| reached(self.ground.all, self.index))
    }

    /// The command at `index`, or another reading of it; they share what it reaches.
    pub fn new(
        command: &'a ShellCommand,
        index: usize,
        ground: Ground<'a>,
        folders: &'a [String],
        reached: &'a OnceCell<Reached>,
    ) -> Self {
        Self { command, index, ground, folders, rendered: OnceCell::new(), words: OnceCell::new(), reached }
    }

    /// The program without its folder, and its arguments, one blank between; of a database's statements only what
    /// they do.
    pub fn rendered(&self) -> &str {
        self.rendered.get_or_init(|| {
            let name = self.command.name();
            let told = statements::are_of(name);
            let mut text = name.to_owned();
            let args = self.command.args.iter().map(|arg| arg.text.as_str());
            if told && statements::in_memory(name, args.clone()) {
                return text;
            }
            for arg in args {
                text.push(' ');
                if told && arg.contains(char::is_whitespace) {
                    text.push_str(&statements::doing(arg));
                } else {
                    text.push_str(arg);
                }
            }
            text
        })
    }

    /// Its arguments, then the files that it reads and writes by redirects, each with its readings as a path.
    pub fn words(&self) -> &[Vec<PathReading>] {
        self.words.get_or_init(|| {
            let files = self.command.redirects.iter().filter(|redirect| redirect.kind != RedirectKind::HereDocument);
            let words = self.command.args.iter().chain(files.map(|redirect| &redirect.target));
            words.map(|word| self.readings_of_parts(&word.text)).collect()
        })
    }

    /// As [`Seen::words`], of the arguments alone.
    pub fn args(&self) -> &[Vec<PathReading>] {
        self.words().get(..self.command.args.len()).unwrap_or_default()
    }

    /// The words that the command writes by redirects.
    pub fn writes(&self) -> impl Iterator<Item = &'a Word> + use<'a> {
        let written = |kind| matches!(kind, RedirectKind::Output | RedirectKind::Append);
        self.command.redirects.iter().filter(move |redirect| written(redirect.kind)).map(|redirect| &redirect.target)
    }

    /// A word as the path it may be: whole, after `=`, after `@`, after a short option's letter.
    fn readings_of_parts(&self, text: &str) -> Vec<PathReading> {
        let mut found = self.readings(text);
        for part in parts(text) {
            for reading in self.readings(part) {
                if !found.contains(&reading) {
                    found.push(reading);
                }
            }
        }
        found
    }

    /// How a path may be read: as written, normalised, and below each folder.
    pub fn readings(&self, text: &str) -> Vec<PathReading> {
        let text = spelled_out(text);
        let mut texts = Vec::with_capacity(2 + self.folders.len());
        if text.starts_with(['/', '~']) {
            texts.push(lexical(&text));
        } else if !text.starts_with('-') && !text.is_empty() && !text.starts_with("$(mktemp)") {
            texts.extend(self.folders.iter().map(|folder| below(folder, &text)));
        }
        texts.insert(0, text.clone());
        texts.dedup();
        texts.into_iter().map(|reading| PathReading { own: self.is_own(&text, &reading), text: reading }).collect()
    }

    fn is_own(&self, text: &str, reading: &str) -> bool {
        self.ground.roots.iter().filter(|root| *root != "/").any(|root| match reading.strip_prefix(root.as_str()) {
            Some("") => !text.starts_with('/'),
            Some(below) => below.starts_with('/'),
            None => false,
        })
    }
}

/// The parts of a word that may be a path of their own.
pub(super) fn parts(text: &str) -> impl Iterator<Item = &str> {
    let value = text.split_once('=').map(|(_, value)| value);
    // `-I/usr/include`, and behind other letters: `-uo/etc/x`.
    let attached = text.strip_prefix('-').filter(|rest| !rest.starts_with('-')).and_then(|rest| {
        let at = rest.find(['/', '~', '.', '$', '@']).filter(|at| *at > 0)?;
        rest.get(at..)
    });
    let at = [Some(text), value, attached].into_iter().flatten().filter_map(|part| part.strip_prefix('@'));
    [value, attached].into_iter().flatten().chain(at).filter(|part| !part.is_empty())
}

/// `text` as it is called in `folder`, without its dots.
pub(super) fn below(folder: &str, text: &str) -> String {
    lexical(&format!("{folder}/{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_parts_that_may_be_paths() {
        for (text, expected) in [
            ("x", &[] as &[&str]),
            ("--file=/etc/x", &["/etc/x"]),
            ("if=/dev/sda", &["/dev/sda"]),
            ("@.env", &[".env"]),
            ("f=@/etc/shadow", &["@/etc/shadow", "/etc/shadow"]),
            ("-d@.env", &["@.env", ".env"]),
            ("-I/usr/include", &["/usr/include"]),
            ("-C../x", &["../x"]),
            ("-uo/etc/x", &["/etc/x"]),
            ("-rf", &[]),
            ("--", &[]),
            ("a=", &[]),
        ] {
            assert_eq!(parts(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
