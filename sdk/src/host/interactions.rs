//! Questions to a person. The answer arrives as `interaction.resolved`.

pub use crate::bindings::tollgate::plugin::interactions::{AskError, Question};

#[cfg(target_family = "wasm")]
use crate::bindings::tollgate::plugin::interactions as host;
#[cfg(not(target_family = "wasm"))]
use crate::mock::interactions as host;

/// Asks, and returns the interaction's id.
///
/// # Errors
/// Not granted, no session, an unknown kind or bad details, or over this event's budget.
pub fn ask(question: &Question) -> Result<String, AskError> {
    host::ask(question)
}
