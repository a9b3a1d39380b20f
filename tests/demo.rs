//! The demonstration holds what it promises, on a machine without a daemon, and leaves nothing behind.

use crate::support::{Home, stderr, stdout, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TESTS: &str = "`/test` in a chat: a cargo workspace with a bug in it";
const MERGE: &str = "`/git merge` in a chat: a repository with conflicts";

/// The demonstration with a temporary folder of its own, so that a test sees what is left there.
fn demo(home: &Home) -> (Command, PathBuf) {
    let temporary = home.path().join("temporary");
    fs::create_dir_all(&temporary).unwrap();
    let mut command = home.command();
    command.arg("demo").env("TMPDIR", &temporary);
    (command, temporary)
}

/// The PATH of this process, with the cargo that built this test in front: the one on it may be a proxy, which finds
/// its compilers in a home that tests do not have.
fn path_with_cargo() -> OsString {
    let cargo = Path::new(env!("CARGO")).parent().unwrap().to_owned();
    let others = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(cargo).chain(std::env::split_paths(&others))).unwrap()
}

/// Whether the system has a program that links, and git: the demonstration does without, and then shows less.
fn answers(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn every_expectation_of_the_demonstration_holds() {
    let home = Home::new();
    let (mut command, temporary) = demo(&home);
    let elsewhere = home.path().join("elsewhere");
    command.arg("--json").env("PATH", path_with_cargo());
    // What `cargo run` and a git hook set for what they start must not steer what the demonstration runs.
    command.env("CARGO_TARGET_DIR", &elsewhere).env("RUSTC_WRAPPER", "/no/such/wrapper").env("RUSTFLAGS", "--no-such");
    command.env("CARGO_MANIFEST_DIR", "/").env("CARGO_BUILD_TARGET", "no-such-target");
    command.env("GIT_DIR", "/no/such/repository").env("GIT_INDEX_FILE", &elsewhere);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!(report["ok"], true, "{report}");
    let mut keys: Vec<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["by_type", "events", "ok", "plugins", "skipped", "verdicts"]);
    assert_eq!(report["verdicts"]["by_cause"], json!({"pending": 2, "plugin": 1, "rule": 1, "sandbox": 1}));
    let plugins = report["plugins"].as_array().expect("a list");
    let (cargo, git) = (answers("cc"), answers("git"));
    let skipped: Vec<&str> =
        report["skipped"].as_array().unwrap().iter().map(|skipped| skipped["scene"].as_str().unwrap()).collect();
    let expected = [(TESTS, cargo), (MERGE, git)];
    assert_eq!(skipped, expected.iter().filter(|scene| !scene.1).map(|scene| scene.0).collect::<Vec<_>>());
    let bundled = [("merge-resolver", git), ("test-runner", cargo)];
    for (name, faults) in [("audit", 0), ("counter", 0), ("no-secrets", 0), ("spin-handle", 3), ("translation", 0)]
        .into_iter()
        .chain(bundled.into_iter().filter(|(_, there)| *there).map(|(name, _)| (name, 0)))
    {
        let plugin =
            plugins.iter().find(|plugin| plugin["name"] == name).unwrap_or_else(|| panic!("no {name}: {report}"));
        assert_eq!(plugin["faults"], faults, "{plugin}");
        assert!(plugin["fuel"].as_u64().is_some_and(|fuel| fuel > 0), "{plugin}");
    }
    let told = |event_type: &str| report["by_type"][event_type].as_u64().unwrap_or_default();
    for (event_type, count) in [
        ("message.queued", 2),
        ("interaction.requested", 2),
        ("interaction.resolved", 1),
        ("test_run.finished", 1 + u64::from(cargo)),
        ("test.completed", u64::from(cargo)),
        ("merge.completed", u64::from(git)),
    ] {
        assert_eq!(told(event_type), count, "{event_type} in {report}");
    }
    assert!(!elsewhere.exists(), "it built into a folder that is not its own");
    assert!(is_empty(&temporary), "it left its folder");
    assert!(!home.path().join("journal.db").exists(), "it has a home of its own");
}

#[test]
fn without_cargo_and_git_their_scenes_are_skipped_and_say_why() {
    let home = Home::new();
    let (mut command, _) = demo(&home);
    let output = command.arg("--json").env("PATH", home.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one object");
    let skipped = json!([
        {"scene": TESTS, "reason": "no `cargo` on PATH"},
        {"scene": MERGE, "reason": "no `git` on PATH"},
    ]);
    assert_eq!((&report["skipped"], &report["ok"]), (&skipped, &json!(true)), "{report}");
    assert_eq!(report["by_type"]["test.completed"], Value::Null, "{report}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_leaves_no_folder_and_no_program_behind() {
    let home = Home::new();
    let bin = home.path().join("bin");
    // A cargo that builds until it is killed.
    program(&bin, "cargo", "[ \"$1\" = --version ] && exit 0\nsleep 1000 & wait\n");
    program(&bin, "cc", "exit 0\n");
    let mut folders = vec![bin];
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let (mut command, temporary) = demo(&home);
    command.env("PATH", std::env::join_paths(folders).unwrap()).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let shop = |cwd: &PathBuf| cwd.starts_with(&temporary) && cwd.ends_with("shop");
    let programs = wait_for("cargo in the demonstration's workspace", || {
        Some(working_folders().into_iter().filter(|(_, cwd)| shop(cwd)).collect::<Vec<_>>())
            .filter(|found| found.len() > 1)
    });
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("stopped by a signal"), "{}", stderr(&output));
    assert!(is_empty(&temporary), "it left its folder");
    wait_for("its programs to be gone", || {
        let left = working_folders();
        programs.iter().all(|(pid, _)| !left.iter().any(|(other, _)| other == pid)).then_some(())
    });
}

/// Every process whose working folder can be read, with that folder.
fn working_folders() -> Vec<(String, PathBuf)> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let cwd = |entry: fs::DirEntry| {
        Some((entry.file_name().into_string().ok()?, fs::read_link(entry.path().join("cwd")).ok()?))
    };
    processes.filter_map(cwd).collect()
}

fn program(folder: &Path, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir_all(folder).unwrap();
    let file = folder.join(name);
    fs::write(&file, format!("#!/bin/sh\n{script}")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}
