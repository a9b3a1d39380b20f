//! The operator's configuration.

use serde::Deserialize;
use tollgate_sdk::Config;

/// What the host checks the configuration against.
pub const SCHEMA: &str = r#"{
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "commit": {"type": "boolean"},
    "higher_version": {"type": "boolean"},
    "prompt": {"type": "boolean"},
    "test": {"type": "string", "maxLength": 1000}
  }
}"#;

/// Longest `test`, in bytes.
const MAX_TEST_BYTES: usize = 1_000;

/// Configuration with its defaults.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether a merge without a conflict left is committed. Off.
    pub commit: bool,
    /// Whether, of two versions that both sides raised, the higher one counts. Off.
    pub higher_version: bool,
    /// Whether the session's agent is handed what is left. On.
    pub prompt: bool,
    /// Arguments of the `command.test` that follows a merge without a conflict left. None: no tests are asked for.
    pub test: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { commit: false, higher_version: false, prompt: true, test: None }
    }
}

impl Settings {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// What does not fit, in words for the operator.
    pub fn read(config: &Config) -> Result<Self, String> {
        let settings: Self = config.read()?;
        match settings.test.as_ref().map_or(0, String::len) {
            0..=MAX_TEST_BYTES => Ok(settings),
            length => Err(format!("test has {length} bytes, it may have {MAX_TEST_BYTES}")),
        }
    }
}
