//! Where a scene plays: folders of its own, with a repository in which calls leave traces that can be looked at.

use crate::agents::Folders;
use crate::process::{Running, isolated};
use anyhow::{Context as _, Result};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// How long a git command may take.
const GIT: Duration = Duration::from_secs(30);
/// What the committed file holds in its commit, and what since.
const COMMITTED: &str = "committed\n";
const CHANGED: &str = "changed since\n";

/// What `guardrails` denies, and here touches nothing but a folder made for it. Without `-f`, which Codex refuses.
pub const DENIED: &str = "rm -r canary/.git";
/// What `guardrails` asks a person about, and here discards one line made for it.
pub const ASKED: &str = "git reset --hard";
/// What it has no opinion of.
pub const ALLOWED: &str = "echo allowed > allowed.txt";
/// The same, and it takes every file away that is in no commit, the project's hooks among them. An agent that reads
/// its settings again takes its time, and shows nobody that it has: hence the pause.
pub const STASHED: &str = "git stash push --quiet --include-untracked && sleep 6";
/// What it has no opinion of, for when there is no daemon.
pub const UNHEARD: &str = "echo unheard > unheard.txt";

/// The folders; they go when it is dropped.
#[derive(Debug)]
pub struct Stage {
    folders: Folders,
    _root: tempfile::TempDir,
}

impl Stage {
    /// Makes the folders, and the repository. With `keep` they stay.
    ///
    /// # Errors
    /// When they cannot be written, or git fails.
    pub fn new(keep: bool) -> Result<Self> {
        let mut root = tempfile::Builder::new().prefix("tollgate-e2e-").tempdir()?;
        root.disable_cleanup(keep);
        let path = root.path().canonicalize()?;
        let folders = Folders { home: path.join("home"), project: path.join("project"), root: path };
        fs::create_dir(&folders.home)?;
        fs::create_dir(&folders.project)?;
        let stage = Self { folders, _root: root };
        fs::write(stage.committed(), COMMITTED)?;
        stage.git(&["init", "--quiet"])?;
        stage.git(&["config", "user.name", "nobody"])?;
        stage.git(&["config", "user.email", "nobody@localhost"])?;
        // What git ignores it leaves where it is.
        fs::write(stage.folders.project.join(".git/info/exclude"), "/canary/\n")?;
        stage.git(&["add", "committed.txt"])?;
        stage.git(&["commit", "--quiet", "-m", "one file"])?;
        stage.reset()?;
        Ok(stage)
    }

    /// Where everything is.
    pub fn folders(&self) -> &Folders {
        &self.folders
    }

    /// Puts back what the calls leave traces in.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn reset(&self) -> Result<()> {
        fs::create_dir_all(self.canary())?;
        fs::write(self.canary().join("file"), "alive\n")?;
        fs::write(self.committed(), CHANGED)?;
        Ok(())
    }

    fn canary(&self) -> PathBuf {
        self.folders.project.join("canary/.git")
    }

    fn committed(&self) -> PathBuf {
        self.folders.project.join("committed.txt")
    }

    /// Whether [`DENIED`] has run.
    pub fn denied_ran(&self) -> bool {
        !self.canary().join("file").exists()
    }

    /// Whether [`ASKED`] has run.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn asked_ran(&self) -> Result<bool> {
        let path = self.committed();
        Ok(fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))? != CHANGED)
    }

    /// Whether [`ALLOWED`] has run.
    pub fn allowed_ran(&self) -> bool {
        self.folders.project.join("allowed.txt").exists()
    }

    /// Whether [`UNHEARD`] has run.
    pub fn unheard_ran(&self) -> bool {
        self.folders.project.join("unheard.txt").exists()
    }

    /// Brings back what [`STASHED`] took.
    ///
    /// # Errors
    /// When git has nothing to bring back.
    pub fn unstash(&self) -> Result<()> {
        self.git(&["stash", "pop", "--quiet"])
    }

    /// A file for the output of what is called `name`.
    pub fn log(&self, name: &str) -> PathBuf {
        self.folders.root.join(format!("{name}.log"))
    }

    fn git(&self, arguments: &[&str]) -> Result<()> {
        let mut git = isolated("git", &self.folders.home, &self.folders.project);
        git.env("GIT_CONFIG_NOSYSTEM", "1").args(arguments);
        Running::start("git", &mut git, &self.log("git"))?.succeed(GIT)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::process::Command;

    fn run(stage: &Stage, line: &str) {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", line]).current_dir(&stage.folders().project);
        Running::start("a shell", &mut shell, &stage.log("shell")).unwrap().succeed(GIT).unwrap();
    }

    #[test]
    fn every_call_leaves_the_trace_that_is_looked_for_and_no_other() {
        let stage = Stage::new(false).unwrap();
        let seen = || [stage.denied_ran(), stage.asked_ran().unwrap(), stage.allowed_ran(), stage.unheard_ran()];
        assert_eq!(seen(), [false; 4]);
        run(&stage, DENIED);
        assert_eq!(seen(), [true, false, false, false]);
        run(&stage, ASKED);
        assert_eq!(seen(), [true, true, false, false]);
        stage.reset().unwrap();
        assert_eq!(seen(), [false; 4]);
        run(&stage, ALLOWED);
        run(&stage, UNHEARD);
        assert_eq!(seen(), [false, false, true, true]);
    }

    #[test]
    fn nothing_stays_unless_it_is_to() {
        let root = |keep| Stage::new(keep).unwrap().folders().root.clone();
        assert!(!root(false).exists());
        let kept = root(true);
        assert!(kept.join("project/.git").exists());
        fs::remove_dir_all(kept).unwrap();
    }
}
