//! The bindings that the SDK carries must be what the generator makes of its WIT, letter for letter.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator as _};
use wit_bindgen_rust::{Opts, WithOption};

/// Set, the bindings are written anew instead of compared.
const RENEW: &str = "RENEW_BINDINGS";
/// The world of what a guard exports beside an observer's.
const GATE_ONLY: &str = "package tollgate:sdk;\nworld gate-only { export tollgate:plugin/gate@0.1.0; }\n";

/// What the generator makes of `world`, which may be of `inline`; its macro is called `export` and looks in `module`.
fn generated(inline: &str, world: &str, export: &str, module: &str, with: &[(&str, WithOption)]) -> String {
    let mut resolve = Resolve::default();
    let (mut package, _) = resolve.push_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("wit")).unwrap();
    if !inline.is_empty() {
        package = resolve.push_str("inline", inline).unwrap();
    }
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let options = Opts {
        format: true,
        additional_derive_attributes: ["Clone", "PartialEq", "Eq"].map(str::to_owned).to_vec(),
        pub_export_macro: true,
        export_macro_name: Some(export.to_owned()),
        default_bindings_module: Some(module.to_owned()),
        with: with.iter().map(|(name, to)| ((*name).to_owned(), to.clone())).collect(),
        ..Opts::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files).unwrap();
    let (_, text) = files.iter().next().unwrap();
    format!("//! Generated from wit/ by tests/bindings.rs, which renews it.\n{}", str::from_utf8(text).unwrap())
}

#[test]
fn the_bindings_are_what_the_generator_makes_of_the_wit() {
    let shared = [
        ("tollgate:plugin/types@0.1.0", WithOption::Path("crate::bindings::tollgate::plugin::types".to_owned())),
        ("tollgate:plugin/gate@0.1.0", WithOption::Generate),
    ];
    for (file, text) in [
        (
            "observer.rs",
            generated("", "tollgate:plugin/observer", "export_observer_world", "tollgate_sdk::bindings", &[]),
        ),
        (
            "guard.rs",
            generated(
                GATE_ONLY,
                "tollgate:sdk/gate-only",
                "export_gate_world",
                "tollgate_sdk::bindings::guard",
                &shared,
            ),
        ),
    ] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bindings").join(file);
        if std::env::var_os(RENEW).is_some() {
            std::fs::write(&file, &text).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap();
        let differs = text.lines().zip(kept.lines()).find(|(made, kept)| made != kept);
        assert_eq!(differs, None, "{}: {RENEW}=1 cargo test -p tollgate-sdk --test bindings", file.display());
        assert!(text == kept, "{} is longer or shorter than what is made", file.display());
    }
}
