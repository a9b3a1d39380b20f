//! Builds every guest in one nested cargo call and writes the constants that `lib.rs` includes; and has the sources
//! that the author's kit needs embedded.
//!
//! Owns which guests there are and where their artifacts go; how the target is had is `toolchain`'s.

mod bindings;
mod hostile;
mod sources;
mod toolchain;

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use toolchain::{TARGET, Toolchain};

/// Plugins that are packages of their own: package, constant.
const PLUGINS: [(&str, &str); 5] = [
    ("tollgate-plugin-audit", "AUDIT"),
    ("tollgate-plugin-test-runner", "TEST_RUNNER"),
    ("tollgate-plugin-merge-resolver", "MERGE_RESOLVER"),
    ("tollgate-plugin-translation", "TRANSLATION"),
    ("tollgate-plugin-no-secrets", "NO_SECRETS"),
];
/// The package whose examples are the tests' guests, and its folder.
const TEST_GUESTS: (&str, &str) = ("tollgate-test-guests", "tests/guests");
/// The test guests that the demonstration and the soak show; the others are built only with the feature `guests`.
const SHOWN: [&str; 4] = ["counter", "counter_v2", "panics", "spin_handle"];
/// The cargo profile that guests are built with.
const PROFILE: &str = "guest";

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("tollgate-bundled: {message}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let out = PathBuf::from(variable("OUT_DIR")?);
    let workspace = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("../..");
    let workspace = fs::canonicalize(&workspace).map_err(|error| format!("{}: {error}", workspace.display()))?;
    // …/target/<profile>/build/<package>/out: one folder of guests for every profile of the host.
    let guests = out.ancestors().nth(4).ok_or("OUT_DIR is not inside a target folder")?.join("guests");
    let rustc = PathBuf::from(variable("RUSTC")?);
    let script = workspace.join("plugins/bundled/wasm-sysroot.sh");
    let toolchain = toolchain::find(&workspace, &rustc, &script)?;
    if let Toolchain::Fallback { said, .. } = &toolchain {
        said.iter().for_each(|line| println!("cargo::warning={line}"));
    }

    let guests = guests.join(toolchain.folder());
    let package = workspace.join(TEST_GUESTS.1);
    let all = env::var_os("CARGO_FEATURE_GUESTS").is_some();
    let stems = if all { example_stems(&package)? } else { SHOWN.map(str::to_owned).to_vec() };
    nested_cargo(&workspace, &guests, &toolchain, &stems)?;

    let made = guests.join(TARGET).join(PROFILE);
    let mut sources = BTreeSet::from(
        ["Cargo.toml", "Cargo.lock", "plugins/bundled/wasm-sysroot.sh"].map(|path| workspace.join(path)),
    );
    let mut constants = String::new();
    for (package, constant) in PLUGINS {
        let stem = package.replace('-', "_");
        embed(&made.join(format!("{stem}.wasm")), &out, constant, "", &mut constants, &mut sources)?;
    }
    constants.push_str("/// The guests of `tests/guests`, one constant a file.\npub mod guests {\n");
    for stem in &stems {
        let artifact = made.join("examples").join(format!("{stem}.wasm"));
        embed(&artifact, &out, &stem.to_uppercase(), "    ", &mut constants, &mut sources)?;
    }
    if all {
        hostile::write_list(&stems, &mut constants).map_err(|error| error.to_string())?;
    }
    constants.push_str("}\n");
    if all {
        hostile::write_tests(&stems, &mut constants).map_err(|error| error.to_string())?;
        // A new file is a new guest.
        sources.insert(package.join("examples"));
    }
    write(&out.join("guests.rs"), constants.as_bytes())?;
    for manifest in sources.iter().filter_map(|source| manifest_of(source, &workspace)).collect::<BTreeSet<_>>() {
        sources.insert(manifest);
    }
    for source in sources {
        println!("cargo::rerun-if-changed={}", source.display());
    }
    println!("cargo::rerun-if-changed=build");
    write(&out.join("sources.rs"), sources::list(&workspace, &out)?.as_bytes())?;
    Ok(())
}

fn nested_cargo(workspace: &Path, guests: &Path, toolchain: &Toolchain, stems: &[String]) -> Result<(), String> {
    let mut cargo = Command::new(variable("CARGO")?);
    cargo.current_dir(workspace).args(["build", "--locked", "--target", TARGET, "--profile", PROFILE]);
    cargo.arg("--target-dir").arg(guests).arg("--lib");
    for package in PLUGINS.iter().map(|(package, _)| package).chain([&TEST_GUESTS.0]) {
        cargo.args(["--package", package]);
    }
    for stem in stems {
        cargo.args(["--example", stem]);
    }
    toolchain.apply(&mut cargo);
    let status = cargo.status().map_err(|error| format!("the nested cargo does not start: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("the guests do not build (nested cargo: {status})")) }
}

/// Copies one artifact to `out`, writes its constant, and notes what it was made from.
fn embed(
    artifact: &Path,
    out: &Path,
    constant: &str,
    indent: &str,
    constants: &mut String,
    sources: &mut BTreeSet<PathBuf>,
) -> Result<(), String> {
    let bytes = fs::read(artifact).map_err(|error| format!("{}: {error}", artifact.display()))?;
    write(&out.join(format!("{constant}.wasm")), &bytes)?;
    writeln!(
        constants,
        "{indent}/// The component built from `{}`.\n{indent}pub const {constant}: &[u8] = include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{constant}.wasm\"));",
        artifact.file_stem().unwrap_or_default().to_string_lossy(),
    )
    .map_err(|error| error.to_string())?;
    let dep_info = artifact.with_extension("d");
    let text = fs::read_to_string(&dep_info).map_err(|error| format!("{}: {error}", dep_info.display()))?;
    sources.extend(dep_info_sources(&text));
    Ok(())
}

/// The files that a make-style dep-info line names after the colon; blanks in paths are escaped by `\`.
fn dep_info_sources(text: &str) -> impl Iterator<Item = PathBuf> {
    let sources = text.lines().next().and_then(|line| line.split_once(": ")).map_or("", |(_, sources)| sources);
    let mut paths = vec![String::new()];
    let mut characters = sources.chars();
    while let Some(character) = characters.next() {
        match (character, paths.last_mut()) {
            ('\\', Some(path)) => path.extend(characters.next()),
            (' ', _) => paths.push(String::new()),
            (other, Some(path)) => path.push(other),
            (_, None) => {}
        }
    }
    paths.into_iter().filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The manifest of the package that `source` belongs to, where it lies in the workspace.
fn manifest_of(source: &Path, workspace: &Path) -> Option<PathBuf> {
    let inside = source.ancestors().skip(1).take_while(|folder| folder.starts_with(workspace));
    inside.map(|folder| folder.join("Cargo.toml")).find(|manifest| manifest.is_file())
}

fn example_stems(package: &Path) -> Result<Vec<String>, String> {
    let folder = package.join("examples");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut stems = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| format!("{}: {error}", folder.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            stems.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    stems.sort();
    Ok(stems)
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set: build this crate with cargo"))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}
