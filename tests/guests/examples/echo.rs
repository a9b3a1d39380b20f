//! Answers each `bench.ping` with `test_guest.echo`: what a small plugin with one effect costs.

use tollgate_sdk::{Capability, Description, Event, Failure, Plugin, bus, export_observer};

#[derive(Default)]
struct Echo;

impl Plugin for Echo {
    fn describe() -> Description {
        Description::new("echo", "0.1.0").subscribe(["bench.ping"]).need(Capability::emit("test_guest.echo"))
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        Ok(bus::emit("test_guest.echo", &serde_json::json!({"seq": event.seq}))?)
    }
}

export_observer!(Echo);
