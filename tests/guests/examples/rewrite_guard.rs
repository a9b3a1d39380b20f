//! A guard that rewrites a call's command to `echo rewritten`, once: it abstains where that is the command.

use tollgate_sdk::{Capability, Description, Guard, Plugin, ToolCall, Verdict, export_guard};

#[derive(Default)]
struct RewriteGuard;

impl Plugin for RewriteGuard {
    fn describe() -> Description {
        Description::new("rewrite-guard", "0.1.0").gate(["*"]).want(Capability::GateRewrite)
    }
}

impl Guard for RewriteGuard {
    fn check(&mut self, call: &ToolCall) -> Result<Verdict, String> {
        const REWRITTEN: &str = r#"{"command":"echo rewritten"}"#;
        if call.input == REWRITTEN { Ok(Verdict::Abstain) } else { Ok(Verdict::Rewrite(REWRITTEN.to_owned())) }
    }
}

export_guard!(RewriteGuard);
