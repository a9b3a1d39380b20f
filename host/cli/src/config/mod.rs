//! `tollgate.toml`: what can be set, its defaults and its bounds.
//!
//! Reading it is [`load`]'s, the environment's overrides are [`overrides`]'s; here is only what the values mean.

mod jwt;
mod load;
mod overrides;
mod providers;

pub use jwt::JwtConfig;
pub use load::ConfigError;
pub use providers::ProviderConfig;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tollgate_core::events::PatternSet;
use tollgate_core::hooks::AgentHook;
use tollgate_core::journal::{Durability, Retention};
use tollgate_runner::RunnerOptions;
use tollgate_runtime::{SignatureKey, SignatureRules, SignatureRulesError};

/// The least and most that a hook may wait, in milliseconds: below, no answer ever arrives; above, no agent waits.
const HOOK_TIMEOUT_MS: std::ops::RangeInclusive<u64> = 1_000..=3_600_000;
/// How often the plugin folder and the policy files may be looked at, in milliseconds.
const RESCAN_MS: std::ops::RangeInclusive<u64> = 100..=3_600_000;

/// What the journal may be told to keep. Below, what plugins and people look back at would go while they do: an hour,
/// a thousand events, the room of a few large batches. Above is what the file format can say.
const RETAIN_AGE_MS: std::ops::RangeInclusive<u64> = 3_600_000..=i64::MAX.unsigned_abs();
const RETAIN_EVENTS: std::ops::RangeInclusive<u64> = 1_000..=i64::MAX.unsigned_abs();
const RETAIN_BYTES: std::ops::RangeInclusive<u64> = 16 * 1024 * 1024..=i64::MAX.unsigned_abs();

/// The whole configuration; what a file leaves out has its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The server beside its socket, which the home places.
    pub server: ServerConfig,
    /// The journal.
    pub journal: JournalConfig,
    /// The bus.
    pub bus: BusConfig,
    /// The gatekeeper.
    pub gate: GateConfig,
    /// The hooks, by agent.
    pub hooks: BTreeMap<String, HookConfig>,
    /// The plugins.
    pub plugins: PluginsConfig,
    /// Where sessions may work.
    pub workspace: WorkspaceConfig,
    /// Live streams.
    pub streams: StreamsConfig,
    /// Programs that runner sessions may be started with, by name; nothing else is.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// More than one machine; nothing to set yet.
    pub cluster: ClusterConfig,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// The TCP address, or `off`. Port 0 takes a free one; `run/address` names it.
    pub listen: String,
    /// Host names that requests may address this host by, besides the loopback's.
    pub hosts: Vec<String>,
    /// Origins whose pages may ask, besides the host's own.
    pub origins: Vec<String>,
}

/// `[streams]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamsConfig {
    /// Patterns of the types that whoever reaches the port may follow live without a token; empty: none.
    pub anonymous_read: Vec<String>,
    /// Whose JSON Web Tokens count; none: nobody's.
    pub jwt: Option<JwtConfig>,
}

impl StreamsConfig {
    /// The types that may be followed without a token; none where nothing may.
    pub fn anonymous_read(&self) -> Option<PatternSet> {
        PatternSet::parse(&self.anonymous_read).ok().filter(|set| !set.is_empty())
    }
}

/// `[cluster]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterConfig {}

/// `[journal]`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// What a receipt promises.
    pub durability: DurabilityName,
    /// Events older than this go, in milliseconds; where missing, none for its age.
    pub retain_age_ms: Option<u64>,
    /// At most this many events are kept.
    pub retain_events: Option<u64>,
    /// At most this many bytes of the database are in use.
    pub retain_bytes: Option<u64>,
}

impl JournalConfig {
    /// What the journal keeps.
    pub fn retention(&self) -> Retention {
        Retention {
            age: self.retain_age_ms.map(Duration::from_millis),
            events: self.retain_events,
            bytes: self.retain_bytes,
        }
    }

    /// The same for people.
    pub fn retention_words(&self) -> String {
        let words = [
            self.retain_age_ms.map(|ms| format!("no event older than {} hours", ms / 3_600_000)),
            self.retain_events.map(|events| format!("at most {events} events")),
            self.retain_bytes.map(|bytes| format!("at most {bytes} bytes in use")),
        ];
        let words: Vec<_> = words.into_iter().flatten().collect();
        if words.is_empty() { "everything is kept".to_owned() } else { words.join(", ") }
    }

    fn violation(&self) -> Option<(&'static str, String)> {
        let within = [
            ("retain_age_ms", self.retain_age_ms, RETAIN_AGE_MS),
            ("retain_events", self.retain_events, RETAIN_EVENTS),
            ("retain_bytes", self.retain_bytes, RETAIN_BYTES),
        ];
        let outside = |(key, value, range): (&'static str, Option<u64>, std::ops::RangeInclusive<u64>)| {
            value.filter(|value| !range.contains(value)).map(|value| (key, bounds(value, &range)))
        };
        within.into_iter().find_map(outside)
    }
}

