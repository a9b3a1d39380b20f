//! Needs everything that there is to be granted.

use tollgate_sdk::{Capability, Description, Plugin, ProcessPattern, export_observer};

#[derive(Default)]
struct AsksForEverything;

impl Plugin for AsksForEverything {
    fn describe() -> Description {
        let any = ProcessPattern { program: "sh".to_owned(), args: vec!["**".to_owned()] };
        Description::new("hostile-asks-for-everything", "0.1.0")
            .subscribe(["*"])
            .need(Capability::emit("*"))
            .need(Capability::Process(any))
            .need(Capability::WorkspaceRead("**".to_owned()))
            .need(Capability::WorkspaceWrite("**".to_owned()))
            .need(Capability::Data(u64::MAX))
            .need(Capability::Interactions)
            .need(Capability::SessionEffects)
    }
}

export_observer!(AsksForEverything);
