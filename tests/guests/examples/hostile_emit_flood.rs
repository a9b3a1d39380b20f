//! Emits without end when `demo.loop` comes, until the host refuses; then says how many passed.

use tollgate_sdk::{Capability, Description, Event, Failure, Plugin, bus, export_observer, log};
use tollgate_test_guests::TRIGGER;

#[derive(Default)]
struct EmitFlood;

impl Plugin for EmitFlood {
    fn describe() -> Description {
        Description::new("hostile-emit-flood", "0.1.0").subscribe(["demo.*"]).need(Capability::emit("test_guest.*"))
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        if event.type_ == TRIGGER {
            let mut passed = 0_u64;
            while bus::emit("test_guest.flood", &serde_json::json!({"n": passed})).is_ok() {
                passed += 1;
            }
            log::warn(&format!("{passed} emits passed"));
        }
        Ok(())
    }
}

export_observer!(EmitFlood);
