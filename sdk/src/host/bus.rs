//! Emitting events. Staged emits are committed when the handler returns ok, and dropped otherwise.

use crate::{Draft, EmitError};
use serde::Serialize;

#[cfg(target_family = "wasm")]
use crate::bindings::tollgate::plugin::bus as host;
#[cfg(not(target_family = "wasm"))]
use crate::mock::bus as host;

/// Stages an event of `event_type`; `payload` must serialise to an object of at most 256 KiB.
///
/// # Errors
/// Not granted, of a wrong shape, too deep, or over this event's budget.
pub fn emit(event_type: &str, payload: &impl Serialize) -> Result<(), EmitError> {
    emit_draft(&Draft::new(event_type, payload)?)
}

/// Stages `draft`.
///
/// # Errors
/// As [`emit`].
pub fn emit_draft(draft: &Draft) -> Result<(), EmitError> {
    host::emit(draft)
}

/// Commits an event at once, for the progress of long work, and returns its seq. A retry repeats nothing.
///
/// # Errors
/// As [`emit`].
pub fn emit_now(event_type: &str, payload: &impl Serialize) -> Result<u64, EmitError> {
    emit_draft_now(&Draft::new(event_type, payload)?)
}

/// Commits `draft` at once and returns its seq.
///
/// # Errors
/// As [`emit`].
pub fn emit_draft_now(draft: &Draft) -> Result<u64, EmitError> {
    host::emit_now(draft)
}
