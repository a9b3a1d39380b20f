//! For every agent: what is put in is found, is what the agent wants, and goes without a trace.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::*;
use crate::agents::known::AGENTS;

const DEADLINE_MS: u64 = 5_000;

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn agent(name: &str) -> &'static Agent {
    AGENTS.iter().find(|agent| agent.name() == name).unwrap()
}

fn command(agent: &Agent) -> HookCommand {
    HookCommand::new(agent, "/opt/bin/tollgate", None).unwrap()
}

/// Somebody's settings, with hooks of their own.
fn theirs(agent: &Agent) -> Map<String, Value> {
    let gate = agent.gate().unwrap().name;
    let own = json!({"command": "lint tollgate hook"});
    let listed = if agent.shape == Shape::Flat { json!([own]) } else { json!([{"matcher": "Bash", "hooks": [own]}]) };
    let mut settings = object(&json!({"model": "x", "hooks": {"TeammateIdle": []}, "permissions": {"allow": ["x"]}}));
    if agent.shape == Shape::Flat {
        settings.insert("version".to_owned(), json!(1));
    }
    settings["hooks"][gate] = listed;
    settings
}

#[test]
fn what_is_installed_is_found_and_goes_without_a_trace() {
    for agent in &AGENTS {
        for before in [theirs(agent), Map::new(), object(&json!({"hooks": {}}))] {
            let mut settings = before.clone();
            install(agent, &mut settings, &command(agent), DEADLINE_MS).unwrap();
            let found = find(agent, &settings);
            assert_eq!((found.missing(agent), found.command), (Vec::new(), Some(command(agent))));
            assert_eq!(found.patience_ms, Some(agent.patience * 1_000));
            let once = settings.clone();
            install(agent, &mut settings, &command(agent), DEADLINE_MS).unwrap();
            assert_eq!(settings, once, "a second time changes nothing");
            let mut unknown = settings.clone();
            uninstall(agent, &mut settings, Some(&before)).unwrap();
            assert_eq!(settings, before, "{}", agent.name());
            // Without knowing what was there, an empty `hooks` of theirs is as good as none.
            uninstall(agent, &mut unknown, None).unwrap();
            assert_eq!(without_empty(&unknown), without_empty(&before), "{}", agent.name());
            let mut other = before.clone();
            other.insert("theme".to_owned(), json!("dark"));
            let mut changed = other.clone();
            install(agent, &mut changed, &command(agent), DEADLINE_MS).unwrap();
            uninstall(agent, &mut changed, Some(&before)).unwrap();
            assert_eq!(without_empty(&changed), without_empty(&other), "what changed meanwhile stays");
        }
    }
}

/// The exact handlers, as each agent's reference has them: a gate, another event of tools, and one of neither.
#[test]
fn each_agent_gets_its_own_shape() {
    let check = |name: &str, event: &str, expected: Value| {
        let mut settings = Map::new();
        install(agent(name), &mut settings, &command(agent(name)), DEADLINE_MS).unwrap();
        assert_eq!(settings["hooks"][event], json!([expected]), "{name} {event}");
    };
    let words = |timeout: u64| json!({"type": "command", "command": "/opt/bin/tollgate", "args": ["hook", "claude-code"], "timeout": timeout});
    let mut gate = words(15);
    gate["onFailure"] = json!("block");
    check("claude-code", "PreToolUse", json!({"matcher": "*", "hooks": [gate]}));
    check("claude-code", "PostToolUse", json!({"matcher": "*", "hooks": [words(15)]}));
    check("claude-code", "Stop", json!({"hooks": [words(15)]}));

    let line = |name: &str, timeout: u64| json!({"type": "command", "command": format!("/opt/bin/tollgate hook {name}"), "timeout": timeout});
    check("codex", "PreToolUse", json!({"matcher": "*", "hooks": [line("codex", 600)]}));
    check("codex", "PostToolUse", json!({"matcher": "*", "hooks": [line("codex", 15)]}));
    check("codex", "Stop", json!({"hooks": [line("codex", 15)]}));
    check("codex", "SessionEnd", json!({"hooks": [line("codex", 3)]}));

    check("gemini", "BeforeTool", json!({"matcher": "*", "hooks": [line("gemini", 600_000)]}));
    check("gemini", "AfterTool", json!({"matcher": "*", "hooks": [line("gemini", 15_000)]}));
    check("gemini", "AfterAgent", json!({"hooks": [line("gemini", 15_000)]}));

    let flat = |timeout: u64| json!({"command": "/opt/bin/tollgate hook cursor", "timeout": timeout});
    let mut gate = flat(30);
    gate["failClosed"] = json!(true);
    for event in ["preToolUse", "beforeShellExecution", "beforeMCPExecution", "beforeReadFile"] {
        check("cursor", event, gate.clone());
    }
    check("cursor", "postToolUse", flat(15));
    check("cursor", "stop", flat(15));
    let mut settings = Map::new();
    install(agent("cursor"), &mut settings, &command(agent("cursor")), DEADLINE_MS).unwrap();
    assert_eq!(settings["version"], 1);
}

