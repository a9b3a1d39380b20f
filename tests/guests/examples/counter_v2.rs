//! The next version of `counter`, under the same name: drop it as counter.wasm: one more in the store and one event for each. Durable, so exactly once.

use tollgate_sdk::{Capability, Description, Event, Failure, Plugin, export_observer};
use tollgate_test_guests::{COUNTED, count};

const VERSION: &str = "0.2.0";

#[derive(Default)]
struct Counter;

impl Plugin for Counter {
    fn describe() -> Description {
        Description::new("counter", VERSION).subscribe(["demo.*"]).need(Capability::emit(COUNTED))
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        count(event, VERSION)
    }
}

export_observer!(Counter);
