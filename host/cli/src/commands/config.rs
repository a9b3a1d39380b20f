//! `tollgate config`: is it right, and what counts.

use crate::args::ConfigCommand;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::{output, policies};
use tollgate_core::home::Home;

/// Checks or shows it.
///
/// # Errors
/// The first thing that is wrong, with its file and line.
pub fn run(home: &Home, command: &ConfigCommand) -> Result<Exit, Failure> {
    let load = || Config::load(home).map_err(|error| Failure::Failed(error.to_string()));
    let config = match command {
        ConfigCommand::Show { defaults: true } => Config::default(),
        ConfigCommand::Show { defaults: false } => load()?,
        ConfigCommand::Check => {
            let config = load()?;
            policies::load(home, &config)?;
            config.runner().check().map_err(|error| Failure::at("[providers]", error))?;
            let file = home.config();
            let what = if file.exists() { "is right" } else { "is absent: the defaults count" };
            output::line(format_args!("{} {what}", file.display()))?;
            return Ok(Exit::Done);
        }
    };
    let text = toml::to_string_pretty(&config).map_err(|error| Failure::at("the configuration", error))?;
    output::write(&text)?;
    Ok(Exit::Done)
}
