//! What was counted: for each history and each way, how its files ended. For people, as a table for a document, or for
//! programs.

use super::history::Merge;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::time::Duration;

/// How many reasons are shown.
const MAX_REASONS: usize = 30;

/// A way to merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// `git merge -X ignore-space-change`.
    IgnoreSpace,
    /// The merge resolver.
    Resolver,
    /// `mergiraf merge`.
    Mergiraf,
}

impl Way {
    /// Its name for people, and for files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IgnoreSpace => "git-ignore-space-change",
            Self::Resolver => "merge-resolver",
            Self::Mergiraf => "mergiraf",
        }
    }
}

/// How a file that conflicted ended, beside what people committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Resolved, to the letter.
    Equal,
    /// Resolved, with the same lines but for blanks, in another order.
    Reordered,
    /// Resolved, and different.
    Different,
    /// Still in conflict.
    Left,
}

/// How often each outcome came, and how long it took.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    counts: BTreeMap<Outcome, usize>,
    time: Duration,
}

impl Tally {
    fn of(&self, outcome: Outcome) -> usize {
        self.counts.get(&outcome).copied().unwrap_or(0)
    }

    fn add(&mut self, other: &Self) {
        for (outcome, count) in &other.counts {
            *self.counts.entry(*outcome).or_default() += count;
        }
        self.time += other.time;
    }

