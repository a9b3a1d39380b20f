//! A guard that loops for ever over each call.

use tollgate_sdk::{Description, Guard, Plugin, ToolCall, Verdict, export_guard};

#[derive(Default)]
struct SleepyGuard;

impl Plugin for SleepyGuard {
    fn describe() -> Description {
        Description::new("sleepy-guard", "0.1.0").gate(["*"])
    }
}

impl Guard for SleepyGuard {
    fn check(&mut self, _call: &ToolCall) -> Result<Verdict, String> {
        loop {
            std::hint::black_box(());
        }
    }
}

export_guard!(SleepyGuard);
