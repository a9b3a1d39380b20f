//! Examples of a rule: calls that it must match, and calls that it must not. Checked whenever its file is loaded.

use super::At;
use super::evaluate::Subject;
use super::fields::{Fields, Problems, shown, text};
use super::folders::Folders;
use super::rule::Rule;
use super::seen::{Ground, Seen, Shared};
use super::target::Target;
use super::yaml::{Kind, Node};
use crate::gate::{normalise, shell};
use std::cell::OnceCell;

/// The folder that examples run in, and the only root there.
pub(super) const EXAMPLE_ROOT: &str = "/project";

/// A call as an example or a test writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Example {
    pub at: At,
    /// Whether the rule must match it.
    pub expected: bool,
    pub call: ExampleCall,
}

/// What is called, with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExampleCall {
    /// Canonical.
    pub tool: String,
    /// The agent's own name of it.
    pub original: String,
    /// A shell tool's line.
    pub command: Option<String>,
    /// A file tool's paths.
    pub paths: Vec<String>,
}

impl ExampleCall {
    /// A shell line.
    pub fn shell(command: &str) -> Self {
        Self { tool: "Bash".to_owned(), original: String::new(), command: Some(command.to_owned()), paths: Vec::new() }
    }

    /// A tool's name with a command or with paths, by the keys `tool`, `command` and `path`.
    pub fn read(fields: &Fields<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        let command = fields.text("command", problems).map(str::to_owned);
        let paths: Vec<String> = fields.texts("path", problems).into_iter().map(|(_, path)| path.to_owned()).collect();
        let original = match (fields.text("tool", problems), &command) {
            (Some(tool), _) => tool,
            (None, Some(_)) => "Bash",
            (None, None) => {
                problems.at(fields.at, "say which `tool` is called, or which `command` is run");
                return None;
            }
        };
        let tool = match normalise::tool(original) {
            Ok(tool) => tool,
            Err(bad) => {
                problems.at(fields.at, bad.to_string());
                return None;
            }
        };
        if (tool == "Bash") != command.is_some() {
            let message = if command.is_some() {
                format!("`{}` is no shell tool, so it has no `command`", shown(original))
            } else {
                "a shell tool needs a `command`".to_owned()
            };
            problems.at(fields.at, message);
            return None;
        }
        Some(Self { tool, original: original.to_owned(), command, paths })
    }

    /// For a sentence.
    pub fn shown(&self) -> String {
        match (&self.command, self.paths.as_slice()) {
            (Some(command), _) => shown(command),
            (None, []) => shown(&self.original),
            (None, paths) => shown(&paths.join(" ")),
        }
    }
}

/// Reads `examples` of a rule.
pub(super) fn read(rule: &Rule, node: &Node, problems: &mut Problems<'_>) -> Vec<Example> {
    let Some(fields) = Fields::of(node, "`examples`", &["match", "not_match"], problems) else { return Vec::new() };
    let mut found = Vec::new();
    for (key, expected) in [("match", true), ("not_match", false)] {
        let Some(list) = fields.get(key) else { continue };
        let items = match &list.kind {
            Kind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(list),
        };
        for item in items {
            let call = match &item.kind {
                Kind::Table(_) => Fields::of(item, "an example", &["tool", "command", "path"], problems)
                    .and_then(|fields| ExampleCall::read(&fields, problems)),
                _ => text(item, key, problems).map(|text| plain(rule, text)),
            };
            found.extend(call.map(|call| Example { at: item.at, expected, call }));
        }
    }
    found
}

/// An example that is only text: a command line for a rule that is about the shell, else a path.
fn plain(rule: &Rule, text: &str) -> ExampleCall {
    if rule.is_of_commands() || rule.is_about("Bash", "") {
        return ExampleCall::shell(text);
    }
    ExampleCall { tool: String::new(), original: String::new(), command: None, paths: vec![text.to_owned()] }
}

/// Says of each example that does not hold what is wrong with it.
pub(super) fn check(rule: &Rule, name: &str, problems: &mut Problems<'_>) {
    for example in &rule.examples {
        let matches = matches(rule, &example.call);
        if matches != example.expected {
            let (list, does) = if example.expected { ("match", "does not match") } else { ("not_match", "matches") };
            let call = example.call.shown();
            problems.at(example.at, format!("rule `{name}`: the example `{call}` under `{list}` {does}"));
        }
    }
}

/// Whether a rule matches a call, or one of the commands of its line.
fn matches(rule: &Rule, call: &ExampleCall) -> bool {
    // A bare path is one of whatever tool the rule is about.
    if !call.tool.is_empty() && !rule.is_about(&call.tool, &call.original) {
        return false;
    }
    subject_of(call, EXAMPLE_ROOT, &[EXAMPLE_ROOT.to_owned()], |subject| {
        if !subject.is_shell {
            return rule.matches_paths(subject.targets);
        }
        let shared = Shared::default();
        let ground = Ground { all: subject.commands, roots: subject.roots, extras: &[], shared: &shared };
        let folders = Folders::of(subject.commands, &[subject.cwd.to_owned()]);
        subject.commands.iter().enumerate().any(|(index, command)| {
            let reached = OnceCell::new();
            rule.matches_command(&Seen::new(command, index, ground, folders.at(index), &reached))
        })
    })
}

/// Looks at a call as a session of these roots would make it in `cwd`.
pub(super) fn subject_of<T>(
    call: &ExampleCall,
    cwd: &str,
    roots: &[String],
    look: impl FnOnce(&Subject<'_>) -> T,
) -> T {
    let parsed = call.command.as_deref().map(shell::parse_blocking).unwrap_or_default();
    let targets: Vec<Target> = call.paths.iter().map(|path| Target::of_text(path, cwd, roots)).collect();
    look(&Subject {
        tool: &call.tool,
        original: &call.original,
        is_shell: call.command.is_some(),
        commands: &parsed.commands,
        problem: parsed.problem,
        targets: &targets,
        cwd,
        starts: &[],
        roots,
        extras: &[],
    })
}
