//! What all rules together say of a call.
//!
//! First match wins per command; over the commands of a line the strictest wins, and only a line that was
//! understood whole, every command of it allowed, is allowed.

use super::rule::{Risk, Rule, RuleAction};
use super::seen::{Ground, Seen};
use super::target::Target;
use super::variables;
use super::{DefaultAction, Policy};
use crate::gate::call::ShellCommand;
use crate::gate::paths::{lexical, spelled_out};
use crate::gate::shell::{NotUnderstood, SSH_HERE};
use crate::gate::targets::{self, first_unknown};
use std::cell::OnceCell;

/// Most folders that a line's `cd`s are followed into: each word is read in each of them. A line that goes on is asked
/// about.
pub(super) const MAX_FOLDERS: usize = 32;

/// What rules look at.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The canonical tool.
    pub tool: &'a str,
    /// The agent's own name of it: rules may say `mcp__server__*`.
    pub original: &'a str,
    /// The tool runs a shell line.
    pub is_shell: bool,
    /// What the line runs.
    pub commands: &'a [ShellCommand],
    /// Why the line is not understood whole.
    pub problem: Option<NotUnderstood>,
    /// The paths that a file tool names.
    pub targets: &'a [Target],
    /// The call's working folder; empty where it has none.
    pub cwd: &'a str,
    /// Every folder that the call may start in; where empty, `cwd` is.
    pub starts: &'a [String],
    /// The session's roots.
    pub roots: &'a [String],
    /// What every session may touch besides its roots.
    pub extras: &'a [String],
}

/// What the rules want done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A rule, or the default, lets it through.
    Allow,
    /// No rule and no default says anything.
    Abstain,
    /// Someone has to be asked.
    Ask,
    /// No.
    Deny,
}

/// What the rules say, and which of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleVerdict {
    /// What is wanted.
    pub action: Action,
    /// `policy/rule`, `policy/default`, or `shell` where the line was not understood.
    pub decided_by: String,
    /// A sentence for people and agents; empty with [`Action::Abstain`].
    pub reason: String,
    /// The rule's risk.
    pub risk: Option<Risk>,
    /// The rule that decided, for [`Policy::rule`]; none with a default and a line that is not understood.
    pub rule: Option<usize>,
    /// Position of the command that decided.
    pub command: Option<usize>,
}

impl<'a> Subject<'a> {
    /// A call of `tool` without anything.
    #[must_use]
    pub fn of_tool(tool: &'a str) -> Self {
        Self {
            tool,
            original: "",
            is_shell: tool == "Bash",
            commands: &[],
            problem: None,
            targets: &[],
            cwd: "",
            starts: &[],
            roots: &[],
            extras: &[],
        }
    }
}

/// As [`folders_from`], from one folder; none where it is empty.
pub(super) fn folders<'c>(
    commands: impl IntoIterator<Item = &'c ShellCommand>,
    cwd: &str,
) -> (Vec<String>, Vec<usize>) {
    let starts: &[String] = if cwd.is_empty() { &[] } else { &[cwd.to_owned()] };
    folders_from(commands, starts)
}

/// The folders that the command at each position may run in: a prefix of the list, by length. A `cd` counts for
/// all that follow it, in a subshell or not: too many folders make rules stricter, too few would let something pass.
pub(in crate::gate) fn folders_from<'c>(
    commands: impl IntoIterator<Item = &'c ShellCommand>,
    starts: &[String],
) -> (Vec<String>, Vec<usize>) {
    let mut list: Vec<String> = starts.to_vec();
    // Where the line is by now, from each start.
    let mut places: Vec<String> = if starts.is_empty() { vec![String::new()] } else { starts.to_vec() };
    let mut known = Vec::new();
    for command in commands {
        // What starts in a folder of its own, whatever the line's is.
        for wrapper in &command.wrappers {
            let start = match wrapper.as_str() {
                "chroot" => "/",
                SSH_HERE => "~",
                _ => continue,
            };
            if list.len() < MAX_FOLDERS && !list.iter().any(|folder| folder == start) {
                list.push(start.to_owned());
            }
        }
        known.push(list.len());
        if !matches!(command.program.text.as_str(), "cd" | "pushd") {
            continue;
        }
        let Some(target) = cd_target(command) else { continue };
        for place in &mut places {
            let next =
                if target.starts_with(['/', '~']) { lexical(&target) } else { lexical(&format!("{place}/{target}")) };
            if list.len() >= MAX_FOLDERS {
                break;
            }
            if !list.contains(&next) {
                list.push(next.clone());
            }
            *place = next;
        }
    }
    (list, known)
}

