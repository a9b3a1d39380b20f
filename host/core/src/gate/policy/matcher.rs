//! The structured `match` of a rule: program, subcommand, flags, arguments, redirects, pipes, assignments.
//!
//! Pure. Every key given must hold. What an allow must hold besides is `cover`'s.

use super::At;
use super::fields::{Fields, Problems, mend, shown};
use super::files::Files;
use super::flags::{MAX_PHRASE, Reading, has, subcommand};
use super::hosts::Hosts;
use super::seen::{PathReading, Seen};
use super::variables::names_in;
use super::yaml::Node;
use crate::gate::call::{ShellCommand, Word};
use crate::gate::paths::lexical;
use crate::gate::shell;
use crate::gate::targets;
use globset::{GlobBuilder, GlobMatcher, GlobSet};
use std::ops::Range;

/// The keys of `match`.
const KEYS: [&str; 14] = [
    "program",
    "subcommand",
    "flags_any",
    "flags_all",
    "flags_none",
    "args_glob",
    "redirects_to",
    "writes",
    "reads",
    "reads_below",
    "pipes_into",
    "assigns",
    "hosts",
    "run_by",
];

/// The structured `match`.
#[derive(Debug, Clone)]
pub(super) struct Matcher {
    program: Vec<Program>,
    subcommand: Vec<Vec<String>>,
    flags_any: Vec<String>,
    flags_all: Vec<String>,
    flags_none: Vec<String>,
    args_glob: Globs,
    redirects_to: Globs,
    writes: Globs,
    reads: Files,
    reads_below: Files,
    pipes_into: Vec<Program>,
    assigns: Vec<String>,
    hosts: Hosts,
    run_by: Vec<Program>,
}

/// A program by its name, or by its path where the rule writes one.
#[derive(Debug, Clone)]
struct Program {
    name: Name,
    /// The rule names a path, so that a name is not enough.
    path: bool,
}

#[derive(Debug, Clone)]
enum Name {
    Plain(String),
    /// It holds a `*` or `?`.
    Glob(GlobMatcher),
}

/// A glob about paths: `*` stays within a path segment, `**` does not.
#[derive(Debug, Clone)]
pub(super) struct Pathglob {
    glob: GlobMatcher,
    /// It is about an absolute path, so that the session's own folders are not meant.
    rooted: bool,
    /// `**`: anything at all, known or not.
    pub anything: bool,
}

/// A list of globs about paths, tried all at once: the presets have hundreds, and a line that writes has many words.
#[derive(Debug, Clone, Default)]
struct Globs {
    list: Vec<Pathglob>,
    /// All of them; none where they are too many to be one.
    all: Option<GlobSet>,
    /// Those that are not rooted.
    free: Option<GlobSet>,
    /// One of them is about anything.
    anything: bool,
}

impl Matcher {
    /// Reads `match`; none where it is no table or says nothing.
    pub fn read(node: &Node, problems: &mut Problems<'_>) -> Option<Self> {
        let fields = Fields::of(node, "`match`", &KEYS, problems)?;
        if fields.is_empty() {
            problems.at(node.at, format!("`match` is empty; leave it out, or say one of {}", KEYS.join(", ")));
            return None;
        }
        let mut names = |key: &str| fields.texts(key, problems);
        let (program, pipes_into, run_by) = (names("program"), names("pipes_into"), names("run_by"));
        let (subcommand, assigns) = (names("subcommand"), names("assigns"));
        let (args, redirects, writes) = (names("args_glob"), names("redirects_to"), names("writes"));
        let (reads, reads_below, hosts) = (names("reads"), names("reads_below"), names("hosts"));
        Some(Self {
            program: program.into_iter().filter_map(|(at, text)| Program::read(at, text, problems)).collect(),
            subcommand: subcommand.into_iter().filter_map(|(at, text)| phrase(at, text, problems)).collect(),
            flags_any: flags(&fields, "flags_any", problems),
            flags_all: flags(&fields, "flags_all", problems),
            flags_none: flags(&fields, "flags_none", problems),
            args_glob: args.into_iter().filter_map(|(at, text)| Pathglob::read(at, text, problems)).collect(),
            redirects_to: redirects.into_iter().filter_map(|(at, text)| Pathglob::read(at, text, problems)).collect(),
            writes: writes.into_iter().flat_map(|(at, text)| Pathglob::read_of_home(at, text, problems)).collect(),
            reads: Files::read(reads, problems),
            reads_below: Files::read(reads_below, problems),
            pipes_into: pipes_into.into_iter().filter_map(|(at, text)| Program::read(at, text, problems)).collect(),
            assigns: assigns.into_iter().filter_map(|(at, text)| variable(at, text, problems)).collect(),
            hosts: Hosts::read(hosts, problems),
            run_by: run_by.into_iter().filter_map(|(at, text)| Program::read(at, text, problems)).collect(),
        })
    }

