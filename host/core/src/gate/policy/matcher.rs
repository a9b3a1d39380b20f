//! The structured `match` of a rule: program, subcommand, flags, arguments, redirects, pipes, assignments.
//!
//! Pure. Reads flags as programs do: `-rfv` is three, `--recurs` is an abbreviation, `--` ends them.

use super::file::MatchText;
use crate::gate::call::{RedirectKind, ShellCommand, reached};
use crate::gate::paths::lexical;
use crate::gate::shell;
use globset::GlobMatcher;

/// Shortest abbreviation of a long flag that counts, in bytes with its dashes: `--fo` for `--force`.
const MIN_ABBREVIATION: usize = 4;

#[derive(Debug, Clone)]
pub(super) struct Matcher {
    program: Vec<String>,
    subcommand: Vec<Vec<String>>,
    flags_any: Vec<String>,
    flags_all: Vec<String>,
    args_glob: Vec<GlobMatcher>,
    redirects_to: Vec<GlobMatcher>,
    pipes_into: Vec<String>,
    assigns: Vec<String>,
}

/// A command in its line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub command: &'a ShellCommand,
    pub index: usize,
    pub all: &'a [ShellCommand],
    /// Folders it may run in: the call's, and where a `cd` before it went.
    pub folders: &'a [String],
    /// The session's roots.
    pub roots: &'a [String],
}

impl<'a> Place<'a> {
    /// How a path argument may be read: as written, normalised, and below each folder.
    pub fn readings(&self, text: &str) -> impl Iterator<Item = String> + use<'a> {
        let text = home_as_tilde(text);
        let rooted = text.starts_with(['/', '~']);
        let relative = !rooted && !text.starts_with('-') && !text.is_empty();
        let below: Vec<String> = if relative {
            self.folders.iter().map(|folder| lexical(&format!("{folder}/{text}"))).collect()
        } else {
            Vec::new()
        };
        let normal = rooted.then(|| lexical(&text));
        std::iter::once(text).chain(normal).chain(below)
    }
}

fn home_as_tilde(text: &str) -> String {
    match text.strip_prefix("$HOME") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("~{rest}"),
        _ => text.to_owned(),
    }
}

impl From<MatchText> for Matcher {
    fn from(text: MatchText) -> Self {
        let words = |phrase: &String| phrase.split_whitespace().map(str::to_owned).collect();
        Self {
            program: text.program.0,
            subcommand: text.subcommand.0.iter().map(words).collect(),
            flags_any: text.flags_any.0,
            flags_all: text.flags_all.0,
            args_glob: text.args_glob.0,
            redirects_to: text.redirects_to.0,
            pipes_into: text.pipes_into.0,
            assigns: text.assigns.0,
        }
    }
}

impl Matcher {
    /// Whether every key given holds; of a key's list, one entry is enough (all, for `flags_all`).
    pub fn matches(&self, place: &Place<'_>) -> bool {
        let command = place.command;
        let given = |list: &[String], found: bool| list.is_empty() || found;
        given(&self.program, self.program.iter().any(|program| program == base_name(&command.program.text)))
            && (self.subcommand.is_empty() || self.has_subcommand(command))
            && given(&self.flags_any, self.flags_any.iter().any(|flag| has_flag(command, flag)))
            && self.flags_all.iter().all(|flag| has_flag(command, flag))
            && (self.args_glob.is_empty()
                || command.args.iter().any(|arg| any_reading(&self.args_glob, place, &arg.text)))
            && (self.redirects_to.is_empty() || self.redirects(place))
            && (self.pipes_into.is_empty() || self.pipes(place.all, place.index))
            && given(&self.assigns, command.assignments.iter().any(|(name, _)| self.assigns.contains(name)))
    }

    fn has_subcommand(&self, command: &ShellCommand) -> bool {
        let words = subcommand_words(command);
        self.subcommand
            .iter()
            .any(|phrase| words.len() >= phrase.len() && phrase.iter().zip(&words).all(|(want, have)| want == have))
    }

