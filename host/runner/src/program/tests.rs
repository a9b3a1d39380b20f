//! Real shells in real terminals.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is the test's failure")]

use super::*;
use rustix::process::{Pid, Signal, test_kill_process};
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, timeout};

const DEADLINE: Duration = Duration::from_secs(20);

fn order(script: &str, folder: &Path) -> Order {
    Order {
        program: "sh".to_owned(),
        args: vec!["-c".to_owned(), script.to_owned()],
        env: Vec::new(),
        given: vec![("TOLLGATE_SESSION".to_owned(), "s1".to_owned())],
        folder: folder.to_owned(),
        size: Size { cols: 91, rows: 23 },
    }
}

/// Reads until `text` was written.
async fn read_until(program: &Program, text: &str) -> String {
    let mut seen = String::new();
    let read = async {
        let mut bytes = [0; 4_096];
        while !seen.contains(text) {
            let count = program.terminal.read(&mut bytes).await.unwrap();
            assert!(count > 0, "it closed after {seen:?}");
            seen += &String::from_utf8_lossy(bytes.get(..count).unwrap());
        }
    };
    if timeout(DEADLINE, read).await.is_err() {
        panic!("never {text:?}, but {seen:?}");
    }
    seen
}

async fn write(program: &Program, text: &str) {
    assert_eq!(timeout(DEADLINE, program.terminal.write(text.as_bytes())).await.unwrap().unwrap(), text.len());
}

async fn ended(program: &mut Program) -> Exit {
    timeout(DEADLINE, program.processes.ended()).await.unwrap()
}

/// Whether there is such a process, that has not ended.
fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    test_kill_process(Pid::from_raw(pid).unwrap()).is_ok() && !matches!(state, None | Some('Z' | 'X'))
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "never {what}");
        tokio::task::yield_now().await;
    }
}

fn pid_in(text: &str, name: &str) -> i32 {
    let after = text.split(&format!("{name}=")).nth(1).unwrap();
    after.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_program_has_a_terminal_a_folder_and_what_is_listed_of_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let script = "test -t 0 && test -t 1 && pwd && stty size && env && exit 7";
    let mut program = launch(order(script, folder.path())).await.unwrap();
    assert_eq!(ended(&mut program).await, Exit::Code(7));
    let text = read_rest(&program);
    let name = folder.path().file_name().unwrap().to_str().unwrap();
    assert!(text.contains(name) && text.contains("23 91"), "{text}");
    assert!(text.contains("TERM=xterm-256color") && text.contains("TOLLGATE_SESSION=s1"), "{text}");
    let named: Vec<_> = text.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    let known = ["PATH", "HOME", "TERM", "TOLLGATE_SESSION", "SHELL", "PWD", "OLDPWD", "SHLVL", "_"];
    assert!(named.iter().all(|name| known.contains(name)), "{named:?}");
}

#[tokio::test]
async fn a_program_takes_input_and_hears_of_the_size() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap 'echo size=$(stty size)' WINCH; echo ready; while :; do read line && echo got=$line; done";
    let program = launch(order(script, folder.path())).await.unwrap();
    read_until(&program, "ready").await;
    write(&program, "hello\n").await;
    read_until(&program, "got=hello").await;
    program.terminal.resize(Size { cols: 100, rows: 40 }).unwrap();
    write(&program, "again\n").await;
    read_until(&program, "size=40 100").await;
    // What the terminal makes of a control character reaches the program: an interrupt.
    let pid = program.processes.identity().unwrap().pid;
    write(&program, "\u{3}").await;
    let mut program = program;
    assert_eq!(ended(&mut program).await, Exit::Signal(Signal::INT.as_raw()));
    drop(program);
    until("gone", || !is_alive(pid)).await;
}