fn cd_target(command: &ShellCommand) -> Option<String> {
    let mut words = command.args.iter().filter(|arg| !arg.text.starts_with('-'));
    match words.next() {
        None => Some("~".to_owned()),
        Some(word) if word.literal => Some(word.text.clone()),
        // `$HOME/x`, `s*/../..`: nothing is left to choose.
        Some(word) => targets::folded(&spelled_out(&word.text)).into_iter().find(|text| first_unknown(text).is_none()),
    }
}

impl Policy {
    /// What the rules say of `subject`.
    #[must_use]
    pub fn evaluate(&self, subject: &Subject<'_>) -> RuleVerdict {
        if subject.is_shell {
            return self.evaluate_line(subject);
        }
        let mut rules = self.rules.iter().enumerate();
        let matches =
            |rule: &Rule| rule.is_about(subject.tool, subject.original) && rule.matches_paths(subject.targets);
        rules.find(|(_, rule)| matches(rule)).map_or_else(|| self.default_verdict(), |rule| said(rule, None))
    }

    fn evaluate_line(&self, subject: &Subject<'_>) -> RuleVerdict {
        let filled = variables::filled_in(subject.commands);
        let moving = subject.commands.iter().enumerate();
        let moving = moving.map(|(index, command)| filled.of(index).first().unwrap_or(command));
        let (folders, known) = match subject.starts {
            [] => folders(moving, subject.cwd),
            starts => folders_from(moving, starts),
        };
        let problem = subject.problem.or(filled.incomplete.then_some(NotUnderstood::TooMany));
        let problem = problem.or((folders.len() >= MAX_FOLDERS).then_some(NotUnderstood::TooManyPaths));
        let ground = Ground { all: subject.commands, roots: subject.roots, extras: subject.extras };
        let (mut asked, mut allowed, mut unmatched) = (None, None, subject.commands.is_empty());
        for (index, (command, known)) in subject.commands.iter().zip(known).enumerate() {
            let folders = folders.get(..known).unwrap_or_default();
            let reached = OnceCell::new();
            let see = |command| Seen::new(command, index, ground, folders, &reached);
            let seen = see(command);
            let others: Vec<Seen<'_>> = filled.of(index).iter().map(see).collect();
            let either: Vec<&Seen<'_>> = std::iter::once(&seen).chain(&others).collect();
            let candidates = self.index.candidates(&either).into_iter();
            let mut rules = candidates.filter_map(|at| Some((at, self.rules.get(at)?)));
            let matched = rules.find(|(_, rule)| {
                // What the line's own variables make of it counts against it, never for it.
                rule.is_about(subject.tool, subject.original)
                    && (rule.matches_command(&seen)
                        || rule.action != RuleAction::Allow && others.iter().any(|other| rule.matches_command(other)))
            });
            match matched.map(|rule| (rule, rule.1.action)) {
                Some((rule, RuleAction::Deny)) => return said(rule, Some(index)),
                Some((rule, RuleAction::Ask)) => {
                    asked.get_or_insert_with(|| said(rule, Some(index)));
                }
                Some((rule, RuleAction::Allow)) => {
                    allowed.get_or_insert_with(|| said(rule, Some(index)));
                }
                None => unmatched = true,
            }
        }
        if unmatched && self.default_action == DefaultAction::Deny {
            return self.default_verdict();
        }
        if let Some(problem) = problem {
            let reason = format!("{problem}, so someone has to look at it");
            return RuleVerdict {
                action: Action::Ask,
                decided_by: "shell".to_owned(),
                reason,
                risk: Some(Risk::High),
                rule: None,
                command: None,
            };
        }
        match (asked, allowed) {
            (Some(asked), _) => asked,
            (None, Some(allowed)) if !unmatched => allowed,
            _ => self.default_verdict(),
        }
    }

    fn default_verdict(&self) -> RuleVerdict {
        let (action, reason) = match self.default_action {
            DefaultAction::Allow => (Action::Allow, "the policy allows what no rule forbids"),
            DefaultAction::Deny => (Action::Deny, "no rule allows this"),
            DefaultAction::RequireApproval => (Action::Ask, "no rule allows this, so someone has to be asked"),
            DefaultAction::Abstain => (Action::Abstain, ""),
        };
        let reason = reason.to_owned();
        RuleVerdict { action, decided_by: self.default_name.clone(), reason, risk: None, rule: None, command: None }
    }
}

/// A rule and its position among all.
type Numbered<'a> = (usize, &'a Rule);

fn said((index, rule): Numbered<'_>, command: Option<usize>) -> RuleVerdict {
    let action = match rule.action {
        RuleAction::Allow => Action::Allow,
        RuleAction::Ask => Action::Ask,
        RuleAction::Deny => Action::Deny,
    };
    let reason = rule.reason.clone().unwrap_or_else(|| format!("rule {} says so", rule.id));
    RuleVerdict { action, decided_by: rule.id.clone(), reason, risk: rule.risk, rule: Some(index), command }
}
