//! The YAML edge of policy: the only file that knows a policy file's keys.
//!
//! Reads one file into rules, or says all that is wrong with it, each with line, column and mend.

use super::examples;
use super::fields::{Fields, Problems, shown};
use super::matcher::Matcher;
use super::rule::{Risk, Rule, RuleAction, Tool};
use super::trials::Trial;
use super::yaml::{self, Node};
use super::{At, DefaultAction, PolicyError, PolicySource};
use crate::gate::normalise;
use regex::{Regex, RegexBuilder};
use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// The largest compiled regex, in bytes: bounds what a hostile pattern costs.
pub(super) const MAX_REGEX_BYTES: usize = 1024 * 1024;
/// How long a person may be given to answer, in seconds: up to a day, as for any other question.
pub(super) const APPROVAL_TIMEOUT_SECONDS: RangeInclusive<u64> = 1..=86_400;

const FILE_KEYS: [&str; 5] = ["version", "name", "description", "settings", "rules"];
const SETTINGS_KEYS: [&str; 3] = ["default_action", "approval_timeout_seconds", "trials"];
const RULE_KEYS: [&str; 11] = [
    "name",
    "tool",
    "tools",
    "command_patterns",
    "path_patterns",
    "match",
    "action",
    "reason",
    "description",
    "risk_level",
    "examples",
];

/// The words for what a call gets that no rule matches.
pub(super) const DEFAULTS: [(&str, DefaultAction); 4] = [
    ("allow", DefaultAction::Allow),
    ("deny", DefaultAction::Deny),
    ("require_approval", DefaultAction::RequireApproval),
    ("abstain", DefaultAction::Abstain),
];
const ACTIONS: [(&str, RuleAction); 3] =
    [("allow", RuleAction::Allow), ("deny", RuleAction::Deny), ("require_approval", RuleAction::Ask)];
const RISKS: [(&str, Risk); 4] =
    [("low", Risk::Low), ("medium", Risk::Medium), ("high", Risk::High), ("critical", Risk::Critical)];

/// One file's rules and settings.
#[derive(Debug)]
pub(super) struct File {
    pub name: String,
    pub rules: Vec<Rule>,
    pub default_action: Option<DefaultAction>,
    pub approval_timeout: Option<Duration>,
}

/// Reads one file and checks its examples.
pub(super) fn read(source: &PolicySource<'_>) -> Result<File, Vec<PolicyError>> {
    let mut problems = Problems::of(source.name);
    let file = match yaml::parse(source.text) {
        Ok(root) => read_root(&root, &source.name.into(), &mut problems),
        Err((at, message)) => {
            problems.at(at, message);
            None
        }
    };
    match file {
        Some(file) if problems.len() == 0 => Ok(file),
        _ => Err(problems.into_sorted()),
    }
}

/// Whether the file says that it is of the one version there is.
pub(super) fn version(fields: &Fields<'_>, problems: &mut Problems<'_>) {
    if fields.get("version").is_none() {
        problems.at(fields.at, "the file needs a `version`; write `version: 1`");
    }
    fields.choice("version", &[("1", ())], problems);
}

fn read_root(root: &Node, source: &Arc<str>, problems: &mut Problems<'_>) -> Option<File> {
    let fields = Fields::of(root, "a policy file", &FILE_KEYS, problems)?;
    version(&fields, problems);
    let name = fields.required_text("name", "a policy file", problems);
    fields.text("description", problems);
    let settings = fields.get("settings").and_then(|node| Fields::of(node, "`settings`", &SETTINGS_KEYS, problems));
    let default_action = settings.and_then(|settings| settings.choice("default_action", &DEFAULTS, problems));
    let timeout =
        settings.and_then(|settings| settings.number("approval_timeout_seconds", APPROVAL_TIMEOUT_SECONDS, problems));
    let trials = settings.map(|settings| settings.items("trials", problems)).unwrap_or_default();
    let trials: Arc<[Trial]> = trials.iter().filter_map(|node| Trial::read(node, problems)).collect();
    let name = name.unwrap_or_default();
    check_name(name, fields.get("name"), problems);
    let mut rules: Vec<Rule> = Vec::new();
    let mut names = HashSet::new();
    let list = match fields.get("rules") {
        Some(Node { kind: yaml::Kind::List(items), .. }) => items.as_slice(),
        Some(node) => {
            problems.at(node.at, format!("`rules` must be a list, and this is {}", node.kind_name()));
            &[]
        }
        None => &[],
    };
    for node in list {
        let Some(rule) = read_rule(node, name, source, &trials, problems) else { continue };
        if !names.insert(rule.id.clone()) {
            problems.at(rule.at, format!("rule `{}`: another rule of this file has this name", rule.id));
        }
        rules.push(rule);
    }
    let approval_timeout = timeout.map(Duration::from_secs);
    Some(File { name: name.to_owned(), rules, default_action, approval_timeout })
}