/// The names of [`Durability`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DurabilityName {
    /// On disk before the receipt.
    #[default]
    Full,
    /// Survives the process, not the machine.
    Normal,
    /// Survives nothing.
    Memory,
}

/// `[bus]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BusConfig {
    /// Patterns of the types that are let in.
    pub filter: Vec<String>,
}

/// `[gate]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GateConfig {
    /// Presets, in order, after the home's policy files.
    pub presets: Vec<String>,
    /// Folders that every session may touch besides its roots.
    pub allowed_extras: Vec<PathBuf>,
    /// Whether someone answers approvals. Without, an ask whose caller cannot ask its own user is a denial at once.
    pub approvers: bool,
    /// Look at the policy files and the presets again while running; else only SIGHUP does.
    pub watch: bool,
    /// How often, in milliseconds.
    pub rescan_ms: u64,
}

/// `[hooks.<agent>]`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HookConfig {
    /// The hook's own deadline, shorter than the timeout in the agent's settings; where missing, the agent's own.
    pub timeout_ms: Option<u64>,
    /// What a call gets when the daemon is away.
    pub on_unavailable: OnUnavailable,
}

/// What counts for an agent's hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HookSettings {
    /// The hook's own deadline, in milliseconds.
    pub timeout_ms: u64,
    /// What a call gets when the daemon is away.
    pub on_unavailable: OnUnavailable,
}

/// What a call gets when the daemon is away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnavailable {
    /// A denial.
    #[default]
    Deny,
    /// The agent's own default.
    Abstain,
}

/// `[plugins]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PluginsConfig {
    /// Take the file system's hints; without, only the rescan finds changes.
    pub watch: bool,
    /// How often the folder is looked at anyway.
    pub rescan_ms: u64,
    /// minisign public keys: a plugin's signature must be by one of them.
    pub keys: Vec<String>,
    /// A plugin without a signature is refused.
    pub require_signature: bool,
}

/// `[workspace]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkspaceConfig {
    /// Folders under which sessions may have their roots; `~` is the user's home.
    pub allow: Vec<PathBuf>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self { listen: "127.0.0.1:7411".to_owned(), hosts: Vec::new(), origins: Vec::new() }
    }
}

impl ServerConfig {
    /// The address to listen on; none where it is `off`.
    ///
    /// # Errors
    /// When it is neither an address nor `off`; which the configuration is checked for when it is read.
    pub fn address(&self) -> Result<Option<SocketAddr>, String> {
        if self.listen == "off" {
            return Ok(None);
        }
        let bad = |_| format!("`{}` is neither an address such as 127.0.0.1:7411 nor `off`", self.listen);
        self.listen.parse().map(Some).map_err(bad)
    }

    fn violation(&self) -> Option<(&'static str, String)> {
        if let Err(reason) = self.address() {
            return Some(("listen", reason));
        }
        let bad_host =
            |host: &&String| host.is_empty() || host.contains(['/', ':', ' ']) || **host != host.to_lowercase();
        if let Some(host) = self.hosts.iter().find(bad_host) {
            return Some(("hosts", format!("`{host}` is no host name in lower case, without scheme and port")));
        }
        let bad_origin = |origin: &&String| {
            let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            rest.is_none_or(|rest| rest.is_empty() || rest.contains('/'))
        };
        let origin = self.origins.iter().find(bad_origin)?;
        Some(("origins", format!("`{origin}` is no origin such as https://board.example.org")))
    }
}

impl Default for BusConfig {
    fn default() -> Self {
        Self { filter: vec!["*".to_owned()] }
    }
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            presets: vec!["guardrails".to_owned()],
            allowed_extras: vec![PathBuf::from("/tmp")],
            approvers: true,
            watch: true,
            rescan_ms: 2_000,
        }
    }
}

/// The deadline of an agent's hook where none is set, in milliseconds. Where the agent can ask its own user it is
/// short; else it leaves a person time to answer. Below what `hooks install` gives the agent for it.
fn hook_timeout_ms(agent: AgentHook) -> u64 {
    match agent {
        AgentHook::ClaudeCode | AgentHook::Generic => 9_000,
        AgentHook::Codex | AgentHook::Gemini => 590_000,
        AgentHook::Cursor => 28_000,
    }
}

impl Default for PluginsConfig {
    fn default() -> Self {
        Self { watch: true, rescan_ms: 2_000, keys: Vec::new(), require_signature: false }
    }
}