#[test]
fn an_older_hook_of_ours_is_replaced_and_one_in_a_line_is_seen() {
    for agent in &AGENTS {
        let gate = agent.gate().unwrap().name;
        let old = json!({"command": format!("/old/tollgate hook {}", agent.name()), "timeout": 5});
        let listed = if agent.shape == Shape::Flat { old } else { json!({"matcher": "*", "hooks": [old]}) };
        let mut settings = object(&json!({"hooks": {gate: [listed]}}));
        let found = find(agent, &settings);
        assert_eq!(found.events, [gate]);
        assert_eq!(found.command.unwrap().program, "/old/tollgate");
        assert_eq!(found.patience_ms, Some(5_000 / agent.per_second));
        install(agent, &mut settings, &command(agent), DEADLINE_MS).unwrap();
        assert_eq!(settings["hooks"][gate].as_array().unwrap().len(), 1);
        assert_eq!(find(agent, &settings).command, Some(command(agent)));
    }
}

#[test]
fn a_hook_that_some_tools_pass_by_is_none_and_one_that_fails_open_is_told() {
    for agent in &AGENTS {
        let gate = agent.gate().unwrap().name;
        let mut whole = Map::new();
        install(agent, &mut whole, &command(agent), DEADLINE_MS).unwrap();
        assert_eq!(find(agent, &whole).trouble(agent), Some(Trouble::Gone("/opt/bin/tollgate".to_owned())));
        if agent.shape != Shape::Flat {
            let mut narrowed = whole.clone();
            narrowed["hooks"][gate][0]["matcher"] = json!("Bash");
            let found = find(agent, &narrowed);
            assert!(found.missing(agent) == [gate] && found.lets_past(agent), "{}", agent.name());
            // Installing again mends it, and leaves one.
            install(agent, &mut narrowed, &command(agent), DEADLINE_MS).unwrap();
            assert_eq!(narrowed["hooks"][gate], whole["hooks"][gate]);
        }
        let word = match agent.shape {
            Shape::Words => "onFailure",
            Shape::Flat => "failClosed",
            Shape::Line => continue,
        };
        let mut open = whole.clone();
        let listed = &mut open["hooks"][gate][0];
        let handler = if agent.shape == Shape::Flat { listed } else { &mut listed["hooks"][0] };
        handler.as_object_mut().unwrap().shift_remove(word).unwrap();
        assert_eq!(find(agent, &open).open, [gate], "{}", agent.name());
        assert!(find(agent, &whole).open.is_empty(), "{}", agent.name());
    }
}

#[test]
fn settings_that_keep_hooks_silent_are_seen() {
    for (name, settings, switch) in [
        ("claude-code", json!({"disableAllHooks": true}), Some("/disableAllHooks")),
        ("claude-code", json!({"disableAllHooks": false}), None),
        ("gemini", json!({"hooksConfig": {"enabled": false}}), Some("/hooksConfig/enabled")),
        ("gemini", json!({"tools": {"enableHooks": false}}), Some("/tools/enableHooks")),
        ("gemini", json!({"tools": {"enableHooks": true}, "hooksConfig": 7}), None),
        ("cursor", json!({"disableAllHooks": true}), None),
    ] {
        assert_eq!(find(agent(name), &object(&settings)).switched_off, switch, "{name} {settings}");
    }
}

#[test]
fn settings_of_another_shape_are_left_alone() {
    let nested = [
        (json!({"hooks": []}), "`hooks`"),
        (json!({"hooks": {"Stop": {}}}), "`hooks.Stop`"),
        (json!({"hooks": {"Stop": [{"matcher": "*"}]}}), "`hooks.Stop[0]`"),
    ];
    let flat = [
        (json!({"hooks": []}), "`hooks`"),
        (json!({"hooks": {"stop": {}}}), "`hooks.stop`"),
        (json!({"hooks": {"stop": ["x"]}}), "`hooks.stop[0]`"),
        (json!({"version": 2, "hooks": {}}), "`version` is 2"),
    ];
    for agent in &AGENTS {
        let broken = if agent.shape == Shape::Flat { flat.as_slice() } else { nested.as_slice() };
        for (settings, place) in broken {
            let mut changed = object(settings);
            for error in [
                install(agent, &mut changed, &command(agent), DEADLINE_MS).unwrap_err(),
                uninstall(agent, &mut changed, None).unwrap_err(),
            ] {
                assert!(error.contains(place), "{}: {error}", agent.name());
            }
            assert_eq!(Value::Object(changed), *settings);
        }
    }
}