    /// The files that it is about as such that are read.
    pub fn files(&self) -> [&Files; 2] {
        [&self.reads, &self.reads_below]
    }

    /// Whether it says nothing of a command that reads none of its files.
    pub fn is_about_files(&self) -> bool {
        self.files().into_iter().any(|files| !files.is_empty())
    }

    /// Whether it is about certain programs.
    pub fn names_programs(&self) -> bool {
        !self.program.is_empty()
    }

    /// Whether it is about what stands around the program, which does its work whatever that does.
    pub fn is_of_surroundings(&self) -> bool {
        let lists = [self.redirects_to.is_empty(), self.writes.is_empty(), self.pipes_into.is_empty()];
        !(lists.into_iter().all(|empty| empty) && self.assigns.is_empty())
    }

    /// Whether it is about hosts and nothing else, so that it says something of tools that are no shell, too.
    pub fn is_of_hosts_alone(&self) -> bool {
        let lists = [&self.flags_any, &self.flags_all, &self.flags_none, &self.assigns];
        !(self.hosts.is_empty() || self.names_programs() || self.is_of_surroundings())
            && lists.into_iter().all(Vec::is_empty)
            && self.subcommand.is_empty()
            && self.args_glob.is_empty()
            && self.reads.is_empty()
            && self.reads_below.is_empty()
            && self.run_by.is_empty()
    }

    /// Whether an address that a tool is given is of one of the hosts.
    pub fn is_host_of(&self, address: &str) -> bool {
        self.hosts.are_named(address)
    }

    /// How many globs it has, each tried on each word.
    pub fn globs(&self) -> usize {
        let files = self.reads.len() + self.reads_below.len();
        self.args_glob.len() + self.redirects_to.len() + self.writes.len() + files + self.hosts.len()
    }

    /// Whether every key given holds; of a key's list, one entry is enough (all, for `flags_all`; none, for `flags_none`).
    pub fn matches(&self, seen: &Seen<'_>, reading: Reading) -> bool {
        let command = seen.command;
        let unless_given = |list_is_empty: bool, holds: &dyn Fn() -> bool| list_is_empty || holds();
        unless_given(self.program.is_empty(), &|| self.names_program(seen))
            && unless_given(self.subcommand.is_empty(), &|| self.subcommand_of(seen, reading).is_some())
            && unless_given(self.flags_any.is_empty(), &|| {
                self.flags_any.iter().any(|flag| has(command, flag, reading))
            })
            && self.flags_all.iter().all(|flag| has(command, flag, reading))
            // What takes a rule back is doubted the other way round.
            && !self.flags_none.iter().any(|flag| has(command, flag, reading.opposite()))
            && unless_given(self.args_glob.is_empty(), &|| {
                seen.args().iter().flatten().any(|path| self.args_glob.are_meant(path))
            })
            && unless_given(self.redirects_to.is_empty(), &|| {
                seen.writes().any(|target| seen.readings(&target.text).iter().any(|path| self.redirects_to.are_meant(path)))
            })
            && unless_given(self.writes.is_empty(), &|| seen.written().iter().flatten().any(|path| self.writes.are_meant(path)))
            && unless_given(self.reads.is_empty(), &|| self.reads.are_read(seen))
            && unless_given(self.reads_below.is_empty(), &|| self.reads_below.are_gone_through(seen))
            && unless_given(self.pipes_into.is_empty(), &|| self.pipes(seen))
            && unless_given(self.run_by.is_empty(), &|| {
                command.wrappers.iter().any(|by| self.run_by.iter().any(|program| program.name.is(by)))
            })
            && unless_given(self.assigns.is_empty(), &|| {
                command.assignments.iter().any(|(name, _)| self.assigns.contains(name))
            })
            // One host that is named says nothing of the others, so that no allow is about it.
            && unless_given(self.hosts.is_empty(), &|| reading == Reading::Wide && self.hosts.are_gone_to(seen))
    }

