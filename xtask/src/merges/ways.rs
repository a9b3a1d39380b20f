//! The ways to merge, each run on the same conflicts, and its result held against what people committed.

use super::git::{Blob, Conflicts, Copy, Stages};
use super::history::Merge;
use super::report::{History, Outcome, Way, reason};
use super::resolver::Resolver;
use crate::process::{Running, isolated};
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// How long mergiraf may take for a file: its own bound is ten seconds.
const MERGIRAF: Duration = Duration::from_secs(60);
/// How long a program may take to say its version.
const VERSION: Duration = Duration::from_secs(30);

/// What the ways are run with.
pub struct Ways<'a> {
    /// Where.
    pub copy: &'a Copy,
    /// The merge resolver.
    pub resolver: Resolver<'a>,
    /// Mergiraf's binary.
    pub mergiraf: Option<&'a Path>,
    /// Where to put what differs from what people committed.
    pub keep: Option<&'a Path>,
    /// For files of its own.
    pub root: &'a Path,
}

/// What a way made of the conflicts: the files that it resolved.
type Resolved = BTreeMap<String, String>;

impl Ways<'_> {
    /// Runs them all on one merge, and counts; a merge whose side cannot be checked out is passed over, and said.
    ///
    /// # Errors
    /// When one cannot be run.
    pub fn merge(&mut self, merge: &Merge, conflicts: &Conflicts, history: &mut History) -> Result<()> {
        if let Err(error) = self.copy.check_out(&merge.ours, &merge.theirs) {
            return history.pass_over(merge, conflicts.len(), &error);
        }
        // Git resolves some by itself: a work tree may name a driver for them.
        let (_, left) = self.replayed(merge, &[])?;
        let (conflicts, by_git): (Conflicts, Conflicts) =
            conflicts.clone().into_iter().partition(|(path, _)| left.contains(path));
        history.leave_out(by_git.len(), conflicts.is_empty());
        let conflicts = &conflicts;
        let paths: Vec<&str> = conflicts.keys().map(String::as_str).collect();
        if paths.is_empty() {
            return Ok(());
        }
        let people = self.copy.tree(&merge.commit, &paths)?;
        let begun = Instant::now();
        let resolved = self.ignoring_space(merge, &paths)?;
        self.count(Way::IgnoreSpace, merge, conflicts, &people, (resolved, begun.elapsed()), history)?;
        let begun = Instant::now();
        let completed = self.resolver.merge(self.copy)?;
        let took = begun.elapsed();
        let (staged, left) = self.copy.staged()?;
        // Where nothing was merged, our version is staged as it was: that resolves nothing.
        let merged = is_merged(&completed);
        let here = |path: &String| merged && conflicts.contains_key(path) && !left.contains_key(path);
        let resolved: Resolved =
            staged.into_iter().filter(|(path, _)| here(path)).map(|(path, blob)| (path, blob.oid)).collect();
        for path in paths.iter().filter(|path| !resolved.contains_key(**path)) {
            *history.reasons.entry(why(&completed, path)).or_default() += 1;
        }
        self.count(Way::Resolver, merge, conflicts, &people, (resolved, took), history)?;
        if let Some(mergiraf) = self.mergiraf {
            let begun = Instant::now();
            let mut resolved = Resolved::new();
            for (path, stages) in conflicts {
                if let Some(bytes) = self.mergiraf(mergiraf, path, stages)? {
                    resolved.insert(path.clone(), self.name(&bytes)?);
                }
            }
            self.count(Way::Mergiraf, merge, conflicts, &people, (resolved, begun.elapsed()), history)?;
        }
        Ok(())
    }

    fn ignoring_space(&self, merge: &Merge, paths: &[&str]) -> Result<Resolved> {
        let (tree, left) = self.replayed(merge, &["-X", "ignore-space-change"])?;
        let paths: Vec<&str> = paths.iter().copied().filter(|path| !left.iter().any(|it| it == path)).collect();
        if paths.is_empty() {
            return Ok(Resolved::new());
        }
        Ok(self.copy.tree(&tree, &paths)?.into_iter().map(|(path, blob)| (path, blob.oid)).collect())
    }

    /// The tree that git makes of the merge, with what the work tree says of its files, and what is in conflict.
    fn replayed(&self, merge: &Merge, options: &[&str]) -> Result<(String, Vec<String>)> {
        let plain = ["merge-tree", "--write-tree", "-z", "--no-messages"];
        let asked = [&plain, options, &[merge.ours.as_str(), merge.theirs.as_str()]].concat();
        let (code, bytes) = self.copy.git(&asked, b"")?;
        if code > 1 {
            bail!("git {} ended with {code}", asked.join(" "));
        }
        let mut records = bytes.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let tree = records.next().context("git merge-tree names no tree")?.into_owned();
        Ok((tree, records.filter_map(|record| Some(record.split_once('\t')?.1.to_owned())).collect()))
    }

    /// What mergiraf makes of a file; none where it leaves a conflict. A base that is missing is empty, as git has it
    /// for a merge driver.
    fn mergiraf(&self, program: &Path, path: &str, stages: &Stages) -> Result<Option<Vec<u8>>> {
        let [base, Some(ours), Some(theirs)] = stages else { return Ok(None) };
        let is_file = |blob: &Blob| blob.mode.starts_with("100");
        if ![ours, theirs].into_iter().chain(base).all(is_file) {
            return Ok(None);
        }
        let [base_file, ours_file, theirs_file, out, log] =
            ["base", "left", "right", "out", "mergiraf.log"].map(|name| self.root.join(name));
        for (blob, file) in [(base.as_ref(), &base_file), (Some(ours), &ours_file), (Some(theirs), &theirs_file)] {
            fs::write(file, blob.map_or(Ok(Vec::new()), |blob| self.copy.blob(&blob.oid))?)?;
        }
        let mut mergiraf = isolated(program, self.root, self.root);
        mergiraf.arg("merge").args([&base_file, &ours_file, &theirs_file]).arg("--output").arg(&out);
        mergiraf.args(["--path-name", path]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&log)?);
        let status = Running::start_as_is("mergiraf", &mut mergiraf, &log)?.wait(MERGIRAF)?;
        Ok(if status.success() { Some(fs::read(&out)?) } else { None })
    }

    /// The name of a blob of these bytes, which is in the copy afterwards.
    fn name(&self, bytes: &[u8]) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.copy.bytes(&["hash-object", "-w", "--stdin"], bytes)?).trim_end().to_owned())
    }

    fn count(
        &self,
        way: Way,
        merge: &Merge,
        conflicts: &Conflicts,
        people: &BTreeMap<String, Blob>,
        (resolved, took): (Resolved, Duration),
        history: &mut History,
    ) -> Result<()> {
        history.took(way, took);
        for (path, stages) in conflicts {
            let outcome = match (resolved.get(path), people.get(path)) {
                (None, _) => Outcome::Left,
                (Some(made), Some(people)) if *made == people.oid => Outcome::Equal,
                (Some(made), people) => {
                    let (made, people) =
                        (self.copy.blob(made)?, people.map(|blob| self.copy.blob(&blob.oid)).transpose()?);
                    let same = people.as_ref().is_some_and(|people| lines(&made) == lines(people));
                    if let Some(folder) = self.keep {
                        self.put(folder, (&history.name, way), merge, path, stages, (&made, people.as_deref()))?;
                    }
                    if same { Outcome::Reordered } else { Outcome::Different }
                }
            };
            history.count(way, outcome);
        }
        Ok(())
    }

    /// `FOLDER/HISTORY/WAY/COMMIT-PATH.VERSION`
    fn put(
        &self,
        folder: &Path,
        (history, way): (&str, Way),
        merge: &Merge,
        path: &str,
        stages: &Stages,
        (made, people): (&[u8], Option<&[u8]>),
    ) -> Result<()> {
        let folder = folder.join(history).join(way.name());
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let commit = merge.commit.get(..12).unwrap_or(&merge.commit);
        let file = |version: &str| folder.join(format!("{commit}-{}.{version}", path.replace('/', "~")));
        for (blob, version) in stages.iter().zip(["base", "ours", "theirs"]) {
            if let Some(blob) = blob {
                fs::write(file(version), self.copy.blob(&blob.oid)?)?;
            }
        }
        fs::write(file("resolved"), made)?;
        if let Some(people) = people {
            fs::write(file("people"), people)?;
        }
        Ok(())
    }
}

