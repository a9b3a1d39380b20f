//! Which rules may be about a command at all: most are about another program, or look for text that is not there.
//!
//! Owns nothing of what a rule means: a rule that is kept out here would not have matched, and one that is let
//! through is asked itself. Trying each pattern of each rule on each command would take most of a verdict's time.

use super::files::Quick;
use super::matcher::Matcher;
use super::rule::Rule;
use super::seen::Seen;
use regex::{RegexSet, RegexSetBuilder};
use std::cell::LazyCell;
use std::collections::HashMap;

/// The largest program of command patterns that are looked for together, in bytes, built once per policy: several times
/// what the presets' take. Rules with more than that are all tried.
const MAX_SET_BYTES: usize = 32 * 1_024 * 1_024;
/// What one search remembers for the next at most, in bytes; it is held as many times as calls are judged at once.
/// Lines of one session stay below. Where they do not it is emptied, and where that is often the search goes another way:
/// with a quarter of this the presets' patterns took eight times as long.
const MAX_CACHE_BYTES: usize = 16 * 1_024 * 1_024;

/// The rules of a policy by what a command must be for them. Rules are named by their position; every list of them is
/// in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    /// The rules that are about any program, or tell by more than its name, and look for no pattern.
    any: Vec<usize>,
    /// By a program's name: the rules that are about it and few others.
    named: HashMap<String, Vec<usize>>,
    /// The rules of `any` and `named` one of whose patterns has to be there.
    patterned: Patterned,
    /// The files that all rules name which are about files that are read.
    files: Quick,
    /// Of each rule: whether it is one of those.
    reads: Vec<bool>,
}

/// The rules that look for text in a command.
#[derive(Debug, Clone, Default)]
struct Patterned {
    sets: Vec<PatternSet>,
    /// Of each rule: the programs that it is about, where a name tells.
    programs: HashMap<usize, Vec<String>>,
}

/// Patterns that are looked for at once.
#[derive(Debug, Clone)]
struct PatternSet {
    patterns: RegexSet,
    /// The rule that each of the patterns is of.
    rules: Vec<usize>,
}

impl Index {
    pub fn of(rules: &[Rule]) -> Self {
        let mut index = Self { patterned: Patterned::of(rules), ..Self::default() };
        let is_patterned = |rule: &Rule| !index.patterned.sets.is_empty() && !rule.command_patterns.is_empty();
        for (at, rule) in rules.iter().enumerate().filter(|(_, rule)| !is_patterned(rule)) {
            match programs_of(rule) {
                Some(names) => names.for_each(|name| index.named.entry(name.to_owned()).or_default().push(at)),
                None => index.any.push(at),
            }
        }
        let lists = || rules.iter().filter_map(|rule| rule.matcher.as_ref()).flat_map(Matcher::files);
        index.files = Quick::of(lists());
        index.reads = rules.iter().map(|rule| rule.matcher.as_ref().is_some_and(Matcher::is_about_files)).collect();
        index
    }

    /// An index that lets every rule through.
    #[cfg(test)]
    pub fn none(rules: &[Rule]) -> Self {
        Self { any: (0..rules.len()).collect(), ..Self::default() }
    }

    /// The rules that may match one of `seen`, in order.
    pub fn candidates(&self, seen: &[&Seen<'_>]) -> Vec<usize> {
        let mut found = Vec::new();
        for seen in seen {
            let may_read = LazyCell::new(|| self.files.may_be_read(seen));
            let is_about = |at: &&usize| self.reads.get(**at) != Some(&true) || *may_read;
            let of_program = self.named.get(seen.command.name()).into_iter().flatten();
            found.extend(self.any.iter().chain(of_program).filter(is_about));
            self.patterned.find(seen, &mut found);
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

impl Patterned {
    /// None of them where they are too many to be looked for at once.
    fn of(rules: &[Rule]) -> Self {
        let all =
            rules.iter().enumerate().flat_map(|(at, rule)| rule.command_patterns.iter().map(move |one| (at, one)));
        // Apart, because those that begin where the command does are given up after its first letters.
        let (anchored, free): (Vec<_>, Vec<_>) = all.partition(|(_, pattern)| is_anchored(pattern.as_str()));
        let sets = [anchored, free].into_iter().filter(|patterns| !patterns.is_empty()).map(|patterns| {
            let texts = patterns.iter().map(|(_, pattern)| pattern.as_str());
            let set = RegexSetBuilder::new(texts).size_limit(MAX_SET_BYTES).dfa_size_limit(MAX_CACHE_BYTES).build();
            set.map(|set| PatternSet { patterns: set, rules: patterns.iter().map(|(at, _)| *at).collect() })
        });
        // Each was compiled by itself when its file was read: here they can only be too many.
        let Ok(sets) = sets.collect::<Result<Vec<_>, _>>() else { return Self::default() };
        let named = |(at, rule)| Some((at, programs_of(rule)?.map(str::to_owned).collect()));
        Self { sets, programs: rules.iter().enumerate().filter_map(named).collect() }
    }

    fn find(&self, seen: &Seen<'_>, found: &mut Vec<usize>) {
        let name = seen.command.name();
        let is_about =
            |at: &usize| self.programs.get(at).is_none_or(|programs| programs.iter().any(|program| program == name));
        for set in &self.sets {
            let matched = set.patterns.matches(seen.rendered());
            found.extend(matched.iter().filter_map(|pattern| set.rules.get(pattern)).copied().filter(is_about));
        }
    }
}

/// Whether a pattern is tried where the text begins and nowhere else. Where it is not sure, it is not.
fn is_anchored(pattern: &str) -> bool {
    let pattern = pattern.strip_prefix("(?i)").unwrap_or(pattern);
    pattern.starts_with('^')
}

/// The names of which a command's program must have one for the rule.
fn programs_of(rule: &Rule) -> Option<impl Iterator<Item = &str>> {
    rule.matcher.as_ref().and_then(|matcher| matcher.program_names())
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
        assert!(Policy::compose([], &names).unwrap().index.patterned.sets.len() == 2);
    }

    #[test]
    fn a_policy_too_large_to_index_denies_as_any_other() {
        const MEBIBYTE: usize = 1_024 * 1_024;
        for (number, indexed) in [(4, true), (2 * MAX_SET_BYTES / MEBIBYTE, false)] {
            let policy = with_large(number);
            assert_eq!(!policy.index.patterned.sets.is_empty(), indexed, "{number}");
            assert_eq!(verdict(&policy, "rm x").action, Action::Deny);
            assert_eq!(verdict(&policy, &format!("echo x3{}", "a".repeat(20))).decided_by, "p/r3");
            assert_eq!(verdict(&policy, "ls x").decided_by, "default");
        }
    }
}
