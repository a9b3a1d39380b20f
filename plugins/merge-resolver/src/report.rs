//! What came of a merge, as `merge.completed` and as a message for people; both bounded.

use crate::cut::cut;
use crate::merge::{How, Told};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Most bytes of `files` in `merge.completed`: an event holds 256 KiB.
pub const MAX_FILES_BYTES: usize = 128 * 1_024;
/// Most hunks of a file that are told.
pub const MAX_TOLD_HUNKS: usize = 50;
/// Most files that the message names.
pub const MAX_NAMED_FILES: usize = 30;
/// Most bytes of a path in the message: with the files' count, 16 KiB at most.
const MAX_PATH_BYTES: usize = 200;

/// How a merge ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// There were conflicts, and all are resolved and staged.
    Resolved,
    /// Conflicts are left.
    Conflicts,
    /// Git merged without a conflict.
    Clean,
    /// The same, and the branch was only ahead: a fast-forward would have done.
    FastForward,
    /// There was nothing to merge.
    UpToDate,
    /// Changes are in the way.
    Dirty,
    /// There is no such branch.
    NoBranch,
    /// There is no repository, or its work tree is not the session's folder.
    NotARepository,
    /// Another branch is checked out.
    WrongTarget,
    /// Another merge is in progress.
    OtherMerge,
    /// A rebase, a cherry-pick or a stash is in progress.
    OtherOperation,
    /// What was asked for will not be done.
    Refused,
    /// The grant does not cover it.
    Denied,
    /// The command belongs to no session with a workspace.
    NoSession,
    /// Git failed; its words are with it.
    Failed,
}

/// What came of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// Its path, for people.
    pub path: String,
    /// Whether it is whole and staged.
    pub staged: bool,
    /// Why it was left alone, where it was.
    pub why: Option<String>,
    /// Its conflicts.
    pub hunks: Vec<Told>,
}

impl FileReport {
    /// A file that was merged. Only the first conflicts, as far as they are left, keep their lines.
    #[must_use]
    pub fn merged(path: &str, mut hunks: Vec<Told>) -> Self {
        for (at, hunk) in hunks.iter_mut().enumerate() {
            if at >= MAX_TOLD_HUNKS || hunk.outcome.is_ok() {
                (hunk.base, hunk.ours, hunk.theirs) = Default::default();
            }
        }
        let staged = hunks.iter().all(|hunk| hunk.outcome.is_ok());
        Self { path: path.to_owned(), staged, why: None, hunks }
    }

    /// A file that is left as git left it.
    #[must_use]
    pub fn left(path: &str, why: impl Into<String>) -> Self {
        Self { path: path.to_owned(), staged: false, why: Some(why.into()), hunks: Vec::new() }
    }

    /// Conflicts resolved; none where the file is left as it was.
    #[must_use]
    pub fn resolved(&self) -> usize {
        if self.why.is_some() { 0 } else { self.hunks.iter().filter(|hunk| hunk.outcome.is_ok()).count() }
    }

    /// Conflicts left; a file that was not looked into is one.
    #[must_use]
    pub fn remaining(&self) -> usize {
        if self.why.is_some() { self.hunks.len().max(1) } else { self.hunks.len() - self.resolved() }
    }

    fn status(&self) -> &'static str {
        match (self.staged, self.resolved()) {
            (true, _) => "resolved",
            (false, 0) => "left",
            (false, _) => "partly",
        }
    }
}

/// What came of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How it ended.
    pub status: Status,
    /// Why, where there was no merge, or something to say of it.
    pub why: Option<String>,
    /// The branch merged.
    pub branch: Option<String>,
    /// The branch merged into.
    pub target: Option<String>,
    /// Whether the merge was in progress already.
    pub taken_up: bool,
    /// Whether it was committed.
    pub committed: bool,
    /// The files in conflict, as far as they were looked at.
    pub files: Vec<FileReport>,
    /// Files in conflict past the bound.
    pub not_looked_at: usize,
    /// How to undo it; none where nothing was changed.
    pub undo: Option<String>,
}

