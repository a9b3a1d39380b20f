//! Uses an import in `describe`, where nothing but the log works.

use tollgate_sdk::{Description, Plugin, export_observer, store};

#[derive(Default)]
struct DescribeCalls;

impl Plugin for DescribeCalls {
    fn describe() -> Description {
        let stored = store::get("name").is_ok();
        Description::new("describe-calls", if stored { "1.0.0" } else { "0.1.0" }).subscribe(["demo.*"])
    }
}

export_observer!(DescribeCalls);
