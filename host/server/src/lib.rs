//! The HTTP edge: one router, served on the unix socket.
//!
//! The only crate that names axum or a wire frame. Turns requests into calls of the core and the runtime and
//! their answers into JSON; decides nothing itself. What may be done over a connection comes with it as
//! [`Access`], so that another listener can serve the same router.

mod access;
mod error;
mod events;
mod gate;
mod health;
mod listen;
mod plugins;
mod query;
mod router;
mod stall;
mod state;
mod stream;

pub use access::Access;
pub use listen::{BindError, bind, serve, socket_path};
pub use router::router;
pub use state::{ApproverToken, State};
