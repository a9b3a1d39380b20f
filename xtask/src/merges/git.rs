//! A copy of a repository that shares its objects and has a work tree of its own, and what git is asked of it. The
//! repository itself is only read.

use crate::process::{Running, isolated};
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// How long a git may take: a work tree of a large repository is written in less.
const GIT: Duration = Duration::from_secs(300);

/// A blob: its mode and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blob {
    /// Its mode, in octal.
    pub mode: String,
    /// Its object.
    pub oid: String,
}

/// The base's, our and their version of a file in conflict.
pub type Stages = [Option<Blob>; 3];
/// What is in conflict, by path.
pub type Conflicts = BTreeMap<String, Stages>;

/// The copy.
#[derive(Debug)]
pub struct Copy {
    root: PathBuf,
    folder: PathBuf,
}

impl Copy {
    /// Makes a copy of the repository below `root`.
    ///
    /// # Errors
    /// When there is no repository, or it cannot be written.
    pub fn of(repository: &Path, root: &Path) -> Result<Self> {
        let copy = Self { root: root.to_owned(), folder: root.join("copy") };
        fs::create_dir(&copy.folder)?;
        let of_it = |arguments: &[&str]| -> Result<String> {
            let place = repository.to_str().context("its path is not UTF-8")?;
            copy.text(&[&["-C", place], arguments].concat())
        };
        let objects = of_it(&["rev-parse", "--path-format=absolute", "--git-path", "objects"])?;
        copy.text(&["init", "--quiet", "--initial-branch", "ours"])?;
        fs::write(copy.folder.join(".git/objects/info/alternates"), objects)?;
        for (key, value) in [("user.name", "nobody"), ("user.email", "nobody@localhost"), ("gc.auto", "0")] {
            copy.text(&["config", key, value])?;
        }
        Ok(copy)
    }

    /// Its work tree.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs git: its exit code and its output.
    ///
    /// # Errors
    /// When it cannot be run, is ended by a signal or takes too long.
    pub fn git(&self, arguments: &[&str], input: &[u8]) -> Result<(i32, Vec<u8>)> {
        let (out, log) = (self.root.join("git.out"), self.root.join("git.log"));
        let mut file = tempfile::tempfile_in(&self.root)?;
        file.write_all(input)?;
        file.rewind()?;
        let mut git = isolated("git", &self.root, &self.folder);
        git.env("GIT_CONFIG_NOSYSTEM", "1").arg("--literal-pathspecs").args(arguments);
        git.stdin(Stdio::from(file)).stdout(fs::File::create(&out)?).stderr(fs::File::create(&log)?);
        let status = Running::start_as_is("git", &mut git, &log)?.wait(GIT)?;
        let code = status.code().with_context(|| format!("git {}: {status}", arguments.join(" ")))?;
        Ok((code, fs::read(&out)?))
    }

    /// What a git that ends well writes.
    ///
    /// # Errors
    /// Its own words.
    pub fn bytes(&self, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>> {
        match self.git(arguments, input)? {
            (0, bytes) => Ok(bytes),
            (code, _) => {
                let said = fs::read_to_string(self.root.join("git.log")).unwrap_or_default();
                bail!("git {} ended with {code}: {}", arguments.join(" "), said.trim())
            }
        }
    }

    fn text(&self, arguments: &[&str]) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.bytes(arguments, b"")?).trim_end().to_owned())
    }

    /// Whether both commits come from one.
    ///
    /// # Errors
    /// When git cannot say.
    pub fn are_related(&self, ours: &str, theirs: &str) -> Result<bool> {
        match self.git(&["merge-base", ours, theirs], b"")? {
            (0, _) => Ok(true),
            (1, _) => Ok(false),
            (code, _) => bail!("git merge-base {ours} {theirs} ended with {code}"),
        }
    }

    /// Has `ours` checked out on the branch of that name, whatever was there, and `theirs` as a branch beside it.
    ///
    /// # Errors
    /// When git fails.
    pub fn check_out(&self, ours: &str, theirs: &str) -> Result<()> {
        self.text(&["reset", "--quiet", "--hard", ours])?;
        self.text(&["clean", "--quiet", "-ffdx"])?;
        self.text(&["update-ref", "refs/heads/theirs", theirs]).map(drop)
    }

    /// What is staged, and what is in conflict.
    ///
    /// # Errors
    /// When git fails.
    pub fn staged(&self) -> Result<(BTreeMap<String, Blob>, Conflicts)> {
        let (mut staged, mut conflicts) = (BTreeMap::new(), Conflicts::new());
        for (blob, stage, path) in entries(&self.bytes(&["ls-files", "--stage", "-z"], b"")?) {
            match stage {
                0 => drop(staged.insert(path, blob)),
                _ => put(&mut conflicts, blob, stage, path),
            }
        }
        Ok((staged, conflicts))
    }

    /// The files of a tree at these paths.
    ///
    /// # Errors
    /// When git fails.
    pub fn tree(&self, tree: &str, paths: &[&str]) -> Result<BTreeMap<String, Blob>> {
        let bytes = self.bytes(&[&["ls-tree", "-r", "-z", "--full-tree", tree, "--"], paths].concat(), b"")?;
        // `mode kind oid TAB path`
        let entry = |record: &[u8]| {
            let record = String::from_utf8_lossy(record).into_owned();
            let (meta, path) = record.split_once('\t')?;
            let mut words = meta.split(' ');
            let (mode, oid) = (words.next()?.to_owned(), words.nth(1)?.to_owned());
            Some((path.to_owned(), Blob { mode, oid }))
        };
        Ok(bytes.split(|byte| *byte == 0).filter_map(entry).collect())
    }

    /// A blob's bytes.
    ///
    /// # Errors
    /// When it is not there.
    pub fn blob(&self, oid: &str) -> Result<Vec<u8>> {
        self.bytes(&["cat-file", "blob", oid], b"")
    }
}

/// Each `mode oid stage TAB path NUL`; what is none is left out.
fn entries(bytes: &[u8]) -> impl Iterator<Item = (Blob, usize, String)> {
    bytes.split(|byte| *byte == 0).filter_map(entry)
}

/// `mode oid stage TAB path`.
pub fn entry(record: &[u8]) -> Option<(Blob, usize, String)> {
    let record = String::from_utf8_lossy(record).into_owned();
    let (meta, path) = record.split_once('\t')?;
    let mut words = meta.split(' ');
    let (mode, oid, stage) = (words.next()?.to_owned(), words.next()?.to_owned(), words.next()?.parse().ok()?);
    Some((Blob { mode, oid }, stage, path.to_owned()))
}

/// Notes a version of a file in conflict.
pub fn put(conflicts: &mut Conflicts, blob: Blob, stage: usize, path: String) {
    let stages = conflicts.entry(path).or_default();
    if let Some(slot) = stage.checked_sub(1).and_then(|at| stages.get_mut(at)) {
        *slot = Some(blob);
    }
}
