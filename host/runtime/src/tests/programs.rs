//! `process` through a real component: what may run, where and with what, and that nothing is left of it.

use super::{SESSION, World};
use crate::limits::{MAX_HOST_CALL_BYTES, MAX_PROGRAM_OUTPUT_BYTES, MAX_PROGRAMS_PER_PLUGIN};
use rustix::process::{Pid, test_kill_process};
use serde_json::{Value, json};
use tollgate_bundled::guests;

const RAN: &str = "test_guest.ran";

/// Fuel and time enough for a loaded machine.
const AMPLE: &str = "[limits]\nfuel_per_event = 1_000_000_000\ntimeout_ms = 600_000\n";

async fn world(process: &str, env: &str, limits: &str) -> World {
    let grant = format!("[grant]\nemit = [\"test_guest.*\"]\nprocess = [{process}]\nenv = [{env}]\n{limits}");
    let world = World::with("run-programs", guests::RUN_PROGRAMS, &grant).await;
    assert_eq!(world.state("run-programs"), crate::PluginState::Serving, "{}", world.story());
    world
}

/// A world whose plugin may run any script.
async fn any_script() -> World {
    world(ANY_SCRIPT, "", AMPLE).await
}

const ANY_SCRIPT: &str = "{ program = \"sh\", args = [\"-c\", \"*\"] }";

fn script(text: &str, then: &str) -> Value {
    json!({"program": "sh", "args": ["-c", text], "then": then})
}

impl World {
    async fn ran(&self, order: Value) -> Value {
        self.ask(&order, RAN).await
    }

    /// What a program wrote into a file of the workspace, as a process id.
    async fn pid(&self, file: &str) -> Pid {
        let path = self.workspace.join(file);
        let read = || std::fs::read_to_string(&path).ok()?.strip_suffix('\n')?.parse().ok().and_then(Pid::from_raw);
        self.eventually(&format!("a pid in {file}"), || read().is_some()).await;
        read().unwrap()
    }

    async fn gone(&self, pid: Pid) {
        self.eventually("the process is gone", || !is_alive(pid)).await;
    }
}

/// Whether the process runs. One that was adopted and waits to be reaped by a stranger does not.
fn is_alive(pid: Pid) -> bool {
    let zombie = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid()))
        .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')));
    test_kill_process(pid).is_ok() && !zombie
}

