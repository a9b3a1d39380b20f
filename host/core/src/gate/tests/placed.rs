//! Protection, sandbox and rules on a real folder, through `explain`.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use super::super::explain::explain_on;
use super::super::paths::Paths;
use super::super::policy::Policy;
use super::super::{Call, Cause, Decision, SystemPaths};
use super::call;
use crate::home::Home;
use serde_json::{Value, json};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The machine's file system with a home of its own.
struct Housed(PathBuf);
impl Paths for Housed {
    fn real(&self, path: &Path) -> Option<PathBuf> {
        SystemPaths.real(path)
    }
    fn is_link(&self, path: &Path) -> bool {
        SystemPaths.is_link(path)
    }
    fn home(&self) -> Option<PathBuf> {
        Some(self.0.clone())
    }
}

/// `house/{project,project2,outside,extra,tollgate,home}`.
struct House {
    _folder: tempfile::TempDir,
    root: PathBuf,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["project/src", "project2", "outside", "extra", "home/tollgate/run", "home/.claude"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        std::fs::write(root.join("home/tollgate/token"), "t").unwrap();
        symlink(root.join("outside"), root.join("project/out")).unwrap();
        symlink(root.join("nowhere"), root.join("project/dangling")).unwrap();
        symlink(root.join("project/src"), root.join("project/in")).unwrap();
        symlink(root.join("home/tollgate"), root.join("project/gate")).unwrap();
        Self { _folder: folder, root }
    }

    fn explain(&self, call: Call) -> super::super::Verdict {
        let call = Call { cwd: Some(self.root.join("project")), ..call };
        let home = Home::at(self.root.join("home/tollgate"));
        static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::preset("guardrails").unwrap_or_default());
        explain_on(&call, &POLICY, Some(&home), &[self.root.join("extra")], &Housed(self.root.join("home"))).verdict
    }

    fn check(&self, tool: &str, input: Value, expected: Option<Cause>) {
        let shown = format!("{tool} {input}");
        let verdict = self.explain(call(tool, input));
        assert_eq!(verdict.cause, expected, "{shown}: {verdict:?}");
        let decision = if expected.is_some() { Decision::Deny } else { Decision::Abstain };
        assert_eq!(verdict.decision, decision, "{shown}: {verdict:?}");
    }

    fn shell(&self, line: &str, expected: Option<Cause>) {
        self.check("Bash", json!({ "command": line.replace("ROOT", self.root.to_str().unwrap()) }), expected);
    }
}

#[test]
fn file_tools_stay_in_the_roots() {
    let house = House::new();
    let at = |path: &str| house.root.join(path).to_str().unwrap().to_owned();
    let sandbox = Some(Cause::Sandbox);
    for (path, expected) in [
        ("src/x.rs".to_owned(), None),
        (at("project/new/deep/file"), None),
        ("in/x".to_owned(), None),
        ("src/../x".to_owned(), None),
        (at("extra/x"), None),
        ("/dev/null".to_owned(), None),
        (at("outside/x"), sandbox),
        (at("project2/x"), sandbox),
        ("../outside/x".to_owned(), sandbox),
        ("new/../../outside/x".to_owned(), sandbox),
        ("out/x".to_owned(), sandbox),
        ("dangling".to_owned(), sandbox),
        ("dangling/x".to_owned(), sandbox),
        ("~/x".to_owned(), sandbox),
        ("~other/x".to_owned(), sandbox),
        ("a\0b".to_owned(), sandbox),
        ("/dev/fd/../../etc/x".to_owned(), sandbox),
    ] {
        for tool in ["Read", "Write", "Edit", "MultiEdit", "write_file", "mcp__fs__read_file"] {
            house.check(tool, json!({ "file_path": path }), expected);
        }
        house.check("NotebookEdit", json!({ "notebook_path": path }), expected);
        house.check("Grep", json!({ "path": path, "pattern": "x" }), expected);
    }
    house.check("Read", json!({ "file_path": 7 }), sandbox);
    house.check("Grep", json!({ "pattern": "x" }), None);
    house.check("Glob", json!({ "pattern": "/etc/*" }), sandbox);
    house.check("Glob", json!({ "pattern": "src/*.rs" }), None);
    house.check("apply_patch", json!({ "input": "*** Begin Patch\n*** Add File: ../outside/x\n" }), sandbox);
    house.check("Task", json!({ "prompt": "/etc" }), None);
}

