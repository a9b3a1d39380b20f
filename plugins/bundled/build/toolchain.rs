//! How a nested cargo gets a compiler for `wasm32-wasip2`: the active toolchain's own target, else the
//! fallback script, else a message that says what to install.
//!
//! Knows nothing of which guests there are. Part of the build script, and of the library for the author's kit, which
//! builds plugins the same way.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What guests are compiled for.
pub const TARGET: &str = "wasm32-wasip2";
/// What mends a machine where neither way works.
pub const MEND: &str = "rustup target add wasm32-wasip2";

/// What to set for the nested cargo.
#[derive(Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The active toolchain has the target.
    Active,
    /// The fallback's compiler.
    Fallback {
        /// What its script printed for the nested cargo to set.
        variables: Vec<(String, String)>,
        /// Which making of the compiler this is: artifacts of one do not link with another's.
        making: String,
        /// What its script said it did; empty where the compiler was there already.
        said: Vec<String>,
    },
}

impl Toolchain {
    /// The name of the folder for this toolchain's artifacts, below the guests' target folder.
    pub fn folder(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Fallback { making, .. } => making,
        }
    }

    /// Clears what the outer cargo set for its own compiler, then sets what this toolchain needs.
    pub fn apply(&self, command: &mut Command) {
        for (name, _) in env::vars_os().filter(|(name, _)| is_outer(name)) {
            command.env_remove(name);
        }
        if let Self::Fallback { variables, .. } = self {
            command.envs(variables.iter().map(|(name, value)| (name, value)));
        }
    }
}

/// Chooses the toolchain for the package in `folder`, whose `rustc` it may choose: that one where its sysroot has the
/// target, else what `script` makes.
///
/// # Errors
/// A message for people that ends in what mends it.
pub fn find(folder: &Path, rustc: &Path, script: &Path) -> Result<Toolchain, String> {
    if has_target(&sysroot(folder, rustc)?) {
        return Ok(Toolchain::Active);
    }
    let output = Command::new("bash").arg(script).current_dir(folder).output();
    let output = output
        .map_err(|error| format!("the toolchain lacks {TARGET} and bash does not start ({error}); run: {MEND}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!(
            "{said}the toolchain lacks {TARGET} and {} could not make it; run: {MEND}",
            script.display()
        ));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut variables: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let making = variables.iter().position(|(name, _)| name == "WASM_SYSROOT").map(|at| variables.remove(at).1);
    match making {
        Some(making) if variables.iter().any(|(name, _)| name == "RUSTC") => {
            Ok(Toolchain::Fallback { variables, making, said: said.lines().map(str::to_owned).collect() })
        }
        _ => Err(format!("{} printed no RUSTC and no WASM_SYSROOT; run: {MEND}", script.display())),
    }
}

fn sysroot(folder: &Path, rustc: &Path) -> Result<PathBuf, String> {
    let output = Command::new(rustc).args(["--print", "sysroot"]).current_dir(folder).output();
    let output = output.map_err(|error| format!("{} does not start: {error}", rustc.display()))?;
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// Whether `sysroot` holds the target's standard library, not merely its folder.
fn has_target(sysroot: &Path) -> bool {
    let entries = fs::read_dir(sysroot.join("lib/rustlib").join(TARGET).join("lib"));
    entries.is_ok_and(|entries| {
        entries.filter_map(Result::ok).any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libstd-") && name.ends_with(".rlib")
        })
    })
}

/// Whether a variable was set by the outer cargo (or for it) and would bend the nested build.
pub fn is_outer(name: &OsStr) -> bool {
    const NAMES: [&str; 14] = [
        "RUSTFLAGS",
        "RUSTC",
        "RUSTDOC",
        "RUSTDOCFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_LINKER",
        "MAKEFLAGS",
        "TARGET",
        "HOST",
        "OUT_DIR",
        "OPT_LEVEL",
        "DEBUG",
        "PROFILE",
    ];
    const KEPT: [&str; 7] = [
        "CARGO_HOME",
        "CARGO_NET_",
        "CARGO_HTTP_",
        "CARGO_REGISTRIES_",
        "CARGO_REGISTRY_",
        "CARGO_TERM_",
        "CARGO_BUILD_JOBS",
    ];
    let name = name.to_string_lossy();
    let cargo = (name == "CARGO" || name.starts_with("CARGO_")) && !KEPT.iter().any(|kept| name.starts_with(kept));
    cargo || name.starts_with("CLIPPY_") || NAMES.contains(&&*name)
}