    fn to_json(&self) -> Value {
        json!({
            "equal": self.of(Outcome::Equal), "reordered": self.of(Outcome::Reordered),
            "different": self.of(Outcome::Different), "left": self.of(Outcome::Left),
            "ms": u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

/// One history.
#[derive(Debug, Default, Clone)]
pub struct History {
    /// Its name.
    pub name: String,
    /// How many merges were replayed.
    merges: usize,
    /// How many of them conflicted.
    conflicting: usize,
    /// How many different files did.
    files: usize,
    /// How many more conflicted, and could not be looked at.
    passed_over: usize,
    /// What the merge resolver left, by reason.
    pub reasons: BTreeMap<String, usize>,
    /// What the host measured of the merge resolver.
    pub measured: Value,
    ways: BTreeMap<Way, Tally>,
}

impl History {
    /// Nothing is counted yet.
    pub fn new(name: &str, merges: usize, conflicting: usize, files: usize) -> Self {
        Self { name: name.to_owned(), merges, conflicting, files, ..Self::default() }
    }

    /// Counts a merge out: some repositories lack objects.
    ///
    /// # Errors
    /// When that cannot be said.
    pub fn pass_over(&mut self, merge: &Merge, files: usize, why: &anyhow::Error) -> anyhow::Result<()> {
        self.leave_out(files, true);
        self.passed_over += 1;
        Ok(writeln!(std::io::stderr(), "\n{}: passed over {}: {why:#}", self.name, merge.commit)?)
    }

    /// Counts files out, and their merge with them where they are all that it had.
    pub fn leave_out(&mut self, files: usize, all: bool) {
        self.conflicting = self.conflicting.saturating_sub(usize::from(all));
        self.files = self.files.saturating_sub(files);
    }

    /// Counts a file.
    pub fn count(&mut self, way: Way, outcome: Outcome) {
        *self.ways.entry(way).or_default().counts.entry(outcome).or_default() += 1;
    }

    /// Adds what a way took for one merge.
    pub fn took(&mut self, way: Way, time: Duration) {
        self.ways.entry(way).or_default().time += time;
    }

    fn add(&mut self, other: &Self) {
        self.merges += other.merges;
        self.conflicting += other.conflicting;
        self.files += other.files;
        self.passed_over += other.passed_over;
        for (reason, count) in &other.reasons {
            *self.reasons.entry(reason.clone()).or_default() += count;
        }
        for (way, tally) in &other.ways {
            self.ways.entry(*way).or_default().add(tally);
        }
    }

    fn to_json(&self) -> Value {
        let ways: serde_json::Map<_, _> =
            self.ways.iter().map(|(way, tally)| (way.name().to_owned(), tally.to_json())).collect();
        json!({
            "history": self.name, "merges": self.merges, "conflicting": self.conflicting, "files": self.files, "passed_over": self.passed_over,
            "ways": ways, "reasons": self.reasons, "measured": self.measured,
        })
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Report {
    /// The versions of what was run, by name.
    pub versions: Vec<(&'static str, String)>,
    /// The histories.
    pub histories: Vec<History>,
}

impl Report {
    fn all(&self) -> History {
        let mut all = History::new("all", 0, 0, 0);
        self.histories.iter().for_each(|history| all.add(history));
        all
    }

    /// One JSON object, one line.
    pub fn to_json(&self) -> String {
        let versions: serde_json::Map<_, _> =
            self.versions.iter().map(|(name, version)| ((*name).to_owned(), json!(version))).collect();
        let histories: Vec<_> = self.histories.iter().map(History::to_json).collect();
        format!("{}\n", json!({"versions": versions, "histories": histories, "all": self.all().to_json()}))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.all();
        for (name, version) in &self.versions {
            writeln!(f, "{name} {version}")?;
        }
        writeln!(
            f,
            "\n| history | merges in conflict | files | by | equal | other order | different | left | resolved |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|")?;
        for history in self.histories.iter().chain([&all]) {
            let History { name, merges, conflicting, files, .. } = history;
            for (way, tally) in &history.ways {
                let of = |outcome| tally.of(outcome);
                let (left, by) = (of(Outcome::Left), way.name());
                let counts = [Outcome::Equal, Outcome::Reordered, Outcome::Different].map(of);
                let share = percent(files.saturating_sub(left), *files);
                let [equal, reordered, different] = counts;
                writeln!(
                    f,
                    "| {name} | {conflicting} of {merges} | {files} | {by} | {equal} | {reordered} | {different} | {left} | {share} |"
                )?;
            }
        }
        writeln!(f, "\nmerges in conflict that could not be looked at: {}", all.passed_over)?;
        writeln!(f, "\nleft by the merge resolver, by the first reason of each file:")?;
        let mut reasons: Vec<_> = all.reasons.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (reason, count) in reasons.into_iter().take(MAX_REASONS) {
            writeln!(f, "{count:6}  {reason}")?;
        }
        writeln!(f, "\ntime for a merge in conflict, in milliseconds:")?;
        for (way, tally) in &all.ways {
            let each = tally.time.as_millis() / u128::try_from(all.conflicting.max(1)).unwrap_or(1);
            writeln!(f, "{each:6}  {}", way.name())?;
        }
        Ok(())
    }
}

fn percent(part: usize, whole: usize) -> String {
    let tenths = (part * 1_000).checked_div(whole).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A reason without what differs from file to file.
pub fn reason(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(at, part)| if at % 2 == 1 { "`…`" } else { part });
    let plain: String = parts.collect();
    plain.chars().map(|it| if it.is_ascii_digit() { '#' } else { it }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_shown() {
        let mut history = History::new("a", 9, 2, 3);
        for outcome in [Outcome::Equal, Outcome::Left, Outcome::Left] {
            history.count(Way::Resolver, outcome);
        }
        history.took(Way::Resolver, Duration::from_millis(30));
        history.reasons.insert(reason("both sides changed `a.b`, 12 of 13"), 2);
        let report = Report { versions: vec![("git", "2".to_owned())], histories: vec![history.clone(), history] };
        let text = report.to_string();
        for line in [
            "git 2\n",
            "| a | 2 of 9 | 3 | merge-resolver | 1 | 0 | 0 | 2 | 33.3 % |\n",
            "| all | 4 of 18 | 6 | merge-resolver | 2 | 0 | 0 | 4 | 33.3 % |\n",
            "     4  both sides changed `…`, ## of ##\n",
            "    15  merge-resolver\n",
        ] {
            assert!(text.contains(line), "{line} is missing: {text}");
        }
        let json: Value = serde_json::from_str(&report.to_json()).unwrap_or_default();
        assert_eq!(json.pointer("/all/ways/merge-resolver/left"), Some(&json!(4)));
    }
}