/// The lines, but for blanks, in no order.
fn lines(text: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut lines: Vec<Vec<&[u8]>> = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        lines.push(line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect());
    }
    lines.retain(|line| !line.is_empty());
    lines.sort();
    lines
}

/// Whether a merge came of it, with conflicts or without.
fn is_merged(completed: &Value) -> bool {
    let status = completed.get("status").and_then(Value::as_str);
    status.is_some_and(|status| ["resolved", "conflicts", "clean", "fast_forward"].contains(&status))
}

/// Why the merge resolver left a file: its reason, or its first conflict's.
fn why(completed: &Value, path: &str) -> String {
    let files = completed.get("files").and_then(Value::as_array);
    let file = files.and_then(|files| files.iter().find(|file| file.get("path").is_some_and(|it| it == path)));
    let Some(file) = file else {
        let status = completed.get("status").and_then(Value::as_str).unwrap_or("nothing");
        return format!("not told of: {status}");
    };
    let mut hunks = file.get("hunks").and_then(Value::as_array).into_iter().flatten();
    let of_hunk = || hunks.find_map(|hunk| hunk.get("reason")?.as_str());
    file.get("reason").and_then(Value::as_str).or_else(of_hunk).map_or_else(|| "no reason".to_owned(), reason)
}

/// What git, Tollgate and mergiraf say of themselves.
///
/// # Errors
/// When one cannot be run.
pub fn versions(copy: &Copy, tollgate: &Path, mergiraf: Option<&Path>) -> Result<Vec<(&'static str, String)>> {
    let git = Path::new("git");
    let asked = [("git", Some(git)), ("tollgate", Some(tollgate)), ("mergiraf", mergiraf)];
    asked
        .into_iter()
        .filter_map(|(name, program)| Some((name, program?)))
        .map(|(name, program)| Ok((name, version(copy, program)?)))
        .collect()
}

