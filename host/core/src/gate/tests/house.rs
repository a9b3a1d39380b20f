//! A real folder with everything the stages look at, asked through `explain`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is the test's failure")]

use super::super::explain::explain_on;
use super::super::paths::{Look, Paths};
use super::super::policy::Policy;
use super::super::{Call, Cause, Decision, SystemPaths};
use super::call;
use crate::home::Home;
use serde_json::{Value, json};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The machine's file system with a home of its own.
pub(super) struct Housed(pub PathBuf);
impl Paths for Housed {
    fn real(&self, path: &Path) -> Option<PathBuf> {
        SystemPaths.real(path)
    }
    fn look(&self, path: &Path) -> Look {
        SystemPaths.look(path)
    }
    fn link(&self, path: &Path) -> Option<PathBuf> {
        SystemPaths.link(path)
    }
    fn is_folder(&self, path: &Path) -> bool {
        SystemPaths.is_folder(path)
    }
    fn home(&self) -> Option<PathBuf> {
        Some(self.0.clone())
    }
}

/// `house/{project,project2,outside,extra,tollgate,home}`.
pub(super) struct House {
    _folder: tempfile::TempDir,
    pub root: PathBuf,
}

impl House {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["project/src", "project2", "outside", "extra", "home/tollgate/run", "home/.claude"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        std::fs::write(root.join("home/tollgate/token"), "t").unwrap();
        std::fs::write(root.join("home/tollgate/approver-token"), "t").unwrap();
        symlink(root.join("outside"), root.join("project/out")).unwrap();
        symlink(root.join("nowhere"), root.join("project/dangling")).unwrap();
        symlink(root.join("project/src"), root.join("project/in")).unwrap();
        symlink(root.join("home/tollgate"), root.join("project/gate")).unwrap();
        Self { _folder: folder, root }
    }

    pub fn explain(&self, call: Call) -> super::super::Verdict {
        let call = Call { cwd: Some(self.root.join("project")), ..call };
        let home = Home::at(self.root.join("home/tollgate"));
        static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::preset("guardrails").unwrap_or_default());
        explain_on(&call, &POLICY, Some(&home), &[self.root.join("extra")], &Housed(self.root.join("home"))).verdict
    }

    /// The path of something in it, as text.
    pub fn at(&self, path: &str) -> String {
        self.root.join(path).to_str().unwrap().to_owned()
    }

    /// Denied for that cause, or abstained from.
    pub fn check(&self, tool: &str, input: Value, expected: Option<Cause>) {
        if let Some(said) = self.unexpected(tool, input, expected) {
            panic!("{said}");
        }
    }

    /// What is said of a call where that is not what is expected.
    fn unexpected(&self, tool: &str, input: Value, expected: Option<Cause>) -> Option<String> {
        let shown = format!("{tool} {input}");
        let verdict = self.explain(call(tool, input));
        let decision = if expected.is_some() { Decision::Deny } else { Decision::Abstain };
        let right = verdict.cause == expected && verdict.decision == decision;
        (!right).then(|| format!("{shown}: {:?} for {:?}, {}", verdict.decision, verdict.cause, verdict.reason))
    }

    /// The same of each line, in which `ROOT` is the folder.
    pub fn shells(&self, lines: &[&str], expected: Option<Cause>) {
        let said: Vec<String> = lines.iter().filter_map(|line| self.said(line, expected)).collect();
        assert!(said.is_empty(), "expected {expected:?}:\n{}", said.join("\n"));
    }

    fn said(&self, line: &str, expected: Option<Cause>) -> Option<String> {
        self.unexpected("Bash", json!({ "command": line.replace("ROOT", &self.at("")) }), expected)
    }

    /// The same of one.
    pub fn shell(&self, line: &str, expected: Option<Cause>) {
        self.shells(&[line], expected);
    }
}
