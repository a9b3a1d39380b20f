//! The SDK carries a copy of the WIT so that it can be packaged; it must be the project's own, and a package by itself.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::path::Path;
use wit_bindgen_core::wit_parser::Resolve;
use wit_component::DecodedWasm;

fn read(folder: &Path) -> BTreeMap<String, String> {
    let files = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "wit"));
    files.map(|file| (file.file_name().into_string().unwrap(), std::fs::read_to_string(file.path()).unwrap())).collect()
}

#[test]
fn the_copy_equals_the_original() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let original = here.join("../wit");
    // A packaged SDK stands alone.
    if !original.is_dir() {
        return;
    }
    let (original, copy) = (read(&original), read(&here.join("wit")));
    assert_eq!(original.keys().collect::<Vec<_>>(), copy.keys().collect::<Vec<_>>());
    for (name, text) in &original {
        assert_eq!(Some(text), copy.get(name), "sdk/wit/{name} differs: cp wit/*.wit sdk/wit/");
    }
}

#[test]
fn every_item_is_documented_and_dated() {
    for (name, text) in read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("wit")) {
        let mut before = "";
        for (number, line) in text.lines().map(str::trim).enumerate() {
            let item = ["interface ", "record ", "enum ", "variant ", "resource ", "type ", "world "]
                .iter()
                .any(|keyword| line.starts_with(keyword))
                || line.contains(": func(");
            assert!(!item || before == "@since(version = 0.1.0)", "{name}:{}: `{line}` lacks @since", number + 1);
            before = line;
        }
    }
}

#[test]
fn the_interface_is_a_whole_package_in_the_form_that_registries_take() {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("wit")).unwrap();
    let bytes = wit_component::encode(&resolve, package, false).unwrap();
    let DecodedWasm::WitPackage(resolve, package) = wit_component::decode(&bytes).unwrap() else {
        panic!("it reads as a component");
    };
    let package = resolve.packages.get(package).unwrap();
    assert_eq!(package.name.to_string(), "tollgate:plugin@0.1.0");
    assert_eq!(package.worlds.keys().collect::<Vec<_>>(), ["observer", "guard"]);
}
