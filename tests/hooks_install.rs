//! The hooks in an agent's settings, over the real binary: put in, proved live, and gone without a trace.

use crate::support::{Home, stderr, stdout, wait_for};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// An agent, as its settings show it to the world.
#[derive(Clone, Copy)]
struct Agent {
    name: &'static str,
    /// Its settings, below the project.
    file: &'static str,
    /// The event that a call has to pass.
    gate: &'static str,
    /// Hooks are one after another, without groups.
    flat: bool,
}

const AGENTS: [Agent; 4] = [
    Agent { name: "claude-code", file: ".claude/settings.json", gate: "PreToolUse", flat: false },
    Agent { name: "codex", file: ".codex/hooks.json", gate: "PreToolUse", flat: false },
    Agent { name: "gemini", file: ".gemini/settings.json", gate: "BeforeTool", flat: false },
    Agent { name: "cursor", file: ".cursor/hooks.json", gate: "preToolUse", flat: true },
];

/// Somebody's settings, as they like to write them: hooks of their own, keys that we do not know, no end of line.
const THEIRS: &str = "{\n\t\"zeta\": [1, 2.50, \"\\u00fc\"], \"version\": 1,\n\t\"hooks\": {\n\t\t\"TeammateIdle\": [],\n\t\t\"GATE\": [\n\t\t\t\
    {\"matcher\": \"Bash\", \"hooks\": [{\"type\": \"command\", \"command\": \"./lint.sh\", \"timeout\": 3}]}\n\t\t]\n\t},\n\t\
    \"permissions\": {\"deny\": [\"Read(.env)\"], \"allow\": []},\n\t\"alpha\": null\n}";

impl Agent {
    fn install(self) -> [&'static str; 4] {
        ["hooks", "install", self.name, "--project"]
    }

    fn uninstall(self) -> [&'static str; 4] {
        ["hooks", "uninstall", self.name, "--project"]
    }

    fn settings(self, home: &Home) -> PathBuf {
        home.workspace().join(self.file)
    }

    fn put(self, home: &Home, text: &[u8]) {
        fs::create_dir_all(self.settings(home).parent().expect("a folder")).expect("a folder");
        fs::write(self.settings(home), text).expect("settings");
    }

    fn read(self, home: &Home) -> Value {
        serde_json::from_slice(&fs::read(self.settings(home)).expect("settings")).expect("JSON")
    }

    /// Our handler of the gate in `settings`: the last.
    fn handler(self, settings: &mut Value) -> &mut Value {
        let last = settings["hooks"][self.gate].as_array_mut().expect("a list").last_mut().expect("ours");
        if self.flat { last } else { &mut last["hooks"][0] }
    }

