//! Git, run so that nothing of the repository runs with it: which commands, with which settings, and what they
//! may not do. `state` finds out what there is to merge, `index` reads what is in conflict.

pub mod index;
pub mod state;

use tollgate_sdk::Capability;
use tollgate_sdk::process::{Exit, Output, ProcessError, command, run};

/// Before every subcommand: paths are paths, and neither hooks, a monitor, a signer, remembered resolutions, a fetch,
/// a stash nor housekeeping has a part in it.
const SETTINGS: [&str; 16] = [
    "--no-optional-locks",
    "--literal-pathspecs",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "commit.gpgSign=false",
    "-c",
    "rerere.enabled=false",
    "-c",
    "protocol.allow=never",
    "-c",
    "merge.autoStash=false",
    "-c",
    "maintenance.auto=false",
];
/// Longest a command that reads may run, in milliseconds.
const READ_TIMEOUT_MS: u32 = 60_000;
/// Longest a command that writes the work tree may run, in milliseconds.
const WRITE_TIMEOUT_MS: u32 = 300_000;
/// Most bytes of git's own words that are passed on.
const MAX_SAID: usize = 400;

/// A subcommand: its arguments, the last of which may be `**`, any further ones.
pub type Pattern = &'static [&'static str];

/// What the repository is.
pub const REV_PARSE: Pattern = &["rev-parse", "**"];
/// Which settings there are, and where from.
pub const CONFIG: Pattern = &["config", "--list", "--show-scope", "--null", "--name-only"];
/// Whether one commit holds another.
pub const IS_ANCESTOR: Pattern = &["merge-base", "--is-ancestor", "**"];
/// What is changed.
pub const STATUS: Pattern = &["status", "--porcelain=v2", "-z", "--ignore-submodules=dirty", "**"];
/// The merge itself.
pub const MERGE: Pattern = &["merge", "--no-commit", "--no-ff", "--no-squash", "--", "**"];
/// What is in the index.
pub const LS_FILES: Pattern = &["ls-files", "-z", "**"];
/// Which files are treated specially.
pub const CHECK_ATTR: Pattern =
    &["check-attr", "-z", "--stdin", "filter", "ident", "merge", "working-tree-encoding", "conflict-marker-size"];
/// Sizes of versions.
pub const SIZES: Pattern = &["cat-file", "--batch-check"];
/// Versions.
pub const CONTENTS: Pattern = &["cat-file", "--batch"];
/// Staging what is resolved.
pub const ADD: Pattern = &["add", "--", "**"];
/// Making a conflict of a file again.
pub const UNRESOLVE: Pattern = &["checkout", "--merge", "--", "**"];
/// Committing, where configured.
pub const COMMIT: Pattern = &["commit", "--no-edit", "--no-verify", "--cleanup=strip"];

/// What the plugin cannot do without.
pub const NEEDED: [Pattern; 11] =
    [REV_PARSE, CONFIG, IS_ANCESTOR, STATUS, MERGE, LS_FILES, CHECK_ATTR, SIZES, CONTENTS, ADD, UNRESOLVE];

/// The capability to run `git` with these arguments.
#[must_use]
pub fn capability(pattern: Pattern) -> Capability {
    Capability::process("git", SETTINGS.iter().chain(pattern).copied())
}

/// Why git could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The event belongs to no session with a workspace.
    #[error("the command belongs to no session with a workspace")]
    NoSession,
    /// Not granted.
    #[error("not granted: process `{0}`; `tollgate plugin grant merge-resolver` shows what is missing")]
    Denied(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// A finished git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its own words, cut.
    pub said: String,
}

impl Answer {
    /// The first line of its output.
    #[must_use]
    pub fn line(&self) -> String {
        String::from_utf8_lossy(&self.stdout).lines().next().unwrap_or_default().to_owned()
    }

    /// Its output where it ended well.
    ///
    /// # Errors
    /// Its own words.
    pub fn ok(self, what: &str) -> Result<Vec<u8>, Trouble> {
        if self.code == 0 { Ok(self.stdout) } else { Err(Trouble::Failed(format!("git {what}: {}", self.said))) }
    }
}

/// Runs `git` with the subcommand of `pattern`, `rest` in the place of its `**`, and `input` to read.
///
/// # Errors
/// Not granted, no session, no git, or it did not end by itself.
pub fn git(pattern: Pattern, rest: &[&str], input: Option<Vec<u8>>) -> Result<Answer, Trouble> {
    let fixed = pattern.iter().copied().filter(|arg| *arg != "**");
    let name = pattern.first().copied().unwrap_or_default();
    let mut asked = command("git", SETTINGS.into_iter().chain(fixed).chain(rest.iter().copied()));
    let writes = [MERGE, ADD, UNRESOLVE, COMMIT].contains(&pattern);
    asked.timeout_ms = if writes { WRITE_TIMEOUT_MS } else { READ_TIMEOUT_MS };
    asked.stdin = input;
    let Output { exit, stdout, stderr } = run(&asked).map_err(|error| trouble(error, "git", name))?;
    let said = said(&stderr, &stdout);
    match exit {
        Exit::Code(code) => Ok(Answer { code, stdout, said }),
        other => Err(Trouble::Failed(format!("git {name} {}", ended(other)))),
    }
}

/// Why a program did not start.
pub fn trouble(error: ProcessError, program: &str, what: &str) -> Trouble {
    match error {
        ProcessError::NoSession => Trouble::NoSession,
        ProcessError::Denied => Trouble::Denied(format!("{program} {what}")),
        ProcessError::NotFound => Trouble::Failed(format!("there is no program `{program}`")),
        ProcessError::Failed(reason) => Trouble::Failed(format!("{program} {what} does not start: {reason}")),
    }
}

/// How a program ended, where not by itself.
pub fn ended(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("ended with {code}"),
        Exit::Signal(signal) => format!("was ended by signal {signal}"),
        Exit::TimedOut => "took too long and was ended".to_owned(),
        Exit::OutputLimit => "wrote too much and was ended".to_owned(),
    }
}

/// A program's words for people: its errors, else its output; one line, cut, without control characters.
pub fn said(stderr: &[u8], stdout: &[u8]) -> String {
    let bytes = if stderr.trim_ascii().is_empty() { stdout } else { stderr };
    let text = String::from_utf8_lossy(bytes);
    let words = text.split_whitespace().flat_map(|word| [" ", word]).skip(1).flat_map(str::chars);
    let plain: String = words.filter(|it| !it.is_control()).take(MAX_SAID).collect();
    let plain = plain.trim_end_matches('.');
    if plain.is_empty() { "it said nothing".to_owned() } else { plain.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_is_one_short_line() {
        for (stderr, stdout, expected) in [
            ("fatal: no\n\thint: x.\n", "", "fatal: no hint: x"),
            (" \n", "out\n", "out"),
            ("a\u{1b}[31mb", "", "a[31mb"),
            ("", "", "it said nothing"),
        ] {
            assert_eq!(said(stderr.as_bytes(), stdout.as_bytes()), expected);
        }
        assert_eq!(said(&b"x".repeat(MAX_SAID + 1), b"").len(), MAX_SAID);
    }
}
