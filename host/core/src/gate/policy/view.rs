//! Rules as people look at them: what one says, where it stands, and what its examples come to.

use super::examples::{self, ExampleCall};
use super::rule::{Risk, Rule, RuleAction};
use super::{Action, Policy, RuleVerdict};

/// A rule, for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleView<'a> {
    /// `policy/rule`.
    pub id: &'a str,
    /// The file or the preset that it stands in.
    pub file: &'a str,
    /// Line of its name, from 1.
    pub line: usize,
    /// Column of its name, from 1.
    pub column: usize,
    /// `allow`, `deny` or `require_approval`.
    pub action: &'static str,
    /// How much its author fears what it is about.
    pub risk: Option<Risk>,
    /// What it tells the agent.
    pub reason: Option<&'a str>,
    /// What it tells readers of the file.
    pub description: Option<&'a str>,
}

/// An example of a rule, and what the whole policy says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExampleView<'a> {
    /// The rule's `policy/rule`.
    pub rule: &'a str,
    /// Line of the example, from 1.
    pub line: usize,
    /// The call, for a sentence.
    pub call: String,
    /// What the policy says.
    pub action: Action,
    /// Who decides it: another rule than its own where that one comes first, or is stricter.
    pub decided_by: String,
}

impl Rule {
    fn view(&self) -> RuleView<'_> {
        RuleView {
            id: &self.id,
            file: &self.file,
            line: self.at.line,
            column: self.at.column,
            action: match self.action {
                RuleAction::Allow => "allow",
                RuleAction::Ask => "require_approval",
                RuleAction::Deny => "deny",
            },
            risk: self.risk,
            reason: self.reason.as_deref(),
            description: self.description.as_deref(),
        }
    }
}

impl Action {
    /// As policy files write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Abstain => "abstain",
            Self::Ask => "require_approval",
            Self::Deny => "deny",
        }
    }
}

impl Policy {
    /// The rule at a position that [`RuleVerdict::rule`] says.
    #[must_use]
    pub fn rule(&self, position: usize) -> Option<RuleView<'_>> {
        self.rules.get(position).map(Rule::view)
    }

    /// All rules, in order.
    pub fn rules(&self) -> impl Iterator<Item = RuleView<'_>> {
        self.rules.iter().map(Rule::view)
    }

    /// How many examples each rule has that must match and that must not, in the order of the rules.
    pub fn example_counts(&self) -> impl Iterator<Item = (RuleView<'_>, usize, usize)> {
        self.rules.iter().map(|rule| {
            let matching = rule.examples.iter().filter(|example| example.expected).count();
            (rule.view(), matching, rule.examples.len() - matching)
        })
    }

    /// The examples that match their rule and are decided by another all the same.
    #[must_use]
    pub fn decided_elsewhere(&self) -> Vec<ExampleView<'_>> {
        let mut found = Vec::new();
        for rule in &self.rules {
            for example in rule.examples.iter().filter(|example| example.expected && !example.call.tool.is_empty()) {
                let verdict = self.judge(&example.call, examples::EXAMPLE_ROOT, &[examples::EXAMPLE_ROOT.to_owned()]);
                if verdict.decided_by != rule.id {
                    found.push(ExampleView {
                        rule: &rule.id,
                        line: example.at.line,
                        call: example.call.shown(),
                        action: verdict.action,
                        decided_by: verdict.decided_by,
                    });
                }
            }
        }
        found
    }

    /// What the rules say of a call as an example or a test writes it.
    pub(super) fn judge(&self, call: &ExampleCall, cwd: &str, roots: &[String]) -> RuleVerdict {
        examples::subject_of(call, cwd, roots, |subject| self.evaluate(subject))
    }
}
