//! Panics with a message when `demo.loop` comes.

use tollgate_sdk::{Description, Event, Failure, Plugin, export_observer};
use tollgate_test_guests::TRIGGER;

#[derive(Default)]
struct Panics;

impl Plugin for Panics {
    fn describe() -> Description {
        Description::new("panics", "0.1.0").subscribe(["demo.*"])
    }

    #[expect(clippy::panic, reason = "what this guest is for")]
    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        if event.type_ == TRIGGER {
            panic!("the guest gave up at seq {}", event.seq);
        }
        Ok(())
    }
}

export_observer!(Panics);
