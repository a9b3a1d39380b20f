//! Which suites a workspace has.

use super::*;
use crate::detect::{self, Found, MAX_FOLDERS, Search};

fn find(files: &[(&str, &str)]) -> Found {
    find_with(files, Search::default())
}

fn find_with(files: &[(&str, &str)], search: Search<'_>) -> Found {
    mock::reset();
    let _folder = workspace(files);
    detect::find(search).expect("a workspace")
}

/// The one suite: `framework in folder: command`.
fn one(files: &[(&str, &str)]) -> String {
    all(&find(files)).join("; ")
}

fn all(found: &Found) -> Vec<String> {
    let line =
        |suite: &Suite| format!("{} in [{}]: {}", suite.framework.name(), suite.directory, suite.command.join(" "));
    found.suites.iter().map(line).collect()
}

fn script(script: &str) -> String {
    json!({"scripts": {"test": script}}).to_string()
}

#[test]
fn each_language_by_its_own_files() {
    let npm = |script_text: &str| one(&[("package.json", &script(script_text))]);
    assert_eq!(one(&[("Cargo.toml", "")]), "cargo in []: cargo test --workspace --no-fail-fast");
    assert_eq!(one(&[("go.mod", "")]), "go in []: go test -json ./...");
    assert_eq!(npm("vitest run --coverage"), "vitest in []: npm test");
    assert_eq!(npm("NODE_ENV=test jest --ci"), "jest in []: npm test");
    assert_eq!(npm("tsc && ./node_modules/.bin/mocha 'test/**'"), "mocha in []: npm test");
    assert_eq!(npm("node --import tsx --test"), "node in []: npm test");
    assert!(one(&[("pom.xml", "")]).starts_with("maven in []: mvn test "));
    assert!(one(&[("build.gradle.kts", "")]).starts_with("gradle in []: gradle cleanTest test "));
    assert_eq!(one(&[("App.sln", "")]), "dotnet in []: dotnet test --nologo");
    assert_eq!(one(&[("App.csproj", "<Project/>")]), "");
    assert!(one(&[("T.csproj", "Include=\"Microsoft.NET.Test.Sdk\"")]).starts_with("dotnet"));
    assert_eq!(
        one(&[("CMakeLists.txt", ""), ("build/CTestTestfile.cmake", "")]),
        "ctest in [build]: ctest --output-on-failure"
    );
    assert_eq!(one(&[("spec/a_spec.rb", "")]), "rspec in []: rspec --no-color");
    assert_eq!(one(&[(".rspec", ""), ("Gemfile", "gem 'rspec'")]), "rspec in []: bundle exec rspec --no-color");
    assert_eq!(one(&[("phpunit.xml.dist", "")]), "phpunit in []: phpunit --colors=never");
    assert_eq!(
        one(&[("phpunit.xml", ""), ("vendor/bin/phpunit", "")]),
        "phpunit in []: php vendor/bin/phpunit --colors=never"
    );
    assert_eq!(one(&[("mix.exs", "")]), "mix in []: mix test");
    assert_eq!(one(&[("README.md", "")]), "");
}

#[test]
fn python_is_told_apart() {
    let pytest = "pytest in []: python3 -m pytest --color=no --tb=short -rfE";
    let unittest = "unittest in []: python3 -m unittest discover -v";
    assert_eq!(one(&[("conftest.py", "")]), pytest);
    assert_eq!(one(&[("pyproject.toml", "[tool.pytest.ini_options]")]), pytest);
    assert_eq!(one(&[("requirements-dev.txt", "pytest>=8")]), pytest);
    assert_eq!(one(&[("tests/test_a.py", "def test_a(): pass")]), pytest);
    assert_eq!(one(&[("test_a.py", "import unittest")]), unittest);
    assert_eq!(one(&[("tests/test_a.py", "import unittest")]), format!("{unittest} -s tests"));
    assert_eq!(
        one(&[("tests/test_a.py", "from unittest import TestCase"), ("tests/__init__.py", "")]),
        format!("{unittest} -s tests -t .")
    );
    assert_eq!(one(&[("test_a.py", "import unittest\nimport pytest")]), pytest);
    assert_eq!(one(&[("pyproject.toml", "[project]"), ("main.py", "")]), "");
}

#[test]
fn a_script_is_followed_to_what_it_runs() {
    let scripts = json!({"scripts": {"test": "npm run lint && npm run -s test:all", "test:all": "yarn test:js", "test:js": "jest"}});
    assert_eq!(one(&[("package.json", &scripts.to_string())]), "jest in []: npm test");
    // Each names itself and the next so often that following all would not end.
    let endless = "npm test && npm run unit && ".repeat(1_000);
    let endless = json!({"scripts": {"test": endless, "unit": endless}}).to_string();
    assert_eq!(one(&[("package.json", &endless)]), "");
    let other = json!({"scripts": {"test": "playwright test", "test:unit": "vitest run"}}).to_string();
    let found = find(&[("package.json", &other)]);
    assert_eq!(all(&found), ["vitest in []: npm run test:unit"]);
    assert!(found.notes.iter().any(|note| note.contains("runs playwright")), "{found:?}");
    let unknown = find(&[("package.json", &script("ava --verbose"))]);
    assert!(
        unknown.suites.is_empty() && unknown.notes.iter().any(|note| note.contains("`ava --verbose`")),
        "{unknown:?}"
    );
    let bad = find(&[("package.json", "{")]);
    assert!(bad.notes.iter().any(|note| note.starts_with("package.json: ")), "{bad:?}");
}