    /// The names of which the program must have one; none where any will do, or a name alone does not tell.
    pub fn program_names(&self) -> Option<impl Iterator<Item = &str>> {
        let names: Option<Vec<&str>> = self.program.iter().map(Program::plain_name).collect();
        names.filter(|names| !names.is_empty()).map(Vec::into_iter)
    }

    /// Whether one of its programs is a path, and the command's own.
    pub fn names_path(&self, seen: &Seen<'_>) -> bool {
        self.program.iter().any(|program| program.path && program.is(seen))
    }

    fn names_program(&self, seen: &Seen<'_>) -> bool {
        self.program.iter().any(|program| program.is(seen))
    }

    /// How many words the subcommand has that the command is given; none where it is another.
    pub fn subcommand_of(&self, seen: &Seen<'_>, reading: Reading) -> Option<usize> {
        let mut phrases = self.subcommand.iter().filter(|phrase| subcommand(seen.command, phrase, reading));
        phrases.next().map(Vec::len)
    }

    pub fn args_glob(&self) -> &[Pathglob] {
        &self.args_glob.list
    }

    pub fn redirects_to(&self) -> &[Pathglob] {
        &self.redirects_to.list
    }

    pub fn assigns(&self, name: &str) -> bool {
        self.assigns.iter().any(|assigned| assigned == name)
    }

    /// Whether the command's output reaches one of the programs, through however many others.
    fn pipes(&self, seen: &Seen<'_>) -> bool {
        let all = seen.ground.all;
        let reached = seen.reached();
        let named = |name: &str| self.pipes_into.iter().any(|program| program.name.is(name));
        // A file that was fetched is run by its name, too.
        if reached.is_run && named("sh") {
            return true;
        }
        let own = all.get(seen.index);
        // What xargs reads are words of what it runs.
        let filled = own.filter(|own| matches!(own.name(), "xargs" | "parallel")).and(all.get(seen.index + 1));
        if filled
            .is_some_and(|next| next.wrappers.last().is_some_and(|by| by == seen.command.name()) && named(next.name()))
        {
            return true;
        }
        // A substitution, or a variable, may stand in the place of xargs.
        if named("xargs")
            && (all.iter().enumerate().any(|(at, command)| reads_printed(command, all.get(at + 1), seen.index))
                || reached.of(all).any(|command| shows_printed(command, all)))
        {
            return true;
        }
        reached.of(all).filter(|command| own.is_none_or(|own| !std::ptr::eq(*command, own))).any(|command| {
            // `| python3 -m json.tool` reads data: the code is its own.
            named(command.name()) && shell::runs_its_input(command)
        })
    }
}

/// Whether a command reads files that the one at `index` names, in a substitution: `cat $(find x)`.
fn reads_printed(command: &ShellCommand, next: Option<&ShellCommand>, index: usize) -> bool {
    let is_filled = |span: &Range<u32>| u32::try_from(index).is_ok_and(|index| span.contains(&index));
    command.filled.iter().any(is_filled)
        && targets::read(command, next, &targets::written(command)).iter().any(|word| word.text.contains("$()"))
}

/// Whether a command shows files that a variable names which holds what is printed: `find x | while read f; do cat $f; done`.
fn shows_printed(command: &ShellCommand, all: &[ShellCommand]) -> bool {
    let is_printed = |name: &str| {
        let mut held = all.iter().flat_map(shell::lasting).chain(command.bound.iter());
        held.any(|(own, value)| own == name && value.text.contains("$()"))
    };
    let unknown = |word: &Word| !word.literal && names_in(&word.text).any(is_printed);
    // Most commands have no such word.
    command.args.iter().any(unknown)
        && targets::shows(command.name())
        && targets::read(command, None, &targets::written(command)).iter().any(unknown)
}

impl FromIterator<Pathglob> for Globs {
    fn from_iter<I: IntoIterator<Item = Pathglob>>(globs: I) -> Self {
        let list: Vec<Pathglob> = globs.into_iter().collect();
        let set = |counts: fn(&Pathglob) -> bool| {
            let globs = list.iter().filter(|glob| counts(glob)).map(|glob| glob.glob.glob().clone());
            GlobSet::new(globs).ok()
        };
        let anything = list.iter().any(|glob| glob.anything);
        Self { all: set(|_| true), free: set(|glob| !glob.rooted), anything, list }
    }
}

