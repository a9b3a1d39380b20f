//! Asking git: without the repository's own programs, within a time and a size. Blocks.

use crate::limits::{GIT_TIMEOUT, MAX_GIT_BYTES, READ_BYTES};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What git is told whatever it is asked: to start nothing that the repository names, and to ask nobody.
const SETTINGS: [&str; 4] = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"];

/// What git answers in `folder`; none where it fails, is not there, or takes longer than [`GIT_TIMEOUT`]. Of an
/// answer over [`MAX_GIT_BYTES`] the beginning.
pub(super) fn git(folder: &Path, args: &[&str]) -> Option<Vec<u8>> {
    let path = std::env::var_os("PATH");
    let mut command = Command::new(tollgate_core::program::find("git", path.as_deref())?);
    command.arg("-C").arg(folder).args(SETTINGS).args(args).env_clear();
    for name in ["PATH", "HOME"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0");
    answer(&mut command, GIT_TIMEOUT, MAX_GIT_BYTES)
}

/// What `command` writes; none where it fails or takes longer than `time`.
fn answer(command: &mut Command, time: Duration, most: usize) -> Option<Vec<u8>> {
    use std::os::unix::process::CommandExt;
    let deadline = Instant::now() + time;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let mut child = Group(command.spawn().ok()?);
    let stdout = child.0.stdout.take()?;
    let mut said = Vec::new();
    let mut bytes = [0; READ_BYTES];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&stdout, PollFlags::IN)], Some(&left)) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(_) => return None,
        }
        let count = rustix::io::read(&stdout, &mut bytes).ok()?;
        if count == 0 {
            // It has closed its output, so it is about to end; that it cannot hang, `Group` sees to.
            return child.succeeded(deadline).then_some(said);
        }
        said.extend(bytes.iter().take(count));
        if said.len() >= most {
            said.truncate(most);
            return Some(said);
        }
    }
}

/// A program and what it started; dropped, killed and reaped.
struct Group(Child);

impl Group {
    fn succeeded(&mut self, deadline: Instant) -> bool {
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => return status.success(),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(1)),
                Ok(None) | Err(_) => return false,
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Once it is reaped its id may be another's.
        if let Ok(None) = self.0.try_wait() {
            let killed = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
            if let Err(error) = killed.map_err(std::io::Error::from).and_then(|()| self.0.wait()) {
                tracing::warn!(%error, "runner.git: it could not be ended");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;

    fn sh(script: &str, time: Duration, most: usize) -> Option<Vec<u8>> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        answer(&mut command, time, most)
    }

    #[test]
    fn an_answer_is_whole_bounded_or_none() {
        let patient = Duration::from_secs(20);
        assert_eq!(sh("echo told", patient, 100).unwrap(), b"told\n");
        assert_eq!(sh("echo told; exit 1", patient, 100), None, "it failed");
        assert_eq!(sh("exec yes", patient, 100).unwrap().len(), 100, "a flood is cut, and its end not waited for");
        let begun = Instant::now();
        assert_eq!(sh("echo told; exec sleep 600", Duration::from_millis(100), 100), None, "too slow");
        assert_eq!(
            sh("exec >&-; exec sleep 600", Duration::from_millis(100), 100),
            None,
            "its output is closed, no more"
        );
        assert!(begun.elapsed() < patient);
    }
}
