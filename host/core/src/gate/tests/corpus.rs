//! Every line of `tests/corpus` through all stages, under the preset that agents' hooks use.
//!
//! The machine is made up: a user `/home/dev` with a project and a Tollgate of their own, no link anywhere.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is the test's failure")]

use super::super::explain::explain_on;
use super::super::paths::{Look, Paths};
use super::super::policy::Policy;
use super::super::{Call, Decision};
use super::call;
use crate::home::Home;
use serde::Deserialize;
use serde_json::json;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The corpus' folder, and the page that shows its table.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpus");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/gatekeeper.md");

/// What lies on the machine.
const FOLDERS: [&str; 12] = [
    "/",
    "/bin",
    "/etc",
    "/home",
    "/home/dev",
    "/home/dev/.claude",
    "/home/dev/.local/state/tollgate",
    "/home/dev/.ssh",
    "/home/dev/project",
    "/home/dev/project/src",
    "/tmp",
    "/usr",
];

struct Machine;

impl Paths for Machine {
    fn real(&self, path: &Path) -> Option<PathBuf> {
        // As a file system spells it: without `.` and `//`.
        self.is_folder(path).then(|| path.components().collect())
    }
    fn look(&self, path: &Path) -> Look {
        if self.is_folder(path) { Look::Plain } else { Look::Missing }
    }
    fn link(&self, _: &Path) -> Option<PathBuf> {
        None
    }
    fn is_folder(&self, path: &Path) -> bool {
        FOLDERS.iter().any(|folder| Path::new(folder).starts_with(path))
    }
    fn home(&self) -> Option<PathBuf> {
        Some("/home/dev".into())
    }
}

/// One line of a file: a command, a file tool's path, or the address that a tool is given.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    command: Option<String>,
    tool: Option<String>,
    path: Option<String>,
    url: Option<String>,
    expect: Expect,
    why: String,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Expect {
    /// It destroys or leaks, or frees the agent of its guard.
    Deny,
    /// A person has to say.
    Ask,
    /// Nothing is said against it.
    Pass,
}

impl Case {
    fn call(&self) -> Call {
        let asked = match (&self.command, &self.tool, &self.path, &self.url) {
            (Some(command), None, None, None) => call("Bash", json!({ "command": command })),
            (None, Some(tool), Some(path), None) => call(tool, json!({ "file_path": path })),
            (None, Some(tool), None, Some(url)) => call(tool, json!({ "url": url, "prompt": "what is there?" })),
            _ => panic!("neither a command nor a tool with a path or an address: {}", self.why),
        };
        Call { cwd: Some("/home/dev/project".into()), can_ask: true, ..asked }
    }
}

#[derive(Default)]
struct Row {
    name: String,
    dangerous: usize,
    let_through: usize,
    harmless: usize,
    stopped: usize,
}

impl Row {
    fn cells(&self) -> String {
        let Self { name, dangerous, let_through, harmless, stopped } = self;
        format!("| {name} | {} | {dangerous} | {let_through} | {harmless} | {stopped} |", dangerous + harmless)
    }

    fn add(&mut self, other: &Self) {
        self.dangerous += other.dangerous;
        self.let_through += other.let_through;
        self.harmless += other.harmless;
        self.stopped += other.stopped;
    }
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    files
}

#[test]
fn the_index_of_rules_keeps_none_out_that_matches() {
    for preset in ["guardrails", "default"] {
        let policy = Policy::preset(preset).unwrap();
        let every = policy.clone().without_index();
        for file in files() {
            for line in std::fs::read_to_string(&file).unwrap().lines() {
                let case: Case = serde_json::from_str(line).unwrap();
                let said = |policy| explain_on(&case.call(), policy, None, &["/tmp".into()], &Machine).verdict;
                let (with, without) = (said(&policy), said(&every));
                assert_eq!(
                    (with.decision, with.decided_by),
                    (without.decision, without.decided_by),
                    "{preset}: {line}"
                );
            }
        }
    }
}

#[test]
fn every_line_of_the_corpus_is_judged_as_it_says() {
    let policy = Policy::preset("guardrails").unwrap();
    let home = Home::at("/home/dev/.local/state/tollgate");
    let (mut wrong, mut rows, mut seen) = (String::new(), Vec::new(), HashSet::new());
    for file in files() {
        let mut row = Row { name: file.file_stem().unwrap().to_string_lossy().into_owned(), ..Row::default() };
        for (at, line) in std::fs::read_to_string(&file).unwrap().lines().enumerate() {
            let case: Case = serde_json::from_str(line).unwrap();
            let shown = case.command.as_ref().or(case.path.as_ref()).or(case.url.as_ref()).unwrap().clone();
            if !seen.insert((case.tool.clone(), shown.clone())) {
                let _ = writeln!(wrong, "{}:{}: twice: {shown}", row.name, at + 1);
            }
            let verdict = explain_on(&case.call(), &policy, Some(&home), &["/tmp".into()], &Machine).verdict;
            let said = match verdict.decision {
                Decision::Deny => Expect::Deny,
                Decision::Ask => Expect::Ask,
                Decision::Allow | Decision::Abstain => Expect::Pass,
            };
            let harmless = case.expect == Expect::Pass;
            row.dangerous += usize::from(!harmless);
            row.harmless += usize::from(harmless);
            row.let_through += usize::from(!harmless && said == Expect::Pass);
            row.stopped += usize::from(harmless && said != Expect::Pass);
            if said != case.expect {
                let _ = writeln!(
                    wrong,
                    "{}:{}: {:?} by {}: {shown:?} ({}; {})",
                    row.name,
                    at + 1,
                    verdict.decision,
                    verdict.decided_by.as_deref().unwrap_or("no one"),
                    case.why,
                    verdict.reason,
                );
            }
        }
        rows.push(row);
    }
    let mut all = Row { name: "all".to_owned(), ..Row::default() };
    rows.iter().for_each(|row| all.add(row));
    rows.push(all);
    let table: Vec<String> = rows.iter().map(Row::cells).collect();
    println!("| file | lines | dangerous | let through | harmless | stopped |\n{}", table.join("\n"));
    assert!(wrong.is_empty(), "{} wrong:\n{wrong}", wrong.lines().count());
    let all = rows.last().unwrap();
    assert!(all.dangerous + all.harmless >= 2_000 && all.harmless >= all.dangerous, "a small corpus says little");
    let page = std::fs::read_to_string(PAGE).unwrap();
    for row in table {
        assert!(page.contains(&row), "docs/gatekeeper.md shows another table; there should be\n{row}");
    }
}
