//! Runs plugins: loads, limits, calls, swaps and watches WebAssembly components.
//!
//! The only crate that names wasmtime. It knows the core's bus, journal and gate types; it knows neither HTTP
//! nor the command line. [`Runtime`] is the façade; it implements the gatekeeper's
//! [`Guards`](tollgate_core::gate::Guards).
//!
//! How a file becomes a plugin: `folder` sees it, `manager` carries the change out, `signature` lets its bytes pass,
//! `component` checks them, `compiler` makes code of them once, `version` describes and initialises it, `lane`
//! feeds it events and `gate` asks it about calls. A `guest` is one running instance; what it can call is under
//! `host`, behind permits that only `capability` makes. `trial` does the same for a plugin's author, with no daemon.

mod asker;
mod bindings;
mod capability;
mod compiler;
mod component;
mod context;
mod convert;
mod description;
mod detail;
mod engine;
mod fault;
#[doc(hidden)]
pub mod floor;
mod folder;
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod grant;
mod guest;
mod host;
mod lane;
mod last_good;
mod ledger;
mod limits;
mod logs;
mod manager;
mod plugin;
mod reload;
mod retry;
mod runtime;
mod schema;
mod services;
mod signature;
mod stats;
mod trial;
mod usage;
mod version;

#[cfg(test)]
mod tests;

pub use asker::{AskRefusal, Asker, PluginQuestion};
pub use compiler::{
    Artifact, Child, CompileError, CompileLimit, CompileLimits, Compiler, InProcess, compile_for_parent,
};
pub use component::{MAX_COMPONENT_BYTES, Rejection, Stage, World};
pub use description::{NAME_RULE, is_plugin_name};
pub use detail::{DeliveryDetail, PluginDetail};
pub use engine::Engine;
pub use fault::{Fault, FaultCause};
pub use grant::{GrantDifference, GrantError};
pub use limits::Limits;
pub use logs::{LogLevel, LogLine, MAX_LOG_LINE_BYTES, MAX_LOG_LINES};
pub use plugin::{LastFault, PluginState, PluginStatus, WaitingVersion};
pub use reload::ReloadRefusal;
pub use retry::{RetryOutcome, RetryRefusal};
pub use runtime::{Runtime, RuntimeOptions};
pub use signature::{MAX_SIGNATURE_BYTES, MAX_SIGNATURE_KEYS, SignatureKey, SignatureRules, SignatureRulesError};
pub use trial::{Account, Examined, Portrait, Trial, TrialGround, TrialOutcome, TrialRefusal};

/// Why the runtime did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RuntimeError {
    /// The engine could not be set up.
    #[error("the WebAssembly engine: {0}")]
    Engine(String),
    /// A folder or file of the home cannot be read or written.
    #[error("{path}: {reason}")]
    Folder {
        /// Which.
        path: std::path::PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// There is no plugin of this name.
    #[error("no plugin `{0}`")]
    Unknown(String),
    /// The plugin has never described itself, so what it asks for is not known.
    #[error(
        "`{0}` has not said yet what it asks for: it is being compiled, or was refused; `tollgate plugin list` shows which"
    )]
    NotDescribed(String),
    /// What would be granted is not what was looked at: the plugin's file or its grant file was replaced meanwhile.
    #[error("what `{0}` would be granted has changed since it was shown; look at it again")]
    GrantChanged(String),
    /// The plugin was not loaded anew.
    #[error(transparent)]
    Reload(#[from] ReloadRefusal),
    /// The grant file is wrong.
    #[error(transparent)]
    Grant(#[from] GrantError),
}
