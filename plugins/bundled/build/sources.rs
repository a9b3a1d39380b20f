//! The sources that a new plugin's package is given: the SDK, what it builds with of this workspace, and the versions
//! of everything else. As a list of constants, so that the binary carries them.
//!
//! Knows nothing of what is written where.

use crate::bindings;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Packages, by their folders here, and what of them a plugin builds with.
const PACKAGES: [(&str, &str, &[&str]); 2] = [
    ("tollgate-sdk", "sdk", &["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "src", "wit"]),
    ("tollgate-events", "events", &["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "src"]),
];

/// The constants, as Rust; what is made for them lies in `out`.
pub fn list(workspace: &Path, out: &Path) -> Result<String, String> {
    let mut rows = String::new();
    let mut row = |path: String, file: &Path| {
        writeln!(rows, "    ({path:?}, include_str!({file:?})),").map_err(|error| error.to_string())
    };
    for (package, folder, parts) in PACKAGES {
        for part in parts {
            for file in files(&workspace.join(folder).join(part))? {
                let inside = file.strip_prefix(workspace.join(folder)).map_err(|error| error.to_string())?;
                if inside != Path::new(bindings::REPLACED) {
                    row(format!("{package}/{}", inside.display()), &file)?;
                }
            }
        }
    }
    for (path, file) in bindings::write(&workspace.join("sdk"), out)? {
        row(format!("tollgate-sdk/{path}"), &file)?;
    }
    Ok(format!(
        "/// The SDK and what it builds with of this workspace: path and text.\n\
         pub const SDK_SOURCES: &[(&str, &str)] = &[\n{rows}];\n\
         /// The manifest that theirs take versions from.\n\
         pub const WORKSPACE_MANIFEST: &str = include_str!({:?});\n\
         /// The versions of everything else that they were built with.\n\
         pub const LOCK: &str = include_str!({:?});\n",
        workspace.join("Cargo.toml"),
        workspace.join("Cargo.lock"),
    ))
}

/// A file, or those of a folder and the folders in it, in order; a new one has this script run again.
fn files(path: &Path) -> Result<Vec<PathBuf>, String> {
    println!("cargo::rerun-if-changed={}", path.display());
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let entries = fs::read_dir(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths.iter().map(|path| files(path)).collect::<Result<Vec<_>, _>>()?.concat())
}
