//! What is asked for: `command.merge`, read and checked. Knows nothing of git but what a branch may be called.

use std::collections::BTreeSet;
use tollgate_sdk::{Event, Failure, payload::CommandMerge};

/// Longest name of a branch, in bytes: git's own bound is a file name's.
pub const MAX_BRANCH_BYTES: usize = 255;

/// A merge that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The chat.
    pub chat_id: String,
    /// Who asked, where it is said.
    pub user_id: String,
    /// The branch to merge.
    pub branch: String,
    /// The branch that must be checked out.
    pub target: Option<String>,
    /// The files to look into; none is all.
    pub only: Option<BTreeSet<String>>,
}

impl Request {
    /// Reads the event; the second value says what is wrong with what is asked for, in words for people.
    ///
    /// # Errors
    /// Where the payload has not its type's shape.
    pub fn read(event: &Event) -> Result<(Self, Option<String>), Failure> {
        let command: CommandMerge = event.payload()?;
        let wrong = wrong(&command);
        let only = command.conflicted_files.filter(|files| !files.is_empty()).map(|files| files.into_iter().collect());
        let CommandMerge { chat_id, branch, target_branch: target, user_id, .. } = command;
        Ok((Self { chat_id, user_id: user_id.unwrap_or_default(), branch, target, only }, wrong))
    }
}

fn wrong(command: &CommandMerge) -> Option<String> {
    if !is_branch(&command.branch) {
        return Some("a branch is named by letters, digits and `._/-`, and does not begin with `-`".to_owned());
    }
    // The branch that is merged has two names in the payload; where they differ, which one is meant is a guess.
    if command.source_branch.as_ref().is_some_and(|source| *source != command.branch) {
        return Some(format!("`branch` says `{}` and `source_branch` another one", command.branch));
    }
    if command.target_branch.as_deref().is_some_and(|target| !is_branch(target)) {
        return Some("`target_branch` is no branch's name".to_owned());
    }
    None
}

/// `^[A-Za-z0-9._/-]+$`, and no option.
fn is_branch(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte);
    !name.is_empty() && name.len() <= MAX_BRANCH_BYTES && !name.starts_with('-') && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use tollgate_sdk::mock;

    fn read(payload: &str) -> (Request, Option<String>) {
        Request::read(&mock::event("command.merge", payload)).unwrap()
    }

    #[test]
    fn what_a_branch_may_be_called() {
        let longest = "a".repeat(MAX_BRANCH_BYTES);
        for (name, expected) in [
            ("x", true),
            ("feature/a-b_c.1", true),
            (longest.as_str(), true),
            (&format!("{longest}a"), false),
            ("", false),
            ("-x", false),
            ("--upload-pack=x", false),
            ("a b", false),
            ("a^{commit}", false),
            ("ü", false),
            ("a\nb", false),
            ("@{u}", false),
        ] {
            assert_eq!(is_branch(name), expected, "{name}");
        }
    }

    #[test]
    fn what_is_asked_for() {
        let (request, wrong) = read(r#"{"chat_id":"c","branch":"x","user_id":"ann","conflicted_files":["a"]}"#);
        assert_eq!((request.user_id.as_str(), request.branch.as_str(), wrong), ("ann", "x", None));
        assert_eq!(request.only, Some(BTreeSet::from(["a".to_owned()])));
        let (request, wrong) =
            read(r#"{"chat_id":"c","branch":"x","source_branch":"x","target_branch":"main","conflicted_files":[]}"#);
        assert_eq!((request.target.as_deref(), request.only, wrong), (Some("main"), None, None));
        for payload in [
            r#"{"chat_id":"c","branch":"-x"}"#,
            r#"{"chat_id":"c","branch":"x","source_branch":"y"}"#,
            r#"{"chat_id":"c","branch":"x","target_branch":"a b"}"#,
        ] {
            assert!(read(payload).1.is_some(), "{payload}");
        }
        assert!(Request::read(&mock::event("command.merge", r#"{"chat_id":"c"}"#)).is_err());
    }
}
