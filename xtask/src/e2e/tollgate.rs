//! A Tollgate of its own: its binary on a temporary home, spoken to by its command line alone.

use crate::agents::{Agent, Folders};
use crate::process::{Running, wait_for};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long a cold release build may take.
const BUILD: Duration = Duration::from_secs(3_600);
/// How long a daemon may take until it answers: it compiles its plugins first.
const START: Duration = Duration::from_secs(120);
/// How long any other command may take.
const COMMAND: Duration = Duration::from_secs(30);
/// How many events are read: a run makes some dozen.
const EVENTS: &str = "1000";
/// The exit code of a command that finds no daemon.
const NO_DAEMON: i32 = 69;

/// The binary to look at: the one that is named, else the one that is built of this checkout.
///
/// # Errors
/// When it is not there, has another name, or cannot be built.
pub fn binary(named: Option<&Path>) -> Result<PathBuf> {
    let Some(named) = named else { return build() };
    let path = named.canonicalize().with_context(|| format!("--tollgate {}", named.display()))?;
    // Its hooks are found again by their program's name.
    ensure!(path.file_name().is_some_and(|name| name == "tollgate"), "{}: must be called tollgate", path.display());
    Ok(path)
}

fn build() -> Result<PathBuf> {
    let _ = writeln!(std::io::stderr(), "building tollgate (cargo build --release --package tollgate) …");
    let folder = tempfile::tempdir()?;
    let (log, artifacts) = (folder.path().join("log"), folder.path().join("artifacts"));
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--package", "tollgate", "--message-format=json-render-diagnostics"]);
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).stdin(Stdio::null());
    cargo.stdout(fs::File::create(&artifacts)?);
    Running::start_as_is("cargo", &mut cargo, &log)?.succeed(BUILD)?;
    built(&fs::read_to_string(&artifacts)?).context("cargo built no tollgate")
}

/// The binary that cargo says it has built.
fn built(artifacts: &str) -> Option<PathBuf> {
    let lines = artifacts.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut ours = lines.filter(|line| line.pointer("/target/name").is_some_and(|name| name == "tollgate"));
    ours.find_map(|line| line.get("executable")?.as_str().map(PathBuf::from))
}

/// A home, and the binary on it.
#[derive(Debug)]
pub struct Tollgate<'a> {
    binary: &'a Path,
    folders: &'a Folders,
    home: PathBuf,
}

impl<'a> Tollgate<'a> {
    /// Makes a home beside the agent's folders.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(binary: &'a Path, folders: &'a Folders) -> Result<Self> {
        let home = folders.root.join("tollgate");
        fs::create_dir(&home)?;
        Ok(Self { binary, folders, home })
    }

    /// Writes the configuration: the project alone, no port, and how long the agent's hooks wait for a person.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn configure(&self, agent: &Agent, wait: Duration) -> Result<()> {
        // Renamed into place: a hook reads it whenever it comes.
        let (path, aside) = (self.home.join("tollgate.toml"), self.home.join("tollgate.toml.new"));
        let (project, wait_ms) = (self.folders.project.display().to_string(), wait.as_millis());
        let text = format!(
            "[server]\nlisten = \"off\"\n\n[gate]\npresets = [\"guardrails\"]\n\n[workspace]\nallow = [{project:?}]\n\n\
             [hooks.{}]\ntimeout_ms = {wait_ms}\n",
            agent.name
        );
        fs::write(&aside, text)?;
        Ok(fs::rename(&aside, path)?)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.binary);
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("HOME", &self.folders.home).current_dir(&self.folders.project);
        command.arg("--home").arg(&self.home).args(arguments);
        command
    }

    /// Starts the daemon and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub fn start(&self) -> Result<Running> {
        let log = self.folders.root.join("daemon.log");
        let mut daemon = Running::start("the daemon", &mut self.command(&["run"]), &log)?;
        wait_for("the daemon to answer", START, || {
            if let Some(status) = daemon.ended()? {
                bail!("the daemon ended with {status}: {}", daemon.last_words());
            }
            Ok(self.ask(&["tail", "--no-follow", "-n", "1"])?.map(drop))
        })?;
        Ok(daemon)
    }

    /// Runs a command to its end: what it wrote to standard output; none where it found no daemon.
    fn ask(&self, arguments: &[&str]) -> Result<Option<String>> {
        let (out, log) = (self.folders.root.join("command.out"), self.folders.root.join("command.log"));
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(fs::File::create(&out)?).stderr(fs::File::create(&log)?);
        let mut running = Running::start_as_is("tollgate", &mut command, &log)?;
        let status = running.wait(COMMAND)?;
        match status.code() {
            Some(0) => Ok(Some(fs::read_to_string(&out)?)),
            Some(NO_DAEMON) => Ok(None),
            _ => bail!("tollgate {}: {status}: {}", arguments.join(" "), running.last_words()),
        }
    }

    /// The same for a command that must succeed.
    ///
    /// # Errors
    /// When it does not, or finds no daemon.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        self.ask(arguments)?.with_context(|| format!("tollgate {}: no daemon", arguments.join(" ")))
    }

    /// Every event of hooks, tools and alerts, oldest first.
    ///
    /// # Errors
    /// When the daemon does not answer, or not with events.
    pub fn events(&self) -> Result<Vec<Value>> {
        let said = self.run(&["tail", "--no-follow", "-n", EVENTS, "--json", "hook.*", "tool.*", "alert.*"])?;
        said.lines().map(|line| serde_json::from_str(line).with_context(|| format!("an event: {line}"))).collect()
    }

    /// The ids of the approvals that wait for a person.
    ///
    /// # Errors
    /// As [`Tollgate::events`].
    pub fn approvals(&self) -> Result<Vec<String>> {
        let said: Value = serde_json::from_str(&self.run(&["approvals", "list", "--json"])?)?;
        let listed = said.get("interactions").and_then(Value::as_array).context("no list of approvals")?;
        Ok(listed.iter().filter_map(|one| one.get("id")?.as_str().map(str::to_owned)).collect())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_binary_is_the_one_that_cargo_names() {
        let lines = [
            r#"{"reason":"compiler-artifact","target":{"name":"build-script-build"},"executable":"/t/build"}"#,
            r#"{"reason":"compiler-artifact","target":{"name":"tollgate","kind":["lib"]},"executable":null}"#,
            r#"{"reason":"compiler-artifact","target":{"name":"tollgate","kind":["bin"]},"executable":"/t/tollgate"}"#,
            r#"{"reason":"build-finished","success":true}"#,
        ];
        assert_eq!(built(&lines.join("\n")), Some(PathBuf::from("/t/tollgate")));
        assert_eq!(built(lines.first().unwrap()), None);
    }

    #[test]
    fn a_binary_whose_hooks_nobody_would_find_again_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (name, taken) in [("tollgate", true), ("tollgate-new", false)] {
            let path = folder.path().join(name);
            fs::write(&path, "").unwrap();
            assert_eq!(binary(Some(&path)).is_ok(), taken, "{name}");
        }
        assert!(binary(Some(&folder.path().join("none"))).is_err());
    }
}
