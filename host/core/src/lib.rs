//! Tollgate's core: events, bus, journal, sessions and the gatekeeper.
//!
//! A Rust engine can use it alone: it knows neither WebAssembly nor HTTP. Plugins reach the gatekeeper
//! through [`gate::Guards`], which the runtime implements.

pub mod bus;
pub mod event;
pub mod gate;
pub mod home;
pub mod hooks;
pub mod id;
pub mod journal;
pub mod json;
pub mod nearest;
pub mod redact;
pub mod session;
mod text;
pub mod time;

pub use tollgate_events as events;
