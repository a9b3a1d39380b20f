//! Programs that are started here: each in a process group of its own, waited for with a deadline, and gone with all
//! that it started. Knows nothing of what they do.

use anyhow::{Context as _, Result, anyhow, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a condition is looked at in the end; at first as soon as this, doubling.
const POLL: Duration = Duration::from_millis(20);
const FIRST_POLL: Duration = Duration::from_millis(1);
/// How much of the end of a log an error shows, in bytes: the words that a program ended with.
const MAX_LAST_WORDS: u64 = 2_000;

/// A signal came: every wait ends, and what was started here goes with its owner.
static STOPPED: AtomicBool = AtomicBool::new(false);

/// Has SIGINT and SIGTERM end every wait, so that nothing is left behind: programs in groups of their own do not get
/// a terminal's signal themselves.
pub fn stop_on_signals() {
    std::thread::spawn(|| {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
            let Ok(mut terminate) = terminate else { return };
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            STOPPED.store(true, Ordering::Relaxed);
        });
    });
}

/// Whether a signal came.
pub fn is_stopped() -> bool {
    STOPPED.load(Ordering::Relaxed)
}

/// Waits until `condition` gives something.
///
/// # Errors
/// When it fails, `within` is over, or a signal came; `what` says what was waited for.
pub fn wait_for<T>(what: &str, within: Duration, mut condition: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let (until, mut pause) = (Instant::now() + within, FIRST_POLL);
    loop {
        if let Some(found) = condition()? {
            return Ok(found);
        }
        if is_stopped() {
            bail!("stopped by a signal while waiting for {what}");
        }
        if Instant::now() >= until {
            bail!("waited {} s for {what}", within.as_secs());
        }
        std::thread::sleep(pause);
        pause = POLL.min(pause * 2);
    }
}

/// A program run in `folder` by whoever's folder is `home`, with nothing of the outer environment but where programs
/// are.
pub fn isolated(program: impl AsRef<OsStr>, home: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.env("HOME", home).current_dir(folder);
    command
}

/// A program that runs, with all that it starts: what is left of that is killed when it ends or is dropped.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    group: Pid,
    status: Option<ExitStatus>,
    log: PathBuf,
}

impl Running {
    /// Starts `command`, which is called `name`, with nothing on standard input. What it writes goes to the file
    /// `log`, standard output where `command` has none set.
    ///
    /// # Errors
    /// When the log cannot be written or the program cannot be started.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("making {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        Self::start_as_is(name, command, log)
    }

    /// The same, its standard streams being what `command` says; `log` is where its errors are.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start_as_is(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let child = command.process_group(0).spawn();
        let child = child.with_context(|| format!("starting {name} ({})", command.get_program().display()))?;
        let group = Pid::from_child(&child);
        Ok(Self { name: name.to_owned(), child, group, status: None, log: log.to_owned() })
    }

    /// Its number, while it runs.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its standard input, where that is a pipe that nobody has taken yet.
    pub fn input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// How it ended, where it has.
    ///
    /// # Errors
    /// When that cannot be learned.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        if self.status.is_none() {
            // Looked at and not taken: while its number is kept, its group is nobody else's.
            let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
            if waitid(WaitId::Pid(self.group), look)?.is_some() {
                self.status = Some(self.end()?);
            }
        }
        Ok(self.status)
    }

    /// Kills it and all that it started.
    fn end(&mut self) -> Result<ExitStatus> {
        // An error is a group that nobody is in any more.
        let _ = kill_process_group(self.group, Signal::KILL);
        Ok(self.child.wait()?)
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// When it does not within that time, or a signal came; with its last words.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus> {
        let what = format!("{} to end", self.name);
        let ended = wait_for(&what, within, || self.ended());
        ended.map_err(|error| anyhow!("{error:#}: {}", self.last_words()))
    }

    /// Waits until it ends by itself, and well.
    ///
    /// # Errors
    /// As [`Running::wait`], and where it ended with another code than 0; with its last words.
    pub fn succeed(mut self, within: Duration) -> Result<()> {
        let status = self.wait(within)?;
        if !status.success() {
            bail!("{} ended with {status}: {}", self.name, self.last_words());
        }
        Ok(())
    }

    /// The end of what it wrote.
    pub fn last_words(&self) -> String {
        last_words(&self.log).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.status.is_none() {
            let _ = self.end();
        }
    }
}

/// The end of a text file.
fn last_words(path: &Path) -> Result<String> {
    let mut file = File::open(path)?;
    let from = file.metadata()?.len().saturating_sub(MAX_LAST_WORDS);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(MAX_LAST_WORDS).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// Longer than a loaded machine needs.
    const SOON: Duration = Duration::from_secs(30);

    fn shell(line: &str, folder: &Path) -> Running {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]).current_dir(folder);
        Running::start("a shell", &mut command, &folder.join("log")).unwrap()
    }

    #[test]
    fn what_a_program_leaves_behind_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut running = shell("sleep 600 & echo $! > pid; echo begun", folder.path());
        let log = folder.path().join("log");
        wait_for("its words", SOON, || Ok((std::fs::metadata(&log)?.len() > 0).then_some(()))).unwrap();
        let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
        let process = PathBuf::from(format!("/proc/{}/stat", pid.trim()));
        // Gone, or dead and not yet fetched by whoever inherited it.
        let alive = || std::fs::read_to_string(&process).is_ok_and(|stat| !stat.contains(") Z "));
        assert!(running.wait(SOON).unwrap().success());
        assert_eq!(running.last_words(), "begun");
        wait_for("the sleep to go", SOON, || Ok((!alive()).then_some(()))).unwrap();
    }

    #[test]
    fn a_wait_ends_with_its_time_and_says_for_what() {
        let folder = tempfile::tempdir().unwrap();
        let mut running = shell("echo still here; exec sleep 600", folder.path());
        let log = folder.path().join("log");
        wait_for("its words", SOON, || Ok((std::fs::metadata(&log)?.len() > 0).then_some(()))).unwrap();
        let error = format!("{:#}", running.wait(Duration::ZERO).unwrap_err());
        assert!(error.contains("a shell to end") && error.contains("still here"), "{error}");
    }

    #[test]
    fn a_program_that_fails_says_so_with_no_more_than_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let line = "i=0; while [ $i -lt 1000 ]; do echo early; i=$((i+1)); done; echo late; exit 3";
        let error = shell(line, folder.path()).succeed(SOON).unwrap_err().to_string();
        assert!(error.contains("3") && error.ends_with("late") && error.len() < 2_200, "{error}");
    }
}
