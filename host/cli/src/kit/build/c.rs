//! C: clang, a linker and a C library of `ziglang` from PyPI; the bindings, and the component of what it links, are
//! made here.
//!
//! `c/` holds what a package in C is built with besides its own sources and the bindings.

use super::tools::{self, Registry, Tool};
use super::world::{self, World};
use super::{SCRATCH, TARGET};
use crate::exit::Failure;
use crate::kit::pass_on;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as WASI, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as WASI_ADAPTER,
};
use wasmparser::{Parser, Payload};

/// The source file, which tells that the package is in this language.
pub const SOURCE: &str = "plugin.c";
const TOOL: Tool =
    Tool { names: &["python-zig", "zig"], package: "ziglang", version: "0.17.1", registry: Registry::Pypi };

/// Where the bindings go, under the build folder.
const BINDINGS: &str = "bindings";
/// What a plugin in C is written with.
const HELPERS: [(&str, &str); 3] = [
    ("tollgate.h", include_str!("c/tollgate.h")),
    ("tollgate.c", include_str!("c/tollgate.c")),
    ("json.c", include_str!("c/json.c")),
];
/// The world itself, which the linker puts into the module.
const OBJECT: &str = "bindings_component_type.o";
/// What is not told of functions that a generator wrote.
const GENERATED: (&str, &[u8]) = ("bindings.c", b"#pragma clang diagnostic ignored \"-Wmissing-prototypes\"\n");
/// What is linked, before it is a component.
const CORE: &str = ".plugin.core.wasm";
/// The compiler, told that a function of no header is a mistake: a wrong name would be left out in silence.
///
/// What C leaves undefined ends the guest where it happens, as a failed `assert` does; function names are kept for the
/// backtrace. Without a word on the stack the guest begins with 16 MiB of it.
const FLAGS: [&str; 14] = [
    "cc",
    "-target",
    "wasm32-wasi",
    "-mexec-model=reactor",
    "-std=c17",
    "-Os",
    "-g",
    "-UNDEBUG",
    "-Wall",
    "-Wextra",
    "-Werror=missing-prototypes",
    "-fsanitize=undefined",
    "-fsanitize-trap=all",
    "-Wl,-z,stack-size=131072",
];

const WHY: &str = "building (the first time on a machine it makes its C library too, which takes a minute or two)";

/// What helps where the compiler refused a package and said this.
fn mend(said: &str) -> String {
    let amiss = ["undefined symbol: tg_", "no previous prototype for function 'tg_"];
    let mend = if amiss.iter().any(|words| said.contains(words)) {
        "a plugin in C has `tg_plugin` and `tg_handle`, a guard `tg_check` too: target/bindings/tollgate.h declares them"
    } else {
        "see what it says above"
    };
    mend.to_owned()
}

/// Builds the package; says where its component is.
///
/// # Errors
/// When the compiler cannot be had, or it refuses the source, or `wit/` is not what plugins have.
pub fn build(folder: &Path) -> Result<PathBuf, Failure> {
    // Named from the package's folder, where the compiler runs: so it says `plugin.c:3:1` and not more.
    let (target, bound) = (folder.join(TARGET), Path::new(TARGET).join(BINDINGS));
    let mut world = world::read(folder)?;
    bindings(&mut world, &folder.join(&bound))?;
    let core = target.join(CORE);
    let mut command = Command::new(tools::have(folder, &TOOL)?);
    command.current_dir(folder).args(FLAGS).arg("-I").arg(&bound);
    if world.is_guard {
        command.arg("-DTOLLGATE_GUARD");
    }
    let ours = HELPERS.iter().map(|(name, _)| *name).filter(|name| name.ends_with(".c"));
    command.args(sources(folder)?).args(ours.chain([GENERATED.0, OBJECT]).map(|name| bound.join(name)));
    command.arg("-o").arg(Path::new(TARGET).join(CORE));
    tools::run(&mut command, WHY, &mend)?.lines().for_each(pass_on);
    let made = target.join(SCRATCH);
    let failed = |error: std::io::Error| Failure::at(core.display(), error);
    let component = component(&std::fs::read(&core).map_err(failed)?);
    std::fs::write(&made, component.map_err(|error| Failure::at(core.display(), error))?).map_err(failed)?;
    Ok(made)
}

