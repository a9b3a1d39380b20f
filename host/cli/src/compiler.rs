//! This binary as its own compiler: the word that makes it one, which only the host says.

use crate::exit::Failure;
use std::path::{Path, PathBuf};
use tollgate_runtime::Child;

/// The word that starts the compiler. Not among the commands: nobody types it, and at a terminal it refuses.
pub const WORD: &str = "compile-component";
/// On Linux, the very file that runs, also after an update put another in its place.
const OURSELVES: &str = "/proc/self/exe";

/// Compiles in processes of this binary.
///
/// # Errors
/// When the system does not say which file this binary is.
pub fn child() -> Result<Child, Failure> {
    let program = if Path::new(OURSELVES).exists() {
        PathBuf::from(OURSELVES)
    } else {
        std::env::current_exe().map_err(|error| Failure::at("which file this program is", error))?
    };
    Ok(Child::new(program, [WORD]))
}
