//! One folder of the workspace: its names, and its files as text.

use tollgate_sdk::workspace::{self, WorkspaceError};

/// Most bytes of a manifest or test file that are looked at.
const MAX_LOOK_BYTES: u32 = 256 * 1024;
/// Most test files that are looked into to tell a framework.
pub const MAX_SAMPLES: usize = 5;
/// Longest path that is taken, in bytes.
const MAX_PATH_BYTES: usize = 1024;

/// Folders with nothing of the project's own to test: what tools make or fetch, and test data.
const SKIPPED: [&str; 24] = [
    "node_modules",
    "target",
    "vendor",
    "dist",
    "build",
    "out",
    "venv",
    "env",
    "__pycache__",
    "bin",
    "obj",
    "deps",
    "_build",
    "coverage",
    "third_party",
    "fixtures",
    "__fixtures__",
    "testdata",
    "test-data",
    "site-packages",
    "tmp",
    "builddir",
    "cmake-build-debug",
    "cmake-build-release",
];

/// Whether a folder of this name is left out.
pub fn is_skipped(name: &str) -> bool {
    name.starts_with('.') || SKIPPED.contains(&name)
}

/// A folder and the names in it.
#[derive(Debug)]
pub struct Folder {
    /// Relative to the workspace; empty for the workspace itself.
    pub path: String,
    /// In byte order.
    pub names: Vec<String>,
}

impl Folder {
    /// Reads the names.
    pub fn open(path: &str) -> Result<Self, WorkspaceError> {
        let names = workspace::names(if path.is_empty() { "." } else { path })?;
        Ok(Self { path: path.to_owned(), names })
    }

    /// The folder `name` in it, where there is one that can be read.
    pub fn inner(&self, name: &str) -> Option<Self> {
        if self.has(name) { Self::open(&self.below(name)).ok() } else { None }
    }

    /// The path of `name` in it.
    pub fn below(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) }
    }

    /// Whether it holds `name`.
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|found| found == name)
    }

    /// The beginning of the file `name`; none where it cannot be read.
    pub fn text(&self, name: &str) -> Option<String> {
        if !self.has(name) {
            return None;
        }
        let bytes = workspace::read(&self.below(name), 0, MAX_LOOK_BYTES).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The texts of the first few files whose name fits.
    pub fn samples<'a>(&'a self, fits: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = String> + 'a {
        self.names.iter().filter(move |name| fits(name)).take(MAX_SAMPLES).filter_map(|name| self.text(name))
    }
}

/// A folder's path for a person.
pub fn place(path: &str) -> String {
    if path.is_empty() { "the workspace".to_owned() } else { format!("folder `{path}`") }
}

/// `path` without needless parts, where it stays inside the workspace.
///
/// # Errors
/// What is wrong with it.
pub fn safe_path(path: &str) -> Result<String, String> {
    let refuse = |why: &str| Err(format!("`{}` {why}: name a folder relative to the workspace", path.escape_default()));
    if path.len() > MAX_PATH_BYTES || path.chars().any(char::is_control) || path.contains('\\') {
        return refuse("is no folder's path");
    }
    if path.starts_with('/') || path.starts_with('~') {
        return refuse("is outside the workspace");
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return refuse("leads outside the workspace"),
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        assert_eq!(safe_path("./a//b/").as_deref(), Ok("a/b"));
        assert_eq!(safe_path(".").as_deref(), Ok(""));
        for path in ["/etc", "..", "a/../b", "~/x", "a\\b", "a\nb", &"x".repeat(MAX_PATH_BYTES + 1)] {
            assert!(safe_path(path).is_err(), "{path}");
        }
    }
}
