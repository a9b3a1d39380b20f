//! Writes to standard output without end when `demo.loop` comes.

use tollgate_sdk::{Description, Event, Failure, Plugin, export_observer};
use tollgate_test_guests::TRIGGER;

#[derive(Default)]
struct StdoutFlood;

impl Plugin for StdoutFlood {
    fn describe() -> Description {
        Description::new("hostile-stdout-flood", "0.1.0").subscribe(["demo.*"])
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        if event.type_ == TRIGGER {
            let line = "x".repeat(1_024);
            loop {
                println!("{line}");
            }
        }
        Ok(())
    }
}

export_observer!(StdoutFlood);
