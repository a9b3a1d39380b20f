//! The HTTP edge: one router, served on the unix socket and a TCP port.
//!
//! The only crate that names axum or a wire frame. Turns requests into calls of the core and the runtime and
//! their answers into JSON; decides nothing itself. What may be done over a connection comes with it as
//! [`Access`], so that another listener can serve the same router.

mod access;
mod deadletters;
mod error;
mod events;
mod gate;
mod health;
mod interactions;
mod listen;
mod messages;
mod metrics;
mod plugins;
mod query;
mod request;
mod router;
mod serve;
mod stall;
mod state;
mod stream;

pub use access::{Access, NetworkRules};
pub use listen::{BindError, bind, bind_tcp, socket_path};
pub use router::router;
pub use serve::serve;
pub use state::{Door, Parts, State, Token};
