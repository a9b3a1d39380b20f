//! What an agent waits for at every tool call: `tollgate hook claude-code` as a whole process against a running
//! daemon, with journal `normal` and with `full`. Beside it, alternating in the same run: spawning a static program
//! that does nothing, and `python3` reading the same JSON, which is the least that a hook written in it does.
//!
//! `cargo bench -p tollgate --bench hook`. Prints figures; asserts only that the hook did its work.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark that cannot set up has nothing to measure"
)]

#[path = "../../../tests/support/mod.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 300;
/// Rounds that nobody counts: the page cache fills, the daemon has seen the session.
const WARM_UP: usize = 20;

fn main() {
    let scratch = tempfile::tempdir().unwrap();
    let nothing = do_nothing(scratch.path());
    for durability in ["normal", "full"] {
        let home = support::Home::new();
        home.configure(&format!("[journal]\ndurability = \"{durability}\"\n"));
        let daemon = home.start();
        let input = input(&home.workspace());
        let mut hook = home.command();
        hook.args(["hook", "claude-code"]);
        let mut python = Command::new("python3");
        python.args(["-c", "import json,sys; json.load(sys.stdin)"]);
        let mut empty = Command::new(&nothing);
        let (mut hooks, mut empties, mut pythons) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS + WARM_UP {
            let took = [spawn(&mut hook, &input), spawn(&mut empty, &input), spawn(&mut python, &input)];
            if round < WARM_UP {
                continue;
            }
            hooks.extend(took[0]);
            empties.extend(took[1]);
            pythons.extend(took[2]);
        }
        assert!(daemon.events("tool.deferred").len() >= ROUNDS, "the hook asked nobody:\n{}", daemon.log());
        let hook = say(&format!("hook, {durability}"), &mut hooks).expect("the hook ran");
        if let Some(empty) = say("do-nothing static program", &mut empties) {
            println!("ratio of the medians {:.2}", hook / empty);
        }
        match say("python3 reading the JSON", &mut pythons) {
            Some(python) => println!("ratio of the medians {:.2}", hook / python),
            None => println!("python3 is not there"),
        }
    }
}

/// A recorded call, as Claude Code asks it, of a workspace that is there.
fn input(workspace: &Path) -> Vec<u8> {
    let recorded = include_str!("../../../tests/fixtures/hooks/claude-code-2.1.329-ok.jsonl");
    let call = recorded.lines().find(|line| line.contains("PreToolUse")).expect("a recorded call");
    let mut call: serde_json::Value = serde_json::from_str(call).unwrap();
    call["cwd"] = workspace.to_str().unwrap().into();
    call["tool_name"] = "Bash".into();
    call["tool_input"] = serde_json::json!({"command": "cargo test --workspace", "description": "Run the tests"});
    call.to_string().into_bytes()
}

/// One run from spawn to exit; none where the program is not there.
fn spawn(command: &mut Command, input: &[u8]) -> Option<Duration> {
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut child = command.spawn().ok()?;
    // A program that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input);
    let status = child.wait().unwrap();
    let took = begun.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    Some(took)
}

/// Compiles a static program whose `main` is empty.
fn do_nothing(folder: &Path) -> PathBuf {
    let (source, program) = (folder.join("nothing.rs"), folder.join("nothing"));
    std::fs::write(&source, "fn main() {}\n").unwrap();
    let options = ["-O", "-C", "target-feature=+crt-static", "-C", "strip=symbols", "-o"];
    let status = Command::new("rustc").args(options).arg(&program).arg(&source).status().unwrap();
    assert!(status.success(), "rustc: {status}");
    program
}

/// Prints the percentiles; the median in milliseconds.
fn say(name: &str, times: &mut [Duration]) -> Option<f64> {
    times.sort_unstable();
    let at = |per_mille: usize| Some(times.get(times.len().checked_sub(1)? * per_mille / 1_000)?.as_secs_f64() * 1e3);
    let (p50, p99) = (at(500)?, at(990)?);
    println!("{name:<26} p50 {p50:>6.2} ms  p99 {p99:>6.2} ms  ({} times)", times.len());
    Some(p50)
}
