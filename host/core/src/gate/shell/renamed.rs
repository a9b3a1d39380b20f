//! The walk's part about programs by another name: aliases, and copies of programs that the line makes.
//!
//! Only ever a further reading, for what stops: whether a shell heeds its aliases, many things decide.

use super::NotUnderstood;
use super::context::Context;
use super::walk::Walk;
use crate::gate::call::{RedirectKind, ShellCommand, Word, base_name};
use crate::gate::options::{after_options, scan, values, words};
use std::ops::Range;

/// Most other names that are kept; a line that gives more is not understood.
const MAX_NAMES: usize = 64;

/// What a name stands for.
#[derive(Debug, Clone)]
pub(super) enum Meaning {
    /// A text that the shell reads in its place.
    Alias(String),
    /// A program.
    Program(String),
}

/// Folders of programs.
const BIN: [&str; 7] =
    ["/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/opt/homebrew/bin/", "/snap/bin/"];

impl Walk {
    pub(super) fn rename(&mut self, name: &str, meaning: Meaning) {
        if name.is_empty() {
            return;
        }
        if self.renamed.len() >= MAX_NAMES && !self.renamed.contains_key(name) {
            return self.trouble(NotUnderstood::TooMany);
        }
        self.renamed.insert(name.to_owned(), meaning);
    }

    /// `BASH_ALIASES[x]=text`, `BASH_CMDS[x]=/bin/program`.
    pub(super) fn note_table(&mut self, table: &str, key: &str, value: &Word) {
        let name = key.trim_matches(['"', '\'']);
        match table {
            "BASH_ALIASES" => self.rename(name, Meaning::Alias(value.text.clone())),
            "BASH_CMDS" => self.rename(name, Meaning::Program(value.text.clone())),
            _ => {}
        }
    }

    /// Notes the names that a command gives: `alias x=text`, `hash -p /bin/program x`, git's aliases.
    pub(super) fn note_names(&mut self, program: &Word, args: &[Word]) {
        match program.text.as_str() {
            "alias" => {
                for (name, text) in args.iter().filter_map(|arg| arg.text.split_once('=')) {
                    self.rename(name, Meaning::Alias(text.to_owned()));
                }
            }
            "hash" => {
                let items = scan(args, &["-p"]);
                let paths = values(&items, &["-p"]);
                if let (Some(path), [name, ..]) = (paths.first(), words(&items).as_slice()) {
                    self.rename(&name.text, Meaning::Program(path.text.clone()));
                }
            }
            "git" => {
                for (at, arg) in args.iter().enumerate() {
                    let Some(rest) = arg.text.strip_prefix("alias.") else { continue };
                    let text = rest.split_once('=').map(|(name, text)| (name, text.to_owned()));
                    let next = args.get(at + 1).map(|next| (rest, next.text.clone()));
                    if let Some((name, text)) = text.or(next) {
                        let text = text.strip_prefix('!').map_or_else(|| format!("git {text}"), str::to_owned);
                        self.rename(&format!("git {name}"), Meaning::Alias(text));
                    }
                }
            }
            _ => {}
        }
    }

    /// The program whose path the commands at `span` say.
    pub(super) fn looked_up(&self, span: &Range<u32>) -> Option<String> {
        span.clone().find_map(|at| looked_up(self.commands.get(usize::try_from(at).ok()?)?))
    }

    /// Notes the copies of programs that the commands at `own` make, filled by those at `inner`.
    pub(super) fn note_copies(&mut self, own: &Range<u32>, inner: &Range<u32>) {
        let at = |position: u32| self.commands.get(usize::try_from(position).ok()?);
        let told = self.looked_up(inner);
        let mut found = Vec::new();
        for command in own.clone().filter_map(at) {
            let (sources, target) = copied(command);
            let Some(target) = target else { continue };
            for source in sources {
                let named = BIN.iter().any(|folder| source.text.starts_with(folder)).then(|| base_name(&source.text));
                let known = match self.renamed.get(base_name(&source.text)) {
                    Some(Meaning::Program(path)) => Some(path.as_str()),
                    _ => None,
                };
                let told = told.as_deref().filter(|_| source.text.contains("$()"));
                if let Some(program) = named.or(known).or(told).filter(|program| *program != target) {
                    found.push((target.clone(), program.to_owned()));
                }
            }
        }
        for (name, program) in found {
            self.rename(&name, Meaning::Program(program));
        }
    }