impl PluginsConfig {
    /// What is held against a plugin's signature.
    ///
    /// # Errors
    /// The key that is wrong, and what is wrong with it; which the configuration is checked for when it is read.
    pub fn signatures(&self) -> Result<SignatureRules, (&'static str, String)> {
        let keys = self.keys.iter().map(|key| SignatureKey::parse(key)).collect::<Result<Vec<_>, _>>();
        let rules = keys.and_then(|keys| SignatureRules::new(keys, self.require_signature));
        rules.map_err(|error| {
            let missing = matches!(error, SignatureRulesError::RequiredWithoutKeys);
            (if missing { "require_signature" } else { "keys" }, error.to_string())
        })
    }
}

impl Default for WorkspaceConfig {
    fn default() -> Self {
        Self { allow: vec![PathBuf::from("~")] }
    }
}

impl Config {
    /// The settings of an agent's hook.
    pub fn hook(&self, agent: AgentHook) -> HookSettings {
        let HookConfig { timeout_ms, on_unavailable } = self.hooks.get(agent.as_str()).copied().unwrap_or_default();
        HookSettings { timeout_ms: timeout_ms.unwrap_or_else(|| hook_timeout_ms(agent)), on_unavailable }
    }

    /// What the runner may run.
    pub fn runner(&self) -> RunnerOptions {
        let providers = self.providers.iter().map(|(name, provider)| (name.clone(), provider.into()));
        RunnerOptions { providers: providers.collect() }
    }

    /// What a receipt promises.
    pub fn durability(&self) -> Durability {
        match self.journal.durability {
            DurabilityName::Full => Durability::Full,
            DurabilityName::Normal => Durability::Normal,
            DurabilityName::Memory => Durability::Memory,
        }
    }

    /// The bus's filter; none where everything is let in.
    pub fn filter(&self) -> Option<PatternSet> {
        PatternSet::parse(&self.bus.filter).ok().filter(|set| *set != PatternSet::all())
    }

    /// The first value that is of the right type and makes no sense: its table, its key, what is wrong.
    fn violation(&self) -> Option<(String, &'static str, String)> {
        if let Some((key, reason)) = self.server.violation() {
            return Some(("server".to_owned(), key, reason));
        }
        if let Some((key, reason)) = self.journal.violation() {
            return Some(("journal".to_owned(), key, reason));
        }
        if let Err(error) = PatternSet::parse(&self.bus.filter) {
            return Some(("bus".to_owned(), "filter", error.to_string()));
        }
        if self.bus.filter.is_empty() {
            return Some(("bus".to_owned(), "filter", "lets nothing in; leave it out to let everything in".to_owned()));
        }
        if let Err(error) = PatternSet::parse(&self.streams.anonymous_read) {
            return Some(("streams".to_owned(), "anonymous_read", error.to_string()));
        }
        if let Some((key, reason)) = self.streams.jwt.as_ref().and_then(JwtConfig::violation) {
            return Some(("streams.jwt".to_owned(), key, reason));
        }
        let relative = |path: &&PathBuf| !path.is_absolute() && !path.starts_with("~");
        for (table, key, paths) in
            [("workspace", "allow", &self.workspace.allow), ("gate", "allowed_extras", &self.gate.allowed_extras)]
        {
            if let Some(path) = paths.iter().find(relative) {
                return Some((
                    table.to_owned(),
                    key,
                    format!("`{}` is neither absolute nor under `~`", path.display()),
                ));
            }
        }
        for (table, rescan_ms) in [("plugins", self.plugins.rescan_ms), ("gate", self.gate.rescan_ms)] {
            if !RESCAN_MS.contains(&rescan_ms) {
                return Some((table.to_owned(), "rescan_ms", bounds(rescan_ms, &RESCAN_MS)));
            }
        }
        if let Err((key, reason)) = self.plugins.signatures() {
            return Some(("plugins".to_owned(), key, reason));
        }
        for (agent, hook) in &self.hooks {
            let table = format!("hooks.{agent}");
            if let Err(error) = AgentHook::parse(agent) {
                return Some((table, "", error.to_string()));
            }
            if let Some(timeout_ms) = hook.timeout_ms.filter(|timeout_ms| !HOOK_TIMEOUT_MS.contains(timeout_ms)) {
                return Some((table, "timeout_ms", bounds(timeout_ms, &HOOK_TIMEOUT_MS)));
            }
        }
        None
    }
}

fn bounds(value: u64, range: &std::ops::RangeInclusive<u64>) -> String {
    format!("{value} is not within {} to {}", range.start(), range.end())
}

/// `path` with a leading `~` replaced by the user's home.
pub fn expand(path: &Path, user_home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), user_home) {
        (Ok(rest), Some(home)) if rest.as_os_str().is_empty() => home.to_owned(),
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests;
