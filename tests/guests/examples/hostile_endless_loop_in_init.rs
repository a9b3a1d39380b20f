//! Loops for ever in `init`.

use tollgate_sdk::{Config, Description, Plugin, export_observer};

#[derive(Default)]
struct EndlessLoopInInit;

impl Plugin for EndlessLoopInInit {
    fn describe() -> Description {
        Description::new("hostile-endless-loop-in-init", "0.1.0").subscribe(["demo.*"])
    }

    fn init(&mut self, _config: &Config) -> Result<(), String> {
        loop {
            std::hint::black_box(());
        }
    }
}

export_observer!(EndlessLoopInInit);
