//! A guard that loops for ever over each call.

use tollgate_sdk::{Description, Guard, Plugin, ToolCall, Verdict, export_guard};

#[derive(Default)]
struct EndlessLoopInCheck;

impl Plugin for EndlessLoopInCheck {
    fn describe() -> Description {
        Description::new("hostile-endless-loop-in-check", "0.1.0").gate(["*"])
    }
}

impl Guard for EndlessLoopInCheck {
    fn check(&mut self, _call: &ToolCall) -> Result<Verdict, String> {
        loop {
            std::hint::black_box(());
        }
    }
}

export_guard!(EndlessLoopInCheck);
