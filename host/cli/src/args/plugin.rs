//! The words of `plugin`: an operator's, for what a daemon runs, and an author's, for what is being written.

use super::help;
use super::journal::{When, Which, when};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

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
        /// How many, the newest
        #[arg(short = 'n', long = "lines", value_name = "N", default_value_t = 50)]
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
    #[command(after_help = help::RELOAD)]
    Reload {
        /// Its name
        name: String,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Show what it asks and what it has, and grant it
    #[command(after_help = help::GRANT)]
    Grant {
        /// Its name
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Begin a plugin: a package that builds and passes its test at once
    #[command(after_help = help::PLUGIN_NEW)]
    New(NewArgs),
    /// Build a package into target/NAME.wasm with its language's own tools, and check what comes of it
    #[command(after_help = help::PLUGIN_BUILD)]
    Build {
        /// The package [default: this folder]
        #[arg(value_name = "FOLDER", default_value = ".")]
        folder: PathBuf,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Look at a component as a host would before it serves, without a daemon
    #[command(after_help = help::PLUGIN_CHECK)]
    Check {
        /// The component, NAME.wasm
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Its grant file [default: all that it asks for]
        #[arg(long, value_name = "FILE")]
        grant: Option<PathBuf>,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Measure what a component takes for each of recorded events and calls, against the last run
    #[command(after_help = help::PLUGIN_BENCH)]
    Bench {
        /// The component, and what it is given.
        #[command(flatten)]
        tried: TryArgs,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Run a plugin over the journal in a sandbox, with no effect, and say what would differ
    #[command(after_help = help::PLUGIN_REPLAY)]
    Replay(ReplayPluginArgs),
    /// Give a component recorded events and calls, in the real sandbox, without a daemon
    #[command(after_help = help::PLUGIN_TEST)]
    Test(TestArgs),
}

/// A component and what it is given.
#[derive(Debug, Args)]
pub struct TryArgs {
    /// The component, NAME.wasm
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Events as `journal export` writes them, and for guards calls (lines with `tool_name`)
    #[arg(long, value_name = "FILE")]
    pub events: PathBuf,
    /// Its grant file [default: nothing granted beyond log and store]
    #[arg(long, value_name = "FILE")]
    pub grant: Option<PathBuf>,
}

/// `plugin replay`
#[derive(Debug, Args)]
pub struct ReplayPluginArgs {
    /// A plugin of this home, by name, or a component, by its path
    #[arg(value_name = "NAME|FILE")]
    pub plugin: String,
    /// Begin there: a seq, a time (RFC 3339) or how long ago (10m, 30d); 0 is the beginning
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub since: When,
    /// Which of them.
    #[command(flatten)]
    pub which: Which,
    /// Its grant file [default: plugins/NAME.toml of this home]
    #[arg(long, value_name = "FILE")]
    pub grant: Option<PathBuf>,
    /// What it is held against
    #[arg(long, value_enum, default_value_t = Against::Recorded)]
    pub against: Against,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// What a replayed plugin is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Against {
    /// What the journal holds: its emits, and what the gate made of calls
    Recorded,
    /// What the home's plugin of that name would do
    Current,
}

/// `plugin test`
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The component, and what it is given.
    #[command(flatten)]
    pub tried: TryArgs,
    /// What is to come of each line; another outcome is shown, and the exit code is 1
    #[arg(long, value_name = "FILE")]
    pub golden: Option<PathBuf>,
    /// Write into the golden file what came
    #[arg(long, requires = "golden")]
    pub bless: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `plugin new`
#[derive(Debug, Args)]
pub struct NewArgs {
    /// Its name, and the folder's: a-z, 0-9 and `-`
    pub name: String,
    /// What it is written in
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    pub lang: Language,
    /// One that decides tool calls, too
    #[arg(long)]
    pub guard: bool,
}

/// A language that plugins are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Rust, by cargo
    Rust,
    /// JavaScript, by componentize-qjs from npm
    Js,
    /// Python, by componentize-py from PyPI
    Python,
    /// C, by the clang of ziglang from PyPI
    C,
}
