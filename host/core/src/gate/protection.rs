//! The protection stage: no call changes Tollgate itself, its hooks in agents' settings, or stops the daemon.
//!
//! Comes before everything that can be configured. Knows the home's layout and the agents' settings files.

mod commands;
mod daemon;
mod environment;
mod places;
pub(super) mod programs;
mod searched;
mod settings;
pub(super) mod wildcards;

use super::call::{NormalisedCall, RedirectKind, ShellCommand, Word, reached};
use super::paths::{self, Paths, resolve};
use super::policy::Folders;
use super::shell;
use super::targets::{self, Access};
use crate::home::Home;
use daemon::Line;
use environment::Readings;
use places::Roots;
use programs::Reading;
use std::path::PathBuf;
use wildcards::Wild;

pub(super) use places::MAX_PATH_BYTES;
#[cfg(test)]
pub(super) use places::MAX_TURNS;

/// Said of what would read them.
const SECRETS: &str = "this would use Tollgate's own tokens or socket";

/// What the folder of the lock and the socket holds.
const RUN_FILES: [&str; 3] = ["lock", "socket", "tollgate.sock"];

/// What a call does to a path that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Touch {
    /// Reads what is exactly there.
    Read,
    /// Reads what is there or, a pattern, below it.
    ReadBelow,
    /// Reads all that is below it, however deep.
    ReadAll,
    /// Nobody knows: an argument of a program that may well write it.
    Use,
    /// Makes, changes or deletes it.
    Write,
}

impl Touch {
    fn changes(self) -> bool {
        matches!(self, Self::Use | Self::Write)
    }

    /// Takes along what is below a folder above the home.
    fn takes_all(self) -> bool {
        matches!(self, Self::ReadAll | Self::Write)
    }
}

/// Checks `call`; `home` is none where no host runs.
///
/// # Errors
/// Why it is refused, in a sentence for people and agents.
pub fn check(call: &NormalisedCall, home: Option<&Home>, paths: &dyn Paths) -> Result<(), String> {
    let protected = Protected { home: home.map(|home| Roots::of(home, paths)), paths, call };
    if let Some(access) = targets::file_access(&call.tool) {
        protected.file_tool(access)?;
    } else if &*call.tool != "Bash" {
        protected.other_tool()?;
    }
    let folders = Folders::of(&call.commands, &call.starts());
    let line = Line::of(&call.commands);
    let readings = Readings::of(&call.commands, protected.home.as_ref());
    // Where a `cd` leads that names its folder by a variable.
    let moved = Folders::of(readings.first(&call.commands), &call.starts());
    protected.searched(&moved, &readings)?;
    for (index, command) in call.commands.iter().enumerate() {
        let folders = folders.at(index);
        daemon::stops(command, &line)?;
        commands::commands_us(command, protected.program(command, folders).as_deref())?;
        commands::uninstalls_us(command)?;
        if !targets::runs_elsewhere(command) && !paths.is_exhausted() {
            protected.renamed(command, &line, folders)?;
            protected.command(index, command, folders)?;
            // What the line itself puts into its variables names a place as well.
            let others = readings.of_command(index);
            others.iter().try_for_each(|other| protected.command(index, other, folders))?;
            if moved.at(index) != folders {
                let mut all = std::iter::once(command).chain(others);
                all.try_for_each(|reading| protected.command(index, reading, moved.at(index)))?;
            }
        }
    }
    Ok(())
}

struct Protected<'a> {
    home: Option<Roots>,
    paths: &'a dyn Paths,
    call: &'a NormalisedCall,
}

