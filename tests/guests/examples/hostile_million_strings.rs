//! Hands the host a list of a million strings of one byte when `demo.loop` comes.

use tollgate_sdk::{Description, Event, Failure, Plugin, export_observer, process};
use tollgate_test_guests::TRIGGER;

#[derive(Default)]
struct MillionStrings;

impl Plugin for MillionStrings {
    fn describe() -> Description {
        Description::new("hostile-million-strings", "0.1.0").subscribe(["demo.*"])
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        if event.type_ == TRIGGER {
            let mut command = process::command("true", []);
            command.args = vec!["x".to_owned(); 1_000_000];
            std::hint::black_box(process::start(&command).is_ok());
        }
        Ok(())
    }
}

export_observer!(MillionStrings);
