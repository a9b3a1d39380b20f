//! A Tollgate of its own: its binary on a temporary home, spoken to by its command line alone. Knows nothing of what it
//! is looked at for.

use crate::process::{Running, isolated, wait_for};
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
/// The exit code of a command that finds no daemon.
const NO_DAEMON: i32 = 69;

/// Which Tollgate is looked at.
#[derive(Debug, clap::Args)]
pub struct Binary {
    /// The binary to look at [default: a release build of this checkout]
    #[arg(long, value_name = "FILE")]
    tollgate: Option<PathBuf>,
}

impl Binary {
    /// The one that is named, else the one that is built of this checkout.
    ///
    /// # Errors
    /// When it is not there, has another name, or cannot be built.
    pub fn resolve(&self) -> Result<PathBuf> {
        self.tollgate.as_deref().map_or_else(build, named)
    }
}

fn named(path: &Path) -> Result<PathBuf> {
    let path = path.canonicalize().with_context(|| format!("--tollgate {}", path.display()))?;
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
    root: &'a Path,
    user: &'a Path,
    folder: &'a Path,
    home: PathBuf,
}

impl<'a> Tollgate<'a> {
    /// Makes a home below `root`, where its logs are too, for commands run in `folder` by whoever's folder is `user`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(binary: &'a Path, root: &'a Path, user: &'a Path, folder: &'a Path) -> Result<Self> {
        let home = root.join("tollgate");
        fs::create_dir(&home).with_context(|| format!("making {}", home.display()))?;
        Ok(Self { binary, root, user, folder, home })
    }

    /// Its home.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Writes its settings, a `tollgate.toml`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn configure(&self, settings: &str) -> Result<()> {
        // Renamed into place: a hook reads it whenever it comes.
        let (path, aside) = (self.home.join("tollgate.toml"), self.home.join("tollgate.toml.new"));
        fs::write(&aside, settings)?;
        Ok(fs::rename(&aside, path)?)
    }

    /// Its command line with these arguments, with nothing of the outer environment but where programs are.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = isolated(self.binary, self.user, self.folder);
        command.arg("--home").arg(&self.home).args(arguments);
        command
    }

    /// Starts the daemon and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub fn start(&self) -> Result<Running> {
        let log = self.root.join("daemon.log");
        let mut daemon = Running::start("the daemon", &mut self.command(&["run"]), &log)?;
        wait_for("the daemon to answer", START, || {
            if let Some(status) = daemon.ended()? {
                bail!("the daemon ended with {status}: {}", daemon.last_words());
            }
            Ok(self.ask(&["tail", "--no-follow", "-n", "1"])?.map(drop))
        })?;
        Ok(daemon)
    }

    /// The address of its port, once it listens, and the home's own token.
    ///
    /// # Errors
    /// When it does not listen.
    pub fn port(&self) -> Result<(String, String)> {
        let (address, token) = (self.home.join("run/address"), self.home.join("token"));
        let (address, token) = wait_for("the daemon to listen", START, || {
            Ok(fs::read_to_string(&address).ok().zip(fs::read_to_string(&token).ok()))
        })?;
        Ok((address.trim().to_owned(), token.trim().to_owned()))
    }

    /// Runs a command to its end: what it wrote to standard output; none where it found no daemon.
    fn ask(&self, arguments: &[&str]) -> Result<Option<String>> {
        let (out, log) = (self.root.join("command.out"), self.root.join("command.log"));
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
            assert_eq!(named(&path).is_ok(), taken, "{name}");
        }
        assert!(named(&folder.path().join("none")).is_err());
    }
}
