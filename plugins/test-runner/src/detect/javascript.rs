//! JavaScript: what the package's test script runs, else what it depends on, else Node's own runner.

use super::folder::Folder;
use super::{Found, Search, Suite};
use crate::framework::{BROWSER_FRAMEWORKS, Framework, ONLY};
use serde_json::{Map, Value};

/// Scripts that may run a package's tests, the first that does is taken.
const SCRIPTS: [&str; 4] = ["test", "test:unit", "unit", "test:ci"];
/// How many scripts are followed from one, all branches together: a script may name others, or itself, often.
const MAX_HOPS: usize = 8;

/// What a script runs.
enum Runs {
    Tests(Framework),
    Browser(&'static str),
    Unknown,
}

/// Adds what `folder` holds.
pub fn look(folder: &Folder, search: Search<'_>, found: &mut Found) {
    if found.covers(Framework::Node, &folder.path) {
        return;
    }
    let Some(text) = folder.text("package.json") else { return };
    let manifest: Map<String, Value> = match serde_json::from_str(&text) {
        Ok(manifest) => manifest,
        Err(error) => return found.note(format!("{}: {error}", folder.below("package.json"))),
    };
    let no_scripts = Map::new();
    let scripts = manifest.get("scripts").and_then(Value::as_object).unwrap_or(&no_scripts);
    let mut unknown = None;
    for name in SCRIPTS {
        let Some(script) = scripts.get(name).and_then(Value::as_str) else { continue };
        let mut hops = MAX_HOPS;
        match runs(script, scripts, &mut hops) {
            Runs::Tests(framework) => {
                let words: &[&str] = if name == "test" { &["npm", "test"] } else { &["npm", "run", name] };
                let suite = Suite::new(framework, &folder.path, None);
                let all: Vec<&str> = words.iter().copied().chain(["--", ONLY]).collect();
                let words = if search.only.is_some() { &all } else { words };
                return found.suites.push(suite.started_by(words, search.only));
            }
            Runs::Browser(what) => {
                found.note(format!(
                    "{}: script `{name}` runs {what}: give -u or -s to have an agent test in a browser",
                    folder.below("package.json")
                ));
            }
            Runs::Unknown if script.contains("no test specified") => {}
            Runs::Unknown => unknown = unknown.or(Some((name, script))),
        }
    }
    if let Some((name, script)) = unknown {
        let script = crate::text::cut(script, 80);
        return found.note(format!(
            "{}: script `{name}` runs `{script}`, which is none of vitest, jest, mocha and node --test: not run",
            folder.below("package.json")
        ));
    }
    let depends = |on: &str| {
        let tables =
            ["devDependencies", "dependencies"].into_iter().filter_map(|table| manifest.get(table)?.as_object());
        tables.into_iter().any(|table| table.contains_key(on))
    };
    let installed = [Framework::Vitest, Framework::Jest, Framework::Mocha].into_iter().find(|one| depends(one.name()));
    if let Some(framework) = installed.or_else(|| uses_node(folder).then_some(Framework::Node)) {
        found.suites.push(Suite::new(framework, &folder.path, search.only));
    }
}

/// What `script` runs, over at most `hops` other scripts of the package.
fn runs(script: &str, scripts: &Map<String, Value>, hops: &mut usize) -> Runs {
    let words: Vec<&str> = script
        .split(|one: char| one.is_whitespace() || "&|;()".contains(one))
        .map(|word| word.trim_matches(['"', '\'']))
        .filter(|word| !word.is_empty())
        .collect();
    for (at, word) in words.iter().enumerate() {
        let program = word.rsplit('/').next().unwrap_or(word);
        let after = words.get(at + 1..).unwrap_or_default();
        match program {
            "vitest" | "vitest.mjs" => return Runs::Tests(Framework::Vitest),
            "jest" | "jest.js" => return Runs::Tests(Framework::Jest),
            "react-scripts" if after.first() == Some(&"test") => return Runs::Tests(Framework::Jest),
            "mocha" | "_mocha" | "mocha.js" => return Runs::Tests(Framework::Mocha),
            "node" | "tsx" if after.contains(&"--test") => return Runs::Tests(Framework::Node),
            "npm" | "yarn" | "pnpm" => {
                let name = after.iter().find(|word| !word.starts_with('-') && !["run", "run-script"].contains(word));
                let other = name.and_then(|name| scripts.get(*name)).and_then(Value::as_str);
                if let Some(other) = other.filter(|_| *hops > 0) {
                    *hops -= 1;
                    match runs(other, scripts, hops) {
                        Runs::Unknown => {}
                        known => return known,
                    }
                }
            }
            _ => {
                if let Some(browser) = BROWSER_FRAMEWORKS.into_iter().find(|browser| *browser == program) {
                    return Runs::Browser(browser);
                }
            }
        }
    }
    Runs::Unknown
}

/// Whether test files where Node's runner looks for them import it.
fn uses_node(folder: &Folder) -> bool {
    let script = |name: &str| [".js", ".mjs", ".cjs", ".ts", ".mts"].iter().any(|end| name.ends_with(end));
    let is_test = |name: &str| {
        let stem = name.split('.').next().unwrap_or(name);
        script(name)
            && (name.contains(".test.")
                || stem == "test"
                || stem.starts_with("test-")
                || stem.ends_with("-test")
                || stem.ends_with("_test"))
    };
    let imports = |text: String| text.contains("node:test");
    folder.samples(is_test).any(imports)
        || ["test", "tests", "src"].iter().any(|name| {
            folder.inner(name).is_some_and(|inner| {
                inner.samples(|file| if *name == "test" { script(file) } else { is_test(file) }).any(imports)
            })
        })
}
