//! The binary: arguments, configuration, wiring. No logic of its own beyond the edge.

mod agents;
mod args;
mod asker;
mod bench;
mod client;
mod commands;
mod compiler;
mod config;
mod demo;
mod exit;
mod home;
mod hook;
mod host;
mod kit;
mod output;
mod policies;
mod reload;
mod signals;
mod telemetry;

use args::{Arguments, Command};
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use exit::{Exit, Failure};
use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    match words.next() {
        Some(word) if word == "hook" => return hook::main(words),
        Some(word) if word == compiler::WORD => return tollgate_runtime::compile_for_parent(words),
        _ => {}
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            // A hook with options before its word is still a hook: its wrong usage is a denial.
            let hook = std::env::args_os().skip(1).any(|word| word == "hook");
            let exit = if asked {
                Exit::Done
            } else if hook {
                Exit::Denied
            } else {
                Exit::Usage
            };
            return exit.into();
        }
    };
    telemetry::start(arguments.verbose, matches!(arguments.command, Command::Run));
    match dispatch(arguments) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "tollgate: {failure}");
            failure.exit().into()
        }
    }
}

fn dispatch(arguments: Arguments) -> Result<Exit, Failure> {
    let home = || home::resolve(arguments.home.as_deref());
    match arguments.command {
        Command::Run => commands::run::run(&home()?),
        Command::Emit(args) => commands::emit::run(&home()?, args),
        Command::Replay(args) => commands::replay::run(&home()?, &args),
        Command::Tail(args) => commands::tail::run(&home()?, &args),
        Command::Gate(args) => commands::gate::run(&home()?, args),
        Command::Policy(command) => commands::policy::run(home, command),
        // Reached only by options before the word; the agent's own form never gets here.
        Command::Hook { agent: _ } => {
            let _ = writeln!(std::io::stderr(), "tollgate: `hook` takes no options before it: tollgate hook AGENT");
            Ok(Exit::Denied)
        }
        Command::Approvals(args) => commands::approvals::run(&home()?, args),
        Command::Grants(command) => commands::approvals::grants(&home()?, &command),
        Command::Pause(args) => commands::approvals::pause(&home()?, args.duration),
        Command::Resume => commands::approvals::resume(&home()?),
        Command::Message(args) => commands::message::run(&home()?, &args),
        Command::Token(command) => commands::token::run(&home()?, command),
        Command::Deadletter(command) => commands::deadletter::run(&home()?, &command),
        Command::Hooks(command) => commands::hooks::run(&home()?, &command),
        Command::Doctor { json } => commands::doctor::run(&home()?, json),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "tollgate", &mut std::io::stdout());
            Ok(Exit::Done)
        }
        Command::Man { out } => commands::man::run(out.as_deref()),
        Command::Plugin(command) => commands::plugin::run(home, command),
        Command::Journal(command) => commands::journal::run(&home()?, &command),
        Command::Audit(command) => commands::audit::run(&home()?, &command),
        Command::Config(command) => commands::config::run(&home()?, &command),
        Command::Demo(args) => demo::run(args),
        Command::Bench(command) => bench::run(&command),
    }
}
