//! The home's places, and what a touch of a path or a pattern means to them and to agents' settings.
//!
//! Knows paths, no programs.

use super::wildcards::{Reach, Wild};
use super::{Protected, SECRETS, Touch, settings};
use crate::gate::call::{ShellCommand, Word};
use crate::gate::paths::{self, PathProblem, Paths, lexical, resolve, spelled_out};
use crate::gate::targets;
use crate::home::Home;
use std::path::{Path, PathBuf};

/// Longest word that may be a path: the kernel takes no longer one.
pub(in crate::gate) const MAX_PATH_BYTES: usize = 4_096;

/// Most times that a pattern is followed to where it turns back with `..`: each is looked at from every folder. Lines
/// that people write turn once or twice.
pub(in crate::gate) const MAX_TURNS: usize = 16;

/// The home's real paths.
pub(super) struct Roots {
    pub home: PathBuf,
    run: PathBuf,
    /// What is compiled, and the key that it is marked with.
    cache: PathBuf,
    tokens: [PathBuf; 2],
}

impl Roots {
    pub(super) fn of(home: &Home, paths: &dyn Paths) -> Self {
        let real = paths.real(home.root()).unwrap_or_else(|| home.root().to_owned());
        let home = Home::at(real);
        Self {
            run: home.run(),
            cache: home.cache(),
            tokens: [home.token(), home.approver_token()],
            home: home.root().to_owned(),
        }
    }

    fn is_secret(&self, real: &Path) -> bool {
        real.starts_with(&self.run) || real.starts_with(&self.cache) || self.tokens.iter().any(|token| token == real)
    }

    /// What in it is a secret, from the home itself.
    pub(super) fn secrets(&self) -> Vec<&str> {
        let paths = self.tokens.iter().chain([&self.run]);
        paths.filter_map(|path| path.strip_prefix(&self.home).ok()?.to_str()).collect()
    }
}

