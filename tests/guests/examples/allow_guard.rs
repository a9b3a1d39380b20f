//! A guard that allows each call; counts only where it was granted.

use tollgate_sdk::{Capability, Description, Guard, Plugin, ToolCall, Verdict, export_guard};

#[derive(Default)]
struct AllowGuard;

impl Plugin for AllowGuard {
    fn describe() -> Description {
        Description::new("allow-guard", "0.1.0").gate(["*"]).want(Capability::GateAllow)
    }
}

impl Guard for AllowGuard {
    fn check(&mut self, _call: &ToolCall) -> Result<Verdict, String> {
        Ok(Verdict::Allow)
    }
}

export_guard!(AllowGuard);
