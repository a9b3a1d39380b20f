//! What there is to merge, found out before anything is changed; then the merge begun, or taken up.

use super::{Answer, CONFIG, IS_ANCESTOR, LS_FILES, MERGE, REV_PARSE, STATUS, Trouble, git};
use crate::cut::cut;
use crate::report::Status;
use crate::request::Request;

/// Most bytes of a setting's name that is shown.
const MAX_SETTING_BYTES: usize = 100;
/// Most changed files that are named.
const MAX_NAMED: usize = 10;

/// A merge that is in progress now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merging {
    /// The commit that was merged into.
    pub head: String,
    /// The branch checked out; `HEAD` where none is.
    pub target: String,
    /// Whether it was in progress already.
    pub taken_up: bool,
    /// Whether the target could have been moved forward instead.
    pub fast_forward: bool,
}

/// What came of trying to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// A merge is in progress.
    Merging(Merging),
    /// There is none; why, for people.
    Not(Status, String),
}

/// Looks at everything, then begins the merge or takes it up. Nothing is changed where it answers `Not`.
///
/// # Errors
/// Where git cannot be asked.
pub fn begin(request: &Request) -> Result<Begun, Trouble> {
    let not = |status, why: String| Ok(Begun::Not(status, why));
    if let Some((status, why)) = not_at_top()? {
        return not(status, why);
    }
    if let Some(setting) = own_program()? {
        let why =
            format!("the repository's own configuration runs a program (`{setting}`); merge by hand, or remove it");
        return not(Status::Refused, why);
    }
    let Some(head) = commit("HEAD")? else {
        return not(Status::Failed, "the repository has no commit yet".to_owned());
    };
    let branch = &request.branch;
    let full = [format!("refs/heads/{branch}"), format!("refs/remotes/{branch}")];
    let found = full.into_iter().find_map(|name| commit(&name).map(|oid| Some((name, oid?))).transpose());
    let Some((full, theirs)) = found.transpose()? else {
        return not(Status::NoBranch, format!("there is no branch `{branch}`"));
    };
    let target = git(REV_PARSE, &["--abbrev-ref", "HEAD"], None)?.line();
    if let Some(wanted) = request.target.as_ref().filter(|wanted| **wanted != target) {
        let why = format!("it is to go into `{wanted}`, and `{target}` is checked out; check out `{wanted}` first");
        return not(Status::WrongTarget, why);
    }
    let merging =
        |taken_up, fast_forward| Merging { head: head.clone(), target: target.clone(), taken_up, fast_forward };
    match commit("MERGE_HEAD")? {
        Some(other) if other != theirs => {
            let why = "another merge is in progress; finish it or `git merge --abort` it first".to_owned();
            return not(Status::OtherMerge, why);
        }
        Some(_) => return Ok(Begun::Merging(merging(true, is_ancestor(&head, &theirs)?))),
        None => {}
    }
    if !git(LS_FILES, &["--unmerged"], None)?.ok("ls-files")?.is_empty() {
        let why = "files are in conflict without a merge: a rebase, a cherry-pick or a stash is in progress";
        return not(Status::OtherOperation, why.to_owned());
    }
    if is_ancestor(&theirs, &head)? {
        return not(Status::UpToDate, format!("`{target}` holds all of `{branch}` already"));
    }
    let changed = changed()?;
    if !changed.is_empty() {
        let why = format!("the work tree has changes that are not committed: {}", named(&changed));
        return not(Status::Dirty, why);
    }
    let fast_forward = is_ancestor(&head, &theirs)?;
    // By its short name, which git's message shows, where that is surely the same commit.
    let name = if commit(branch)?.as_ref() == Some(&theirs) { branch.as_str() } else { full.as_str() };
    let answer = git(MERGE, &[name], None).map_err(|trouble| match trouble {
        Trouble::Failed(why) => Trouble::Failed(format!("{why}; look at `git status` before you go on")),
        other => other,
    })?;
    match (answer.code, commit("MERGE_HEAD")?) {
        (0 | 1, Some(_)) => Ok(Begun::Merging(merging(false, fast_forward))),
        _ if answer.said.contains("would be overwritten by merge") => not(Status::Dirty, answer.said),
        _ => not(Status::Failed, format!("git merge: {}", answer.said)),
    }
}

