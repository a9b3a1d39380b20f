//! What a Tollgate plugin in Rust depends on: traits to implement, macros that export them, and the host's
//! functions. Owns the guest's side of `wit/`; knows nothing of the host behind it.
//!
//! A plugin is a type that implements [`Plugin`] (and [`Guard`] to decide tool calls), in a package with
//! `crate-type = ["cdylib", "rlib"]`:
//!
//! ```
//! use tollgate_sdk::{Description, Event, Failure, Plugin, export_observer, log};
//!
//! #[derive(Default)]
//! struct Hello;
//!
//! impl Plugin for Hello {
//!     fn describe() -> Description {
//!         Description::new("hello", "0.1.0").subscribe(["message.in"])
//!     }
//!     fn handle(&mut self, event: &Event) -> Result<(), Failure> {
//!         log::info(&format!("heard {}", event.payload));
//!         Ok(())
//!     }
//! }
//! export_observer!(Hello);
//!
//! // Natively the host's functions go to a mock, so a plugin has ordinary unit tests.
//! use tollgate_sdk::mock;
//! let event = mock::event("message.in", r#"{"user_id":"u","chat_id":"c","text":"hi"}"#);
//! Hello.handle(&event).expect("handled");
//! assert!(mock::logs()[0].1.starts_with("heard"));
//! ```
//!
//! `cargo build --target wasm32-wasip2` makes the component; its file's stem must equal the described name.

#[doc(hidden)]
pub mod bindings;
mod describe;
mod event;
#[doc(hidden)]
pub mod export;
mod failure;
mod host;
#[cfg(not(target_family = "wasm"))]
pub mod mock;
mod plugin;

pub use bindings::exports::tollgate::plugin::handler::Failure;
pub use bindings::exports::tollgate::plugin::lifecycle::{Capability, Description, ProcessPattern};
pub use bindings::tollgate::plugin::bus::EmitError;
pub use bindings::tollgate::plugin::data::DataError;
pub use bindings::tollgate::plugin::log::Level;
pub use bindings::tollgate::plugin::store::StoreError;
pub use bindings::tollgate::plugin::types::{
    Draft, Entity, Event, Redirect, RedirectKind, ShellCommand, ToolCall, Verdict, Word,
};
pub use event::Payload;
pub use host::{bus, data, interactions, log, process, session, store, workspace};
pub use plugin::{Config, Guard, Plugin};
pub use tollgate_events as events;
pub use tollgate_events::payload;

/// The examples of the README, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
