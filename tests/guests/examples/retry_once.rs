//! Asks for another try the first time that it sees a `demo.loop`, and handles it the second time. What it
//! emitted the first time must not be seen.

use tollgate_sdk::{Capability, Description, Event, Failure, Plugin, bus, export_observer};
use tollgate_test_guests::TRIGGER;

#[derive(Default)]
struct RetryOnce {
    last: Option<u64>,
}

impl Plugin for RetryOnce {
    fn describe() -> Description {
        Description::new("retry-once", "0.1.0").subscribe(["demo.*"]).need(Capability::emit("test_guest.*"))
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        let tried = self.last.replace(event.seq) == Some(event.seq);
        bus::emit("test_guest.tried", &serde_json::json!({"seq": event.seq, "again": tried}))?;
        if event.type_ == TRIGGER && !tried { Err(Failure::Retry("not yet".to_owned())) } else { Ok(()) }
    }
}

export_observer!(RetryOnce);
