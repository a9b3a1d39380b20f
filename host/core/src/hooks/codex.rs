//! How Codex wants its answers: a bare `allow` or an `ask` marks the hook failed and the tool runs, so
//! neither is ever sent. Denials are not here: they are exit 2 in every agent.

use super::HookAnswer;
use super::kind::Kind;
use crate::gate::{Decision, Verdict};
use serde_json::json;

pub(super) fn answer(kind: Kind, verdict: &Verdict) -> HookAnswer {
    match (verdict.decision, &verdict.rewritten_input) {
        (Decision::Deny, _) => HookAnswer::block(&verdict.reason),
        (Decision::Ask, _) => HookAnswer::cannot_ask(&verdict.reason),
        (Decision::Allow, Some(input)) if kind != Kind::PermissionRequest => {
            HookAnswer::say(&json!({"hookSpecificOutput": {
                "hookEventName": "PreToolUse",
                "permissionDecision": "allow",
                "permissionDecisionReason": verdict.reason,
                "updatedInput": input,
            }}))
        }
        // A rewrite that the answer cannot carry must not run as it was.
        (Decision::Allow, Some(_)) => {
            HookAnswer::block("the call has to run with another input, which this hook cannot say")
        }
        (Decision::Allow | Decision::Abstain, _) => HookAnswer::pass(),
    }
}