impl Protected<'_> {
    fn file_tool(&self, access: Access) -> Result<(), String> {
        let touch = match (access, &*self.call.tool) {
            // It lists names.
            (_, "Glob") => return Ok(()),
            (Access::Write, _) => Touch::Write,
            (Access::Read, "Grep") => Touch::ReadAll,
            (Access::Read, _) => Touch::Read,
        };
        let mut named: Vec<String> =
            targets::tool_paths(&self.call.tool, &self.call.input).into_iter().flatten().collect();
        if named.is_empty() {
            if access == Access::Read {
                named.push(".".to_owned());
            }
            self.other_tool()?;
        }
        for path in named {
            self.below_each_start(&path, touch)?;
        }
        Ok(())
    }

    fn below_each_start(&self, path: &str, touch: Touch) -> Result<(), String> {
        self.below_each(path, &self.call.starts(), touch)
    }

    /// A tool of which nothing is known, or not where it keeps its path: any text in its input may be one.
    fn other_tool(&self) -> Result<(), String> {
        let too_much = || "this holds too much to be looked through for Tollgate's own files".to_owned();
        let texts = targets::texts(&self.call.input).ok_or_else(too_much)?;
        let may_be_path = |text: &&&str| !text.is_empty() && text.len() <= MAX_PATH_BYTES && !text.contains('\n');
        let (paths, names): (Vec<&str>, Vec<&str>) =
            texts.iter().filter(may_be_path).partition(|text| text.contains(['/', '~']));
        for path in paths.into_iter().filter(|path| !is_url(path) && !self.is_sentence(path)) {
            self.below_each_start(path, Touch::Use)?;
            if self.paths.is_exhausted() {
                return Err(too_much());
            }
        }
        // Words without a slash lead out of the working folder only by a link in it; thousands are a table of data.
        names.into_iter().try_for_each(|name| self.below_each_start(name, Touch::Use))
    }

    /// `edit src/main.rs, then ~/.profile`: words before the first slash, and no folder of that name.
    fn is_sentence(&self, text: &str) -> bool {
        let first = text.split('/').next().unwrap_or_default();
        first.contains(' ') && !text.contains("..") && self.paths.real(&self.call.cwd.join(first)).is_none()
    }

    /// The place of a program that is called by a path: it may be a link.
    fn program(&self, command: &ShellCommand, folders: &[String]) -> Option<PathBuf> {
        let path = Some(&command.program).filter(|program| program.literal && program.text.contains('/'))?;
        let folder = paths::folder(self.paths, folders.last()?);
        self.paths.real(&resolve(self.paths, &folder, &path.text).ok()?)
    }

    /// A new name for the program's file is a way around all that is known of its commands.
    fn renamed(&self, command: &ShellCommand, line: &Line<'_>, folders: &[String]) -> Result<(), String> {
        let Some((file, to)) = daemon::renamed(command, line) else { return Ok(()) };
        let is_folder = |word: &Word| {
            let at = |folder: &String| resolve(self.paths, &paths::folder(self.paths, folder), &word.text).ok();
            word.literal && folders.iter().filter_map(at).any(|place| self.paths.is_folder(&place))
        };
        if is_folder(file) || to.is_some_and(is_folder) {
            return Ok(());
        }
        Err("this would give Tollgate's program another name; a person can, in a shell of their own".to_owned())
    }

    fn command(&self, index: usize, command: &ShellCommand, folders: &[String]) -> Result<(), String> {
        let program = command.name();
        for word in targets::redirected(command) {
            self.word(word, folders, Touch::Write)?;
        }
        for word in targets::written(command) {
            // A folder that is there stays as it is.
            let touch = if program == "mkdir" { Touch::ReadBelow } else { Touch::Write };
            self.word(&word, folders, touch)?;
        }
        self.links(command, folders)?;
        for redirect in command.redirects.iter().filter(|redirect| redirect.kind == RedirectKind::Input) {
            self.word(&redirect.target, folders, Touch::Read)?;
        }
        for (name, value) in command.assignments.iter().filter(|(name, _)| name != "TOLLGATE_HOME") {
            if name != "PATH" {
                self.word(value, folders, Touch::Read)?;
            }
        }
        for mount in programs::mounts(program, &command.args) {
            self.word(&mount, folders, Touch::ReadAll)?;
        }
        if shell::is_of_language(program) {
            self.code(command)?;
        }
        if program == "find" {
            self.found(index, command, folders)?;
        }
        let next = self.call.commands.get(index + 1);
        let wraps = next.is_some_and(|next| is_run_by(next, command));
        let Reading::Touches(touch) = programs::reading(program, command, wraps) else { return Ok(()) };
        if programs::searches_here(program, command) {
            self.below_each(".", folders, touch)?;
        }
        let mut of_home = false;
        for arg in own_args(command, next) {
            if self.paths.is_exhausted() {
                return Ok(());
            }
            // `tollgate --home FOLDER` names the home as it should.
            if std::mem::take(&mut of_home) || program == "tollgate" && arg.text.starts_with("--home=") {
                continue;
            }
            of_home = program == "tollgate" && arg.text == "--home";
            if !arg.literal && ["TOLLGATE_HOME", "approver-token"].iter().any(|name| arg.text.contains(name)) {
                return Err(SECRETS.to_owned());
            }
            for part in path_parts(arg) {
                self.word(&part, folders, touch)?;
            }
        }
        Ok(())
    }

    /// What a link leads to is read and changed through it, by this line or a later one.
    fn links(&self, command: &ShellCommand, folders: &[String]) -> Result<(), String> {
        for link in targets::links(command) {
            for folder in folders {
                let folder = paths::folder(self.paths, folder);
                if let Some(path) = link.leads_to(&folder, self.paths) {
                    self.path(&folder, &path, Touch::ReadAll)?;
                    self.path(&folder, &path, Touch::Use)?;
                }
            }
        }
        Ok(())
    }

    /// Files that `find` hands on: all below where it starts, unless it is told a name that none of ours has.
    fn found(&self, index: usize, command: &ShellCommand, folders: &[String]) -> Result<(), String> {
        let hands_on = || {
            let all = &self.call.commands;
            reached(all, index).of(all).any(|next| matches!(next.name(), "xargs" | "parallel"))
        };
        let Some(home) = &self.home else { return Ok(()) };
        let named = programs::only_name(&command.args).map(Wild::of);
        let ours = |name: &Wild| {
            let files = home.secrets().into_iter().flat_map(|secret| secret.split('/')).chain(RUN_FILES);
            files.into_iter().any(|file| name.ends_in(&[file], true))
        };
        if named.as_ref().is_some_and(|name| !ours(name)) || !(programs::runs_found(&command.args) || hands_on()) {
            return Ok(());
        }
        programs::starts(&command.args).iter().try_for_each(|start| self.word(start, folders, Touch::ReadAll))
    }

    /// Code of another language is not parsed: naming one of our files in it is enough.
    fn code(&self, command: &ShellCommand) -> Result<(), String> {
        let positions = command.reads.iter().flat_map(|span| span.clone());
        let sources = positions.filter_map(|at| self.call.commands.get(usize::try_from(at).ok()?));
        let documents = |command: &ShellCommand| {
            let documents = command.redirects.iter().filter(|redirect| redirect.kind == RedirectKind::HereDocument);
            documents.map(|redirect| redirect.target.text.clone()).collect::<Vec<_>>()
        };
        let mut texts: Vec<String> = command.args.iter().map(|arg| arg.text.clone()).collect();
        texts.extend(documents(command));
        for source in sources {
            texts.extend(source.args.iter().map(|arg| arg.text.clone()));
            texts.extend(documents(source));
        }
        if texts.iter().any(|text| self.names_ours(text)) {
            return Err("this code names Tollgate's own files or hook settings".to_owned());
        }
        Ok(())
    }

    fn names_ours(&self, code: &str) -> bool {
        let spelled = settings::spelled(code);
        if settings::are_named(&spelled) || spelled.contains("approver-token") || spelled.contains("TOLLGATE_HOME") {
            return true;
        }
        let Some(home) = self.home.as_ref().map(|home| home.home.as_path()) else { return false };
        // `expanduser("~/.local/state/tollgate")`, `Path.home() / ".local" / "state" / "tollgate"`.
        let own = self.paths.home();
        let below = own
            .and_then(|own| home.strip_prefix(self.paths.real(&own).unwrap_or(own)).ok()?.to_str().map(str::to_owned));
        let named = |path: &str| spelled.contains(path);
        home.to_str().is_some_and(named)
            || below.is_some_and(|below| {
                let start = ["~", "HOME", "home", "homedir"];
                below.contains('/') && named(&format!("/{below}"))
                    || start.iter().any(|start| named(&format!("{start}/{below}")))
            })
    }
}

