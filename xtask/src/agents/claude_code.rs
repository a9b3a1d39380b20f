//! Claude Code: a program of its own, its model given by variables. A project's hooks run unasked in `--print`.

use super::{Agent, Folders, Gap, Part, Program};
use crate::model::{Call, Input};
use anyhow::Result;
use serde_json::json;
use std::fs;

pub const AGENT: Agent = Agent {
    name: "claude-code",
    version: "2.1.330",
    parts: &[
        Part {
            name: "@anthropic-ai/claude-code-linux-x64",
            arch: Some("x86_64"),
            integrity: "sha512-9Gn+V7DtJ8M1nztP9CeDVl9g3RtrepI7rOFTyPRRnZe8D6zebIHKmC7OvBauucuAP0X0k85SDN/LPVZyjsGezQ==",
        },
        Part {
            name: "@anthropic-ai/claude-code-linux-arm64",
            arch: Some("aarch64"),
            integrity: "sha512-V4yanAY5EA5UpwwRPtjSfqDbNqAlUJeVn3NYZw2AgmRHjdpSsLtHAzbxRXfkAnbjwTXzE0uedjQxUY02ARPcsA==",
        },
    ],
    program: Program::File("claude"),
    shell: ("Bash", "command"),
    gate: (".claude/settings.json", "PreToolUse"),
    asks_its_user: true,
    settle: |_, _| Ok(()),
    trust: |_, _| Ok(()),
    environment: |model| {
        let set = |name, value: &str| (name, value.to_owned());
        vec![
            set("ANTHROPIC_BASE_URL", model),
            set("ANTHROPIC_API_KEY", "none"),
            set("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
            set("DISABLE_AUTOUPDATER", "1"),
            // It does not skip its own questions for root elsewhere.
            set("IS_SANDBOX", "1"),
        ]
    },
    other_shell: Some(monitor),
    subagent: |prompt| {
        let input = json!({"description": "a step of a test", "prompt": prompt, "subagent_type": "general-purpose",
            "run_in_background": false});
        vec![Call { tool: "Agent", input: Input::Known(input) }]
    },
    reads_again: true,
    gaps: &[Gap {
        what: "what a skill runs to fill in its own text is not asked about",
        calls: launch_a_skill,
        closed_by: &["--settings", r#"{"disableSkillShellExecution":true}"#],
        closed: "with disableSkillShellExecution a skill runs nothing",
    }],
    arguments: &["--print", "--dangerously-skip-permissions", "do what the test says"],
};

/// A skill of the project whose text holds what this line says.
fn launch_a_skill(folders: &Folders, line: &'static str) -> Result<Vec<Call>> {
    let folder = folders.project.join(".claude/skills/says");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("SKILL.md"), format!("---\nname: says\ndescription: a test\n---\nIt says: !`{line}`\n"))?;
    Ok(vec![Call { tool: "Skill", input: Input::Known(json!({"skill": "says"})) }])
}

/// A line whose output it is told of as it comes. The tool is there once it was looked for.
fn monitor(line: &'static str) -> Vec<Call> {
    let search = json!({"query": "select:Monitor", "max_results": 1});
    let watch = json!({"command": line, "description": "a step of a test", "timeout_ms": 5_000});
    vec![Call { tool: "ToolSearch", input: Input::Known(search) }, Call { tool: "Monitor", input: Input::Known(watch) }]
}
