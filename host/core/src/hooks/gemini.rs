//! How Gemini CLI wants its answers: an `ask` hangs without a terminal and is never sent. Denials are not
//! here: they are exit 2 in every agent.

use super::HookAnswer;
use crate::gate::{Decision, Verdict};
use serde_json::json;

pub(super) fn answer(verdict: &Verdict) -> HookAnswer {
    match (verdict.decision, &verdict.rewritten_input) {
        (Decision::Deny, _) => HookAnswer::block(&verdict.reason),
        (Decision::Ask, _) => HookAnswer::cannot_ask(&verdict.reason),
        (Decision::Allow, Some(input)) => HookAnswer::say(&json!({"hookSpecificOutput": {"tool_input": input}})),
        (Decision::Allow | Decision::Abstain, _) => HookAnswer::pass(),
    }
}
