//! A real repository, made by the machine's own git without anybody's settings.

use super::{Home, stderr, stdout};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A repository with a branch `feature`, and `main` checked out.
pub struct Repository(PathBuf);

impl Repository {
    /// In the workspace of `home`; each file as it is in the base, in `main` and in `feature`.
    pub fn new(home: &Home, files: &[(&str, [&str; 3])]) -> Self {
        let repository = Self(home.workspace());
        repository.git(&["init", "-q", "-b", "main"]);
        // The repository's own: a merge without an identity is refused by git, and the daemon has no user's settings.
        for (key, value) in [("user.name", "Ann"), ("user.email", "ann@example.org")] {
            repository.git(&["config", key, value]);
        }
        for (at, branch) in ["base", "main", "feature"].into_iter().enumerate() {
            match branch {
                "feature" => repository.git(&["checkout", "-q", "-b", branch, "main~1"]),
                _ => String::new(),
            };
            for (path, texts) in files {
                fs::write(repository.0.join(path), texts[at]).expect("a file");
            }
            repository.git(&["add", "-A"]);
            repository.git(&["commit", "-q", "-m", branch]);
        }
        repository.git(&["checkout", "-q", "main"]);
        repository
    }

    /// Runs git in it, which must succeed; what it says.
    pub fn git(&self, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", &self.0);
        git.envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")]);
        let output = git.args(arguments).current_dir(&self.0).output().expect("git runs");
        assert!(output.status.success(), "git {arguments:?}: {}", stderr(&output));
        stdout(&output)
    }

    /// A file's text.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.join(path)).expect("a file")
    }
}
