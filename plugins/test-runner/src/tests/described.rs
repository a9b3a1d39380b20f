//! What the plugin says of itself, against the grant that comes with it.

use super::*;
use crate::settings::Settings;
use crate::{PROGRAMS, ledger};
use tollgate_sdk::Capability;

#[test]
fn it_handles_nothing_but_the_command() {
    let described = TestRunner::describe();
    assert_eq!(described.name, "test-runner");
    assert_eq!(described.subscriptions, ["command.test"]);
    assert!(described.gates.is_empty());
    let schema: Value = serde_json::from_str(described.config_schema.as_deref().unwrap()).unwrap();
    assert_eq!(schema.get("additionalProperties"), Some(&json!(false)));
}

#[test]
fn the_bundled_grant_gives_just_what_it_asks() {
    let grant: toml::Table = include_str!("../../grant.toml").parse().unwrap();
    let table = grant.get("grant").and_then(toml::Value::as_table).unwrap();
    let texts = |value: &toml::Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let described = TestRunner::describe();
    let asked: Vec<&Capability> = described.needs.iter().chain(&described.wants).collect();
    let emits: Vec<&str> = asked
        .iter()
        .filter_map(|ask| if let Capability::Emit(pattern) = ask { Some(pattern.as_str()) } else { None })
        .collect();
    assert_eq!(texts(table.get("emit").unwrap()), emits);
    let programs: Vec<(String, Vec<String>)> = table
        .get("process")
        .and_then(toml::Value::as_array)
        .unwrap()
        .iter()
        .map(|entry| (entry.get("program").unwrap().as_str().unwrap().to_owned(), texts(entry.get("args").unwrap())))
        .collect();
    let asked_programs: Vec<(String, Vec<String>)> = PROGRAMS
        .iter()
        .map(|(program, args)| ((*program).to_owned(), args.iter().map(|arg| (*arg).to_owned()).collect()))
        .collect();
    assert_eq!(programs, asked_programs);
    let variables = texts(table.get("env").unwrap());
    let set = crate::framework::QUIET;
    assert!(set.iter().all(|(name, _)| variables.contains(&(*name).to_owned())), "a variable that it sets is refused");
    let read = table.get("workspace").and_then(|workspace| workspace.get("read")).unwrap();
    assert_eq!(texts(read), ["**"]);
    assert!(table.get("workspace").unwrap().get("write").is_none(), "it writes nothing");
    let bytes = table.get("data").and_then(|data| data.get("max_bytes")).and_then(toml::Value::as_integer);
    assert_eq!(bytes.map(|bytes| u64::try_from(bytes).unwrap()), Some(ledger::DATA_BYTES));
    assert_eq!(table.get("session_effects").and_then(toml::Value::as_bool), Some(true));
    let timeout =
        grant.get("limits").and_then(|limits| limits.get("timeout_ms")).and_then(toml::Value::as_integer).unwrap();
    assert!(i64::from(Settings::default().timeout_ms) < timeout, "a request must end before its call does");
}

#[test]
fn every_command_that_it_runs_is_one_that_it_asks_for() {
    let fits = |command: &[String]| {
        PROGRAMS.iter().any(|(program, args)| {
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            words
                .split_first()
                .is_some_and(|(first, rest)| first == program && rest.starts_with(args.split_last().unwrap().1))
        })
    };
    for name in crate::framework::Framework::all_names().split(", ") {
        let suite = Suite::new(Framework::named(name).unwrap(), "", Some("x"));
        assert!(fits(&suite.command), "{suite:?}");
    }
    for words in [
        "npm test",
        "npm run test:unit -- x",
        "npm run unit",
        "npm run test:ci",
        "bundle exec rspec --no-color",
        "php vendor/bin/phpunit",
        "cargo nextest --version",
    ] {
        assert!(fits(&words.split(' ').map(str::to_owned).collect::<Vec<_>>()), "{words}");
    }
}

#[test]
fn a_bad_configuration_is_refused() {
    for (config, words) in [
        (json!({"timeout_ms": 10}), "timeout_ms is 10"),
        (json!({"suite_timeout_ms": 86_400_001}), "suite_timeout_ms"),
        (json!({"unknown": 1}), "unknown"),
        (json!({"browser_grants": vec!["x"; 17]}), "at most 16"),
        (json!({"browser_grants": [""]}), "empty key"),
        (json!({"browser_mode": "x".repeat(257)}), "at most 256"),
    ] {
        let error = TestRunner::default().init(&Config::new(config.to_string())).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
    runner(r#"{"timeout_ms": 1000, "browser_mode": "", "browser_grants": []}"#);
}
