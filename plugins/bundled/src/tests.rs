//! Both ways to the target, each on a made-up machine, and that what is embedded are components.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use crate::toolchain::{MEND, TARGET, Toolchain, find, is_outer};
use crate::{LOCK, NO_SECRETS_PLUGIN, PLUGINS, SDK_SOURCES, TOOLCHAIN_SCRIPT, WORKSPACE_MANIFEST};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A component's preamble: magic, version 13, layer 1.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

#[test]
fn every_plugin_is_a_component_with_a_grant() {
    for plugin in PLUGINS.iter().chain([&NO_SECRETS_PLUGIN]) {
        assert!(plugin.component.starts_with(COMPONENT), "{} is not a component", plugin.name);
        assert!(plugin.grant.contains("[grant]"), "{} has no grant", plugin.name);
    }
}

#[test]
fn what_a_new_package_needs_is_embedded_whole() {
    for file in [
        "tollgate-sdk/Cargo.toml",
        "tollgate-sdk/wit/worlds.wit",
        "tollgate-events/src/payload/mod.rs",
        "tollgate-sdk/src/bindings/observer.rs",
    ] {
        assert!(SDK_SOURCES.iter().any(|(path, text)| *path == file && !text.is_empty()), "{file}");
    }
    assert!(SDK_SOURCES.iter().all(|(path, _)| *path != "tollgate-sdk/src/bindings.rs"), "in whose place those are");
    assert!(SDK_SOURCES.iter().all(|(path, _)| !path.contains("..") && !path.starts_with('/')));
    assert!(WORKSPACE_MANIFEST.contains("[workspace.dependencies]") && LOCK.contains("name = \"wit-bindgen\""));
    assert!(TOOLCHAIN_SCRIPT.starts_with("#!"));
}

#[test]
fn a_toolchain_with_the_target_is_used_as_it_is() {
    let machine = Machine::new(true, "exit 1");
    assert_eq!(machine.find(), Ok(Toolchain::Active));
}

#[test]
fn without_the_target_the_script_gives_the_compiler() {
    let machine =
        Machine::new(false, "echo noise >&2; echo WASM_SYSROOT=first; echo RUSTC=/made/rustc; echo PATH=/made:/bin");
    let expected = [("RUSTC", "/made/rustc"), ("PATH", "/made:/bin")];
    let variables = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    assert_eq!(
        machine.find(),
        Ok(Toolchain::Fallback { variables, making: "first".to_owned(), said: vec!["noise".to_owned()] })
    );
}

#[test]
fn a_folder_without_the_standard_library_is_not_the_target() {
    let machine = Machine::new(false, "echo WASM_SYSROOT=a; echo RUSTC=/made/rustc");
    fs::create_dir_all(machine.library()).expect("a folder");
    assert!(matches!(machine.find(), Ok(Toolchain::Fallback { .. })));
}

#[test]
fn where_neither_way_works_the_message_says_what_to_run() {
    for script in ["exit 3", "true", "echo RUSTC=/made/rustc"] {
        let message = Machine::new(false, script).find().expect_err("no toolchain");
        assert!(message.ends_with(MEND), "{message}");
    }
}

#[test]
fn the_outer_compilers_variables_do_not_reach_the_guests() {
    for name in [
        "RUSTFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_TARGET_DIR",
        "CARGO_PROFILE_RELEASE_LTO",
    ] {
        assert!(is_outer(name.as_ref()), "{name} is kept");
    }
    for name in ["PATH", "HOME", "CARGO_HOME", "CARGO_NET_OFFLINE", "RUSTUP_TOOLCHAIN", "XDG_CACHE_HOME"] {
        assert!(!is_outer(name.as_ref()), "{name} is cleared");
    }
}

#[test]
fn a_nested_cargo_gets_the_fallbacks_compiler_and_none_of_the_outer_variables() {
    let variables = vec![("RUSTC".to_owned(), "/made/rustc".to_owned())];
    let mut command = Command::new("cargo");
    Toolchain::Fallback { variables, making: String::new(), said: Vec::new() }.apply(&mut command);
    let set: Vec<_> = command.get_envs().collect();
    assert!(set.contains(&("RUSTC".as_ref(), Some("/made/rustc".as_ref()))), "{set:?}");
    // Cargo sets this one for the test that is running.
    assert!(set.contains(&("CARGO_MANIFEST_DIR".as_ref(), None)), "{set:?}");
}

#[test]
fn what_one_compiler_made_is_kept_apart_from_anothers() {
    let folders = ["echo WASM_SYSROOT=a; echo RUSTC=/r", "echo WASM_SYSROOT=b; echo RUSTC=/r"]
        .map(|script| Machine::new(false, script).find().expect("a toolchain").folder().to_owned());
    assert_eq!(folders, ["a", "b"]);
    assert_eq!(Machine::new(true, "").find().expect("a toolchain").folder(), "active");
}

/// A folder with a compiler that prints its sysroot, and a fallback script.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new(with_target: bool, script: &str) -> Self {
        let machine = Self { folder: tempfile::tempdir().expect("a folder") };
        let rustc = format!("#!/bin/sh\necho '{}'\n", machine.folder.path().display());
        // Written by another process: a test beside this one may start a program while the file is open here, which then
        // has it open too for a moment, and what is open to be written does not run.
        let mut writer = Command::new("sh");
        writer.args(["-c", "printf %s \"$1\" > \"$0\" && chmod +x \"$0\""]).arg(machine.path("rustc")).arg(rustc);
        assert!(writer.status().is_ok_and(|status| status.success()), "a compiler");
        fs::write(machine.path("script"), script).expect("a script");
        if with_target {
            fs::create_dir_all(machine.library()).expect("a folder");
            fs::write(machine.library().join("libstd-0123.rlib"), "").expect("a library");
        }
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn library(&self) -> PathBuf {
        self.path("lib/rustlib").join(TARGET).join("lib")
    }

    fn find(&self) -> Result<Toolchain, String> {
        find(self.folder.path(), &self.path("rustc"), Path::new(&self.path("script")))
    }
}
