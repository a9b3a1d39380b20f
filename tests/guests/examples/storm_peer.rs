//! The other half of `hostile_emit_storm`: answers each `test_guest.ping` with four times `test_guest.pong`.

use tollgate_sdk::{Capability, Description, Event, Failure, Plugin, export_observer};
use tollgate_test_guests::{PING, PONG, answer_fourfold};

#[derive(Default)]
struct StormPeer;

impl Plugin for StormPeer {
    fn describe() -> Description {
        Description::new("storm-peer", "0.1.0").subscribe([PING]).need(Capability::emit(PONG))
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        answer_fourfold(event, PONG);
        Ok(())
    }
}

export_observer!(StormPeer);
