//! The operator's configuration of the trail.

use serde::Deserialize;
use tollgate_sdk::Config;

/// What the host checks the configuration against.
pub const SCHEMA: &str = r#"{
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "max_file_bytes": {"type": "integer", "minimum": 4096},
    "message_text": {"type": "boolean"},
    "sync_each": {"type": "boolean"}
  }
}"#;

/// Smallest accepted `max_file_bytes`: below, a file holds a line or two.
const MIN_FILE_BYTES: u64 = 4096;

/// Configuration with its defaults.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// A file that has reached this many bytes is followed by a new one. 16 MiB.
    pub max_file_bytes: u64,
    /// Whether the text of messages and prompts is written too. Off.
    pub message_text: bool,
    /// Whether each line is on disk before its event counts as handled. Off: it is then safe from a crash of
    /// the host, not from one of the machine.
    pub sync_each: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_file_bytes: 16 << 20, message_text: false, sync_each: false }
    }
}

impl Settings {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// What does not fit, in words for the operator.
    pub fn read(config: &Config) -> Result<Self, String> {
        let settings: Self = config.read()?;
        if settings.max_file_bytes < MIN_FILE_BYTES {
            return Err(format!("max_file_bytes is {}, it must be at least {MIN_FILE_BYTES}", settings.max_file_bytes));
        }
        Ok(settings)
    }
}
