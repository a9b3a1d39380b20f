//! The SDK's bindings as the generator's own text, for the packages of new plugins: with the generator's macros, the
//! first build of each would build the generator too. The same worlds and options as `sdk/src/bindings.rs`, in whose
//! place these are; a package that is built with them shows it (`tests/authoring.rs`).

use std::fs;
use std::path::{Path, PathBuf};
use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator as _};
use wit_bindgen_rust::{Opts, WithOption};

/// The file of the SDK that they replace.
pub const REPLACED: &str = "src/bindings.rs";

/// The world of what a guard exports beside an observer's.
const GATE_ONLY: &str = "package tollgate:sdk;\nworld gate-only { export tollgate:plugin/gate@0.1.0; }\n";

const MODULE: &str = r#"//! The guest's bindings, generated from the WIT beside them.
//!
//! A guard is an observer that exports `gate` besides, so the gate has a world of its own here and a guard
//! exports both: the types of the two are then the same Rust types.
#![allow(warnings, clippy::all, clippy::pedantic, reason = "generated")]

mod observer;
pub use observer::*;

/// The export that makes an observer a guard.
pub mod guard;
"#;

/// Writes them into `out`; the path in the SDK and the file of each.
pub fn write(sdk: &Path, out: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let folder = out.join("bindings");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let shared = [
        ("tollgate:plugin/types@0.1.0", WithOption::Path("crate::bindings::tollgate::plugin::types".to_owned())),
        ("tollgate:plugin/gate@0.1.0", WithOption::Generate),
    ];
    let observer =
        generated(sdk, "", "tollgate:plugin/observer", "export_observer_world", "tollgate_sdk::bindings", &[])?;
    let guard = generated(
        sdk,
        GATE_ONLY,
        "tollgate:sdk/gate-only",
        "export_gate_world",
        "tollgate_sdk::bindings::guard",
        &shared,
    )?;
    let mut written = Vec::new();
    for (name, text) in [("guard.rs", guard), ("mod.rs", MODULE.to_owned()), ("observer.rs", observer)] {
        let file = folder.join(name);
        fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        written.push((format!("src/bindings/{name}"), file));
    }
    Ok(written)
}

/// What the generator makes of `world`, which may be of `inline`; its macro is called `export` and looks in `module`.
fn generated(
    sdk: &Path,
    inline: &str,
    world: &str,
    export: &str,
    module: &str,
    with: &[(&str, WithOption)],
) -> Result<String, String> {
    let failed = |error: &dyn std::fmt::Display| format!("bindings of {world}: {error:#}");
    let mut resolve = Resolve::default();
    let (mut package, _) = resolve.push_path(sdk.join("wit")).map_err(|error| failed(&error))?;
    if !inline.is_empty() {
        package = resolve.push_str("inline", inline).map_err(|error| failed(&error))?;
    }
    let world_id = resolve.select_world(&[package], Some(world)).map_err(|error| failed(&error))?;
    let options = Opts {
        additional_derive_attributes: ["Clone", "PartialEq", "Eq"].map(str::to_owned).to_vec(),
        pub_export_macro: true,
        export_macro_name: Some(export.to_owned()),
        default_bindings_module: Some(module.to_owned()),
        with: with.iter().map(|(name, to)| ((*name).to_owned(), to.clone())).collect(),
        ..Opts::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world_id, &mut files).map_err(|error| failed(&error))?;
    let text = files.iter().next().and_then(|(_, text)| std::str::from_utf8(text).ok());
    text.map(str::to_owned).ok_or_else(|| failed(&"the generator made no text"))
}
