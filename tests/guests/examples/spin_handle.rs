//! Loops for ever when `demo.loop` comes; handles any other `demo.*`.

use tollgate_sdk::{Description, Event, Failure, Plugin, export_observer};
use tollgate_test_guests::TRIGGER;

#[derive(Default)]
struct SpinHandle;

impl Plugin for SpinHandle {
    fn describe() -> Description {
        Description::new("spin-handle", "0.1.0").subscribe(["demo.*"])
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        if event.type_ == TRIGGER {
            loop {
                std::hint::black_box(());
            }
        }
        Ok(())
    }
}

export_observer!(SpinHandle);
