//! Agents' settings files: where they are, and Tollgate's hooks in them.
//!
//! Claude Code's for now. The shapes are those of its settings reference; [`settings`] edits the JSON and knows no
//! file, [`mod@file`] reads and writes files and knows no hook.

pub mod file;
pub mod settings;

use std::path::{Path, PathBuf};

/// Whose settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A project's, for whoever works in it.
    Project,
    /// The user's, for every project.
    User,
}

impl Scope {
    /// Its name in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::User => "user",
        }
    }
}

/// Claude Code's settings file of `scope`: of the project that `cwd` is in, or of the user whose home `home` is.
pub fn claude_settings(scope: Scope, cwd: &Path, home: Option<&Path>, configured: Option<&Path>) -> Option<PathBuf> {
    let folder = match scope {
        Scope::Project => {
            let root = cwd.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(cwd);
            root.join(".claude")
        }
        // As Claude Code itself looks for it.
        Scope::User => configured.map(Path::to_owned).or_else(|| Some(home?.join(".claude")))?,
    };
    Some(folder.join("settings.json"))
}
