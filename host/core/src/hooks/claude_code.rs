//! How Claude Code wants its answers. Denials are not here: they are exit 2 in every agent.

use super::HookAnswer;
use super::kind::Kind;
use crate::gate::{Decision, Verdict};
use serde_json::{Map, Value, json};

pub(super) fn answer(kind: Kind, verdict: &Verdict) -> HookAnswer {
    if kind == Kind::PermissionRequest { to_permission_request(verdict) } else { to_pre_tool_use(verdict) }
}

fn to_pre_tool_use(verdict: &Verdict) -> HookAnswer {
    let decision = match verdict.decision {
        Decision::Abstain => return HookAnswer::pass(),
        Decision::Allow => "allow",
        Decision::Ask => "ask",
        Decision::Deny => return HookAnswer::block(&verdict.reason),
    };
    let mut output = Map::new();
    output.insert("hookEventName".to_owned(), json!("PreToolUse"));
    output.insert("permissionDecision".to_owned(), json!(decision));
    output.insert("permissionDecisionReason".to_owned(), json!(verdict.reason));
    if let Some(input) = &verdict.rewritten_input {
        output.insert("updatedInput".to_owned(), Value::Object(input.clone()));
    }
    HookAnswer::say(&json!({"hookSpecificOutput": output}))
}

/// The agent is about to ask its user: an `ask` of ours lets it.
fn to_permission_request(verdict: &Verdict) -> HookAnswer {
    match verdict.decision {
        // The agent's own question cannot carry another input, so it would be answered for the wrong one.
        Decision::Ask if verdict.rewritten_input.is_some() => {
            HookAnswer::block("the call has to run with another input, which this hook cannot ask for")
        }
        Decision::Abstain | Decision::Ask => HookAnswer::pass(),
        Decision::Deny => HookAnswer::block(&verdict.reason),
        Decision::Allow => {
            let mut decision = Map::new();
            decision.insert("behavior".to_owned(), json!("allow"));
            if let Some(input) = &verdict.rewritten_input {
                decision.insert("updatedInput".to_owned(), Value::Object(input.clone()));
            }
            HookAnswer::say(
                &json!({"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": decision}}),
            )
        }
    }
}
