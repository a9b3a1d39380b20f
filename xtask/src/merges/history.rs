//! The merges of a history, and which of their files conflict when git replays them.

use super::git::{Conflicts, Copy, entry, put};
use anyhow::{Context as _, Result, ensure};
use std::path::Path;

/// How many merges one git replays: between two of them progress is told.
const BATCH: usize = 200;

/// A merge of two parents that people made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// What they committed.
    pub commit: String,
    /// What was merged into.
    pub ours: String,
    /// What was merged.
    pub theirs: String,
}

/// The newest `limit` merges of all that the repository's references hold, newest first.
///
/// # Errors
/// When git fails.
pub fn merges(copy: &Copy, repository: &Path, limit: usize) -> Result<Vec<Merge>> {
    let place = repository.to_str().context("its path is not UTF-8")?;
    let most = format!("--max-count={limit}");
    let asked =
        ["-C", place, "rev-list", "--min-parents=2", "--max-parents=2", "--parents", "--date-order", &most, "--all"];
    let text = String::from_utf8(copy.bytes(&asked, b"")?)?;
    let merge = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        Some(Merge { commit: words.next()?, ours: words.next()?, theirs: words.next()? })
    };
    text.lines().map(|line| merge(line).with_context(|| format!("git rev-list said: {line}"))).collect()
}

/// What conflicts in each of the merges when git replays it; `told` hears how many are done.
///
/// # Errors
/// When git fails, or says what is not understood.
pub fn replay(copy: &Copy, merges: &[Merge], mut told: impl FnMut(usize)) -> Result<Vec<Conflicts>> {
    let mut found = Vec::with_capacity(merges.len());
    for batch in merges.chunks(BATCH) {
        let input: String = batch.iter().map(|merge| format!("{} {}\n", merge.ours, merge.theirs)).collect();
        let asked = ["merge-tree", "--stdin", "-z", "--no-messages", "--allow-unrelated-histories"];
        let answers = answers(&copy.bytes(&asked, input.as_bytes())?);
        ensure!(answers.len() == batch.len(), "git merge-tree answered {} of {}", answers.len(), batch.len());
        found.extend(answers);
        told(found.len());
    }
    Ok(found)
}

/// What `merge-tree --stdin` says of each: a status and a tree, then the files in conflict, each ended by NUL, and all
/// of it by one more.
fn answers(bytes: &[u8]) -> Vec<Conflicts> {
    let mut found: Vec<Conflicts> = Vec::new();
    for record in bytes.split(|byte| *byte == 0) {
        match (record, entry(record), found.last_mut()) {
            (b"0" | b"1", ..) => found.push(Conflicts::new()),
            (_, Some((blob, stage, path)), Some(conflicts)) => put(conflicts, blob, stage, path),
            // A tree, or the end of one answer.
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let records = [
            ["1", "aaaa", "100644 b1 1\tx y", "100644 b2 2\tx y", "100755 b3 3\tx y", "", ""].as_slice(),
            &["0", "bbbb", ""],
            &["1", "cccc", "100644 b4 2\tz\n1", "", "", ""],
        ];
        let found = answers(records.concat().join("\0").as_bytes());
        assert_eq!(found.iter().map(Conflicts::len).collect::<Vec<_>>(), [1, 0, 1]);
        let modes: Vec<_> =
            found.first().unwrap().get("x y").unwrap().iter().flatten().map(|it| it.mode.as_str()).collect();
        assert_eq!(modes, ["100644", "100644", "100755"]);
        let last = found.last().unwrap().get("z\n1").unwrap();
        assert_eq!(last.each_ref().map(Option::is_some), [false, true, false]);
    }

    /// Every file below a folder, and what it holds.
    fn files(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            found.extend(if path.is_dir() { files(&path) } else { vec![(path.clone(), std::fs::read(path).unwrap())] });
        }
        found.sort();
        found
    }

    #[test]
    fn a_merge_that_people_resolved_is_found_and_the_repository_is_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let (repository, root) = (folder.path().join("a repo"), folder.path().join("root"));
        std::fs::create_dir(&repository).unwrap();
        std::fs::create_dir(&root).unwrap();
        let script = "git init -q -b main . && git config user.name a && git config user.email a@localhost
            say() { printf '%s\\n' \"$1\" > f && git add f && git commit -q -m \"$1\"; }
            say base && git checkout -q -b x && say theirs && git checkout -q main && say ours
            git merge -q x; say both && git checkout -q -b y && git commit -q --allow-empty -m y
            git checkout -q main && git commit -q --allow-empty -m m && git merge -q y -m clean";
        let mut shell = crate::process::isolated("/bin/sh", folder.path(), &repository);
        shell.args(["-c", script]).env("GIT_CONFIG_NOSYSTEM", "1");
        let status = shell.stdout(std::process::Stdio::null()).status().unwrap();
        assert!(status.success());
        let before = files(&repository);
        let copy = Copy::of(&repository, &root).unwrap();
        let merges = merges(&copy, &repository, 10).unwrap();
        let found = replay(&copy, &merges, |_| {}).unwrap();
        assert_eq!(
            found.iter().map(|it| it.keys().cloned().collect::<Vec<_>>()).collect::<Vec<_>>(),
            [vec![], vec!["f".to_owned()]]
        );
        let (merge, conflicts) = (merges.last().unwrap(), found.last().unwrap());
        assert!(conflicts.get("f").unwrap().iter().all(Option::is_some));
        copy.check_out(&merge.ours, &merge.theirs).unwrap();
        assert_eq!(std::fs::read_to_string(copy.folder().join("f")).unwrap(), "ours\n");
        assert_eq!(copy.git(&["merge", "-q", "theirs"], b"").unwrap().0, 1);
        assert!(copy.staged().unwrap().1.contains_key("f"));
        let people = copy.tree(&merge.commit, &["f"]).unwrap();
        assert_eq!(copy.blob(&people.get("f").unwrap().oid).unwrap(), b"both\n");
        // Whatever a way leaves behind is gone before the next.
        std::fs::write(copy.folder().join("more"), "").unwrap();
        copy.check_out(&merge.theirs, &merge.ours).unwrap();
        assert_eq!(
            files(copy.folder()).iter().filter(|(path, _)| !path.starts_with(copy.folder().join(".git"))).count(),
            1
        );
        assert!(copy.staged().unwrap().1.is_empty());
        assert!(files(&repository) == before, "the repository was touched");
    }
}
