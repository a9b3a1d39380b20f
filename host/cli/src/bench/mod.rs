//! `tollgate bench`: whole-system measures, on hosts of their own. What is measured inside a crate has its benchmark
//! there.

mod soak;

use crate::args::BenchCommand;
use crate::exit::{Exit, Failure};

/// Runs one measure.
///
/// # Errors
/// When it cannot be made to its end.
pub fn run(command: BenchCommand) -> Result<Exit, Failure> {
    match command {
        BenchCommand::Soak(args) => soak::run(&args),
    }
}
