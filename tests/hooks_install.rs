//! The hooks in an agent's settings, over the real binary: put in, proved live, and gone without a trace.

use crate::support::{Home, stderr, stdout};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const INSTALL: [&str; 4] = ["hooks", "install", "claude-code", "--project"];
const UNINSTALL: [&str; 4] = ["hooks", "uninstall", "claude-code", "--project"];

/// Somebody's settings, as they like to write them: hooks of their own, keys that we do not know, no end of line.
const THEIRS: &str = "{\n\t\"zeta\": [1, 2.50, \"\\u00fc\"], \"model\": \"x\",\n\t\"hooks\": {\n\t\t\"TeammateIdle\": [],\n\t\t\"PreToolUse\": [\n\t\t\t\
    {\"matcher\": \"Bash\", \"hooks\": [{\"type\": \"command\", \"command\": \"./lint.sh\", \"timeout\": 3}]}\n\t\t]\n\t},\n\t\
    \"permissions\": {\"deny\": [\"Read(.env)\"], \"allow\": []},\n\t\"alpha\": null\n}";

fn settings(home: &Home) -> PathBuf {
    home.workspace().join(".claude/settings.json")
}

fn put(home: &Home, text: &[u8]) {
    fs::create_dir_all(home.workspace().join(".claude")).expect("a folder");
    fs::write(settings(home), text).expect("settings");
}

fn read(home: &Home) -> Value {
    serde_json::from_slice(&fs::read(settings(home)).expect("settings")).expect("JSON")
}

/// Runs a command in the project that must end with `code`; all that it says.
fn runs(home: &Home, arguments: &[&str], code: i32) -> String {
    let output = home.tollgate_in(&home.workspace(), arguments);
    let words = format!("{}{}", stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {words}");
    words
}

/// Every path below `folder` with its rights, and its content or where it leads.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let about = fs::symlink_metadata(&path).expect("an entry");
        let content = if about.is_dir() {
            found.extend(snapshot(&path));
            Vec::new()
        } else if about.is_symlink() {
            fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
        } else {
            fs::read(&path).expect("a file")
        };
        found.insert(path, (about.permissions().mode(), content));
    }
    found
}

/// What `doctor` says of the project's hooks, and how it ends.
fn doctor(home: &Home) -> (Option<i32>, String, String) {
    let output = home.tollgate_in(&home.workspace(), ["doctor", "--json"]);
    let said: Value = serde_json::from_slice(&output.stdout).expect("one object");
    let checks = said["checks"].as_array().expect("a list").iter();
    let mut ours =
        checks.filter(|check| check["check"].as_str().is_some_and(|what| what.starts_with("claude-code hooks")));
    let check = ours.next().unwrap_or_else(|| panic!("nothing of the hooks: {said}")).clone();
    assert_eq!(ours.next(), None, "one file has one finding: {said}");
    let text = |key: &str| check[key].as_str().unwrap().to_owned();
    assert_eq!(said["ok"] == true, output.status.code() == Some(0), "{said}");
    (output.status.code(), text("result"), text("detail"))
}

