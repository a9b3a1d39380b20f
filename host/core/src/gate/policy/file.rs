//! The YAML edge of policy: the only file that knows a policy file's keys.
//!
//! Reads one file into rules, or says line, column and mend.

use super::matcher::Matcher;
use super::rule::{Rule, RuleAction};
use super::{DefaultAction, MAX_FILE_BYTES, PolicyError, PolicySource, Risk};
use regex::{Regex, RegexBuilder};
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::Deserialize;
use std::fmt;

/// The largest compiled regex, in bytes: bounds what a hostile pattern costs.
const MAX_REGEX_BYTES: usize = 1024 * 1024;

/// One file's rules and settings.
#[derive(Debug)]
pub(super) struct File {
    pub name: String,
    pub rules: Vec<Rule>,
    pub default_action: Option<DefaultAction>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    version: u32,
    name: String,
    #[serde(default)]
    settings: SettingsText,
    #[serde(default)]
    rules: Vec<RuleText>,
    #[serde(default)]
    #[expect(dead_code, reason = "for readers of the file")]
    description: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct SettingsText {
    default_action: Option<DefaultText>,
    #[expect(dead_code, reason = "read by the stage that asks people")]
    approval_timeout_seconds: Option<u32>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum DefaultText {
    Allow,
    Deny,
    RequireApproval,
    Abstain,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum ActionText {
    Allow,
    Deny,
    RequireApproval,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum RiskText {
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    name: String,
    tool: Option<String>,
    #[serde(default)]
    tools: Names,
    #[serde(default)]
    command_patterns: Vec<Pattern>,
    #[serde(default)]
    path_patterns: Vec<Pattern>,
    #[serde(rename = "match")]
    matches: Option<MatchText>,
    action: ActionText,
    reason: Option<String>,
    #[expect(dead_code, reason = "for readers of the file")]
    description: Option<String>,
    risk_level: Option<RiskText>,
    #[serde(default)]
    examples: ExamplesText,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ExamplesText {
    #[serde(default, rename = "match")]
    matching: Vec<String>,
    #[serde(default)]
    not_match: Vec<String>,
}

/// The structured `match`; every key given must hold.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct MatchText {
    #[serde(default)]
    pub program: Names,
    #[serde(default)]
    pub subcommand: Names,
    #[serde(default)]
    pub flags_any: Names,
    #[serde(default)]
    pub flags_all: Names,
    #[serde(default)]
    pub args_glob: Globs,
    #[serde(default)]
    pub redirects_to: Globs,
    #[serde(default)]
    pub pipes_into: Names,
    #[serde(default)]
    pub assigns: Names,
}

/// One name or a list of names.
#[derive(Default)]
pub(super) struct Names(pub Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Names;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }
            fn visit_str<E: de::Error>(self, one: &str) -> Result<Names, E> {
                Ok(Names(vec![one.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = list.next_element()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

/// Globs: `*` stays within a path segment, `**` does not.
#[derive(Default)]
pub(super) struct Globs(pub Vec<globset::GlobMatcher>);

impl<'de> Deserialize<'de> for Globs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Names::deserialize(deserializer)?;
        let compile = |text: &String| {
            let glob = globset::GlobBuilder::new(text).literal_separator(true).build();
            glob.map(|glob| glob.compile_matcher()).map_err(|error| de::Error::custom(format!("bad glob: {error}")))
        };
        names.0.iter().map(compile).collect::<Result<_, _>>().map(Self)
    }
}

/// A regex, compiled while it is read so that an error has its place.
struct Pattern(Regex);

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let regex = RegexBuilder::new(&text).size_limit(MAX_REGEX_BYTES).build();
        regex.map(Self).map_err(|error| {
            let error = error.to_string();
            de::Error::custom(format!("bad regex `{text}`: {}", error.lines().last().unwrap_or_default()))
        })
    }
}

/// Reads one file and checks its examples.
pub(super) fn read(source: &PolicySource<'_>) -> Result<File, PolicyError> {
    let refuse = |line: usize, column: usize, message: String| PolicyError { file: source.name.to_owned(), line, column, message };
    if source.text.len() > MAX_FILE_BYTES {
        return Err(refuse(1, 1, format!("a policy file has at most {MAX_FILE_BYTES} bytes, this one has {}", source.text.len())));
    }
    let text: FileText = serde_yaml_ng::from_str(source.text).map_err(|error| {
        let place = error.location();
        let (line, column) = place.map_or((1, 1), |place| (place.line(), place.column()));
        refuse(line, column, with_nearest(&error.to_string()))
    })?;
    if text.version != 1 {
        return Err(refuse(1, 1, format!("version {} is not known; write `version: 1`", text.version)));
    }
    let mut rules: Vec<Rule> = Vec::with_capacity(text.rules.len());
    for rule in text.rules {
        let (line, name) = (line_of_rule(source.text, &rule.name), rule.name.clone());
        let rule = build(&text.name, rule).map_err(|message| refuse(line, 1, format!("rule `{name}`: {message}")))?;
        if rules.iter().any(|other| other.id == rule.id) {
            return Err(refuse(line, 1, format!("rule `{name}`: another rule of this file has this name")));
        }
        rules.push(rule);
    }
    Ok(File { name: text.name, rules, default_action: text.settings.default_action.map(Into::into) })
}

fn build(policy: &str, text: RuleText) -> Result<Rule, String> {
    let mut tools = text.tools.0;
    tools.extend(text.tool);
    if tools.is_empty() {
        return Err("say which `tool` or `tools` it is about; `*` is every tool".to_owned());
    }
    let rule = Rule {
        id: format!("{policy}/{}", text.name),
        tools,
        command_patterns: text.command_patterns.into_iter().map(|pattern| pattern.0).collect(),
        path_patterns: text.path_patterns.into_iter().map(|pattern| pattern.0).collect(),
        matcher: text.matches.map(Matcher::from),
        action: match text.action {
            ActionText::Allow => RuleAction::Allow,
            ActionText::Deny => RuleAction::Deny,
            ActionText::RequireApproval => RuleAction::Ask,
        },
        reason: text.reason,
        risk: text.risk_level.map(|risk| match risk {
            RiskText::Low => Risk::Low,
            RiskText::Medium => Risk::Medium,
            RiskText::High => Risk::High,
            RiskText::Critical => Risk::Critical,
        }),
    };
    for example in &text.examples.matching {
        if !rule.matches_example(example) {
            return Err(format!("the example `{example}` under `match` does not match"));
        }
    }
    for example in &text.examples.not_match {
        if rule.matches_example(example) {
            return Err(format!("the example `{example}` under `not_match` matches"));
        }
    }
    Ok(rule)
}

impl From<DefaultText> for DefaultAction {
    fn from(text: DefaultText) -> Self {
        match text {
            DefaultText::Allow => Self::Allow,
            DefaultText::Deny => Self::Deny,
            DefaultText::RequireApproval => Self::RequireApproval,
            DefaultText::Abstain => Self::Abstain,
        }
    }
}

/// The line on which a rule is named; the file's first where it is written in an unusual way.
fn line_of_rule(text: &str, name: &str) -> usize {
    let names = |line: &str| {
        let line = line.trim_start().trim_start_matches("- ").trim_start();
        let value = line.strip_prefix("name:").map(|value| value.trim().trim_matches(['"', '\'']));
        value == Some(name)
    };
    text.lines().skip(1).position(names).map_or(1, |at| at + 2)
}

/// Adds the nearest of the names that serde says it expected.
fn with_nearest(message: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let Some(unknown) = names.next().filter(|_| message.contains("unknown ")) else { return message.to_owned() };
    let nearest = names.map(|name| (distance(unknown, name), name)).min();
    match nearest {
        Some((distance, name)) if distance <= 3 => format!("{message}; did you mean `{name}`?"),
        _ => message.to_owned(),
    }
}

/// Edits between two names.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = i;
        let mut previous = i + 1;
        for (cell, r) in row.iter_mut().skip(1).zip(&right) {
            let above = *cell;
            previous = (diagonal + usize::from(l != *r)).min(above + 1).min(previous + 1);
            diagonal = above;
            *cell = previous;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
