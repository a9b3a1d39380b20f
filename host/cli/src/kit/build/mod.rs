//! `tollgate plugin build`: the language's own tools, then a look at what came of it as a host would have.
//!
//! Knows which tools there are by what lies in the folder; what they are called with is each language's.

mod c;
pub(super) mod js;
mod python;
mod rust;
mod tools;
mod world;

use super::check;
use crate::exit::{Exit, Failure};
use std::path::{Path, PathBuf};

/// Where a package's component goes, under its plugin's name.
const TARGET: &str = "target";
/// The component as a tool leaves it there, before its name is known.
const SCRATCH: &str = ".plugin.wasm";
/// What a package is tried with: a plugin may not start without the configuration that it has.
const GRANT: &str = "grant.toml";

/// Builds the package in `folder`.
///
/// # Errors
/// When it is no package, its tools are missing or fail, or what they make is no component.
pub fn build(folder: &Path, as_json: bool) -> Result<Exit, Failure> {
    let folder = folder.canonicalize().map_err(|error| Failure::at(folder.display(), error))?;
    let holds = |file: &str| folder.join(file).is_file();
    let tool: fn(&Path) -> Result<PathBuf, Failure> = if holds("Cargo.toml") {
        rust::build
    } else if holds(js::SOURCE) {
        js::build
    } else if holds(python::SOURCE) {
        python::build
    } else if holds(c::SOURCE) {
        c::build
    } else {
        return Err(Failure::Failed(format!(
            "{} holds no package of a plugin: no Cargo.toml, plugin.js, plugin.py or plugin.c; `tollgate plugin new NAME` begins one",
            folder.display()
        )));
    };
    let target = folder.join(TARGET);
    std::fs::create_dir_all(&target).map_err(|error| Failure::at(target.display(), error))?;
    let made = tool(&folder)?;
    let grant = folder.join(GRANT);
    let grant = grant.is_file().then_some(grant.as_path());
    check::check_built(&made, |name| placed(&target, &made, name), grant, as_json)
}

/// Copies the component `made` to the file that its own name asks for: a host takes it under no other.
fn placed(target: &Path, made: &Path, name: &str) -> Result<PathBuf, Failure> {
    let file = target.join(format!("{name}.wasm"));
    // Renamed into place, so that who watches the file never finds half of it.
    let aside = target.join(format!(".{name}.wasm.new"));
    let copied = std::fs::copy(made, &aside).and_then(|_| std::fs::rename(&aside, &file));
    copied.map_err(|error| Failure::at(file.display(), error))?;
    Ok(file)
}