/// The commit that `name` is, where there is one.
fn commit(name: &str) -> Result<Option<String>, Trouble> {
    let answer = git(REV_PARSE, &["--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")], None)?;
    Ok((answer.code == 0).then(|| answer.line()))
}

fn is_ancestor(old: &str, new: &str) -> Result<bool, Trouble> {
    let answer = git(IS_ANCESTOR, &[old, new], None)?;
    match answer.code {
        0 => Ok(true),
        1 => Ok(false),
        _ => Err(Trouble::Failed(format!("git merge-base: {}", answer.said))),
    }
}

fn not_at_top() -> Result<Option<(Status, String)>, Trouble> {
    let answer: Answer = git(REV_PARSE, &["--is-inside-work-tree", "--show-prefix"], None)?;
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    let mut lines = text.lines();
    let inside = lines.next() == Some("true");
    let prefix = lines.next().unwrap_or_default();
    Ok(match answer.code {
        0 if inside && prefix.is_empty() => None,
        0 if inside => {
            let why =
                format!("the session's folder is `{prefix}` of a repository; merging would change files outside it");
            Some((Status::NotARepository, why))
        }
        _ if text.starts_with("false") => {
            Some((Status::NotARepository, "the repository has no work tree here".to_owned()))
        }
        _ if answer.said.contains("not a git repository") => {
            Some((Status::NotARepository, "the session's folder is not a git repository".to_owned()))
        }
        _ => Some((Status::Failed, format!("git rev-parse: {}", answer.said))),
    })
}

/// Settings that make git run a program, or fetch by one, when it merges, stages or commits: first and last part.
/// What `SETTINGS` overrides is not among them.
const PROGRAMS: [(&str, &str); 7] = [
    ("filter.", ".clean"),
    ("filter.", ".smudge"),
    ("filter.", ".process"),
    ("merge.", ".driver"),
    ("gpg.", "program"),
    ("hook.", ".command"),
    ("protocol.", ".allow"),
];

/// Such a setting in the repository's own files: whoever may write to the folder wrote it, and it would run with the
/// daemon's rights. The user's and the system's own are theirs.
fn own_program() -> Result<Option<String>, Trouble> {
    let bytes = git(CONFIG, &[], None)?.ok("config")?;
    let text = String::from_utf8_lossy(&bytes);
    let mut words = text.split('\0');
    while let (Some(scope), Some(name)) = (words.next(), words.next()) {
        let name = name.to_ascii_lowercase();
        let runs = PROGRAMS.iter().any(|(first, last)| name.starts_with(first) && name.ends_with(last));
        if runs && !matches!(scope, "system" | "global" | "command") {
            return Ok(Some(cut(&name.replace(char::is_control, ""), MAX_SETTING_BYTES)));
        }
    }
    Ok(None)
}

/// Paths of tracked files that are changed.
fn changed() -> Result<Vec<String>, Trouble> {
    let bytes = git(STATUS, &["--untracked-files=no", "--no-renames"], None)?.ok("status")?;
    let text = String::from_utf8_lossy(&bytes);
    // `1 XY sub mH mI mW hH hI path`: what follows the eighth blank.
    let path = |record: &str| record.splitn(9, ' ').nth(8).unwrap_or(record).to_owned();
    Ok(text.split('\0').filter(|record| !record.is_empty() && !record.starts_with('#')).map(path).collect())
}

fn named(paths: &[String]) -> String {
    let shown: Vec<String> = paths.iter().take(MAX_NAMED).map(|path| format!("`{path}`")).collect();
    let more = paths.len() - shown.len();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}
