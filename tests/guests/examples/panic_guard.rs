//! A guard that panics over each call.

use tollgate_sdk::{Description, Guard, Plugin, ToolCall, Verdict, export_guard};

#[derive(Default)]
struct PanicGuard;

impl Plugin for PanicGuard {
    fn describe() -> Description {
        Description::new("panic-guard", "0.1.0").gate(["*"])
    }
}

impl Guard for PanicGuard {
    #[expect(clippy::panic, reason = "what this guest is for")]
    fn check(&mut self, call: &ToolCall) -> Result<Verdict, String> {
        panic!("the guard gave up over {}", call.tool);
    }
}

export_guard!(PanicGuard);
