//! The words of the commands that are a person's side of the gate: approvals, grants, messages, dead letters, hooks.

use crate::agents::Scope;
use crate::agents::known::{AGENTS, Agent};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;
use tollgate_core::time;

/// `approvals`
#[derive(Debug, Args)]
pub struct ApprovalsArgs {
    /// What to do [default: list]
    #[command(subcommand)]
    pub command: Option<ApprovalsCommand>,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// `approvals`
#[derive(Debug, Subcommand)]
pub enum ApprovalsCommand {
    /// Every question that waits, approvals and others
    List {
        /// Those too that have ended
        #[arg(long)]
        all: bool,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Show questions and answers as they come
    Watch,
    /// All of one question
    Show {
        /// Its id
        id: String,
    },
    /// Yes, to this very call, once
    Approve {
        /// Its id
        id: String,
        /// And to all of the same kind in its session, where that is offered
        #[arg(long)]
        all: bool,
    },
    /// No
    Reject {
        /// Its id
        id: String,
        /// A word to the agent
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Answer a question that is no approval
    Answer {
        /// Its id
        id: String,
        /// The answer
        text: String,
    },
}

/// `grants`
#[derive(Debug, Subcommand)]
pub enum GrantsCommand {
    /// All of them, the oldest first
    List {
        /// Only of this session
        #[arg(long, value_name = "ID")]
        session: Option<String>,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Take one back
    Revoke {
        /// Its session
        session: String,
        /// Its key, as `list` shows it
        key: String,
    },
}

/// `pause`
#[derive(Debug, Args)]
pub struct PauseArgs {
    /// How long, with its unit s, m or h: 30s, 10m; at most ten minutes
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub duration: Duration,
}

/// `message`
#[derive(Debug, Args)]
pub struct MessageArgs {
    /// What to say
    pub text: String,
    /// The chat [default: this folder's own]
    #[arg(long, value_name = "ID")]
    pub chat: Option<String>,
    /// The session that the chat belongs to [default: the chat's own]
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
    /// Where that session works, where it is not known yet [default: this folder]
    #[arg(long, value_name = "FOLDER")]
    pub cwd: Option<PathBuf>,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// `deadletter`
#[derive(Debug, Subcommand)]
pub enum DeadletterCommand {
    /// All of them, the oldest first
    List {
        /// Only of this plugin
        plugin: Option<String>,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// One of them with its event
    Show {
        /// The plugin
        plugin: String,
        /// The event's seq
        seq: u64,
    },
    /// Hand events to their plugins again: one, those of a plugin, or all of them
    #[command(after_help = super::help::RETRY)]
    Retry(RetryArgs),
    /// Let one go for good
    Drop {
        /// The plugin
        plugin: String,
        /// The event's seq
        seq: u64,
    },
}

/// `deadletter retry`
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["letter", "plugin", "all"])))]
pub struct RetryArgs {
    /// The plugin, and the event's seq
    #[arg(value_names = ["PLUGIN", "SEQ"], num_args = 2)]
    pub letter: Vec<String>,
    /// All of this plugin, the oldest first
    #[arg(long, value_name = "NAME")]
    pub plugin: Option<String>,
    /// All of every plugin, the oldest first
    #[arg(long)]
    pub all: bool,
    /// Show what would be tried, and try nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Do not ask before several are tried
    #[arg(long)]
    pub yes: bool,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// `token`
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make one: it is shown now and never again
    Add(TokenAddArgs),
    /// All of them and what they may do
    List {
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Take one back: it counts no more, and what is connected with it is let go
    Revoke {
        /// Its name
        name: String,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
}

/// `token add`
#[derive(Debug, Args)]
pub struct TokenAddArgs {
    /// What it is called: a-z, 0-9, `-` and `_`
    pub name: String,
    /// What it may do: emit, emit:PATTERNS, read, read:PATTERNS, gate, approve, admin
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    pub scopes: Vec<String>,
    /// Sources that it may speak as; the first where an event names none [default: token:NAME]
    #[arg(long = "source", value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Requests a second [default: 1000]
    #[arg(long, value_name = "N")]
    pub per_second: Option<u32>,
    /// Live connections at a time [default: 16]
    #[arg(long, value_name = "N")]
    pub connections: Option<u32>,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// An agent whose settings can be changed, by its name.
fn settled_agent() -> impl TypedValueParser<Value = &'static Agent> {
    let find = |name: String| AGENTS.iter().find(|agent| agent.name() == name);
    PossibleValuesParser::new(AGENTS.iter().map(Agent::name)).try_map(move |name| find(name).ok_or("no such agent"))
}

/// `hooks`
#[derive(Debug, Subcommand)]
pub enum HooksCommand {
    /// Put the hooks in: shows the difference, keeps everything else and a copy of what was there
    Install(HooksChange),
    /// Take the hooks out again: what was there before comes back
    Uninstall(HooksChange),
    /// Where the hooks are and whether they can work
    Status {
        /// The agent [default: all]
        #[arg(value_parser = settled_agent())]
        agent: Option<&'static Agent>,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
}

/// `hooks install` and `hooks uninstall`
#[derive(Debug, Args)]
pub struct HooksChange {
    /// The agent
    #[arg(value_parser = settled_agent())]
    pub agent: &'static Agent,
    /// In the settings of the project that this folder is in (such as .claude/settings.json), unless told otherwise
    #[arg(long)]
    pub project: bool,
    /// In the user's settings, for every project
    #[arg(long, conflicts_with = "project")]
    pub user: bool,
    /// Show the difference and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl HooksChange {
    /// Whose settings.
    pub fn scope(&self) -> Scope {
        if self.user { Scope::User } else { Scope::Project }
    }
}

/// `30s`, `10m`, `2h`, `7d`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    time::duration(text).ok_or_else(|| "must be a number with ms, s, m, h or d, such as 10m".to_owned())
}