#[derive(Serialize)]
struct Completed<'t> {
    chat_id: &'t str,
    status: Status,
    resolved: usize,
    remaining: usize,
    files: Vec<File<'t>>,
    #[serde(skip_serializing_if = "is_zero")]
    files_omitted: usize,
    taken_up: bool,
    committed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<&'t str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'t str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'t str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    undo: Option<&'t str>,
}

#[derive(Serialize)]
struct File<'t> {
    path: &'t str,
    status: &'static str,
    resolved: usize,
    remaining: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'t str>,
    hunks: Vec<Hunk<'t>>,
    #[serde(skip_serializing_if = "is_zero")]
    hunks_omitted: usize,
}

#[derive(Serialize)]
struct Hunk<'t> {
    line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    how: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'t str>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Report {
    /// No merge, and why.
    #[must_use]
    pub fn not(status: Status, why: impl Into<String>) -> Self {
        Self {
            status,
            why: Some(why.into()),
            branch: None,
            target: None,
            taken_up: false,
            committed: false,
            files: Vec::new(),
            not_looked_at: 0,
            undo: None,
        }
    }

    /// Conflicts resolved.
    #[must_use]
    pub fn resolved(&self) -> usize {
        self.files.iter().map(FileReport::resolved).sum()
    }

    /// Conflicts left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.files.iter().map(FileReport::remaining).sum::<usize>() + self.not_looked_at
    }

    /// The payload of `merge.completed`.
    #[must_use]
    pub fn completed<'t>(&'t self, chat_id: &'t str) -> impl Serialize + 't {
        let (mut room, mut files) = (MAX_FILES_BYTES, Vec::new());
        for told in self.files.iter().map(file) {
            let bytes = serde_json::to_vec(&told).map_or(usize::MAX, |bytes| bytes.len());
            let Some(left) = room.checked_sub(bytes) else { break };
            room = left;
            files.push(told);
        }
        Completed {
            chat_id,
            status: self.status,
            resolved: self.resolved(),
            remaining: self.remaining(),
            files_omitted: self.files.len() - files.len() + self.not_looked_at,
            files,
            taken_up: self.taken_up,
            committed: self.committed,
            branch: self.branch.as_deref(),
            target: self.target.as_deref(),
            reason: self.why.as_deref(),
            undo: self.undo.as_deref(),
        }
    }

    /// The message for people.
    #[must_use]
    pub fn message(&self) -> String {
        let branch = self.branch.as_deref().unwrap_or("the branch");
        let mut text = self.headline(branch);
        if let Some(why) = &self.why {
            let _ = write!(text, " {why}.");
        }
        for file in self.files.iter().take(MAX_NAMED_FILES) {
            let _ = write!(text, "\n- {}", line(file));
        }
        let more = self.files.len().saturating_sub(MAX_NAMED_FILES);
        if more > 0 {
            let _ = write!(text, "\n- and {more} more");
        }
        if self.not_looked_at > 0 {
            let _ = write!(text, "\n{} more files in conflict were not looked at: too many.", self.not_looked_at);
        }
        if let Some(undo) = &self.undo {
            let done = if self.committed { "It is committed." } else { "Nothing is committed." };
            let all = if self.taken_up { ", which undoes what others resolved in it too" } else { "" };
            let _ = write!(text, "\n{done} To undo it: `{undo}`{all}.");
        }
        text
    }

    fn headline(&self, branch: &str) -> String {
        let target = self.target.as_deref().unwrap_or("HEAD");
        let again = if self.taken_up { ", taking up the merge in progress" } else { "" };
        let merged = format!("Merged `{branch}` into `{target}`{again}");
        match self.status {
            Status::Resolved => {
                format!("{merged}: all {} are resolved.", conflicts(self.resolved()))
            }
            Status::Conflicts => {
                let (resolved, remaining) = (self.resolved(), self.remaining());
                format!("{merged}: {} resolved, {remaining} left.", conflicts(resolved))
            }
            Status::Clean => format!("{merged}: no conflicts."),
            Status::FastForward => {
                format!("{merged}: no conflicts. `{target}` was only behind, so a fast-forward would have done.")
            }
            Status::UpToDate => "Nothing to merge:".to_owned(),
            Status::Failed => "The merge failed:".to_owned(),
            Status::Dirty
            | Status::NoBranch
            | Status::NotARepository
            | Status::WrongTarget
            | Status::OtherMerge
            | Status::OtherOperation
            | Status::Refused
            | Status::Denied
            | Status::NoSession => "Not merged:".to_owned(),
        }
    }
}

