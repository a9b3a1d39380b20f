//! What the fuzz targets reach of what is private: everything here that reads what a stranger or an operator wrote.

use crate::component::{self, Rejection};
use crate::grant::{Grant, GrantError};

/// Judges the bytes of a file as a plugin is judged before it is compiled.
///
/// # Errors
/// Why it would be refused.
pub fn component(bytes: &[u8]) -> Result<(), Rejection> {
    component::inspect(bytes).map(drop)
}

/// Reads a grant file; its `[config]` as JSON.
///
/// # Errors
/// Why it would be refused.
pub fn grant(text: &str) -> Result<String, GrantError> {
    Grant::parse(text).map(|grant| grant.config().to_owned())
}
