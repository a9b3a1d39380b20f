//! Logs a million lines when `demo.loop` comes.

use tollgate_sdk::{Description, Event, Failure, Plugin, export_observer, log};
use tollgate_test_guests::TRIGGER;

#[derive(Default)]
struct MillionLogLines;

impl Plugin for MillionLogLines {
    fn describe() -> Description {
        Description::new("hostile-million-log-lines", "0.1.0").subscribe(["demo.*"])
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        if event.type_ == TRIGGER {
            for _ in 0..1_000_000 {
                log::info("again");
            }
        }
        Ok(())
    }
}

export_observer!(MillionLogLines);
