//! The command line's words. What they do is in [`crate::commands`]; `hook` never comes here.

mod people;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand};
pub use people::*;
use std::path::PathBuf;
use tollgate_core::events::{EventType, Pattern};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default());

/// A host for sandboxed event handlers, and the gate that coding agents' tool calls pass.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, styles = STYLES, max_term_width = 100, after_help = EXAMPLES)]
pub struct Arguments {
    /// The home folder [default: $TOLLGATE_HOME, else ~/.local/state/tollgate]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub home: Option<PathBuf>,
    /// Say more on standard error; twice: even more (RUST_LOG says what in detail)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  tollgate demo                                      see all of it in ten seconds
  tollgate run                                       start the daemon
  tollgate tail 'tool.*'                             watch what agents do
  tollgate emit task.started --entity task/t1        record an event
  tollgate gate Bash --command 'cargo test'          ask the gate
  tollgate policy explain Bash --command 'rm -rf /'  see why, without a daemon

Exit codes: 0 done or let through, 1 failed, 2 denied, 3 ask, 64 usage, 69 no daemon";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon of this home until it is stopped (SIGINT or SIGTERM)
    Run,
    /// Record an event, or one a line from standard input
    #[command(after_help = "Examples:
  tollgate emit task.progress --entity task/t1 --payload '{\"progress\":42,\"message\":\"half\"}'
  tollgate emit message.in --session s1 --payload - < message.json
  tollgate emit < events.ndjson")]
    Emit(EmitArgs),
    /// Show events, and follow them
    #[command(after_help = "Examples:
  tollgate tail 'tool.*' 'hook.*'
  tollgate tail --since 10m --json | jq .payload
  tollgate tail --no-follow -n 20")]
    Tail(TailArgs),
    /// Ask the gate about a call: exits with 0 (let through), 2 (denied) or 3 (ask)
    #[command(after_help = "Examples:
  tollgate gate Bash --command 'git push --force'
  tollgate gate Write --input '{\"file_path\":\"/etc/passwd\",\"content\":\"\"}' --json
  tollgate gate < call.json")]
    Gate(CallArgs),
    /// Look at what the policy makes of a call
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Answer an agent's hook: the hook's JSON on standard input, exits with 0 or 2 alone
    Hook {
        /// claude-code, codex or gemini
        agent: String,
    },
    /// See the calls that wait for a person, and answer them
    #[command(after_help = "Examples:
  tollgate approvals                                 what waits
  tollgate approvals watch                           show what comes, as it comes
  tollgate approvals approve 0199… --all             this one, and all like it in its session
  tollgate approvals reject 0199… --reason 'use a branch'")]
    Approvals(ApprovalsArgs),
    /// See what sessions may do without being asked again, and take it back
    #[command(subcommand)]
    Grants(GrantsCommand),
    /// Let calls change Tollgate's own files, for ten minutes at most
    Pause(PauseArgs),
    /// End a pause before its time
    Resume,
    /// Say something to an agent, as its user; `/test …` and `/git merge <branch>` are commands
    #[command(after_help = "Examples:
  tollgate message '/test --unit'
  tollgate message --chat review 'look at the last commit'")]
    Message(MessageArgs),
    /// See the events that plugins gave up, and let them go
    #[command(subcommand)]
    Deadletter(DeadletterCommand),
    /// Put Tollgate's hooks into an agent's settings, take them out, look at them
    #[command(subcommand)]
    Hooks(HooksCommand),
    /// Check everything between an agent and the gate, with a call through the installed hooks
    Doctor {
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// List, inspect and steer plugins
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Check the journal, without a daemon or beside one
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Check the audit trail, without a daemon or beside one
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Check and show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Show all of it in ten seconds, on a temporary home
    Demo(DemoArgs),
    /// Write what a shell needs to complete this command line
    #[command(after_help = "Examples:
  tollgate completions bash > ~/.local/share/bash-completion/completions/tollgate
  tollgate completions zsh > ~/.zfunc/_tollgate
  tollgate completions fish > ~/.config/fish/completions/tollgate.fish")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// `emit`
#[derive(Debug, Args)]
pub struct EmitArgs {
    /// Its type, domain.action; without one, events come from standard input, one a line
    #[arg(value_name = "TYPE", value_parser = event_type)]
    pub event_type: Option<EventType>,
    /// Its payload, a JSON object; `-` reads it from standard input
    #[arg(long, value_name = "JSON", requires = "event_type")]
    pub payload: Option<String>,
    /// The session that it belongs to
    #[arg(long, value_name = "ID", requires = "event_type")]
    pub session: Option<String>,
    /// What it is about
    #[arg(long, value_name = "KIND/ID", requires = "event_type", value_parser = entity)]
    pub entity: Option<(String, String)>,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// `tail`
#[derive(Debug, Args)]
pub struct TailArgs {
    /// Patterns of types, such as 'tool.*' [default: all]
    #[arg(value_name = "PATTERN", value_parser = pattern)]
    pub patterns: Vec<Pattern>,
    /// The same
    #[arg(long = "type", visible_alias = "filter", value_name = "PATTERN", value_delimiter = ',', value_parser = pattern)]
    pub types: Vec<Pattern>,
    /// Only events of this session
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
    /// Begin there: a cursor, a seq, a time (RFC 3339) or how long ago (10m)
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Begin with the last N events [default: 10, or all with --since]
    #[arg(short = 'n', long = "lines", value_name = "N", conflicts_with = "since")]
    pub lines: Option<usize>,
    /// End after the newest event
    #[arg(long)]
    pub no_follow: bool,
    /// One envelope a line
    #[arg(long)]
    pub json: bool,
}

/// A call, by flags or as JSON on standard input.
#[derive(Debug, Args)]
pub struct CallArgs {
    /// The tool; without one, the call comes as JSON from standard input
    #[arg(value_name = "TOOL")]
    pub tool: Option<String>,
    /// A shell tool's command
    #[arg(long, value_name = "LINE", requires = "tool", conflicts_with = "input")]
    pub command: Option<String>,
    /// The tool's input, a JSON object
    #[arg(long, value_name = "JSON", requires = "tool")]
    pub input: Option<String>,
    /// The session
    #[arg(long, value_name = "ID", requires = "tool")]
    pub session: Option<String>,
    /// The call's working directory [default: this one]
    #[arg(long, value_name = "FOLDER", requires = "tool")]
    pub cwd: Option<PathBuf>,
    /// A root of a session that does not exist yet
    #[arg(long = "root", value_name = "FOLDER", requires = "tool")]
    pub roots: Vec<PathBuf>,
    /// The verdict may be `ask`
    #[arg(long, requires = "tool")]
    pub can_ask: bool,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// `policy`
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// What the policy says of a call: no daemon, no events, no plugins
    #[command(after_help = "Examples:
  tollgate policy explain Bash --command 'rm -rf /'
  tollgate policy explain --policy strict Bash --command ls
  tollgate policy explain --jsonl < calls.jsonl")]
    Explain(ExplainArgs),
    /// Check policy files that are to be used together; says all that is wrong, exits with 0 or 1
    #[command(after_help = "Examples:
  tollgate policy check policies/*.yaml
  tollgate policy check --json team.yaml | jq .problems")]
    Check {
        /// Policy files, in the order in which they count
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Test a policy file by its examples, or policies by a file of test cases; exits with 0 or 1
    #[command(after_help = "A file of test cases:
  version: 1
  policies: [team.yaml, guardrails]   # files beside this one, and presets
  cases:
    - { command: git push, expect: require_approval, rule: team/push }
    - { tool: Write, path: .github/ci.yml, expect: deny }")]
    Test {
        /// A policy file, or one of test cases
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Hold the cases against this preset or file; several are joined in order [default: what the file says, else
        /// the home's policy]
        #[arg(long = "policy", value_name = "NAME|FILE")]
        policies: Vec<String>,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
}

/// `policy explain`
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The call.
    #[command(flatten)]
    pub call: CallArgs,
    /// Calls from standard input, one a line; one verdict a line
    #[arg(long, conflicts_with = "tool")]
    pub jsonl: bool,
    /// A preset or a file, instead of the home's policy; several are joined in order
    #[arg(long = "policy", value_name = "NAME|FILE")]
    pub policies: Vec<String>,
}

/// `plugin`
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// All plugins and how they are
    List {
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// All that is known of one plugin
    Inspect {
        /// Its name
        name: String,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Its last log lines
    Logs {
        /// Its name
        name: String,
        /// How many
        #[arg(short = 'n', long = "lines", default_value_t = 50)]
        lines: usize,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Stop it and keep it stopped
    Disable {
        /// Its name
        name: String,
    },
    /// Let it run again
    Enable {
        /// Its name
        name: String,
    },
    /// Read its file and its grant file again and start it anew: the way out of quarantine
    #[command(after_help = "Its store, and the events that wait for it, stay. Where the files do not work, the last
version that did keeps serving; it is said, and the exit code is 1.")]
    Reload {
        /// Its name
        name: String,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Show what it asks and what it has, and grant it
    Grant {
        /// Its name
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// `journal`
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Check the chain of hashes; names the first bad row
    Verify {
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// How much is in it
    Stats {
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
}

/// `audit`
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check the trail of the audit plugin; names the first altered, missing or reordered line
    Verify {
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
}

/// `config`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check tollgate.toml, the environment's overrides and the policy files
    Check,
    /// Show the configuration as it counts
    Show {
        /// Show the defaults instead
        #[arg(long)]
        defaults: bool,
    },
}

/// `demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// One JSON object on standard output, no narration
    #[arg(long)]
    pub json: bool,
}

fn event_type(text: &str) -> Result<EventType, String> {
    EventType::parse(text).map_err(|error| error.to_string())
}

fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::parse(text).map_err(|error| error.to_string())
}

fn entity(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((kind, id)) if !kind.is_empty() && !id.is_empty() => Ok((kind.to_owned(), id.to_owned())),
        _ => Err("must be KIND/ID, such as task/t1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_hold_together() {
        Arguments::command().debug_assert();
    }
}
