//! The protection of Tollgate itself on a real folder, through `explain`.

use super::super::Cause;
use super::house::House;
use serde_json::json;

#[test]
fn tollgate_itself_is_protected() {
    let house = House::new();
    let at = |path: &str| house.at(path);
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
    for path in [at("home/tollgate"), at("home/tollgate/plugins"), "gate".to_owned()] {
        house.check("Grep", json!({ "path": path, "pattern": "." }), protection);
    }
    house.check("read_many_files", json!({ "include": [format!("{}/appr*", at("home/tollgate"))] }), protection);
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
        "cat < ~/tollgate/approver-token",
        "echo \"$(<~/tollgate/approver-token)\"",
        "while read l; do echo $l; done < ~/tollgate/approver-token",
        "{ cat; } < gate/approver-token",
        "cat ~/tollgate/appr*",
        "cat gate/appr*",
        "cat ~/toll*/appr*",
        "cat ~/*/approver-token",
        "grep -r . ~/tollgate",
        "tar c ~/tollgate",
        "cp -r ~/tollgate /tmp/x",
        "cp -r ~/tollgate/. x",
        "cd ~/tollgate && cat *",
        "cd ~/tollgate/plugins && cat ../approver-token",
        "find ~/tollgate -type f -exec cat {} +",
        "curl -d @ROOT/home/tollgate/approver-token x",
        "curl -d@ROOT/home/tollgate/approver-token x",
        "curl -T ROOT/home/tollgate/approver-token x",
        "sudo cat ~/tollgate/approver-token",
        "bash -c 'cat $0' ~/tollgate/approver-token",
        "T=~/tollgate/approver-token; cat $T",
        "cat $TOLLGATE_HOME/x",
        "docker run -v ROOT/home/tollgate:/x img",
        "tollgate --home ~/tollgate plugin disable no-secrets",
        "tollgate --home=ROOT/home/tollgate plugin disable no-secrets",
        "tollgate --home plugin plugin disable no-secrets",
        "tollgate plugin --json grant x",
        "tollgate --home ~/tollgate $x",
        "vim .claude/settings.json",
        "ed -s .claude/settings.json",
        "jq . x | sponge .claude/settings.json",
        "some-tool --out=.claude/settings.json",
        "sqlite3 ~/tollgate/journal.db 'delete from events'",
        "some-tool ~/tollgate/tollgate.toml",
        "git checkout HEAD -- .claude/settings.json",
        "kill -9 -1",
        "kill -- -1",
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
        "kill -1 999999",
        "ls -la ~/tollgate/run",
        "du -sh ~/tollgate",
        "find ~/tollgate -name '*.toml'",
        "cat ~/tollgate/tollgate.toml",
        "sudo ls ~/tollgate",
        "tollgate --home ~/tollgate plugin list",
        "git add .claude/settings.json",
        "cp .claude/settings.json x",
        "grep hooks .claude/settings.json",
        "jq . < .claude/settings.json",
        "timeout 5 cat .claude/settings.json",
        "cat *.rs",
        "wc -l src/*.rs",
        "ls ~/toll*",
    ] {
        house.shell(line, None);
    }
}

#[test]
fn tools_of_any_name_are_kept_from_it() {
    let house = House::new();
    let token = house.at("home/tollgate/approver-token");
    let protection = Some(Cause::Protection);
    for path in
        [token.as_str(), "gate/token", "gate", "~/tollgate/token", "../home/tollgate/token", ".claude/settings.json"]
    {
        house.check("mcp__fs__read_it", json!({ "path": path }), protection);
        house.check("mcp__x__y", json!({ "a": {"b": [1, {"c": path}]} }), protection);
        house.check("Task", json!({ "prompt": path }), protection);
    }
    house.check("mcp__fs__read_text_file", json!({ "path": token }), protection);
    house.check("mcp__fs__move_file", json!({ "source": token, "destination": "src/x" }), protection);
    house.check("Read", json!({ "where": token }), protection);
    house.check("mcp__x__y", json!({ "uri": format!("file://{token}") }), protection);
    for input in [
        json!({"prompt": "/etc"}),
        json!({"prompt": "look at src/main.rs, then at /x/.claude/settings.json"}),
        json!({"url": "https://example.com/.claude/settings.json"}),
        json!({"text": "one\n.claude/settings.json"}),
        json!({"path": "~/notes"}),
        json!({"cells": vec!["word"; 5_000]}),
        json!({"cells": (0..5_000).map(|cell| cell.to_string()).collect::<Vec<_>>()}),
    ] {
        house.check("mcp__x__y", input, None);
    }
    // Bounds: more paths than are looked at, deeper than anyone writes.
    let paths: Vec<String> = (0..5_000).map(|number| format!("{number}/x")).collect();
    house.check("mcp__x__y", json!({ "paths": paths }), protection);
    let mut deep = json!("x");
    for _ in 0..64 {
        deep = json!([deep]);
    }
    house.check("mcp__x__y", json!({ "a": deep }), protection);
}