fn version(copy: &Copy, program: &Path) -> Result<String> {
    let log = tempfile::NamedTempFile::new()?;
    let mut command = isolated(program, copy.folder(), copy.folder());
    let mut running = Running::start("a program", command.arg("--version"), log.path())?;
    running.wait(VERSION)?;
    let said = running.last_words();
    Ok(said
        .split_whitespace()
        .find(|word| word.starts_with(|it: char| it.is_ascii_digit()))
        .unwrap_or(&said)
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_in_another_order_are_the_same_lines() {
        assert_eq!(lines(b"a  b\n\nc"), lines(b"c\n\ta b \n"));
        assert_ne!(lines(b"a\na\n"), lines(b"a\n"));
        assert_ne!(lines(b"ab\n"), lines(b"a b\n"));
    }

    #[test]
    fn why_a_file_was_left() {
        let completed = json!({"status": "conflicts", "files": [
            {"path": "a", "reason": "a lock", "hunks": []},
            {"path": "b", "hunks": [{"line": 1, "how": "x"}, {"line": 2, "reason": "both changed `k`"}]},
        ]});
        for (path, expected) in [("a", "a lock"), ("b", "both changed `…`"), ("c", "not told of: conflicts")] {
            assert_eq!(why(&completed, path), expected);
        }
        for (status, merged) in [("resolved", true), ("conflicts", true), ("failed", false), ("dirty", false)] {
            assert_eq!(is_merged(&json!({"status": status})), merged, "{status}");
        }
        assert!(!is_merged(&json!({})));
    }
}
