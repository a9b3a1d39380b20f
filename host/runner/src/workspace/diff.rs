//! What a workspace differs by from the commit that a session began at: git's count of lines, and new files.
//!
//! What was changed and not committed before the session began counts too: git knows no other beginning.

use super::git::git;
use crate::limits::{MAX_DIFF_FILES, MAX_GIT_BYTES};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Most bytes of a new file whose lines are counted.
const COUNTED_BYTES: u64 = 1024 * 1024;

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Changed {
    /// Within the workspace.
    pub(crate) path: String,
    /// None of a binary file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lines_added: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lines_removed: Option<u64>,
}

/// All that differs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) files_changed: u64,
    pub(crate) lines_added: u64,
    pub(crate) lines_removed: u64,
    /// The first [`MAX_DIFF_FILES`].
    pub(crate) files: Vec<Changed>,
    /// Git said more than is read, so there is more than this.
    pub(crate) partial: bool,
}

/// The commit that `folder` is at; none where it is in no repository, or nothing is committed. Blocks.
pub(crate) fn base(folder: &Path) -> Option<String> {
    let said = git(folder, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])?;
    let commit = String::from_utf8(said).ok()?.trim().to_owned();
    (!commit.is_empty() && commit.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(commit)
}

/// What `folder` differs by from the commit `base`; none where git does not say. Blocks.
pub(crate) fn summary(folder: &Path, base: &str) -> Option<Summary> {
    let changed =
        ["diff", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--relative", base, "--"];
    let changed = git(folder, &changed)?;
    let new = git(folder, &["ls-files", "--others", "--exclude-standard", "-z"])?;
    let mut summary = Summary { partial: changed.len().max(new.len()) >= MAX_GIT_BYTES, ..Summary::default() };
    for record in records(&changed) {
        let mut fields = record.splitn(3, '\t');
        let (Some(added), Some(removed), Some(path)) = (fields.next(), fields.next(), fields.next()) else { continue };
        summary.add(path, added.parse().ok(), removed.parse().ok());
    }
    for path in records(&new) {
        let lines = if summary.files.len() < MAX_DIFF_FILES { lines_of(&folder.join(&path)) } else { None };
        summary.add(&path, lines, lines.map(|_| 0));
    }
    Some(summary)
}

impl Summary {
    fn add(&mut self, path: &str, lines_added: Option<u64>, lines_removed: Option<u64>) {
        self.files_changed += 1;
        self.lines_added = self.lines_added.saturating_add(lines_added.unwrap_or(0));
        self.lines_removed = self.lines_removed.saturating_add(lines_removed.unwrap_or(0));
        if self.files.len() < MAX_DIFF_FILES {
            self.files.push(Changed { path: path.to_owned(), lines_added, lines_removed });
        }
    }
}

/// What lies between zero bytes; not a last one that was cut.
fn records(said: &[u8]) -> impl Iterator<Item = String> {
    let whole = said.iter().rposition(|byte| *byte == 0).unwrap_or(0);
    let whole = said.get(..whole).unwrap_or_default();
    whole
        .split(|byte| *byte == 0)
        .filter(|record| !record.is_empty())
        .map(|record| String::from_utf8_lossy(record).into_owned())
}

/// The lines of a file; none of a link, of what is not text, and of what is too long.
fn lines_of(path: &Path) -> Option<u64> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path).ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > COUNTED_BYTES {
        return None;
    }
    let mut text = Vec::new();
    file.take(COUNTED_BYTES).read_to_end(&mut text).ok()?;
    if text.contains(&0) {
        return None;
    }
    let ends = text.iter().filter(|byte| **byte == b'\n').count();
    let last = usize::from(text.last().is_some_and(|byte| *byte != b'\n'));
    u64::try_from(ends + last).ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;
    use std::fs;
    use std::process::Command;

    pub(super) fn repository(folder: &Path) {
        for args in [
            vec!["init", "-q"],
            vec!["config", "user.name", "a"],
            vec!["config", "user.email", "a@example.org"],
            vec!["add", "."],
            vec!["commit", "-q", "--allow-empty", "-m", "first"],
        ] {
            assert!(Command::new("git").arg("-C").arg(folder).args(&args).status().unwrap().success(), "{args:?}");
        }
    }

    #[test]
    fn everything_that_differs_from_the_beginning_counts() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir(at("sub")).unwrap();
        for (path, text) in
            [("edited", "1\n2\n3\n"), ("deleted", "1\n2\n"), ("sub/same", "1\n"), (".gitignore", "built\n")]
        {
            fs::write(at(path), text).unwrap();
        }
        repository(folder.path());
        let base = base(folder.path()).unwrap();
        assert_eq!(summary(folder.path(), &base), Some(Summary::default()));
        fs::write(at("edited"), "1\nzwei\n3\n4\n").unwrap();
        fs::remove_file(at("deleted")).unwrap();
        fs::write(at("binary"), [0, 1, 2]).unwrap();
        fs::write(at("sub/new \t é"), "1\n2").unwrap();
        fs::write(at("built"), "ignored\n").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", at("link")).unwrap();
        // What is committed meanwhile is no less a difference.
        let add = Command::new("git").arg("-C").arg(folder.path()).args(["commit", "-qam", "second"]).status();
        assert!(add.unwrap().success());
        let found = summary(folder.path(), &base).unwrap();
        let file =
            |path: &str, lines_added, lines_removed| Changed { path: path.to_owned(), lines_added, lines_removed };
        let files = [
            file("deleted", Some(0), Some(2)),
            file("edited", Some(2), Some(1)),
            file("binary", None, None),
            file("link", None, None),
            file("sub/new \t é", Some(2), Some(0)),
        ];
        assert_eq!(found.files, files);
        assert_eq!((found.files_changed, found.lines_added, found.lines_removed, found.partial), (5, 4, 3, false));
        // A folder within is looked at alone, by its own names.
        let within = summary(&at("sub"), &base).unwrap();
        assert_eq!(within.files, [file("new \t é", Some(2), Some(0))]);
    }

    #[test]
    fn a_summary_names_so_many_files_and_counts_them_all() {
        let folder = tempfile::tempdir().unwrap();
        repository(folder.path());
        for number in 0..MAX_DIFF_FILES + 3 {
            fs::write(folder.path().join(format!("f{number}")), "x\n").unwrap();
        }
        let found = summary(folder.path(), &base(folder.path()).unwrap()).unwrap();
        assert_eq!(
            (found.files.len(), found.files_changed),
            (MAX_DIFF_FILES, u64::try_from(MAX_DIFF_FILES + 3).unwrap())
        );
    }

    #[test]
    fn where_there_is_no_repository_there_is_no_summary() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(base(folder.path()), None);
        assert_eq!(summary(folder.path(), "HEAD"), None);
        assert_eq!(records(b"a\0b\0cut").collect::<Vec<_>>(), ["a", "b"], "a record that was cut is none");
    }

    #[test]
    fn a_repository_starts_no_program_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "1\n").unwrap();
        fs::write(folder.path().join(".gitattributes"), "a diff=mine\n").unwrap();
        repository(folder.path());
        let base = base(folder.path()).unwrap();
        let ran = folder.path().join(".git/ran");
        let program = format!("touch {}; cat", ran.display());
        for name in ["diff.external", "diff.mine.command", "diff.mine.textconv", "core.fsmonitor", "core.pager"] {
            let set = Command::new("git").arg("-C").arg(folder.path()).args(["config", name, &program]).status();
            assert!(set.unwrap().success());
        }
        fs::write(folder.path().join("a"), "2\n").unwrap();
        assert_eq!(summary(folder.path(), &base).unwrap().files_changed, 1);
        assert!(!ran.exists());
    }
}
