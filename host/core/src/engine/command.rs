//! Texts that are commands: `/test …` and `/git merge <branch>`. Pure.

use super::EngineError;
use serde_json::value::to_raw_value;
use tollgate_events::payload::Json;

/// The longest name of a branch, in bytes: what file systems take as one name.
pub const MAX_BRANCH_BYTES: usize = 255;

/// A command of a chat.
#[derive(Debug)]
pub(super) enum Command {
    /// Run tests; the arguments as text.
    Test { args: Json },
    /// Merge a branch.
    Merge { branch: String },
}

impl Command {
    /// The command that a text is; none where it is a message.
    pub(super) fn of(text: &str) -> Option<Result<Self, EngineError>> {
        let text = text.trim();
        if let Some(args) = after(text, "/test") {
            return Some(match to_raw_value(args) {
                Ok(args) => Ok(Self::Test { args }),
                Err(error) => Err(EngineError::Command("/test", error.to_string())),
            });
        }
        let branch = after(text, "/git").and_then(|rest| after(rest, "merge"))?;
        Some(if is_branch(branch) {
            Ok(Self::Merge { branch: branch.to_owned() })
        } else {
            let reason = format!(
                "give it one branch, of letters, digits, `.`, `_`, `/` and `-`, at most {MAX_BRANCH_BYTES} of them"
            );
            Err(EngineError::Command("/git merge", reason))
        })
    }
}

/// What follows `word` where `text` begins with it.
fn after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(word)?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim())
}

/// A leading `-` would be an option of git's.
fn is_branch(name: &str) -> bool {
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte));
    letters && !name.is_empty() && !name.starts_with('-') && name.len() <= MAX_BRANCH_BYTES
}
