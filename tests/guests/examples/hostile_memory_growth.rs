//! Takes memory without end when `demo.loop` comes.

use tollgate_sdk::{Description, Event, Failure, Plugin, export_observer};
use tollgate_test_guests::TRIGGER;

#[derive(Default)]
struct MemoryGrowth;

impl Plugin for MemoryGrowth {
    fn describe() -> Description {
        Description::new("hostile-memory-growth", "0.1.0").subscribe(["demo.*"])
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        if event.type_ == TRIGGER {
            let mut kept = Vec::new();
            loop {
                kept.push(vec![1_u8; 1 << 20]);
                std::hint::black_box(&kept);
            }
        }
        Ok(())
    }
}

export_observer!(MemoryGrowth);
