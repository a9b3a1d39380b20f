//! The frameworks: their names, and the command that runs each. Where they are found is `detect`'s, what they
//! write is `parse`'s.

use serde::{Deserialize, Serialize};

/// A test framework whose output can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framework {
    /// `cargo test`.
    Cargo,
    /// `cargo nextest run`.
    Nextest,
    /// `python3 -m pytest`.
    Pytest,
    /// `python3 -m unittest`.
    Unittest,
    /// `go test`.
    Go,
    /// Vitest, through npm.
    Vitest,
    /// Jest, through npm.
    Jest,
    /// Mocha, through npm.
    Mocha,
    /// `node --test`.
    Node,
    /// `mvn test`.
    Maven,
    /// `gradle test`.
    Gradle,
    /// `dotnet test`.
    Dotnet,
    /// `ctest`.
    Ctest,
    /// RSpec.
    Rspec,
    /// PHPUnit.
    Phpunit,
    /// `mix test`.
    Mix,
}

/// Every framework, with its name and what else people call it.
const NAMES: [(Framework, &str, &[&str]); 16] = [
    (Framework::Cargo, "cargo", &["cargo-test", "libtest", "rust"]),
    (Framework::Nextest, "nextest", &["cargo-nextest"]),
    (Framework::Pytest, "pytest", &["py.test"]),
    (Framework::Unittest, "unittest", &[]),
    (Framework::Go, "go", &["go-test", "golang"]),
    (Framework::Vitest, "vitest", &[]),
    (Framework::Jest, "jest", &[]),
    (Framework::Mocha, "mocha", &[]),
    (Framework::Node, "node", &["node:test", "node-test"]),
    (Framework::Maven, "maven", &["mvn", "surefire"]),
    (Framework::Gradle, "gradle", &[]),
    (Framework::Dotnet, "dotnet", &["vstest", "xunit", "nunit", "mstest"]),
    (Framework::Ctest, "ctest", &["cmake"]),
    (Framework::Rspec, "rspec", &[]),
    (Framework::Phpunit, "phpunit", &[]),
    (Framework::Mix, "mix", &["exunit"]),
];

/// Frameworks of browser tests: an agent's work, never a suite's.
pub const BROWSER_FRAMEWORKS: [&str; 3] = ["playwright", "cypress", "selenium"];

/// Environment variables that keep output plain and runs unattended; harmless where nothing heeds them.
pub const QUIET: [(&str, &str); 6] = [
    ("CI", "true"),
    ("NO_COLOR", "1"),
    ("FORCE_COLOR", "0"),
    ("CARGO_TERM_COLOR", "never"),
    ("TERM", "dumb"),
    ("MSBUILDTERMINALLOGGER", "off"),
];

