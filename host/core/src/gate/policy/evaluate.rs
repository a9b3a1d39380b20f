//! What all rules together say of a call.
//!
//! First match wins per command; over the commands of a line the strictest wins, and only a line that was
//! understood whole, every command of it allowed, is allowed.

use super::folders::Folders;
use super::rule::{Risk, Rule, RuleAction};
use super::seen::{Ground, Seen, Shared};
use super::target::Target;
use super::{DefaultAction, Policy, ordered, variables};
use crate::gate::call::ShellCommand;
use crate::gate::shell::NotUnderstood;
use std::cell::{LazyCell, OnceCell};

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
        let own = [subject.cwd.to_owned()];
        let starts = match subject.starts {
            [] if subject.cwd.is_empty() => &[],
            [] => own.as_slice(),
            starts => starts,
        };
        let folders = Folders::of(moving, starts);
        let problem = subject.problem.or(filled.incomplete.then_some(NotUnderstood::TooMany));
        let problem = problem.or(folders.are_too_many().then_some(NotUnderstood::TooManyPaths));
        let shared = Shared::default();
        let ground = Ground { all: subject.commands, roots: subject.roots, extras: subject.extras, shared: &shared };
        let (mut asked, mut allowed, mut unmatched) = (None, None, subject.commands.is_empty());
        // All that its variables hold is known, and that they hold it: a doubt about one that may be empty is none.
        let told = LazyCell::new(|| ordered::told_in_order(subject.commands));
        for (index, command) in subject.commands.iter().enumerate() {
            let folders = folders.at(index);
            let reached = OnceCell::new();
            let see = |command| Seen::new(command, index, ground, folders, &reached);
            let seen = see(command);
            let others: Vec<Seen<'_>> = filled.of(index).iter().map(see).collect();
            let either: Vec<&Seen<'_>> = std::iter::once(&seen).chain(&others).collect();
            let candidates = self.index.candidates(&either).into_iter();
            let mut rules = candidates.filter_map(|at| Some((at, self.rules.get(at)?)));
            let matched = rules.find(|(_, rule)| {
                // What the line's own variables make of it counts against it, never for it.
                let as_written = || rule.action != RuleAction::Ask || !told.contains(&index);
                rule.is_about(subject.tool, subject.original)
                    && (rule.matches_command(&seen) && as_written()
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
                None => unmatched |= !command.maybe,
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
