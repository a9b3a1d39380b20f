//! The agents that are run: one description each. What differs between them is below, and only there; they are
//! started, and looked at, in one way.

mod claude_code;
mod codex;
mod gemini;

use crate::model::{Call, Input};
use crate::process::isolated;
use anyhow::Result;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

/// All of them, in the order that they are run.
pub static AGENTS: [&Agent; 3] = [&claude_code::AGENT, &codex::AGENT, &gemini::AGENT];

/// An agent, as far as it has to be known to be run behind the gate.
pub struct Agent {
    /// What Tollgate calls it.
    pub name: &'static str,
    /// The version that is fetched.
    pub version: &'static str,
    /// What npm brings, the package that is asked for first.
    pub parts: &'static [Part],
    /// Where its program is.
    pub program: Program,
    /// Its shell tool, and the field of the line.
    pub shell: (&'static str, &'static str),
    /// Its settings below a project, and the event there that a tool has to pass.
    pub gate: (&'static str, &'static str),
    /// It puts the gate's `ask` to its own user, who is not there; the others have Tollgate ask a person.
    pub asks_its_user: bool,
    /// Writes what its user would have settled before: the model's address, and that the project is trusted.
    pub settle: fn(&Folders, &str) -> Result<()>,
    /// Does what its user has to do once Tollgate's hooks are in the project.
    pub trust: fn(&Folders, &dyn Fn() -> Command) -> Result<()>,
    /// The variables that it needs beside those of every program, given the model's address.
    pub environment: fn(&str) -> Vec<(&'static str, String)>,
    /// Where another tool of its runs lines too: the calls that lead to it, the last of which runs this one.
    pub other_shell: Option<fn(&'static str) -> Vec<Call>>,
    /// The calls that start a subagent with this prompt, and wait for it.
    pub subagent: fn(&str) -> Vec<Call>,
    /// It reads a project's settings again while it works; the others keep those of the session's start.
    pub reads_again: bool,
    /// The ways past its hooks that are known.
    pub gaps: &'static [Gap],
    /// Has it do one turn without a person, asking nobody itself: what does not run then, the gate has stopped.
    pub arguments: &'static [&'static str],
}

/// A package of npm, in the agent's version.
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// The architecture that it is for, as Rust calls it; none: every one.
    pub arch: Option<&'static str>,
    /// What npm calls its integrity.
    pub integrity: &'static str,
}

/// A way to have an agent run a line that it asks no hook about.
pub struct Gap {
    /// What it is, in one sentence.
    pub what: &'static str,
    /// The calls that make the agent run a line so, after what they need is in its folders.
    pub calls: fn(&Folders, &'static str) -> Result<Vec<Call>>,
    /// Further arguments, with which there is no such way.
    pub closed_by: &'static [&'static str],
    /// That there is none then, in one sentence.
    pub closed: &'static str,
}

/// Where a package's program is.
pub enum Program {
    /// This file of the first part.
    File(&'static str),
    /// Linked by npm under this name.
    Linked(&'static str),
}

/// The folders that an agent lives in.
#[derive(Debug)]
pub struct Folders {
    /// Around the others.
    pub root: PathBuf,
    /// Its user's.
    pub home: PathBuf,
    /// A repository that it works in.
    pub project: PathBuf,
}

impl Agent {
    /// The parts for the machine that this runs on.
    pub fn parts_here(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| part.arch.is_none_or(|arch| arch == std::env::consts::ARCH))
    }

    /// A call of its shell.
    pub fn shell(&self, line: &str) -> Call {
        let (tool, field) = self.shell;
        Call { tool, input: Input::Known(json!({field: line, "description": "a step of a test"})) }
    }

    /// Its program at `path`, in its folders, with nothing of the outer environment but where programs are.
    pub fn command(&self, path: &Path, folders: &Folders, model: &str) -> Command {
        let mut command = isolated(path, &folders.home, &folders.project);
        command.env("TMPDIR", &folders.root).envs((self.environment)(model));
        command
    }
}