    fn redirects(&self, place: &Place<'_>) -> bool {
        let written = |kind| matches!(kind, RedirectKind::Output | RedirectKind::Append);
        let mut redirects = place.command.redirects.iter().filter(|redirect| written(redirect.kind));
        redirects.any(|redirect| any_reading(&self.redirects_to, place, &redirect.target.text))
    }

    /// Whether the command's output reaches one of the programs, through however many others.
    fn pipes(&self, all: &[ShellCommand], from: usize) -> bool {
        // `| python3 -m json.tool` reads data: the code is its own.
        reached(all, from).into_iter().filter_map(|index| all.get(index)).any(|command| {
            let named = self.pipes_into.iter().any(|program| program == base_name(&command.program.text));
            named && shell::runs_its_input(command)
        })
    }
}

fn any_reading(globs: &[GlobMatcher], place: &Place<'_>, text: &str) -> bool {
    place.readings(text).any(|reading| {
        let own = in_own_folder(place.roots, text, &reading);
        globs.iter().any(|glob| !(own && glob.glob().glob().starts_with('/')) && glob.is_match(&reading))
    })
}

/// Whether a reading lies in the session's own folders, so that a glob about a system folder is not about it: a
/// project may live in `/app` or below `/usr/src`. The folder itself counts only where it is not named outright.
fn in_own_folder(roots: &[String], text: &str, reading: &str) -> bool {
    roots.iter().filter(|root| *root != "/").any(|root| match reading.strip_prefix(root.as_str()) {
        Some("") => !text.starts_with('/'),
        Some(below) => below.starts_with('/'),
        None => false,
    })
}

fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// Whether a command has a flag, alone, in a cluster, with a value, or abbreviated.
fn has_flag(command: &ShellCommand, flag: &str) -> bool {
    let short = flag.strip_prefix('-').filter(|name| name.len() == 1).and_then(|name| name.chars().next());
    command.args.iter().take_while(|arg| arg.text != "--").any(|arg| {
        let text = arg.text.as_str();
        if text == flag {
            return true;
        }
        match short {
            Some(letter) => text.strip_prefix('-').is_some_and(|cluster| {
                !cluster.starts_with('-')
                    && cluster.chars().take_while(|c| c.is_ascii_alphanumeric()).any(|c| c == letter)
            }),
            None => {
                let name = text.split_once('=').map_or(text, |(name, _)| name);
                name == flag || (name.starts_with("--") && name.len() >= MIN_ABBREVIATION && flag.starts_with(name))
            }
        }
    })
}

/// Options in front of the subcommand that take the next word as their value.
fn valued_options(program: &str) -> &'static [&'static str] {
    match program {
        "git" => &["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--config-env"],
        "docker" | "podman" => {
            &["-H", "--host", "--context", "--config", "-l", "--log-level", "-f", "--file", "-p", "--project-name"]
        }
        "kubectl" | "oc" | "helm" => &[
            "-n",
            "--namespace",
            "--context",
            "--kubeconfig",
            "--cluster",
            "--user",
            "-s",
            "--server",
            "--kube-context",
        ],
        "aws" => &["--profile", "--region", "--endpoint-url", "--output"],
        "gcloud" => &["--project", "--account", "--configuration"],
        "gh" => &["-R", "--repo"],
        "npm" | "pnpm" | "yarn" => &["--prefix", "-C", "--dir", "--cwd", "-w", "--workspace"],
        "cargo" => &["-Z", "--config", "-C", "--color"],
        "terraform" | "tofu" => &[],
        "systemctl" => &["-H", "-M"],
        _ => &[],
    }
}

fn subcommand_words(command: &ShellCommand) -> Vec<&str> {
    let valued = valued_options(base_name(&command.program.text));
    let mut words = Vec::new();
    let mut skip = false;
    for arg in &command.args {
        let text = arg.text.as_str();
        if std::mem::take(&mut skip) {
            continue;
        }
        if text.starts_with('-') {
            skip = valued.contains(&text);
        } else if !text.starts_with('+') {
            words.push(text);
        }
    }
    words
}