    /// Reads the command at `at` once more, by what its program's name stands for.
    pub(super) fn by_other_names(&mut self, at: usize, context: &Context, fed: &[Range<u32>]) {
        let Some(ShellCommand { program, args, .. }) = self.commands.get(at) else { return };
        let name = base_name(&program.text);
        // The shell that runs the line.
        let is_shell = program.text.strip_prefix("/proc/").is_some_and(|rest| rest.ends_with("/exe"));
        let meaning = match self.renamed.get(name) {
            _ if is_shell => Some((Meaning::Program("bash".to_owned()), args.as_slice())),
            Some(meaning) => Some((meaning.clone(), args.as_slice())),
            None if name == "git" && !self.renamed.is_empty() => {
                let rest = after_options(args, &["-C", "-c", "--git-dir", "--work-tree", "--namespace"]);
                let meaning = rest.first().and_then(|first| self.renamed.get(&format!("git {}", first.text)));
                meaning.map(|meaning| (meaning.clone(), rest.get(1..).unwrap_or_default()))
            }
            None => None,
        };
        let called = format!("another name {name}");
        let Some((meaning, args)) = meaning.filter(|_| !context.calls.contains(&called)) else { return };
        let mut inner = Context { maybe: true, ..context.deeper() };
        inner.calls.push(called);
        let args = args.to_vec();
        let problem = self.problem;
        match meaning {
            Meaning::Program(path) => {
                let program = Word { text: path, literal: true };
                self.emit([vec![program], args].concat(), Vec::new(), Vec::new(), &inner, fed);
            }
            Meaning::Alias(text) => {
                let quoted = args.iter().map(|arg| match arg.literal {
                    true => format!("'{}'", arg.text.replace('\'', r"'\''")),
                    false => arg.text.clone(),
                });
                let code: Vec<String> = std::iter::once(text).chain(quoted).collect();
                self.code(&code.join(" "), &inner);
            }
        }
        self.forget(problem);
    }
}

/// The program that `which x` and its like say the path of.
fn looked_up(command: &ShellCommand) -> Option<String> {
    let asks = match command.name() {
        "which" | "type" => true,
        "command" => command.args.first().is_some_and(|arg| arg.text.starts_with("-v")),
        _ => false,
    };
    let word = command.args.iter().rfind(|arg| asks && arg.literal && !arg.text.starts_with('-'))?;
    Some(base_name(&word.text).to_owned())
}

/// What a command copies, and the name that it gives it.
fn copied(command: &ShellCommand) -> (Vec<&Word>, Option<String>) {
    let named =
        |word: &Word| Some(base_name(&word.text).to_owned()).filter(|name| !name.is_empty() && !name.contains('$'));
    match command.name() {
        "cp" | "mv" | "ln" | "install" => {
            let mut words =
                words(&scan(&command.args, &["-t", "-S", "-m", "-o", "-g"])).into_iter().collect::<Vec<_>>();
            let target = words.pop().and_then(named);
            (words, target)
        }
        "cat" | "dd" => {
            let into = command.redirects.iter().find(|redirect| redirect.kind == RedirectKind::Output);
            (command.args.iter().collect(), into.and_then(|redirect| named(&redirect.target)))
        }
        _ => (Vec::new(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_blocking;
    use super::MAX_NAMES;

    fn runs(line: &str, expected: &str) -> bool {
        parse_blocking(line).commands.iter().any(|command| {
            let words = std::iter::once(&command.program).chain(&command.args);
            words.map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ").ends_with(expected)
        })
    }

    #[test]
    fn programs_are_known_by_their_other_names() {
        for line in [
            "alias l=rm; l -rf x",
            "alias l='rm -rf'\nl x",
            "alias l=rm; eval 'l -rf x'",
            "BASH_ALIASES[l]='rm -rf'; l x",
            "BASH_ALIASES=([l]='rm -rf'); l x",
            "BASH_CMDS[l]=/bin/rm; l -rf x",
            "hash -p /bin/rm ls; ls -rf x",
            "cp /bin/rm l; ./l -rf x",
            "cp /bin/rm l && mv l m && sudo ./m -rf x",
            "cp $(which rm) l; ./l -rf x",
            "ln -s \"$(command -v rm)\" /tmp/l; /tmp/l -rf x",
            "cat /bin/rm > l; chmod +x l; ./l -rf x",
            "cp /bin/bash b; ./b -c 'rm -rf x'",
            "/proc/self/exe -c 'rm -rf x'",
            "git config alias.l '!rm -rf'; git l x",
            "git -c alias.l='!rm -rf' l x",
        ] {
            assert!(runs(line, "rm -rf x"), "{line}: {:?}", parse_blocking(line).commands);
        }
        assert!(runs("git config alias.p push; git p --force", "git push --force"));
        let line = "alias ls='ls -l'; ls x; alias a=b; alias b=a; a; cp a b; ./b -rf x";
        assert!(parse_blocking(line).understood() && !runs(line, "rm -rf x"));
        let names = |count: usize| (0..count).map(|n| format!("alias a{n}=b; ")).collect::<String>();
        assert!(runs(&format!("{}alias l=rm; l -rf x", names(MAX_NAMES - 1)), "rm -rf x"));
        // The name that is too many is not read, so nobody may say what the line runs; one given anew is.
        assert!(!parse_blocking(&format!("{}alias l=rm; l -rf x", names(MAX_NAMES))).understood());
        assert!(runs(&format!("{}alias a0=rm; a0 -rf x", names(MAX_NAMES)), "rm -rf x"));
        let paths = |count: usize| (0..count).map(|n| format!("hash -p /bin/b a{n}; ")).collect::<String>();
        assert!(parse_blocking(&paths(MAX_NAMES)).understood() && !parse_blocking(&paths(MAX_NAMES + 1)).understood());
    }
}
