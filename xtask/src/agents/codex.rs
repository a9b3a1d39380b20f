//! Codex: settled by a file of its user's. It skips the hooks of a project that its user has not trusted, one by one
//! and by what they are; it says itself what that is.

use super::{Agent, Folders, Gap, Part, Program};
use crate::model::{Call, Input};
use crate::process::{Running, wait_for};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long it may take to say which hooks it sees.
const LIST: Duration = Duration::from_secs(60);
/// The id of the request that asks it.
const ASKED: u64 = 2;
/// The variable that its configuration takes the key from.
const KEY: &str = "MODEL_KEY";

pub const AGENT: Agent = Agent {
    name: "codex",
    version: "0.169.0",
    parts: &[
        Part {
            name: "@openai/codex",
            arch: None,
            integrity: "sha512-KhzYlkKPxoNssR8CEm45IjqnFWn7UtlF4CiD3tOJPea51xBs7MaHy0UQG9GSbCqk6Lrjn5QdJDV0QD1/FgWlGw==",
        },
        Part {
            name: "@openai/codex-linux-x64",
            arch: Some("x86_64"),
            integrity: "sha512-o05NyAOCDygSPRo1yinzxvkRSdmsZyBD9E7mbpmjRanSfM8lypqWtQgEo4XfNkwhuCR2aFu8mlGOsQGFXVbVww==",
        },
        Part {
            name: "@openai/codex-linux-arm64",
            arch: Some("aarch64"),
            integrity: "sha512-NZ/DaQUpcQmxmqee7Z9uC1rzw3GhSbooawcaTe1LN5Yk+WlinUKGdTXJgClRT/9ogQEEM9TWxYzvxPfj5G/xFg==",
        },
    ],
    program: Program::Linked("codex"),
    shell: ("exec_command", "cmd"),
    gate: (".codex/hooks.json", "PreToolUse"),
    asks_its_user: false,
    settle,
    trust,
    environment: |_| vec![(KEY, "none".to_owned())],
    other_shell: None,
    subagent: |prompt| {
        let wait = |told: &str, _: &str| {
            let agent = serde_json::from_str::<Value>(told).ok().and_then(|told| told.get("agent_id").cloned());
            json!({"targets": [agent], "timeout_ms": 60_000})
        };
        vec![
            Call { tool: "multi_agent_v1.spawn_agent", input: Input::Known(json!({"message": prompt})) },
            Call { tool: "multi_agent_v1.wait_agent", input: Input::After(wait, "") },
        ]
    },
    reads_again: false,
    gaps: &[Gap {
        what: "what is typed into a program that runs already is not asked about",
        calls: type_into_a_shell,
        closed_by: &["--config", "features.unified_exec_tty=false"],
        closed: "with features.unified_exec_tty = false nothing can be typed",
    }],
    arguments: &["exec", "--dangerously-bypass-approvals-and-sandbox", "do what the test says"],
};

/// A shell on a terminal, and a line for it.
fn type_into_a_shell(_: &Folders, line: &'static str) -> Result<Vec<Call>> {
    let shell = json!({"cmd": "sh", "tty": true, "yield_time_ms": 1_000});
    let typed = |told: &str, line: &str| {
        // It ends with the line, so that nothing has to be waited for; 0 is no session of its.
        let number = told.split("session ID ").nth(1).map_or("", |rest| rest.split_whitespace().next().unwrap_or(""));
        json!({"session_id": number.parse().unwrap_or(0_u64), "chars": format!("{line}; exit\n"), "yield_time_ms": 20_000})
    };
    Ok(vec![
        Call { tool: "exec_command", input: Input::Known(shell) },
        Call { tool: "write_stdin", input: Input::After(typed, line) },
    ])
}

fn settle(folders: &Folders, model: &str) -> Result<()> {
    let project = folders.project.display().to_string();
    let text = format!(
        "model = \"mock\"\nmodel_provider = \"mock\"\ncheck_for_update_on_startup = false\n\n\
         [analytics]\nenabled = false\n\n\
         [model_providers.mock]\nname = \"mock\"\nbase_url = \"{model}/v1\"\nwire_api = \"responses\"\nenv_key = \"{KEY}\"\n\n\
         [projects.{project:?}]\ntrust_level = \"trusted\"\n"
    );
    fs::create_dir(folders.home.join(".codex"))?;
    Ok(fs::write(folders.home.join(".codex/config.toml"), text)?)
}

/// Trusts the hooks that it sees in the project, as its user does in its own list of them.
fn trust(folders: &Folders, command: &dyn Fn() -> Command) -> Result<()> {
    let seen = hooks(folders, command).context("asking Codex for its hooks")?;
    ensure!(!seen.is_empty(), "Codex sees no hooks in {}", folders.project.display());
    let trusted = seen.iter().map(|(key, hash)| format!("\n[hooks.state.{key:?}]\ntrusted_hash = {hash:?}\n"));
    let mut config = fs::OpenOptions::new().append(true).open(folders.home.join(".codex/config.toml"))?;
    Ok(config.write_all(trusted.collect::<String>().as_bytes())?)
}

/// Every hook of the project, with what Codex calls it and the hash that it goes by.
fn hooks(folders: &Folders, command: &dyn Fn() -> Command) -> Result<Vec<(String, String)>> {
    let (out, log) = (folders.root.join("hooks.jsonl"), folders.root.join("hooks.log"));
    let mut command = command();
    command.arg("app-server").stdin(Stdio::piped());
    command.stdout(fs::File::create(&out)?).stderr(fs::File::create(&log)?);
    let mut server = Running::start_as_is("codex app-server", &mut command, &log)?;
    let asked = [
        json!({"id": 1, "method": "initialize", "params": {"clientInfo": {"name": "xtask", "version": "0"}}}),
        json!({"method": "initialized"}),
        json!({"id": ASKED, "method": "hooks/list", "params": {"cwds": [folders.project]}}),
    ];
    // Open until it has answered: it ends with its input.
    let mut input = server.input().context("no pipe to it")?;
    for line in asked {
        writeln!(input, "{line}")?;
    }
    let answer = wait_for("its list of hooks", LIST, || {
        let said = fs::read_to_string(&out)?;
        // The last line may be half there.
        let mut lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        Ok(lines.find(|line| line.get("id").and_then(Value::as_u64) == Some(ASKED)))
    })
    .with_context(|| server.last_words())?;
    let listed = answer.pointer("/result/data/0/hooks").and_then(Value::as_array);
    let listed = listed.with_context(|| format!("another answer: {answer}"))?.iter();
    let text = |hook: &Value, name: &str| hook.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(listed.filter_map(|hook| Some((text(hook, "key")?, text(hook, "currentHash")?))).collect())
}
