//! Reads `tollgate.toml`, strictly: every refusal names the file, the line and the mend.

use super::{Config, overrides};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use tollgate_core::home::Home;
use tollgate_core::nearest::nearest;

/// Why a configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file is there and cannot be read.
    #[error("{path}: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// A value of the file.
    #[error("{path}, line {line}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong and what mends it.
        reason: String,
    },
    /// A variable of the environment.
    #[error("environment variable {name}: {reason}")]
    Variable {
        /// Which.
        name: String,
        /// What is wrong and what mends it.
        reason: String,
    },
}

impl Config {
    /// The configuration of `home`: its file (absent: the defaults), overridden by this process's environment.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn load(home: &Home) -> Result<Self, ConfigError> {
        // Names and values that are not UTF-8 are none of ours, or refused as such when the name is.
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok().filter(|name| overrides::is_ours(name))?;
            Some((name, value.to_string_lossy().into_owned()))
        });
        Self::read(&home.config(), variables)
    }

    /// As [`Config::load`], from this file and these variables.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn read(path: &Path, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let unreadable = |reason: String| ConfigError::Unreadable { path: path.to_owned(), reason };
        let text = match std::fs::read(path) {
            Ok(bytes) => String::from_utf8(bytes)
                .map_err(|error| unreadable(format!("not UTF-8 (byte {})", error.utf8_error().valid_up_to())))?,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        // The file is checked alone first: a variable must not hide what is wrong with it.
        Self::parse(path, &text)?;
        let table = toml::from_str(&text).map_err(|error| refusal(path, &text, &error))?;
        let config = overrides::apply(table, variables)?;
        match config.violation() {
            Some((table, key, reason)) => Err(unreadable(format!("[{table}] {key}: {reason}"))),
            None => Ok(config),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| refusal(path, text, &error))?;
        if let Some((table, key, reason)) = config.violation() {
            let line = line_of_key(text, &table, key);
            let name = if key.is_empty() { format!("[{table}]") } else { format!("[{table}] {key}") };
            return Err(ConfigError::File { path: path.to_owned(), line, reason: format!("{name}: {reason}") });
        }
        Ok(config)
    }
}

fn refusal(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(0, |span| span.start);
    let line = text.get(..at).unwrap_or(text).matches('\n').count() + 1;
    let reason = with_nearest(error.message(), line_text(text, line));
    ConfigError::File { path: path.to_owned(), line, reason }
}

/// The parser's message; of an unknown name, with the name that it was probably meant to be.
pub(super) fn with_nearest(message: &str, line: &str) -> String {
    let unknown = message.strip_prefix("unknown field `").or_else(|| message.strip_prefix("unknown variant `"));
    let Some((name, rest)) = unknown.and_then(|rest| rest.split_once('`')) else {
        let line = line.trim();
        let place = if line.is_empty() { String::new() } else { format!(", in `{line}`") };
        return format!("{}{place}", message.replace('\n', "; "));
    };
    // The known names are every second part between backticks.
    let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("`{name}` is not known here; did you mean `{near}`? (known: {})", known.join(", ")),
        None if known.is_empty() => format!("`{name}` is not known here, where nothing can be set yet"),
        None => format!("`{name}` is not known here (known: {})", known.join(", ")),
    }
}

fn line_text(text: &str, line: usize) -> &str {
    text.lines().nth(line.saturating_sub(1)).unwrap_or("")
}

/// The line that sets `key` in `[table]`, or the table's own.
fn line_of_key(text: &str, table: &str, key: &str) -> usize {
    let mut within = false;
    let mut found = 1;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            within = line.trim_matches(['[', ']']).replace(['"', ' '], "") == table;
            if within {
                found = index + 1;
            }
        } else if within && !key.is_empty() && line.split('=').next().is_some_and(|name| name.trim() == key) {
            return index + 1;
        }
    }
    found
}
