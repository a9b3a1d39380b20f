//! Loops for ever in `stop`.

use tollgate_sdk::{Description, Plugin, export_observer};

#[derive(Default)]
struct EndlessLoopInStop;

impl Plugin for EndlessLoopInStop {
    fn describe() -> Description {
        Description::new("hostile-endless-loop-in-stop", "0.1.0").subscribe(["demo.*"])
    }

    fn stop(&mut self) {
        loop {
            std::hint::black_box(());
        }
    }
}

export_observer!(EndlessLoopInStop);
