//! Verdict → JSON, keys as the contract has them.

use crate::gate::{RedirectKind, ShellCommand, Verdict, Word};
use serde_json::{Map, Value, json};

/// The verdict as HTTP, `gate --json` and `policy explain --jsonl` say it.
#[must_use]
pub fn verdict_to_value(verdict: &Verdict) -> Value {
    let stages = &verdict.stages_us;
    json!({
        "decision": verdict.decision.as_str(),
        "reason": verdict.reason,
        "cause": verdict.cause.map(|cause| cause.as_str()),
        "decided_by": verdict.decided_by,
        "rewritten_input": verdict.rewritten_input,
        "commands": verdict.commands.iter().map(command_to_value).collect::<Vec<_>>(),
        "understood": verdict.understood,
        "approval_id": verdict.approval_id,
        "seq": verdict.seq,
        "stages_us": {
            "parse": stages.parse,
            "sandbox": stages.sandbox,
            "rules": stages.rules,
            "guards": stages.guards,
            "commit": stages.commit,
        },
    })
}

/// One simple command, with the interface's names in snake case.
#[must_use]
pub fn command_to_value(command: &ShellCommand) -> Value {
    let assignments: Vec<Value> = command.assignments.iter().map(|(name, value)| json!([name, word(value)])).collect();
    let redirects: Vec<Value> = command
        .redirects
        .iter()
        .map(|redirect| json!({"kind": redirect_kind(redirect.kind), "target": word(&redirect.target)}))
        .collect();
    let mut fields = Map::new();
    fields.insert("program".to_owned(), word(&command.program));
    fields.insert("args".to_owned(), command.args.iter().map(word).collect());
    fields.insert("assignments".to_owned(), Value::Array(assignments));
    fields.insert("redirects".to_owned(), Value::Array(redirects));
    fields.insert("wrappers".to_owned(), json!(command.wrappers));
    fields.insert("piped_from".to_owned(), json!(command.piped_from));
    Value::Object(fields)
}

fn word(word: &Word) -> Value {
    json!({"text": word.text, "literal": word.literal})
}

fn redirect_kind(kind: RedirectKind) -> &'static str {
    match kind {
        RedirectKind::Input => "input",
        RedirectKind::Output => "output",
        RedirectKind::Append => "append",
        RedirectKind::HereDocument => "here_document",
    }
}
