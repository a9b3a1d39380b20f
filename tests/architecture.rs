//! The repository's own rules: who may depend on whom, and how files begin. docs/architecture.md says why.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Longer than this, a file has more than one reason to change.
const MAX_LINES: usize = 500;

/// A package, and which of this workspace's packages it may build with.
const EDGES: [(&str, &str, &[&str]); 15] = [
    ("events", "tollgate-events", &[]),
    ("host/core", "tollgate-core", &["tollgate-events"]),
    ("host/runner", "tollgate-runner", &["tollgate-core"]),
    ("host/runtime", "tollgate-runtime", &["tollgate-core"]),
    ("host/server", "tollgate-server", &["tollgate-core", "tollgate-runner", "tollgate-runtime"]),
    (
        "host/cli",
        "tollgate",
        &[
            "tollgate-core",
            "tollgate-runner",
            "tollgate-runtime",
            "tollgate-server",
            "tollgate-bundled",
            "tollgate-plugin-audit",
        ],
    ),
    ("sdk", "tollgate-sdk", &["tollgate-events"]),
    ("plugins/audit", "tollgate-plugin-audit", &["tollgate-sdk"]),
    ("plugins/test-runner", "tollgate-plugin-test-runner", &["tollgate-sdk"]),
    ("plugins/merge-resolver", "tollgate-plugin-merge-resolver", &["tollgate-sdk"]),
    ("plugins/translation", "tollgate-plugin-translation", &["tollgate-sdk"]),
    ("plugins/examples/no-secrets", "tollgate-plugin-no-secrets", &["tollgate-sdk"]),
    ("plugins/bundled", "tollgate-bundled", &[]),
    ("tests/guests", "tollgate-test-guests", &["tollgate-sdk"]),
    ("xtask", "xtask", &[]),
];

/// A crate from outside, and the only package that may name it.
const FENCED: [(&str, &str); 14] = [
    ("wasmtime", "tollgate-runtime"),
    ("wasmtime-wasi", "tollgate-runtime"),
    ("notify", "tollgate-runtime"),
    ("minisign-verify", "tollgate-runtime"),
    ("axum", "tollgate-server"),
    ("socketioxide", "tollgate-server"),
    ("portable-pty", "tollgate-runner"),
    ("rusqlite", "tollgate-core"),
    ("brush-parser", "tollgate-core"),
    ("saphyr-parser", "tollgate-core"),
    ("wit-bindgen", "tollgate-sdk"),
    ("wit-bindgen-c", "tollgate"),
    ("wit-component", "tollgate"),
    ("wasi-preview1-component-adapter-provider", "tollgate"),
];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// What `folder`'s manifest builds with; what only its tests use does not count.
fn dependencies(folder: &str) -> (String, BTreeSet<String>) {
    let path = root().join(folder).join("Cargo.toml");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let manifest: toml::Table = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let name = manifest["package"]["name"].as_str().expect("a package has a name").to_owned();
    let tables = ["dependencies", "build-dependencies"].into_iter().filter_map(|table| manifest.get(table)?.as_table());
    (name, tables.flat_map(|table| table.keys().cloned()).collect())
}

#[test]
fn every_package_depends_only_where_the_architecture_says() {
    for (folder, package, allowed) in EDGES {
        let (name, dependencies) = dependencies(folder);
        assert_eq!(name, package, "{folder}");
        for dependency in dependencies.iter().filter(|dependency| dependency.starts_with("tollgate")) {
            assert!(allowed.contains(&dependency.as_str()), "forbidden edge: {package} → {dependency}");
        }
    }
}

#[test]
fn every_package_of_the_workspace_is_in_the_list() {
    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let members: BTreeSet<_> =
        manifest["workspace"]["members"].as_array().unwrap().iter().map(|member| member.as_str().unwrap()).collect();
    assert_eq!(members, EDGES.iter().map(|(folder, ..)| *folder).collect());
}

