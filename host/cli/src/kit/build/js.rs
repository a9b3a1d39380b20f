//! JavaScript: `componentize-qjs` from npm, which puts the source into QuickJS, and that into a component.

use super::{SCRATCH, TARGET, tools};
use crate::exit::Failure;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The source file, which tells that the package is in this language.
pub const SOURCE: &str = "plugin.js";
/// The tool's version: what a new package names, and what its templates were tried with.
pub const TOOL: &str = "0.4.5";
const NAME: &str = "componentize-qjs";
/// Where npm puts programs.
const PROGRAMS: &str = "node_modules/.bin";

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
    // Without `--sync` it is a component of a kind that hosts do not run yet.
    command.current_dir(folder).args(["--sync", "--opt-size", "--wit", "wit", "--world", "plugin", "--js", SOURCE]);
    command.arg("--output").arg(&made);
    tools::run(&mut command, "building", "see what it says above")?;
    Ok(made)
}

fn install(folder: &Path) -> Result<PathBuf, Failure> {
    let mut npm = Command::new("npm");
    npm.current_dir(folder).args(["install", "--no-audit", "--no-fund"]);
    tools::run(&mut npm, "fetching componentize-qjs into node_modules", "install Node.js, or look at package.json")?;
    tools::find(folder, &[PROGRAMS], NAME).ok_or_else(|| {
        Failure::Failed(format!("npm installed no {NAME}: say it under devDependencies of package.json, at {TOOL}"))
    })
}
