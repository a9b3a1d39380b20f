//! Policy files: what each rule sees, what the presets say, and how a bad file is refused.

mod attacks;
mod merging;
mod presets;
mod refusals;
mod riders;
mod structured;

use super::*;
use crate::gate::shell;
use std::sync::LazyLock;

/// Where the tests' lines run, and the session's only root.
const FOLDER: &str = "/home/dev/project";

/// What `policy` says of a shell line.
pub(super) fn verdict(policy: &Policy, line: &str) -> RuleVerdict {
    let parsed = shell::parse_blocking(line);
    let subject = Subject {
        commands: &parsed.commands,
        problem: parsed.problem,
        cwd: FOLDER,
        roots: &[FOLDER.to_owned()],
        ..Subject::of_tool("Bash")
    };
    policy.evaluate(&subject)
}

/// What `policy` says of a file tool's call.
fn file_verdict(policy: &Policy, tool: &str, path: &str) -> RuleVerdict {
    let roots = [FOLDER.to_owned()];
    let targets = [Target::of_text(path, FOLDER, &roots)];
    policy.evaluate(&Subject { targets: &targets, cwd: FOLDER, roots: &roots, ..Subject::of_tool(tool) })
}

/// A preset, read once for all tests.
fn preset(name: &str) -> &'static Policy {
    static PRESETS: LazyLock<Vec<(&str, Policy)>> =
        LazyLock::new(|| Policy::preset_names().map(|name| (name, Policy::preset(name).unwrap_or_default())).collect());
    static EMPTY: LazyLock<Policy> = LazyLock::new(Policy::default);
    PRESETS.iter().find(|(known, _)| *known == name).map_or(&EMPTY, |(_, policy)| policy)
}

fn check(name: &str, line: &str, action: Action) {
    let said = verdict(preset(name), line);
    assert_eq!(said.action, action, "{name}: {line}: {said:?}");
}

fn load(text: &str) -> Result<Policy, PolicyError> {
    Policy::load([PolicySource { name: "test.yaml", text }])
}
