//! The protection stage: no call changes Tollgate itself, its hooks in agents' settings, or stops the daemon.
//!
//! Comes before everything that can be configured. Knows the home's layout and the agents' settings files.

use super::call::{NormalisedCall, RedirectKind, ShellCommand, Word};
use super::paths::{self, Paths, resolve};
use super::policy::folders_from;
use super::targets::{self, Access};
use crate::home::Home;
use globset::GlobBuilder;
use std::path::{Path, PathBuf};

/// Settings files of agents that hold our hooks: folder, beginning and end of the file's name.
const SETTINGS: [(&str, &str, &str); 5] = [
    (".claude", "settings", ".json"),
    (".codex", "hooks", ".json"),
    (".codex", "config", ".toml"),
    (".gemini", "settings", ".json"),
    (".cursor", "hooks", ".json"),
];

/// Programs whose arguments are only spoken of.
const SPEAKERS: [&str; 4] = ["echo", "printf", "true", ":"];

/// Options of `find` that run a program or write.
const FIND_RUNS: [&str; 5] = ["-exec", "-execdir", "-ok", "-okdir", "-delete"];

/// Longest word that may be a path: the kernel takes no longer one.
const MAX_PATH_BYTES: usize = 4_096;

/// Programs that tell files' names and sizes, never what is in them.
const LISTERS: [&str; 9] = ["ls", "stat", "du", "test", "[", "realpath", "readlink", "basename", "dirname"];

/// Programs that read the files they are given and change none, but those that their options name (see `targets`).
const READERS: [&str; 30] = [
    "cat",
    "tac",
    "nl",
    "less",
    "more",
    "head",
    "tail",
    "grep",
    "egrep",
    "fgrep",
    "rg",
    "jq",
    "wc",
    "diff",
    "cmp",
    "file",
    "cut",
    "sort",
    "strings",
    "base64",
    "md5sum",
    "sha256sum",
    "cp",
    "sed",
    "gsed",
    "bat",
    "tollgate",
    "find",
    "cd",
    "pushd",
];

/// Subcommands of git that leave the files alone that they name.
const GIT_READERS: [&str; 9] = ["add", "diff", "log", "show", "status", "blame", "commit", "ls-files", "check-ignore"];

/// What a call does to a path that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Touch {
    /// Reads what is exactly there.
    Read,
    /// Reads what is there or, a pattern or a folder, below it.
    ReadBelow,
    /// Nobody knows: an argument of a program that may well write it.
    Use,
    /// Makes, changes or deletes it.
    Write,
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
    let (folders, known) = folders_from(&call.commands, &call.starts());
    for (index, (command, known)) in call.commands.iter().zip(known).enumerate() {
        stops_the_daemon(command, &call.commands)?;
        changes_by_command_line(command)?;
        if !targets::runs_elsewhere(command) && !paths.is_exhausted() {
            let next = call.commands.get(index + 1);
            protected.command(command, next, folders.get(..known).unwrap_or_default())?;
        }
    }
    Ok(())
}

/// The home's real paths.
struct Roots {
    home: PathBuf,
    run: PathBuf,
    tokens: [PathBuf; 2],
}

impl Roots {
    fn of(home: &Home, paths: &dyn Paths) -> Self {
        let real = paths.real(home.root()).unwrap_or_else(|| home.root().to_owned());
        let home = Home::at(real);
        Self { run: home.run(), tokens: [home.token(), home.approver_token()], home: home.root().to_owned() }
    }

    fn is_secret(&self, real: &Path) -> bool {
        real.starts_with(&self.run) || self.tokens.iter().any(|token| token == real)
    }

    /// Whether a pattern below `folder`, itself above the home, may come to the home or a secret in it.
    fn may_match(&self, folder: &Path, pattern: &str) -> bool {
        let escaped = globset::escape(&folder.to_string_lossy());
        let glob =
            GlobBuilder::new(&format!("{}/{pattern}", escaped.trim_end_matches('/'))).literal_separator(true).build();
        let Ok(glob) = glob.map(|glob| glob.compile_matcher()) else { return true };
        let secrets = self.tokens.iter().chain([&self.home, &self.run]);
        secrets.into_iter().any(|path| glob.is_match(path))
    }
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
            (Access::Read, "Grep") => Touch::ReadBelow,
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

