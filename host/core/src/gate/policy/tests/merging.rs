//! Several rules, several files, files and presets: which of them decides.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use super::*;
use std::time::Duration;

fn source<'a>(name: &'a str, text: &'a str) -> PolicySource<'a> {
    PolicySource { name, text }
}

#[test]
fn the_strictest_command_decides_and_the_first_rule_matches() {
    let text = "version: 1\nname: p\nsettings: {default_action: allow}\nrules:\n- {name: ok, tool: Bash, match: {program: ls}, action: allow}\n- {name: ask, tool: Bash, match: {program: cp}, action: require_approval}\n- {name: no, tool: Bash, command_patterns: ['^(rm|ls) '], action: deny, reason: gone}\n";
    let policy = load(text).unwrap();
    assert_eq!(verdict(&policy, "ls x").decided_by, "p/ok");
    assert_eq!(verdict(&policy, "cp a b; ls").decided_by, "p/ask");
    let denied = verdict(&policy, "cp a b; ls; rm x");
    assert_eq!(
        (denied.action, denied.decided_by.as_str(), denied.reason.as_str(), denied.command),
        (Action::Deny, "p/no", "gone", Some(2))
    );
    let rule = policy.rule(denied.rule.unwrap()).unwrap();
    assert_eq!((rule.id, rule.file, rule.line, rule.column, rule.action), ("p/no", "test.yaml", 7, 10, "deny"));
    let default = verdict(&policy, "ls; other");
    assert_eq!((default.decided_by.as_str(), default.rule), ("p/default", None));
}

#[test]
fn files_are_merged_in_order() {
    let first = "version: 1\nname: a\nrules: [{name: ls, tool: Bash, match: {program: ls}, action: deny}]";
    let second = "version: 1\nname: b\nsettings: {default_action: allow}\nrules: [{name: ls, tool: Bash, match: {program: ls}, action: allow}]";
    let third = "version: 1\nname: c\nsettings: {default_action: deny}";
    let policy = Policy::load([first, second, third].map(|text| source("x", text))).unwrap();
    assert_eq!(policy.len(), 2);
    assert_eq!(verdict(&policy, "ls").decided_by, "a/ls");
    assert_eq!(verdict(&policy, "cat x").decided_by, "b/default");
}

#[test]
fn a_name_is_one_rules_alone() {
    let text = "version: 1\nname: a\nrules:\n- {name: ls, tool: Bash, match: {program: ls}, action: deny}";
    let error = Policy::load([source("x.yaml", text), source("y.yaml", text)]).unwrap_err().to_string();
    assert_eq!(error, "y.yaml:4:10: rule `a/ls`: x.yaml:4 has a rule of this name; name the policy otherwise");
    let error = Policy::compose(
        [source("x.yaml", &text.replace("name: a", "name: guardrails").replace("ls,", "rm-root,"))],
        &["guardrails"],
    );
    assert!(error.unwrap_err().to_string().contains("guardrails/rm-root"));
}

#[test]
fn files_come_before_presets_and_the_last_preset_sets_the_default() {
    let file = "version: 1\nname: own\nrules: [{name: push, tool: Bash, match: {program: git, subcommand: push}, action: allow}]";
    let said = |files: &[&str], presets: &[&str], line: &str| {
        let files = files.iter().map(|text| source("own.yaml", text));
        let verdict = verdict(&Policy::compose(files, presets).unwrap(), line);
        (verdict.action, verdict.decided_by)
    };
    let by = |action: Action, by: &str| (action, by.to_owned());
    assert_eq!(said(&[], &["guardrails"], "git push"), by(Action::Abstain, "guardrails/default"));
    assert_eq!(said(&[file], &["guardrails"], "git push --force"), by(Action::Allow, "own/push"));
    assert_eq!(said(&[], &["guardrails", "strict"], "x"), by(Action::Ask, "strict/default"));
    assert_eq!(said(&[], &["strict", "guardrails"], "x"), by(Action::Abstain, "guardrails/default"));
    let default = "version: 1\nname: own\nsettings: {default_action: deny}";
    assert_eq!(said(&[default], &["strict"], "x"), by(Action::Deny, "own/default"));
    assert_eq!(said(&[default], &["strict"], "ls"), by(Action::Allow, "reads/harmless-reads"));
    assert_eq!(said(&[], &[], "ls"), by(Action::Abstain, "default"));
}

#[test]
fn a_presets_rules_stand_once() {
    let one = Policy::preset("strict").unwrap();
    let many = Policy::compose([], &["guardrails", "strict", "strict", "guardrails"]).unwrap();
    assert_eq!(one.len(), many.len());
    let error = Policy::compose([], &["strictt"]).unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no preset `strictt`; did you mean `strict`? (there are `guardrails`, `default`, `strict`, `permissive`)"
    );
}

