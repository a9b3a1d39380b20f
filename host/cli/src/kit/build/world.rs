//! The world of a package that has the interface itself: what `wit/` says that it exports.

use crate::exit::Failure;
use std::path::Path;
use wit_bindgen_core::wit_parser::{Resolve, WorldId, WorldKey};

/// Its name, in `wit/plugin.wit`.
pub const NAME: &str = "plugin";
/// Where a package has it.
pub const FOLDER: &str = "wit";

/// The world, and what it is made of.
pub struct World {
    /// All that `wit/` says.
    pub resolve: Resolve,
    /// The world in it.
    pub id: WorldId,
    /// Whether it decides calls.
    pub is_guard: bool,
}

/// Reads the world of the package in `folder`.
///
/// # Errors
/// When `wit/` is none, or has no world of that name.
pub fn read(folder: &Path) -> Result<World, Failure> {
    let wit = folder.join(FOLDER);
    let (resolve, id) = resolved(&wit).map_err(|error| Failure::at(wit.display(), format!("{error:#}")))?;
    let gate = |key: &WorldKey| resolve.name_world_key(key).starts_with("tollgate:plugin/gate@");
    let is_guard = resolve.worlds.get(id).is_some_and(|world| world.exports.keys().any(gate));
    Ok(World { resolve, id, is_guard })
}

fn resolved(wit: &Path) -> anyhow::Result<(Resolve, WorldId)> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let world = resolve.select_world(&[package], Some(NAME))?;
    Ok((resolve, world))
}
