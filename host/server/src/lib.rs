//! The HTTP edge: one router, served on the unix socket and a TCP port.
//!
//! The only crate that names axum, socketioxide or a wire frame. Turns requests into calls of the core and the runtime and
//! their answers into JSON; decides nothing itself. What may be done over a connection comes with it as
//! [`Access`], so that another listener can serve the same router.

mod access;
mod allowance;
mod answers;
mod caller;
mod clients;
mod control;
mod deadletters;
mod documents;
mod error;
mod events;
mod feed;
mod frames;
mod gate;
mod health;
mod interactions;
mod jwt;
mod line;
mod listen;
mod messages;
mod metrics;
mod operation;
mod plugins;
mod query;
mod reach;
mod replay;
mod request;
mod router;
mod routes;
mod runner;
mod scope;
mod serve;
mod socket;
mod stall;
mod state;
mod stream;
mod tenure;
mod tokens;
mod tokens_api;
mod users;
mod ws;

pub use access::{Access, NetworkRules};
pub use jwt::{Jwt, JwtAlgorithm, JwtKeyError};
pub use listen::{BindError, bind, bind_tcp, socket_path};
pub use query::MAX_PLUGINS_MS;
pub use router::router;
pub use serve::serve;
pub use state::{Door, Parts, State, Token};
pub use tokens::{TokenError, Tokens};