#[test]
fn the_first_file_sets_how_long_a_person_has() {
    let file =
        |seconds: u64| format!("version: 1\nname: p{seconds}\nsettings: {{approval_timeout_seconds: {seconds}}}");
    let (short, long) = (file(60), file(3_600));
    let timeout = |files: &[&str]| {
        let files = files.iter().map(|text| source("x", text));
        Policy::compose(files, &["guardrails"]).unwrap().approval_timeout()
    };
    assert_eq!(timeout(&[]), None);
    assert_eq!(timeout(&[&short, &long]), Some(Duration::from_secs(60)));
    assert_eq!(timeout(&[&long]), Some(Duration::from_secs(3_600)));
}

#[test]
fn every_action_and_every_default_is_what_it_says() {
    for (action, expected) in [("allow", Action::Allow), ("deny", Action::Deny), ("require_approval", Action::Ask)] {
        let text =
            format!("version: 1\nname: p\nrules: [{{name: r, tool: Bash, match: {{program: x}}, action: {action}}}]");
        let policy = load(&text).unwrap();
        assert_eq!(verdict(&policy, "x").action, expected, "{action}");
        assert_eq!(policy.rules().next().unwrap().action, action);
    }
    for (default, expected) in [
        ("allow", Action::Allow),
        ("deny", Action::Deny),
        ("require_approval", Action::Ask),
        ("abstain", Action::Abstain),
    ] {
        let policy = load(&format!("version: 1\nname: p\nsettings: {{default_action: {default}}}")).unwrap();
        assert_eq!(verdict(&policy, "x").action, expected, "{default}");
        assert_eq!(expected.as_str(), default);
    }
}

#[test]
fn risk_is_the_rules_own() {
    for (level, expected) in
        [("low", Risk::Low), ("medium", Risk::Medium), ("high", Risk::High), ("critical", Risk::Critical)]
    {
        let text = format!(
            "version: 1\nname: p\nrules: [{{name: r, tool: Bash, action: deny, reason: because, risk_level: {level}}}]"
        );
        let said = verdict(&load(&text).unwrap(), "x");
        assert_eq!((said.risk, said.reason.as_str()), (Some(expected), "because"));
        assert_eq!(expected.as_str(), level);
    }
    let said = verdict(&load("version: 1\nname: p\nrules: [{name: r, tool: Bash, action: deny}]").unwrap(), "x");
    assert_eq!((said.risk, said.reason.as_str()), (None, "rule p/r says so"));
}

#[test]
fn cases_are_held_against_the_whole_policy() {
    let cases = Cases::read(source(
        "cases.yaml",
        "version: 1\npolicies: [own.yaml, guardrails]\ncases:\n- {command: rm -rf /, expect: deny, rule: guardrails/rm-root}\n- {command: ls, expect: deny}\n- {tool: Write, path: /etc/passwd, expect: deny}\n- {command: ls, expect: abstain, rule: guardrails/x}\n- {command: 'cat x', cwd: /srv/a, roots: [/srv], expect: abstain}\n",
    ))
    .unwrap();
    assert_eq!(cases.policies(), ["own.yaml", "guardrails"]);
    let results = cases.run(preset("guardrails"));
    let seen: Vec<_> = results.iter().map(|result| (result.line, result.holds(), result.action)).collect();
    assert_eq!(
        seen,
        [
            (4, true, Action::Deny),
            (5, false, Action::Abstain),
            (6, true, Action::Deny),
            (7, false, Action::Abstain),
            (8, true, Action::Abstain)
        ]
    );
    assert!(Cases::is_one("cases: []") && !Cases::is_one("rules: []") && !Cases::is_one("["));
}

#[test]
fn bad_cases_are_refused_with_their_places() {
    let errors = Cases::read(source(
        "c.yaml",
        "version: 1\npolicy: x\ncases:\n- {command: ls}\n- {tool: Bash, expect: deny}\n- {expect: deny}\n- {tool: Read, command: ls, expect: deny}\n- {command: ls, expect: denied}\n- {command: ls, expect: ask, cwd: src}\n",
    ))
    .unwrap_err();
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    for (error, expected) in errors.iter().zip([
        "c.yaml:2:1: a file of test cases has no key `policy`; did you mean `policies`?",
        "c.yaml:4:3: a case needs an `expect`",
        "c.yaml:5:3: a shell tool needs a `command`",
        "c.yaml:6:3: say which `tool` is called",
        "c.yaml:7:3: `Read` is no shell tool",
        "c.yaml:8:25: `expect` cannot be `denied`; did you mean `deny`?",
        "c.yaml:9:25: `expect` cannot be `ask`",
        "c.yaml:9:35: `cwd`: `src` is not absolute",
    ]) {
        assert!(error.starts_with(expected), "{error}\n not {expected}");
    }
    assert_eq!(errors.len(), 8, "{errors:#?}");
    assert!(Cases::read(source("c.yaml", "version: 1\ncases: []")).is_err());
}
