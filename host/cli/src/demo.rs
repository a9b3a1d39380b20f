//! Placeholder of the demonstration's module; the demonstration is written elsewhere and replaces it.

use crate::args::DemoArgs;
use crate::exit::{Exit, Failure};

/// Runs the demonstration.
///
/// # Errors
/// Always, until it is there.
pub fn run(_args: DemoArgs) -> Result<Exit, Failure> {
    Err(Failure::Failed("this build has no demonstration".to_owned()))
}