    fn path(&self, cwd: &Path, path: &str, touch: Touch) -> Result<(), String> {
        let Ok(real) = resolve(self.paths, cwd, path) else { return Ok(()) };
        if let Some(home) = &self.home {
            // A write to a folder above the home (`rm -rf ~`) takes the home with it.
            if touch == Touch::Write && home.home.starts_with(&real) && home.home != real {
                return Err(format!("this would change `{path}`, which holds Tollgate's own files too"));
            }
            if real.starts_with(&home.home) {
                if matches!(touch, Touch::Write | Touch::Use) {
                    return Err(
                        "this would change Tollgate's own files; a person can, in a shell of their own".to_owned()
                    );
                }
                // The folder itself, or a pattern below it, takes the tokens along.
                if touch == Touch::ReadBelow || real == home.home || home.is_secret(&real) {
                    return Err("this would use Tollgate's own tokens or socket".to_owned());
                }
            }
        }
        if matches!(touch, Touch::Write | Touch::Use) && is_settings(&real, touch) {
            return Err(format!(
                "{} holds the hooks that ask Tollgate; a person changes it, or `tollgate hooks`",
                real.file_name().unwrap_or_default().to_string_lossy()
            ));
        }
        Ok(())
    }

    fn command(&self, command: &ShellCommand, next: Option<&ShellCommand>, folders: &[String]) -> Result<(), String> {
        let inside = targets::written_inside(command);
        for word in targets::written(command).into_iter().chain(&inside) {
            let Some(path) = targets::known_path(word) else { continue };
            self.below_each(&path, folders, Touch::Write)?;
        }
        for redirect in command.redirects.iter().filter(|redirect| redirect.kind == RedirectKind::Input) {
            self.word(&redirect.target, folders, Touch::Read)?;
        }
        let program = base_name(command);
        for (name, value) in command.assignments.iter().filter(|(name, _)| name != "TOLLGATE_HOME") {
            if name != "PATH" {
                self.word(value, folders, Touch::Read)?;
            }
        }
        let finds_only = program == "find" && !command.args.iter().any(|arg| FIND_RUNS.contains(&arg.text.as_str()));
        if SPEAKERS.contains(&program) || LISTERS.contains(&program) || finds_only {
            return Ok(());
        }
        let args = own_args(command, next);
        let wraps = next.is_some_and(|next| is_run_by(next, command));
        let touch = if wraps || reads_only(program, &command.args) { Touch::Read } else { Touch::Use };
        let mut of_home = false;
        for arg in args {
            // `tollgate --home FOLDER` names the home as it should.
            if std::mem::take(&mut of_home) || program == "tollgate" && arg.text.starts_with("--home=") {
                continue;
            }
            of_home = program == "tollgate" && arg.text == "--home";
            if !arg.literal && ["TOLLGATE_HOME", "approver-token"].iter().any(|name| arg.text.contains(name)) {
                return Err("this would use Tollgate's own tokens or socket".to_owned());
            }
            for part in path_parts(arg) {
                self.word(&part, folders, touch)?;
            }
            // Code of another language is not parsed: naming one of our files in it is enough.
            if is_interpreter(program) && self.names_ours(&arg.text) {
                return Err("this code names Tollgate's own files or hook settings".to_owned());
            }
        }
        Ok(())
    }

    /// A word that may name a path, the part of it that is known.
    fn word(&self, word: &Word, folders: &[String], touch: Touch) -> Result<(), String> {
        if word.text.is_empty() || word.text.len() > MAX_PATH_BYTES {
            return Ok(());
        }
        if word.literal {
            return self.below_each(&word.text, folders, touch);
        }
        // A pattern, or a word that goes on as only the shell knows: whatever lies below what is known.
        let known = targets::known_path(word);
        if known.is_none() && !word.text.starts_with(['*', '?', '[', '{']) {
            return Ok(());
        }
        let known = known.unwrap_or_else(|| ".".to_owned());
        self.below_each(&known, folders, if touch == Touch::Read { Touch::ReadBelow } else { touch })?;
        let Some(home) = &self.home else { return Ok(()) };
        let text = word.text.strip_prefix("$HOME").map_or_else(|| word.text.clone(), |rest| format!("~{rest}"));
        let pattern = text.strip_prefix(&known).unwrap_or(&text);
        if !pattern.contains(['*', '?', '[', '{']) {
            return Ok(());
        }
        for folder in folders {
            let Ok(real) = resolve(self.paths, &paths::folder(self.paths, folder), &known) else { continue };
            if home.home.starts_with(&real) && home.may_match(&real, pattern) {
                return Err("this would use Tollgate's own tokens or socket".to_owned());
            }
        }
        Ok(())
    }

    fn below_each(&self, path: &str, folders: &[String], touch: Touch) -> Result<(), String> {
        if path.starts_with(['/', '~']) {
            return self.path(&self.call.cwd, path, touch);
        }
        for folder in folders {
            self.path(&paths::folder(self.paths, folder), path, touch)?;
        }
        Ok(())
    }

