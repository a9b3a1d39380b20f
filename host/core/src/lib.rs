//! Tollgate's core: events, bus, journal, sessions, interactions, the gatekeeper, and an engine's way to them.
//!
//! A Rust engine can use it alone (`examples/engine.rs`): it knows neither WebAssembly nor HTTP. Plugins reach the gatekeeper
//! through [`gate::Guards`], which the runtime implements.

pub mod bus;
pub mod engine;
pub mod event;
pub mod gate;
pub mod hex;
pub mod home;
pub mod hooks;
pub mod id;
pub mod interactions;
pub mod journal;
pub mod json;
pub mod nearest;
pub mod program;
pub mod redact;
pub mod session;
mod text;
pub mod time;

pub use tollgate_events as events;