/// Writes what C needs of the package's world into `to`.
fn bindings(world: &mut World, to: &Path) -> Result<(), Failure> {
    let mut files = wit_bindgen_core::Files::default();
    let options = wit_bindgen_c::Opts { rename_world: Some(BINDINGS.to_owned()), ..Default::default() };
    let generated = options.build().generate(&mut world.resolve, world.id, &mut files);
    generated.map_err(|error| Failure::at("the bindings of wit/", format!("{error:#}")))?;
    let helpers = HELPERS.iter().map(|(name, text)| (*name, text.as_bytes()));
    std::fs::create_dir_all(to).map_err(|error| Failure::at(to.display(), error))?;
    for (name, bytes) in files.iter().chain(helpers) {
        let file = to.join(name);
        let quiet = if name == GENERATED.0 { GENERATED.1 } else { b"" };
        std::fs::write(&file, [quiet, bytes].concat()).map_err(|error| Failure::at(file.display(), error))?;
    }
    Ok(())
}

/// The names of the package's sources: those right in `folder`, in one order.
fn sources(folder: &Path) -> Result<Vec<OsString>, Failure> {
    let failed = |error: std::io::Error| Failure::at(folder.display(), error);
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        // One that begins with a dash would be an option.
        if Path::new(&name).extension().is_some_and(|extension| extension == "c")
            && !name.as_encoded_bytes().starts_with(b"-")
        {
            sources.push(name);
        }
    }
    sources.sort();
    Ok(sources)
}

/// The component of a linked module: what it takes of WASI it gets by an adapter, and debug information goes, since it
/// is the C library's for the most part.
fn component(core: &[u8]) -> anyhow::Result<Vec<u8>> {
    let (core, needs_wasi) = read(core)?;
    let mut encoder = wit_component::ComponentEncoder::default();
    encoder.module(&core)?;
    if needs_wasi {
        encoder.adapter(WASI, WASI_ADAPTER)?;
    }
    encoder.validate(true).encode()
}

/// The module without debug information, and whether it imports anything of WASI.
fn read(core: &[u8]) -> anyhow::Result<(Vec<u8>, bool)> {
    let (mut kept, mut needs_wasi, mut done) = (Vec::new(), false, 0);
    for payload in Parser::new(0).parse_all(core) {
        let payload = payload?;
        if let Payload::ImportSection(imports) = &payload {
            for import in imports.clone().into_imports() {
                needs_wasi |= import?.module == WASI;
            }
        }
        let end = match &payload {
            Payload::Version { range, .. } => range.end,
            other => match other.as_section() {
                Some((_, range)) => range.end,
                None => continue,
            },
        };
        let is_debug = matches!(&payload, Payload::CustomSection(section) if section.name().starts_with(".debug_"));
        if !is_debug {
            kept.extend_from_slice(core.get(done..end).unwrap_or_default());
        }
        done = end;
    }
    Ok((kept, needs_wasi))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;

    #[test]
    fn debug_information_goes_and_the_rest_stays() {
        let module = |debug: &str, import: &str| {
            wat::parse_str(format!(
                "(module (import \"{import}\" \"f\" (func $f)) (memory 1) {debug} (@custom \"other\" \"kept\"))"
            ))
            .unwrap()
        };
        let debug = "(@custom \".debug_info\" \"gone\") (@custom \".debug_line\" \"gone\")";
        assert_eq!(read(&module(debug, "env")).unwrap(), (module("", "env"), false));
        assert_eq!(read(&module("", WASI)).unwrap(), (module("", WASI), true));
        assert!(read(b"\0asm\x01\0\0\0\x02\xff").is_err());
    }
}
