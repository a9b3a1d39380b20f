//! Policy as an operator meets it: files checked and tested, calls explained, edits in force while the daemon runs.

use crate::support::{Daemon, Home, stderr, stdout, wait_for};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

/// A policy `own` whose only rule is about `ls`.
fn own(action: &str) -> String {
    format!("version: 1\nname: own\nrules:\n  - {{name: ls, tool: Bash, match: {{program: ls}}, action: {action}}}\n")
}

fn write(home: &Home, text: &str) {
    fs::create_dir_all(home.path().join("policies")).expect("a folder");
    fs::write(home.path().join("policies/own.yaml"), text).expect("a policy file");
}

/// Who decides `command`, and how.
fn decided(home: &Home, daemon: &Daemon, command: &str) -> (String, String) {
    let call = json!({"tool_name": "Bash", "tool_input": {"command": command}, "cwd": home.workspace()});
    let (status, verdict) = daemon.post("/api/gate", &call.to_string()).expect("the daemon answers");
    assert_eq!(status, 200, "{verdict}");
    let text = |name: &str| verdict[name].as_str().unwrap_or_default().to_owned();
    (text("decision"), text("decided_by"))
}

fn wait_until_decided(home: &Home, daemon: &Daemon, command: &str, decision: &str, by: &str) {
    wait_for(format!("`{command}` is {decision} by {by}"), || {
        (decided(home, daemon, command) == (decision.to_owned(), by.to_owned())).then_some(())
    });
}

fn wait_until_logged(daemon: &Daemon, parts: &[&str]) {
    wait_for(format!("the log says {parts:?}"), || {
        let said = daemon.log().lines().any(|line| parts.iter().all(|part| line.contains(part)));
        said.then_some(())
    });
}

#[test]
fn an_edited_policy_is_in_force_and_a_broken_one_keeps_the_last() {
    let home = Home::new();
    home.configure("[gate]\nrescan_ms = 100\n");
    let daemon = home.start();
    assert_eq!(decided(&home, &daemon, "ls").0, "abstain");
    write(&home, &own("deny"));
    wait_until_decided(&home, &daemon, "ls", "deny", "own/ls");
    write(&home, &own("denied"));
    wait_until_logged(&daemon, &["own.yaml:4:", "did you mean `deny`?", "the last good policy stays"]);
    assert_eq!(decided(&home, &daemon, "ls"), ("deny".to_owned(), "own/ls".to_owned()));
    // Still whole: guardrails came with it.
    assert_eq!(decided(&home, &daemon, "rm -rf /home"), ("deny".to_owned(), "sandbox".to_owned()));
    assert_eq!(decided(&home, &daemon, "git push --force").1, "guardrails/git-force-push");
    write(&home, &own("allow"));
    wait_until_decided(&home, &daemon, "ls", "allow", "own/ls");
    fs::remove_file(home.path().join("policies/own.yaml")).expect("it was there");
    wait_until_decided(&home, &daemon, "ls", "abstain", "");
}

#[test]
fn other_presets_are_in_force_and_the_rest_waits_for_a_restart() {
    let home = Home::new();
    home.configure("[gate]\nrescan_ms = 100\n");
    let daemon = home.start();
    assert_eq!(decided(&home, &daemon, "curl x").0, "abstain");
    home.configure("[gate]\nrescan_ms = 100\npresets = [\"strict\"]\n[journal]\ndurability = \"normal\"\n");
    wait_until_decided(&home, &daemon, "curl x", "deny", "strict/default");
    wait_until_logged(&daemon, &["[journal] durability", "after a restart"]);
    home.configure("[gate]\nrescan_ms = 100\npresets = [\"strictt\"]\n");
    wait_until_logged(&daemon, &["did you mean `strict`?", "the last good configuration stays"]);
    home.configure("[gate\n");
    wait_until_logged(&daemon, &["tollgate.toml, line 6", "the last good configuration stays"]);
    assert_eq!(decided(&home, &daemon, "curl x").1, "strict/default");
    home.configure("[gate]\npresets = [\"permissive\"]\n");
    wait_until_decided(&home, &daemon, "curl x", "allow", "permissive/default");
}

#[test]
fn a_hangup_reads_the_policy_again() {
    let home = Home::new();
    home.configure("[gate]\nwatch = false\n");
    let daemon = home.start();
    write(&home, &own("deny"));
    let pid = fs::read_to_string(home.path().join("run/lock")).expect("a lock").trim().to_owned();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().expect("kill runs").success());
    wait_until_decided(&home, &daemon, "ls", "deny", "own/ls");
}

