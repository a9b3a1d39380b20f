//! The glue, called as the generated exports call it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;
use crate::{EmitError, bus, data, mock, store};
use serde::Deserialize;

#[derive(Debug, Default)]
struct Sample {
    limit: u64,
    stopped: bool,
}

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    limit: u64,
}

impl Plugin for Sample {
    fn describe() -> Description {
        Description::new("sample", "0.1.0").subscribe(["task.*"]).gate(["Bash"])
    }
    fn init(&mut self, config: &Config) -> Result<(), String> {
        self.limit = config.read::<Settings>()?.limit;
        Ok(())
    }
    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        let progress: crate::payload::TaskProgress = event.payload()?;
        store::set("last", progress.message.as_bytes())?;
        data::append("all", progress.message.as_bytes())?;
        bus::emit("sample.seen", &serde_json::json!({"limit": self.limit}))?;
        Ok(())
    }
    fn stop(&mut self) {
        self.stopped = true;
    }
}

impl Guard for Sample {
    fn check(&mut self, call: &ToolCall) -> Result<Verdict, String> {
        if call.tool == "Bash" { Ok(Verdict::Ask("why".to_owned())) } else { Err("not mine".to_owned()) }
    }
}

crate::export_guard!(Sample);

#[test]
fn a_plugin_lives_its_life() {
    let plugin = RefCell::<Sample>::default();
    assert_eq!(describe::<Sample>().name, "sample");
    init(&plugin, r#"{"limit":3}"#.to_owned()).unwrap();
    handle(&plugin, &mock::event("task.progress", r#"{"progress":1,"message":"m"}"#)).unwrap();
    assert_eq!(mock::emits().first().unwrap().payload, r#"{"limit":3}"#);
    assert_eq!(store::get("last"), Ok(Some(b"m".to_vec())));
    assert_eq!(data::read("all", 0, 9), Ok(b"m".to_vec()));
    assert_eq!(check(&plugin, &mock::call("Bash", "{}")), Ok(Verdict::Ask("why".to_owned())));
    assert!(check(&plugin, &mock::call("Read", "{}")).is_err());
    stop(&plugin);
    assert!(plugin.borrow().stopped);
}

#[test]
fn bad_configuration_and_bad_payloads_say_where() {
    let plugin = RefCell::<Sample>::default();
    assert!(init(&plugin, r#"{"limit":"x"}"#.to_owned()).unwrap_err().contains("column"));
    assert_eq!(init(&plugin, String::new()), Ok(()), "no configuration is an empty one");
    match handle(&plugin, &mock::event("task.progress", r#"{"progress":101,"message":"m"}"#)) {
        Err(Failure::Failed(reason)) => assert!(reason.contains("task.progress (seq 1)"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_inside_a_call_is_an_error() {
    let plugin = RefCell::<Sample>::default();
    let _held = plugin.borrow_mut();
    assert_eq!(init(&plugin, String::new()), Err(REENTERED.to_owned()));
    assert!(check(&plugin, &mock::call("Bash", "{}")).is_err());
    assert!(handle(&plugin, &mock::event("a.b", "{}")).is_err());
}

#[test]
fn a_panic_reaches_the_log_with_its_place() {
    report_panics();
    let unwound = std::panic::catch_unwind(|| panic!("gave up"));
    assert!(unwound.is_err());
    let (level, line) = mock::logs().pop().unwrap();
    assert_eq!(level, Level::Error);
    assert!(line.starts_with("panic: gave up at ") && line.contains("tests.rs:"), "{line}");
}

#[test]
fn refusals_end_a_handler_as_they_should() {
    assert!(matches!(Failure::from(EmitError::Denied), Failure::Failed(_)));
    assert!(matches!(Failure::from(crate::StoreError::Unavailable), Failure::Retry(_)));
    assert!(matches!(Failure::from(crate::StoreError::OverQuota), Failure::Failed(_)));
    assert!(matches!(Failure::from(crate::DataError::Unavailable("x".into())), Failure::Retry(_)));
    assert!(matches!(Failure::from(crate::DataError::NotFound), Failure::Failed(_)));
}
