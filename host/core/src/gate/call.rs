//! A tool call as an engine or an agent asks it, and as the stages see it.

use serde_json::{Map, Value};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// A question to the gate. Only the tool's name and input are required.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// The agent's session.
    pub session_id: Option<String>,
    /// The agent's own name of the tool.
    pub tool_name: String,
    /// The tool's input, raw.
    pub tool_input: Map<String, Value>,
    /// The call's working directory; relative paths resolve against it, never against the daemon's.
    pub cwd: Option<PathBuf>,
    /// Such as `claude-code`.
    pub agent: Option<String>,
    /// The agent's tool-use id; made by the host where missing.
    pub call_id: Option<String>,
    /// Roots of a session that does not exist yet.
    pub roots: Vec<PathBuf>,
    /// The caller can ask its own user, so `ask` may be answered.
    pub can_ask: bool,
    /// How long the caller waits for a person, in milliseconds.
    pub wait_ms: Option<u64>,
}

/// A call as the stages see it: canonical tool, session found, shell parsed once.
#[derive(Debug, Clone, Default)]
pub struct NormalisedCall {
    /// The agent's tool-use id, else made by the host.
    pub call_id: Arc<str>,
    /// The session's id.
    pub session: Arc<str>,
    /// Such as `claude-code`; empty where unknown.
    pub agent: Arc<str>,
    /// Canonical: `Bash`, `Read`, `Write`, …
    pub tool: Arc<str>,
    /// The agent's own name.
    pub original_tool: Arc<str>,
    /// Raw input.
    pub input: Map<String, Value>,
    /// Raw input as JSON text.
    pub input_json: Arc<str>,
    /// Absolute: the folder that the input names, else the caller's.
    pub cwd: PathBuf,
    /// Every folder that it may start in: the caller's own first, then those that the input names, some with `~`.
    pub folders: Vec<PathBuf>,
    /// The session's roots, canonical.
    pub roots: Vec<PathBuf>,
    /// Every simple command of a shell tool, at whatever depth, in order.
    pub commands: Vec<ShellCommand>,
    /// False where the line could not be parsed whole; true for tools that are no shell.
    pub understood: bool,
}

impl NormalisedCall {
    /// The folders that it may start in, as text.
    #[must_use]
    pub fn starts(&self) -> Vec<String> {
        self.folders.iter().map(|folder| folder.to_string_lossy().into_owned()).collect()
    }
}

/// A word of a shell command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Word {
    /// Quotes removed.
    pub text: String,
    /// False where an expansion makes the value unknown.
    pub literal: bool,
}

impl Word {
    /// These words as one text, one blank between.
    #[must_use]
    pub fn joined(words: &[Self]) -> Self {
        let text = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        Self { text, literal: words.iter().all(|word| word.literal) }
    }
}

/// What a redirect does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectKind {
    /// `<`
    Input,
    /// `>`, `>|`, `&>`, `<>`
    Output,
    /// `>>`, `&>>`
    Append,
    /// `<<`, `<<<`
    HereDocument,
}

/// One redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// What it does.
    pub kind: RedirectKind,
    /// The file, or the document's text.
    pub target: Word,
}

/// One simple command found in a shell tool's input.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShellCommand {
    /// What runs.
    pub program: Word,
    /// Its arguments.
    pub args: Vec<Word>,
    /// `NAME=value` before it (and those `env` or `export` give it).
    pub assignments: Vec<(String, Word)>,
    /// Its redirects.
    pub redirects: Vec<Redirect>,
    /// The programs that run it, outermost first: `sudo`, `xargs`, `bash -c`, …
    pub wrappers: Vec<String>,
    /// Position in the list of the command whose output it reads, if piped; of several, the last.
    pub piped_from: Option<u32>,
    /// Positions of all commands whose output may reach it, as spans of the list in front of it: of a group every
    /// command, and what `<(…)` runs.
    pub reads: Vec<Range<u32>>,
    /// Positions of the commands in `$(…)` of its words.
    pub filled: Vec<Range<u32>>,
    /// Positions of the commands whose output it runs: as the file that they wrote, or as its code.
    pub runs: Vec<Range<u32>>,
    /// What the loops around it put into their variables, one after another.
    pub bound: Arc<[(String, Word)]>,
    /// Position of the last `cd` that has succeeded for certain when it runs: `cd x && program`. It runs in no folder
    /// that was left by it.
    pub arrived: Option<u32>,
    /// Position of the first command behind it that may not have what it assigns: up to there, each runs in the same shell
    /// after it did. Nothing is as certain where it is 0.
    pub certain_to: u32,
    /// Only another reading of the words of the command in front: it counts for what stops, and needs no rule that
    /// lets it through.
    pub maybe: bool,
}

impl ShellCommand {
    /// Its program's file name.
    #[must_use]
    pub fn name(&self) -> &str {
        base_name(&self.program.text)
    }
}

/// The file name of a path.
#[must_use]
pub fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a variable holds what a function or a script is called with: it belongs to that call alone.
pub(super) fn is_argument(variable: &str) -> bool {
    matches!(variable, "@" | "*") || variable.bytes().all(|byte| byte.is_ascii_digit())
}

/// Which commands the output of one reaches, through however many others.
#[derive(Debug)]
pub(super) struct Reached {
    found: Vec<bool>,
    /// One of them runs it as a file or as its code.
    pub is_run: bool,
}

impl Reached {
    /// Whether the one at a position is among them.
    pub fn holds(&self, index: usize) -> bool {
        self.found.get(index) == Some(&true)
    }

    /// Those commands, the one itself among them.
    pub fn of<'c>(&self, commands: &'c [ShellCommand]) -> impl Iterator<Item = &'c ShellCommand> {
        commands.iter().zip(&self.found).filter(|(_, reached)| **reached).map(|(command, _)| command)
    }
}

/// The commands that the output of the one at `from` reaches.
pub(super) fn reached(commands: &[ShellCommand], from: usize) -> Reached {
    let mut found = vec![false; commands.len()];
    if let Some(own) = found.get_mut(from) {
        *own = true;
    }
    // What feeds a command stands in front of it and is found in one round; what fills it stands behind it.
    loop {
        // How many in front of each position are reached: by now, and before this round.
        let old = counted(&found);
        let mut now = Vec::with_capacity(commands.len() + 1);
        let (mut count, mut changed) = (0_usize, false);
        now.push(count);
        for (command, reached) in commands.iter().zip(&mut found) {
            let in_front = |span: &Range<u32>| usize::try_from(span.end).is_ok_and(|end| end < now.len());
            let holds = |span: &Range<u32>| holds(if in_front(span) { &now } else { &old }, span);
            if !*reached && command.reads.iter().chain(&command.filled).chain(&command.runs).any(holds) {
                *reached = true;
                changed = true;
            }
            count += usize::from(*reached);
            now.push(count);
        }
        if !changed {
            let is_run = commands.iter().any(|command| command.runs.iter().any(|span| holds(&old, span)));
            return Reached { found, is_run };
        }
    }
}

/// How many in front of each position are set.
fn counted(found: &[bool]) -> Vec<usize> {
    let mut count = 0;
    let counts = found.iter().map(|reached| {
        count += usize::from(*reached);
        count
    });
    std::iter::once(0).chain(counts).collect()
}

/// Whether one of a span is counted.
fn holds(counts: &[usize], span: &Range<u32>) -> bool {
    let at = |position: u32| usize::try_from(position).ok().and_then(|at| counts.get(at)).copied().unwrap_or_default();
    at(span.end) > at(span.start)
}
