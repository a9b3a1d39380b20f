//! Starting a program: which file it is, where it runs, and what it has of the daemon. Never through a shell.

use super::group::{Leash, Slot};
use crate::bindings::tollgate::plugin::process::{Command as Wanted, ProcessError};
use crate::capability::{Permit, Run};
use crate::host::root::{Elsewhere, Root};
use rustix::fs::{Access, access};
use rustix::process::Pid;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, Stdio};

/// What every program has of the daemon's environment.
const ALWAYS: [&str; 2] = ["PATH", "HOME"];

/// A program that runs, and the host's ends of its pipes.
pub(super) struct Launched {
    pub(super) leash: Leash,
    /// Where its input goes, with the input.
    pub(super) stdin: Option<(ChildStdin, Vec<u8>)>,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// Starts `wanted` in the workspace of `root`; `env` names what it has of the daemon's variables besides PATH and
/// HOME. Blocks for the file system and the fork.
pub(super) fn launch(
    _permit: Permit<Run>,
    wanted: Wanted,
    root: &Root,
    env: &[String],
    slot: Slot,
) -> Result<Launched, ProcessError> {
    let folder = folder(root, wanted.cwd.as_deref().unwrap_or_default())?;
    let mut command = Command::new(find(&wanted.program, std::env::var_os("PATH").as_deref())?);
    command.args(&wanted.args).current_dir(folder).env_clear().process_group(0);
    for name in ALWAYS.into_iter().chain(env.iter().map(String::as_str)) {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.envs(wanted.env);
    command.stdin(if wanted.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| failed(&error))?;
    let leash = slot.hold(Pid::from_child(&child));
    let stdin = child.stdin.take().zip(wanted.stdin);
    match (child.stdout.take(), child.stderr.take()) {
        (Some(stdout), Some(stderr)) => Ok(Launched { leash, stdin, stdout, stderr }),
        _ => Err(ProcessError::Failed("it has no output".to_owned())),
    }
}

/// Why the operating system refused; the kind, not the text, which may name the host's paths.
pub(super) fn failed(error: &std::io::Error) -> ProcessError {
    ProcessError::Failed(error.kind().to_string())
}

/// The folder that the program runs in: inside the first root, links followed.
fn folder(root: &Root, cwd: &str) -> Result<PathBuf, ProcessError> {
    let folder = root.existing(cwd).map_err(|elsewhere| match elsewhere {
        Elsewhere::Outside => ProcessError::Denied,
        Elsewhere::Missing => ProcessError::Failed("cwd: no such folder".to_owned()),
        Elsewhere::Failed(kind) => ProcessError::Failed(format!("cwd: {kind}")),
    })?;
    if folder.is_dir() { Ok(folder) } else { Err(ProcessError::Failed("cwd: not a folder".to_owned())) }
}

/// The program's file: an absolute path as it is, a bare name in the absolute folders of `path`; a relative one
/// would be the workspace's.
fn find(program: &str, path: Option<&OsStr>) -> Result<PathBuf, ProcessError> {
    if program.starts_with('/') {
        let file = PathBuf::from(program);
        return if file.is_file() { Ok(file) } else { Err(ProcessError::NotFound) };
    }
    let folders = std::env::split_paths(path.unwrap_or_default()).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(program)).find(|file| is_executable(file)).ok_or(ProcessError::NotFound)
}

fn is_executable(file: &Path) -> bool {
    file.is_file() && access(file, Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_program_is_found_in_the_absolute_folders_of_path_alone() {
        let made = tempfile::tempdir().unwrap();
        let (first, second) = (made.path().join("first"), made.path().join("second"));
        for (folder, mode) in [(&first, 0o644), (&second, 0o755)] {
            std::fs::create_dir(folder).unwrap();
            std::fs::write(folder.join("tool"), "#!/bin/sh\n").unwrap();
            std::fs::set_permissions(folder.join("tool"), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let find_in =
            |program: &str, folders: &[&Path]| find(program, Some(&std::env::join_paths(folders).unwrap())).ok();
        assert_eq!(find_in("tool", &[&first, &second]), Some(second.join("tool")), "what cannot be run is passed over");
        assert_eq!(find_in("tool", &[&first]), None);
        let up = "../".repeat(std::env::current_dir().unwrap().components().count());
        let relative = PathBuf::from(up).join(second.strip_prefix("/").unwrap());
        assert!(relative.join("tool").is_file());
        assert_eq!(find_in("tool", &[&relative, Path::new("")]), None);
        assert_eq!(find_in("first", &[made.path()]), None, "a folder");
        assert_eq!(find("tool", None).ok(), None);
        let absolute = second.join("tool");
        assert_eq!(find_in(absolute.to_str().unwrap(), &[]), Some(absolute));
        assert_eq!(find_in("/no/such/tool", &[]), None);
    }
}
