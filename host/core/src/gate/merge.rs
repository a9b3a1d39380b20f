//! What the guards say together: deny > ask > rewrite > allow > abstain, each within its grant.
//!
//! Pure. A guard's own words reach people; the agent reads a sentence of ours, because a plugin's free text
//! must not become a prompt.

use super::guards::{GuardAnswer, GuardOutcome, OnFault};
use super::stages::{Answer, rank};
use super::verdict::{Cause, Decision, Via};
use serde_json::{Map, Value};

/// The guards' common answer.
#[derive(Debug, Clone)]
pub(super) struct Merged {
    /// Deny, ask, allow or abstain.
    pub answer: Answer,
    /// What to run instead, and who says so; only where the answer is allow.
    pub rewrite: Option<(String, Map<String, Value>)>,
    /// What guards without a grant would have said: plugin and word.
    pub shadows: Vec<String>,
}

pub(super) fn merge(answers: Vec<GuardAnswer>) -> Merged {
    let mut merged = Merged { answer: Answer::abstain(), rewrite: None, shadows: Vec::new() };
    for answer in answers {
        if answer.shadow() {
            merged.shadows.extend(shadow(&answer));
            continue;
        }
        let by = format!("plugin:{}", answer.plugin);
        if let GuardOutcome::Rewrite(input) = &answer.outcome
            && answer.may_rewrite
        {
            match &merged.rewrite {
                // Two guards that want different inputs: neither has seen the other's.
                Some((other, theirs)) if theirs != input => {
                    let reason = format!(
                        "the guard plugins `{}` and `{}` would rewrite this call differently",
                        other.trim_start_matches("plugin:"),
                        answer.plugin
                    );
                    merged.answer = merged.answer.stricter(Answer::deny(Cause::Plugin, by, reason));
                }
                Some(_) => {}
                None => merged.rewrite = Some((by, input.clone())),
            }
            continue;
        }
        if let Some(said) = within_grant(&answer, by) {
            // The first of equals decides, so that the same guards give the same answer.
            if rank(said.decision) > rank(merged.answer.decision) {
                merged.answer = said;
            }
        }
    }
    if matches!(merged.answer.decision, Decision::Ask | Decision::Deny) {
        merged.rewrite = None;
    }
    merged
}

fn shadow(answer: &GuardAnswer) -> Option<String> {
    let word = match answer.outcome {
        GuardOutcome::Deny(_) => "denied",
        GuardOutcome::Ask(_) => "asked",
        GuardOutcome::Allow => "allowed",
        GuardOutcome::Rewrite(_) => "rewritten",
        GuardOutcome::Abstain | GuardOutcome::Failed { .. } => return None,
    };
    Some(format!("{} would have {word}", answer.plugin))
}

/// What an answer counts for. A guard that objects is never waved through for want of the exact word: one that
/// may only ask is taken to ask, one that may only deny is taken to deny.
fn within_grant(answer: &GuardAnswer, by: String) -> Option<Answer> {
    let plugin = &answer.plugin;
    let spoken = |decision, cause, ours: String, words: &str| {
        let reason = if answer.may_speak && !words.is_empty() { words.to_owned() } else { ours };
        let detail = (!words.is_empty()).then(|| words.to_owned());
        Answer { decision, reason, detail, cause: Some(cause), decided_by: Some(by.clone()), ..Answer::abstain() }
    };
    let objection = |wants: Decision, words: &str| {
        let decision = match (wants, answer.may_deny, answer.may_ask) {
            (Decision::Deny, true, _) | (Decision::Ask, true, false) => Decision::Deny,
            (_, _, true) => Decision::Ask,
            _ => return None,
        };
        let ours = match decision {
            Decision::Deny => format!("the guard plugin `{plugin}` denied this call"),
            _ => format!("the guard plugin `{plugin}` wants someone to be asked about this call"),
        };
        Some(spoken(decision, Cause::Plugin, ours, words))
    };
    match &answer.outcome {
        GuardOutcome::Abstain => None,
        // Only what may not rewrite comes here: it objects to the call as it is.
        GuardOutcome::Rewrite(_) => objection(Decision::Deny, ""),
        GuardOutcome::Deny(words) => objection(Decision::Deny, words),
        GuardOutcome::Ask(words) => objection(Decision::Ask, words),
        GuardOutcome::Allow => answer.may_allow.then(|| Answer {
            decision: Decision::Allow,
            reason: format!("the guard plugin `{plugin}` allowed this call"),
            via: Some(Via::Plugin),
            decided_by: Some(by.clone()),
            ..Answer::abstain()
        }),
        GuardOutcome::Failed { cause, message } => {
            let decision = match answer.on_fault {
                OnFault::Deny => Decision::Deny,
                OnFault::Ask => Decision::Ask,
                OnFault::Abstain => return None,
            };
            let ours = format!("the guard plugin `{plugin}` gave no answer ({})", cause.as_str());
            // A fault's message is the guest's text as well: for people only.
            Some(Answer { reason: ours, ..spoken(decision, *cause, String::new(), message) })
        }
    }
}
