//! What is to be published: the crates that an author depends on, and the interface's own package.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crates, by folder and name; one before who builds with it.
const CRATES: [(&str, &str); 2] = [("events", "tollgate-events"), ("sdk", "tollgate-sdk")];
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn what_authors_depend_on_packages_and_builds_by_itself() {
    // With what the packages of `plugin new` build of the same crates.
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(root())
        .args(["package", "--quiet", "--offline", "--allow-dirty"])
        .arg("--target-dir")
        .arg(&built);
    cargo.args(CRATES.iter().flat_map(|(_, name)| ["--package", name]));
    let packaged = cargo.output().unwrap();
    assert!(packaged.status.success(), "{}", String::from_utf8_lossy(&packaged.stderr));

    for (folder, name) in CRATES {
        // Where cargo unpacked what it would upload, and built that.
        let package = built.join("package").join(format!("{name}-{}", env!("CARGO_PKG_VERSION")));
        let manifest: toml::Table = read(&package.join("Cargo.toml")).parse().unwrap();
        for key in ["description", "license", "readme", "keywords", "categories", "rust-version"] {
            assert!(manifest["package"].get(key).is_some(), "{name} says no {key}");
        }
        let own = LICENCES.into_iter().chain(["README.md"]);
        own.for_each(|file| assert_eq!(read(&package.join(file)), read(&root().join(folder).join(file)), "{name}"));
        assert!(!package.join("tests").exists(), "{name}: tests that need the repository");
    }
    let interface = built.join("package").join(format!("tollgate-sdk-{}", env!("CARGO_PKG_VERSION"))).join("wit");
    for file in interface_files() {
        assert_eq!(read(&interface.join(file.file_name().unwrap())), read(&file), "{}", file.display());
    }
}

fn interface_files() -> Vec<PathBuf> {
    let files = fs::read_dir(root().join("wit")).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|file| file.extension().is_some_and(|extension| extension == "wit")).collect();
    assert!(files.len() > 10, "the walk found {} files", files.len());
    files
}

#[test]
fn the_interfaces_own_package_says_what_it_is() {
    let folder = root().join("wit");
    let about: toml::Table = read(&folder.join("wkg.toml")).parse().unwrap();
    let workspace: toml::Table = read(&root().join("Cargo.toml")).parse().unwrap();
    assert_eq!(about["metadata"]["licenses"], workspace["workspace"]["package"]["license"]);
    assert!(about["metadata"]["description"].is_str() && read(&folder.join("README.md")).contains("tollgate:plugin"));
    for licence in LICENCES {
        assert_eq!(read(&folder.join(licence)), read(&root().join(licence)));
    }
}
