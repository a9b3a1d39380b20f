//! Loops for ever in `describe`.

use tollgate_sdk::{Description, Plugin, export_observer};

#[derive(Default)]
struct EndlessLoopInDescribe;

impl Plugin for EndlessLoopInDescribe {
    fn describe() -> Description {
        loop {
            std::hint::black_box(());
        }
    }
}

export_observer!(EndlessLoopInDescribe);