#[test]
fn fenced_crates_are_named_by_one_package() {
    for (folder, ..) in EDGES {
        let (package, dependencies) = dependencies(folder);
        for (fenced, owner) in FENCED {
            assert!(!dependencies.contains(fenced) || package == owner, "{package} names {fenced}, which is {owner}'s");
        }
    }
}

#[test]
fn every_source_file_says_what_it_owns_and_is_read_in_one_sitting() {
    let files = files_below(root(), "rs");
    assert!(files.len() > 40, "the walk found {} files", files.len());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//!"), "{} does not open with //!", file.display());
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", file.display());
    }
}

#[test]
fn code_that_is_trusted_is_taken_up_in_one_file() {
    // In two words here, so that this file is not one of them.
    let word = ["unsafe", "_code"].concat();
    let holds = |file: &PathBuf| fs::read_to_string(file).unwrap().contains(&word);
    let files: Vec<_> = files_below(&root().join("host"), "rs").into_iter().filter(holds).collect();
    assert_eq!(files, [root().join("host/runtime/src/compiler/artifact.rs")]);
}

#[test]
fn no_component_is_kept_in_the_repository() {
    assert_eq!(files_below(root(), "wasm"), Vec::<PathBuf>::new());
}

/// Macros make the SDK's bindings; for the packages of new plugins the same are written as text, by options of its own.
#[test]
fn new_packages_get_the_bindings_that_the_sdk_has() {
    let text = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let (own, written) = (text("sdk/src/bindings.rs"), text("plugins/bundled/build/bindings.rs"));
    let lines = || own.lines().skip_while(|line| !line.contains("generate!(")).map(str::trim);
    let is_name = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let options: BTreeSet<_> = lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name).collect();
    let expected =
        "additional_derives default_bindings_module export_macro_name inline path pub_export_macro with world";
    let options: Vec<_> = options.into_iter().filter(is_name).collect();
    assert_eq!(options.join(" "), expected, "plugins/bundled/build/bindings.rs has to know of each");
    for line in lines() {
        let said: Vec<String> = match line.split_once(": ") {
            Some(("additional_derives", derives)) => {
                vec![derives.replace(", ", "\", \"").replace('[', "[\"").replace("],", "\"]")]
            }
            Some(("pub_export_macro", _)) => vec![line.to_owned()],
            _ if line.starts_with("world ") => vec![line.to_owned()],
            _ => line.split('"').skip(1).step_by(2).map(str::to_owned).collect(),
        };
        for said in said {
            assert!(written.contains(&said), "plugins/bundled/build/bindings.rs does not have `{said}`");
        }
    }
}

/// Documents whose tables name, in their last column, the tests that show what the row says.
const PROMISES: [&str; 2] = ["docs/security.md", "docs/limits.md"];

#[test]
fn tests_that_the_documents_name_are_there() {
    let files = files_below(root(), "rs");
    let stems: BTreeSet<_> = files.iter().filter_map(|file| file.file_stem()?.to_str()).collect();
    let sources: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let is_there = |name: &str| {
        stems.contains(name) || stems.contains(&*format!("hostile_{name}")) || sources.contains(&format!("fn {name}("))
    };
    for document in PROMISES {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let rows = text.lines().filter(|line| line.starts_with("| ") && line.ends_with(" |"));
        let cells: Vec<_> = rows.filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").next()).collect();
        let names: Vec<_> = cells.iter().flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
        assert!(names.len() > 20, "{document} names {} tests", names.len());
        for name in names {
            // `module::{one,other}` is two.
            let (module, last) = name.split_once('{').unwrap_or(("", name.rsplit("::").next().unwrap_or(name)));
            for one in last.trim_end_matches('}').split(',') {
                let one = if module.contains("::") && module.ends_with('_') {
                    format!("{}{one}", module.rsplit("::").next().unwrap_or_default())
                } else {
                    one.to_owned()
                };
                assert!(is_there(&one), "{document} names the test `{name}`, and there is no `{one}`");
            }
        }
    }
}

/// Files of the checkout with this extension; build folders and hidden ones are left out.
fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(files_below(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found
}