impl Globs {
    fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether one of them is about the path.
    fn are_meant(&self, path: &PathReading) -> bool {
        match if path.own { &self.free } else { &self.all } {
            Some(set) => self.anything || set.is_match(&path.text),
            None => self.list.iter().any(|glob| !(path.own && glob.rooted) && glob.is_match(&path.text)),
        }
    }
}

impl Program {
    fn read(at: At, text: &str, problems: &mut Problems<'_>) -> Option<Self> {
        let path = text.contains('/');
        let text = if path { lexical(text) } else { text.to_owned() };
        let name = if text.contains(['*', '?']) { Name::Glob(glob(at, &text, problems)?) } else { Name::Plain(text) };
        Some(Self { name, path })
    }

    /// The name that the program's has to be, where that is all.
    fn plain_name(&self) -> Option<&str> {
        match &self.name {
            Name::Plain(name) if !self.path => Some(name),
            _ => None,
        }
    }

    /// A name is the file name of whatever path runs; a path is that path, as written or from the folder it runs in.
    fn is(&self, seen: &Seen<'_>) -> bool {
        let text = seen.command.program.text.as_str();
        if !self.path {
            return self.name.is(seen.command.name());
        }
        text.contains('/')
            && (self.name.is(&lexical(text)) || seen.readings(text).iter().any(|path| self.name.is(&path.text)))
    }
}

impl Name {
    fn is(&self, text: &str) -> bool {
        match self {
            Self::Plain(name) => name == text,
            Self::Glob(glob) => glob.is_match(text),
        }
    }
}

impl Pathglob {
    fn read(at: At, text: &str, problems: &mut Problems<'_>) -> Option<Self> {
        Some(Self { glob: glob(at, text, problems)?, rooted: text.starts_with('/'), anything: text == "**" })
    }

    /// The same; `~/x` is in someone's home folder, however that is called, and be it the session's own.
    fn read_of_home(at: At, text: &str, problems: &mut Problems<'_>) -> Vec<Self> {
        let named = text.strip_prefix("~/").map(|rest| format!("{{/home/*,/Users/*,/root}}/{rest}"));
        let texts = std::iter::once(text.to_owned()).chain(named);
        texts.filter_map(|text| Self::read(at, &text, problems)).collect()
    }

    pub fn is_match(&self, path: &str) -> bool {
        self.anything || self.glob.is_match(path)
    }
}

fn glob(at: At, text: &str, problems: &mut Problems<'_>) -> Option<GlobMatcher> {
    match GlobBuilder::new(text).literal_separator(true).build() {
        Ok(glob) => Some(glob.compile_matcher()),
        Err(error) => {
            problems.at(at, format!("bad glob `{}`: {}", shown(text), error.kind()));
            None
        }
    }
}

fn phrase(at: At, text: &str, problems: &mut Problems<'_>) -> Option<Vec<String>> {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    if words.is_empty() || words.iter().any(|word| word.starts_with('-')) {
        let message = format!("`{}` is no subcommand: it is words such as `push` or `repo delete`", shown(text));
        problems.at(at, message);
        return None;
    }
    if words.len() > MAX_PHRASE {
        problems.at(at, format!("a subcommand has at most {MAX_PHRASE} words, this one has {}", words.len()));
        return None;
    }
    Some(words)
}

/// A key's flags.
pub(super) fn flags(fields: &Fields<'_>, key: &str, problems: &mut Problems<'_>) -> Vec<String> {
    fields.texts(key, problems).into_iter().filter_map(|(at, text)| flag(at, text, problems)).collect()
}

fn flag(at: At, text: &str, problems: &mut Problems<'_>) -> Option<String> {
    let name = text.trim_start_matches(['-', '+']);
    if name.len() == text.len() || name.is_empty() || name.contains(char::is_whitespace) {
        let dashed = if text.len() == 1 { format!("-{text}") } else { format!("--{text}") };
        let mend = mend(text, &[dashed.as_str()]);
        problems.at(at, format!("`{}` is no flag: a flag begins with `-` and holds no blank{mend}", shown(text)));
        return None;
    }
    Some(text.to_owned())
}

fn variable(at: At, text: &str, problems: &mut Problems<'_>) -> Option<String> {
    let valid = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !valid {
        problems.at(at, format!("`{}` is no variable's name", shown(text)));
    }
    valid.then(|| text.to_owned())
}
