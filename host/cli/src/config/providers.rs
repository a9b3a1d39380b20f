//! `[providers.<name>]`: a program that runner sessions may be started with. What can be run is the runner's to judge.

use serde::{Deserialize, Serialize};
use tollgate_runner::Provider;

/// `[providers.<name>]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// An absolute path, or a name that is found in PATH.
    pub program: String,
    /// Its arguments, as they are: no shell reads them.
    #[serde(default)]
    pub args: Vec<String>,
    /// Names of variables that it has of the daemon's environment, besides PATH and HOME. Names alone: a value is not
    /// kept here, where it would be shown.
    #[serde(default)]
    pub env: Vec<String>,
    /// Told as `providerVersion`.
    pub version: Option<String>,
}

impl From<&ProviderConfig> for Provider {
    fn from(config: &ProviderConfig) -> Self {
        let ProviderConfig { program, args, env, version } = config.clone();
        Self { program, args, env, version }
    }
}
