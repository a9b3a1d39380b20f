//! A program in a terminal of its own: started, fed, signalled, counted, and ended with all that it started.
//!
//! `terminal` is the pseudo-terminal, `processes` what runs in its session, `launch` how it begins. Knows nothing
//! of states and events.

mod launch;
mod processes;
mod terminal;

pub(crate) use launch::{Order, launch};
pub(crate) use processes::{Exit, Identity, Processes, Usage, kill_left_over};
pub use terminal::Size;
pub(crate) use terminal::Terminal;

/// A program that runs. Dropped, it is killed with all that it started.
pub(crate) struct Program {
    pub(crate) terminal: Terminal,
    pub(crate) processes: Processes,
}

#[cfg(test)]
use launch::LaunchError;
#[cfg(test)]
mod tests;
