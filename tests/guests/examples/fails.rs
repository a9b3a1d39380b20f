//! Fails each `demo.loop` for good, after an emit that must not be seen.

use tollgate_sdk::{Capability, Description, Event, Failure, Plugin, bus, export_observer};
use tollgate_test_guests::TRIGGER;

#[derive(Default)]
struct Fails;

impl Plugin for Fails {
    fn describe() -> Description {
        Description::new("fails", "0.1.0").subscribe(["demo.*"]).need(Capability::emit("test_guest.*"))
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        if event.type_ == TRIGGER {
            bus::emit("test_guest.unseen", &serde_json::json!({"seq": event.seq}))?;
            return Err(Failure::Failed("it never will".to_owned()));
        }
        Ok(())
    }
}

export_observer!(Fails);
