//! The words of `journal`: what is asked of the database itself.

use super::pattern;
use clap::{ArgGroup, Args, Subcommand};
use std::path::PathBuf;
use tollgate_core::events::{Pattern, PatternError, PatternSet};
use tollgate_core::journal::Query;
use tollgate_core::time::{Clock, Timestamp};

/// `journal`
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Check the chain of hashes; names the first bad row
    Verify {
        /// Check too that the journal still holds what `journal head` wrote into this file
        #[arg(long, value_name = "FILE")]
        head: Option<PathBuf>,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Write the last event's seq and hash, to be kept where who can change the journal cannot
    Head,
    /// How much is in it, of what, since when, and who still waits for what
    Stats {
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Write events as JSON, one envelope a line, oldest first
    Export(ExportArgs),
    /// Take exported events in, each once, with their own ids and new seqs; no daemon may run
    Import {
        /// One envelope a line, as `export` writes them
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Hand them to plugins, too
        #[arg(long)]
        deliver: bool,
        /// Check every line, say what would come in, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Let the oldest events go; no daemon may run: `[journal] retain_…` does it while one runs
    Prune(PruneArgs),
    /// Blank one event's payload for good; the chain still holds, and says so; no daemon may run
    Redact {
        /// Which event
        seq: u64,
        /// Show it and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Give free pages back to the disk; no daemon may run
    Vacuum,
}

/// `journal export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Begin there: after a seq, or at a time (RFC 3339) or how long ago (10m, 30d)
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub since: Option<When>,
    /// Which of them.
    #[command(flatten)]
    pub which: Which,
    /// Into this file, which is there only once it is whole [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Of a damaged journal: every event that can still be read and is the one that was recorded
    #[arg(long, conflicts_with_all = ["since", "until", "types", "session"])]
    pub salvage: bool,
}

/// Which events of the journal, from where one begins.
#[derive(Debug, Args)]
pub struct Which {
    /// Only events from before this time (RFC 3339), or how long ago
    #[arg(long, value_name = "WHEN", value_parser = time)]
    pub until: Option<Timestamp>,
    /// Only these types, such as 'tool.*'
    #[arg(long = "type", value_name = "PATTERN", value_delimiter = ',', value_parser = pattern)]
    pub types: Vec<Pattern>,
    /// Only events of this session
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
}

/// `journal prune`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args(["before", "keep_events", "keep_bytes"]))]
pub struct PruneArgs {
    /// Events from before this time (RFC 3339), or older than this (90d)
    #[arg(long, value_name = "WHEN", value_parser = time)]
    pub before: Option<Timestamp>,
    /// What is over this many events
    #[arg(long, value_name = "N")]
    pub keep_events: Option<u64>,
    /// What is over this many bytes of database in use
    #[arg(long, value_name = "BYTES")]
    pub keep_bytes: Option<u64>,
    /// Events that plugins have not finished, too; `--dry-run` says whose
    #[arg(long)]
    pub past_cursors: bool,
    /// Say what would go and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// A place in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A seq.
    Seq(u64),
    /// A time.
    Time(Timestamp),
}

impl Which {
    /// What asks the journal for them, from the seq after `after` and the time `since` on.
    ///
    /// # Errors
    /// When there are too many patterns.
    pub fn query(&self, after: u64, since: Option<Timestamp>) -> Result<Query, PatternError> {
        let texts = self.types.iter().map(Pattern::as_str);
        let patterns = if self.types.is_empty() { None } else { Some(PatternSet::parse(texts)?) };
        Ok(Query {
            after,
            since,
            until: self.until,
            session: self.session.as_deref().map(Into::into),
            patterns,
            ..Query::default()
        })
    }
}

pub(super) fn when(text: &str) -> Result<When, String> {
    match text.parse() {
        Ok(seq) => Ok(When::Seq(seq)),
        Err(_) => time(text).map(When::Time).map_err(|error| format!("{error}, or a seq")),
    }
}

/// A time, or how long ago.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let bad = |_| "must be a time such as 2026-01-27T10:21:33Z, or how long ago, such as 10m or 30d".to_owned();
    Timestamp::parse_when(text, Clock::system().now()).map_err(bad)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_place_is_a_seq_a_time_or_how_long_ago() {
        assert_eq!(when("12"), Ok(When::Seq(12)));
        assert_eq!(when("1970-01-01T00:00:01Z"), Ok(When::Time(Timestamp(1_000))));
        let long_ago = time("2d").unwrap().until(Clock::system().now());
        assert!((Duration::from_secs(2 * 86_400)..Duration::from_secs(3 * 86_400)).contains(&long_ago));
        assert!(time("12").is_err() && when("yesterday").is_err());
    }
}