impl Framework {
    /// The framework that people call `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        NAMES.iter().find(|(_, own, others)| *own == name || others.contains(&name.as_str())).map(|(found, ..)| *found)
    }

    /// Its own name.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(found, ..)| *found == self).map_or("", |(_, name, _)| name)
    }

    /// Every framework's own name, for a message.
    #[must_use]
    pub fn all_names() -> String {
        NAMES.map(|(_, name, _)| name).join(", ")
    }

    /// Whether it and `other` test the same kind of project, so that in one folder the first found is enough.
    #[must_use]
    pub fn is_kin(self, other: Self) -> bool {
        self.family() == other.family()
    }

    fn family(self) -> u8 {
        match self {
            Self::Cargo | Self::Nextest => 0,
            Self::Pytest | Self::Unittest => 1,
            Self::Vitest | Self::Jest | Self::Mocha | Self::Node => 2,
            Self::Maven | Self::Gradle => 3,
            Self::Go => 4,
            Self::Dotnet => 5,
            Self::Ctest => 6,
            Self::Rspec => 7,
            Self::Phpunit => 8,
            Self::Mix => 9,
        }
    }

    /// Whether a suite in a folder also runs those in the folders below; modules of Go are each their own.
    #[must_use]
    pub fn covers_folders_below(self) -> bool {
        self != Self::Go
    }

    /// The command that runs all tests, or only those whose name holds `only`. The boolean says whether it does
    /// so: not every framework can.
    #[must_use]
    pub fn command(self, only: Option<&str>) -> (Vec<String>, bool) {
        let words: &[&str] = match self {
            Self::Cargo => &["cargo", "test", "--workspace", "--no-fail-fast", ONLY],
            Self::Nextest => &["cargo", "nextest", "run", "--workspace", "--no-fail-fast", ONLY],
            Self::Pytest => &["python3", "-m", "pytest", "--color=no", "--tb=short", "-rfE", ONLY],
            Self::Unittest => &["python3", "-m", "unittest", "discover", "-v", ONLY],
            Self::Go => &["go", "test", "-json", ONLY, "./..."],
            Self::Vitest => &["npx", "--no-install", "vitest", "run", ONLY],
            Self::Jest => &["npx", "--no-install", "jest", ONLY],
            Self::Mocha => &["npx", "--no-install", "mocha", ONLY],
            Self::Node => &["node", "--test", ONLY],
            Self::Maven => {
                &["mvn", "test", "--batch-mode", "--no-transfer-progress", "--fail-at-end", "-Dstyle.color=never", ONLY]
            }
            Self::Gradle => &["gradle", "cleanTest", "test", ONLY, "--continue", "--console=plain"],
            Self::Dotnet => &["dotnet", "test", "--nologo", ONLY],
            Self::Ctest => &["ctest", "--output-on-failure", ONLY],
            Self::Rspec => &["rspec", "--no-color", ONLY],
            Self::Phpunit => &["phpunit", "--colors=never", ONLY],
            Self::Mix => &["mix", "test", ONLY],
        };
        with_only(words, only.and_then(|name| self.only(name)))
    }

    /// The command for a workspace's own way of starting it: `words` with [`ONLY`] where the choice of tests goes.
    #[must_use]
    pub fn started_by(self, words: &[&str], only: Option<&str>) -> (Vec<String>, bool) {
        with_only(words, only.and_then(|name| self.only(name)))
    }

    /// The arguments that choose tests by name; none where the framework has no such way.
    fn only(self, name: &str) -> Option<Vec<String>> {
        let pair = |option: &str| Some(vec![option.to_owned(), name.to_owned()]);
        match self {
            Self::Cargo | Self::Nextest => Some(vec![name.to_owned()]),
            Self::Pytest | Self::Unittest => pair("-k"),
            Self::Go => pair("-run"),
            Self::Vitest | Self::Jest => pair("-t"),
            Self::Mocha => pair("--fgrep"),
            Self::Node => Some(vec![format!("--test-name-pattern={name}")]),
            Self::Maven => Some(vec![format!("-Dtest=*{name}*"), "-Dsurefire.failIfNoSpecifiedTests=false".to_owned()]),
            Self::Gradle => Some(vec!["--tests".to_owned(), format!("*{name}*")]),
            Self::Dotnet => Some(vec!["--filter".to_owned(), format!("FullyQualifiedName~{name}")]),
            Self::Ctest => pair("-R"),
            Self::Rspec => pair("--example"),
            Self::Phpunit => pair("--filter"),
            Self::Mix => None,
        }
    }
}

/// Stands in a command where the choice of tests goes. No program's argument.
pub const ONLY: &str = "\u{0}only";

fn with_only(words: &[&str], only: Option<Vec<String>>) -> (Vec<String>, bool) {
    let chosen = only.is_some();
    let mut only = only.unwrap_or_default();
    let mut command = Vec::with_capacity(words.len() + only.len());
    for word in words {
        if *word == ONLY { command.append(&mut only) } else { command.push((*word).to_owned()) }
    }
    (command, chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_its_framework() {
        for (framework, name, others) in NAMES {
            assert_eq!(Framework::named(name), Some(framework));
            assert!(others.iter().all(|other| Framework::named(&other.to_uppercase()) == Some(framework)));
            assert_eq!(framework.name(), name);
        }
        assert_eq!(Framework::named("tape"), None);
    }

    #[test]
    fn a_choice_of_tests_goes_where_the_program_takes_it() {
        let line = |framework: Framework, only| framework.command(only).0.join(" ");
        assert_eq!(line(Framework::Go, Some("Sum")), "go test -json -run Sum ./...");
        assert_eq!(line(Framework::Go, None), "go test -json ./...");
        assert_eq!(
            line(Framework::Gradle, Some("Sum")),
            "gradle cleanTest test --tests *Sum* --continue --console=plain"
        );
        assert_eq!(Framework::Mix.command(Some("x")), (vec!["mix".into(), "test".into()], false));
        let npm = Framework::Jest.started_by(&["npm", "test", "--", ONLY], Some("x")).0;
        assert_eq!(npm.join(" "), "npm test -- -t x");
    }
}
