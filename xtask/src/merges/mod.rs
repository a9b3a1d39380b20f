//! Real histories, replayed: what becomes of the files that conflicted, by git, by the merge resolver in a real daemon,
//! and by mergiraf, beside what people committed.
//!
//! Knows Tollgate by its binary, and the others by theirs. Repositories are only read.

mod git;
mod history;
mod report;
mod resolver;
mod ways;

use crate::process::is_stopped;
use crate::progress::tell;
use crate::tollgate::{Binary, Tollgate};
use anyhow::{Context as _, Result, ensure};
use git::{Conflicts, Copy, Stages};
use history::Merge;
use report::{History, Report};
use resolver::Resolver;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use ways::Ways;

/// How many merges are replayed where nothing else is said: what the largest histories have.
const LIMIT: usize = 100_000;

/// Which histories are replayed, and how.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Repositories; they are only read
    #[arg(required = true, value_name = "REPOSITORY")]
    repositories: Vec<PathBuf>,
    /// Replay the newest merges of each, this many at most
    #[arg(long, value_name = "NUMBER", default_value_t = LIMIT)]
    limit: usize,
    /// Run mergiraf beside: its binary
    #[arg(long, value_name = "FILE")]
    with_mergiraf: Option<PathBuf>,
    /// A component to load in the place of the bundled merge resolver
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    #[command(flatten)]
    binary: Binary,
    /// Put the versions of every file that was resolved otherwise than people did into this folder, to be looked at
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// One JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// Replays them all.
///
/// # Errors
/// When there is no Tollgate to look at, or a repository cannot be read.
pub fn run(options: &Options) -> Result<bool> {
    let binary = options.binary.resolve()?;
    let mergiraf = options.with_mergiraf.as_ref().map(|path| path.canonicalize()).transpose();
    let mergiraf = mergiraf.context("--with-mergiraf")?;
    let mut report = Report::default();
    for repository in &options.repositories {
        let root = tempfile::Builder::new().prefix("tollgate-merges-").tempdir()?;
        let root = root.path().canonicalize()?;
        let context = || format!("{}", repository.display());
        let repository = repository.canonicalize().with_context(context)?;
        let copy = Copy::of(&repository, &root).with_context(context)?;
        if report.versions.is_empty() {
            report.versions = ways::versions(&copy, &binary, mergiraf.as_deref())?;
        }
        let tollgate = Tollgate::new(&binary, &root, &root, copy.folder())?;
        resolver::settle(&tollgate, &copy, options.plugin.as_deref())?;
        let resolver = Resolver::start(&tollgate, &root)?;
        let ways =
            Ways { copy: &copy, resolver, mergiraf: mergiraf.as_deref(), keep: options.keep.as_deref(), root: &root };
        report.histories.push(replay(&repository, options.limit, ways).with_context(context)?);
        ensure!(!is_stopped(), "stopped by a signal");
    }
    let text = if options.json { report.to_json() } else { report.to_string() };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(true)
}

fn replay(repository: &Path, limit: usize, mut ways: Ways<'_>) -> Result<History> {
    let name = name(repository);
    let merges = history::merges(ways.copy, repository, limit)?;
    let found = history::replay(ways.copy, &merges, |done| tell(&name, "replayed", done, merges.len()))?;
    let mut seen = BTreeSet::new();
    let mut work: Vec<(&Merge, Conflicts)> = Vec::new();
    for (merge, conflicts) in merges.iter().zip(found) {
        // One that was merged again, in a branch of its own or the other way round, counts once.
        let new: Conflicts =
            conflicts.into_iter().filter(|(path, stages)| seen.insert((path.clone(), sorted(stages)))).collect();
        if !new.is_empty() && ways.copy.are_related(&merge.ours, &merge.theirs)? {
            work.push((merge, new));
        }
    }
    let files = work.iter().map(|(_, conflicts)| conflicts.len()).sum();
    let mut history = History::new(&name, merges.len(), work.len(), files);
    for (at, (merge, conflicts)) in work.iter().enumerate() {
        ways.merge(merge, conflicts, &mut history).with_context(|| format!("the merge {}", merge.commit))?;
        tell(&name, "resolved", at + 1, work.len());
    }
    history.measured = ways.resolver.measured()?;
    Ok(history)
}

/// The versions, whichever side is ours.
fn sorted(stages: &Stages) -> Vec<Option<git::Blob>> {
    let [base, ours, theirs] = stages.clone();
    let mut sides = [ours, theirs];
    sides.sort();
    sides.into_iter().chain([base]).collect()
}

/// The folder's name, or of the one around it where that says nothing.
fn name(repository: &Path) -> String {
    let names = repository.iter().rev().filter_map(|part| part.to_str());
    let says = |name: &&str| !["repo", "repo.git", ".git"].contains(name);
    { names }.find(says).unwrap_or("a repository").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_has_its_folders_name() {
        for (path, expected) in [("/a/flask", "flask"), ("/a/gson/repo", "gson"), ("/a/b/.git", "b"), ("/", "/")] {
            assert_eq!(name(Path::new(path)), expected);
        }
    }
}