#[tokio::test]
async fn all_that_a_program_started_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    // A job of its own group, one that hears no hang-up, and the shell itself.
    let script =
        "set -m; sleep 600 & echo job=$!; (trap '' HUP TERM; exec sleep 601) & echo deaf=$!; echo ready=$$.; wait";
    let program = launch(order(script, folder.path())).await.unwrap();
    let told = read_until(&program, ".").await;
    let pids = ["job", "deaf", "ready"].map(|name| pid_in(&told, name));
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    assert_eq!(program.processes.usage().processes, 3);
    drop(program);
    for pid in pids {
        until("gone", || !is_alive(pid)).await;
    }
}

/// What is there now.
fn read_rest(program: &Program) -> String {
    let mut seen = Vec::new();
    let mut bytes = [0; 4_096];
    loop {
        match program.terminal.read_now(&mut bytes).unwrap() {
            0 => return String::from_utf8_lossy(&seen).into_owned(),
            count => seen.extend(bytes.iter().take(count)),
        }
    }
}

#[tokio::test]
async fn stopped_programs_do_nothing_until_they_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let script = "echo ready=$$.; sh -c 'while read line; do echo got=$line; done'";
    let program = launch(order(script, folder.path())).await.unwrap();
    read_until(&program, "ready=").await;
    write(&program, "one\n").await;
    read_until(&program, "got=one").await;
    program.processes.stop();
    let states = || {
        let pid = program.processes.identity().unwrap().pid;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
    };
    until("stopped", || states() == 'T').await;
    write(&program, "two\n").await;
    program.processes.signal(Signal::CONT);
    read_until(&program, "got=two").await;
    assert_ne!(states(), 'T');
}

#[tokio::test]
async fn what_a_program_uses_is_what_the_system_says() {
    let folder = tempfile::tempdir().unwrap();
    let script = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo busy; read wait; exit 3";
    let mut program = launch(order(script, folder.path())).await.unwrap();
    read_until(&program, "busy").await;
    let usage = program.processes.usage();
    assert!((10..600_000).contains(&usage.cpu_ms), "{usage:?}");
    assert!((100_000..1_000_000_000).contains(&usage.resident_bytes) && usage.processes == 1, "{usage:?}");
    write(&program, "\n").await;
    assert_eq!(ended(&mut program).await, Exit::Code(3));
    let after = program.processes.usage();
    assert!(after.cpu_ms >= usage.cpu_ms && after.processes == 0, "unreaped, it still says what it used: {after:?}");
}

#[tokio::test]
async fn what_is_left_after_a_restart_is_found_and_killed() {
    let folder = tempfile::tempdir().unwrap();
    let script = "sh -c 'trap \"\" HUP; echo child=$$.; exec sleep 600' & wait";
    let program = launch(order(script, folder.path())).await.unwrap();
    let told = read_until(&program, ".").await;
    let child = pid_in(&told, "child");
    let identity = program.processes.identity().unwrap();
    // As after a kill of the host: nobody ends them, and the leader hears the terminal hang up.
    std::mem::forget(program.processes);
    drop(program.terminal);
    let leader = Pid::from_raw(identity.pid).unwrap();
    let reaped = tokio::task::spawn_blocking(move || {
        rustix::process::waitid(rustix::process::WaitId::Pid(leader), rustix::process::WaitIdOptions::EXITED)
    });
    timeout(DEADLINE, reaped).await.unwrap().unwrap().unwrap();
    assert!(is_alive(child), "it does not hear that");
    assert_eq!(kill_left_over(&identity), 1);
    until("gone", || !is_alive(child)).await;
    assert_eq!(kill_left_over(&identity), 0);
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Order { program: "no-such-agent".to_owned(), ..order("", folder.path()) };
    let error = launch(missing).await.err().unwrap();
    assert_eq!(error, LaunchError::NotFound("no-such-agent".to_owned()));
    let nowhere = Order { folder: folder.path().join("none"), ..order("", folder.path()) };
    assert_eq!(launch(nowhere).await.err(), Some(LaunchError::NoFolder));
    assert!(!Size { cols: 0, rows: 1 }.is_possible() && !Size { cols: 80, rows: 1_001 }.is_possible());
    assert!(Size { cols: 1_000, rows: 1 }.is_possible());
}