/// Runs the installed hook of `PreToolUse` as the agent does, which knows nothing of this home.
fn as_agent(home: &Home, command: &str) -> Output {
    let groups = read(home)["hooks"]["PreToolUse"].as_array().expect("groups").clone();
    let hook = &groups.last().expect("ours")["hooks"][0];
    let args = hook["args"].as_array().expect("arguments").iter().map(|arg| arg.as_str().unwrap().to_owned());
    let input = json!({"session_id": "s1", "cwd": home.workspace(), "hook_event_name": "PreToolUse", "tool_name": "Bash",
        "tool_input": {"command": command}, "tool_use_id": "t1"});
    let mut process = Command::new(hook["command"].as_str().expect("a program"));
    process.env_clear().args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = process.spawn().expect("the hook starts");
    child.stdin.take().expect("piped").write_all(input.to_string().as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

#[test]
fn installed_hooks_are_shown_live_and_gone_without_a_trace() {
    let home = Home::without_plugins();
    let before = snapshot(&home.workspace());
    let shown = runs(&home, &[INSTALL.as_slice(), &["--dry-run"]].concat(), 0);
    assert!(
        shown.contains("+") && shown.contains("\"PreToolUse\"") && shown.contains("nothing was changed"),
        "{shown}"
    );
    assert_eq!(snapshot(&home.workspace()), before);
    assert!(runs(&home, &["hooks", "status"], 0).contains("claude-code, project: not installed"));
    assert_eq!(doctor(&home).1, "warn");

    let difference = runs(&home, &INSTALL, 0);
    let without_end = shown.strip_suffix("nothing was changed (--dry-run)\n").expect("its last line");
    assert!(difference.starts_with(without_end), "what was shown is what was done:\n{shown}\n{difference}");
    assert!(runs(&home, &["hooks", "status"], 0).contains("claude-code, project: installed ("));
    let status: Value = serde_json::from_str(&runs(&home, &["hooks", "status", "--json"], 0)).expect("one object");
    assert_eq!((&status["hooks"][0]["installed"], &status["hooks"][0]["missing"]), (&json!(true), &json!([])));
    assert_eq!(read(&home)["hooks"]["PreToolUse"][0]["hooks"][0]["onFailure"], "block");

    // Red without a daemon, green with one, red again: and not by looking at the file alone.
    let (code, result, detail) = doctor(&home);
    assert_eq!((code, result.as_str()), (Some(1), "fail"), "{detail}");
    assert!(detail.contains("no daemon"), "{detail}");
    let daemon = home.start();
    let (code, result, detail) = doctor(&home);
    assert_eq!((code, result.as_str()), (Some(0), "ok"), "{detail}");
    let denied = daemon.events("tool.denied");
    assert_eq!((denied.len(), &denied[0]["payload"]["cause"]), (1, &json!("protection")), "the canary is on record");
    assert_eq!(as_agent(&home, "git push --force origin main").status.code(), Some(2));
    assert_eq!(as_agent(&home, "ls").status.code(), Some(0));
    assert_eq!(daemon.events("tool.gated").len(), 3, "they ask this home's daemon");
    daemon.kill();
    let (code, result, detail) = doctor(&home);
    assert_eq!((code, result.as_str()), (Some(1), "fail"), "{detail}");
    assert_eq!(as_agent(&home, "ls").status.code(), Some(2), "no daemon is a denial");

    let installed = snapshot(&home.workspace());
    assert!(runs(&home, &INSTALL, 0).contains("nothing to change"));
    assert_eq!(snapshot(&home.workspace()), installed, "a second time changes nothing");
    runs(&home, &UNINSTALL, 0);
    assert_eq!(snapshot(&home.workspace()), before);
    assert!(runs(&home, &UNINSTALL, 0).contains("nothing to change"));
    assert_eq!(snapshot(&home.workspace()), before);
}

#[test]
fn whose_hooks_are_switched_off_or_cut_is_told() {
    let home = Home::without_plugins();
    let _daemon = home.start();
    runs(&home, &INSTALL, 0);
    let whole = read(&home);
    let changed = |change: fn(&mut Value)| {
        let mut settings = whole.clone();
        change(&mut settings);
        put(&home, settings.to_string().as_bytes());
        (doctor(&home), runs(&home, &["hooks", "status"], 0))
    };
    for (change, says, status) in [
        ((|all| all["disableAllHooks"] = json!(true)) as fn(&mut Value), "disableAllHooks", "switched off"),
        (|all| all["hooks"]["PreToolUse"] = json!([]), "without PreToolUse", "in part: without PreToolUse"),
        (
            |all| all["hooks"]["PreToolUse"][0]["hooks"][0]["command"] = json!("/nowhere/tollgate"),
            "/nowhere/tollgate",
            "its program is gone",
        ),
        (
            |all| all["hooks"]["PreToolUse"][0]["hooks"][0]["args"][2] = json!("--home=/nowhere"),
            "does it ask another home's daemon?",
            "installed (",
        ),
    ] {
        let ((code, result, detail), shown) = changed(change);
        assert_eq!((code, result.as_str()), (Some(1), "fail"), "{says}: {detail}");
        assert!(detail.contains(says) && shown.contains(status), "{says}: {detail}\n{shown}");
    }
    // Installing again mends it.
    runs(&home, &INSTALL, 0);
    assert_eq!(doctor(&home).1, "ok");
}

#[test]
fn somebody_s_own_settings_are_kept_and_come_back_byte_for_byte() {
    let home = Home::without_plugins();
    for theirs in
        [THEIRS, "", "{}", "{\"hooks\": {}}", "{\"hooks\":{\"Stop\":[]},\"a\":1}\r\n", "{\"n\": 12345678901234567890}"]
    {
        put(&home, theirs.as_bytes());
        fs::set_permissions(settings(&home), fs::Permissions::from_mode(0o640)).expect("rights");
        let before = snapshot(&home.workspace());
        runs(&home, &INSTALL, 0);
        let mode = fs::metadata(settings(&home)).expect("settings").permissions().mode() & 0o777;
        assert_eq!(mode, 0o640, "{theirs}");
        let was: Value = if theirs.is_empty() { json!({}) } else { serde_json::from_str(theirs).expect("JSON") };
        let now = read(&home);
        let keys = |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
        assert!(keys(&now).starts_with(&keys(&was)), "{theirs}: the keys and their order: {:?}", keys(&now));
        for (key, value) in was.as_object().unwrap().iter().filter(|(key, _)| *key != "hooks") {
            assert_eq!(&now[key], value, "{theirs}: {key}");
        }
        for (event, groups) in was["hooks"].as_object().into_iter().flatten() {
            let kept = now["hooks"][event].as_array().expect("groups");
            assert!(kept.starts_with(groups.as_array().unwrap()), "{theirs}: {event}: {kept:?}");
        }
        runs(&home, &INSTALL, 0);
        runs(&home, &UNINSTALL, 0);
        assert_eq!(snapshot(&home.workspace()), before, "{theirs}");
    }
    // A link stays one, and what is behind it comes back.
    let behind = home.workspace().join("shared.json");
    fs::rename(settings(&home), &behind).expect("moved");
    symlink(&behind, settings(&home)).expect("a link");
    let before = snapshot(&home.workspace());
    runs(&home, &INSTALL, 0);
    assert!(fs::symlink_metadata(settings(&home)).expect("a link").is_symlink());
    assert_eq!(read(&home)["hooks"]["PreToolUse"][0]["matcher"], "*");
    runs(&home, &UNINSTALL, 0);
    assert_eq!(snapshot(&home.workspace()), before);
}

#[test]
fn settings_that_are_broken_are_refused_with_place_and_mend_and_left() {
    let home = Home::without_plugins();
    for (text, says) in [
        (b"{\n  \"model\": \"x\",\n  \"hooks\": {,}\n}".as_slice(), "line 3 column 13"),
        (b"{\"model\": \"x\"", "line 1"),
        (b"[]", "no JSON object"),
        (b"{\"hooks\": []}", "`hooks` is no object"),
        (b"{\"hooks\": {\"PreToolUse\": {}}}", "`hooks.PreToolUse` is no array"),
        (b"{\"hooks\": {\"Stop\": [{\"matcher\": \"*\"}]}}", "`hooks.Stop[0]` has no array `hooks`"),
        (b"{\"a\": \"\xff\"}", "UTF-8"),
    ] {
        put(&home, text);
        let before = snapshot(&home.workspace());
        for arguments in [INSTALL, UNINSTALL] {
            let words = runs(&home, &arguments, 1);
            let name = settings(&home);
            assert!(words.contains(name.to_str().unwrap()) && words.contains(says), "{arguments:?}: {words}");
            assert_eq!(snapshot(&home.workspace()), before, "{words}");
        }
        let broken = !says.starts_with('`');
        if broken {
            assert_eq!(doctor(&home).1, "fail", "{says}");
        } else {
            assert!(runs(&home, &INSTALL, 1).contains("mend it first"));
        }
    }
}
