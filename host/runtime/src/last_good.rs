//! The bytes of each plugin that worked last, kept in the home with the signature that let them pass: a restart with a
//! broken file serves them. They are verified like any others then, since keys may have changed.

use crate::folder::{self, component_path, signature_path};
use crate::signature::Verified;
use std::io::{ErrorKind, Result};
use std::path::{Path, PathBuf};
use tollgate_core::home::Home;

/// Where they are, named as in the plugin folder.
pub(crate) fn folder(home: &Home) -> PathBuf {
    home.cache().join("last-good")
}

/// Keeps `component` as the last of plugin `name` that worked.
///
/// # Errors
/// When it cannot be written; what was kept before may be gone by then, but nothing half is there.
pub(crate) fn keep(home: &Home, name: &str, component: &Verified) -> Result<()> {
    let folder = folder(home);
    std::fs::create_dir_all(&folder)?;
    let (bytes, signature) = (component_path(&folder, name), signature_path(&folder, name));
    let same = std::fs::read(&bytes).is_ok_and(|old| *old == **component.bytes());
    if !same {
        // In this order: a crash in between leaves bytes without a signature, never with another's.
        absent(&signature)?;
        folder::write_whole(&bytes, component.bytes())?;
    }
    match component.signature() {
        None => absent(&signature),
        Some(text) if same && std::fs::read(&signature).is_ok_and(|old| old == text.as_bytes()) => Ok(()),
        Some(text) => folder::write_whole(&signature, text.as_bytes()),
    }
}

/// Forgets plugin `name`, whose file is gone.
///
/// # Errors
/// When something is left.
pub(crate) fn forget(home: &Home, name: &str) -> Result<()> {
    let folder = folder(home);
    absent(&component_path(&folder, name)).and(absent(&signature_path(&folder, name)))
}

fn absent(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
