//! A guard that denies each call.

use tollgate_sdk::{Description, Guard, Plugin, ToolCall, Verdict, export_guard};

#[derive(Default)]
struct DenyGuard;

impl Plugin for DenyGuard {
    fn describe() -> Description {
        Description::new("deny-guard", "0.1.0").gate(["*"])
    }
}

impl Guard for DenyGuard {
    fn check(&mut self, _call: &ToolCall) -> Result<Verdict, String> {
        Ok(Verdict::Deny("deny-guard denies everything".to_owned()))
    }
}

export_guard!(DenyGuard);
