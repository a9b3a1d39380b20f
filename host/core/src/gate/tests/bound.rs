//! The hash that an approval is bound to, and the key of a grant.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap is the test's failure")]

use super::super::NormalisedCall;
use super::super::binding::{grant_key, hash};
use super::super::policy::{Action, Risk, RuleVerdict};
use super::normalised;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

fn asks(command: Option<usize>, risk: Option<Risk>) -> RuleVerdict {
    RuleVerdict {
        action: Action::Ask,
        decided_by: "p/r".to_owned(),
        reason: "why".to_owned(),
        risk,
        rule: Some(0),
        command,
    }
}

fn key(line: &str) -> Option<String> {
    let call = normalised("Bash", json!({ "command": line }));
    // Another reading of its words is no command of the line.
    let asked = call.commands.iter().rposition(|command| !command.maybe);
    let key = grant_key(&call, &asks(asked, None))?;
    Some(key.strip_prefix("p/r Bash ").unwrap().to_owned())
}

fn same(tool: &str, one: Value, other: Value) -> bool {
    hash(&normalised(tool, one)) == hash(&normalised(tool, other))
}

#[test]
fn only_what_takes_effect_is_bound() {
    let command = json!({"command": "ls"});
    for without_effect in ["description", "timeout", "timeout_ms", "run_in_background"] {
        assert!(same("Bash", command.clone(), json!({"command": "ls", without_effect: "x"})), "{without_effect}");
        assert!(!same("Task", json!({}), json!({without_effect: "x"})), "of a tool that we do not know, all counts");
    }
    for effective in ["workdir", "dangerouslyDisableSandbox", "with_escalated_permissions", "env"] {
        assert!(!same("Bash", command.clone(), json!({"command": "ls", effective: "x"})), "{effective}");
    }
    assert!(!same("Bash", command.clone(), json!({"command": "ls "})), "byte for byte");
    assert!(same("Bash", command, json!({"timeout": 1, "command": "ls"})), "in any order");
    let nested = |first: Value| json!({"edits": [first], "file_path": "a"});
    assert!(same("MultiEdit", nested(json!({"a": 1, "b": 2})), nested(json!({"b": 2, "a": 1}))));
    assert!(!same("MultiEdit", nested(json!({"a": 1, "b": 2})), nested(json!({"a": 2, "b": 1}))));
    for field in ["file_path", "content"] {
        let write = json!({"file_path": "a", "content": "b", "description": "c"});
        let mut other = write.clone();
        other[field] = json!("d");
        assert!(!same("Write", write, other), "{field}");
    }
}

#[test]
fn session_tool_and_folder_are_bound() {
    let call = normalised("Bash", json!({"command": "ls"}));
    let changes: [fn(&mut NormalisedCall); 3] = [
        |call| call.session = "s2".into(),
        |call| call.tool = "Read".into(),
        |call| call.cwd = PathBuf::from("/project/sub"),
    ];
    for change in changes {
        let mut other = call.clone();
        change(&mut other);
        assert_ne!(hash(&call), hash(&other));
    }
    let mut other = call.clone();
    (other.call_id, other.agent) = ("c2".into(), "codex".into());
    assert_eq!(hash(&call), hash(&other), "which call it is does not matter");
    assert!(same("Bash", json!({"command": "ls"}), json!({"command": "ls"})));
    let named = |tool: &str| hash(&normalised(tool, json!({"command": "ls"})));
    assert_eq!(named("run_shell_command"), named("mcp__sh__shell"), "the canonical tool");
    assert_ne!(named("mcp__a__send"), named("mcp__b__send"), "of a tool that we do not know, the name it goes by");
}

#[test]
fn keys_are_the_first_words() {
    for (line, words) in [
        ("git push", "git push"),
        ("git push origin main", "git push origin"),
        ("git push --force", "git push"),
        ("git -C x push", "git"),
        ("npm run build /x", "npm run build"),
        ("cat ~/x", "cat"),
        ("ls .", "ls"),
        ("echo $HOME", "echo"),
        ("echo a$B", "echo"),
        ("rm *.o", "rm"),
        ("cd sub && A=1 B=2 git push", "git push"),
        ("cd a; cd b && git push", "git push"),
        ("git 'push it' x", "git 'push it' x"),
        ("git commit -m 'x'", "git commit"),
        ("docker-compose up", "docker-compose up"),
    ] {
        assert_eq!(key(line).as_deref(), Some(words), "{line}");
    }
}

#[test]
fn some_commands_have_no_key() {
    for line in [
        "",
        "A=1",
        "/bin/git push",
        "./run x",
        "~/x",
        "$X push",
        "git push; git push",
        "git push && ls",
        "ls | git push",
        "git push | cat",
        "git push &> x",
        "git push < x",
        "git push $(x)",
        "git push `x`",
        "git push <(x)",
        "sudo git push",
        "env git push",
        "env A=1",
        "xargs git push",
        "timeout 5 git push",
        "command git push",
        "bash x",
        "bash -c 'git push'",
        "sh",
        "python3 x",
        "python3.12 x",
        "node x",
        "perl -e 1",
        "eval x",
        "source x",
        "ssh host ls",
        "ssh host",
        "docker run x",
        "find . -exec rm {} +",
        "LD_PRELOAD=x git push",
        "PATH=x git push",
        "GIT_SSH_COMMAND=x git push",
        "PYTHONPATH=x pytest",
        "cd $X && git push",
        "cd x > y && git push",
        "ls && cd x && git push",
        "git push \u{a0} x",
        "git push 'x",
        "git clone https://me:hunter22@example.org/x",
    ] {
        assert_eq!(key(line), None, "{line}");
    }
}

