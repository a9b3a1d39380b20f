//! What takes back the rules of a file that stop: a trial that changes nothing, a call for help.
//!
//! Owns its reading from a file's settings. A doubt is no trial.

use super::fields::{Fields, Problems};
use super::flags::{self, Reading};
use super::matcher::Matcher;
use super::seen::Seen;
use super::yaml::Node;

/// The keys of one entry.
const KEYS: [&str; 3] = ["match", "flags_any", "flags_plain"];

/// One way in which programs are only tried, or asked for help.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    matcher: Matcher,
    /// The flags that make it one; none where the subcommand alone does.
    flags: Vec<String>,
    /// Flags of these programs that take no value, so that what stands behind them is not theirs.
    plain: Vec<String>,
}

impl Trial {
    pub fn read(node: &Node, problems: &mut Problems<'_>) -> Option<Self> {
        let fields = Fields::of(node, "a trial", &KEYS, problems)?;
        let Some(matcher) = fields.get("match") else {
            problems.at(node.at, "a trial needs a `match` that names its programs");
            return None;
        };
        let read = Matcher::read(matcher, problems)?;
        if !read.names_programs() {
            problems.at(
                matcher.at,
                "a trial's `match` names its programs: a flag says nothing of those that it does not know",
            );
            return None;
        }
        Some(Self {
            matcher: read,
            flags: super::matcher::flags(&fields, "flags_any", problems),
            plain: super::matcher::flags(&fields, "flags_plain", problems),
        })
    }

    /// Whether the command is certainly one. Where a flag makes it one, the words in front of that are read as widely as
    /// those of the rule that it takes back.
    pub fn holds(&self, seen: &Seen<'_>) -> bool {
        let reading = if self.flags.is_empty() { Reading::Narrow } else { Reading::Wide };
        self.matcher.matches(seen, reading)
            && (self.flags.is_empty() || flags::has_for_certain(seen.command, &self.flags, &self.plain))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::super::tests::verdict;
    use super::super::{Action, Policy, PolicySource};

    fn load(trials: &str) -> Result<Policy, String> {
        let text = format!(
            "version: 1\nname: p\nsettings:\n  trials:\n  - {trials}\nrules:\n\
             - {{name: drop, tool: Bash, match: {{program: x}}, action: deny}}\n\
             - {{name: to, tool: Bash, match: {{program: y, redirects_to: ['/etc/*']}}, action: deny}}\n\
             - {{name: see, tool: Bash, match: {{program: z}}, action: allow}}\n"
        );
        Policy::load([PolicySource { name: "test.yaml", text: &text }]).map_err(|error| error.to_string())
    }

    #[test]
    fn a_trial_takes_back_what_stops_and_nothing_around_it() {
        let policy = load("{match: {program: [x, y, z]}, flags_any: [--dry-run], flags_plain: [--force]}").unwrap();
        for (line, action) in [
            ("x --dry-run", Action::Abstain),
            ("x --force --dry-run", Action::Abstain),
            ("x --other --dry-run", Action::Deny),
            ("x --dry-run; x", Action::Deny),
            ("y --dry-run > /etc/x", Action::Deny),
            ("z --dry-run", Action::Allow),
            ("x", Action::Deny),
        ] {
            assert_eq!(verdict(&policy, line).action, action, "{line}");
        }
        let policy = load("{match: {program: x, subcommand: ['* help']}}").unwrap();
        assert_eq!(verdict(&policy, "x a help").action, Action::Abstain);
        assert_eq!(verdict(&policy, "x --b a help").action, Action::Deny);
    }

    #[test]
    fn a_trial_names_its_programs() {
        for (entry, problem) in [
            ("{flags_any: [-n]}", "a trial needs a `match`"),
            ("{match: {subcommand: push}, flags_any: [-n]}", "names its programs"),
            ("{match: {program: x}, flags: [-n]}", "a trial has no key `flags`"),
            ("{match: {program: x}, flags_any: [n]}", "`n` is no flag"),
            ("dry", "a trial must be a table"),
        ] {
            let said = load(entry).unwrap_err();
            assert!(said.contains(problem), "{entry}: {said}");
        }
    }
}