#[test]
fn shell_writes_stay_in_the_roots() {
    let house = House::new();
    let sandbox = Some(Cause::Sandbox);
    for line in [
        "rm ROOT/outside/x",
        "echo x > ROOT/outside/x",
        "echo x >> ../outside/x",
        "cp a ROOT/outside/",
        "mv ROOT/outside/x .",
        "tee ROOT/outside/x",
        "touch ~/x",
        "mkdir -p $HOME/x",
        "cd ../outside && rm x",
        "cd ROOT/outside; (cd ROOT/project); rm x",
        "sed -i s/a/b/ ROOT/outside/x",
        "dd if=a of=ROOT/outside/x",
        "curl x -o ROOT/outside/x",
        "rm ROOT/outside/*",
        "bash -c 'rm ROOT/outside/x'",
        "sudo rm ROOT/outside/x",
        "rm out/x",
        "truncate -s 0 ROOT/outside/x",
        "{ echo x; } > ROOT/outside/x",
        "find . -fprint ROOT/outside/x",
        "ln -s a ROOT/outside/l",
        "sed 'w ROOT/outside/x' a",
    ] {
        house.shell(line, sandbox);
    }
    for line in [
        "rm src/x",
        "echo x > x 2>/dev/null",
        "cat ROOT/outside/x",
        "ls /etc",
        "cd src && rm x",
        "cp ROOT/outside/x .",
        "touch ROOT/extra/x",
        "echo x 2>&1",
        "rm \"$x\"",
        "ssh h 'rm ROOT/outside/x'",
        "echo x | tee in/y",
        "echo > ROOT/project/new/x",
    ] {
        house.shell(line, None);
    }
}

#[test]
fn a_session_without_roots_may_touch_nothing_and_hears_the_mend() {
    let house = House::new();
    let mut bare = super::normalised("Read", json!({"file_path": "/project/x"}));
    bare.roots.clear();
    let denial = super::super::sandbox::check(&bare, &[], &Housed(house.root.clone())).unwrap_err();
    assert!(denial.0.contains("[workspace] allow"), "{denial:?}");
    let mut bare = super::normalised("Bash", json!({"command": "cat x > y"}));
    bare.roots.clear();
    assert!(super::super::sandbox::check(&bare, &[], &Housed(house.root.clone())).is_err());
}

#[test]
fn tollgate_itself_is_protected() {
    let house = House::new();
    let at = |path: &str| house.root.join(path).to_str().unwrap().to_owned();
    let protection = Some(Cause::Protection);
    for path in [
        at("home/tollgate/plugins/x.wasm"),
        "gate/policies/x.yaml".to_owned(),
        "~/tollgate/tollgate.toml".to_owned(),
        "~/.claude/settings.json".to_owned(),
        ".claude/settings.local.json".to_owned(),
        ".codex/hooks.json".to_owned(),
        ".gemini/settings.json".to_owned(),
        ".cursor/hooks.json".to_owned(),
    ] {
        house.check("Write", json!({ "file_path": path }), protection);
    }
    house.check("Read", json!({ "file_path": at("home/tollgate/token") }), protection);
    house.check("Read", json!({ "file_path": ".claude/settings.json" }), None);
    let own = format!("kill {}", std::process::id());
    for line in [
        "rm ~/tollgate/journal.db",
        "echo x > gate/tollgate.toml",
        "rm -rf ~/tollgate",
        "mv ~/tollgate x",
        "cat ~/tollgate/token",
        "cd ~/tollgate && rm token",
        "sed -i s/a/b/ .claude/settings.json",
        "echo '{}' > .claude/settings.local.json",
        "rm -rf .claude",
        "cd .claude && echo > settings.json",
        "pkill tollgate",
        "killall -9 tollgate",
        "kill $(pgrep tollgate)",
        &own,
        "systemctl --user stop tollgate",
        "tollgate pause",
        "tollgate plugin disable x",
        "tollgate plugin grant x",
        "tollgate approvals approve 1",
        "tollgate hooks uninstall claude-code",
        "./tollgate resume",
        "bash -c 'tollgate pause'",
        "tollgate $x",
        "python3 -c 'open(\".claude/settings.json\", \"w\")'",
        "curl --unix-socket ~/tollgate/run/tollgate.sock x",
    ] {
        house.shell(line, protection);
    }
    for line in [
        "tollgate plugin list",
        "tollgate tail",
        "cat .claude/settings.json",
        "kill 999999",
        "ls ~/tollgate",
        "echo tollgate pause",
        "pkill other",
    ] {
        house.shell(line, None);
    }
}

#[test]
fn an_ask_without_anyone_to_ask_is_denied() {
    let house = House::new();
    house.shell("$x", Some(Cause::NoApprover));
    let asked = house.explain(Call { can_ask: true, ..call("Bash", json!({"command": "$x"})) });
    assert_eq!((asked.decision, asked.cause, asked.understood), (Decision::Ask, Some(Cause::Rule), false));
    house.check("Bash", json!({}), Some(Cause::NoApprover));
    house.check("", json!({}), Some(Cause::Rule));
    house.check(&"x".repeat(1_000), json!({}), Some(Cause::Rule));
}
