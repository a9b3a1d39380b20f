//! What host and guests both know about events: type names, patterns, and the payloads of the catalogue.
//!
//! Owns the grammar of event types and patterns and the typed payloads with their checks. Knows nothing
//! of journals, buses, WebAssembly or HTTP, so that a guest can depend on it.

mod event_type;
#[cfg(test)]
mod grammar_tests;
mod pattern;
pub mod payload;

pub use event_type::{EventType, EventTypeError, MAX_TYPE_BYTES};
pub use pattern::{Pattern, PatternError, PatternSet};

/// The examples of the README, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