#[tokio::test(flavor = "multi_thread")]
async fn a_granted_program_runs_in_the_workspace_and_says_how_it_ended() {
    let world = world("{ program = \"sh\", args = [\"-c\", \"pwd; cat; echo err >&2; exit 3\"] }", "", AMPLE).await;
    let mut order = script("pwd; cat; echo err >&2; exit 3", "read");
    let folder = world.workspace.to_str().unwrap();
    let ran = world.ran(order.clone()).await;
    assert_eq!((&ran["exit"], &ran["stdout"]), (&json!("code 3"), &json!(format!("{folder}\n"))));
    assert_eq!(ran["stderr"], "err\n");
    order["stdin"] = "in".into();
    order["then"] = "wait".into();
    assert_eq!(world.ran(order).await["stdout"], format!("{folder}\nin"));
    world.eventually("all is reaped", || world.runtime().programs() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_asked_for_and_granted_to_the_letter_is_denied() {
    let world = world(
        "{ program = \"sh\", args = [\"-c\", \"true\"] }, { program = \"true\" }, { program = \"tool\" }",
        "\"GRANTED\"",
        AMPLE,
    )
    .await;
    assert_eq!(world.ran(script("true", "read")).await["exit"], "code 0");
    assert_eq!(world.ran(script("false", "read")).await["refused"], "denied");
    assert_eq!(world.ran(json!({"program": "sh", "then": "read"})).await["refused"], "denied");
    assert_eq!(world.ran(json!({"program": "env", "then": "read"})).await["refused"], "denied", "asked for alone");
    assert_eq!(world.ran(json!({"program": "true", "then": "read"})).await["refused"], "denied", "granted alone");
    // A file of the workspace is never what a bare name means.
    std::fs::write(world.workspace.join("tool"), "#!/bin/sh\n").unwrap();
    assert_eq!(world.ran(json!({"program": "tool", "then": "read"})).await["refused"], "not found");
    assert_eq!(world.ran(json!({"program": "./tool", "then": "read"})).await["refused"], "denied");
    for (name, expected) in [("GRANTED", Value::Null), ("LD_PRELOAD", "denied".into()), ("PATH", "denied".into())] {
        let mut order = script("true", "read");
        order["env"] = json!([[name, "x"]]);
        assert_eq!(world.ran(order).await["refused"], expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_has_of_the_environment_what_is_granted() {
    let own = ["PATH", "HOME", "PWD", "SHLVL", "_"];
    let (granted, value) = std::env::vars()
        .find(|(name, value)| !own.contains(&name.as_str()) && !value.contains('\n') && !name.contains(['"', '\\']))
        .unwrap();
    let world = world("{ program = \"env\" }", &format!("\"{granted}\", \"SET\", \"NOT_THERE\""), AMPLE).await;
    let ran = world.ran(json!({"program": "env", "env": [["SET", "by the guest"]], "then": "read"})).await;
    let lines: Vec<&str> = ran["stdout"].as_str().unwrap().lines().collect();
    for line in &lines {
        let name = line.split('=').next().unwrap();
        assert!(["PATH", "HOME", "SET", &granted].contains(&name), "{line}");
    }
    assert!(lines.contains(&"SET=by the guest") && lines.contains(&&*format!("{granted}={value}")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("PATH=")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_runs_inside_the_first_root() {
    let world = any_script().await;
    std::fs::create_dir_all(world.workspace.join("deep/er")).unwrap();
    std::fs::write(world.workspace.join("file"), "").unwrap();
    std::os::unix::fs::symlink("deep/er", world.workspace.join("within")).unwrap();
    std::os::unix::fs::symlink("/", world.workspace.join("out")).unwrap();
    std::os::unix::fs::symlink(world.home.root(), world.workspace.join("home")).unwrap();
    for (cwd, expected) in [
        ("deep", json!("deep")),
        ("within", json!("deep/er")),
        ("..", json!("denied")),
        ("/", json!("denied")),
        ("out", json!("denied")),
        ("home", json!("denied")),
        ("gone", json!("failed: cwd: no such folder")),
        ("file", json!("failed: cwd: not a folder")),
    ] {
        let mut order = script("pwd -P", "read");
        order["cwd"] = cwd.into();
        let ran = world.ran(order).await;
        let found = match ran["stdout"].as_str() {
            Some(folder) => json!(folder.trim_end().strip_prefix(world.workspace.to_str().unwrap()).unwrap()[1..]),
            None => ran["refused"].clone(),
        };
        assert_eq!(found, expected, "{cwd}");
    }
    let before = world.events(RAN).len();
    world.order(None, &script("true", "read")).await;
    world.order(Some("never seen"), &script("true", "read")).await;
    let ran = world.wait_for(RAN, before + 2).await;
    assert_eq!(super::fields(&ran[before..], "refused"), ["no session", "no session"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_output_is_cut_at_its_limit_and_its_program_killed() {
    let world = any_script().await;
    let ran = world.ran(script("echo $$ > pid; yes", "read")).await;
    assert_eq!((&ran["exit"], &ran["sizes"]), (&json!("output limit"), &json!([MAX_PROGRAM_OUTPUT_BYTES, 0])));
    assert!(ran["longest"].as_u64().unwrap() <= 64 * 1_024, "{}", ran["longest"]);
    world.gone(world.pid("pid").await).await;
    // Both streams count; what is exactly as much as may be is not too much.
    let (half, most) = (MAX_PROGRAM_OUTPUT_BYTES / 2, MAX_PROGRAM_OUTPUT_BYTES);
    let ran = world.ran(script(&format!("head -c {half} /dev/zero; head -c {half} /dev/zero >&2"), "read")).await;
    assert_eq!((&ran["exit"], &ran["sizes"]), (&json!("code 0"), &json!([half, half])));
    let ran = world.ran(script(&format!("head -c {most} /dev/zero; printf x >&2"), "read")).await;
    let sizes: u64 = ran["sizes"].as_array().unwrap().iter().filter_map(Value::as_u64).sum();
    assert_eq!((&ran["exit"], sizes), (&json!("output limit"), most));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_nobody_reads_waits_and_its_time_runs_out() {
    let world = any_script().await;
    let mut order = script("echo $$ > pid; yes; echo done > done", "wait");
    order["timeout_ms"] = 300.into();
    let ran = world.ran(order).await;
    assert_eq!(ran["exit"], "timed out");
    // What the pipe holds, and no more: the host keeps nothing beside it.
    assert!(ran["sizes"][0].as_u64().unwrap() <= 1 << 20, "{}", ran["sizes"]);
    assert!(!world.workspace.join("done").exists());
    world.gone(world.pid("pid").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_sleeps_is_killed_in_time_for_its_guest_to_tell() {
    let world = world(ANY_SCRIPT, "", "[limits]\ntimeout_ms = 3_000\n").await;
    let ran = world.ran(script("echo $$ > pid; echo early; exec sleep 600", "read")).await;
    assert_eq!((&ran["exit"], &ran["stdout"]), (&json!("timed out"), &json!("early\n")));
    assert_eq!(world.status("run-programs").faults, 0);
    world.gone(world.pid("pid").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_a_program_started_ends_with_it() {
    let world = any_script().await;
    // It ends at once; what it leaves behind holds its output open.
    let ran = world.ran(script("(echo $$; exec sleep 600) & echo $! > pid; echo told", "read")).await;
    assert_eq!(ran["exit"], "code 0");
    assert!(ran["stdout"].as_str().unwrap().contains("told\n"));
    world.gone(world.pid("pid").await).await;
    for then in ["kill", "drop"] {
        let text = format!("sleep 600 & echo $! > {then}-child; echo $$ > {then}; echo up; wait");
        let mut order = script(&text, then);
        // In the same call, where only the drop can have ended it.
        order["after"] = "while kill -0 $(cat drop); do :; done 2>/dev/null".into();
        let ran = world.ran(order).await;
        assert_eq!(ran["exit"], if then == "kill" { "signal 9" } else { "code 0" }, "{ran}");
        world.gone(world.pid(then).await).await;
        world.gone(world.pid(&format!("{then}-child")).await).await;
    }
    world.eventually("all is reaped", || world.runtime().programs() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_started_may_finish_writing() {
    let world = any_script().await;
    // Once the program itself is no more than an id to be reaped.
    let ended = "while read -r _ _ state _ < /proc/$$/stat && [ $state != Z ]; do :; done 2>/dev/null";
    let ran = world.ran(script(&format!("({ended}; echo late) & exit 0"), "read")).await;
    assert_eq!((&ran["exit"], &ran["stdout"]), (&json!("code 0"), &json!("late\n")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_its_group_is_out_of_reach_and_keeps_nobody_waiting() {
    let world = any_script().await;
    let text = "setsid sh -c 'echo $$ > pid; exec sleep 600' & while [ ! -s pid ]; do :; done; echo told";
    let ran = world.ran(script(text, "read")).await;
    assert_eq!((&ran["exit"], &ran["stdout"]), (&json!("code 0"), &json!("told\n")));
    let escaped = world.pid("pid").await;
    assert!(is_alive(escaped), "docs/security.md says that it lives");
    rustix::process::kill_process(escaped, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_program_outlives_its_call() {
    let world = any_script().await;
    let held = world.ran(script("echo $$ > held; exec sleep 600", "hold")).await;
    assert_eq!(held["held"], 1);
    world.eventually("killed with the call", || world.runtime().programs() == 0).await;
    let looked = world.ran(script("true", "look")).await;
    assert_eq!(looked["exits"], json!(["signal 9"]));
}

/// A call that ends in a fault while a program runs; the event is tried three times, each with its program.
async fn faults(then: &str, limits: &str, cause: &str) {
    let world = world(ANY_SCRIPT, "", limits).await;
    world.order(Some(SESSION), &script("echo $$ >> pids; echo up; exec sleep 600", then)).await;
    let faulted = world.wait_for("plugin.faulted", 3).await;
    assert_eq!(super::fields(&faulted, "cause"), [json!(cause), json!(cause), json!(cause)]);
    world.eventually("all is reaped", || world.runtime().programs() == 0).await;
    let pids = std::fs::read_to_string(world.workspace.join("pids")).unwrap();
    let pids: Vec<Pid> = pids.lines().filter_map(|line| Pid::from_raw(line.parse().unwrap())).collect();
    assert!(pids.len() == 3 && !pids.into_iter().any(is_alive));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_faults_takes_its_programs_along() {
    let patient = "[limits]\ntimeout_ms = 600_000\n";
    faults("trap", patient, "panic").await;
    faults("spin", patient, "out_of_fuel").await;
    faults("spin", "[limits]\nfuel_per_event = 1_000_000_000_000\ntimeout_ms = 2_000\n", "timeout").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_stops_takes_every_program_along() {
    let mut world = any_script().await;
    world.order(Some(SESSION), &script("echo $$ > pid; exec sleep 600", "read")).await;
    let pid = world.pid("pid").await;
    let runtime = world.runtime.take().unwrap();
    // Without waiting for the call in flight, as at the end of a shutdown that took too long.
    drop(runtime);
    world.eventually("it ends with the host", || !is_alive(pid)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_holds_a_bounded_number_of_programs() {
    let world = any_script().await;
    let hoarded = world.ran(script("exec sleep 600", "hoard")).await;
    assert_eq!(hoarded["held"], MAX_PROGRAMS_PER_PLUGIN);
    assert!(hoarded["refused"].as_str().unwrap().starts_with("failed: at most 8 programs"), "{hoarded}");
    world.eventually("counted", || world.status("run-programs").over_budget == 1).await;
    // Ended with the call, and still held: each holds two pipes.
    assert!(world.ran(script("true", "read")).await["refused"].is_string());
    assert_eq!(world.ran(script("true", "look")).await["exits"].as_array().unwrap().len(), MAX_PROGRAMS_PER_PLUGIN);
    assert_eq!(world.ran(script("true", "read")).await["exit"], "code 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn input_passes_in_bounds_and_need_not_be_read() {
    let world = any_script().await;
    let mut order = script("wc -c", "read");
    order["stdin"] = "x".repeat(200_000).into();
    assert_eq!(world.ran(order.clone()).await["stdout"].as_str().unwrap().trim(), "200000");
    order["args"][1] = "exec sleep 0".into();
    assert_eq!(world.ran(order.clone()).await["exit"], "code 0", "more than a pipe holds, and nobody reads it");
    order["input_bytes"] = MAX_HOST_CALL_BYTES.into();
    world.order(Some(SESSION), &order).await;
    let faulted = world.wait_for("plugin.faulted", 1).await;
    assert_eq!(super::fields(&faulted[..1], "cause"), ["host_bytes"]);
}
