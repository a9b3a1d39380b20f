//! The payloads of the catalogue, typed, and the check that a known event type's payload keeps its shape.
//!
//! One table ties type names to structs; one file a dialect holds the structs. `?` in the catalogue is an
//! `Option` here; keys that a struct does not name are kept in the payload's text and ignored here. Where an
//! emitter may say what it likes, a field is [`Json`]: checked to be JSON, never taken apart.

mod core;
mod engine;
mod frontend;
mod host;
mod kernel;
mod runner;
mod scalar;
#[cfg(test)]
mod tests;
mod ui;

pub use self::core::*;
pub use engine::*;
pub use frontend::*;
pub use host::*;
pub use kernel::*;
pub use runner::*;
pub use scalar::{Id, Percent};
pub use ui::*;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use std::fmt;

/// JSON that is kept as text.
pub type Json = Box<serde_json::value::RawValue>;
/// A number as it was written.
pub use serde_json::Number;

/// A payload without fields of its own: any object.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Empty {}

/// Where and how a payload breaks the shape of its event type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The event type whose shape is broken.
    pub event_type: String,
    /// Path of the offending value, such as `payload.progress`.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "payload of {}: at `{}`: {}", self.event_type, self.path, self.reason)
    }
}

impl std::error::Error for Violation {}

