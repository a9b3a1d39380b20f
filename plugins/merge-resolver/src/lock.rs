//! Lock files: written anew by their own tool, where the operator granted it. Everything else about them stays.

use crate::folder;
use crate::git::{STATUS, Trouble, ended, git, said, trouble};
use crate::merge::{Kind, file_name, read};
use tollgate_sdk::Capability;
use tollgate_sdk::process::{Exit, command, run};

/// Longest that a tool may run, in milliseconds: it may ask its registry.
const TIMEOUT_MS: u32 = 300_000;

/// A lock file's tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tool {
    file: &'static str,
    /// What the lock follows from; it must not be in conflict.
    pub manifest: &'static str,
    program: &'static str,
    args: &'static [&'static str],
    /// How the result is read.
    kind: Kind,
}

/// The tools that write the lock file alone and run none of the project's scripts. They do read the project's own
/// configuration, which is why nobody has them before the operator grants them.
const TOOLS: [Tool; 3] = [
    Tool {
        file: "Cargo.lock",
        manifest: "Cargo.toml",
        program: "cargo",
        args: &["update", "--workspace"],
        kind: Kind::Toml,
    },
    Tool {
        file: "package-lock.json",
        manifest: "package.json",
        program: "npm",
        args: &["install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"],
        kind: Kind::Json,
    },
    Tool {
        file: "pnpm-lock.yaml",
        manifest: "package.json",
        program: "pnpm",
        args: &["install", "--lockfile-only", "--ignore-scripts"],
        kind: Kind::Yaml,
    },
];

/// The capabilities that the tools want.
pub fn capabilities() -> impl Iterator<Item = Capability> {
    TOOLS.iter().map(|tool| Capability::process(tool.program, tool.args.iter().copied()))
}

/// The tool of the lock file at `path`.
#[must_use]
pub fn tool(path: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.file == file_name(path))
}

impl Tool {
    /// The manifest beside the lock file at `path`.
    #[must_use]
    pub fn manifest_of(&self, path: &str) -> String {
        format!("{}{}", path.strip_suffix(self.file).unwrap_or_default(), self.manifest)
    }

    /// Has the tool write the lock file at `path` anew, starting from `ours`, and returns it.
    /// The caller puts the file back where this fails.
    ///
    /// # Errors
    /// Why it did not, in words for people.
    pub fn write_anew(&self, path: &str, ours: &str, max_bytes: usize) -> Result<String, String> {
        let before = status().map_err(|error| error.to_string())?;
        folder::write(path, ours.as_bytes())?;
        let mut asked = command(self.program, self.args.iter().copied());
        asked.cwd = path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        asked.timeout_ms = TIMEOUT_MS;
        let told = self.args.join(" ");
        let output = run(&asked).map_err(|error| trouble(error, self.program, &told).to_string())?;
        if output.exit != Exit::Code(0) {
            let said = said(&output.stderr, &output.stdout);
            return Err(format!("{} {told} {}: {said}", self.program, ended(output.exit)));
        }
        if status().map_err(|error| error.to_string())? != before {
            return Err(format!("{} {told} changed other files too; look at `git status`", self.program));
        }
        let bytes = folder::read(path, max_bytes)?;
        let text = String::from_utf8(bytes).map_err(|_| "the tool wrote no UTF-8".to_owned())?;
        read(self.kind, path, &text).map_err(|error| format!("what the tool wrote cannot be read: {error}"))?;
        Ok(text)
    }
}

/// What differs from the index, the files in conflict aside; new files too.
fn status() -> Result<Vec<u8>, Trouble> {
    git(STATUS, &["--untracked-files=all"], None)?.ok("status")
}
