//! `tollgate bench`, shorter than anyone would: that what it promises to look at was there to look at.

use crate::support::{Home, stderr, stdout};
use serde_json::Value;

#[test]
fn a_short_soak_holds_and_tells_what_it_did() {
    let home = Home::without_plugins();
    let output = home.tollgate(["bench", "soak", "--minutes", "0.1", "--seed", "7", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&report["ok"], &report["seed"]), (&Value::Bool(true), &Value::from(7)), "{report}");
    let counted = |name: &str| report[name].as_u64().unwrap_or_default();
    for name in ["acknowledged", "verdicts", "denied", "readers"] {
        assert!(counted(name) > 0, "{name}: {report}");
    }
    assert!(counted("denied") < counted("verdicts"), "{report}");
    let changes: u64 = report["changes"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert!(changes > 0 && report["plugins"]["loaded"].as_u64() > Some(0), "{report}");
    assert!(report["memory_kib"].is_null(), "six seconds say nothing of memory: {report}");
    assert!(report["expectations"].as_array().unwrap().len() >= 4, "{report}");
}

#[test]
fn a_soak_of_no_time_or_of_years_is_wrong_usage() {
    for minutes in ["0", "-1", "1e9", "nan", "soon"] {
        let output = Home::new().tollgate(["bench", "soak", &format!("--minutes={minutes}")]);
        assert_eq!(output.status.code(), Some(64), "{minutes}");
        assert!(stderr(&output).contains("minutes"), "{minutes}: {}", stderr(&output));
    }
}

#[test]
fn a_few_crashes_lose_and_double_nothing_that_was_acknowledged() {
    let home = Home::without_plugins();
    let output = home.tollgate(["bench", "crash", "--times", "4", "--clients", "4", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&report["ok"], &report["kills"]), (&Value::Bool(true), &Value::from(4)), "{report}");
    for name in ["acknowledged", "verified"] {
        assert!(report[name].as_u64() > Some(0), "{name}: {report}");
    }
    assert!(report["verified"].as_u64() >= report["acknowledged"].as_u64(), "{report}");
    for name in ["lost", "duplicated", "strange"] {
        assert_eq!(report[name], 0, "{report}");
    }
}

#[test]
fn readers_that_come_and_go_miss_nothing_and_see_nothing_twice() {
    let home = Home::without_plugins();
    let arguments = ["bench", "stream", "--connections", "40", "--readers", "4", "--per-second", "500", "--json"];
    let output = home.tollgate(arguments);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&report["ok"], &report["connections"]), (&Value::Bool(true), &Value::from(40)), "{report}");
    assert_eq!((&report["gaps"], &report["repeated"]), (&Value::from(0), &Value::from(0)), "{report}");
    assert!(report["read"].as_u64() > Some(40) && report["recorded"].as_u64() > Some(0), "{report}");
}
