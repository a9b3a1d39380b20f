//! One half of a storm: answers `demo.loop` and each `test_guest.pong` with four times `test_guest.ping`. The other
//! half is `storm_peer`.

use tollgate_sdk::{Capability, Description, Event, Failure, Plugin, export_observer};
use tollgate_test_guests::{PING, PONG, TRIGGER, answer_fourfold};

#[derive(Default)]
struct EmitStorm;

impl Plugin for EmitStorm {
    fn describe() -> Description {
        Description::new("hostile-emit-storm", "0.1.0").subscribe([TRIGGER, PONG]).need(Capability::emit(PING))
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        answer_fourfold(event, PING);
        Ok(())
    }
}

export_observer!(EmitStorm);
