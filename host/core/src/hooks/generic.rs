//! Our own answer, for agents that have none: the verdict as JSON, by the names that the gate's own has, and the exit
//! code, which says the same to those who read no JSON.

use super::{EXIT_BLOCK, HookAnswer};
use crate::gate::{Decision, Verdict};
use serde_json::json;

pub(super) fn answer(verdict: &Verdict) -> HookAnswer {
    let said = HookAnswer::say(&json!({
        "decision": verdict.decision.as_str(),
        "reason": verdict.reason,
        "cause": verdict.cause.map(|cause| cause.as_str()),
        "rewritten_input": verdict.rewritten_input,
        "approval_id": verdict.approval_id,
        "call_id": verdict.call_id,
    }));
    match verdict.decision {
        Decision::Deny => HookAnswer { exit: EXIT_BLOCK, stdout: said.stdout, ..HookAnswer::block(&verdict.reason) },
        Decision::Allow | Decision::Ask | Decision::Abstain => said,
    }
}

/// Where no verdict could be had and none is wanted.
pub(super) fn abstain() -> HookAnswer {
    HookAnswer::say(&json!({"decision": "abstain"}))
}
