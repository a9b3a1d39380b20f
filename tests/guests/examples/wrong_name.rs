//! Calls itself otherwise than its file is called.

use tollgate_sdk::{Description, Plugin, export_observer};

#[derive(Default)]
struct WrongName;

impl Plugin for WrongName {
    fn describe() -> Description {
        Description::new("some-other-name", "0.1.0").subscribe(["demo.*"])
    }
}

export_observer!(WrongName);
