//! Runner sessions: agents in a terminal of their own, and sessions that run elsewhere and tell of themselves.

mod limits;
mod machine;
mod output;
mod program;
mod state;
mod workspace;

pub use limits::*;
pub use machine::{Machine, Move, Refusal, Settled};
pub use program::Size;
pub use state::State;
