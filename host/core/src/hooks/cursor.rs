//! How Cursor wants its answers: flat JSON, also where nothing is objected to, since a hook that must not fail
//! (`failClosed`) counts as failed when it is silent.
//!
//! A denial is said twice, as JSON and by the exit code: the JSON brings the reason to the model, and the exit
//! blocks where the JSON does not arrive whole.

use super::kind::Kind;
use super::{CANNOT_ASK, EXIT_BLOCK, HookAnswer};
use crate::gate::{Decision, Verdict};
use serde_json::json;

pub(super) fn answer(kind: Kind, verdict: &Verdict) -> HookAnswer {
    match (verdict.decision, &verdict.rewritten_input) {
        (Decision::Deny, _) => deny(&verdict.reason),
        // The question would be put for the call as it came.
        (Decision::Ask, None) if kind == Kind::Shell => HookAnswer::say(
            &json!({"permission": "ask", "user_message": verdict.reason, "agent_message": verdict.reason}),
        ),
        (Decision::Ask, _) => deny(&format!("{}{CANNOT_ASK}", verdict.reason.trim())),
        (Decision::Allow, Some(input)) if kind == Kind::PreTool => {
            HookAnswer::say(&json!({"permission": "allow", "updated_input": input}))
        }
        (Decision::Allow, Some(_)) => deny("the call has to run with another input, which this hook cannot say"),
        (Decision::Allow | Decision::Abstain, _) => allow(),
    }
}

pub(super) fn allow() -> HookAnswer {
    HookAnswer::say(&json!({"permission": "allow"}))
}

fn deny(reason: &str) -> HookAnswer {
    let block = HookAnswer::block(reason);
    let words = block.stderr.trim_end();
    let said = json!({"permission": "deny", "user_message": words, "agent_message": words});
    HookAnswer { exit: EXIT_BLOCK, stdout: said.to_string(), ..block }
}
