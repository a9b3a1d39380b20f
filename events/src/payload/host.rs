//! The host's own dialect: plugins, streams, and the protection of the host itself.

use super::Json;
use serde::{Deserialize, Serialize};

/// All of `plugin.*`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct PluginChanged {
    /// Name of the plugin.
    pub plugin: String,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// SHA-256 of its file, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What brought it about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Json>,
    /// The cause in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Where a candidate was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
}

/// A stream missed events.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct StreamGap {
    /// First seq missed.
    pub from: u64,
    /// Last seq missed.
    pub to: u64,
    /// How many were missed.
    pub count: u64,
}

/// A person lifted the host's protection of its own files for a while.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct ProtectionPaused {
    /// Who lifted it.
    pub by: String,
    /// For how long at most, in milliseconds.
    pub duration_ms: u64,
}

/// A person put the protection back before its time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct ProtectionResumed {
    /// Who put it back.
    pub by: String,
}
