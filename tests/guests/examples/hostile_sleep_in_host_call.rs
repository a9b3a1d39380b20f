//! Sleeps for an hour inside one call of the host when `demo.loop` comes.

use tollgate_sdk::{Description, Event, Failure, Plugin, export_observer};
use tollgate_test_guests::TRIGGER;

#[derive(Default)]
struct SleepInHostCall;

impl Plugin for SleepInHostCall {
    fn describe() -> Description {
        Description::new("hostile-sleep-in-host-call", "0.1.0").subscribe(["demo.*"])
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        if event.type_ == TRIGGER {
            std::thread::sleep(std::time::Duration::from_secs(3_600));
        }
        Ok(())
    }
}

export_observer!(SleepInHostCall);
