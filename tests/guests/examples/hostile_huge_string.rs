//! Fails with a message of 100 MB when `demo.loop` comes.

use tollgate_sdk::{Description, Event, Failure, Plugin, export_observer};
use tollgate_test_guests::TRIGGER;

#[derive(Default)]
struct HugeString;

impl Plugin for HugeString {
    fn describe() -> Description {
        Description::new("hostile-huge-string", "0.1.0").subscribe(["demo.*"])
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        if event.type_ == TRIGGER {
            return Err(Failure::Failed("x".repeat(100_000_000)));
        }
        Ok(())
    }
}

export_observer!(HugeString);
