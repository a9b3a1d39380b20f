//! A command in its line as rules look at it: its program, its words as paths, what it is rendered as.
//!
//! Pure. What takes time is worked out once per command, when a rule first asks.

use super::files::ReadWord;
use super::statements;
use crate::gate::call::{Reached, RedirectKind, ShellCommand, Word, base_name, reached};
use crate::gate::paths::{lexical, spelled_out};
use crate::gate::protection::programs;
use crate::gate::targets;
use std::cell::{Cell, OnceCell};

/// Most words that the substitutions of a line print which are taken for files one by one: each command that takes one
/// is held against all. More count as each file there is.
pub(super) const MAX_PRINTED: usize = 512;

/// Most places that all patterns of a line may come to which are held against the rules' files, one for each folder that
/// a command may run in: each costs some microseconds. A command past them counts as reading each file there is.
pub(super) const MAX_PLACES: usize = 16_384;

/// What a word is also read as that names a session's folder as a whole, whatever that is called.
const WHOLE_ROOT: &str = "<root>";

/// And one that names all in it.
const WHOLE_ROOT_SHOWN: &str = "<root>/*";

/// Programs that write no text into what they name.
const EMPTYING: [&str; 11] =
    ["rm", "rmdir", "unlink", "shred", "srm", "trash", "mkdir", "chmod", "chown", "chgrp", "find"];

/// Where a line runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground<'a> {
    /// All commands of the line.
    pub all: &'a [ShellCommand],
    /// The session's roots.
    pub roots: &'a [String],
    /// What every session may touch besides.
    pub extras: &'a [String],
    pub shared: &'a Shared,
}

/// What all commands of a line have together.
#[derive(Debug, Default)]
pub(super) struct Shared {
    printed: OnceCell<Vec<Word>>,
    /// Of [`MAX_PLACES`] so many are used.
    places: Cell<usize>,
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
    /// What its program is known to write.
    made: OnceCell<Vec<Word>>,
    written: OnceCell<Vec<Vec<PathReading>>>,
    read: OnceCell<Vec<Vec<ReadWord>>>,
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
        Self {
            command,
            index,
            ground,
            folders,
            rendered: OnceCell::new(),
            words: OnceCell::new(),
            made: OnceCell::new(),
            written: OnceCell::new(),
            read: OnceCell::new(),
            reached,
        }
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

    fn made(&self) -> &[Word] {
        self.made.get_or_init(|| targets::written(self.command))
    }

    /// The files that the command fills or changes, by redirects and by what its program is known to write: in a folder
    /// that something is copied to, also by the name of what is copied. Not what it deletes, or makes empty.
    pub fn written(&self) -> &[Vec<PathReading>] {
        self.written.get_or_init(|| {
            let mut words: Vec<Word> = self.writes().cloned().collect();
            if !EMPTYING.contains(&self.command.name()) {
                words.extend_from_slice(self.made());
            }
            if matches!(self.command.name(), "cp" | "mv" | "ln" | "install" | "rsync" | "scp") {
                let is_folder = |word: &&Word| {
                    let name = base_name(&word.text);
                    name.is_empty() || matches!(name, "~") || name.starts_with('.')
                };
                // Where it goes stands last.
                let to = words.iter().rfind(is_folder).cloned().into_iter();
                let names = self.command.args.iter().map(|arg| base_name(arg.text.trim_end_matches('/')));
                let names: Vec<&str> = names.filter(|name| !name.is_empty() && !name.starts_with('-')).collect();
                let copied: Vec<Word> = to
                    .flat_map(|folder| {
                        let in_it = move |name: &&str| format!("{}/{name}", folder.text.trim_end_matches('/'));
                        names.iter().map(in_it).map(|text| Word { text, literal: true }).collect::<Vec<_>>()
                    })
                    .collect();
                words.extend(copied);
            }
            words.iter().map(|word| self.readings(&word.text)).collect()
        })
    }

