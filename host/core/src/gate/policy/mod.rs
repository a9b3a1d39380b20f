//! Policy: the rules of all files, in order, and what they say of a call.
//!
//! Owns loading, merging and evaluating rules. Does no I/O: it is given texts. Knows nothing of guards,
//! sessions or people. docs/policy.md is the manual of what is read here.

mod cases;
mod cover;
mod error;
mod evaluate;
mod examples;
mod fields;
mod file;
mod files;
mod flags;
mod folders;
mod hosts;
mod index;
mod matcher;
mod ordered;
mod presets;
mod rule;
mod seen;
mod statements;
mod target;
mod trials;
mod variables;
mod view;
mod yaml;

#[cfg(test)]
mod tests;

pub use cases::{CaseResult, Cases};
pub use error::PolicyError;
pub use evaluate::{Action, RuleVerdict, Subject};
pub(super) use folders::Folders;
pub(super) use ordered::filled_in_order;
pub use rule::Risk;
pub use target::Target;
pub(super) use variables::{Filled, filled_in};
pub use view::{ExampleView, RuleView};

use error::At;
use index::Index;
use rule::Rule;
use std::collections::HashMap;
use std::time::Duration;

/// Most rules of all files together: each is tried on each command.
pub const MAX_RULES: usize = 2_000;
/// Most regexes and globs of all rules together: each compiles to as much as a megabyte.
pub const MAX_PATTERNS: usize = 5_000;
/// The largest policy file, in bytes.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;

/// One policy file's text, under the name that errors say.
#[derive(Debug, Clone, Copy)]
pub struct PolicySource<'a> {
    /// The file's name, or the preset's.
    pub name: &'a str,
    /// YAML.
    pub text: &'a str,
}

/// What a call gets that no rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DefaultAction {
    /// It is allowed.
    Allow,
    /// It is denied.
    Deny,
    /// Someone is asked.
    RequireApproval,
    /// The caller's own default holds.
    #[default]
    Abstain,
}

/// Rules of all files, in order.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    rules: Vec<Rule>,
    index: Index,
    default_action: DefaultAction,
    /// `name/default` of the file that set the default.
    default_name: String,
    approval_timeout: Option<Duration>,
}

impl Policy {
    /// Reads all files; their rules are tried in order, and the first file that sets a default sets it.
    ///
    /// # Errors
    /// The first problem of the first file that is no policy: bad YAML, an unknown key or action, a bad regex or
    /// glob, a rule whose examples do not hold, two rules of one name, or a bound exceeded.
    pub fn load<'a>(files: impl IntoIterator<Item = PolicySource<'a>>) -> Result<Self, PolicyError> {
        Self::compose(files, &[] as &[&str])
    }

    /// Reads all files and then the presets of these names: what files say comes first. The default, and every
    /// other setting, is the first file's that has it, else the last preset's. A preset's rules stand once,
    /// however many presets share them.
    ///
    /// # Errors
    /// As [`Policy::load`], and when there is no preset of a name.
    pub fn compose<'a>(
        files: impl IntoIterator<Item = PolicySource<'a>>,
        preset_names: &[impl AsRef<str>],
    ) -> Result<Self, PolicyError> {
        let mut building = Building::default();
        for file in files {
            let read = file::read(&file).map_err(PolicyError::first)?;
            building.settings(&read, false);
            building.add(&file, read)?;
        }
        let mut layered: Vec<&str> = Vec::new();
        for preset in preset_names {
            let preset = preset.as_ref();
            let layers = presets::layers(preset).ok_or_else(|| PolicyError::unknown_preset(preset))?;
            for layer in layers {
                let read = file::read(&layer).map_err(PolicyError::first)?;
                if layer.name == preset {
                    building.settings(&read, true);
                }
                if !layered.contains(&layer.name) {
                    layered.push(layer.name);
                    building.add(&layer, read)?;
                }
            }
        }
        Ok(building.done())
    }

    /// All problems of files that are to be loaded together, in order; empty when they may be.
    #[must_use]
    pub fn check<'a>(files: impl IntoIterator<Item = PolicySource<'a>>) -> Vec<PolicyError> {
        let mut building = Building::default();
        let mut problems = Vec::new();
        for file in files {
            match file::read(&file) {
                Ok(read) => problems.extend(building.add(&file, read).err()),
                Err(found) => problems.extend(found),
            }
        }
        problems
    }

    /// The preset of this name.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn preset(name: &str) -> Result<Self, PolicyError> {
        Self::compose([], &[name])
    }

    /// The names of the presets.
    pub fn preset_names() -> impl Iterator<Item = &'static str> {
        presets::names()
    }

    /// The same with every rule asked about every command.
    #[cfg(test)]
    pub(super) fn without_index(self) -> Self {
        Self { index: Index::none(&self.rules), ..self }
    }

    /// How many rules it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether it has no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What a call gets that no rule matches.
    #[must_use]
    pub fn default_action(&self) -> DefaultAction {
        self.default_action
    }

    /// How long a person has to answer when a call is asked about; none where no file says so.
    #[must_use]
    pub fn approval_timeout(&self) -> Option<Duration> {
        self.approval_timeout
    }
}

/// A policy as far as its files are read.
#[derive(Default)]
struct Building {
    policy: Policy,
    /// Where each rule's name was first given.
    names: HashMap<String, (String, usize)>,
    patterns: usize,
    /// A file has set them, and presets no longer do.
    default_set: bool,
    timeout_set: bool,
}

impl Building {
    /// Takes a file's settings: the first file's, else the last preset's.
    fn settings(&mut self, file: &file::File, preset: bool) {
        if let Some(default) = file.default_action
            && !self.default_set
        {
            self.default_set = !preset;
            self.policy.default_action = default;
            self.policy.default_name = format!("{}/default", file.name);
        }
        if file.approval_timeout.is_some() && !self.timeout_set {
            self.timeout_set = !preset;
            self.policy.approval_timeout = file.approval_timeout;
        }
    }

    fn add(&mut self, source: &PolicySource<'_>, file: file::File) -> Result<(), PolicyError> {
        for rule in file.rules {
            let refuse = |message: String| Err(PolicyError::at(source.name, rule.at, message));
            // Grants and approvals are given to a rule by its name: it must be one rule's alone.
            if let Some((other, line)) = self.names.get(&rule.id) {
                return refuse(format!(
                    "rule `{}`: {other}:{line} has a rule of this name; name the policy otherwise",
                    rule.id
                ));
            }
            self.names.insert(rule.id.clone(), (source.name.to_owned(), rule.at.line));
            self.patterns += rule.patterns();
            if self.policy.rules.len() >= MAX_RULES {
                return refuse(format!("all policy files together have more than {MAX_RULES} rules"));
            }
            if self.patterns > MAX_PATTERNS {
                return refuse(format!("all rules together have more than {MAX_PATTERNS} patterns and globs"));
            }
            self.policy.rules.push(rule);
        }
        Ok(())
    }

    fn done(mut self) -> Policy {
        if self.policy.default_name.is_empty() {
            self.policy.default_name = "default".to_owned();
        }
        self.policy.index = Index::of(&self.policy.rules);
        self.policy
    }
}
