//! Logs once it is there; emits at once between two events that it stages when `demo.loop` comes.

use serde_json::json;
use tollgate_sdk::{Capability, Config, Description, Event, Failure, Plugin, bus, export_observer, log};
use tollgate_test_guests::TRIGGER;

#[derive(Default)]
struct BothWays;

impl Plugin for BothWays {
    fn describe() -> Description {
        Description::new("both-ways", "0.1.0").subscribe(["demo.*"]).need(Capability::emit("test_guest.*"))
    }

    fn init(&mut self, _config: &Config) -> Result<(), String> {
        log::info("ready");
        Ok(())
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        if event.type_ == TRIGGER {
            bus::emit("test_guest.staged", &json!({"n": 1}))?;
            bus::emit_now("test_guest.at_once", &json!({"n": 2}))?;
            bus::emit("test_guest.staged", &json!({"n": 3}))?;
        }
        Ok(())
    }
}

export_observer!(BothWays);