    /// The words that may name a file which the command reads, each with its parts.
    pub fn read(&self) -> &[Vec<ReadWord>] {
        self.read.get_or_init(|| {
            let own = targets::read(self.command, self.ground.all.get(self.index + 1), self.made());
            let printed = if own.iter().any(|word| word.text.contains("$()")) { self.printed() } else { &[] };
            let readings = |word: &Word| {
                // `-F 'f=<file;type=x'`, `-F 'f=@file,other'`, `file://x`.
                let text = word.text.split(';').next().unwrap_or_default();
                let fed =
                    text.split_once("=<").or_else(|| text.split_once("=@").filter(|(_, files)| files.contains(',')));
                let fed = fed.into_iter().flat_map(|(_, files)| files.split(','));
                let local = targets::file_of(text);
                ReadWord::all([Some(text), local].into_iter().flatten().chain(fed).chain(parts(text)))
            };
            let mut read: Vec<Vec<ReadWord>> =
                own.iter().chain(printed.iter().take(MAX_PRINTED)).map(readings).collect();
            if printed.len() > MAX_PRINTED || !self.may_have_places(&read) {
                read.push(vec![ReadWord::whatever()]);
            }
            read
        })
    }

    /// Counts the places that the patterns among these words may come to; where that is too much, there are none left.
    fn may_have_places(&self, read: &[Vec<ReadWord>]) -> bool {
        let patterns = read.iter().flatten().filter(|word| !word.is_plain()).count();
        let used = patterns.saturating_mul(self.folders.len().max(1)).saturating_add(self.ground.shared.places.get());
        self.ground.shared.places.set(used);
        used <= MAX_PLACES
    }

    /// Whether its program may go through all that is below a folder.
    pub fn goes_below(&self) -> bool {
        programs::may_go_below(self.command)
    }

    /// What `$(echo x)` and `$(ls x)` print, wherever in the line they stand: a variable may have kept it.
    pub fn printed(&self) -> &'a [Word] {
        let all = self.ground.all;
        self.ground.shared.printed.get_or_init(|| {
            let spans = all.iter().flat_map(|command| command.filled.iter().cloned());
            let inner = spans.flatten().filter_map(|at| all.get(usize::try_from(at).ok()?));
            let printers = inner.filter(|command| programs::tells_only(command.name()) || command.name() == "find");
            printers.flat_map(|command| &command.args).take(MAX_PRINTED + 1).cloned().collect()
        })
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
        // By its last folder: a line that says `cd build; rm *` means what is in there.
        let project = texts.last().and_then(|last| self.of_root(last));
        texts.insert(0, text.clone());
        texts.dedup();
        let own = texts.into_iter().map(|reading| PathReading { own: self.is_own(&text, &reading), text: reading });
        own.chain(project.map(|text| PathReading { text: text.to_owned(), own: true })).collect()
    }

    /// A path that is one of the session's folders as a whole, or all that it shows.
    fn of_root(&self, path: &str) -> Option<&'static str> {
        let (folder, named) = match path.strip_suffix("/*").or_else(|| path.strip_suffix("/**")) {
            Some(folder) => (folder, WHOLE_ROOT_SHOWN),
            None => (path, WHOLE_ROOT),
        };
        let is_it = |root: &String| {
            let at_home = || {
                let below = folder.strip_prefix("~/")?;
                let home = root.strip_suffix(below)?.strip_suffix('/')?;
                Some(home == "/root" || ["/home", "/Users"].iter().any(|homes| is_in(home, homes)))
            };
            root != "/" && (root == folder || at_home().unwrap_or_default())
        };
        self.ground.roots.iter().any(is_it).then_some(named)
    }

    fn is_own(&self, text: &str, reading: &str) -> bool {
        self.ground.roots.iter().filter(|root| *root != "/").any(|root| match reading.strip_prefix(root.as_str()) {
            Some("") => !text.starts_with('/'),
            Some(below) => below.starts_with('/'),
            None => false,
        })
    }
}

/// Whether a folder lies right in another.
fn is_in(folder: &str, outer: &str) -> bool {
    folder.rsplit_once('/').is_some_and(|(front, _)| front == outer)
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
