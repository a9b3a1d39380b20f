//! One rule: which calls and commands it matches.

use super::At;
use super::cover;
use super::examples::Example;
use super::flags::Reading;
use super::matcher::Matcher;
use super::seen::Seen;
use super::target::Target;
use super::trials::Trial;
use regex::Regex;
use std::sync::Arc;

/// How much a rule's author fears what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High: no session grant answers it.
    High,
    /// Critical: no session grant answers it.
    Critical,
}

impl Risk {
    /// As policy files write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RuleAction {
    Allow,
    Ask,
    Deny,
}

#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// `policy/rule`.
    pub id: String,
    /// The file or preset that it stands in, and where.
    pub file: Arc<str>,
    pub at: At,
    pub tools: Vec<Tool>,
    pub command_patterns: Vec<Regex>,
    pub path_patterns: Vec<Regex>,
    pub matcher: Option<Matcher>,
    pub action: RuleAction,
    pub reason: Option<String>,
    pub description: Option<String>,
    pub risk: Option<Risk>,
    pub examples: Vec<Example>,
    /// What its file takes for trials.
    pub trials: Arc<[Trial]>,
}

/// Which tools: one, or all whose names begin so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tool {
    Named(String),
    Beginning(String),
}

impl Tool {
    fn is(&self, tool: &str) -> bool {
        match self {
            Self::Named(name) => name == tool,
            Self::Beginning(prefix) => tool.starts_with(prefix),
        }
    }
}

impl Rule {
    /// Whether it is about a tool: under its canonical name or the agent's own.
    pub fn is_about(&self, tool: &str, original: &str) -> bool {
        self.tools.iter().any(|name| name.is(tool) || (!original.is_empty() && name.is(original)))
    }

    /// Whether it looks into shell commands, so that it says nothing of other tools.
    pub fn is_of_commands(&self) -> bool {
        let of_shell = |matcher: &Matcher| !matcher.is_of_hosts_alone();
        !self.command_patterns.is_empty() || self.matcher.as_ref().is_some_and(of_shell)
    }

    /// How many regexes and globs it has.
    pub fn patterns(&self) -> usize {
        let globs = self.matcher.as_ref().map_or(0, Matcher::globs);
        self.command_patterns.len() + self.path_patterns.len() + globs
    }

    pub fn reading(&self) -> Reading {
        if self.action == RuleAction::Allow { Reading::Narrow } else { Reading::Wide }
    }

    /// Whether it matches a call of a tool that is no shell. One that stops needs one path to match, however it is
    /// read; one that allows needs every path to match where it really leads.
    pub fn matches_paths(&self, targets: &[Target]) -> bool {
        let matches = |path: &str| self.path_patterns.iter().any(|pattern| pattern.is_match(path));
        // What is no file tool's path may be an address.
        let goes = |matcher: &Matcher| {
            self.reading() == Reading::Wide
                && targets.iter().any(|target| target.readings().any(|address| matcher.is_host_of(address)))
        };
        !self.is_of_commands()
            && self.matcher.as_ref().is_none_or(goes)
            && (self.path_patterns.is_empty()
                || match self.reading() {
                    Reading::Wide => targets.iter().any(|target| target.readings().any(matches)),
                    Reading::Narrow => !targets.is_empty() && targets.iter().all(|target| target.places().any(matches)),
                })
    }

    /// Whether the command is only tried, so that the rule is not about it. What stands around a trial happens.
    fn is_tried(&self, seen: &Seen<'_>) -> bool {
        !self.matcher.as_ref().is_some_and(Matcher::is_of_surroundings)
            && self.trials.iter().any(|trial| trial.holds(seen))
    }

    /// Whether it matches a command of a line.
    pub fn matches_command(&self, seen: &Seen<'_>) -> bool {
        if self.matcher.as_ref().is_some_and(|matcher| !matcher.matches(seen, self.reading())) {
            return false;
        }
        if !self.command_patterns.is_empty()
            && !self.command_patterns.iter().any(|pattern| pattern.is_match(seen.rendered()))
        {
            return false;
        }
        let mut paths = seen.words().iter().flatten();
        if !self.path_patterns.is_empty()
            && !paths.any(|path| self.path_patterns.iter().any(|pattern| pattern.is_match(&path.text)))
        {
            return false;
        }
        match self.action {
            RuleAction::Allow => cover::covers(self, seen),
            RuleAction::Ask | RuleAction::Deny => !self.is_tried(seen),
        }
    }
}
