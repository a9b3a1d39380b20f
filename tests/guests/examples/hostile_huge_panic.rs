//! Panics with a message of a megabyte when `demo.loop` comes.

use tollgate_sdk::{Description, Event, Failure, Plugin, export_observer};
use tollgate_test_guests::TRIGGER;

#[derive(Default)]
struct HugePanic;

impl Plugin for HugePanic {
    fn describe() -> Description {
        Description::new("hostile-huge-panic", "0.1.0").subscribe(["demo.*"])
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        if event.type_ == TRIGGER {
            give_up(&"no ".repeat(350_000));
        }
        Ok(())
    }
}

export_observer!(HugePanic);

#[expect(clippy::panic, reason = "what this guest is for")]
#[inline(never)]
fn give_up(why: &str) {
    panic!("out of patience: {why}");
}
