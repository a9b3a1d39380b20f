//! Tools of other languages: found in the package's folder or on the path, else installed there by name.

use crate::exit::Failure;
use crate::kit::{pass_on, say};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A tool, and where it comes from.
pub struct Tool {
    /// What it is called; of several names any does.
    pub names: &'static [&'static str],
    /// Its package in the registry.
    pub package: &'static str,
    /// The version that templates were tried with.
    pub version: &'static str,
    /// Who keeps it.
    pub registry: Registry,
}

/// Where a package's tools come from, into a folder of the package's own.
pub enum Registry {
    /// npm, by the package's own `package.json`
    Npm,
    /// PyPI, into an environment of the package's own
    Pypi,
}

/// The package's own Python environment.
pub const ENVIRONMENT: &str = ".venv";
const NO_PYTHON: &str = "install Python 3.10 or newer, with venv and pip";
const NO_NODE: &str = "install Node.js, or look at package.json";

/// The tool's program: the package's own or the path's, else installed into the package's folder.
///
/// # Errors
/// When it is nowhere and cannot be installed.
pub fn have(folder: &Path, tool: &Tool) -> Result<PathBuf, Failure> {
    if let Some(program) = find(folder, tool) {
        return Ok(program);
    }
    let Tool { names, package, version, ref registry } = *tool;
    let missing = match registry {
        Registry::Npm => {
            let mut npm = Command::new("npm");
            npm.current_dir(folder).args(["install", "--no-audit", "--no-fund"]);
            run(&mut npm, &format!("fetching {package} into node_modules"), &|_| NO_NODE.to_owned())?;
            format!("npm installed no {package}: say it under devDependencies of package.json, at {version}")
        }
        Registry::Pypi => {
            let mut make = Command::new("python3");
            make.current_dir(folder).args(["-m", "venv", ENVIRONMENT]);
            run(&mut make, "making an environment for the package's tools", &|_| NO_PYTHON.to_owned())?;
            let mut pip = Command::new(folder.join(Registry::Pypi.programs()).join("pip"));
            pip.current_dir(folder).args(["install", "--quiet", "--disable-pip-version-check"]);
            pip.arg(format!("{package}=={version}"));
            run(&mut pip, &format!("fetching {package} into it"), &|_| NO_PYTHON.to_owned())?;
            format!("pip installed no {}; {NO_PYTHON}", names.join(" or "))
        }
    };
    find(folder, tool).ok_or(Failure::Failed(missing))
}

impl Registry {
    /// Where its programs are in the package's folder.
    fn programs(&self) -> &'static str {
        match self {
            Self::Npm => "node_modules/.bin",
            Self::Pypi => ".venv/bin",
        }
    }
}

fn find(package: &Path, tool: &Tool) -> Option<PathBuf> {
    let own = std::iter::once(package.join(tool.registry.programs()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = own.chain(std::env::split_paths(&path)).collect();
    let files = folders.iter().flat_map(|folder| tool.names.iter().map(|name| folder.join(name)));
    files.into_iter().find(|file| file.is_file())
}

/// Says what is run and why, and runs it to its end; what it prints goes to standard error, where answers are not.
/// Returns what it said there itself.
///
/// # Errors
/// When it does not start or fails; `mend` says what helps, by what the program said.
pub fn run(command: &mut Command, why: &str, mend: &dyn Fn(&str) -> String) -> Result<String, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
    let line: Vec<String> = std::iter::once(program.clone()).chain(words).collect();
    say(format_args!("{why}: {}", line.join(" ")));
    // Where a tool gives up, its own insides are no help to who called it.
    let output = command.env("RUST_BACKTRACE", "0").stdin(Stdio::null()).output();
    let output = output.map_err(|error| Failure::Failed(format!("{program} does not start: {error}; {}", mend(""))))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    // A tool that did its work has said enough by it; one that did not is heard in full.
    String::from_utf8_lossy(&output.stdout).lines().chain(said.lines()).for_each(pass_on);
    Err(Failure::Failed(format!("{program} failed ({}); {}", output.status, mend(&said))))
}

/// What helps where nothing more is known.
pub fn see_above(_: &str) -> String {
    "see what it says above".to_owned()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;

    #[test]
    fn a_tool_is_the_packages_own_before_the_paths() {
        let tool = Tool { names: &["other", "sh"], package: "none", version: "1", registry: Registry::Pypi };
        let package = tempfile::tempdir().unwrap();
        let path = find(package.path(), &tool).unwrap();
        assert!(path.ends_with("sh") && !path.starts_with(package.path()), "{}", path.display());
        let own = package.path().join(".venv/bin");
        std::fs::create_dir_all(&own).unwrap();
        std::fs::write(own.join("other"), "").unwrap();
        assert_eq!(have(package.path(), &tool).unwrap(), own.join("other"));
    }

    #[test]
    fn a_tool_that_fails_says_what_helps_by_what_it_said() {
        let mend = |said: &str| format!("it said {}", said.trim());
        let mut failing = Command::new("sh");
        let error = run(failing.args(["-c", "echo twice >&2; exit 3"]), "trying", &mend).unwrap_err().to_string();
        assert!(error.starts_with("sh failed (") && error.ends_with("); it said twice"), "{error}");
        let absent = run(&mut Command::new("/nowhere/tool"), "trying", &see_above).unwrap_err().to_string();
        assert!(absent.starts_with("/nowhere/tool does not start: "), "{absent}");
        assert_eq!(run(Command::new("sh").args(["-c", "echo so >&2"]), "trying", &see_above).unwrap(), "so\n");
    }
}
