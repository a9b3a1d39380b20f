//! Agents' settings files: where they are, and Tollgate's hooks in them.
//!
//! [`known`] describes each agent, [`settings`] edits the JSON by such a description and knows no file, [`mod@file`]
//! reads and writes files and knows no hook, [`command`] is what a hook runs, [`mod@watch`] sees that they stay.

pub mod command;
pub mod file;
pub mod known;
pub mod settings;
pub mod watch;

use known::Agent;
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

/// The settings file of `agent` and `scope`: of the project that `cwd` is in, or of the user whose home `home` is;
/// `configured` is where the user keeps the agent's own folder, where that is elsewhere.
pub fn settings_path(
    agent: &Agent,
    scope: Scope,
    cwd: &Path,
    home: Option<&Path>,
    configured: Option<&Path>,
) -> Option<PathBuf> {
    let folder = match scope {
        Scope::Project => {
            let root = cwd.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(cwd);
            root.join(agent.folder)
        }
        // As the agent itself looks for it.
        Scope::User => configured.map(Path::to_owned).or_else(|| Some(home?.join(agent.folder)))?,
    };
    Some(folder.join(agent.file))
}
