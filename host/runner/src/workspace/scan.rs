//! Which files changed between two looks at a folder, by size, time and inode. Bounded; follows no link.
//!
//! Looking costs a read of every folder each time, and needs nothing of the system that could run out or lose
//! events; a change and its undoing between two looks are not seen.

use crate::limits::{MAX_SCAN_DEPTH, MAX_SCANNED, MAX_TOUCHED};
use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Folders that are not looked into: a repository's own, and what builds fill with files by the thousand.
const SKIPPED: [&str; 6] = [".git", ".venv", "__pycache__", "node_modules", "target", "venv"];

/// What tells a file from its next version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    seconds: i64,
    nanos: i64,
    size: u64,
    inode: u64,
}

/// A folder at one time.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// By path within the folder.
    files: HashMap<String, Stamp>,
    /// Not all of it was looked at.
    partial: bool,
}

/// A file that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Touch {
    Write,
    Delete,
}

/// What changed between two looks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Touched {
    /// By path, at most [`MAX_TOUCHED`].
    pub(crate) files: Vec<(String, Touch)>,
    /// How many more there were.
    pub(crate) more: usize,
    /// The folder holds more than is looked at.
    pub(crate) partial: bool,
}

/// Looks at every file in `folder`. Blocks for the file system.
pub(crate) fn scan(folder: &Path) -> Snapshot {
    scan_at_most(folder, MAX_SCANNED)
}

fn scan_at_most(folder: &Path, most: usize) -> Snapshot {
    let mut found = Snapshot::default();
    let mut left = most;
    let mut folders = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((folder, name, depth)) = folders.pop() {
        // One that went meanwhile, or that is not ours to read, has no files for us.
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            if left == 0 {
                found.partial = true;
                return found;
            }
            left -= 1;
            let own = entry.file_name();
            let own = own.to_string_lossy();
            // Of a link this is the link's own.
            let Ok(metadata) = entry.metadata() else { continue };
            let path = if name.is_empty() { own.to_string() } else { format!("{name}/{own}") };
            if metadata.is_file() {
                found.files.insert(path, stamp(&metadata));
            } else if metadata.is_dir() && !SKIPPED.contains(&&*own) {
                if depth < MAX_SCAN_DEPTH {
                    folders.push((entry.path(), path, depth + 1));
                } else {
                    found.partial = true;
                }
            }
        }
    }
    found
}

impl Snapshot {
    /// What changed since `before`. What one of the two looks may have missed is no change.
    pub(crate) fn since(&self, before: &Self) -> Touched {
        let written = self.files.iter().filter(|(path, stamp)| match before.files.get(*path) {
            Some(then) => then != *stamp,
            None => !before.partial,
        });
        let deleted = before.files.keys().filter(|path| !self.partial && !self.files.contains_key(*path));
        let mut files: Vec<_> = written.map(|(path, _)| (path.clone(), Touch::Write)).collect();
        files.extend(deleted.map(|path| (path.clone(), Touch::Delete)));
        files.sort_unstable();
        let more = files.len().saturating_sub(MAX_TOUCHED);
        files.truncate(MAX_TOUCHED);
        Touched { files, more, partial: self.partial }
    }
}

impl Touch {
    /// As the catalogue has it.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

fn stamp(metadata: &Metadata) -> Stamp {
    // The time of the last change of any kind: a program cannot set that one.
    Stamp { seconds: metadata.ctime(), nanos: metadata.ctime_nsec(), size: metadata.size(), inode: metadata.ino() }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;

    fn touched(files: &[(&str, Touch)]) -> Vec<(String, Touch)> {
        files.iter().map(|(path, touch)| ((*path).to_owned(), *touch)).collect()
    }

    #[test]
    fn what_is_written_and_deleted_is_seen_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        for (path, text) in [("stays", "x"), ("src/changes", "x"), ("goes", "x"), ("target/built", "x")] {
            fs::create_dir_all(at(path).parent().unwrap()).unwrap();
            fs::write(at(path), text).unwrap();
        }
        let before = scan(folder.path());
        assert_eq!(before.since(&before), Touched::default());
        fs::write(at("src/changes"), "longer").unwrap();
        fs::write(at("src/new"), "").unwrap();
        fs::remove_file(at("goes")).unwrap();
        fs::write(at("target/more"), "").unwrap();
        std::os::unix::fs::symlink("/etc", at("elsewhere")).unwrap();
        let after = scan(folder.path());
        let expected = touched(&[("goes", Touch::Delete), ("src/changes", Touch::Write), ("src/new", Touch::Write)]);
        assert_eq!(after.since(&before), Touched { files: expected, more: 0, partial: false });
        // The same size and the same time, but another file.
        fs::write(at("other"), "y").unwrap();
        let before = scan(folder.path());
        fs::rename(at("other"), at("stays")).unwrap();
        let expected = touched(&[("other", Touch::Delete), ("stays", Touch::Write)]);
        assert_eq!(scan(folder.path()).since(&before).files, expected);
    }

    #[test]
    fn a_look_takes_in_so_many_files_and_guesses_nothing_about_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..10 {
            fs::write(folder.path().join(format!("f{number}")), "x").unwrap();
        }
        let (whole, part) = (scan_at_most(folder.path(), 10), scan_at_most(folder.path(), 9));
        assert!(!whole.partial && part.partial && part.files.len() == 9);
        let nothing = Touched { partial: true, ..Touched::default() };
        assert_eq!(part.since(&whole), nothing, "what was not looked at is not deleted");
        assert_eq!(whole.since(&part), Touched::default(), "nor new");
        for number in 10..MAX_SCANNED {
            fs::write(folder.path().join(format!("f{number}")), "").unwrap();
        }
        assert!(!scan(folder.path()).partial);
        fs::write(folder.path().join("one more"), "").unwrap();
        assert!(scan(folder.path()).partial);
    }

    #[test]
    fn a_folder_is_looked_into_so_deep_and_a_look_tells_of_so_many() {
        let folder = tempfile::tempdir().unwrap();
        let deepest = folder.path().join("d/".repeat(MAX_SCAN_DEPTH));
        fs::create_dir_all(&deepest).unwrap();
        let before = scan(folder.path());
        assert!(!before.partial);
        for number in 0..MAX_TOUCHED + 5 {
            fs::write(deepest.join(number.to_string()), "x").unwrap();
        }
        let seen = scan(folder.path()).since(&before);
        assert_eq!((seen.files.len(), seen.more, seen.partial), (MAX_TOUCHED, 5, false));
        fs::create_dir(deepest.join("below")).unwrap();
        assert!(scan(folder.path()).partial);
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_files() {
        let seen = scan(Path::new("/no/such/folder"));
        assert!(seen.files.is_empty() && !seen.partial);
    }
}
