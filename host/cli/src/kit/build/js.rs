//! JavaScript: `componentize-qjs` from npm, which puts the source into QuickJS, and that into a component.

use super::tools::{self, Registry, Tool};
use super::{SCRATCH, TARGET, world};
use crate::exit::Failure;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The source file, which tells that the package is in this language.
pub const SOURCE: &str = "plugin.js";
/// The tool; a new package names its version.
pub const TOOL: Tool =
    Tool { names: &["componentize-qjs"], package: "componentize-qjs", version: "0.4.5", registry: Registry::Npm };

/// What is built in place of the source, and takes it in: a function that is not there is told of now, and not by the
/// first event.
const ENTRY: (&str, &str) = (".plugin.entry.js", include_str!("js/entry.js"));

/// Builds the package; says where its component is.
///
/// # Errors
/// When the tool cannot be had, or refuses the source.
pub fn build(folder: &Path) -> Result<PathBuf, Failure> {
    let (made, entry) = (folder.join(TARGET).join(SCRATCH), folder.join(TARGET).join(ENTRY.0));
    let guard = if world::read(folder)?.is_guard { "true" } else { "false" };
    std::fs::write(&entry, ENTRY.1.replace("IS_GUARD", guard)).map_err(|error| Failure::at(entry.display(), error))?;
    let mut command = Command::new(tools::have(folder, &TOOL)?);
    // Without `--sync` it is a component of a kind that hosts do not run yet.
    command.current_dir(folder).args(["--sync", "--opt-size", "--wit", world::FOLDER, "--world", world::NAME, "--js"]);
    command.arg(Path::new(TARGET).join(ENTRY.0)).arg("--output").arg(Path::new(TARGET).join(SCRATCH));
    tools::run(&mut command, "building", &tools::see_above)?;
    Ok(made)
}
