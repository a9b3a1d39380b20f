//! A guard that wants a person to decide each call.

use tollgate_sdk::{Description, Guard, Plugin, ToolCall, Verdict, export_guard};

#[derive(Default)]
struct AskGuard;

impl Plugin for AskGuard {
    fn describe() -> Description {
        Description::new("ask-guard", "0.1.0").gate(["*"])
    }
}

impl Guard for AskGuard {
    fn check(&mut self, _call: &ToolCall) -> Result<Verdict, String> {
        Ok(Verdict::Ask("ask-guard asks about everything".to_owned()))
    }
}

export_guard!(AskGuard);
