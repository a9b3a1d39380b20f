//! Runs a workspace's tests when asked (`command.test`) and says what came of them, as events and as a message.
//!
//! `request` owns the order of things; `args` and `file` what is asked for, `detect` what there is, `plan` both
//! together; `run` starts a program and `parse` reads it; `report` judges; `message` and `browser` write for
//! people and agents; `ledger` keeps a retry from telling or running anything twice.

mod args;
mod browser;
mod detect;
mod file;
mod framework;
mod ledger;
mod lines;
mod message;
mod pace;
mod parse;
mod plan;
mod report;
mod reports;
mod request;
mod run;
mod settings;
mod text;

use settings::Settings;
use tollgate_sdk::{Capability, Config, Description, Event, Failure, Plugin, export_observer, payload};

/// This plugin's name.
pub const NAME: &str = "test-runner";

/// The programs it may start, with the arguments that each begins with. One that is not granted is said to be so.
const PROGRAMS: [(&str, &[&str]); 20] = [
    ("cargo", &["test", "**"]),
    ("cargo", &["nextest", "**"]),
    ("python3", &["-m", "pytest", "**"]),
    ("python3", &["-m", "unittest", "**"]),
    ("go", &["test", "**"]),
    ("npm", &["test", "**"]),
    ("npm", &["run", "test:unit", "**"]),
    ("npm", &["run", "unit", "**"]),
    ("npm", &["run", "test:ci", "**"]),
    ("npx", &["--no-install", "**"]),
    ("node", &["--test", "**"]),
    ("mvn", &["test", "**"]),
    ("gradle", &["cleanTest", "test", "**"]),
    ("dotnet", &["test", "**"]),
    ("ctest", &["--output-on-failure", "**"]),
    ("rspec", &["--no-color", "**"]),
    ("bundle", &["exec", "rspec", "**"]),
    ("phpunit", &["--colors=never", "**"]),
    ("php", &["vendor/bin/phpunit", "**"]),
    ("mix", &["test", "**"]),
];

/// The plugin.
#[derive(Debug, Default)]
pub struct TestRunner {
    settings: Settings,
}

impl Plugin for TestRunner {
    fn describe() -> Description {
        let description = Description::new(NAME, env!("CARGO_PKG_VERSION"))
            .summary("Runs a workspace's tests and reads what they say")
            .subscribe([payload::COMMAND_TEST])
            .need(Capability::emit("test.*"))
            .need(Capability::emit("test_run.*"))
            .need(Capability::emit(payload::MESSAGE_OUT))
            .need(Capability::WorkspaceRead("**".to_owned()))
            .want(Capability::emit(payload::TASK_PROGRESS))
            .want(Capability::Data(ledger::DATA_BYTES))
            .want(Capability::SessionEffects)
            .config_schema(settings::SCHEMA);
        PROGRAMS.iter().fold(description, |description, (program, args)| {
            description.want(Capability::process(*program, args.iter().copied()))
        })
    }

    fn init(&mut self, config: &Config) -> Result<(), String> {
        self.settings = Settings::read(config)?;
        Ok(())
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        request::handle(event, &self.settings)
    }
}

export_observer!(TestRunner);

#[cfg(test)]
mod tests;
