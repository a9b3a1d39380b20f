//! One rule: which calls and commands it matches.

use super::evaluate::folders;
use super::matcher::{Matcher, Place};
use crate::gate::call::{RedirectKind, ShellCommand};
use crate::gate::shell;
use regex::Regex;

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
    pub tools: Vec<String>,
    pub command_patterns: Vec<Regex>,
    pub path_patterns: Vec<Regex>,
    pub matcher: Option<Matcher>,
    pub action: RuleAction,
    pub reason: Option<String>,
    pub risk: Option<Risk>,
}

impl Rule {
    /// Whether it is about this canonical tool: its name, `*`, or a prefix and `*`.
    pub fn is_about(&self, tool: &str) -> bool {
        self.tools.iter().any(|name| match name.strip_suffix('*') {
            Some(prefix) => tool.starts_with(prefix),
            None => name == tool,
        })
    }

    /// Whether it matches a call of a tool that is no shell.
    pub fn matches_paths(&self, paths: &[String]) -> bool {
        self.command_patterns.is_empty()
            && self.matcher.is_none()
            && (self.path_patterns.is_empty() || paths.iter().any(|path| self.path_matches(path)))
    }

    /// Whether it matches the command at `place`. `rendered` is filled once per command, when first needed.
    pub fn matches_command(&self, place: &Place<'_>, rendered: &mut Option<String>) -> bool {
        if self.matcher.as_ref().is_some_and(|matcher| !matcher.matches(place)) {
            return false;
        }
        if !self.command_patterns.is_empty() {
            let text = rendered.get_or_insert_with(|| render(place.command));
            if !self.command_patterns.iter().any(|pattern| pattern.is_match(text)) {
                return false;
            }
        }
        self.path_patterns.is_empty() || self.matches_arguments(place)
    }

    fn matches_arguments(&self, place: &Place<'_>) -> bool {
        let redirects = place.command.redirects.iter().filter(|redirect| redirect.kind != RedirectKind::HereDocument);
        let words = place.command.args.iter().chain(redirects.map(|redirect| &redirect.target));
        words.into_iter().any(|word| {
            // `--file=path`, `if=path`, `@path`.
            let value = word.text.split_once('=').map_or(word.text.as_str(), |(_, value)| value);
            place.readings(&word.text).any(|text| self.path_matches(&text))
                || place.readings(value.trim_start_matches('@')).any(|text| self.path_matches(&text))
        })
    }

    fn path_matches(&self, path: &str) -> bool {
        self.path_patterns.iter().any(|pattern| pattern.is_match(path))
    }

    /// Whether it matches an example of its file: a command line for rules about the shell, else a path.
    pub fn matches_example(&self, example: &str) -> bool {
        let shell = self.is_about("Bash") || !self.command_patterns.is_empty() || self.matcher.is_some();
        if !shell {
            return self.matches_paths(&[example.to_owned()]);
        }
        let parsed = shell::parse_blocking(example);
        let all = &parsed.commands;
        let (folders, known) = folders(all, "");
        all.iter().zip(known).enumerate().any(|(index, (command, known))| {
            let folders = folders.get(..known).unwrap_or_default();
            self.matches_command(&Place { command, index, all, folders, roots: &[] }, &mut None)
        })
    }
}

/// A command as `command_patterns` see it: the program without its folder, and its arguments, one blank between.
pub(super) fn render(command: &ShellCommand) -> String {
    let program = &command.program.text;
    let mut text = program.rsplit('/').next().unwrap_or(program).to_owned();
    for arg in &command.args {
        text.push(' ');
        text.push_str(&arg.text);
    }
    text
}
