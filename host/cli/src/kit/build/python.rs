//! Python: `componentize-py` from PyPI, which puts the source and CPython into a component.

use super::{SCRATCH, TARGET, tools};
use crate::exit::Failure;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The source file, which tells that the package is in this language.
pub const SOURCE: &str = "plugin.py";
/// The tool's version: what its templates were tried with.
const TOOL: &str = "componentize-py==0.25.1";
const NAME: &str = "componentize-py";
/// The package's own environment, and its programs.
const ENVIRONMENT: &str = ".venv";
const PROGRAMS: &str = ".venv/bin";
const NO_PYTHON: &str = "install Python 3.10 or newer, with venv and pip";

/// Builds the package; says where its component is.
///
/// # Errors
/// When the tool cannot be had, or refuses the source.
pub fn build(folder: &Path) -> Result<PathBuf, Failure> {
    let tool = match tools::find(folder, &[PROGRAMS], NAME) {
        Some(tool) => tool,
        None => install(folder)?,
    };
    let made = folder.join(TARGET).join(SCRATCH);
    let mut command = Command::new(tool);
    command.current_dir(folder).args(["-d", "wit", "-w", "plugin", "componentize", "plugin", "-o"]).arg(&made);
    tools::run(&mut command, "building", "see what it says above")?;
    Ok(made)
}

fn install(folder: &Path) -> Result<PathBuf, Failure> {
    let mut make = Command::new("python3");
    make.current_dir(folder).args(["-m", "venv", ENVIRONMENT]);
    tools::run(&mut make, "making an environment for the package's tools", NO_PYTHON)?;
    let mut pip = Command::new(folder.join(PROGRAMS).join("pip"));
    pip.current_dir(folder).args(["install", "--quiet", "--disable-pip-version-check", TOOL]);
    tools::run(&mut pip, "fetching componentize-py into it", NO_PYTHON)?;
    tools::find(folder, &[PROGRAMS], NAME)
        .ok_or_else(|| Failure::Failed(format!("pip installed no {NAME}; {NO_PYTHON}")))
}
