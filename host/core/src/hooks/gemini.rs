//! How Gemini CLI wants its answers: an `ask` hangs without a terminal and is never sent. Denials are not
//! here: they are exit 2 in every agent.

use super::HookAnswer;
use crate::gate::{Decision, Verdict};
use serde_json::json;

pub(super) fn answer(verdict: &Verdict) -> HookAnswer {
    match (verdict.decision, &verdict.rewritten_input) {
        (Decision::Deny, _) => HookAnswer::block(&verdict.reason),
        (Decision::Ask, _) => HookAnswer::block(&format!(
            "{} — a person has to approve this and this agent cannot ask one; ask your user to run it, or try another way",
            verdict.reason
        )),
        (Decision::Allow, Some(input)) => HookAnswer::say(&json!({"hookSpecificOutput": {"tool_input": input}})),
        (Decision::Allow | Decision::Abstain, _) => HookAnswer::pass(),
    }
}
