//! The sandbox stage: file tools stay in the session's roots, and so do the literal targets of shell commands.
//!
//! Advises: where the agent itself does the write, the path may change between this check and the write. Owns
//! the check against roots and extras; where a path leads is `paths`' knowledge, which paths a call names `targets`'.

use super::call::{NormalisedCall, ShellCommand, Word, reached};
use super::paths::{self, PathProblem, Paths, resolve};
use super::policy::{Filled, Folders, filled_in, filled_in_order};
use super::targets::{self, Access};
use std::cell::LazyCell;
use std::path::{Path, PathBuf};

/// Device files that every command may use.
pub(super) const DEVICES: [&str; 7] =
    ["/dev/null", "/dev/zero", "/dev/tty", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/full"];

/// Why a call leaves the sandbox, in a sentence for people and agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial(pub String);

/// Checks `call` against its roots and `extras` (real paths).
///
/// # Errors
/// The first path that lies outside, or leads nowhere that can be vouched for.
pub fn check(call: &NormalisedCall, extras: &[PathBuf], paths: &dyn Paths) -> Result<(), Denial> {
    let sandbox = Sandbox { call, extras, paths };
    if let Some(access) = targets::file_access(&call.tool) {
        sandbox.file_tool(access)?;
    }
    sandbox.commands()
}

struct Sandbox<'a> {
    call: &'a NormalisedCall,
    extras: &'a [PathBuf],
    paths: &'a dyn Paths,
}

impl Sandbox<'_> {
    fn file_tool(&self, access: Access) -> Result<(), Denial> {
        let mut named = targets::tool_paths(&self.call.tool, &self.call.input);
        if named.is_empty() {
            if access == Access::Write {
                return Err(Denial(format!(
                    "what {} would write is not known: its input names no file in a field that the gate knows, such as `file_path`",
                    self.call.tool
                )));
            }
            // Searches without a path search the working folder.
            named.push(Some(".".to_owned()));
        }
        for path in named {
            let Some(path) = path else {
                return Err(Denial(format!("the path given to {} is not text", self.call.tool)));
            };
            for start in self.call.starts() {
                self.inside(&paths::folder(self.paths, &start), &path, access)?;
            }
        }
        Ok(())
    }

    fn commands(&self) -> Result<(), Denial> {
        if self.call.commands.is_empty() {
            return Ok(());
        }
        let all = &self.call.commands;
        // What the line itself put into its variables by then is as good as written out.
        let filled = filled_in_order(all);
        // A `cd` to what a loop or a condition puts into a variable leads to one folder after another.
        let moves = all.iter().enumerate().filter(|(_, command)| matches!(&*command.program.text, "cd" | "pushd"));
        let turns = moves.map(|(index, _)| filled.of(index).len()).max().unwrap_or_default().max(1);
        (0..turns).try_for_each(|turn| self.in_turn(turn, &filled))
    }

    /// As [`Sandbox::commands`], with the value of each variable whose turn it is in what changes the folder.
    fn in_turn(&self, turn: usize, filled: &Filled) -> Result<(), Denial> {
        let all = &self.call.commands;
        let reading = |index: usize| filled.of(index).get(turn).or(filled.of(index).first());
        let moving = all.iter().enumerate().map(|(index, command)| reading(index).unwrap_or(command));
        let folders = Folders::of(moving, &self.call.starts());
        for (index, command) in all.iter().enumerate() {
            if targets::runs_elsewhere(command) {
                continue;
            }
            for reading in std::iter::once(command).chain(filled.of(index)) {
                if self.paths.is_exhausted() {
                    break;
                }
                self.command(reading, folders.at(index))?;
            }
        }
        self.listed(&folders)
    }

    /// What a command writes, in the folders that it may run in.
    fn command(&self, command: &ShellCommand, folders: &[String]) -> Result<(), Denial> {
        // A descriptor that was opened on a folder is a way into it for `cp`, not for a redirect.
        let is_descriptor = |word: &Word| word.literal && paths::is_descriptor(&word.text);
        let redirected = targets::redirected(command).filter(|word| !is_descriptor(word)).cloned();
        let written = targets::written(command).into_iter();
        for word in redirected.chain(written.filter(|word| command.name() != "tee" || !is_descriptor(word))) {
            self.written(&word, folders)?;
        }
        // What a link leads to is written through it, by this line or a later one.
        for link in targets::links(command) {
            for folder in folders {
                let folder = paths::folder(self.paths, folder);
                if let Some(path) = link.leads_to(&folder, self.paths) {
                    self.inside(&folder, &path, Access::Write)?;
                }
            }
        }
        Ok(())
    }

    fn written(&self, word: &Word, folders: &[String]) -> Result<(), Denial> {
        let Some(path) = targets::known_place(word) else { return Ok(()) };
        if path.starts_with(['/', '~']) {
            return self.inside(&self.call.cwd, &path, Access::Write);
        }
        folders.iter().try_for_each(|folder| self.inside(&paths::folder(self.paths, folder), &path, Access::Write))
    }

    /// What one command finds and another changes: `find ~ -type f | xargs rm`.
    fn listed(&self, folders: &Folders) -> Result<(), Denial> {
        let all = &self.call.commands;
        let changers = LazyCell::new(|| {
            let filled = filled_in(all);
            let changes = |(at, command): (usize, &ShellCommand)| {
                !targets::runs_elsewhere(command)
                    && std::iter::once(command).chain(filled.of(at)).any(targets::changes_listed)
            };
            all.iter().enumerate().map(changes).collect::<Vec<bool>>()
        });
        for (index, lister) in all.iter().enumerate().filter(|(_, lister)| !targets::runs_elsewhere(lister)) {
            let listed = targets::listed(lister);
            if listed.is_empty() || self.paths.is_exhausted() {
                continue;
            }
            let reached = reached(all, index);
            let changes = |(at, changes): (usize, &bool)| *changes && at != index && reached.holds(at);
            if changers.iter().enumerate().any(changes) {
                listed.iter().try_for_each(|word| self.written(word, folders.at(index)))?;
            }
        }
        Ok(())
    }

    fn inside(&self, cwd: &Path, path: &str, access: Access) -> Result<(), Denial> {
        if DEVICES.contains(&path) {
            return Ok(());
        }
        let shown = shown(path);
        let real = match resolve(self.paths, cwd, path) {
            Ok(real) => real,
            // A line past the bound is not understood, which the rules answer; a file tool has no such answer.
            Err(PathProblem::TooMany) if !self.call.commands.is_empty() => return Ok(()),
            Err(problem) => return Err(Denial(format!("`{shown}` cannot be checked: {problem}"))),
        };
        // Component-wise: `/ok2` does not lie in `/ok`.
        if self.call.roots.iter().chain(self.extras).any(|root| real.starts_with(root)) {
            return Ok(());
        }
        let verb = if access == Access::Read { "read" } else { "write" };
        Err(Denial(match self.call.roots.first() {
            Some(root) => {
                format!("`{shown}` lies outside the session's folder {}: tools may not {verb} there", root.display())
            }
            None => format!(
                "this session has no folder that its tools may {verb}, so `{shown}` is refused; add the project's folder to `[workspace] allow` in tollgate.toml"
            ),
        }))
    }
}

/// A path as a sentence may show it.
fn shown(path: &str) -> String {
    const MOST: usize = 200;
    let mut shown: String = path.chars().take(MOST).flat_map(char::escape_debug).collect();
    if path.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}