/// `https://x/.claude/settings.json` is no file of ours.
fn is_url(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme))
}

/// Whether `command` is what `wrapper` runs, for certain.
fn is_run_by(command: &ShellCommand, wrapper: &ShellCommand) -> bool {
    !command.maybe
        && command.wrappers.strip_prefix(wrapper.wrappers.as_slice()).and_then(<[String]>::first).map(String::as_str)
            == Some(wrapper.name())
}

/// The arguments of a command without those that are the command it runs, which is judged by itself.
pub(super) fn own_args<'a>(command: &'a ShellCommand, next: Option<&ShellCommand>) -> &'a [Word] {
    let args = command.args.as_slice();
    let Some(next) = next.filter(|next| is_run_by(next, command)) else { return args };
    let own = args.len().saturating_sub(next.args.len() + 1);
    match args.get(own..) {
        Some([program, rest @ ..]) if *program == next.program && rest == next.args.as_slice() => {
            args.get(..own).unwrap_or_default()
        }
        _ => args,
    }
}

/// An argument, and the paths that may stand inside it: `--file=path`, `f=@path`, `-d@path`, `-opath`, `path:path`.
fn path_parts(arg: &Word) -> Vec<Word> {
    let part = |text: &str| Word { text: text.to_owned(), literal: arg.literal };
    let text = arg.text.as_str();
    let mut parts = vec![arg.clone()];
    if let Some((_, value)) = text.split_once(['=', '@']) {
        parts.push(part(value.trim_start_matches('@')));
    }
    if text.starts_with('-')
        && let Some(at) = text.find(['/', '~'])
    {
        parts.push(part(text.get(at..).unwrap_or_default()));
    }
    if let Some((first, second)) =
        text.split_once(':').filter(|(_, second)| text.contains('/') && !second.starts_with("//"))
    {
        parts.extend([part(first), part(second)]);
    }
    parts
}
