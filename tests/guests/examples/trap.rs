//! Traps with an `unreachable` instruction when `demo.loop` comes, saying nothing.

use tollgate_sdk::{Description, Event, Failure, Plugin, export_observer};
use tollgate_test_guests::TRIGGER;

#[derive(Default)]
struct Trap;

impl Plugin for Trap {
    fn describe() -> Description {
        Description::new("trap", "0.1.0").subscribe(["demo.*"])
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        if event.type_ == TRIGGER {
            std::process::abort();
        }
        Ok(())
    }
}

export_observer!(Trap);