#[test]
fn without_a_script_what_is_there_is_used() {
    let placeholder = script("echo \"Error: no test specified\" && exit 1");
    let test = "import { test } from 'node:test'";
    assert_eq!(one(&[("package.json", &placeholder), ("test/a.js", test)]), "node in []: node --test");
    assert_eq!(one(&[("package.json", "{}"), ("src/a.test.mjs", test)]), "node in []: node --test");
    assert_eq!(one(&[("package.json", &placeholder), ("a.js", test)]), "");
    let installed = json!({"devDependencies": {"vitest": "^3"}}).to_string();
    assert_eq!(one(&[("package.json", &installed)]), "vitest in []: npx --no-install vitest run");
}

#[test]
fn a_workspace_may_hold_several() {
    let found = find(&[
        ("Cargo.toml", "[workspace]"),
        ("crates/a/Cargo.toml", ""),
        ("web/package.json", &script("vitest")),
        ("web/node_modules/x/package.json", &script("jest")),
        ("services/api/go.mod", ""),
        ("services/api/tools/go.mod", ""),
        ("target/package/Cargo.toml", ""),
        (".hidden/go.mod", ""),
        ("a/b/c/d/go.mod", ""),
    ]);
    let places: Vec<(&str, &str, bool)> = found
        .suites
        .iter()
        .map(|suite| (suite.framework.name(), suite.directory.as_str(), suite.is_backend()))
        .collect();
    assert_eq!(
        places,
        [
            ("cargo", "", false),
            ("vitest", "web", false),
            ("go", "services/api", true),
            ("go", "services/api/tools", true)
        ]
    );
}

#[test]
fn a_cmake_project_that_is_not_configured_says_so() {
    let found = find(&[("CMakeLists.txt", "Enable_Testing ()")]);
    assert!(found.suites.is_empty() && found.unable.iter().any(|unable| unable.reason.contains("cmake -B build")));
    assert_eq!(find(&[("CMakeLists.txt", "project(x)")]), Found::default());
}

#[test]
fn nextest_is_used_where_it_is_there() {
    mock::reset();
    let _folder = workspace(&[("Cargo.toml", "")]);
    mock::with(|host| host.programs = Programs::played_by(|_| Ok(Finished::new(0, b"cargo-nextest 0.9", b""))));
    let found = detect::find(Search::default()).unwrap();
    assert_eq!(all(&found), ["nextest in []: cargo nextest run --workspace --no-fail-fast"]);
    assert!(
        found
            .suites
            .first()
            .and_then(|suite| suite.note.as_ref())
            .is_some_and(|note| note.contains("documentation tests"))
    );
    let wanted = Search { framework: Some(Framework::Cargo), ..Search::default() };
    assert!(all(&detect::find(wanted).unwrap()).iter().all(|line| line.starts_with("cargo in")));
}

#[test]
fn a_framework_that_is_named_is_the_only_one() {
    let files = &[("Cargo.toml", ""), ("tests/test_a.py", "import unittest"), ("web/go.mod", "")];
    let search = |framework| Search { framework: Some(framework), ..Search::default() };
    assert_eq!(all(&find_with(files, search(Framework::Go))), ["go in [web]: go test -json ./..."]);
    assert_eq!(
        all(&find_with(files, search(Framework::Pytest))),
        ["pytest in []: python3 -m pytest --color=no --tb=short -rfE"],
        "in the folder where its kin was found"
    );
    let forced = Search { start: "web", ..search(Framework::Mix) };
    assert_eq!(all(&find_with(files, forced)), ["mix in [web]: mix test"], "found or not");
}

#[test]
fn tests_are_chosen_by_name_where_the_framework_can() {
    let only = Search { only: Some("login"), ..Search::default() };
    assert_eq!(all(&find_with(&[("package.json", &script("jest"))], only)), ["jest in []: npm test -- -t login"]);
    assert_eq!(
        all(&find_with(&[("tests/test_a.py", "import unittest")], only)),
        ["unittest in []: python3 -m unittest discover -v -s tests -k login"]
    );
    let mix = find_with(&[("mix.exs", "")], only);
    assert!(mix.suites.first().and_then(|suite| suite.note.as_ref()).is_some_and(|note| note.contains("all were run")));
}

#[test]
fn the_walk_is_bounded() {
    mock::reset();
    let folder = workspace(&[("z/go.mod", "")]);
    for number in 0..MAX_FOLDERS {
        fs::create_dir(folder.path().join(format!("f{number:04}"))).unwrap();
    }
    let found = detect::find(Search::default()).unwrap();
    assert!(found.suites.is_empty(), "{found:?}");
    assert!(found.notes.iter().any(|note| note.contains("only the first 400 folders")), "{found:?}");
    let search = Search { start: "z", ..Search::default() };
    assert_eq!(detect::find(search).unwrap().suites.len(), 1);
}

#[test]
fn a_workspace_that_cannot_be_looked_at_says_why() {
    mock::reset();
    assert!(detect::find(Search::default()).unwrap_err().contains("no session with a workspace"));
    let _folder = workspace(&[]);
    let search = Search { start: "none", ..Search::default() };
    assert_eq!(detect::find(search).unwrap_err(), "there is no folder `none`");
}
