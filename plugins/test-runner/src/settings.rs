//! The operator's configuration.

use serde::Deserialize;
use tollgate_sdk::Config;

/// What the host checks the configuration against.
pub const SCHEMA: &str = r#"{
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "timeout_ms": {"type": "integer", "minimum": 1000, "maximum": 86400000},
    "suite_timeout_ms": {"type": "integer", "minimum": 1000, "maximum": 86400000},
    "browser_mode": {"type": "string", "maxLength": 256},
    "browser_grants": {"type": "array", "maxItems": 16, "items": {"type": "string", "minLength": 1, "maxLength": 256}}
  }
}"#;

/// What all suites of a request may take together: a minute less than the 15 of the bundled grant's
/// `timeout_ms`, so that there is time to say what came of them.
const TIMEOUT_MS: u32 = 840_000;
/// Bounds of the two times: below, no build ends; above, a day is over.
const TIMEOUTS: std::ops::RangeInclusive<u32> = 1_000..=86_400_000;
/// Most keys that are granted for tests in a browser, and the longest of them, in bytes.
const MAX_GRANTS: usize = 16;
const MAX_KEY_BYTES: usize = 256;

/// Configuration with its defaults.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What all suites of a request may take together, in milliseconds. 14 minutes. Keep it below the grant's
    /// `[limits] timeout_ms`, which ends the whole call.
    pub timeout_ms: u32,
    /// What one suite may take, in milliseconds. 14 minutes.
    pub suite_timeout_ms: u32,
    /// The engine's name of the mode in which an agent tests in a browser; empty leaves the mode alone.
    pub browser_mode: String,
    /// The engine's names of what an agent must be granted for it. Never taken from the workspace: who can write
    /// there could grant itself anything.
    pub browser_grants: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout_ms: TIMEOUT_MS,
            suite_timeout_ms: TIMEOUT_MS,
            browser_mode: "test".to_owned(),
            browser_grants: vec!["browser".to_owned()],
        }
    }
}

impl Settings {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// What does not fit, in words for the operator.
    pub fn read(config: &Config) -> Result<Self, String> {
        let settings: Self = config.read()?;
        for (name, ms) in [("timeout_ms", settings.timeout_ms), ("suite_timeout_ms", settings.suite_timeout_ms)] {
            if !TIMEOUTS.contains(&ms) {
                return Err(format!("{name} is {ms}, it must lie in {} to {}", TIMEOUTS.start(), TIMEOUTS.end()));
            }
        }
        if settings.browser_grants.len() > MAX_GRANTS {
            return Err(format!("browser_grants: {} keys, at most {MAX_GRANTS}", settings.browser_grants.len()));
        }
        let keys = settings.browser_grants.iter().chain([&settings.browser_mode]);
        if let Some(long) = keys.map(String::len).find(|length| *length > MAX_KEY_BYTES) {
            return Err(format!("browser_mode, browser_grants: a name of {long} bytes, at most {MAX_KEY_BYTES}"));
        }
        if settings.browser_grants.iter().any(String::is_empty) {
            return Err("browser_grants: an empty key".to_owned());
        }
        Ok(settings)
    }
}