#[test]
fn a_key_is_of_the_one_command_that_a_mild_rule_asks_about() {
    let call = normalised("Bash", json!({"command": "cd sub && git push"}));
    assert_eq!(grant_key(&call, &asks(Some(0), None)), None, "the rule asks about the `cd`");
    assert!(grant_key(&call, &asks(Some(1), None)).is_some());
    assert!(grant_key(&call, &asks(None, None)).is_some(), "the policy's default asks about the line");
    for (risk, grants) in [(Risk::Low, true), (Risk::Medium, true), (Risk::High, false), (Risk::Critical, false)] {
        assert_eq!(grant_key(&call, &asks(Some(1), Some(risk))).is_some(), grants, "{risk:?}");
    }
    for action in [Action::Allow, Action::Abstain, Action::Deny] {
        assert_eq!(grant_key(&call, &RuleVerdict { action, ..asks(Some(1), None) }), None);
    }
    let odd = |rule: &str, tool: &str| {
        let rules = RuleVerdict { decided_by: rule.to_owned(), ..asks(None, None) };
        grant_key(&normalised(tool, json!({})), &rules).unwrap().to_string()
    };
    assert_eq!(odd("p/r", "WebFetch"), "p/r WebFetch");
    assert_ne!(odd("p/r x", "Task"), odd("p/r", "x Task"), "no two keys read alike");
    assert_ne!(odd("p/r", "Bash git"), "p/r Bash git");
}

fn input() -> impl Strategy<Value = Map<String, Value>> {
    let leaf = prop_oneof!["[ -~é]{0,12}".prop_map(Value::from), any::<i32>().prop_map(Value::from), Just(Value::Null)];
    let value = leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..3).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    let field = prop_oneof![Just("command"), Just("content"), Just("file_path"), Just("old_string"), Just("mode")];
    prop::collection::btree_map(field.prop_map(str::to_owned), value, 1..5).prop_map(|map| map.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_hash_sees_every_effective_field_and_no_other(
        tool in prop_oneof![Just("Bash"), Just("Write"), Just("Edit"), Just("Read")],
        input in input(),
        which in any::<prop::sample::Index>(),
        words in "[ -~]{0,20}",
        seconds in any::<u32>(),
    ) {
        let before = hash(&normalised(tool, Value::Object(input.clone())));
        let mut described: Map<String, Value> = Map::new();
        described.insert("timeout".to_owned(), json!(seconds));
        // In another order, too.
        described.extend(input.clone().into_iter().rev());
        described.insert("description".to_owned(), json!(words));
        prop_assert_eq!(before, hash(&normalised(tool, Value::Object(described))));
        let field = which.get(&input.keys().cloned().collect::<Vec<_>>()).clone();
        let mut changed = input.clone();
        changed.insert(field.clone(), json!([input.get(&field)]));
        prop_assert_ne!(before, hash(&normalised(tool, Value::Object(changed))));
        let mut less = input;
        less.shift_remove(&field);
        prop_assert_ne!(before, hash(&normalised(tool, Value::Object(less))));
    }

    #[test]
    fn a_key_is_its_plain_first_words_whatever_follows(
        // No program that runs others, and no secret: those have no key, and are tested above.
        program in "zq[a-z0-9_+%]{0,5}",
        words in prop::collection::vec("[a-z][a-z0-9_+%@]{0,4}", 0..5),
        end in prop_oneof![Just(""), Just("-x"), Just("/x"), Just("./x"), Just("~/x"), Just("$X"), Just("--a=b")],
        tail in prop::collection::vec("[a-z./-]{1,6}", 0..4),
        assigned in prop::collection::vec("[A-C][0-9]", 0..3),
        folder in prop::option::of("[a-z]{1,5}"),
    ) {
        let words = [vec![program], words].concat();
        let plain = words.join(" ");
        let expected: Vec<&str> = words.iter().take(3).map(String::as_str).collect();
        let expected = normalised_key(&expected);
        prop_assert_eq!(key(&plain), Some(expected.clone()));
        let before: String = folder.iter().map(|folder| format!("cd {folder} && ")).collect();
        let before = before + &assigned.iter().map(|name| format!("{name}=1 ")).collect::<String>();
        if words.len() >= 3 || !end.is_empty() {
            let line = format!("{before}{plain} {end} {}", tail.join(" "));
            prop_assert_eq!(key(&line), Some(expected), "{}", line);
        }
        for line in [format!("sudo {plain}"), format!("{plain} > x"), format!("{plain}; ls"), format!("bash -c '{plain}'")] {
            prop_assert_eq!(key(&line), None, "{}", line);
        }
    }
}

fn normalised_key(words: &[&str]) -> String {
    words.iter().map(|word| super::super::normalise::quoted(word)).collect::<Vec<_>>().join(" ")
}
