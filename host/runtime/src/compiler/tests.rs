//! A parent and what its child may do to it: programs that never end, never listen, say too much, fail or lie.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up has failed")]

use super::{Artifact, Child, CompileError, CompileLimit, Compiler};
use crate::engine::Engine;
use rustix::process::{Pid, test_kill_process};
use std::path::Path;
use std::time::{Duration, Instant};

/// More than a pipe holds.
const LARGE: usize = 1 << 20;
/// How long a condition may take to come true on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(60);
const NEVER: Duration = Duration::from_secs(3_600);

/// A compiler that is a shell script; the limits are its `$1` and `$2`.
fn script(text: &str) -> Child {
    Child::new("/bin/sh", ["-c", text, "sh"])
}

fn compile(child: &Child, bytes: usize) -> Result<Artifact, CompileError> {
    child.compile(&Engine::new().unwrap(), &vec![0; bytes])
}

fn refused(text: &str, bytes: usize) -> CompileError {
    match compile(&script(text), bytes) {
        Ok(_) => panic!("`{text}` compiled"),
        Err(error) => error,
    }
}

/// A script that writes its process id to `file` first.
fn named(file: &Path, text: &str) -> Child {
    script(&format!("echo $$ > {0}.new; mv {0}.new {0}; {text}", file.display()))
}

fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

fn pid(file: &Path) -> Option<Pid> {
    Pid::from_raw(std::fs::read_to_string(file).ok()?.trim().parse().ok()?)
}

#[test]
fn a_child_that_goes_on_is_killed_at_its_time_and_reaped() {
    let folder = tempfile::tempdir().unwrap();
    for (index, text) in
        ["exec sleep 1000", "exec sleep 1000 >&- 2>&-", "exec sleep 1000 <&-", "while :; do :; done"].iter().enumerate()
    {
        let file = folder.path().join(index.to_string());
        let mut child = named(&file, text);
        // Nothing shorter: the script must get as far as its name on a loaded machine.
        child.limits.time = Duration::from_secs(2);
        let error = compile(&child, LARGE).err();
        assert_eq!(error, Some(CompileError::Limit(CompileLimit::Time(child.limits.time))), "{text}");
        let pid = pid(&file).unwrap();
        assert!(test_kill_process(pid).is_err(), "{text}: {pid:?} is still there, or a zombie");
    }
}

#[test]
fn a_host_that_ends_ends_what_is_being_compiled() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let mut child = named(&file, "exec sleep 1000");
    child.limits.time = NEVER;
    let pid = std::thread::scope(|scope| {
        let compiling = scope.spawn(|| compile(&child, LARGE).err());
        let pid = eventually("it runs", || pid(&file));
        child.stop();
        assert_eq!(compiling.join().unwrap(), Some(CompileError::Stopped));
        pid
    });
    assert!(test_kill_process(pid).is_err());
    assert_eq!(compile(&child, 1).err(), Some(CompileError::Stopped), "nor is anything begun");
}

#[test]
fn what_a_child_writes_is_bounded() {
    let mut child = script("exec cat /dev/zero");
    child.limits.output_bytes = LARGE as u64;
    child.limits.time = NEVER;
    let error = compile(&child, 1).err();
    assert_eq!(error, Some(CompileError::Limit(CompileLimit::Output(LARGE as u64))));
    let CompileError::Invalid(words) = refused("yes noise | head -c 1000000 >&2; exit 1", 1) else {
        panic!("an exit code of its own")
    };
    assert!(words.starts_with("noise\n") && words.len() <= super::child::MAX_WORDS_BYTES, "{} bytes", words.len());
}

#[test]
fn how_a_child_ends_says_what_is_wrong() {
    assert_eq!(refused("echo no component >&2; exit 1", LARGE), CompileError::Invalid("no component".to_owned()));
    let failed = |text: &str, part: &str| match refused(text, LARGE) {
        CompileError::Failed(words) => assert!(words.contains(part), "{text}: {words}"),
        other => panic!("{text}: {other}"),
    };
    failed("echo boom >&2; exit 3", "exit status: 3: boom");
    failed("kill -9 $$", "signal: 9 (SIGKILL): it said nothing");
    let limits = super::CompileLimits::default();
    let limit = |text: &str, limit: CompileLimit| assert_eq!(refused(text, 1), CompileError::Limit(limit), "{text}");
    limit("kill -XCPU $$", CompileLimit::Cpu(limits.cpu_seconds));
    limit("echo memory allocation of 9 bytes failed >&2; kill -ABRT $$", CompileLimit::Memory(limits.memory_bytes));
    let absent = Child::new("/nowhere/at/all", [""; 0]);
    assert!(compile(&absent, 1).err().unwrap().to_string().contains("`/nowhere/at/all` could not be started"));
}

#[test]
fn a_child_has_its_limits_and_nothing_of_the_hosts_environment() {
    let limits = super::CompileLimits::default();
    let told = format!("[ \"$*\" = '{} {}' ] || exit 3", limits.memory_bytes, limits.cpu_seconds);
    let alone = "env | grep -vE '^(RAYON_NUM_THREADS|PWD|OLDPWD|SHLVL|_)=' >&2 && exit 4; exit 1";
    assert_eq!(refused(&format!("{told}; {alone}"), 1), CompileError::Invalid(String::new()));
}

#[test]
fn a_program_that_hands_over_no_code_of_this_engine_runs_nothing() {
    let engine = Engine::new().unwrap();
    for text in ["exit 0", "echo nonsense", "head -c 100000 /dev/zero"] {
        let artifact = compile(&script(text), 1).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(artifact.component(&engine).is_err(), "{text}");
    }
}