fn file(report: &FileReport) -> File<'_> {
    let hunks: Vec<_> = report
        .hunks
        .iter()
        .take(MAX_TOLD_HUNKS)
        .map(|hunk| Hunk {
            line: hunk.line,
            how: hunk.outcome.as_ref().ok().map(|how| how.words()),
            reason: hunk.outcome.as_ref().err().map(String::as_str),
        })
        .collect();
    File {
        path: &report.path,
        status: report.status(),
        resolved: report.resolved(),
        remaining: report.remaining(),
        reason: report.why.as_deref(),
        hunks_omitted: report.hunks.len() - hunks.len(),
        hunks,
    }
}

/// One file of the message: what was done, then what is left and why.
fn line(file: &FileReport) -> String {
    let path = cut(&file.path, MAX_PATH_BYTES);
    if let Some(why) = &file.why {
        return format!("`{path}`: left: {why}");
    }
    let how: BTreeSet<&str> =
        file.hunks.iter().filter_map(|hunk| hunk.outcome.as_ref().ok()).map(|it: &How| it.words()).collect();
    let mut parts = Vec::new();
    if file.resolved() > 0 {
        let how: Vec<_> = how.into_iter().collect();
        parts.push(format!("{} resolved ({})", file.resolved(), how.join("; ")));
    }
    let left = file.hunks.iter().filter_map(|hunk| Some((hunk.line, hunk.outcome.as_ref().err()?)));
    if let Some((at, why)) = { left }.next() {
        parts.push(format!("{} left, the first in line {at}: {why}", file.remaining()));
    }
    format!("`{path}`: {}", parts.join("; "))
}

fn conflicts(count: usize) -> String {
    if count == 1 { "1 conflict".to_owned() } else { format!("{count} conflicts") }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use serde_json::Value;

    fn report(files: Vec<FileReport>) -> Report {
        Report { files, why: None, ..Report::not(Status::Conflicts, "") }
    }

    #[test]
    fn what_is_told_of_files_fits_an_event() {
        let long = |at: usize| FileReport::left(&format!("{at}{}", "p".repeat(4_000)), "w".repeat(100));
        let report = report((0..100).map(long).collect());
        let text = serde_json::to_string(&report.completed("c")).unwrap();
        assert!(text.len() < MAX_FILES_BYTES + 1_000, "{}", text.len());
        let payload: Value = serde_json::from_str(&text).unwrap();
        let told = payload.get("files").unwrap().as_array().unwrap().len();
        let count = |name: &str| payload.get(name).unwrap().as_u64().unwrap();
        assert!(told > 25, "{told}");
        assert_eq!((count("files_omitted"), count("remaining")), (100 - u64::try_from(told).unwrap(), 100));
        assert!(report.message().len() < (MAX_NAMED_FILES + 1) * (MAX_PATH_BYTES + 200));
    }

    #[test]
    fn only_what_is_left_keeps_its_lines() {
        let lines = || "l".to_owned();
        let told = |outcome| Told { line: 1, outcome, base: lines(), ours: lines(), theirs: lines() };
        let left = || told(Err("why".to_owned()));
        let mut hunks = vec![told(Ok(How::Words))];
        hunks.extend((0..MAX_TOLD_HUNKS).map(|_| left()));
        let file = FileReport::merged("a", hunks);
        let kept: Vec<bool> = file.hunks.iter().map(|hunk| !hunk.ours.is_empty()).collect();
        assert_eq!(kept.iter().filter(|kept| **kept).count(), MAX_TOLD_HUNKS - 1);
        assert_eq!((kept.first(), kept.last()), (Some(&false), Some(&false)));
        assert_eq!((file.resolved(), file.remaining(), file.staged), (1, MAX_TOLD_HUNKS, false));
    }
}
