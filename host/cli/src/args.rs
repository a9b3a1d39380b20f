//! The command line's words. What they do is in [`crate::commands`]; `hook` never comes here.

mod audit;
mod help;
mod journal;
mod people;
mod plugin;

pub use audit::*;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand};
pub use journal::*;
use people::duration;
pub use people::*;
pub use plugin::*;
use std::path::PathBuf;
use std::time::Duration;
use tollgate_core::events::{EventType, Pattern};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default());

/// A host for sandboxed event handlers, and the gate that coding agents' tool calls pass.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, styles = STYLES, max_term_width = 100, after_help = help::SHORT, after_long_help = help::LONG)]
pub struct Arguments {
    /// The home folder [default: $TOLLGATE_HOME, else $XDG_STATE_HOME/tollgate, else ~/.local/state/tollgate]
    #[arg(long, global = true, value_name = "FOLDER", help_heading = "Global options")]
    pub home: Option<PathBuf>,
    /// Say more on standard error; twice: even more (RUST_LOG says what in detail)
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon of this home until it is stopped (SIGINT or SIGTERM)
    #[command(after_help = help::RUN)]
    Run,
    /// Record an event, or one a line from standard input
    #[command(after_help = help::EMIT)]
    Emit(EmitArgs),
    /// Hand a plugin events once more that lie behind it
    #[command(after_help = help::REPLAY)]
    Replay(ReplayArgs),
    /// Show events, and follow them
    #[command(after_help = help::TAIL)]
    Tail(TailArgs),
    /// Ask the gate about a call: exits with 0 (let through), 2 (denied) or 3 (ask)
    #[command(after_help = help::GATE)]
    Gate(CallArgs),
    /// Look at what the policy makes of a call
    #[command(subcommand, after_help = help::POLICY)]
    Policy(PolicyCommand),
    /// Answer an agent's hook: the hook's JSON on standard input, exits with 0 or 2 alone
    #[command(after_help = help::HOOK)]
    Hook {
        /// claude-code, codex, gemini, cursor or generic
        agent: String,
    },
    /// See the calls that wait for a person, and answer them
    #[command(after_help = help::APPROVALS)]
    Approvals(ApprovalsArgs),
    /// See what sessions may do without being asked again, and take it back
    #[command(subcommand, after_help = help::GRANTS)]
    Grants(GrantsCommand),
    /// Let calls change Tollgate's own files, for ten minutes at most
    #[command(after_help = help::PAUSE)]
    Pause(PauseArgs),
    /// End a pause before its time
    #[command(after_help = help::RESUME)]
    Resume,
    /// Say something to an agent, as its user; `/test …` and `/git merge <branch>` are commands
    #[command(after_help = help::MESSAGE)]
    Message(MessageArgs),
    /// Make, list and revoke tokens for programs that speak HTTP
    #[command(subcommand, after_help = help::TOKEN)]
    Token(TokenCommand),
    /// See the events that plugins gave up, try them again, let them go
    #[command(subcommand, after_help = help::DEADLETTER)]
    Deadletter(DeadletterCommand),
    /// Put Tollgate's hooks into an agent's settings, take them out, look at them
    #[command(subcommand, after_help = help::HOOKS)]
    Hooks(HooksCommand),
    /// Check everything between an agent and the gate, with a call through the installed hooks
    #[command(after_help = help::DOCTOR)]
    Doctor {
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// List, inspect and steer plugins; and write, build and try them
    #[command(subcommand, after_help = help::PLUGIN)]
    Plugin(PluginCommand),
    /// Check, count, export, import, prune and redact the journal itself
    #[command(subcommand, after_help = help::JOURNAL)]
    Journal(JournalCommand),
    /// Check the audit trail, without a daemon or beside one
    #[command(subcommand, after_help = help::AUDIT)]
    Audit(AuditCommand),
    /// Check and show the configuration
    #[command(subcommand, after_help = help::CONFIG)]
    Config(ConfigCommand),
    /// Show all of it in fifteen seconds, on a temporary home
    #[command(after_help = help::DEMO)]
    Demo(DemoArgs),
    /// Measure a whole daemon, on a temporary home
    #[command(subcommand, after_help = help::BENCH)]
    Bench(BenchCommand),
    /// Write what a shell needs to complete this command line
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual: the first page to standard output, or all of it to a folder
    #[command(after_help = help::MAN)]
    Man {
        /// A page for each command, into this folder; it is made where it is not there
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
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
    /// Wait for at most so long (45s at most) until every plugin is done with it, and say what became of it there
    #[arg(long, value_name = "TIME", requires = "event_type", value_parser = outcome_wait)]
    pub wait: Option<Duration>,
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

/// `replay`
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The plugin
    #[arg(long = "to-plugin", value_name = "NAME")]
    pub plugin: String,
    /// Begin there: a cursor, a seq, a time (RFC 3339) or how long ago (10m); 0 is the beginning
    #[arg(long, value_name = "WHEN")]
    pub since: String,
    /// End there: a time or how long ago
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// Only these types, such as 'tool.*', of those that it subscribes to
    #[arg(long = "type", value_name = "PATTERN", value_delimiter = ',', value_parser = pattern)]
    pub types: Vec<Pattern>,
    /// Only events of this session
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
    /// Say how many it would be given, and give it none
    #[arg(long)]
    pub dry_run: bool,
    /// Ask nobody
    #[arg(long)]
    pub yes: bool,
    /// One JSON object on standard output
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
    /// The session [default of a single call: $TOLLGATE_SESSION, which a runner sets]
    #[arg(long, value_name = "ID", requires = "tool")]
    pub session: Option<String>,
    /// The call's working directory [default beside TOOL: this one]
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
    #[command(after_help = help::EXPLAIN)]
    Explain(ExplainArgs),
    /// Check policy files that are to be used together; says all that is wrong
    #[command(after_help = help::CHECK)]
    Check {
        /// Policy files, in the order in which they count
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Test a policy file by its examples, or policies by a file of test cases
    #[command(after_help = help::TEST)]
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
    #[arg(long, conflicts_with_all = ["tool", "command", "input"])]
    pub jsonl: bool,
    /// A preset or a file, instead of the home's policy; several are joined in order
    #[arg(long = "policy", value_name = "NAME|FILE")]
    pub policies: Vec<String>,
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

/// `bench …`
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Load a daemon while plugins come, fault and go, and say whether its memory and descriptors stay
    #[command(after_help = help::BENCH_SOAK)]
    Soak(SoakArgs),
    /// Kill a daemon again and again while clients emit, and say whether anything acknowledged is lost or doubled
    #[command(after_help = help::BENCH_CRASH)]
    Crash(CrashArgs),
    /// Have readers come and go on the stream of events, and say whether each saw every event once
    #[command(after_help = help::BENCH_STREAM)]
    Stream(StreamArgs),
}

/// `bench soak`
#[derive(Debug, Args)]
pub struct SoakArgs {
    /// How long the load lasts; under a minute, memory is not judged
    #[arg(long, value_name = "MINUTES", default_value_t = 10.0, value_parser = minutes)]
    pub minutes: f64,
    /// Where chance begins, to have the same changes again [default: anew each time]
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// One JSON object on standard output, no narration
    #[arg(long)]
    pub json: bool,
}

/// `bench crash`
#[derive(Debug, Args)]
pub struct CrashArgs {
    /// How often it is killed
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub times: u16,
    /// How many clients emit at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub clients: u16,
    /// Where chance begins [default: anew each time]
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// One JSON object on standard output, no narration
    #[arg(long)]
    pub json: bool,
}

/// `bench stream`
#[derive(Debug, Args)]
pub struct StreamArgs {
    /// How many connections are made in all
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub connections: u64,
    /// How many read at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub readers: u16,
    /// How many events come in a second
    #[arg(long, value_name = "NUMBER", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub per_second: u32,
    /// Where chance begins [default: anew each time]
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// One JSON object on standard output, no narration
    #[arg(long)]
    pub json: bool,
}

/// The longest soak, in minutes: a week.
const LONGEST_SOAK: f64 = 7.0 * 24.0 * 60.0;

fn minutes(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(minutes) if minutes > 0.0 && minutes <= LONGEST_SOAK => Ok(minutes),
        _ => Err(format!("must be a number of minutes, over 0 and at most {LONGEST_SOAK}")),
    }
}

fn outcome_wait(text: &str) -> Result<Duration, String> {
    let wait = duration(text)?;
    // The server's own bound.
    let most = Duration::from_millis(tollgate_server::MAX_PLUGINS_MS);
    let refusal = || format!("at most {}s: ask `tail` for what takes longer", most.as_secs());
    if wait > most { Err(refusal()) } else { Ok(wait) }
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
