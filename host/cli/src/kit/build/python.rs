//! Python: `componentize-py` from PyPI, which puts the source and CPython into a component.

use super::tools::{self, Registry, Tool};
use super::{SCRATCH, TARGET, world};
use crate::exit::Failure;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The source file, which tells that the package is in this language.
pub const SOURCE: &str = "plugin.py";
const MODULE: &str = "plugin";
const TOOL: Tool =
    Tool { names: &["componentize-py"], package: "componentize-py", version: "0.25.1", registry: Registry::Pypi };

/// Builds the package; says where its component is.
///
/// # Errors
/// When the tool cannot be had, or refuses the source.
pub fn build(folder: &Path) -> Result<PathBuf, Failure> {
    let made = folder.join(TARGET).join(SCRATCH);
    let mut command = Command::new(tools::have(folder, &TOOL)?);
    command.current_dir(folder).args(["-d", world::FOLDER, "-w", world::NAME, "componentize", MODULE, "-o"]);
    command.arg(Path::new(TARGET).join(SCRATCH));
    // Else it takes modules of the machine's Python, which another machine may not have.
    let environment = folder.join(tools::ENVIRONMENT);
    if environment.is_dir() {
        command.env("VIRTUAL_ENV", environment);
    }
    tools::run(&mut command, "building", &tools::see_above)?;
    Ok(made)
}