    fn names_ours(&self, code: &str) -> bool {
        let settings = SETTINGS.iter().any(|(folder, stem, _)| code.contains(&format!("{folder}/{stem}")));
        settings || self.home.as_ref().is_some_and(|home| home.home.to_str().is_some_and(|home| code.contains(home)))
    }
}

/// `https://x/.claude/settings.json` is no file of ours.
fn is_url(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme))
}

/// Whether `command` is what `wrapper` runs.
fn is_run_by(command: &ShellCommand, wrapper: &ShellCommand) -> bool {
    command.wrappers.strip_prefix(wrapper.wrappers.as_slice()).and_then(<[String]>::first).map(String::as_str)
        == Some(base_name(wrapper))
}

/// The arguments of a command without those that are the command it runs, which is judged by itself.
fn own_args<'a>(command: &'a ShellCommand, next: Option<&ShellCommand>) -> &'a [Word] {
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

fn reads_only(program: &str, args: &[Word]) -> bool {
    let subcommand = args.iter().find(|arg| !arg.text.starts_with('-')).map_or("", |arg| arg.text.as_str());
    let output = args.iter().any(|arg| arg.text.starts_with("--output"));
    READERS.contains(&program) || program == "git" && GIT_READERS.contains(&subcommand) && !output
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

fn is_settings(path: &Path, touch: Touch) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    let file = SETTINGS
        .iter()
        .any(|(in_folder, stem, end)| folder == *in_folder && name.starts_with(stem) && name.ends_with(end));
    // Deleting or moving the folder takes the file with it.
    file || touch == Touch::Write && SETTINGS.iter().any(|(in_folder, _, _)| name == *in_folder)
}

fn base_name(command: &ShellCommand) -> &str {
    command.program.text.rsplit('/').next().unwrap_or_default()
}

fn is_interpreter(program: &str) -> bool {
    ["python", "perl", "ruby", "node", "php", "lua", "deno", "bun"].iter().any(|name| program.starts_with(name))
}

fn stops_the_daemon(command: &ShellCommand, all: &[ShellCommand]) -> Result<(), String> {
    let program = base_name(command);
    let names_us = |command: &ShellCommand| command.args.iter().any(|arg| arg.text.contains("tollgate"));
    let own_pid = std::process::id().to_string();
    let stops = match program {
        "pkill" | "killall" | "skill" => names_us(command),
        "kill" => {
            let finds_us = |other: &ShellCommand| {
                matches!(base_name(other), "pgrep" | "pidof" | "ps" | "lsof" | "fuser" | "cat") && names_us(other)
            };
            let own = |arg: &Word| arg.text.trim_start_matches('-') == own_pid;
            // Every process there is: `-1` as a target. In front it is a signal, SIGHUP.
            let everyone = command.args.iter().skip(1).any(|arg| arg.text == "-1");
            command.args.iter().any(own) || everyone || all.iter().any(finds_us)
        }
        "systemctl" | "service" | "launchctl" | "rc-service" => {
            let verbs = ["stop", "restart", "kill", "disable", "mask", "unload", "bootout", "remove"];
            names_us(command) && command.args.iter().any(|arg| verbs.contains(&arg.text.as_str()))
        }
        _ => false,
    };
    if stops { Err("this would stop Tollgate".to_owned()) } else { Ok(()) }
}

/// `tollgate` commands that only a person gives.
fn changes_by_command_line(command: &ShellCommand) -> Result<(), String> {
    if base_name(command) != "tollgate" {
        return Ok(());
    }
    // An option may stand anywhere and take the next word, so a verb counts at any position.
    let words = without_home(&command.args);
    let after = |noun: &str, verbs: &[&str]| {
        let mut words = words.iter().skip_while(|arg| arg.text != noun).skip(1);
        words.any(|arg| verbs.contains(&arg.text.as_str()))
    };
    let first = words.first().map_or("", |word| word.text.as_str());
    let changes = matches!(first, "pause" | "resume" | "open" | "token" | "stop")
        || after("plugin", &["disable", "enable", "grant", "reload", "remove"])
        || after("approvals", &["approve", "reject", "watch"])
        || after("grants", &["revoke"])
        || after("hooks", &["install", "uninstall"]);
    // A word that is known only when it runs might be any of them.
    let unknown = words.iter().take(2).any(|arg| !arg.literal);
    if changes || unknown { Err("this is for a person to do, not for an agent".to_owned()) } else { Ok(()) }
}

/// The words that are neither options nor the value of `--home`.
fn without_home(args: &[Word]) -> Vec<&Word> {
    let mut words = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg.text == "--home" {
            rest.next();
        } else if !arg.text.starts_with('-') {
            words.push(arg);
        }
    }
    words
}
