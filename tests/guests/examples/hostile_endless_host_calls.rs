//! Calls the host without end when `demo.loop` comes.

use tollgate_sdk::{Description, Event, Failure, Plugin, export_observer, store};
use tollgate_test_guests::TRIGGER;

#[derive(Default)]
struct EndlessHostCalls;

impl Plugin for EndlessHostCalls {
    fn describe() -> Description {
        Description::new("hostile-endless-host-calls", "0.1.0").subscribe(["demo.*"])
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        if event.type_ == TRIGGER {
            loop {
                std::hint::black_box(store::get("nothing").is_ok());
            }
        }
        Ok(())
    }
}

export_observer!(EndlessHostCalls);
