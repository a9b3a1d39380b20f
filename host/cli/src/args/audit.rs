//! Arguments of `audit`: the trail that the audit plugin writes.

use super::journal::time;
use clap::{Args, Subcommand};
use tollgate_core::time::Timestamp;

/// `audit`
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check the trail of the audit plugin; names the first altered, missing or reordered line
    Verify {
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Show lines of it, the last ones unless told otherwise
    Show(AuditShow),
    /// Count them: by kind, decision, tool, rule and session
    Stats {
        /// Which lines
        #[command(flatten)]
        wanted: AuditFilter,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
}

/// `audit show`
#[derive(Debug, Args)]
pub struct AuditShow {
    /// Which lines
    #[command(flatten)]
    pub wanted: AuditFilter,
    /// The last N of them [default: 20, or all with --since]
    #[arg(short = 'n', long = "lines", value_name = "N", conflicts_with = "since")]
    pub lines: Option<usize>,
    /// The lines as they stand, one JSON object each
    #[arg(long)]
    pub json: bool,
}

/// Which lines of the trail: those that fit all that is said.
#[derive(Debug, Args)]
pub struct AuditFilter {
    /// Of this session
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
    /// Of this tool
    #[arg(long, value_name = "NAME")]
    pub tool: Option<String>,
    /// With this decision: allow, deny or defer, or a person's answer
    #[arg(long, value_name = "DECISION")]
    pub decision: Option<String>,
    /// Of this kind: tool_attempt, git_operation, security_violation, approval, or a type such as plugin.faulted
    #[arg(long, value_name = "KIND")]
    pub event: Option<String>,
    /// From then on: a time (RFC 3339) or how long ago (10m)
    #[arg(long, value_name = "WHEN", value_parser = time)]
    pub since: Option<Timestamp>,
    /// Before then
    #[arg(long, value_name = "WHEN", value_parser = time)]
    pub until: Option<Timestamp>,
}
