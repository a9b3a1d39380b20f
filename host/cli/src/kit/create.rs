//! `tollgate plugin new`: writes a package, whole or not at all, and says what to do with it.

use super::build::js;
use super::vendor;
use crate::args::{Language, NewArgs};
use crate::exit::{Exit, Failure};
use crate::output;
use std::path::Path;
use tollgate_bundled::LOCK;
use tollgate_runtime::{NAME_RULE, is_plugin_name};

/// A file of a package, and its text before the name is put in.
type Template = (&'static str, &'static str);

/// What packages of a language have in common, and the source of each kind.
struct Templates {
    source: &'static str,
    common: &'static [Template],
    observer: &'static str,
    guard: &'static str,
}

const RUST: Templates = Templates {
    source: "src/lib.rs",
    common: &[
        ("Cargo.toml", include_str!("templates/rust/Cargo.toml.txt")),
        (".gitignore", include_str!("templates/rust/gitignore.txt")),
        ("README.md", include_str!("templates/rust/README.md.txt")),
    ],
    observer: include_str!("templates/rust/observer.rs.txt"),
    guard: include_str!("templates/rust/guard.rs.txt"),
};
const JAVASCRIPT: Templates = Templates {
    source: "plugin.js",
    common: &[
        ("package.json", include_str!("templates/js/package.json.txt")),
        (".gitignore", include_str!("templates/js/gitignore.txt")),
        ("README.md", include_str!("templates/js/README.md.txt")),
    ],
    observer: include_str!("templates/js/observer.js.txt"),
    guard: include_str!("templates/js/guard.js.txt"),
};
const PYTHON: Templates = Templates {
    source: "plugin.py",
    common: &[
        (".gitignore", include_str!("templates/python/gitignore.txt")),
        ("README.md", include_str!("templates/python/README.md.txt")),
    ],
    observer: include_str!("templates/python/observer.py.txt"),
    guard: include_str!("templates/python/guard.py.txt"),
};
const C: Templates = Templates {
    source: "plugin.c",
    common: &[
        ("compile_flags.txt", include_str!("templates/c/compile_flags.txt")),
        (".gitignore", include_str!("templates/c/gitignore.txt")),
        ("README.md", include_str!("templates/c/README.md.txt")),
    ],
    observer: include_str!("templates/c/observer.c.txt"),
    guard: include_str!("templates/c/guard.c.txt"),
};
/// The world of a package that has the interface itself, not an SDK.
const WORLD: Template = ("wit/plugin.wit", include_str!("templates/wit/plugin.wit.txt"));
/// What those of a kind have in common, whatever their language.
const OBSERVER: [Template; 3] = [
    ("grant.toml", include_str!("templates/observer/grant.toml.txt")),
    ("tests/events.jsonl", include_str!("templates/observer/events.jsonl.txt")),
    ("tests/golden.jsonl", include_str!("templates/observer/golden.jsonl.txt")),
];
const GUARD: [Template; 3] = [
    ("grant.toml", include_str!("templates/guard/grant.toml.txt")),
    ("tests/events.jsonl", include_str!("templates/guard/events.jsonl.txt")),
    ("tests/golden.jsonl", include_str!("templates/guard/golden.jsonl.txt")),
];

/// Writes the package into a folder of its name, here.
///
/// # Errors
/// When the name is none, the folder is there, or cannot be written.
pub fn create(args: &NewArgs) -> Result<Exit, Failure> {
    let NewArgs { name, lang, guard } = args;
    if !is_plugin_name(name) || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Err(Failure::Usage(format!("`{name}` cannot be its name: {NAME_RULE}, a letter first")));
    }
    let here = std::env::current_dir().map_err(|error| Failure::at("the working directory", error))?;
    let to = here.join(name);
    if to.symlink_metadata().is_ok() {
        return Err(Failure::Failed(format!(
            "{} is there already: choose another name, or move it away",
            to.display()
        )));
    }
    let aside = tempfile::Builder::new().prefix(&format!(".{name}.")).tempdir_in(&here);
    let aside = aside.map_err(|error| Failure::at(here.display(), error))?;
    // One level down, with the rights of any folder that is made here.
    let package = aside.path().join(name);
    let templates = match lang {
        Language::Rust => RUST,
        Language::Js => JAVASCRIPT,
        Language::Python => PYTHON,
        Language::C => C,
    };
    let own = (templates.source, if *guard { templates.guard } else { templates.observer });
    let kind = if *guard { &GUARD } else { &OBSERVER };
    for (path, text) in templates.common.iter().chain(kind).chain([&own]) {
        write(&package.join(path), &text.replace("{{name}}", name).replace("{{tool}}", js::TOOL.version))?;
    }
    match lang {
        Language::Rust => {
            vendor::write(&package.join("vendor"))?;
            write(&package.join("Cargo.lock"), LOCK)?;
        }
        Language::Js | Language::Python | Language::C => {
            write(&package.join(WORLD.0), &WORLD.1.replace("{{world}}", if *guard { "guard" } else { "observer" }))?;
            vendor::write_interface(&package.join("wit/deps/tollgate-plugin"))?;
        }
    }
    // Fails where somebody made one with something in it meanwhile.
    std::fs::rename(&package, &to).map_err(|error| Failure::at(to.display(), error))?;
    output::write(&next(name, *lang, *guard, templates.source))?;
    Ok(Exit::Done)
}

/// Writes a file and the folders that it is in.
pub(super) fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let folder = file.parent().unwrap_or(file);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(file, text));
    written.map_err(|error| Failure::at(file.display(), error))
}

fn next(name: &str, lang: Language, guard: bool, source: &str) -> String {
    let what = if guard { "a guard that denies forced pushes" } else { "it counts the words of messages" };
    let native =
        if lang == Language::Rust { "  cargo test               its own test, without a sandbox\n" } else { "" };
    let test = format!(
        "tollgate plugin test target/{name}.wasm --events tests/events.jsonl --grant grant.toml --golden tests/golden.jsonl"
    );
    format!(
        "made {name}: {what}; {source} is all of it\n\n\
         next:\n  \
           cd {name}\n\
           {native}  \
           tollgate plugin build    makes target/{name}.wasm\n  \
           {test}\n\n\
         then, into a running daemon (HOME is its home; `tollgate doctor` names it):\n  \
           cp target/{name}.wasm HOME/plugins/\n  \
           tollgate plugin grant {name}\n"
    )
}