/// One list by dialect: constant, type name, struct.
macro_rules! catalogue {
    ($($(#[doc = $doc:literal])* $dialect:ident { $($constant:ident = $name:literal => $payload:ty;)* })*) => {
        $($(#[doc = concat!("`", $name, "`.")] pub const $constant: &str = $name;)*)*

        $($(#[doc = $doc])* pub const $dialect: &[&str] = &[$($name),*];)*

        /// Every type of the catalogue, in its order. `hook.<name>` is open and not listed.
        pub const KNOWN_TYPES: &[&str] = &[$($($name,)*)*];

        /// Checks `payload` (JSON text) against the shape of `event_type`; unknown types accept any object.
        ///
        /// # Errors
        /// When the payload is not a JSON object or breaks the shape.
        // Inline, so that it is compiled where it is called: no guest calls it, and all shapes take seconds.
        #[inline]
        pub fn check(event_type: &str, payload: &str) -> Result<(), Violation> {
            match event_type {
                $($($name => check_as::<$payload>(event_type, payload),)*)*
                _ => check_as::<IgnoredAny>(event_type, payload),
            }
        }

        /// The JSON Schema of the payload of `event_type`, with what it is made of among the generator's definitions;
        /// none where it is not of the catalogue.
        #[cfg(feature = "schemas")]
        pub fn subschema(event_type: &str, schemas: &mut schemars::SchemaGenerator) -> Option<schemars::Schema> {
            match event_type {
                $($($name => Some(schemas.subschema_for::<$payload>()),)*)*
                _ => None,
            }
        }

        /// The same on its own feet, in the dialect of 2020-12.
        #[cfg(feature = "schemas")]
        #[must_use]
        pub fn schema(event_type: &str) -> Option<schemars::Schema> {
            match event_type {
                $($($name => Some(schemars::schema_for!($payload)),)*)*
                _ => None,
            }
        }
    };
}

catalogue! {
    /// What the engine and the gate say.
    ENGINE_TYPES {
        TOOL_GATED = "tool.gated" => ToolGated;
        TOOL_ALLOWED = "tool.allowed" => ToolAllowed;
        TOOL_DENIED = "tool.denied" => ToolDenied;
        TOOL_DEFERRED = "tool.deferred" => ToolDeferred;
        TOOL_FINISHED = "tool.finished" => ToolFinished;
        MESSAGE_IN = "message.in" => Message;
        MESSAGE_OUT = "message.out" => Message;
        MESSAGE_QUEUED = "message.queued" => Message;
        ENGINE_STARTED = "engine.started" => Empty;
        ENGINE_STOPPED = "engine.stopped" => Empty;
        EXECUTION_INTERRUPTED = "execution.interrupted" => ExecutionInterrupted;
        INTERACTION_REQUESTED = "interaction.requested" => InteractionRequested;
        INTERACTION_RESOLVED = "interaction.resolved" => InteractionResolved;
        COMMAND_TEST = "command.test" => CommandTest;
        TEST_STARTED = "test.started" => TestStarted;
        TEST_COMPLETED = "test.completed" => TestCompleted;
        COMMAND_MERGE = "command.merge" => CommandMerge;
        MERGE_STARTED = "merge.started" => MergeStarted;
        MERGE_COMPLETED = "merge.completed" => MergeCompleted;
        SESSION_PROMPTED = "session.prompted" => SessionPrompted;
        SESSION_MODE_SET = "session.mode_set" => SessionModeSet;
        SESSION_GRANTED = "session.granted" => SessionGranted;
        SESSION_REVOKED = "session.revoked" => SessionGranted;
    }
    /// What tasks, providers and self-checks say.
    CORE_TYPES {
        TASK_STARTED = "task.started" => Empty;
        TASK_PROGRESS = "task.progress" => TaskProgress;
        TASK_COMPLETED = "task.completed" => Empty;
        TASK_FAILED = "task.failed" => TaskFailed;
        PROVIDER_STATUS_CHANGED = "provider.status_changed" => ProviderStatusChanged;
        SELFCHECK_STARTED = "selfcheck.started" => Empty;
        SELFCHECK_PROGRESS = "selfcheck.progress" => Empty;
        SELFCHECK_COMPLETED = "selfcheck.completed" => Empty;
        SELFCHECK_FAILED = "selfcheck.failed" => Empty;
    }
    /// What a kernel says of its processes.
    KERNEL_TYPES {
        PROCESS_CREATED = "process.created" => ProcessCreated;
        PROCESS_STATE_CHANGED = "process.state_changed" => ProcessStateChanged;
        INTERRUPT_RAISED = "interrupt.raised" => InterruptRaised;
        RESOURCE_EXHAUSTED = "resource.exhausted" => ResourceExhausted;
        PROCESS_CANCELLED = "process.cancelled" => ProcessCancelled;
    }
    /// What a frontend is told.
    FRONTEND_TYPES {
        ORCHESTRATOR_STARTED = "orchestrator.started" => OrchestratorStarted;
        ORCHESTRATOR_COMPLETED = "orchestrator.completed" => OrchestratorCompleted;
        ORCHESTRATOR_CLARIFICATION = "orchestrator.clarification" => OrchestratorClarification;
        ORCHESTRATOR_CONFIRMATION = "orchestrator.confirmation" => OrchestratorConfirmation;
        ORCHESTRATOR_RESOURCE_EXHAUSTED = "orchestrator.resource_exhausted" => OrchestratorResourceExhausted;
        ORCHESTRATOR_CANCELLED = "orchestrator.cancelled" => OrchestratorCancelled;
    }
    /// What a runner says of its sessions.
    RUNNER_TYPES {
        SESSION_STARTED = "session.started" => SessionStarted;
        SESSION_STATE_CHANGED = "session.state_changed" => SessionStateChanged;
        SESSION_ENDED = "session.ended" => SessionEnded;
        TERMINAL_CHUNK = "terminal.chunk" => TerminalChunk;
        FILE_TOUCHED = "file.touched" => FileTouched;
        DIFF_SUMMARY = "diff.summary" => DiffSummary;
        TEST_RUN_STARTED = "test_run.started" => TestRunStarted;
        TEST_RUN_FINISHED = "test_run.finished" => TestRunFinished;
        APPROVAL_REQUESTED = "approval.requested" => ApprovalRequested;
        APPROVAL_RESOLVED = "approval.resolved" => ApprovalResolved;
        ALERT_RAISED = "alert.raised" => AlertRaised;
        USAGE_TICK = "usage.tick" => UsageTick;
    }
    /// What a user interface is told.
    UI_TYPES {
        WORK_STREAM_EVENT = "work_stream.event" => WorkStreamEvent;
        AGENT_SPAWN = "agent.spawn" => AgentPresence;
        AGENT_DISCONNECT = "agent.disconnect" => AgentPresence;
    }
    /// What the host says of itself.
    HOST_TYPES {
        PLUGIN_LOADED = "plugin.loaded" => PluginChanged;
        PLUGIN_SWAPPED = "plugin.swapped" => PluginChanged;
        PLUGIN_UNLOADED = "plugin.unloaded" => PluginChanged;
        PLUGIN_REJECTED = "plugin.rejected" => PluginChanged;
        PLUGIN_FAULTED = "plugin.faulted" => PluginChanged;
        PLUGIN_QUARANTINED = "plugin.quarantined" => PluginChanged;
        PLUGIN_RECOVERED = "plugin.recovered" => PluginChanged;
        PLUGIN_NEEDS_GRANT = "plugin.needs_grant" => PluginChanged;
        STREAM_GAP = "stream.gap" => StreamGap;
        JOURNAL_RESET = "journal.reset" => Empty;
        JOURNAL_REDACTED = "journal.redacted" => Empty;
        JOURNAL_PRUNED = "journal.pruned" => Empty;
        PROTECTION_PAUSED = "protection.paused" => ProtectionPaused;
        PROTECTION_RESUMED = "protection.resumed" => ProtectionResumed;
    }
}

/// Checks that `payload` is an object that reads as `T`.
fn check_as<T: DeserializeOwned>(event_type: &str, payload: &str) -> Result<(), Violation> {
    // A derived struct reads from an array too, so the kind is looked at first.
    let object = payload.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{');
    match serde_json::from_str::<T>(payload) {
        Ok(_) if object => Ok(()),
        Ok(_) => Err(violation(event_type, "payload", "must be a JSON object")),
        Err(_) => Err(locate::<T>(event_type, payload, object)),
    }
}

/// Says where a payload that does not read as `T` breaks. Slower than the check, so only for refusals.
fn locate<T: DeserializeOwned>(event_type: &str, payload: &str, object: bool) -> Violation {
    if let Err(error) = serde_json::from_str::<IgnoredAny>(payload) {
        return violation(event_type, "payload", &format!("is not JSON: {error}"));
    }
    if !object {
        return violation(event_type, "payload", "must be a JSON object");
    }
    let mut json = serde_json::Deserializer::from_str(payload);
    match serde_path_to_error::deserialize::<_, T>(&mut json) {
        Ok(_) => violation(event_type, "payload", "does not fit its type"),
        Err(error) => {
            let path = match error.path().to_string().as_str() {
                "." => "payload".to_owned(),
                path => format!("payload.{path}"),
            };
            violation(event_type, &path, &error.inner().to_string())
        }
    }
}

fn violation(event_type: &str, path: &str, reason: &str) -> Violation {
    Violation { event_type: event_type.to_owned(), path: path.to_owned(), reason: reason.to_owned() }
}
