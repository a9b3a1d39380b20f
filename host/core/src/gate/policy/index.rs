//! Which rules may be about a command at all: most are about another program, or look for text that is not there.
//!
//! Owns nothing of what a rule means: a rule that is kept out here would not have matched, and one that is let
//! through is asked itself. Trying each pattern of each rule on each command would take most of a verdict's time.

use super::rule::Rule;
use super::seen::Seen;
use regex::{RegexSet, RegexSetBuilder};
use std::collections::HashMap;

/// The largest program of all command patterns together, in bytes, built once per policy: several times what the
/// presets' take. Rules with more than that are all tried.
const MAX_SET_BYTES: usize = 32 * 1_024 * 1_024;
/// What one search remembers for the next at most, in bytes; it is held as many times as calls are judged at once.
/// Lines of one session stay below. Where they do not it is emptied, and where that is often the search goes another way:
/// with a quarter of this the presets' patterns took eight times as long.
const MAX_CACHE_BYTES: usize = 16 * 1_024 * 1_024;

/// The rules of a policy by what a command must be for them. Rules are named by their position.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    /// By a program's name: the rules that are about it and few others.
    named: HashMap<String, Vec<usize>>,
    /// The rules that are about any program, or tell by more than its name.
    any: Vec<usize>,
    /// The command patterns of all rules; none where they are too many to be looked for at once.
    patterns: Option<RegexSet>,
    /// The rule that each of the patterns is of.
    rules: Vec<usize>,
    /// Of each rule: whether one of its patterns has to be there.
    needs_pattern: Vec<bool>,
}

impl Index {
    pub fn of(rules: &[Rule]) -> Self {
        let mut index = Self::default();
        let mut texts = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            match rule.matcher.as_ref().and_then(|matcher| matcher.program_names()) {
                Some(names) => names.for_each(|name| index.named.entry(name.to_owned()).or_default().push(at)),
                None => index.any.push(at),
            }
            index.needs_pattern.push(!rule.command_patterns.is_empty());
            texts.extend(rule.command_patterns.iter().map(|pattern| pattern.as_str()));
            index.rules.resize(texts.len(), at);
        }
        let set = RegexSetBuilder::new(texts).size_limit(MAX_SET_BYTES).dfa_size_limit(MAX_CACHE_BYTES).build();
        // Each was compiled by itself when its file was read: here they can only be too many.
        index.patterns = set.ok();
        index
    }

    /// An index that lets every rule through.
    #[cfg(test)]
    pub fn none(rules: &[Rule]) -> Self {
        Self { any: (0..rules.len()).collect(), needs_pattern: vec![false; rules.len()], ..Self::default() }
    }

    /// The rules that may match one of `seen`, in order.
    pub fn candidates(&self, seen: &[&Seen<'_>]) -> Vec<usize> {
        let mut found = Vec::new();
        for seen in seen {
            let of_program = self.named.get(seen.command.name()).into_iter().flatten();
            let about: Vec<usize> = self.any.iter().chain(of_program).copied().collect();
            let matched = self.patterns.as_ref().map(|patterns| patterns.matches(seen.rendered()));
            let mut has_pattern = vec![matched.is_none(); self.needs_pattern.len()];
            for pattern in matched.iter().flatten() {
                let rule = self.rules.get(pattern).and_then(|rule| has_pattern.get_mut(*rule));
                rule.into_iter().for_each(|rule| *rule = true);
            }
            let holds = |at: &usize| has_pattern.get(*at) == Some(&true) || self.needs_pattern.get(*at) == Some(&false);
            found.extend(about.into_iter().filter(holds));
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::super::tests::verdict;
    use super::super::{Action, Policy, PolicySource};
    use super::MAX_SET_BYTES;
    use std::fmt::Write as _;

    /// A policy with so many patterns of more than half a megabyte each, and one that denies.
    fn with_large(number: usize) -> Policy {
        let mut text = "version: 1\nname: p\nrules:\n".to_owned();
        for at in 0..number {
            let pattern = format!("x{at}\\w{{20}}");
            let _ = writeln!(text, "- {{name: r{at}, tool: Bash, command_patterns: ['{pattern}'], action: deny}}");
        }
        text.push_str("- {name: no, tool: Bash, command_patterns: ['^rm '], action: deny}\n");
        Policy::load([PolicySource { name: "test.yaml", text: &text }]).unwrap()
    }

    #[test]
    fn the_presets_are_not_too_large_to_index() {
        let names: Vec<&str> = Policy::preset_names().collect();
        assert!(Policy::compose([], &names).unwrap().index.patterns.is_some());
    }

    #[test]
    fn a_policy_too_large_to_index_denies_as_any_other() {
        const MEBIBYTE: usize = 1_024 * 1_024;
        for (number, indexed) in [(4, true), (2 * MAX_SET_BYTES / MEBIBYTE, false)] {
            let policy = with_large(number);
            assert_eq!(policy.index.patterns.is_some(), indexed, "{number}");
            assert_eq!(verdict(&policy, "rm x").action, Action::Deny);
            assert_eq!(verdict(&policy, &format!("echo x3{}", "a".repeat(20))).decided_by, "p/r3");
            assert_eq!(verdict(&policy, "ls x").decided_by, "default");
        }
    }
}