    /// An input of the gate.
    fn input(self, home: &Home, command: &str) -> String {
        let session = if self.flat { "conversation_id" } else { "session_id" };
        json!({session: "s1", "cwd": home.workspace(), "hook_event_name": self.gate, "tool_name": "Bash",
            "tool_input": {"command": command}, "tool_use_id": format!("{}-{command}", self.name)})
        .to_string()
    }
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

/// What `doctor` says of an agent's hooks in the project, and how it ends.
fn doctor(home: &Home, agent: Agent) -> (Option<i32>, String, String) {
    let output = home.tollgate_in(&home.workspace(), ["doctor", "--json"]);
    let said: Value = serde_json::from_slice(&output.stdout).expect("one object");
    let checks = said["checks"].as_array().expect("a list").iter();
    let wanted = format!("{} hooks, project", agent.name);
    let mut ours = checks.filter(|check| check["check"] == wanted.as_str() || check["check"] == "hooks");
    let check = ours.next().unwrap_or_else(|| panic!("nothing of the hooks: {said}")).clone();
    assert_eq!(ours.next(), None, "one file has one finding: {said}");
    let text = |key: &str| check[key].as_str().unwrap().to_owned();
    assert_eq!(said["ok"] == true, output.status.code() == Some(0), "{said}");
    (output.status.code(), text("result"), text("detail"))
}

/// Runs the installed hook of the gate as the agent does, which knows nothing of this home.
fn as_agent(home: &Home, agent: Agent, command: &str) -> Output {
    let mut settings = agent.read(home);
    let hook = agent.handler(&mut settings);
    let program = hook["command"].as_str().expect("a program").to_owned();
    let mut process = match hook["args"].as_array() {
        Some(args) => {
            let mut process = Command::new(program);
            process.args(args.iter().map(|arg| arg.as_str().unwrap()));
            process
        }
        None => {
            let mut process = Command::new("/bin/sh");
            process.args(["-c", &program]);
            process
        }
    };
    process.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = process.spawn().expect("the hook starts");
    child.stdin.take().expect("piped").write_all(agent.input(home, command).as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

#[test]
fn installed_hooks_are_shown_live_and_gone_without_a_trace() {
    for agent in AGENTS {
        shown_live_and_gone(agent);
    }
}

#[test]
fn hooks_that_go_missing_while_an_agent_works_raise_an_alert() {
    let home = Home::without_plugins();
    let daemon = home.start();
    for agent in AGENTS {
        runs(&home, &agent.install(), 0);
        assert_eq!(as_agent(&home, agent, "ls").status.code(), Some(0));
        let file = home.workspace().join(agent.file);
        wait_for(format!("{} to be watched", agent.name), || {
            daemon.log().contains(&file.display().to_string()).then_some(())
        });
        fs::rename(&file, file.with_extension("stashed")).expect("moved away");
        let alert = wait_for(format!("{} to be told of", agent.name), || {
            let alerts = daemon.events("alert.raised");
            alerts.into_iter().find(|alert| alert["payload"]["context"]["agent"] == agent.name)
        });
        assert!(alert["payload"]["description"].as_str().expect("words").contains("tollgate hooks install"), "{alert}");
    }
    assert_eq!(daemon.events("alert.raised").len(), AGENTS.len());
}

#[test]
fn a_binary_of_another_name_installs_nothing() {
    let home = Home::without_plugins();
    let other = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tollgate-other");
    // Left by a run that was killed.
    let _ = fs::remove_file(&other);
    fs::hard_link(env!("CARGO_BIN_EXE_tollgate"), &other).expect("a link");
    let output = Command::new(&other)
        .args(["hooks", "install", "claude-code"])
        .env("TOLLGATE_HOME", home.path())
        .current_dir(home.workspace())
        .output()
        .expect("it runs");
    fs::remove_file(&other).expect("removed");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("copy or rename it"), "{}", stderr(&output));
    assert!(!home.workspace().join(".claude").exists());
}

fn shown_live_and_gone(agent: Agent) {
    let name = agent.name;
    let home = Home::without_plugins();
    let before = snapshot(&home.workspace());
    let shown = runs(&home, &[agent.install().as_slice(), &["--dry-run"]].concat(), 0);
    let gate = format!("\"{}\"", agent.gate);
    assert!(shown.contains("+") && shown.contains(&gate) && shown.contains("nothing was changed"), "{shown}");
    assert_eq!(snapshot(&home.workspace()), before);
    let status = || runs(&home, &["hooks", "status"], 0);
    assert!(status().contains(&format!("{name}, project: not installed")), "{}", status());
    assert_eq!(doctor(&home, agent).1, "warn");

    let difference = runs(&home, &agent.install(), 0);
    let without_end = shown.strip_suffix("nothing was changed (--dry-run)\n").expect("its last line");
    assert!(difference.starts_with(without_end), "what was shown is what was done:\n{shown}\n{difference}");
    assert!(status().contains(&format!("{name}, project: installed (")), "{}", status());
    assert_eq!(status().contains("not trusted"), name == "codex", "{}", status());
    let told: Value = serde_json::from_str(&runs(&home, &["hooks", "status", name, "--json"], 0)).expect("one object");
    assert_eq!(told["hooks"].as_array().map(Vec::len), Some(2), "one agent's alone: {told}");
    let told = &told["hooks"][0];
    assert_eq!((&told["agent"], &told["installed"], &told["missing"]), (&json!(name), &json!(true), &json!([])));

    // Red without a daemon, green with one, red again: and not by looking at the file alone.
    let (code, result, detail) = doctor(&home, agent);
    assert_eq!((code, result.as_str()), (Some(1), "fail"), "{name}: {detail}");
    assert!(detail.contains("no daemon"), "{detail}");
    let daemon = home.start();
    let (code, result, detail) = doctor(&home, agent);
    assert_eq!((code, result.as_str()), (Some(0), "ok"), "{name}: {detail}");
    let denied = daemon.events("tool.denied");
    assert_eq!((denied.len(), &denied[0]["payload"]["cause"]), (1, &json!("protection")), "the canary is on record");
    assert_eq!(daemon.events("tool.gated")[0]["payload"]["agent"], name, "under the agent's own name");
    assert_eq!(as_agent(&home, agent, "git push --force origin main").status.code(), Some(2));
    assert_eq!(as_agent(&home, agent, "ls").status.code(), Some(0));
    assert_eq!(daemon.events("tool.gated").len(), 3, "they ask this home's daemon");
    daemon.kill();
    let (code, result, detail) = doctor(&home, agent);
    assert_eq!((code, result.as_str()), (Some(1), "fail"), "{name}: {detail}");
    assert_eq!(as_agent(&home, agent, "ls").status.code(), Some(2), "no daemon is a denial");

    let installed = snapshot(&home.workspace());
    assert!(runs(&home, &agent.install(), 0).contains("nothing to change"));
    assert_eq!(snapshot(&home.workspace()), installed, "a second time changes nothing");
    runs(&home, &agent.uninstall(), 0);
    assert_eq!(snapshot(&home.workspace()), before, "{name}");
    assert!(runs(&home, &agent.uninstall(), 0).contains("nothing to change"));
    assert_eq!(snapshot(&home.workspace()), before);
}

#[test]
fn all_agents_live_side_by_side() {
    let home = Home::without_plugins();
    let daemon = home.start();
    let before = snapshot(&home.workspace());
    for agent in AGENTS {
        runs(&home, &agent.install(), 0);
    }
    let output = home.tollgate_in(&home.workspace(), ["doctor", "--json"]);
    let said: Value = serde_json::from_slice(&output.stdout).expect("one object");
    let live = said["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["check"].as_str().unwrap().ends_with("hooks, project") && check["result"] == "ok");
    assert_eq!(live.count(), AGENTS.len(), "{said}");
    assert_eq!(daemon.events("tool.denied").len(), AGENTS.len());
    for agent in AGENTS {
        runs(&home, &agent.uninstall(), 0);
    }
    assert_eq!(snapshot(&home.workspace()), before);
}

#[test]
fn a_user_s_own_folder_is_where_the_agent_looks() {
    let home = Home::without_plugins();
    let user = home.workspace().parent().expect("the user's home").to_owned();
    let settled = |agent: &str, variable: Option<(&str, &Path)>| {
        let mut command = home.command();
        command.current_dir(home.workspace()).args(["hooks", "install", agent, "--user"]);
        command.envs(variable.map(|(name, folder)| (name, folder.as_os_str())));
        let output = command.output().expect("the binary ends");
        assert_eq!(output.status.code(), Some(0), "{agent}: {}", stderr(&output));
    };
    for agent in AGENTS {
        settled(agent.name, None);
        assert!(user.join(agent.file).exists(), "{}", agent.name);
    }
    for (agent, variable, file) in
        [("claude-code", "CLAUDE_CONFIG_DIR", "settings.json"), ("codex", "CODEX_HOME", "hooks.json")]
    {
        let elsewhere = user.join(format!("elsewhere-{agent}"));
        settled(agent, Some((variable, &elsewhere)));
        assert!(elsewhere.join(file).exists(), "{agent}");
    }
}

#[test]
fn whose_hooks_are_switched_off_or_cut_is_told() {
    let home = Home::without_plugins();
    let _daemon = home.start();
    for agent in AGENTS {
        runs(&home, &agent.install(), 0);
        let whole = agent.read(&home);
        let changed = |change: &dyn Fn(&mut Value)| {
            let mut settings = whole.clone();
            change(&mut settings);
            agent.put(&home, settings.to_string().as_bytes());
            (doctor(&home, agent), runs(&home, &["hooks", "status", agent.name], 0))
        };
        let check = |change: &dyn Fn(&mut Value), result: &str, says: &str, status: &str| {
            let ((code, found, detail), shown) = changed(change);
            assert_eq!((code == Some(1), found.as_str()), (result == "fail", result), "{}: {detail}", agent.name);
            assert!(detail.contains(says) && shown.contains(status), "{} {says}: {detail}\n{shown}", agent.name);
        };
        // In what the handler runs, whether that is one line or words apart.
        let rename = |settings: &mut Value, from: &str, to: &str| {
            let handler = agent.handler(settings);
            *handler = serde_json::from_str(&handler.to_string().replace(from, to)).expect("JSON");
        };
        let program = env!("CARGO_BIN_EXE_tollgate");
        let home_folder = home.path().display().to_string();
        let without = format!("without {}", agent.gate);
        check(&|all| all["hooks"][agent.gate] = json!([]), "fail", &without, &format!("in part: {without}"));
        check(&|all| rename(all, program, "/nowhere/tollgate"), "fail", "/nowhere/tollgate", "its program is gone");
        // A canary goes through one hook; the others have to be the same.
        check(&|all| rename(all, &home_folder, "/nowhere"), "fail", "run another command", "run another command");
        check(
            &|all| *all = serde_json::from_str(&all.to_string().replace(&home_folder, "/nowhere")).expect("JSON"),
            "fail",
            "does it ask another home's daemon?",
            "installed (",
        );
        // Where no word of the agent's makes a hook that fails block, it must not give up first.
        let lost = if matches!(agent.name, "codex" | "gemini") { "fail" } else { "warn" };
        check(&|all| agent.handler(all)["timeout"] = json!(2), lost, "mends it", "installed (");
        // What is odd does not hide that nothing is asked.
        let cut = |all: &mut Value| {
            let text = all.to_string().replace(&home_folder, "/nowhere");
            *all = serde_json::from_str(&text).expect("JSON");
            let events = all["hooks"].as_object_mut().expect("events");
            // The last by name gates nothing in any agent.
            let last = events.keys().max().expect("an event").clone();
            events.remove(&last);
        };
        check(&cut, "fail", "does it ask another home's daemon?", "in part: without");
        // A line that does more than ask is not run, whoever wrote it.
        if agent.name != "claude-code" {
            let touched = home.workspace().join("touched");
            let more = |all: &mut Value| {
                let line = format!("hook {} ; touch {} ; x=", agent.name, touched.display());
                let text = all.to_string().replace(&format!("hook {}", agent.name), &line);
                *all = serde_json::from_str(&text).expect("JSON");
            };
            check(&more, "fail", "was not tried", "installed (");
            assert!(!touched.exists(), "{}", agent.name);
        }
        // Nor is somebody else's program of that name.
        let other = home.workspace().join("tollgate");
        fs::write(&other, "#!/bin/sh\nexit 2\n").expect("a program");
        let others = |all: &mut Value| {
            let text = all.to_string().replace(program, other.to_str().expect("UTF-8"));
            *all = serde_json::from_str(&text).expect("JSON");
        };
        check(&others, "fail", "is not this program", "installed (");
        fs::remove_file(&other).expect("removed");
        match agent.name {
            "claude-code" => {
                check(&|all| all["disableAllHooks"] = json!(true), "fail", "disableAllHooks", "switched off");
            }
            "gemini" => {
                let off = |all: &mut Value| all["hooksConfig"] = json!({"enabled": false});
                check(&off, "fail", "hooksConfig.enabled", "switched off");
            }
            _ => {}
        }
        // Installing again mends it.
        agent.put(&home, whole.to_string().as_bytes());
        runs(&home, &agent.install(), 0);
        assert_eq!(doctor(&home, agent).1, "ok", "{}", agent.name);
        runs(&home, &agent.uninstall(), 0);
    }
}

#[test]
fn a_file_that_cannot_be_read_hides_no_other() {
    let home = Home::without_plugins();
    let [claude, codex, ..] = AGENTS;
    runs(&home, &codex.install(), 0);
    claude.put(&home, b"{");
    let shown = runs(&home, &["hooks", "status"], 1);
    assert!(shown.contains("claude-code, project: ") && shown.contains("no JSON object"), "{shown}");
    assert!(shown.contains("codex, project: installed ("), "{shown}");
    let told: Value = serde_json::from_str(&runs(&home, &["hooks", "status", "--json"], 1)).expect("one object");
    assert_eq!((told["hooks"].as_array().map(Vec::len), &told["hooks"][0]["installed"]), (Some(8), &json!(false)));
}

#[test]
fn a_longer_deadline_is_given_more_time() {
    let home = Home::without_plugins();
    home.configure("[hooks.cursor]\ntimeout_ms = 120000\n");
    let [.., cursor] = AGENTS;
    runs(&home, &cursor.install(), 0);
    let mut settings = cursor.read(&home);
    assert_eq!(cursor.handler(&mut settings)["timeout"], 121);
}

#[test]
fn somebody_s_own_settings_are_kept_and_come_back_byte_for_byte() {
    let home = Home::without_plugins();
    for agent in AGENTS {
        let theirs = THEIRS.replace("GATE", agent.gate);
        let unversioned = theirs.replace("\"version\": 1,", "");
        for theirs in [
            &theirs,
            &unversioned,
            "",
            "{}",
            "{\"hooks\": {}}",
            "{\"hooks\":{\"Stop\":[]},\"a\":1}\r\n",
            "{\"n\": 12345678901234567890}",
        ] {
            come_back(&home, agent, theirs);
        }
        // A link stays one, and what is behind it comes back.
        let settings = agent.settings(&home);
        let behind = home.workspace().join(format!("shared-{}.json", agent.name));
        fs::rename(&settings, &behind).expect("moved");
        symlink(&behind, &settings).expect("a link");
        let before = snapshot(&home.workspace());
        runs(&home, &agent.install(), 0);
        assert!(fs::symlink_metadata(&settings).expect("a link").is_symlink());
        assert!(agent.read(&home)["hooks"][agent.gate].is_array());
        runs(&home, &agent.uninstall(), 0);
        assert_eq!(snapshot(&home.workspace()), before);
    }
}

fn come_back(home: &Home, agent: Agent, theirs: &str) {
    agent.put(home, theirs.as_bytes());
    fs::set_permissions(agent.settings(home), fs::Permissions::from_mode(0o640)).expect("rights");
    let before = snapshot(&home.workspace());
    runs(home, &agent.install(), 0);
    let mode = fs::metadata(agent.settings(home)).expect("settings").permissions().mode() & 0o777;
    assert_eq!(mode, 0o640, "{theirs}");
    let was: Value = if theirs.is_empty() { json!({}) } else { serde_json::from_str(theirs).expect("JSON") };
    let now = agent.read(home);
    let keys = |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert!(keys(&now).starts_with(&keys(&was)), "{theirs}: the keys and their order: {:?}", keys(&now));
    for (key, value) in was.as_object().unwrap().iter().filter(|(key, _)| *key != "hooks") {
        assert_eq!(&now[key], value, "{theirs}: {key}");
    }
    for (event, listed) in was["hooks"].as_object().into_iter().flatten() {
        let kept = now["hooks"][event].as_array().expect("a list");
        assert!(kept.starts_with(listed.as_array().unwrap()), "{theirs}: {event}: {kept:?}");
    }
    runs(home, &agent.install(), 0);
    runs(home, &agent.uninstall(), 0);
    assert_eq!(snapshot(&home.workspace()), before, "{}: {theirs}", agent.name);
}

#[test]
fn settings_that_are_broken_are_refused_with_place_and_mend_and_left() {
    let home = Home::without_plugins();
    for agent in AGENTS {
        let before = snapshot(&home.workspace());
        let common: [(&[u8], &str); 6] = [
            (b"{\n  \"model\": \"x\",\n  \"hooks\": {,}\n}", "line 3 column 13"),
            (b"{\"model\": \"x\"", "line 1"),
            (b"[]", "no JSON object"),
            (b"{\"a\": \"\xff\"}", "UTF-8"),
            (b"{\"hooks\": []}", "`hooks` is no object"),
            (b"{\"hooks\": {\"PreToolUse\": {}}}", "`hooks.PreToolUse` is no array"),
        ];
        let own: &[(&[u8], &str)] = if agent.flat {
            &[
                (b"{\"hooks\": {\"stop\": [7]}}", "`hooks.stop[0]` is no object"),
                (b"{\"version\": 2}", "`version` is 2"),
            ]
        } else {
            &[(b"{\"hooks\": {\"Stop\": [{\"matcher\": \"*\"}]}}", "`hooks.Stop[0]` has no array `hooks`")]
        };
        for (text, says) in common.iter().chain(own) {
            refused(&home, agent, text, says);
        }
        fs::remove_dir_all(agent.settings(&home).parent().expect("a folder")).expect("removed");
        assert_eq!(snapshot(&home.workspace()), before);
    }
}

fn refused(home: &Home, agent: Agent, text: &[u8], says: &str) {
    agent.put(home, text);
    let before = snapshot(&home.workspace());
    for arguments in [agent.install(), agent.uninstall()] {
        let words = runs(home, &arguments, 1);
        let name = agent.settings(home);
        assert!(words.contains(name.to_str().unwrap()) && words.contains(says), "{arguments:?}: {words}");
        assert_eq!(snapshot(&home.workspace()), before, "{words}");
    }
    if says.starts_with('`') {
        assert!(runs(home, &agent.install(), 1).contains("mend it first"));
    } else {
        assert_eq!(doctor(home, agent).1, "fail", "{says}");
    }
}