impl Protected<'_> {
    pub(super) fn path(&self, cwd: &Path, path: &str, touch: Touch) -> Result<(), String> {
        let real = match resolve(self.paths, cwd, path) {
            Ok(real) => real,
            Err(PathProblem::OfProcess) => return Err(of_process(path)),
            Err(PathProblem::UnknownHome) => return self.in_some_home(path, touch),
            // Past the bound the rules ask, and a file tool is denied by the sandbox, as is every unknown path of it.
            Err(PathProblem::TooMany) => return Ok(()),
            Err(_) if targets::file_access(&self.call.tool).is_some() => return Ok(()),
            // Nothing can be read there; what is written there could be anything.
            Err(PathProblem::DanglingLink) if !touch.changes() => return Ok(()),
            Err(problem) => return Err(format!("nobody can tell where `{path}` leads: {problem}")),
        };
        self.place(&real, path, touch)
    }

    /// What lies in the home folder of someone whose home is not known: any folder above ours may be it.
    fn in_some_home(&self, path: &str, touch: Touch) -> Result<(), String> {
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        let home = self.home.as_ref().map_or(Path::new("/"), |home| &home.run);
        // `~+` and `~-` are folders that the line was in, ours among them.
        let ours = matches!(name, "~+" | "~-");
        let above = if ours { 0 } else { 2 };
        for folder in home.ancestors().skip(above) {
            let Ok(real) = resolve(self.paths, folder, rest) else { continue };
            self.place(&real, path, touch)?;
        }
        Ok(())
    }

    /// What is said of `touch` on a real path.
    fn place(&self, real: &Path, path: &str, touch: Touch) -> Result<(), String> {
        if let Some(home) = &self.home {
            // A write to a folder above the home (`rm -rf ~`) takes the home with it.
            if touch.takes_all() && home.home.starts_with(real) && home.home != real {
                return Err(match touch {
                    Touch::Write => format!("this would change `{path}`, which holds Tollgate's own files too"),
                    _ => format!("this would read all of `{path}`, Tollgate's own tokens with it"),
                });
            }
            self.inside(home, real, touch)?;
        }
        if touch.changes() && settings::is_one(real) {
            return Err(format!(
                "{} holds the hooks that ask Tollgate; a person changes it, or `tollgate hooks`",
                real.file_name().unwrap_or_default().to_string_lossy()
            ));
        }
        Ok(())
    }

    fn inside(&self, home: &Roots, real: &Path, touch: Touch) -> Result<(), String> {
        if !real.starts_with(&home.home) {
            return Ok(());
        }
        if touch.changes() {
            return Err("this would change Tollgate's own files; a person can, in a shell of their own".to_owned());
        }
        // The folder itself, or a pattern below it, takes the tokens along.
        if touch != Touch::Read || real == home.home || home.is_secret(real) {
            return Err(SECRETS.to_owned());
        }
        Ok(())
    }

    /// A word that may name a path, the part of it that is known.
    pub(super) fn word(&self, word: &Word, folders: &[String], touch: Touch) -> Result<(), String> {
        if word.text.is_empty() || word.text.len() > MAX_PATH_BYTES {
            return Ok(());
        }
        if word.literal {
            return self.below_each(&word.text, folders, touch);
        }
        let text = spelled_out(&word.text);
        let is_of_process = |text: &str| {
            let below = folders.iter().map(|folder| lexical(&format!("{folder}/{text}")));
            below.chain([lexical(text)]).any(|path| paths::is_of_process(&path) || may_be_of_process(&path))
        };
        // A link that it turns back in leads elsewhere than its name says.
        let mut turns = turns(&text);
        let passed: Vec<&str> = turns.by_ref().take(MAX_TURNS).chain([text.as_str()]).collect();
        if turns.next().is_some() || passed.into_iter().flat_map(targets::folded).any(|text| is_of_process(&text)) {
            return Err(of_process(&word.text));
        }
        targets::folded(&text).iter().try_for_each(|text| self.unknown(text, &word.text, folders, touch))
    }

    /// A pattern, or a word that goes on as only the shell knows: what lies below what is known.
    fn unknown(&self, text: &str, shown: &str, folders: &[String], touch: Touch) -> Result<(), String> {
        let chosen = targets::chooses(text);
        let known = targets::known_path(&Word { text: text.to_owned(), literal: false });
        if known.is_none() && !chosen {
            return Ok(());
        }
        let known = known.unwrap_or_default();
        let pattern = text.strip_prefix(&known).unwrap_or(text);
        if pattern.is_empty() {
            // Nothing is left to choose: `$HOME/x`, `s*/../x`.
            self.below_each(&known, folders, touch)?;
        }
        let rooted = known.starts_with(['/', '~']);
        for folder in folders.iter().take(if rooted { 1 } else { folders.len() }) {
            match resolve(self.paths, &paths::folder(self.paths, folder), &known) {
                Ok(real) => self.pattern(&real, pattern, shown, touch)?,
                Err(_) => self.path(&paths::folder(self.paths, folder), &known, touch)?,
            }
        }
        Ok(())
    }

    /// A pattern below a real folder.
    fn pattern(&self, folder: &Path, pattern: &str, shown: &str, touch: Touch) -> Result<(), String> {
        if let Some(home) = &self.home {
            self.inside(home, folder, if touch == Touch::Read { Touch::ReadBelow } else { touch })?;
        }
        // `{}` is what `find` or `xargs` fills in: any file below.
        if pattern.contains("{}") {
            return Ok(());
        }
        let wild = Wild::of(pattern);
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if touch.changes() && settings::may_match(name, &wild, self.takes_hidden()) {
            return Err(format!("`{shown}` may come to the hooks that ask Tollgate; a person changes them"));
        }
        let Some(home) = &self.home else { return Ok(()) };
        // A value that is not known may be anything: only what would be lost with it is kept from it.
        let chosen = targets::chooses(pattern);
        let Ok(below) = home.home.strip_prefix(folder) else { return Ok(()) };
        if !chosen && !touch.takes_all() {
            return Ok(());
        }
        let parts: Vec<&str> = below.iter().filter_map(|part| part.to_str()).collect();
        let reach = wild.reach(&parts);
        let secret = wild.is_deep() || settings::names_secret(&reach, &home.secrets());
        match reach {
            Reach::Elsewhere => Ok(()),
            Reach::Above if touch.takes_all() => {
                Err(format!("`{shown}` may come to a folder that holds Tollgate's own files"))
            }
            Reach::Above => Ok(()),
            Reach::At | Reach::Inside(_) if touch.changes() => {
                Err("this would change Tollgate's own files; a person can, in a shell of their own".to_owned())
            }
            Reach::At | Reach::Inside(_) if secret || touch != Touch::Read => Err(SECRETS.to_owned()),
            Reach::At | Reach::Inside(_) => Ok(()),
        }
    }

    /// The line tells its shell that `*` takes names with a dot in front.
    fn takes_hidden(&self) -> bool {
        let tells = |command: &ShellCommand| {
            matches!(command.name(), "shopt" | "setopt" | "bash")
                && command.args.iter().any(|arg| arg.text.contains("dotglob") || arg.text.contains("globdots"))
        };
        self.call.commands.iter().any(tells)
    }

    pub(super) fn below_each(&self, path: &str, folders: &[String], touch: Touch) -> Result<(), String> {
        if path.starts_with(['/', '~']) {
            return self.path(&self.call.cwd, path, touch);
        }
        for folder in folders {
            self.path(&paths::folder(self.paths, folder), path, touch)?;
        }
        Ok(())
    }
}

/// How far a pattern leads before each `..` behind it.
fn turns(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |at: usize| text.get(at + "/..".len()..).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let ways = text.match_indices("/..").filter(move |(at, _)| is_part(*at)).filter_map(|(at, _)| text.get(..at));
    ways.filter(|way| targets::chooses(way))
}

fn of_process(path: &str) -> String {
    format!("`{path}` {}, so nobody can tell whether it leads to Tollgate's own files", PathProblem::OfProcess)
}

/// Whether an absolute pattern without dots may come to what [`paths::is_of_process`] says of a path: `/pro?/self/cw?`.
fn may_be_of_process(path: &str) -> bool {
    if !path.starts_with('/') || !targets::chooses(path) {
        return false;
    }
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let may_be = |at: usize, names: &[&str]| {
        let part = parts.get(at).filter(|part| !part.contains(['$', '`']));
        part.is_some_and(|part| names.iter().any(|name| Wild::of(part).reach(&[name]) == Reach::At))
    };
    let opened = paths::OF_PROCESS.as_slice();
    may_be(0, &["dev"]) && may_be(1, &["fd"])
        || may_be(0, &["proc"]) && (may_be(2, opened) || may_be(2, &["task"]) && may_be(4, opened))
}
