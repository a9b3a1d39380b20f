//! What an approval and a session grant are bound to: the hash of a call, and the key of what is like it.
//!
//! Pure. Both err on the side of asking again: what is not known to have no effect is part of the hash, and what
//! is not plainly one plain command has no key.

use super::call::{NormalisedCall, ShellCommand, Word};
use super::normalise::quoted;
use super::policy::{Action, Risk, RuleVerdict};
use super::{shell, targets};
use crate::redact::redact;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::sync::Arc;

/// Fields of a shell's or a file tool's input that say what a call is for, how long it may take and who waits for
/// it: not what it does. Fields that are not listed count, such as those that switch an agent's own sandbox off.
const WITHOUT_EFFECT: [&str; 11] = [
    "description",
    "explanation",
    "justification",
    "timeout",
    "timeout_ms",
    "timeoutMs",
    "timeout_seconds",
    "yield_time_ms",
    "max_output_tokens",
    "run_in_background",
    "is_background",
];

/// Most words of a command that are part of a grant's key.
const KEY_WORDS: usize = 3;
/// What the first word begins with that is no longer part of it: options, paths, expansions.
const KEY_ENDS: [char; 5] = ['-', '/', '.', '~', '$'];

/// Assigned variables that decide which program runs or what it loads: `git push` with them is another command.
const STEERING: [&str; 12] = [
    "PATH",
    "ENV",
    "IFS",
    "HOME",
    "SHELL",
    "SHELLOPTS",
    "BASHOPTS",
    "PS4",
    "CDPATH",
    "KUBECONFIG",
    "PROMPT_COMMAND",
    "XDG_CONFIG_HOME",
];
/// The same, by how they begin.
const STEERING_PREFIXES: [&str; 18] = [
    "LD_", "DYLD_", "BASH_", "GIT_", "SSH_", "PYTHON", "PERL", "RUBY", "NODE_", "NPM_", "npm_", "JAVA_", "_JAVA_",
    "JDK_", "CARGO", "RUST", "DOCKER_", "MAKE",
];

/// The hash of what a call would do, and where: an approval allows exactly this.
pub(super) fn hash(call: &NormalisedCall) -> [u8; 32] {
    let known = is_shell(call) || targets::file_access(&call.tool).is_some();
    let input: Map<String, Value> = match known {
        true => call.input.iter().filter(|(field, _)| !WITHOUT_EFFECT.contains(&field.as_str())).map(owned).collect(),
        false => call.input.clone(),
    };
    let mut hash = Sha256::new();
    let parts = [
        call.session.as_bytes(),
        tool_name(call).as_bytes(),
        call.cwd.as_os_str().as_encoded_bytes(),
        &canonical(&Value::Object(input)),
    ];
    for part in parts {
        // Each with its length, so that no two different calls hash the same bytes.
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The key of the session grant that answers this ask and those like it; none where every call is asked about.
pub(super) fn grant_key(call: &NormalisedCall, rules: &RuleVerdict) -> Option<Arc<str>> {
    if rules.action != Action::Ask || rules.risk.is_some_and(|risk| risk >= Risk::High) {
        return None;
    }
    let mut parts = vec![rules.decided_by.as_str(), tool_name(call)];
    if is_shell(call) {
        let words = first_words(call, rules.command)?;
        parts.extend(words.into_iter().map(|word| word.text.as_str()));
    }
    let key = parts.into_iter().map(quoted).collect::<Vec<_>>().join(" ");
    // A key is shown and kept; one with a secret in it is neither.
    matches!(redact(&key), Cow::Borrowed(_)).then(|| key.into())
}

fn is_shell(call: &NormalisedCall) -> bool {
    &*call.tool == "Bash"
}

/// Two servers may each have a tool of the same name: only what we know by its canonical name goes by it.
fn tool_name(call: &NormalisedCall) -> &str {
    let known = is_shell(call) || targets::file_access(&call.tool).is_some();
    if known { &call.tool } else { &call.original_tool }
}

/// The first words of the line's one command, where it is one that plainly is what it looks like.
fn first_words(call: &NormalisedCall, asked: Option<usize>) -> Option<Vec<&Word>> {
    // Another reading of the same words is no other command; where it is what is asked about, there is no key.
    let commands: Vec<(usize, &ShellCommand)> =
        call.commands.iter().enumerate().filter(|(_, command)| !command.maybe).collect();
    let ((last, command), before) = commands.split_last()?;
    let plain = |command: &ShellCommand| {
        command.wrappers.is_empty() && command.redirects.is_empty() && command.piped_from.is_none()
    };
    let moves = |command: &ShellCommand| {
        command.program.text == "cd" && command.assignments.is_empty() && command.args.iter().all(|arg| arg.literal)
    };
    let about_it = asked.is_none_or(|asked| asked == *last);
    let others = before.iter().all(|(_, command)| moves(command) && plain(command));
    if !call.understood || !about_it || !others || !plain(command) {
        return None;
    }
    if shell::runs_others(command) || command.assignments.iter().any(|(name, _)| steers(name)) {
        return None;
    }
    let words = std::iter::once(&command.program).chain(&command.args);
    let words = words.take_while(|word| word.literal && !word.text.is_empty() && !word.text.starts_with(KEY_ENDS));
    let words: Vec<&Word> = words.take(KEY_WORDS).collect();
    (!words.is_empty()).then_some(words)
}

fn steers(variable: &str) -> bool {
    STEERING.contains(&variable) || STEERING_PREFIXES.iter().any(|prefix| variable.starts_with(prefix))
}

fn owned((field, value): (&String, &Value)) -> (String, Value) {
    (field.clone(), value.clone())
}

/// JSON whose objects have their keys in order.
fn canonical(value: &Value) -> Vec<u8> {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Array(values) => values.iter().map(sorted).collect(),
            Value::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_by_key(|(key, _)| *key);
                Value::Object(fields.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect())
            }
            plain => plain.clone(),
        }
    }
    sorted(value).to_string().into_bytes()
}
