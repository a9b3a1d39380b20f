//! The interface as it was published: its text, and a plugin that was built against it and has to go on working.

use crate::support::{Home, stderr, stdout};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Everything that 0.1.0 says, without its comments.
const PUBLISHED: &str = include_str!("fixtures/tollgate-plugin-0.1.0.wit");
/// A guard built against it, with every import and export.
const FROZEN: &str = include_str!("fixtures/frozen-0-1.wat");
const GRANT: &str = "[grant]\nemit = [\"frozen.seen\"]\ngate = [\"deny\"]\n";

/// What the files of `wit/` say without their comments, one file after the other.
fn said() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "wit"));
    files.sort();
    let text: Vec<String> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let lines = text.iter().flat_map(|text| text.lines());
    lines
        .filter(|line| !line.trim().is_empty() && !line.trim().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn a_published_interface_is_not_changed() {
    let said = said();
    let differs = said.lines().zip(PUBLISHED.lines()).find(|(now, then)| now != then);
    assert_eq!(differs, None, "docs/interface.md says what to do instead");
    assert_eq!(said.lines().count(), PUBLISHED.lines().count(), "docs/interface.md says what to do instead");
}

#[test]
fn a_plugin_built_against_the_first_interface_goes_on_working() {
    let home = Home::without_plugins();
    let component = wat::parse_str(FROZEN).expect("a component");
    home.install("frozen-0-1", &component, GRANT);
    let daemon = home.start();
    daemon.serving("frozen-0-1");
    assert_eq!(daemon.plugin("frozen-0-1")["version"], "1.2.3");
    let emitted = home.tollgate(["emit", "demo.tick", "--wait", "45s"]);
    assert!(stdout(&emitted).contains("frozen-0-1: handled"), "{}{}", stdout(&emitted), stderr(&emitted));
    let seen: Vec<Value> = daemon.events("frozen.seen");
    assert_eq!((seen.len(), &seen[0]["payload"]["seen"]), (1, &Value::Bool(true)));
    let verdict = daemon.gate("s1", &home.workspace(), "git status", 0);
    assert_eq!((&verdict["decision"], &verdict["cause"]), (&"deny".into(), &"plugin".into()), "{verdict}");
}
