//! `tollgate gate`: a real call, decided and recorded by the daemon.

use super::{call, parse};
use crate::args::CallArgs;
use crate::client::{Client, ClientError};
use crate::exit::{Exit, Failure};
use std::io::Write as _;
use tollgate_core::home::Home;

/// Asks and shows the verdict; the exit code is the verdict's.
///
/// # Errors
/// When the call is refused or no daemon answers: no verdict, so the caller must not run the tool.
pub fn run(home: &Home, args: CallArgs) -> Result<Exit, Failure> {
    let text = call::text(&args)?;
    match Client::of(home).post("/api/gate", text.as_bytes()) {
        Ok(answer) => call::show(&parse(&answer)?, args.json),
        // A daemon that broke off within the call: its host is unavailable, which is a denial.
        Err(error @ ClientError::Broken { .. }) => {
            let _ = writeln!(std::io::stderr(), "tollgate: unavailable: {error}");
            Ok(Exit::Denied)
        }
        Err(error) => Err(error.into()),
    }
}
