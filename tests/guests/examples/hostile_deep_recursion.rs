//! Recurses without end when `demo.loop` comes.

use tollgate_sdk::{Description, Event, Failure, Plugin, export_observer};
use tollgate_test_guests::TRIGGER;

#[derive(Default)]
struct DeepRecursion;

impl Plugin for DeepRecursion {
    fn describe() -> Description {
        Description::new("hostile-deep-recursion", "0.1.0").subscribe(["demo.*"])
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        if event.type_ == TRIGGER {
            std::hint::black_box(descend(std::hint::black_box(1)));
        }
        Ok(())
    }
}

export_observer!(DeepRecursion);

#[expect(unconditional_recursion, reason = "what this guest is for")]
fn descend(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 32]);
    descend(std::hint::black_box(depth + 1)) + std::hint::black_box(frame.iter().sum::<u64>())
}
