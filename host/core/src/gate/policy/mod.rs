//! Policy: the rules of all files, in order, and what they say of a call.
//!
//! Owns loading, merging and evaluating rules. Does no I/O: it is given texts. Knows nothing of guards,
//! sessions or people.

mod evaluate;
mod file;
mod matcher;
mod rule;

#[cfg(test)]
mod tests;

pub(super) use evaluate::folders_from;
pub use evaluate::{Action, RuleVerdict, Subject};
pub use rule::Risk;

use rule::Rule;

/// The presets that the binary carries.
const PRESETS: [(&str, &str); 2] =
    [("guardrails", include_str!("presets/guardrails.yaml")), ("strict", include_str!("presets/strict.yaml"))];

/// Most rules of all files together: each is tried on each command.
pub const MAX_RULES: usize = 2_000;
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
    default_action: DefaultAction,
    /// `name/default` of the file that set the default.
    default_name: String,
}

/// Why a policy file is refused. The last good policy stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct PolicyError {
    /// The file's name, or the preset's.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong, naming the rule where there is one, and the mend.
    pub message: String,
}

impl Policy {
    /// Reads all sources; their rules are tried in order, and the first source that sets a default sets it.
    ///
    /// # Errors
    /// The first source that is no policy: bad YAML, an unknown key or action, a bad regex or glob, a rule
    /// whose examples do not hold, two rules of one name, or a bound exceeded.
    pub fn load<'a>(sources: impl IntoIterator<Item = PolicySource<'a>>) -> Result<Self, PolicyError> {
        let mut policy = Self { default_name: "default".to_owned(), ..Self::default() };
        let mut default_set = false;
        for source in sources {
            let file = file::read(&source)?;
            policy.rules.extend(file.rules);
            if policy.rules.len() > MAX_RULES {
                let message = format!("all policy files together have more than {MAX_RULES} rules");
                return Err(PolicyError { file: source.name.to_owned(), line: 1, column: 1, message });
            }
            if let Some(default) = file.default_action
                && !default_set
            {
                default_set = true;
                policy.default_action = default;
                policy.default_name = format!("{}/default", file.name);
            }
        }
        Ok(policy)
    }

    /// The preset of this name.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn preset(name: &str) -> Result<Self, PolicyError> {
        Self::load([Self::preset_source(name)?])
    }

    /// The text of the preset of this name, to be loaded together with files.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn preset_source(name: &str) -> Result<PolicySource<'static>, PolicyError> {
        PRESETS.iter().find(|(preset, _)| *preset == name).map(|(name, text)| PolicySource { name, text }).ok_or_else(
            || {
                let names = PRESETS.map(|(name, _)| format!("`{name}`")).join(", ");
                let message = format!("there is no preset `{name}`; there are {names}");
                PolicyError { file: name.to_owned(), line: 1, column: 1, message }
            },
        )
    }

    /// The names of the presets.
    pub fn preset_names() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|(name, _)| *name)
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
}
