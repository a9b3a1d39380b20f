//! Loops for ever when `demo.loop` comes.

use tollgate_sdk::{Description, Event, Failure, Plugin, export_observer};
use tollgate_test_guests::TRIGGER;

#[derive(Default)]
struct EndlessLoopInHandle;

impl Plugin for EndlessLoopInHandle {
    fn describe() -> Description {
        Description::new("hostile-endless-loop-in-handle", "0.1.0").subscribe(["demo.*"])
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

export_observer!(EndlessLoopInHandle);
