//! Runner sessions: agents in a terminal of their own, and sessions that run elsewhere and tell of themselves.
//!
//! One machine of states judges both ([`Machine`]); [`Runner`] is the way in. Owns programs, terminals and what is
//! told of them. Knows the bus and the interactions of the core, and nothing of HTTP, sockets or plugins.

mod error;
mod limits;
mod machine;
mod options;
mod output;
mod program;
mod recovery;
mod runner;
mod session;
mod state;
mod told;
mod workspace;

#[cfg(test)]
mod tests;

pub use error::{EventRefusal, RunnerError};
pub use limits::*;
pub use machine::{Machine, Move, Refusal, Settled};
pub use options::{Identity, Provider, RunnerOptions, Wish};
pub use program::Size;
pub use runner::{Runner, SESSION_VARIABLE};
pub use session::{Approval, NewApproval, Status};
pub use state::State;
