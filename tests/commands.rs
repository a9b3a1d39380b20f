//! The command line: bad input is refused with the thing, the place and the mend, and nothing is half-done.

use crate::support::{Home, stderr, stdout};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Runs a command that must be refused; its words must hold each of `says`.
fn refused(home: &Home, arguments: &[&str], input: &[u8], code: i32, says: &[&str]) {
    let output = home.tollgate_with(arguments, input);
    let words = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}{words}", stdout(&output));
    for part in says {
        assert!(words.contains(part), "{arguments:?} does not say {part:?}: {words}");
    }
}

#[test]
fn a_configuration_is_refused_with_its_line_and_the_nearest_name() {
    let home = Home::new();
    for (text, says) in [
        ("[jurnal]\n", "journal"),
        ("[journal]\ndurabilty = \"full\"\n", "durability"),
        ("[journal]\ndurability = 7\n", "durability"),
        ("[journal]\ndurability = \"fast\"\n", "normal"),
        ("[journal\n", "]"),
    ] {
        home.configure(text);
        for command in [["config", "check"].as_slice(), &["run"]] {
            refused(&home, command, b"", 1, &["tollgate.toml", "line", says]);
        }
    }
    home.configure("");
    assert_eq!(home.tollgate(["config", "check"]).status.code(), Some(0));
}

#[test]
fn wrong_usage_is_64_and_no_daemon_is_69() {
    let home = Home::new();
    refused(&home, &["no-such-command"], b"", 64, &["no-such-command"]);
    refused(&home, &["emit", "no"], b"", 64, &["domain.action"]);
    refused(&home, &["emit", "message.in", "--payload", "{}"], b"", 69, &["tollgate run"]);
    refused(&home, &["tail", "--no-follow"], b"", 69, &["tollgate run"]);
    refused(&home, &["plugin", "list"], b"", 69, &["tollgate run"]);
}

#[test]
fn an_event_is_refused_with_its_path_and_nothing_is_kept() {
    let home = Home::new();
    let daemon = home.start();
    refused(
        &home,
        &["emit", "task.progress", "--payload", "{\"progress\": 101, \"message\": \"m\"}"],
        b"",
        1,
        &["progress"],
    );
    refused(&home, &["emit", "task.progress", "--payload", "[1]"], b"", 1, &["object"]);
    refused(&home, &["emit", "task.progress", "--payload", "{"], b"", 1, &["payload"]);
    let huge = format!("{{\"text\": \"{}\"}}", "x".repeat(300 * 1024));
    refused(&home, &["emit", "x.y", "--payload", "-"], huge.as_bytes(), 1, &["262144"]);
    refused(&home, &["emit", "x.y", "--payload", "-"], b"{\"a\": \"\xff\"}", 1, &["UTF-8"]);
    assert_eq!(daemon.events("task.*,x.*").len(), 0);
}

#[test]
fn a_second_daemon_on_one_home_is_refused_with_the_first_ones_pid() {
    let home = Home::new();
    let _daemon = home.start();
    let pid = fs::read_to_string(home.path().join("run/lock")).expect("a lock").trim().to_owned();
    refused(&home, &["run"], b"", 1, &[&pid, "already"]);
}

#[test]
fn a_home_that_cannot_be_used_is_named() {
    let home = Home::new();
    let file = home.path().join("file");
    fs::write(&file, "").expect("a file");
    let output = home.command().env("TOLLGATE_HOME", file.join("below")).args(["run"]).output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("file/below"), "{}", stderr(&output));
}

#[test]
fn the_home_is_closed_to_others() {
    let home = Home::new();
    let _daemon = home.start();
    let mode = |path: &str| fs::metadata(home.path().join(path)).expect("it is there").permissions().mode() & 0o777;
    for private in ["token", "approver-token", "run/tollgate.sock", "journal.db"] {
        assert_eq!(mode(private), 0o600, "{private}");
    }
    assert_eq!(mode("run"), 0o700);
}

#[test]
fn a_verdict_is_an_exit_code() {
    let home = Home::new();
    let _daemon = home.start();
    for (command, code) in [("rm -rf /", 2), ("ls", 0)] {
        let output = home.tollgate(["gate", "Bash", "--command", command, "--json"]);
        assert_eq!(output.status.code(), Some(code), "{command}: {}{}", stdout(&output), stderr(&output));
        let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one object");
        assert_eq!(verdict["seq"].as_array().map(Vec::len), Some(2), "{verdict}");
    }
}

#[test]
fn what_runs_in_a_runners_session_asks_in_it() {
    let home = Home::without_plugins();
    let daemon = home.start();
    let call = home.workspace().join("call.json");
    fs::write(&call, "{\"tool_name\":\"Bash\",\"tool_input\":{\"command\":\"ls\"}}").expect("a call");
    for arguments in [&["gate"][..], &["gate", "Bash", "--command", "ls"]] {
        let mut command = home.command();
        command.env("TOLLGATE_SESSION", "own").args(arguments).stdin(fs::File::open(&call).expect("a call"));
        let output = command.output().expect("the binary ends");
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let sessions: Vec<_> = daemon.events("tool.gated").iter().map(|event| event["session"].clone()).collect();
    assert_eq!(sessions, ["own", "own"]);
}

#[test]
fn explaining_needs_no_daemon_and_leaves_no_trace() {
    let home = Home::new();
    let calls = "{\"tool_name\":\"Bash\",\"tool_input\":{\"command\":\"git push --force\"}}\n{\"tool_name\":\"Bash\",\"tool_input\":{\"command\":\"ls\"}}\n";
    let output = home.tollgate_with(["policy", "explain", "--jsonl"], calls.as_bytes());
    let lines: Vec<serde_json::Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.iter().map(|line| line["decision"].as_str().unwrap()).collect::<Vec<_>>(), ["deny", "abstain"]);
    assert_eq!(lines[0]["cause"], "rule");
    assert!(!home.path().join("journal.db").exists());
    // One call by options and many by lines are not both explained.
    for option in [["--command", "rm -rf /"], ["--input", "{}"]] {
        let arguments = [&["policy", "explain", "--jsonl"][..], &option].concat();
        refused(&home, &arguments, calls.as_bytes(), 64, &["--jsonl", option[0], "cannot be used with"]);
    }
}
