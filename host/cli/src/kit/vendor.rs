//! The SDK's sources as a new package has them: beside it, under `vendor/`, so that an author needs this binary and
//! cargo alone. Their manifests say for themselves what they take from the workspace here.

use crate::exit::Failure;
use std::path::Path;
use tollgate_bundled::{SDK_SOURCES, WORKSPACE_MANIFEST};
use toml::{Table, Value};

/// What a vendored package's manifest has of what it is built with here.
const TABLES: [&str; 4] = ["package", "lib", "features", "dependencies"];

/// Writes them into `folder`.
///
/// # Errors
/// When a file cannot be written.
pub fn write(folder: &Path) -> Result<(), Failure> {
    for (path, text) in SDK_SOURCES {
        let file = folder.join(path);
        let text = if path.ends_with("/Cargo.toml") { manifest(text, WORKSPACE_MANIFEST)? } else { (*text).to_owned() };
        super::create::write(&file, &text)?;
    }
    Ok(())
}

/// Writes the interface itself into `folder`, for languages that bind to it without an SDK.
///
/// # Errors
/// When a file cannot be written.
pub fn write_interface(folder: &Path) -> Result<(), Failure> {
    let files = SDK_SOURCES.iter().filter_map(|(path, text)| Some((path.strip_prefix("tollgate-sdk/wit/")?, text)));
    for (path, text) in files {
        super::create::write(&folder.join(path), text)?;
    }
    Ok(())
}

/// `manifest` with what it inherits of `workspace` written out, and its packages of this workspace as neighbours.
fn manifest(manifest: &str, workspace: &str) -> Result<String, Failure> {
    let parsed = |text: &str| text.parse::<Table>().map_err(|error| Failure::at("a manifest of the SDK", error));
    let (manifest, workspace) = (parsed(manifest)?, parsed(workspace)?);
    let inherited = |table: &str| {
        let of = workspace.get("workspace").and_then(|all| all.get(table)).and_then(Value::as_table);
        of.cloned().unwrap_or_default()
    };
    let (package, dependencies) = (inherited("package"), inherited("dependencies"));
    let mut out = Table::new();
    for name in TABLES {
        let Some(Value::Table(table)) = manifest.get(name) else { continue };
        let from = if name == "package" { &package } else { &dependencies };
        let keys = table.iter().filter(|(key, _)| !matches!(key.as_str(), "publish" | "include"));
        let written = keys.map(|(key, value)| (key.clone(), written_out(key, value, from))).collect();
        out.insert(name.to_owned(), Value::Table(written));
    }
    toml::to_string(&out).map_err(|error| Failure::at("a manifest of the SDK", error))
}

/// `value` of `key`, what it inherits `from` the workspace put in its place.
fn written_out(key: &str, value: &Value, from: &Table) -> Value {
    let Value::Table(own) = value else { return value.clone() };
    if own.get("workspace") != Some(&Value::Boolean(true)) {
        return value.clone();
    }
    let mut whole = match from.get(key) {
        Some(Value::String(version)) if own.len() == 1 => return Value::String(version.clone()),
        Some(Value::Table(table)) => table.clone(),
        Some(version) => Table::from_iter([("version".to_owned(), version.clone())]),
        None => Table::new(),
    };
    whole.extend(own.iter().filter(|(key, _)| *key != "workspace").map(|(key, value)| (key.clone(), value.clone())));
    // Its bindings come generated, so the generator is not built: its macros are most of a first build.
    if let Some(Value::Array(features)) = whole.get_mut("features").filter(|_| key == "wit-bindgen") {
        features.retain(|feature| feature.as_str() != Some("macros"));
    }
    if whole.contains_key("path") {
        whole.insert("path".to_owned(), Value::String(format!("../{key}")));
    }
    Value::Table(whole)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;

    #[test]
    fn a_manifest_says_for_itself_what_it_inherits() {
        let workspace = "[workspace.package]\nversion = \"1.2.3\"\n[workspace.dependencies]\nnear = { path = \"x\", \
                         version = \"1.2.3\" }\nfar = \"4\"\nfine = { version = \"5\", default-features = false }\n";
        let own = "[package]\nname = \"p\"\nversion.workspace = true\npublish.workspace = true\n[lints]\nworkspace = \
                   true\n[dependencies]\nnear.workspace = true\nfar = { workspace = true, optional = true }\n\
                   fine.workspace = true\nlone = \"6\"\n[dev-dependencies]\ntested = \"7\"\n";
        let expected = "[package]\nname = \"p\"\nversion = \"1.2.3\"\n\n[dependencies]\nlone = \"6\"\n\n\
                        [dependencies.far]\nversion = \"4\"\noptional = true\n\n\
                        [dependencies.fine]\nversion = \"5\"\ndefault-features = false\n\n\
                        [dependencies.near]\npath = \"../near\"\nversion = \"1.2.3\"\n";
        let made: Table = manifest(own, workspace).unwrap().parse().unwrap();
        assert_eq!(made, expected.parse::<Table>().unwrap());
    }

    #[test]
    fn nothing_of_this_workspace_is_left_in_the_sdks_own() {
        for (path, text) in SDK_SOURCES.iter().filter(|(path, _)| path.ends_with("Cargo.toml")) {
            let made = manifest(text, WORKSPACE_MANIFEST).unwrap();
            assert!(!made.contains("workspace") && made.contains("[dependencies"), "{path}:\n{made}");
            assert!(!made.contains("\"macros\""), "{path}: the generator's\n{made}");
        }
    }
}
