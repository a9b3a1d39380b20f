//! The languages whose manifest names the framework: Rust, Go, the JVM, .NET, C and C++, Ruby, PHP, Elixir.

use super::folder::Folder;
use super::{Found, Search, Suite, Unable};
use crate::framework::{Framework, ONLY};

/// Where people configure CMake.
const BUILD_FOLDERS: [&str; 6] = ["build", "out", "_build", "builddir", "cmake-build-debug", "cmake-build-release"];

/// Adds what `folder` holds.
pub fn look(folder: &Folder, search: Search<'_>, found: &mut Found) {
    for (framework, is_there) in [
        (Framework::Cargo, folder.has("Cargo.toml")),
        (Framework::Go, folder.has("go.mod")),
        (Framework::Maven, folder.has("pom.xml")),
        (Framework::Gradle, is_gradle(folder)),
        (Framework::Dotnet, is_dotnet(folder)),
        (Framework::Ctest, folder.has("CMakeLists.txt")),
        (Framework::Rspec, is_rspec(folder)),
        (
            Framework::Phpunit,
            ["phpunit.xml", "phpunit.xml.dist", "phpunit.dist.xml"].iter().any(|name| folder.has(name)),
        ),
        (Framework::Mix, folder.has("mix.exs")),
    ] {
        if is_there && !found.covers(framework, &folder.path) {
            add(framework, folder, search, found);
        }
    }
}

fn add(framework: Framework, folder: &Folder, search: Search<'_>, found: &mut Found) {
    let suite = Suite::new(framework, &folder.path, search.only);
    let suite = match framework {
        Framework::Ctest => return add_ctest(folder, search, found),
        Framework::Rspec if folder.text("Gemfile").is_some_and(|text| text.contains("rspec")) => {
            suite.started_by(&["bundle", "exec", "rspec", "--no-color", ONLY], search.only)
        }
        Framework::Phpunit if is_file(folder, "vendor/bin/phpunit") => {
            suite.started_by(&["php", "vendor/bin/phpunit", "--colors=never", ONLY], search.only)
        }
        _ => suite,
    };
    found.suites.push(suite);
}

/// A CMake project runs its tests from where it was configured and built.
fn add_ctest(folder: &Folder, search: Search<'_>, found: &mut Found) {
    let built =
        BUILD_FOLDERS.iter().find(|name| folder.has(name) && is_file(folder, &format!("{name}/CTestTestfile.cmake")));
    if let Some(built) = built {
        let mut suite = Suite::new(Framework::Ctest, &folder.below(built), search.only);
        suite.note = Some("ctest runs what was built last; it builds nothing".to_owned());
        found.suites.push(suite);
    } else if folder.text("CMakeLists.txt").is_some_and(|text| declares_tests(&text)) {
        found.unable.push(Unable {
            framework: Framework::Ctest,
            directory: folder.path.clone(),
            reason: "CMakeLists.txt declares tests and no build folder is configured: run `cmake -B build && cmake --build build`".to_owned(),
        });
    }
}

fn declares_tests(text: &str) -> bool {
    let text = text.to_ascii_lowercase().replace(' ', "");
    text.contains("enable_testing(") || text.contains("include(ctest)")
}

fn is_file(folder: &Folder, path: &str) -> bool {
    tollgate_sdk::workspace::stat(&folder.below(path)).is_ok_and(|about| !about.is_directory)
}

fn is_gradle(folder: &Folder) -> bool {
    ["build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts"].iter().any(|name| folder.has(name))
}

fn is_dotnet(folder: &Folder) -> bool {
    let ends = |ends: &[&str]| folder.names.iter().find(|name| ends.iter().any(|end| name.ends_with(end)));
    ends(&[".sln", ".slnx"]).is_some()
        || ends(&[".csproj", ".fsproj", ".vbproj"])
            .and_then(|name| folder.text(name))
            .is_some_and(|text| text.contains("Microsoft.NET.Test.Sdk"))
}

fn is_rspec(folder: &Folder) -> bool {
    folder.has(".rspec")
        || folder.inner("spec").is_some_and(|spec| spec.names.iter().any(|name| name.ends_with("_spec.rb")))
}