#[test]
fn checking_says_all_that_is_wrong_with_its_place() {
    let home = Home::new();
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let right = file("right.yaml", &own("deny"));
    let output = home.tollgate(["policy", "check", &right]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), format!("{right} is right: 1 rule\n")));
    let wrong = file(
        "wrong.yaml",
        "version: 1\nname: w\nrules:\n- {name: a, tool: Bash, action: denny}\n- {name: b, tool: Bash, match: {program: x}, action: deny, examples: {match: [y]}}\n",
    );
    let output = home.tollgate(["policy", "check", &right, &wrong, "none.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<String> = stdout(&output).lines().map(str::to_owned).collect();
    assert!(lines[0].starts_with("none.yaml: "), "{lines:?}");
    assert_eq!(lines[1], format!("{wrong}:4:33: `action` cannot be `denny`; did you mean `deny`?"));
    assert_eq!(lines[2], format!("{wrong}:5:79: rule `b`: the example `y` under `match` does not match"));
    assert_eq!(lines.len(), 3, "{lines:?}");
    // Two files with one policy's name cannot be used together.
    let output = home.tollgate(["policy", "check", "--json", &right, &file("again.yaml", &own("allow"))]);
    let said: Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said["files"][0], json!({"file": right, "rules": 1}));
    assert_eq!((&said["problems"][0]["line"], &said["problems"][0]["column"]), (&json!(4), &json!(12)));
    assert_eq!(home.tollgate(["policy", "check"]).status.code(), Some(64));
}

#[test]
fn testing_holds_rules_against_examples_and_policies_against_cases() {
    let home = Home::new();
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let policy = file(
        "own.yaml",
        "version: 1\nname: own\nrules:\n- {name: any, tool: Bash, match: {program: [a, b]}, action: deny, examples: {match: [a, b], not_match: [c]}}\n- {name: b, tool: Bash, match: {program: b}, action: deny, examples: {match: [b]}}\n- {name: none, tool: Bash, match: {program: d}, action: allow}\n",
    );
    let output = home.tollgate(["policy", "test", &policy]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for says in [
        "own.yaml:6: own/none has no examples",
        "own.yaml:5: `b` matches own/b, and own/any decides it: deny",
        "3 rules, 4 examples hold",
    ] {
        assert!(stdout(&output).contains(says), "{says}\n{}", stdout(&output));
    }
    let cases = file(
        "cases.yaml",
        "version: 1\npolicies: [own.yaml, guardrails]\ncases:\n- {command: a, expect: deny, rule: own/any}\n- {command: d, expect: allow}\n- {command: rm -rf /, expect: deny, rule: guardrails/rm-root}\n- {command: ls, expect: abstain}\n",
    );
    let output = home.tollgate(["policy", "test", &cases]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), format!("{cases}: 4 of 4 cases hold\n")));
    let output = home.tollgate(["policy", "test", &cases, "--policy", "strict"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output).starts_with(&format!(
            "{cases}:4:3: `a`: expected deny by own/any, is require_approval by strict/default\n"
        )),
        "{}",
        stdout(&output)
    );
    let output = home.tollgate(["policy", "test", &cases, "--policy", "guardrails", "--json"]);
    let said: Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!((&said["held"], &said["failed"]), (&json!(2), &json!(2)));
    assert_eq!(said["cases"][0]["decision"], "abstain");
    let broken = file("broken.yaml", "version: 1\ncases:\n- {command: a}\n");
    let output = home.tollgate(["policy", "test", &broken]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("broken.yaml:3:3: a case needs an `expect`"), "{}", stderr(&output));
    assert_eq!(home.tollgate(["policy", "test", &policy, "--policy", "strict"]).status.code(), Some(64));
}

#[test]
fn explaining_shows_the_rule_and_where_it_stands() {
    let home = Home::new();
    write(&home, &own("deny").replace("action", "description: no listing, risk_level: high, action"));
    let explain = |arguments: &[&str]| {
        let output = home.tollgate(["policy", "explain", "Bash", "--command", "cat x; ls -la"].iter().chain(arguments));
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    };
    let shown = explain(&[]);
    for part in ["own/ls: deny, high risk; ", "policies/own.yaml:4:12", "no listing", "matches      ls -la"] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    let said: Value = serde_json::from_str(&explain(&["--json"])).expect("one object");
    assert_eq!((&said["decision"], &said["decided_by"]), (&json!("deny"), &json!("own/ls")));
    assert_eq!((&said["rule"]["line"], &said["rule"]["command"]), (&json!(4), &json!(1)));
    assert_eq!(said["stages"][2]["stage"], "rules");
    for (name, decision) in
        [("default", "allow"), ("strict", "allow"), ("permissive", "allow"), ("guardrails", "abstain")]
    {
        let cwd = home.workspace();
        let said: Value =
            serde_json::from_str(&explain(&["--policy", name, "--json", "--cwd", cwd.to_str().unwrap()])).unwrap();
        assert_eq!(said["decision"], decision, "{name}: {said}");
    }
    let file = home.path().join("policies/own.yaml");
    let said: Value = serde_json::from_str(&explain(&["--policy", file.to_str().unwrap(), "--json"])).unwrap();
    assert_eq!(said["rule"]["id"], "own/ls");
    let output = home.tollgate(["policy", "explain", "--policy", "strictt", "Bash", "--command", "ls"]);
    assert!(stderr(&output).contains("did you mean `strict`?"), "{}", stderr(&output));
}