/// Names of policies and rules are joined by a `/` into what verdicts and events say.
fn check_name(name: &str, node: Option<&Node>, problems: &mut Problems<'_>) {
    if let Some(node) = node
        && name.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control())
    {
        problems.at(node.at, format!("the name `{}` holds a `/` or a blank", shown(name)));
    }
}

/// Reads a rule as far as it can be read.
fn read_rule(
    node: &Node,
    policy: &str,
    source: &Arc<str>,
    trials: &Arc<[Trial]>,
    problems: &mut Problems<'_>,
) -> Option<Rule> {
    let before = problems.len();
    let fields = Fields::of(node, "a rule", &RULE_KEYS, problems)?;
    let name = fields.required_text("name", "a rule", problems).unwrap_or_default();
    check_name(name, fields.get("name"), problems);
    let at = fields.get("name").map_or(node.at, |name| name.at);
    let tools = tools(&fields, problems);
    if fields.get("tool").is_none() && fields.get("tools").is_none() {
        problems.at(at, format!("rule `{name}`: say which `tool` or `tools` it is about; `*` is every tool"));
    }
    if fields.get("action").is_none() {
        problems.at(at, format!("rule `{name}`: it needs an `action`: allow, deny or require_approval"));
    }
    let action = fields.choice("action", &ACTIONS, problems);
    let mut rule = Rule {
        id: format!("{policy}/{name}"),
        file: Arc::clone(source),
        at,
        tools,
        command_patterns: regexes(&fields, "command_patterns", problems),
        path_patterns: regexes(&fields, "path_patterns", problems),
        matcher: fields.get("match").and_then(|node| Matcher::read(node, problems)),
        // Where it is none, the file is refused.
        action: action.unwrap_or(RuleAction::Deny),
        reason: fields.text("reason", problems).map(str::to_owned),
        description: fields.text("description", problems).map(str::to_owned),
        risk: fields.choice("risk_level", &RISKS, problems),
        examples: Vec::new(),
        trials: Arc::clone(trials),
    };
    if rule.is_of_commands() && !rule.tools.is_empty() && !rule.is_about("Bash", "") {
        let message = "`match` and `command_patterns` look into shell commands, and no shell tool is among its tools";
        problems.at(at, format!("rule `{name}`: {message}; name `Bash`"));
    }
    if let Some(node) = fields.get("examples") {
        rule.examples = examples::read(&rule, node, problems);
        // A rule that is wrong in another way cannot be held against its examples.
        if problems.len() == before {
            examples::check(&rule, name, problems);
        }
    }
    Some(rule)
}

/// The tools that a rule names. An agent's own name for a tool of ours means ours: `Shell` is `Bash`.
fn tools(fields: &Fields<'_>, problems: &mut Problems<'_>) -> Vec<Tool> {
    let mut found = Vec::new();
    for (at, text) in fields.texts("tool", problems).into_iter().chain(fields.texts("tools", problems)) {
        let (name, beginning) = text.strip_suffix('*').map_or((text, false), |prefix| (prefix, true));
        if name.contains('*') {
            problems.at(at, format!("`{}`: a `*` stands at a tool's end only", shown(text)));
        } else if beginning {
            found.push(Tool::Beginning(name.to_owned()));
        } else if name.starts_with("mcp__") {
            found.push(Tool::Named(name.to_owned()));
        } else {
            match normalise::tool(name) {
                Ok(tool) => found.push(Tool::Named(tool)),
                Err(_) => problems.at(at, format!("`{}` is no tool's name", shown(text))),
            }
        }
    }
    found
}

fn regexes(fields: &Fields<'_>, key: &str, problems: &mut Problems<'_>) -> Vec<Regex> {
    let texts = fields.texts(key, problems);
    texts.into_iter().filter_map(|(at, text)| regex(at, text, problems)).collect()
}

fn regex(at: At, text: &str, problems: &mut Problems<'_>) -> Option<Regex> {
    match RegexBuilder::new(text).size_limit(MAX_REGEX_BYTES).build() {
        Ok(regex) => Some(regex),
        Err(regex::Error::CompiledTooBig(_)) => {
            let message = format!("the regex `{}` compiles to more than {MAX_REGEX_BYTES} bytes", shown(text));
            problems.at(at, format!("{message}; repeat less in it"));
            None
        }
        Err(error) => {
            let error = error.to_string();
            problems.at(at, format!("bad regex `{}`: {}", shown(text), error.lines().last().unwrap_or_default()));
            None
        }
    }
}
