//! Python: pytest where anything names it, unittest where only that is used.

use super::folder::Folder;
use super::{Found, Search, Suite};
use crate::framework::{Framework, ONLY};

const MANIFESTS: [&str; 5] = ["pyproject.toml", "setup.py", "setup.cfg", "tox.ini", "requirements.txt"];
const TEST_FOLDERS: [&str; 2] = ["tests", "test"];

/// Adds what `folder` holds.
pub fn look(folder: &Folder, search: Search<'_>, found: &mut Found) {
    if found.covers(Framework::Pytest, &folder.path) {
        return;
    }
    let Some((framework, start)) = framework(folder) else { return };
    let suite = Suite::new(framework, &folder.path, search.only);
    found.suites.push(match start {
        Some(start) if framework == Framework::Unittest => {
            let mut words = vec!["python3", "-m", "unittest", "discover", "-v", "-s", start.folder];
            if start.is_package {
                // Its modules import each other by their place in the project.
                words.extend(["-t", "."]);
            }
            words.push(ONLY);
            suite.started_by(&words, search.only)
        }
        _ => suite,
    });
}

/// Where unittest has to start, other than in the folder itself.
struct Start {
    folder: &'static str,
    is_package: bool,
}

fn framework(folder: &Folder) -> Option<(Framework, Option<Start>)> {
    if ["pytest.ini", ".pytest.ini", "pytest.toml", "conftest.py"].iter().any(|name| folder.has(name)) {
        return Some((Framework::Pytest, None));
    }
    // Configured or required by name.
    let manifests =
        MANIFESTS.iter().copied().chain(["requirements-dev.txt", "dev-requirements.txt", "requirements-test.txt"]);
    if manifests.filter_map(|name| folder.text(name)).any(|text| text.contains("pytest")) {
        return Some((Framework::Pytest, None));
    }
    let tests = TEST_FOLDERS.iter().find_map(|name| Some((*name, folder.inner(name)?)));
    let own = folder.names.iter().any(|name| is_test(name));
    let (place, start) = match &tests {
        _ if own => (folder, None),
        Some((name, inner)) if inner.names.iter().any(|name| is_test(name)) => {
            (inner, Some(Start { folder: name, is_package: inner.has("__init__.py") }))
        }
        _ => return None,
    };
    let samples: Vec<String> = place.samples(is_test).collect();
    let uses = |word: &str| samples.iter().any(|text| text.contains(word));
    // Bare functions are pytest's way; unittest would find none of them and say nothing.
    let framework = if uses("unittest") && !uses("pytest") { Framework::Unittest } else { Framework::Pytest };
    Some((framework, start))
}

fn is_test(name: &str) -> bool {
    name.strip_suffix(".py").is_some_and(|stem| stem.starts_with("test_") || stem.ends_with("_test"))
}
