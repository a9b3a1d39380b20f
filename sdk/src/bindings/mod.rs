//! The guest's bindings, made from the WIT: `observer.rs` and `guard.rs` are the generator's own text, kept here so that
//! neither the SDK nor a plugin has to build the generator. `tests/bindings.rs` holds them to the WIT, and renews them:
//!
//! ```sh
//! RENEW_BINDINGS=1 cargo test -p tollgate-sdk --test bindings
//! ```
//!
//! A guard is an observer that exports `gate` besides, so the gate has a world of its own here and a guard
//! exports both: the types of the two are then the same Rust types.
#![allow(
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    unsafe_code,
    reason = "generated: documented in wit/"
)]

#[rustfmt::skip]
mod observer;
pub use observer::*;

/// The export that makes an observer a guard.
#[rustfmt::skip]
pub mod guard;
