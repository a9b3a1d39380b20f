//! A guard that denies shell commands and writes that carry credentials, naming the kind and never the value.
//!
//! An example for authors: `scan` is plain code with plain tests, this file is all that speaks to the host. It
//! looks for accidents, not for someone who hides a credential on purpose. The whole rule:
//! what is taken out of a file (`old_string`) may carry one, what is written or run may not.

mod scan;

use scan::Kind;
use serde_json::Value;
use tollgate_sdk::{Description, Guard, Plugin, ToolCall, Verdict, export_guard};

/// Members of a tool's input that are not written or run: removing a credential must stay possible.
const HARMLESS_MEMBERS: [&str; 1] = ["old_string"];

/// The guard. It remembers nothing.
#[derive(Debug, Default)]
pub struct NoSecrets;

impl Plugin for NoSecrets {
    fn describe() -> Description {
        Description::new("no-secrets", env!("CARGO_PKG_VERSION"))
            .summary("Denies commands and writes that carry credentials")
            .gate(["Bash", "Write", "Edit", "MultiEdit", "NotebookEdit"])
    }
}

impl Guard for NoSecrets {
    fn check(&mut self, call: &ToolCall) -> Result<Verdict, String> {
        let input: Value = serde_json::from_str(&call.input).map_err(|error| format!("tool input: {error}"))?;
        Ok(match find_in(&input).or_else(|| find_in_commands(call)) {
            None => Verdict::Abstain,
            Some(kind) => Verdict::Deny(format!(
                "the {} call carries {kind}; keep it in the environment or a secret store and refer to it by name",
                call.tool
            )),
        })
    }
}

/// The first credential in any string of `input`.
fn find_in(input: &Value) -> Option<Kind> {
    match input {
        Value::String(text) => scan::find(text),
        Value::Array(items) => items.iter().find_map(find_in),
        Value::Object(members) => {
            members.iter().filter(|(name, _)| !HARMLESS_MEMBERS.contains(&name.as_str())).find_map(|(_, v)| find_in(v))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The first credential in the words of the parsed commands: the host took their quotes off.
fn find_in_commands(call: &ToolCall) -> Option<Kind> {
    call.commands.iter().find_map(|command| {
        let words = command.args.iter().map(|word| word.text.as_str());
        let targets = command.redirects.iter().map(|redirect| redirect.target.text.as_str());
        let assigned = command.assignments.iter().map(|(name, word)| scan::find(&format!("{name}={}", word.text)));
        words.chain(targets).map(scan::find).chain(assigned).flatten().next()
    })
}

export_guard!(NoSecrets);

#[cfg(test)]
mod tests;
