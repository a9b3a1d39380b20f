//! Does nothing with every event: the floor of what dispatching costs.

use tollgate_sdk::{Description, Plugin, export_observer};

#[derive(Default)]
struct Noop;

impl Plugin for Noop {
    fn describe() -> Description {
        Description::new("dispatch-noop", "0.1.0").subscribe(["*"])
    }
}

export_observer!(Noop);
