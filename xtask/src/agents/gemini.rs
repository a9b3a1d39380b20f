//! Gemini CLI: settled by files of its user's. It takes nothing from a project's settings that its user does not trust.

use super::{Agent, Folders, Part, Program};
use crate::model::{Call, Input};
use anyhow::Result;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;

pub const AGENT: Agent = Agent {
    name: "gemini",
    version: "0.61.0",
    parts: &[Part {
        name: "@google/gemini-cli",
        arch: None,
        integrity: "sha512-dbQ9A0qBtFJNi6XBkHvfZ6Azpn6PNgH/P8h2MZ67RLlX8hSAVjup39CRWqdRxZv7YXIuhrFaytr8y0jKnkoxnQ==",
    }],
    program: Program::Linked("gemini"),
    shell: ("run_shell_command", "command"),
    gate: (".gemini/settings.json", "BeforeTool"),
    asks_its_user: false,
    settle,
    trust: |_, _| Ok(()),
    environment: |model| {
        let set = |name, value: &str| (name, value.to_owned());
        vec![set("GOOGLE_GEMINI_BASE_URL", model), set("GEMINI_API_KEY", "none")]
    },
    other_shell: None,
    subagent: |prompt| {
        let input = json!({"agent_name": "generalist", "prompt": prompt});
        vec![Call { tool: "invoke_agent", input: Input::Known(input) }]
    },
    reads_again: false,
    gaps: &[],
    // A model that is named: it asks another one which to take where none is.
    arguments: &["--model", "gemini-2.5-flash", "--yolo", "--prompt", "do what the test says"],
};

fn settle(folders: &Folders, _model: &str) -> Result<()> {
    let settings = json!({
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": false},
        "telemetry": {"enabled": false},
        "general": {"enableAutoUpdate": false},
    });
    let trusted = BTreeMap::from([(folders.project.display().to_string(), "TRUST_FOLDER")]);
    let folder = folders.home.join(".gemini");
    fs::create_dir(&folder)?;
    fs::write(folder.join("settings.json"), settings.to_string())?;
    Ok(fs::write(folder.join("trustedFolders.json"), json!(trusted).to_string())?)
}
