//! Which suites a workspace has, from the files in it: a bounded walk over folders, and one look a language.
//! Knows files; starts nothing but the question whether nextest is there.

mod folder;
mod javascript;
mod others;
mod python;

use crate::framework::Framework;
use folder::Folder;
pub use folder::{is_skipped, place, safe_path};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use tollgate_sdk::process::{self, Exit};
use tollgate_sdk::workspace::{self, WorkspaceError};

/// Most suites of one request: their runs share its time.
pub const MAX_SUITES: usize = 8;
/// How deep below the start folders are looked at: a repository's packages lie one or two folders down.
pub const MAX_DEPTH: usize = 3;
/// Most folders looked at: a walk costs a host call or two each.
pub const MAX_FOLDERS: usize = 400;
/// Most names looked at, over all folders.
pub const MAX_NAMES: usize = 20_000;
/// How long `cargo nextest --version` may take, in milliseconds.
const PROBE_MS: u32 = 20_000;
/// Folders that hold what a server runs: their suites are backend suites.
const BACKEND_FOLDERS: [&str; 6] = ["backend", "server", "api", "service", "services", "functions"];

/// Something that can be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suite {
    /// What runs it, and what reads its output.
    pub framework: Framework,
    /// Folder that it runs in, relative to the workspace; empty for the workspace itself.
    pub directory: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// What a person should know of it.
    pub note: Option<String>,
}

impl Suite {
    /// The framework's own command in `directory`, for the tests whose name holds `only`.
    #[must_use]
    pub fn new(framework: Framework, directory: &str, only: Option<&str>) -> Self {
        let (command, chosen) = framework.command(only);
        Self { framework, directory: directory.to_owned(), command, note: None }.chosen(only.is_some(), chosen)
    }

    /// The same with the workspace's own way of starting it: see [`Framework::started_by`].
    #[must_use]
    pub fn started_by(self, words: &[&str], only: Option<&str>) -> Self {
        let (command, chosen) = self.framework.started_by(words, only);
        Self { command, note: None, ..self }.chosen(only.is_some(), chosen)
    }

    fn chosen(mut self, wanted: bool, chosen: bool) -> Self {
        if wanted && !chosen {
            self.note = Some(format!("{} cannot choose tests by name: all were run", self.framework.name()));
        }
        self
    }

    /// Whether it lies where a server's code does.
    #[must_use]
    pub fn is_backend(&self) -> bool {
        self.directory.split('/').any(|part| BACKEND_FOLDERS.contains(&part))
    }
}

/// A suite that was found and cannot be begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unable {
    /// Its framework.
    pub framework: Framework,
    /// Its folder.
    pub directory: String,
    /// Why, and the mend.
    pub reason: String,
}

/// What a workspace holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// What can be run, nearest to the start first.
    pub suites: Vec<Suite>,
    /// What cannot.
    pub unable: Vec<Unable>,
    /// What else a person should know.
    pub notes: Vec<String>,
}

impl Found {
    fn note(&mut self, note: String) {
        if self.notes.len() < MAX_SUITES {
            self.notes.push(note);
        }
    }

    /// Whether a suite of the same kind in `directory`, or above it and covering it, was found already.
    fn covers(&self, framework: Framework, directory: &str) -> bool {
        let above = |of: &str, covering: Framework| {
            of == directory
                || (covering.covers_folders_below()
                    && (of.is_empty() || directory.strip_prefix(of).is_some_and(|rest| rest.starts_with('/'))))
        };
        let suites = self.suites.iter().map(|suite| (suite.framework, suite.directory.as_str()));
        let unable = self.unable.iter().map(|unable| (unable.framework, unable.directory.as_str()));
        suites.chain(unable).any(|(found, of)| found.is_kin(framework) && above(of, found))
    }
}

/// What is looked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Search<'a> {
    /// Folder to start from; empty for the workspace itself.
    pub start: &'a str,
    /// Only this framework.
    pub framework: Option<Framework>,
    /// Only tests whose name holds this.
    pub only: Option<&'a str>,
}

/// Looks at the workspace.
///
/// # Errors
/// Why it cannot be looked at, for a person.
pub fn find(search: Search<'_>) -> Result<Found, String> {
    let mut found = walk(search)?;
    if let Some(wanted) = search.framework {
        let folders: Vec<String> = found
            .suites
            .iter()
            .filter(|suite| suite.framework.is_kin(wanted) && suite.framework != wanted)
            .map(|suite| suite.directory.clone())
            .collect();
        found.suites.retain(|suite| suite.framework == wanted);
        found.unable.retain(|unable| unable.framework == wanted);
        found.suites.extend(folders.iter().map(|folder| Suite::new(wanted, folder, search.only)));
        if found.suites.is_empty() && found.unable.is_empty() {
            found.suites.push(Suite::new(wanted, search.start, search.only));
        }
    } else if found.suites.iter().any(|suite| suite.framework == Framework::Cargo) && has_nextest(search.start) {
        for suite in found.suites.iter_mut().filter(|suite| suite.framework == Framework::Cargo) {
            *suite = Suite::new(Framework::Nextest, &suite.directory, search.only);
            suite.note = Some("nextest runs no documentation tests; `-f cargo` does".to_owned());
        }
    }
    Ok(found)
}

fn walk(search: Search<'_>) -> Result<Found, String> {
    let mut found = Found::default();
    let mut queue = VecDeque::from([(search.start.to_owned(), 0)]);
    let (mut folders, mut names) = (0, 0);
    while let Some((path, depth)) = queue.pop_front() {
        let folder = match Folder::open(&path) {
            Ok(folder) => folder,
            Err(error) if folders == 0 => return Err(unreadable(&path, &error)),
            // A folder below that cannot be read is no suite's.
            Err(_) => continue,
        };
        folders += 1;
        names += folder.names.len();
        look(&folder, search, &mut found);
        if depth >= MAX_DEPTH {
            continue;
        }
        for name in folder.names.iter().filter(|name| !is_skipped(name)) {
            if folders + queue.len() >= MAX_FOLDERS || names >= MAX_NAMES {
                found.note(format!("only the first {MAX_FOLDERS} folders were looked at: name one with -d"));
                return Ok(found);
            }
            let below = folder.below(name);
            if workspace::stat(&below).is_ok_and(|about| about.is_directory) {
                queue.push_back((below, depth + 1));
            }
        }
    }
    Ok(found)
}

fn look(folder: &Folder, search: Search<'_>, found: &mut Found) {
    javascript::look(folder, search, found);
    python::look(folder, search, found);
    others::look(folder, search, found);
}

fn unreadable(path: &str, error: &WorkspaceError) -> String {
    let folder = place(path);
    match error {
        WorkspaceError::NoSession => "this chat has no session with a workspace: there is nothing to test".to_owned(),
        WorkspaceError::Denied => {
            format!("{folder} may not be read: grant `workspace = {{ read = [\"**\"] }}` to the test-runner")
        }
        WorkspaceError::NotFound => format!("there is no {folder}"),
        WorkspaceError::TooLarge => format!("{folder} has more than 10,000 names: name one within it with -d"),
        WorkspaceError::Failed(reason) => format!("{folder} cannot be read: {reason}"),
    }
}

fn has_nextest(start: &str) -> bool {
    let mut command = process::command("cargo", ["nextest", "--version"]);
    command.timeout_ms = PROBE_MS;
    command.cwd = (!start.is_empty()).then(|| start.to_owned());
    process::run(&command).is_ok_and(|output| output.exit == Exit::Code(0))
}
