//! The daemon that is measured: a process of this binary on a home of its own, and what the system says it holds.

use crate::client::Client;
use anyhow::{Context as _, anyhow, bail};
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tollgate_core::home::Home;

/// How long the daemon may take to start, compiling its plugins on a slow machine included.
const START: Duration = Duration::from_secs(300);
/// How long it may take to stop.
const STOP: Duration = Duration::from_secs(60);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// Bytes of the daemon's log that a failure shows.
const LAST_WORDS_BYTES: usize = 4_096;

/// What the daemon holds at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Since the load began.
    pub at: Duration,
    /// Its own memory (`RssAnon`): without the pages of files, which the system takes back as it likes.
    pub memory_kib: u64,
    /// Open descriptors.
    pub descriptors: u64,
    /// Threads.
    pub threads: u64,
}

/// A running daemon; killed when dropped.
pub struct Subject {
    child: Child,
    home: Home,
    log: PathBuf,
}

impl Subject {
    /// Makes a home in `folder` and waits until a daemon answers on it.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        if !Path::new("/proc/self/fd").is_dir() {
            bail!("it reads what the daemon holds from /proc, which this system does not have");
        }
        let root = folder.canonicalize()?;
        let home = Home::at(root.join("home"));
        let project = root.join("project");
        fs::create_dir_all(project.join(".git"))?;
        fs::create_dir_all(home.root())?;
        fs::write(home.config(), format!("[server]\nlisten = \"off\"\n\n[workspace]\nallow = [{project:?}]\n"))?;
        let log = root.join("daemon.log");
        let words = fs::File::create(&log)?;
        let mut command = Command::new(std::env::current_exe().context("finding this binary")?);
        command.arg("run").env("TOLLGATE_HOME", home.root()).current_dir(&project);
        command.stdin(Stdio::null()).stdout(words.try_clone()?).stderr(words);
        // A terminal's Ctrl-C is for the measure to hear.
        command.process_group(0);
        let child = command.spawn().context("starting the daemon")?;
        let mut subject = Self { child, home, log };
        let deadline = Instant::now() + START;
        while Client::of(&subject.home).get("/healthz").is_err() {
            subject.alive()?;
            if Instant::now() > deadline {
                bail!("the daemon did not answer within {START:?}:\n{}", subject.last_words());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(subject)
    }

    /// Its home.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// What it holds now.
    pub fn sample(&mut self, at: Duration) -> anyhow::Result<Sample> {
        self.alive()?;
        let process = Path::new("/proc").join(self.child.id().to_string());
        let status = fs::read_to_string(process.join("status")).context("reading what the daemon holds")?;
        let field =
            |name: &str| number(&status, name).ok_or_else(|| anyhow!("{}/status names no {name}", process.display()));
        let descriptors = fs::read_dir(process.join("fd")).context("counting the daemon's descriptors")?.count();
        Ok(Sample { at, memory_kib: field("RssAnon")?, descriptors: descriptors as u64, threads: field("Threads")? })
    }

    /// Has it stop as a supervisor does, and waits for its end.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.context("the daemon has no process id")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).context("stopping the daemon")?;
        let deadline = Instant::now() + STOP;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("the daemon did not stop within {STOP:?}");
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.alive()?;
        self.child.kill().context("killing the daemon")?;
        self.child.wait().context("waiting for its end")?;
        Ok(())
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let start = text.len().saturating_sub(LAST_WORDS_BYTES);
        String::from_utf8_lossy(text.get(start..).unwrap_or_default()).trim().to_owned()
    }

    fn alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the daemon ended ({status}):\n{}", self.last_words()),
        }
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number of `Name:   123 kB`.
fn number(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_by_their_whole_name() {
        let status = "RssAnonymous:\t9 kB\nRssAnon:\t   4212 kB\nThreads:\t7\n";
        assert_eq!(number(status, "RssAnon"), Some(4_212));
        assert_eq!(number(status, "Threads"), Some(7));
        assert_eq!(number(status, "Rss"), None);
    }
}
