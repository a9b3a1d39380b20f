//! Effects on the agent that the handled event's session belongs to; the engine carries them out. Staged like emits.

pub use crate::bindings::tollgate::plugin::session::EffectError;

#[cfg(target_family = "wasm")]
use crate::bindings::tollgate::plugin::session as host;
#[cfg(not(target_family = "wasm"))]
use crate::mock::session as host;

/// Hands the agent this prompt.
///
/// # Errors
/// Not granted, no session, or over this event's budget.
pub fn prompt(text: &str) -> Result<(), EffectError> {
    host::prompt(text)
}

/// Sets the agent's mode, by the engine's own name of it.
///
/// # Errors
/// As [`prompt`].
pub fn set_mode(mode: &str) -> Result<(), EffectError> {
    host::set_mode(mode)
}

/// Gives the session the grant of this key, by the engine's own name of it.
///
/// # Errors
/// As [`prompt`].
pub fn grant(key: &str) -> Result<(), EffectError> {
    host::grant(key)
}
