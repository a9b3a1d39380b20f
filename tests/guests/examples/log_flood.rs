//! Logs far more than an event may when `demo.loop` comes.

use tollgate_sdk::{Description, Event, Failure, Plugin, export_observer, log};
use tollgate_test_guests::TRIGGER;

#[derive(Default)]
struct LogFlood;

impl Plugin for LogFlood {
    fn describe() -> Description {
        Description::new("log-flood", "0.1.0").subscribe(["demo.*"])
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        if event.type_ == TRIGGER {
            let line = "x".repeat(1_024);
            for _ in 0..4_096 {
                log::info(&line);
            }
        }
        Ok(())
    }
}

export_observer!(LogFlood);
