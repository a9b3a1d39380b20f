//! The demonstration holds what it promises, on a machine without a daemon.

use crate::support::{Home, stderr, stdout};
use serde_json::Value;

#[test]
fn every_expectation_of_the_demonstration_holds() {
    let home = Home::new();
    let output = home.tollgate(["demo", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!(report["ok"], true, "{report}");
    assert_eq!(report["verdicts"]["by_cause"], serde_json::json!({"plugin": 1, "rule": 1, "sandbox": 1}));
    let plugins = report["plugins"].as_array().expect("a list");
    for (name, faults) in [("audit", 0), ("counter", 0), ("no-secrets", 0), ("spin-handle", 3), ("translation", 0)] {
        let plugin =
            plugins.iter().find(|plugin| plugin["name"] == name).unwrap_or_else(|| panic!("no {name}: {report}"));
        assert_eq!(plugin["faults"], faults, "{plugin}");
        assert!(plugin["fuel"].as_u64().is_some_and(|fuel| fuel > 0), "{plugin}");
    }
    assert!(!home.path().join("journal.db").exists(), "it has a home of its own");
}
