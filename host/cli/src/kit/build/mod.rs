//! `tollgate plugin build`: the language's own tools, then a look at what came of it as a host would have.
//!
//! Knows which tools there are by what lies in the folder; what they are called with is each language's.

mod rust;

use super::check;
use super::ground::on_ground;
use crate::exit::{Exit, Failure};
use std::path::{Path, PathBuf};

/// Where a package's component goes, under its plugin's name.
const TARGET: &str = "target";

/// Builds the package in `folder`.
///
/// # Errors
/// When it is no package, its tools are missing or fail, or what they make is no component.
pub fn build(folder: &Path, as_json: bool) -> Result<Exit, Failure> {
    let folder = folder.canonicalize().map_err(|error| Failure::at(folder.display(), error))?;
    let made = if folder.join("Cargo.toml").is_file() {
        rust::build(&folder)?
    } else {
        return Err(Failure::Failed(format!(
            "{} holds no package of a plugin: there is no Cargo.toml; `tollgate plugin new NAME` begins one",
            folder.display()
        )));
    };
    let file = named(&folder, &made)?;
    check::check_built(&file, as_json)
}

/// Copies the component `made` to the file that its own name asks for: a host takes it under no other.
fn named(folder: &Path, made: &Path) -> Result<PathBuf, Failure> {
    let name = on_ground(async |ground| {
        let examined = ground.examine_unnamed(made).await;
        examined.map(|examined| examined.portrait.name).map_err(|rejection| Failure::at(made.display(), rejection))
    })?;
    let target = folder.join(TARGET);
    let file = target.join(format!("{name}.wasm"));
    // Renamed into place, so that who watches the file never finds half of it.
    let aside = target.join(format!(".{name}.wasm.new"));
    let copied = std::fs::create_dir_all(&target)
        .and_then(|()| std::fs::copy(made, &aside))
        .and_then(|_| std::fs::rename(&aside, &file));
    copied.map_err(|error| Failure::at(file.display(), error))?;
    Ok(file)
}
