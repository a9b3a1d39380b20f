//! A guard that answers each call with an error.

use tollgate_sdk::{Description, Guard, Plugin, ToolCall, Verdict, export_guard};

#[derive(Default)]
struct ErrorGuard;

impl Plugin for ErrorGuard {
    fn describe() -> Description {
        Description::new("error-guard", "0.1.0").gate(["*"])
    }
}

impl Guard for ErrorGuard {
    fn check(&mut self, _call: &ToolCall) -> Result<Verdict, String> {
        Err("error-guard has no opinion".to_owned())
    }
}

export_guard!(ErrorGuard);
