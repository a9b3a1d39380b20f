//! Needs more than anyone grants by default, and wants to emit besides.

use tollgate_sdk::{Capability, Description, Event, Failure, Plugin, bus, export_observer, log};

#[derive(Default)]
struct NeedsUngranted;

impl Plugin for NeedsUngranted {
    fn describe() -> Description {
        Description::new("needs-ungranted", "0.1.0")
            .subscribe(["demo.*"])
            .need(Capability::Data(1_048_576))
            .want(Capability::emit("test_guest.*"))
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        if let Err(error) = bus::emit("test_guest.wanted", &serde_json::json!({"seq": event.seq})) {
            log::warn(&format!("emit: {error:?}"));
        }
        Ok(())
    }
}

export_observer!(NeedsUngranted);
