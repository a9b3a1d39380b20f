//! Rust: cargo for `wasm32-wasip2`, with the compiler that the host's own plugins are built with.

use super::TARGET as FOLDER;
use crate::exit::Failure;
use crate::kit::say;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tollgate_bundled::TOOLCHAIN_SCRIPT;
use tollgate_bundled::toolchain::{self, TARGET, Toolchain};

/// What mends a machine without Rust.
const NO_RUST: &str = "install Rust (https://rustup.rs), then run: rustup target add wasm32-wasip2";

/// Has cargo build the package; says where its component is.
///
/// # Errors
/// When there is no compiler for the target, it refuses the package, or makes no component or several.
pub fn build(folder: &Path) -> Result<PathBuf, Failure> {
    let toolchain = toolchain(folder)?;
    let mut cargo = Command::new("cargo");
    cargo.current_dir(folder).args(["build", "--release", "--lib", "--target", TARGET]);
    // Artifacts of one compiler do not link with another's.
    cargo.arg("--target-dir").arg(folder.join(FOLDER).join(toolchain.folder()));
    cargo.args(["--message-format", "json-render-diagnostics"]).stdin(Stdio::null()).stdout(Stdio::piped());
    toolchain.apply(&mut cargo);
    let mut child =
        cargo.spawn().map_err(|error| Failure::Failed(format!("cargo does not start: {error}; {NO_RUST}")))?;
    let messages = child.stdout.take().map(BufReader::new);
    let mut components = Vec::new();
    for line in messages.into_iter().flat_map(BufReader::lines) {
        let line = line.map_err(|error| Failure::at("what cargo says", error))?;
        components.extend(component(&line));
    }
    let status = child.wait().map_err(|error| Failure::at("cargo", error))?;
    if !status.success() {
        return Err(Failure::Failed("the package does not build: see what cargo says above".to_owned()));
    }
    match components.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Failure::Failed(format!(
            "cargo made no component: say `crate-type = [\"cdylib\", \"rlib\"]` under `[lib]` in {}",
            folder.join("Cargo.toml").display()
        ))),
        several => Err(Failure::Failed(format!(
            "cargo made {} components: build one package at a time, in its own folder",
            several.len()
        ))),
    }
}

fn toolchain(folder: &Path) -> Result<Toolchain, Failure> {
    let failed = |error: std::io::Error| Failure::at("a temporary script", error);
    let mut script = tempfile::NamedTempFile::new().map_err(failed)?;
    script.write_all(TOOLCHAIN_SCRIPT.as_bytes()).map_err(failed)?;
    let found = toolchain::find(folder, Path::new("rustc"), script.path());
    let found = found
        .map_err(|error| Failure::Failed(if error.contains(TARGET) { error } else { format!("{error}; {NO_RUST}") }))?;
    if let Toolchain::Fallback { said, .. } = &found {
        said.iter().for_each(say);
    }
    Ok(found)
}

/// The component that one of cargo's messages tells of.
fn component(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    if message.get("reason")? != "compiler-artifact" {
        return None;
    }
    let files = message.get("filenames")?.as_array()?;
    let file = files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".wasm"))?;
    Some(PathBuf::from(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_told_from_cargos_other_messages() {
        let made = r#"{"reason":"compiler-artifact","filenames":["/t/libplugin.rlib","/t/plugin.wasm"]}"#;
        assert_eq!(component(made), Some(PathBuf::from("/t/plugin.wasm")));
        for other in [
            r#"{"reason":"compiler-artifact","filenames":["/t/libserde.rlib"]}"#,
            r#"{"reason":"build-finished","success":true}"#,
            "   Compiling plugin",
            "",
        ] {
            assert_eq!(component(other), None, "{other}");
        }
    }
}
